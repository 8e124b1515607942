// Pruning before training: one look at a random network, and most of its weights are taken away before it has learned anything. SNIP on
// MNIST, after Lee, Ajanthan and Torr, "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019, table 1, with
// GraSP (Wang et al., ICLR 2020), SynFlow (Tanaka et al., NeurIPS 2020), magnitude and random choice beside it, and the dense network.
//
//   ./bonsai run snip_mnist              12,500 iterations a training, at 90, 95, 98 and 99% sparsity
//   ./bonsai run snip_mnist --quick      a first look
//   ./bonsai run snip_mnist --paper      125,000 iterations, 20 trials
//   ./bonsai run snip_mnist --net lenet5     the convolutional rows: 3,000 iterations, at 98 and 99%
//
// Read `prune_all` and `train_all` first; `run`, at the end, is the frame around them. The chapter is README.md, in this folder.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/initial_pruning.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "nn/init.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t iterations, lr_every, batch, evaluate_every, checkpoint_every, validation;
  double lr, momentum, weight_decay;
  std::string net, dataset, weights, criterion_text, sparsities_text;
  std::vector<std::string> methods;
  std::vector<double> sparsities;
};

// LeNet-5's step takes twenty times LeNet-300-100's, so it does less by default.
void declare(Options& o, Settings& s, bool lenet5) {
  o.text("--net", s.net, "lenet_300_100", "the network; lenet5 has other defaults", {"lenet_300_100", "lenet5"});
  o.text("--dataset", s.dataset, "mnist", "what to learn", {"mnist", "fashion-mnist"});
  o.text("--criterion", s.criterion_text, lenet5 ? "snip,grasp,synflow,random" : "snip,grasp,synflow,magnitude,magnitude-global,random",
         "the methods to compare");
  o.text("--sparsities", s.sparsities_text, lenet5 ? "0.98,0.99" : "0.9,0.95,0.98,0.99", "fractions of the weights to prune");
  o.text("--weights", s.weights, "scored", "train the weights that were scored, or new ones under the same mask", {"scored", "new"});
  o.integer("--iterations", s.iterations, {lenet5 ? 150 : 400, lenet5 ? 3000 : 12500, 125000}, "of one training", 1, 100'000'000);
  o.integer("--lr-every", s.lr_every, {lenet5 ? 60 : 150, lenet5 ? 1200 : 5000, 25000}, "iterations, after each of which the learning rate falls to a tenth", 1, 100'000'000);
  o.integer("--batch", s.batch, 100, "examples a step, and to score by", 1, 50000);
  o.real("--lr", s.lr, 0.1, "SGD's learning rate", 1e-12, 1e3);
  o.real("--momentum", s.momentum, lenet5 ? 0 : 0.9, "SGD's momentum; with 0.9 at this rate LeNet-5 diverges, and the authors' code has 0", 0, 0.9999);
  o.real("--weight-decay", s.weight_decay, 5e-4, "of all parameters", 0, 1);
  o.integer("--evaluate-every", s.evaluate_every, {200, 500, 1000}, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, 5000, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, 6000, "training examples kept for validation", 1, 30000);
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) all.push_back(word);
  return all;
}

void check(Settings& s) {
  const std::vector<std::string> known{"snip", "grasp", "synflow", "magnitude", "magnitude-global", "magnitude-std", "taylor", "random"};
  for (const std::string& m : words(s.criterion_text)) {
    require(std::ranges::find(known, m) != known.end(), "--criterion: \"{}\" is not one of {}", m, fmt::join(known, ", "));
    require(std::ranges::find(s.methods, m) == s.methods.end(), "--criterion: \"{}\" is named twice", m);
    s.methods.push_back(m);
  }
  require(!s.methods.empty(), "--criterion: names no method; take some of {}", fmt::join(known, ", "));
  for (double v : numbers_in("--sparsities", s.sparsities_text)) {
    require(v > 0 && v < 1, "--sparsities: {} is not between 0 and 1{}", v, v > 1 && v < 100 ? fmt::format("; did you mean {}?", v / 100) : "");
    require(s.sparsities.empty() || v > s.sparsities.back(), "--sparsities: {} does not rise", s.sparsities_text);
    s.sparsities.push_back(v);
  }
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;
  Examples validation, test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  auto load_one = s.dataset == "mnist" ? datasets::load_mnist : datasets::load_fashion_mnist;
  const datasets::Dataset all = load_one(folder, true), test = load_one(folder, false);
  const datasets::Normalization n = datasets::normalization_of(all);
  auto [train, validation] = datasets::split(all, s.validation, Random(o.seed).derive("split"));
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  return {train, n, {datasets::as_floats(validation, n), validation.labels}, {datasets::as_floats(test, n), test.labels}};
}

std::unique_ptr<nn::Sequential> network(const Settings& s) { return nn::network(s.net); }

// Everything random in a trial follows from this.
Random stream(const Options& o, std::int64_t trial) { return Random(o.seed).derive("trial").derive(trial); }

// What a method scores by: GraSP ten examples of each class, the others one mini-batch (of which SynFlow sees the shape alone).
Batch examples_for(const std::string& method, const Settings& s, const Data& d, const Random& random) {
  if (method != "grasp") return datasets::Batches(d.train, s.batch, random.derive("score"), d.normalization)(0);
  const datasets::Dataset chosen = datasets::take(d.train, datasets::balanced(d.train, 10, random.derive("grasp")));
  return {datasets::as_floats(chosen, d.normalization), chosen.labels};
}

// The sparsities to train, of every trial; and of the first, for the figure of the layers, a ladder of others.
std::vector<Pruned> networks_to_prune(const Settings& s, std::int64_t trials) {
  std::map<double, std::int64_t> levels;
  for (double sparsity : {0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999}) levels[sparsity] = 0;
  for (std::size_t i = 0; i < s.sparsities.size(); ++i) levels[s.sparsities[i]] = static_cast<std::int64_t>(i) + 1;
  std::vector<Pruned> all;
  for (std::int64_t trial = 0; trial < trials; ++trial)
    for (const std::string& method : s.methods)
      for (auto [sparsity, level] : levels)
        if (trial == 0 || level > 0) all.push_back({trial, method, sparsity, level});
  return all;
}

// What each layer kept, and how much of it lies on a path from an input to an output: that is where SynFlow's score is above 0.
std::vector<Pruned::Layer> count_layers(const prune::ScoreInputs& in) {
  const std::vector<Tensor> flow = prune::method("synflow").score(in);
  std::vector<Pruned::Layer> layers;
  for (std::size_t i = 0; i < flow.size(); ++i) {
    nn::Parameter& p = *in.parameters[i];
    layers.push_back({p.name(), p.numel(), p.kept(), 0});
    for (double f : flow[i].data<double>()) layers.back().alive += f > 0;
  }
  return layers;
}

// clang-format off
// the experiment
std::unique_ptr<nn::Sequential> initialised(const Settings& s, const Random& random) {
  auto net = network(s);
  nn::initialize(*net, {nn::Fan::lecun, nn::Distribution::truncated_normal}, random);
  return net;
}

void prune_all(Jobs& jobs, const Settings& s, const Options& o, const Data& data, std::vector<Pruned>& all) {
  for (Pruned& p : all)
    jobs.later([&] {
      const Random random = stream(o, p.trial);
      auto net = initialised(s, random.derive("init"));                       // 1. draw the weights w
      const Batch batch = examples_for(p.method, s, data, random);            // 2. sample one mini-batch
      const prune::ScoreInputs in{.parameters = prune::prunable(*net), .random = random.derive("scores"), .net = net.get(),
                                  .inputs = batch.inputs, .targets = batch.labels};
      try {
        prune::prune_to(prune::method(p.method), in, p.sparsity);             // 3. score every connection, keep the top κ: a mask c
        p.layers = count_layers(in);
      } catch (const prune::EmptyLayer& e) { p.emptied = e.layer(); }         //    (or nothing of some layer: a result too)
      for (nn::Parameter* q : net->parameters()) p.masks.push_back(q->mask());
    });
  jobs.wait();
}

void train_all(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const Data& data, const std::vector<Pruned>& all) {
  auto train_later = [&](const TrainingId& id, const std::vector<Tensor>& masks, const char* weights) {
    jobs.later([&, id, masks, weights] {                                      // 4. train c ⊙ w in the usual way
      const Random random = stream(o, id.trial);
      trainings.run(id, {.values = prune::snapshot(initialised(s, random.derive(weights))->parameters()), .masks = masks,
                         .batches = datasets::Batches(data.train, s.batch, random.derive("batches").derive(id.str()), data.normalization)});
    });
  };
  for (std::int64_t trial = 0; trial < o.trials; ++trial) train_later({trial, "dense", 0, 0}, {}, "init");
  for (const Pruned& p : all)
    if (p.level > 0 && p.emptied.empty()) train_later(p.id(), p.masks, s.weights == "scored" ? "init" : "new weights");
  jobs.wait();
}
// end
// clang-format on

Recipe recipe_of(const Settings& s, const Options& o, const Data& data) {
  return {.network = [&s] { return network(s); },
          .optimizer =
              [&s](std::vector<nn::Parameter*> p) {
                return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = s.momentum, .weight_decay = s.weight_decay});
              },
          .rate = [&s](std::int64_t i) { return s.lr * std::pow(0.1, static_cast<double>(i / s.lr_every)); },
          .iterations = s.iterations,
          .evaluate_every = s.evaluate_every,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the run will cost, before it starts.
void announce(std::int64_t count, const Settings& s, const Options& o, const Recipe& recipe, const Data& data, const RunFolder& folder) {
  const datasets::Batches batches(data.train, s.batch, Random(0), data.normalization);
  std::vector<double> densities{1};
  for (const double sparsity : s.sparsities) densities.push_back(1 - sparsity);
  const double seconds = seconds_for(recipe, batches, count, count * s.iterations, densities);
  const std::int64_t at_once = std::min({o.jobs, count, static_cast<std::int64_t>(hardware_threads())});
  fmt::print("snip_mnist: {} training{} of {} iterations on {}, {} at a time: about {}, 2 MB in {}\n", count,
             count == 1 ? "" : "s", s.iterations, s.dataset, at_once, duration(seconds / static_cast<double>(at_once)), folder.path().string());
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("snip_mnist",
            "Pruning before training, after SNIP (Lee et al., ICLR 2019), GraSP (Wang et al., ICLR 2020) and SynFlow (Tanaka et al.,\n"
            "NeurIPS 2020): LeNet-300-100 or LeNet-5 loses most of its weights before it has learned anything, and is then trained with SGD.",
            {1, 1, 20});
  Settings s;
  declare(o, s, given(argc, argv, "--net", "") == "lenet5");
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  InitialPruning report{.net = s.net,
                        .dataset = s.dataset,
                        .methods = s.methods,
                        .sparsities = s.sparsities,
                        .trials = o.trials,
                        .paper = {},
                        .command = "./bonsai run snip_mnist" + o.command_line(),
                        .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : ""),
                        .pruned = networks_to_prune(s, o.trials)};
  if (s.dataset == "mnist" && s.net == "lenet5") report.paper = {{"dense", {{0, 0.9}}}, {"snip", {{0.98, 0.8}, {0.99, 1.1}}}};  // table 1
  else if (s.dataset == "mnist") report.paper = {{"dense", {{0, 1.7}}}, {"snip", {{0.95, 1.6}, {0.98, 2.4}}}};
  {
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    prune_all(jobs, s, o, data, report.pruned);
  }
  folder.add_time("pruning", seconds());

  const Recipe recipe = recipe_of(s, o, data);
  const std::vector<TrainingId> ids = report.plan();
  const auto count = static_cast<std::int64_t>(ids.size());
  announce(count, s, o, recipe, data, folder);
  {
    Progress progress("trainings", count, count * s.iterations);
    const Trainings trainings(recipe, folder, progress, ids);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    train_all(jobs, trainings, s, o, data, report.pruned);
  }
  folder.add_time("all", seconds());
  report.read(folder);
  show(report, folder);
  fmt::print("took {}. Next: ./bonsai run snip_mnist{} --weights {}\n", duration(seconds()), s.net == "lenet5" ? " --net lenet5" : "",
             s.weights == "scored" ? "new" : "scored");
}

}  // namespace

int main(int argc, char** argv) {
  return program("snip_mnist", [&] { run(argc, argv); });
}
