// Sensitivity: how much of each layer can go before the network notices? Train once, then prune one layer at a time, without retraining,
// and look at the test accuracy. Han et al., "Learning both weights and connections for efficient neural networks", NIPS 2015, set each
// layer's threshold by such curves; Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, leave sensitive layers alone.
//
//   ./bonsai run sensitivity                        3,000 iterations, then 23 sparsities of each layer; seconds
//   ./bonsai run sensitivity --quick                a first look
//   ./bonsai run sensitivity --criterion taylor     another score; it may look at --examples of the training set
//   ./bonsai run sensitivity --from trained         the network of datasets/trained, in place of one trained here
//
// Read `experiment` first; `run`, at the end, is the frame around it. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/parts.h"
#include "experiments/common/program.h"
#include "experiments/common/progress.h"
#include "experiments/common/report.h"
#include "experiments/common/sensitivity_report.h"
#include "experiments/common/trained.h"
#include "nn/forms.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t iterations, batch, examples;
  double lr, sparsity;
  std::string dataset, from, criterion, sparsities_text;
  std::vector<double> sparsities;
  std::vector<Tensor> given = {};  // the weights to begin with, from datasets/trained; empty: train
};

void declare(Options& o, Settings& s) {
  o.text("--dataset", s.dataset, "mnist", "what to learn", {"mnist", "fashion-mnist"});
  o.text("--from", s.from, "scratch", "train the network, or take the one that is trained already", {"scratch", "trained"});
  o.integer("--iterations", s.iterations, {500, 3000, 10000}, "of the training", 1, 100'000'000);
  o.integer("--batch", s.batch, 60, "examples a step", 1, 60000);
  o.real("--lr", s.lr, 1.2e-3, "Adam's learning rate", 1e-12, 1e3);
  o.text("--criterion", s.criterion, "magnitude", "the score that decides what is pruned");
  o.integer("--examples", s.examples, {200, 1000, 1000}, "of the training set, for a criterion that asks for some", 1, 60000);
  o.text("--sparsities", s.sparsities_text, default_sparsities, "fractions of a layer's weights to prune, rising from 0");
  o.real("--sparsity", s.sparsity, 0.9, "the fraction that the histograms and the last table prune", 0, 0.9999);
}

void check(Settings& s) {
  s.sparsities = numbers_in("--sparsities", s.sparsities_text);
  require(s.sparsities.size() <= 1000, "--sparsities: {} of them; at most 1000", s.sparsities.size());
  require(s.sparsities[0] == 0, "--sparsities: begins with {}; begin with 0, the dense network that the others are compared with",
          s.sparsities[0]);
  for (std::size_t i = 0; i < s.sparsities.size(); ++i) {
    const double v = s.sparsities[i];
    const std::string hint = v > 1 && v < 100 ? fmt::format("; did you mean {}?", v / 100) : "";
    require(0 <= v && v < 1, "--sparsities: {} is not at least 0 and below 1{}", v, hint);
    require(i == 0 || v > s.sparsities[i - 1], "--sparsities: {} comes after {}; let them rise", v, s.sparsities[i - 1]);
  }
  const prune::Method& m = prune::method(s.criterion);
  require(m.needs != prune::Needs::training,
          "--criterion {}: scores by its training, and here the network is trained once, before anything is scored", s.criterion);
  if (s.from == "trained") {
    const TrainedNetwork t = trained("lenet_300_100");
    require(t.about.dataset == s.dataset, "--from trained: the network in datasets/trained has learned {}, not {}; leave the option out", t.about.dataset,
            s.dataset);
    s.given = prune::snapshot(t.net->parameters());
  }
  // A criterion that this network is too large for refuses now, not after the training.
  auto net = nn::lenet_300_100();
  m.score({.parameters = prune::prunable(*net),
           .random = Random(0),
           .net = net.get(),
           .inputs = zeros({1, 1, 28, 28}),
           .targets = zeros({1}, DType::i64)});
}

struct Data {
  datasets::Dataset train;
  Tensor inputs, labels;  // to test on
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset train = load_pictures(s.dataset, folder, true), test = load_pictures(s.dataset, folder, false);
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  require(s.examples <= train.size(), "--examples {}: there are only {} training examples", s.examples, train.size());
  return {train, datasets::as_floats(test), test.labels};
}

std::string layer_of(const nn::Parameter& p) { return p.name().substr(0, p.name().rfind('.')); }  // "fc1.weight" is fc1's

// The trained network of each trial, as values of its parameters: trained when it is first asked for, and once, whoever asks; or given.
class Trained {
 public:
  Trained(const Settings& s, const Options& o, const Data& data)
      : s_(s), random_(Random(o.seed).derive("trial")), data_(data), trials_(o.trials) {}

  std::unique_ptr<nn::Sequential> network(std::int64_t trial) {
    Trial& t = trials_[trial];
    std::call_once(t.once, [&] { t.values = s_.given.empty() ? train(trial) : s_.given; });
    auto net = nn::lenet_300_100();
    prune::rewind(net->parameters(), t.values);
    return net;
  }

  // Prunes these weights of the network to a sparsity, as the criterion does it, with examples that are the trial's own.
  void prune(nn::Module& net, const std::vector<nn::Parameter*>& weights, double sparsity, std::int64_t trial,
             const prune::Method& method) const {
    const Batch batch =
        method.needs == prune::Needs::weights ? Batch{} : datasets::Batches(data_.train, s_.examples, stream(trial, "examples"))(0);
    prune::prune_to(
        method, {.parameters = weights, .random = stream(trial, "scores"), .net = &net, .inputs = batch.inputs, .targets = batch.labels},
        sparsity);
  }

 private:
  Random stream(std::int64_t trial, const char* purpose) const { return random_.derive(trial).derive(purpose); }

  std::vector<Tensor> train(std::int64_t trial) const {
    auto net = nn::lenet_300_100();
    nn::initialize(*net, {nn::Fan::glorot, nn::Distribution::normal}, stream(trial, "init"));
    nn::Adam adam(net->parameters());
    nn::train(*net, adam, datasets::Batches(data_.train, s_.batch, stream(trial, "batches")),
              {.iterations = s_.iterations, .rate = nn::constant(s_.lr)});
    return prune::snapshot(net->parameters());
  }

  struct Trial {
    std::once_flag once;
    std::vector<Tensor> values;
  };
  const Settings& s_;
  const Random random_;
  const Data& data_;
  std::vector<Trial> trials_;
};

// One piece of the experiment for each layer, and one for all layers together.
std::vector<Part> experiment(Trained& trained, const Settings& s, const Options& o, const Data& data) {
  const prune::Method& method = prune::method(s.criterion);
  std::vector<Part> parts;
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    for (const std::string& layer : layers)
      parts.push_back({part_id(trial, layer), [&, trial, layer] {
        std::string rows;
        for (double sparsity : s.sparsities) {
          auto net = trained.network(trial);                                        // 1. train, once for all
          std::vector<nn::Parameter*> weights = prune::prunable(*net);
          if (layer != all_layers) std::erase_if(weights, [&](nn::Parameter* p) { return layer_of(*p) != layer; });
          trained.prune(*net, weights, sparsity, trial, method);                    // 2. prune this layer and no other
          std::int64_t kept = 0;
          for (const nn::Parameter* p : weights) kept += p->kept();
          nn::choose_forms(*net, o.sparse_threshold);
          const nn::Measure m = nn::evaluate(*net, data.inputs, data.labels);       // 3. test, without retraining
          rows += fmt::format("{},{},{},{},{},{}\n", trial, layer, sparsity, kept, m.loss, m.accuracy);
        }
        return rows;
      }, fmt::format("{}{}", layer, o.trials > 1 ? fmt::format(", trial {}", trial) : "")});
  // end
  // clang-format on
  return parts;
}

// How long all of it would take in one thread: measured on a network that is thrown away.
double seconds_for(const Trained& trained, const Settings& s, const Options& o, const Data& data) {
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  auto net = nn::lenet_300_100();
  nn::Adam adam(net->parameters());
  const datasets::Batches batches(data.train, s.batch, Random(0));
  nn::train(*net, adam, batches, {.iterations = 10, .rate = nn::constant(s.lr)});  // the first steps fill caches and pools
  const auto t0 = Clock::now();
  nn::train(*net, adam, batches, {.first = 10, .iterations = 40, .rate = nn::constant(s.lr)});
  const double step = since(t0) / 30;
  const auto t1 = Clock::now();
  trained.prune(*net, prune::prunable(*net), 0, 0, prune::method(s.criterion));
  nn::evaluate(*net, data.inputs, data.labels);
  return static_cast<double>(o.trials) *
         ((s.given.empty() ? static_cast<double>(s.iterations) * step : 0) + static_cast<double>(layers.size() * s.sparsities.size()) * since(t1));
}

// What the first trial's network looks like inside, before and after: its weights, each layer pruned alone; and the whole pruned globally.
Inside look_inside(Trained& trained, const Settings& s, const Data& data) {
  Inside inside;
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
    auto net = trained.network(0);
    nn::Parameter* p = prune::prunable(*net)[l];
    const Tensor before = clone(p->leaf());
    trained.prune(*net, {p}, s.sparsity, 0, prune::method(s.criterion));
    inside.layers.push_back({before, clone(p->leaf()), p->mask()});
  }
  auto net = trained.network(0);
  prune::Method globally = prune::method(s.criterion);
  globally.scope = prune::Scope::global;
  trained.prune(*net, prune::prunable(*net), s.sparsity, 0, globally);
  inside.report = prune::report(*net, data.inputs);
  inside.accuracy = nn::evaluate(*net, data.inputs, data.labels).accuracy;
  return inside;
}

void run(int argc, char** argv) {
  Options o("sensitivity",
            "How much of each layer of LeNet-300-100 can be pruned before its accuracy falls, one layer at a time and without retraining,\n"
            "after Han et al. (NIPS 2015). Ends with a report on the network pruned in all layers together.",
            {1, 1, 5});
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  Trained trained(s, o, data);
  const std::vector<Part> parts = experiment(trained, s, o, data);
  compute_parts(folder, o, sensitivity_header, parts, "curves", seconds_for(trained, s, o, data));
  Sensitivity result{.dataset = s.dataset,
                     .criterion = s.criterion,
                     .command = "./bonsai run sensitivity" + o.command_line(),
                     .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : ""),
                     .together = prune::method(s.criterion).scope == prune::Scope::global ? "all globally" : "all evenly",
                     .sparsities = s.sparsities,
                     .sparsity = s.sparsity,
                     .inside = look_inside(trained, s, data)};
  result.read(folder, o.trials);
  show(result, folder);
  const std::string next = s.criterion == "magnitude" ? "taylor" : s.criterion == "random" ? "magnitude-global" : "random";
  fmt::print("took {}. Next: ./bonsai run sensitivity --criterion {}\n",
             duration(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()), next);
}

}  // namespace

int main(int argc, char** argv) {
  return program("sensitivity", [&] { run(argc, argv); });
}
