// Deep Compression: prune, share values, code. LeNet-300-100 and LeNet-5 on MNIST, to 2 or 3% of their bytes and less, as accurate as before. After Han, Mao and
// Dally, "Deep compression: compressing deep neural networks with pruning, trained quantization and Huffman coding", ICLR 2016, tables 1 to 3.
//
//   ./bonsai run deep_compression              both trained networks, the paper's densities and bits, and ours, which are fewer
//   ./bonsai run deep_compression --quick      a first look
//   ./bonsai run deep_compression --paper      longer retraining
//
//   ./bonsai run predict runs/latest/compressed/lenet5-ours.bdc           a compressed network predicts
//
// Read `experiment`; the steps themselves are in prune/compress. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/files.h"
#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/compression.h"
#include "experiments/common/compression_steps.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/trained.h"
#include "experiments/common/trainings.h"
#include "nn/optimizers.h"
#include "prune/compress/sharing.h"
#include "prune/recovery/distill.h"
#include "prune/recovery/rewind.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t levels, paper_levels, iterations, iterations5, share_iterations, share_iterations5, batch, checkpoint_every, validation, test;
  double first, lr, share_lr, l2, distill, temperature, points, loss_share;
  std::string nets_text, densities, densities5, bits_text, dense_bits_text, centroids;
  std::vector<CompressionPlan> plans;
  std::vector<std::int64_t> bits, dense_bits;  // of a weight, in ours and in what is not pruned
};

void declare(Options& o, Settings& s) {
  o.text("--nets", s.nets_text, "lenet_300_100,lenet5", "the networks of datasets/trained to compress");
  o.integer("--levels", s.levels, {2, 8, 12}, "ours: rounds of pruning and retraining; values are shared after the later half of them", 1, 100);
  o.integer("--paper-levels", s.paper_levels, {1, 2, 5}, "the paper's densities: rounds", 1, 100);
  o.real("--first", s.first, 0.4, "after the first round a layer keeps its density to this power, after the last to the power of 1", 1e-3, 1);
  o.integer("--iterations", s.iterations, {200, 8000, 30'000}, "of retraining after each round, LeNet-300-100", 1, 100'000'000);
  o.integer("--iterations-lenet5", s.iterations5, {10, 2000, 10'000}, "the same of LeNet-5", 1, 100'000'000);
  o.integer("--share-iterations", s.share_iterations, {50, 1500, 5000}, "of fine-tuning the centroids, LeNet-300-100", 1, 100'000'000);
  o.integer("--share-iterations-lenet5", s.share_iterations5, {5, 200, 1000}, "the same of LeNet-5", 1, 100'000'000);
  o.text("--densities", s.densities, "0.025,0.05,0.1", "ours: what fc1, fc2 and fc3 of LeNet-300-100 keep in the end");
  o.text("--densities-lenet5", s.densities5, "0.4,0.08,0.02,0.12", "the same of conv1, conv2, fc1 and fc2 of LeNet-5");
  o.text("--bits", s.bits_text, "3,4", "ours: of a weight, 1 to 8; each is tried");
  o.text("--dense-bits", s.dense_bits_text, "2,3,4", "of a weight of the networks that are shared, but not pruned");
  o.text("--centroids", s.centroids, "linear", "where k-means begins", {"linear", "density", "random", "optimal"});
  o.integer("--batch", s.batch, 60, "examples a step", 1, 50000);
  o.real("--lr", s.lr, 1e-3, "Adam's learning rate in retraining; it falls to 0 along a cosine", 1e-12, 1e3);
  o.real("--share-lr", s.share_lr, 3e-4, "the same of the centroids", 1e-12, 1e3);
  o.real("--l2", s.l2, 1e-5, "weight decay in retraining", 0, 1);
  o.real("--distill", s.distill, 0.7, "ours: share of the loss that the dense network's answers have", 0, 1);
  o.real("--temperature", s.temperature, 2.0, "of distillation", 1e-3, 1e3);
  o.real("--points", s.points, 0.1, "a file is good when validation's error is at most so many points above the dense network's ...", 0, 100);
  o.real("--loss", s.loss_share, 0.1, "... and its loss at most this share above; the smallest good one is chosen", 0, 100);
  o.integer("--checkpoint-every", s.checkpoint_every, {100, 500, 1000}, "steps; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {500, 5000, 5000}, "of the 5,000 images that the networks were not trained on, so many choose", 1, 5000);
  o.integer("--test", s.test, {500, 10000, 10000}, "of the 10,000 test images, measure on so many", 1, 10000);
}

std::vector<std::int64_t> bits_in(const std::string& option, const std::string& list) {
  std::vector<std::int64_t> all;
  for (const double b : numbers_in(option, list)) {
    require(b >= 1 && b <= 8 && b == std::floor(b) && std::ranges::find(all, static_cast<std::int64_t>(b)) == all.end(), "{}: {} bits; give whole numbers from 1 to 8, each once", option, b);
    all.push_back(static_cast<std::int64_t>(b));
  }
  return all;
}

void check(Settings& s, const Options& o) {
  require(o.trials == 1, "--trials {}: the networks are given; another --seed sees other batches", o.trials);
  s.bits = bits_in("--bits", s.bits_text), s.dense_bits = bits_in("--dense-bits", s.dense_bits_text);
  for (const std::string& net : words_in("--nets", s.nets_text, {"lenet_300_100", "lenet5"})) {
    const bool five = net == "lenet5";
    const std::string option = five ? "--densities-lenet5" : "--densities";
    CompressionPlan p{net, five ? std::vector{0.66, 0.12, 0.08, 0.19} : std::vector{0.08, 0.09, 0.26}, numbers_in(option, five ? s.densities5 : s.densities),
                      five ? std::vector{8, 8, 5, 5} : std::vector{6, 6, 6}, five ? s.iterations5 : s.iterations, five ? s.share_iterations5 : s.share_iterations};
    require(p.densities.size() == p.paper_densities.size(), "{}: {} densities for the {} weights of {}", option, p.densities.size(), p.paper_densities.size(), net);
    for (const double d : p.densities)
      require(d > 0 && d <= 1, "{}: {} is not above 0 and at most 1{}", option, d, d > 1 && d <= 100 ? fmt::format("; did you mean {}?", d / 100) : "");
    s.plans.push_back(p);
  }
}

struct Data {
  datasets::Dataset train;
  Examples validation, test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  // The split of train_reference, whatever --seed says: those 5,000 images the trained networks have not seen.
  auto [train, validation] = datasets::split(load_pictures("mnist", folder, true), 5000, Random(1).derive("split"));
  const datasets::Dataset test = load_pictures("mnist", folder, false);
  auto first = [](const datasets::Dataset& d, std::int64_t n) { return Examples{slice(datasets::as_floats(d), 0, 0, n), slice(d.labels, 0, 0, n)}; };
  return {train, first(validation, s.validation), first(test, s.test)};
}

struct Arm {
  std::string name;
  std::vector<double> densities;
  std::int64_t levels;
  bool ours;
  bool shares(std::int64_t level) const { return ours ? 2 * level > levels : level == levels; }
  double power(double first, std::int64_t level) const {  // of the densities: from the first to 1
    return levels == 1 ? 1 : first + (1 - first) * static_cast<double>(level - 1) / static_cast<double>(levels - 1);
  }
};
std::vector<Arm> arms(const Settings& s, const CompressionPlan& p) { return {{"paper", p.paper_densities, s.paper_levels, false}, {"ours", p.densities, s.levels, true}}; }

// All trainings of a network, those that prune and those that share, in the order of results.csv.
std::pair<std::vector<TrainingId>, std::vector<TrainingId>> plan(const Settings& s, const CompressionPlan& p) {
  std::vector<TrainingId> prunings, sharings;
  for (const Arm& a : arms(s, p))
    for (std::int64_t level = 1; level <= a.levels; ++level) {
      prunings.push_back({0, p.net + "-" + a.name + "-pruned", 0, level});
      if (a.ours && a.shares(level))
        for (const std::int64_t b : s.bits) sharings.push_back({0, p.net + "-ours-shared", b, level});
    }
  sharings.push_back({0, p.net + "-paper-shared", 0, s.paper_levels});
  for (const std::int64_t b : s.dense_bits) sharings.push_back({0, p.net + "-dense-shared", b, 0});
  return {prunings, sharings};
}

// One network's frame: how its trainings start, and the two kinds of them.
struct Bench {
  const CompressionPlan& plan;
  const Settings& s;
  const Data& data;
  const RunFolder& folder;
  CompressionRuns& runs;
  const Trainings &prunings, &sharings;
  Weights dense;
  datasets::Batches batches;
  Random random;

  Start start(const Weights& w, bool taught, const std::string& title) const {
    Start start{.values = w.values, .masks = w.masks, .batches = batches, .keep_final = true, .about = metadata({w.net, "mnist", {}, {}}), .title = in_words(w.net) + ", " + title};
    if (taught && s.distill > 0)
      start.loss = [this, teacher = std::make_shared<std::unique_ptr<nn::Sequential>>()](const Tensor& outputs, const Batch& b) {
        if (!*teacher) *teacher = dense.network();
        Tensor answers;
        {
          NoGrad off;
          answers = (**teacher)(b.inputs);
        }
        return prune::distillation_loss(outputs, answers, b.labels, s.distill, s.temperature);
      };
    return start;
  }
  // Shares the values of w, trains the centroids, writes the file.
  void share(const Weights& w, const std::string& arm, std::int64_t level, std::int64_t b) const {
    const bool theirs = arm == "paper";
    const std::vector<int> bits = theirs ? plan.paper_bits : std::vector<int>(plan.densities.size(), static_cast<int>(b));
    Start tuning = start(w, !theirs, theirs ? "the paper's bits" : fmt::format("{}, {} bits", arm == "dense" ? "all weights" : fmt::format("level {}", level), b));
    tuning.during = [=, this](nn::Module& net) { return std::make_unique<prune::SharedWeights>(sharing(net, bits, !theirs, prune::centroids(s.centroids)), random); };
    const Training t = sharings.run({0, plan.net + "-" + arm + "-shared", b, level}, tuning);
    const std::string file = fmt::format("compressed/{}-{}{}.bdc", plan.net, arm, theirs ? "" : level == 0 ? fmt::format("-{}bits", b) : fmt::format("-level{:02}-{}bits", level, b));
    runs.add(plan.net, code(result_of(plan.net, t), bits, !theirs, theirs ? 5 : -1, data.validation, data.test, folder, {.arm = arm, .level = level, .bits = b, .file = file}));
  }
};

void experiment(Jobs& jobs, const Bench& bench, const Settings& s) {
  // clang-format off
  // the experiment
  for (const Arm& arm : arms(s, bench.plan))
    jobs.chain([&jobs, &bench, &s, arm] {
      Weights w = bench.dense;                                                                     // 1. a trained network
      for (std::int64_t level = 1; level <= arm.levels; ++level) {
        w = prune_by_magnitude(w, arm.densities, arm.power(s.first, level));                       // 2. its smallest weights go,
        const Start retraining = bench.start(w, arm.ours, fmt::format("{}, level {}", arm.ours ? "ours" : "the paper's densities", level));
        Training t;
        jobs.run([&] { t = bench.prunings.run({0, bench.plan.net + "-" + arm.name + "-pruned", 0, level}, retraining); });      //    the rest is trained on; and again
        w = result_of(bench.plan.net, t);
        if (arm.ours) bench.runs.add(bench.plan.net, pruned_only(w, t, level));
        if (arm.shares(level))                                                                     // 3. weights share values, by k-means; the values are trained
          for (const std::int64_t bits : arm.ours ? s.bits : std::vector<std::int64_t>{0})          // 4. steps and values in Huffman codes: a file
            jobs.later([&bench, arm, w, level, bits] { bench.share(w, arm.name, level, bits); });
      }
    });
  for (const std::int64_t bits : s.dense_bits) jobs.later([&bench, bits] { bench.share(bench.dense, "dense", 0, bits); });      // (to compare: 3 and 4 without 2)
  // end
  // clang-format on
}

Recipe recipe_of(const CompressionPlan& p, const Settings& s, const Options& o, const Data& data, bool prunes) {
  const std::int64_t iterations = prunes ? p.iterations : p.share_iterations;
  return {.network = [net = p.net] { return nn::network(net); },
          .optimizer = [l2 = prunes ? s.l2 : 0](std::vector<nn::Parameter*> q) { return std::make_unique<nn::Adam>(std::move(q), nn::AdamOptions{.weight_decay = l2}); },
          .rate = nn::cosine(prunes ? s.lr : s.share_lr, iterations),
          .iterations = iterations,
          .evaluate_every = iterations,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

void run(int argc, char** argv) {
  Options o("deep_compression",
            "Deep Compression (Han, Mao and Dally, ICLR 2016) of LeNet-300-100 and LeNet-5 on MNIST: weights are pruned, share values, and are written in Huffman\n"
            "codes. At the paper's densities and bits beside its tables, and at ours, chosen by validation.",
            1);
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s, o);
  RunFolder folder(o, "mnist");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  require(s.batch <= data.train.size(), "--batch {}: there are only {} training examples", s.batch, data.train.size());
  CompressionRuns runs{.plans = s.plans, .points = s.points, .loss_share = s.loss_share, .command = "./bonsai run deep_compression" + o.command_line(), .seeds = fmt::format("seed {}", o.seed)};
  std::vector<Weights> dense;
  for (const CompressionPlan& p : s.plans) {
    const auto net = trained(p.net).net;
    dense.push_back({p.net, prune::snapshot(net->parameters())});
    auto& n = runs.nets[p.net];
    n.validation = nn::evaluate(*net, data.validation.inputs, data.validation.labels), n.test = nn::evaluate(*net, data.test.inputs, data.test.labels);
    for (const Tensor& v : dense.back().values) n.dense_bytes += v.size_in_bytes();
  }
  folder.begin();
  create_folders(folder.file("compressed"));

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  std::int64_t count = 0, steps = 0;
  double cost = 0;
  for (const CompressionPlan& p : s.plans) {
    const auto [prunings, sharings] = plan(s, p);
    const auto np = std::ssize(prunings), ns = std::ssize(sharings);
    count += np + ns, steps += np * p.iterations + ns * p.share_iterations;
    const datasets::Batches batches(data.train, s.batch, Random(0));
    cost += seconds_for(recipe_of(p, s, o, data, true), batches, np, np * p.iterations, {0.5, 0.1, 0.05}) + seconds_for(recipe_of(p, s, o, data, false), batches, ns, ns * p.share_iterations);
  }
  cost *= s.distill > 0 ? 1.4 : 1;  // the teacher's answers
  fmt::print("deep_compression: {} trainings, {} at a time: about {}, 90 MB in {}\n", count, std::min(o.jobs, count),
             duration(cost / static_cast<double>(std::min<std::int64_t>(o.jobs, hardware_threads()))), folder.path().string());
  std::fflush(stdout);
  {
    Progress progress("trainings", count, steps);
    std::vector<TrainingId> before;
    std::vector<std::unique_ptr<Recipe>> recipes;
    std::vector<std::unique_ptr<Trainings>> trainings;
    std::vector<std::unique_ptr<Bench>> benches;
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    for (std::size_t i = 0; i < s.plans.size(); ++i) {
      const CompressionPlan& p = s.plans[i];
      const auto [prunings, sharings] = plan(s, p);
      for (const bool prunes : {true, false}) {
        recipes.push_back(std::make_unique<Recipe>(recipe_of(p, s, o, data, prunes)));
        trainings.push_back(std::make_unique<Trainings>(*recipes.back(), folder, progress, prunes ? prunings : sharings, before));
        before.insert(before.end(), (prunes ? prunings : sharings).begin(), (prunes ? prunings : sharings).end());
      }
      const Random random = Random(o.seed).derive(p.net);
      benches.push_back(std::make_unique<Bench>(Bench{p, s, data, folder, runs, *trainings[2 * i], *trainings[2 * i + 1], dense[i],
                                                      datasets::Batches(data.train, s.batch, random.derive("batches")), random.derive("centroids")}));
    }
    for (const auto& bench : benches) experiment(jobs, *bench, s);
    jobs.wait();
  }
  folder.add_time("all", seconds());
  runs.sort();
  for (const CompressionPlan& p : s.plans) {
    runs.nets[p.net].centroids = centroids_of(p, s.paper_levels, prune::centroids(s.centroids), Random(o.seed).derive(p.net).derive("centroids"), folder);
    write_whole(folder.file("compressed/" + p.net + "-ours.bdc"), read_whole(folder.file(runs.chosen(p.net).coded->file)));
  }
  runs.show(folder);
  fmt::print("took {}. Next: ./bonsai run predict {}\n", duration(seconds()), folder.file("compressed/" + s.plans.back().net + "-ours.bdc").string());
}

}  // namespace

int main(int argc, char** argv) {
  return program("deep_compression", [&] { run(argc, argv); });
}
