// Ways to a sparse network, with the same number of training steps: prune once, in rounds, or along a cubic ramp (Zhu and Gupta, "To prune,
// or not to prune", 2017), with compensation (WoodFisher, Singh and Alistarh, NeurIPS 2020), or be sparse from the start and move the
// connections (SET, Mocanu et al., 2018; RigL, Evci et al., ICML 2020). LeNet-300-100 on MNIST, 80 to 98% sparse.
//
//   ./bonsai run gradual_mnist              5,000 steps a training, 3 trials
//   ./bonsai run gradual_mnist --quick      a first look: 1,000 steps, 1 trial
//   ./bonsai run gradual_mnist --paper      50,000 steps, 5 trials
//
// Read `experiment` first; `run`, at the end, is the frame around it. The chapter is README.md, in this folder.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <sstream>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/sparsities.h"
#include "nn/init.h"
#include "prune/recovery/rewind.h"
#include "prune/schedules/dynamic/dynamic.h"
#include "prune/schedules/dynamic/erdos_renyi.h"
#include "prune/schedules/gradual_pruning.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t iterations, start, every, updates, rounds, woodfisher_updates, examples, dynamic_every, dynamic_end;
  std::int64_t batch, evaluate_every, checkpoint_every, validation;
  double lr, dynamic_fraction;
  std::string dataset, criterion, sparsities_text, arms_text;
  std::vector<double> sparsities;
  std::vector<std::string> arms;
  std::int64_t end() const { return start + every * updates; }  // of the ramp
  bool has(const std::string& arm) const { return std::find(arms.begin(), arms.end(), arm) != arms.end(); }
};
const std::vector<std::string> all_arms{"oneshot", "iterative", "gradual", "woodfisher", "static", "set", "rigl"};

void declare(Options& o, Settings& s) {
  o.text("--dataset", s.dataset, "mnist", "what to learn", {"mnist", "fashion-mnist"});
  o.text("--arms", s.arms_text, "oneshot,iterative,gradual,woodfisher,static,set,rigl", "the ways to compare");
  o.text("--sparsities", s.sparsities_text, "0.8,0.9,0.95,0.98", "where they lead");
  o.text("--criterion", s.criterion, "magnitude-global", "the score for oneshot, iterative and gradual");
  o.integer("--iterations", s.iterations, {1000, 5000, 50000}, "steps of every training", 1, 100'000'000);
  o.integer("--start", s.start, {200, 1000, 10000}, "t0: the step at which pruning begins", 0, 100'000'000);
  o.integer("--every", s.every, {100, 100, 500}, "dt: steps between two updates of gradual", 1, 100'000'000);
  o.integer("--updates", s.updates, {5, 20, 40}, "n: updates of gradual; all arms that prune are done at t0 + n dt", 1, 1'000'000);
  o.integer("--rounds", s.rounds, {3, 5, 10}, "of iterative, in the same steps", 1, 1'000'000);
  o.integer("--woodfisher-updates", s.woodfisher_updates, {3, 10, 10}, "of woodfisher, in the same steps", 1, 1'000'000);
  o.integer("--examples", s.examples, {20, 100, 100}, "that a score may look at, where it needs some", 1, 10000);
  o.integer("--dynamic-every", s.dynamic_every, 100, "steps between two moves of set and rigl", 1, 100'000'000);
  o.integer("--dynamic-end", s.dynamic_end, {750, 3750, 37500}, "the step from which set and rigl stand still", 0, 100'000'000);
  o.real("--dynamic-fraction", s.dynamic_fraction, 0.3, "of a layer's connections that move at first", 0, 1);
  o.integer("--batch", s.batch, 60, "examples a step", 1, 50000);
  o.real("--lr", s.lr, 1.2e-3, "Adam's learning rate", 1e-12, 1e3);
  o.integer("--evaluate-every", s.evaluate_every, {200, 250, 1000}, "steps", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, {1000, 2500, 5000}, "steps; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, 5000, "training examples kept for validation", 1, 30000);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream list(text);
  for (std::string word; std::getline(list, word, ',');) all.push_back(word);
  return all;
}

void check(Settings& s) {
  for (const std::string& arm : words(s.arms_text)) {
    require(std::find(all_arms.begin(), all_arms.end(), arm) != all_arms.end(), "--arms: \"{}\" is not one of oneshot, iterative, gradual, woodfisher, static, set, rigl", arm);
    require(!s.has(arm), "--arms: \"{}\" is named twice", arm);
    s.arms.push_back(arm);
  }
  require(!s.arms.empty(), "--arms: needs at least one of oneshot, iterative, gradual, woodfisher, static, set, rigl");
  std::sort(s.arms.begin(), s.arms.end(), [](auto& a, auto& b) { return std::ranges::find(all_arms, a) < std::ranges::find(all_arms, b); });
  for (const std::string& word : words(s.sparsities_text)) {
    double v = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), v);
    require(error == std::errc() && end == word.data() + word.size(), "--sparsities: \"{}\" is not a number", word);
    require(v > 0 && v < 1, "--sparsities: {} is not between 0 and 1{}", v, v > 1 && v < 100 ? fmt::format("; did you mean {}?", v / 100) : "");
    require(std::find(s.sparsities.begin(), s.sparsities.end(), v) == s.sparsities.end(), "--sparsities: {} is named twice", v);
    s.sparsities.push_back(v);
  }
  require(!s.sparsities.empty(), "--sparsities: needs at least one, for instance 0.9");
  std::sort(s.sparsities.begin(), s.sparsities.end());
  require(s.end() < s.iterations, "--start {} --every {} --updates {}: the last update is at step {}, and a training has {}", s.start, s.every, s.updates, s.end(),
          s.iterations);
  for (auto [option, n] : {std::pair{"--rounds", s.rounds}, {"--woodfisher-updates", s.woodfisher_updates}})
    require(n <= s.every * s.updates, "{} {}: there are only {} steps from the first update to the last", option, n, s.every * s.updates);
  require(prune::method(s.criterion).needs != prune::Needs::training, "--criterion {}: scores a whole training; take one that scores a network, such as magnitude-global",
          s.criterion);
  auto net = nn::lenet_300_100();
  std::vector<Shape> shapes;
  for (const nn::Parameter* p : prune::prunable(*net)) shapes.push_back(p->shape());
  for (const double v : s.sparsities) prune::erdos_renyi(shapes, v);  // refuses what would leave a layer without weights
}

// The arms that prune a dense network: method and ramp. All are done at the same step, so all train as long at the final sparsity.
struct Way {
  std::string arm, method;
  prune::Gradual ramp;
};
std::vector<Way> ways(const Settings& s, double sparsity) {
  const std::int64_t steps = s.every * s.updates, round = steps / s.rounds, update = steps / s.woodfisher_updates;
  const std::vector<Way> all{
      {"oneshot", s.criterion, {.initial = sparsity, .final = sparsity, .start = s.end(), .every = s.iterations, .times = 1}},
      {"iterative", s.criterion, {.final = sparsity, .start = s.end() - s.rounds * round, .every = round, .times = s.rounds, .ramp = prune::Ramp::exponential}},
      {"gradual", s.criterion, {.final = sparsity, .start = s.start, .every = s.every, .times = s.updates}},
      {"woodfisher", "woodfisher", {.final = sparsity, .start = s.end() - s.woodfisher_updates * update, .every = update, .times = s.woodfisher_updates}}};
  std::vector<Way> wanted;
  for (const Way& w : all)
    if (s.has(w.arm)) wanted.push_back(w);
  return wanted;
}

// What holds when step t begins.
double sparsity_before(const Settings& s, const std::string& arm, double sparsity, std::int64_t t) {
  for (const Way& w : ways(s, sparsity))
    if (w.arm == arm) return t < w.ramp.start ? 0 : w.ramp.sparsity(t - (t - w.ramp.start) % w.ramp.every);
  return sparsity;  // from the start
}

struct Data {
  datasets::Dataset train;
  Examples validation, test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  auto load_one = s.dataset == "mnist" ? datasets::load_mnist : datasets::load_fashion_mnist;
  auto [train, validation] = datasets::split(load_one(folder, true), s.validation, Random(o.seed).derive("split"));
  const datasets::Dataset test = load_one(folder, false);
  for (auto [option, n] : {std::pair{"--batch", s.batch}, {"--examples", s.examples}})
    require(n <= train.size(), "{} {}: there are only {} training examples", option, n, train.size());
  return {train, {datasets::as_floats(validation), validation.labels}, {datasets::as_floats(test), test.labels}};
}

// The trainings in the order of results.csv.
std::vector<TrainingId> plan(const Settings& s, std::int64_t trials) {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    ids.push_back({trial, "dense"});
    for (const std::string& arm : s.arms)
      for (std::size_t level = 1; level <= s.sparsities.size(); ++level) ids.push_back({trial, arm, 0, static_cast<std::int64_t>(level)});
  }
  return ids;
}

// Random masks for the weights of the network, with Erdős-Rényi densities; biases get none.
std::vector<Tensor> sparse_from_the_start(nn::Module& net, double sparsity, const Random& random) {
  const std::vector<nn::Parameter*> weights = prune::prunable(net);
  std::vector<Shape> shapes;
  for (const nn::Parameter* p : weights) shapes.push_back(p->shape());
  const std::vector<Tensor> masks = prune::random_masks(weights, prune::erdos_renyi(shapes, sparsity), random);
  std::vector<Tensor> all;
  for (const nn::Parameter* p : net.parameters()) {
    const auto at = std::find(weights.begin(), weights.end(), p);
    all.push_back(at == weights.end() ? Tensor() : masks[static_cast<std::size_t>(at - weights.begin())]);
  }
  return all;
}

void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const datasets::Dataset& train) {
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial) {
    const Random random = Random(o.seed).derive("trial").derive(trial);
    auto net = nn::lenet_300_100();
    nn::initialize(*net, {nn::Fan::glorot, nn::Distribution::normal}, random.derive("init"));
    // All arms of a trial start from the same weights and see the same batches, for the same number of steps.
    const Start dense{.values = prune::snapshot(net->parameters()), .batches = datasets::Batches(train, s.batch, random.derive("batches"))};
    auto train_later = [&](const std::string& arm, std::size_t level, Start start) {
      start.title = fmt::format("{}{}{}", o.trials > 1 ? fmt::format("trial {}, ", trial) : "", arm_in_words(arm), level == 0 ? "" : fmt::format(", {:g}% sparse", 100 * s.sparsities[level - 1]));
      jobs.later([&trainings, id = TrainingId{trial, arm, 0, static_cast<std::int64_t>(level)}, start] { trainings.run(id, start); });
    };
    train_later("dense", 0, dense);
    for (std::size_t level = 1; level <= s.sparsities.size(); ++level) {
      const double sparsity = s.sparsities[level - 1];
      for (const Way& way : ways(s, sparsity)) {                     // train, prune while training goes on, train to the end
        Start start = dense;
        start.during = [=, &train, examples = s.examples](nn::Module& net) {
          datasets::Batches batches(train, examples, random.derive("examples"));
          auto inputs = [&net, random, batches](std::int64_t t) mutable {
            const Batch b = batches(t);
            return prune::ScoreInputs{.parameters = prune::prunable(net), .random = random.derive("scores").derive(t), .net = &net, .inputs = b.inputs, .targets = b.labels};
          };
          return std::make_unique<prune::GradualPruning>(prune::method(way.method), way.ramp, inputs);
        };
        train_later(way.arm, level, start);
      }
      Start sparse = dense;                                          // a random network of that sparsity from the first step on,
      sparse.masks = sparse_from_the_start(*net, sparsity, random.derive("masks").derive(level));
      if (s.has("static")) train_later("static", level, sparse);
      for (const char* arm : {"set", "rigl"}) {                      // whose connections move: to random places, or where the gradient is largest
        const prune::Dynamic moves{s.dynamic_fraction, s.dynamic_every, s.dynamic_end, arm == std::string("set") ? prune::Growth::random : prune::Growth::gradient};
        sparse.during = [=](nn::Module& net) { return std::make_unique<prune::DynamicSparse>(net, prune::prunable(net), moves, dense.batches, random.derive(arm)); };
        if (s.has(arm)) train_later(arm, level, sparse);
      }
    }
  }
  // end
  // clang-format on
  jobs.wait();
}

// What the updates of one trial's scores take, measured on an untrained network with a few examples. Whatever refuses refuses here.
double scoring_seconds(const Settings& s, const datasets::Dataset& train) {
  double total = 0;
  for (const double sparsity : s.sparsities)
    for (const Way& way : ways(s, sparsity)) {
      static std::map<std::string, double> measured;  // of a dense network
      const prune::Method& m = prune::method(way.method);
      if (!measured.contains(way.method)) {
        auto net = nn::lenet_300_100();
        nn::initialize(*net, {}, Random(1));
        const std::int64_t few = std::min<std::int64_t>(4, s.examples);
        const Batch b = datasets::Batches(train, few, Random(2))(0);
        const auto began = std::chrono::steady_clock::now();
        m.score({.parameters = prune::prunable(*net), .random = Random(3), .net = net.get(), .inputs = b.inputs, .targets = b.labels});
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() * m.rounds;
        measured[way.method] = m.operate ? seconds * static_cast<double>(s.examples) / static_cast<double>(few) : seconds;
      }
      for (std::int64_t k = 0; k <= way.ramp.times; ++k)
        if (const std::int64_t t = way.ramp.start + k * way.ramp.every; t < s.iterations && way.ramp.sparsity(t) > 0)
          total += measured[way.method] * (1 - sparsity_before(s, way.arm, sparsity, t - 1));
    }
  return total;
}

void run(int argc, char** argv) {
  Options o("gradual_mnist",
            "Ways to a sparse LeNet-300-100 with the same number of training steps: pruned once, in rounds, along a cubic ramp (Zhu and Gupta, 2017),\n"
            "with WoodFisher's compensation (Singh and Alistarh, 2020), or sparse from the start: a fixed random network, SET (Mocanu et al., 2018),\n"
            "RigL (Evci et al., 2020).",
            {1, 3, 5});
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  const double scoring = static_cast<double>(o.trials) * scoring_seconds(s, data.train);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const Recipe recipe{.network = nn::lenet_300_100,
                      .optimizer = [](std::vector<nn::Parameter*> p) { return std::make_unique<nn::Adam>(std::move(p)); },
                      .rate = nn::constant(s.lr),
                      .iterations = s.iterations,
                      .evaluate_every = s.evaluate_every,
                      .checkpoint_every = s.checkpoint_every,
                      .validation = data.validation,
                      .test = data.test,
                      .sparse_threshold = o.sparse_threshold};
  const std::vector<TrainingId> ids = plan(s, o.trials);
  const auto count = static_cast<std::int64_t>(ids.size());
  const std::int64_t at_once = std::min({o.jobs, count, static_cast<std::int64_t>(hardware_threads())});
  const double training = seconds_for(recipe, datasets::Batches(data.train, s.batch, Random(0)), count, count * s.iterations);
  fmt::print("gradual_mnist: {} trainings of {} steps on {}, {} at a time: about {}, 1 MB in {}\n", count, s.iterations, s.dataset, at_once,
             duration((training + scoring) / static_cast<double>(at_once)), folder.path().string());
  std::fflush(stdout);
  {
    Progress progress("trainings", count, count * s.iterations);
    const Trainings trainings(recipe, folder, progress, ids);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data.train);
  }
  folder.add_time("all", seconds());

  Sparsities result{.arms = s.arms,
                    .sparsities = s.sparsities,
                    .iterations = s.iterations,
                    .dataset = s.dataset,
                    .command = "./bonsai run gradual_mnist" + o.command_line(),
                    .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : ""),
                    .sparsity_before = [&s](const std::string& arm, double sparsity, std::int64_t t) { return sparsity_before(s, arm, sparsity, t); }};
  result.read(folder, ids);
  result.show(folder);
  fmt::print("took {}. Next: ./bonsai run gradual_mnist --dataset {} --seed {}\n", duration(seconds()), s.dataset == "mnist" ? "fashion-mnist" : "mnist", o.seed + 1);
}

}  // namespace

int main(int argc, char** argv) {
  return program("gradual_mnist", [&] { run(argc, argv); });
}
