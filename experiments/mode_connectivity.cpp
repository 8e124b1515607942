// Linear mode connectivity: a network is copied at step k of its training, and the copies are trained on with the data in different orders.
// Do they end in the same valley, with no wall of error on the straight line between them? LeNet on MNIST and ResNet-20 on CIFAR-10, dense and
// as lottery tickets, after Frankle, Dziugaite, Roy and Carbin, "Linear mode connectivity and the lottery ticket hypothesis", ICML 2020.
//
//   ./bonsai run mode_connectivity              4,000 iterations a training, tickets down to 3.6% of the weights
//   ./bonsai run mode_connectivity --quick      a first look
//   ./bonsai run mode_connectivity --paper      24,000 iterations, 3 initialisations, 3 orders of the data each
//   ./bonsai run mode_connectivity --net resnet20     300 iterations a training (the paper: 63,000), tickets with a quarter of the weights
//
// Read `experiment` first; `run`, at the end, is the frame around it. The measure is prune/recovery/linear_path.h, the chapter README.md, in
// this folder.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>
#include <sstream>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/mode_lines.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/trained.h"
#include "nn/init.h"
#include "prune/recovery/linear_path.h"
#include "prune/recovery/random_masks.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"
#include "prune/schedules/iterative.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;
using prune::Weights;

struct Settings {
  std::int64_t iterations, rounds, every, orders, points, rewind, batch, evaluate_every, checkpoint_every, validation, test, statistics;
  double lr, prune_rate, prune_rate_output;
  std::string net, dataset, copy_at;
  std::vector<std::int64_t> steps;  // of which the dense network is copied, rising; `rewind` is one of them
  bool measured(std::int64_t level) const { return level % every == 0 || level == rounds; }
  bool resnet() const { return net == "resnet20"; }
};

// Convolutions take their time: the two networks that have them do less by default.
void declare(Options& o, Settings& s, const std::string& net) {
  const bool resnet = net == "resnet20", pictures = resnet || net == "lenet5";
  using Counts = Sizes<std::int64_t>;
  o.text("--net", s.net, "lenet_300_100", "the network; each has defaults of its own", {"lenet_300_100", "lenet5", "resnet20"});
  o.text("--dataset", s.dataset, resnet ? "cifar-10" : "mnist", "what to learn", resnet ? std::vector<std::string>{"cifar-10"} : std::vector<std::string>{"mnist", "fashion-mnist"});
  o.integer("--iterations", s.iterations, resnet ? Counts{6, 300, 63000} : pictures ? Counts{40, 1000, 24000} : Counts{400, 4000, 24000}, "of one training", 1, 100'000'000);
  o.text("--copy-at", s.copy_at, resnet ? "0,0.03,0.25" : pictures ? "0,0.05,0.25" : "0,0.01,0.05,0.25",
         "the parts of its training after which the dense network is copied");
  o.integer("--orders", s.orders, pictures ? Counts{2, 2, 3} : Counts{2, 3, 3}, "copies of each network, each trained on with an order of the data of its own", 2, 100);
  o.integer("--points", s.points, pictures ? Counts{3, 9, 30} : Counts{10, 30, 30}, "places on a line, both ends among them", 2, 10000);
  o.integer("--rounds", s.rounds, resnet ? Counts{1, 2, 8} : pictures ? Counts{1, 3, 15} : Counts{3, 15, 15}, "of pruning", 0, 60);
  o.integer("--every", s.every, 3, "rounds, after which the pruned networks are compared; also after the last", 1, 60);
  o.integer("--rewind", s.rewind, resnet ? Counts{0, 9, 500} : Counts{0}, "the step to which a ticket is rewound, and of which its copies are", 0, 100'000'000);
  o.integer("--batch", s.batch, resnet ? Counts{16, 128, 128} : Counts{60}, "examples a step", 1, 50000);
  o.real("--lr", s.lr, resnet ? 0.1 : 1.2e-3, resnet ? "the learning rate of SGD with momentum 0.9, a tenth after 1/2 and after 3/4" : "Adam's learning rate", 1e-12, 1e3);
  o.real("--prune-rate", s.prune_rate, pictures ? Sizes<double>{0.5, 0.5, 0.2} : Sizes<double>{0.2}, "pruned in each round, of what remains of a hidden layer", 0, 1);
  o.real("--prune-rate-output", s.prune_rate_output, resnet ? Sizes<double>{0} : pictures ? Sizes<double>{0.25, 0.25, 0.1} : Sizes<double>{0.1}, "the same for the output layer", 0, 1);
  o.integer("--evaluate-every", s.evaluate_every, 1000, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, resnet ? Counts{100} : Counts{5000}, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, resnet ? Counts{100, 500, 5000} : pictures ? Counts{500, 1000, 5000} : Counts{5000}, "training examples kept for validation", 1, 30000);
  o.integer("--test", s.test, resnet ? Counts{200, 2000, 10000} : pictures ? Counts{500, 10000, 10000} : Counts{10000}, "images of the test set to measure by", 1, 10000);
  o.integer("--statistics", s.statistics, resnet ? Counts{4, 50, 100} : Counts{0}, "training batches that give BatchNorm its statistics at each place of a line", 0, 1'000'000);
}

// What is pruned: all weights; of ResNet the convolutions, all together, without the shortcuts and the output layer (as the paper does).
std::vector<nn::Parameter*> pruned_weights(const Settings& s, nn::Module& net) {
  std::vector<nn::Parameter*> weights = prune::prunable(net);
  if (s.resnet()) std::erase_if(weights, [](const nn::Parameter* p) { return p->name().find("shortcut") != std::string::npos || p->name().starts_with("fc"); });
  return weights;
}

void check(Settings& s) {
  require(s.rewind < s.iterations, "--rewind {}: a training has only {} iterations", s.rewind, s.iterations);
  std::set<std::int64_t> steps{s.rewind};
  std::istringstream list(s.copy_at);
  for (std::string text; std::getline(list, text, ',');) {
    double part = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    require(error == std::errc() && end == text.data() + text.size(), "--copy-at: \"{}\" is not a number", text);
    require(part >= 0 && part < 1, "--copy-at: {} is not a part of the training, from 0 to below 1{}", part,
            part >= 1 && part < 100 ? fmt::format("; did you mean {}?", part / 100) : "");
    steps.insert(static_cast<std::int64_t>(part * static_cast<double>(s.iterations)));
  }
  s.steps.assign(steps.begin(), steps.end());
  // A rate that leaves nothing of a layer is found now, not after hours. (Of layers that are pruned together, when it happens.)
  auto net = nn::network(s.net);
  const std::vector<nn::Parameter*> weights = pruned_weights(s, *net);
  require(!s.resnet() || s.statistics > 0, "--statistics 0: ResNet's BatchNorm needs some batches to know its statistics between two networks");
  require(!s.resnet() || s.prune_rate_output == 0, "--prune-rate-output {}: of ResNet the output layer is not pruned", s.prune_rate_output);
  for (nn::Parameter* p : weights) {
    const bool output = p == weights.back() && !s.resnet();
    const double rate = output ? s.prune_rate_output : s.prune_rate;
    require(prune::kept_after(p->numel(), rate, static_cast<int>(s.rounds)) > 0, "{} {}: {} rounds leave nothing of {}; a smaller rate or fewer rounds",
            output ? "--prune-rate-output" : "--prune-rate", rate, s.rounds, p->name());
  }
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;  // x / 255 of MNIST, CIFAR-10's by channel
  Examples validation, test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset all = load_pictures(s.dataset, folder, true), test = load_pictures(s.dataset, folder, false);
  const datasets::Normalization n = s.resnet() ? datasets::channel_normalization_of(all) : datasets::Normalization{};
  auto [train, validation] = datasets::split(all, s.validation, Random(o.seed).derive("split"));
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  return {train, n, {datasets::as_floats(validation, n), validation.labels}, {slice(datasets::as_floats(test, n), 0, 0, s.test), slice(test.labels, 0, 0, s.test)}};
}

// CIFAR-10's pictures are flipped and shifted.
datasets::Batches batches_of(const Settings& s, const Data& data, const Random& stream) {
  return {data.train, s.batch, stream, data.normalization, s.resnet() ? datasets::Augmentation{.flip = true, .pad = 4} : datasets::Augmentation{}};
}

// What is compared, in the order of lines.csv. (A density is known once the network is there.)
std::vector<Copies> all_copies(const Settings& s, std::int64_t trials) {
  std::vector<Copies> all;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    for (std::int64_t k : s.steps) all.push_back({trial, "dense", k, 0});
    for (const char* arm : {"ticket", "reinit", "random"})
      for (std::int64_t level = 1; level <= s.rounds; ++level)
        if (s.measured(level)) all.push_back({trial, arm, s.rewind, level});
  }
  return all;
}

// The trainings in the order of results.csv: all copies', and of the tickets that are not measured the one that the next mask needs.
std::vector<TrainingId> plan(const Settings& s, std::int64_t trials) {
  std::vector<TrainingId> ids;
  for (const Copies& c : all_copies(s, trials))
    for (std::int64_t order = 0; order < s.orders; ++order) ids.push_back(c.id(order));
  for (std::int64_t trial = 0; trial < trials; ++trial)
    for (std::int64_t level = 1; level <= s.rounds; ++level)
      if (!s.measured(level)) ids.push_back({trial, "ticket", 0, level});
  return ids;
}

std::unique_ptr<nn::Sequential> initialised(const Settings& s, Random random) {
  auto net = nn::network(s.net);
  nn::initialize(*net, {s.resnet() ? nn::Fan::he : nn::Fan::glorot, nn::Distribution::normal}, random);
  return net;
}

std::unique_ptr<nn::Optimizer> optimizer(const Settings& s, std::vector<nn::Parameter*> p) {
  if (s.resnet()) return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = 0.9, .weight_decay = 1e-4});
  return std::make_unique<nn::Adam>(std::move(p));
}

nn::Schedule rate(const Settings& s) {  // (the paper's ResNet: 63,000 iterations, drops at 32,000 and 48,000)
  return s.resnet() ? nn::steps(s.lr, {s.iterations / 2, 3 * s.iterations / 4}) : nn::constant(s.lr);
}

// A round of pruning by magnitude.
void prune_once(const Settings& s, nn::Module& net, const Random& random) {
  const std::vector<nn::Parameter*> weights = pruned_weights(s, net);
  if (s.resnet()) return prune::prune_step(prune::method("magnitude-global"), {weights, random}, {s.prune_rate});
  std::vector<double> rates(weights.size(), s.prune_rate);
  rates.back() = s.prune_rate_output;
  prune::prune_step(prune::method("magnitude"), {weights, random}, rates);
}

// Trains the network and returns its weights at each of the steps.
std::map<std::int64_t, Weights> weights_at(const Settings& s, nn::Module& net, const BatchSource& batches) {
  std::map<std::int64_t, Weights> w;
  const auto steps = optimizer(s, net.parameters());
  std::int64_t done = 0;
  for (std::int64_t k : s.steps) {
    nn::train(net, *steps, batches, {.first = done, .iterations = k, .rate = rate(s)});
    w[k] = prune::snapshot(net.parameters());
    done = k;
  }
  return w;
}

// The dense network copied at every step k; and iterative magnitude pruning with rewinding, each level's ticket beside its two controls.
void experiment(Jobs& jobs, const Trainings& trainings, const Lines& lines, const Settings& s, const Options& o, const Data& data) {
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    jobs.chain([&, trial] {
      const Random random = Random(o.seed).derive("trial").derive(trial);
      auto batches = [&](const std::string& order) { return batches_of(s, data, random.derive("batches").derive(order)); };
      auto start = [&](const Copies& of, std::int64_t order, const Weights& w, const std::vector<Tensor>& masks) {
        return Start{.values = w, .masks = masks, .batches = batches(of.id(order).str()), .iteration = of.arm == "reinit" ? 0 : of.step,
                     .keep_final = true, .title = of.title(order)};
      };
      auto compare_later = [&](const Copies& of, const Weights& w, const std::vector<Tensor>& masks, const std::vector<Weights>& trained) {
        std::vector<Start> starts;                                           // of the copies that are not yet trained
        for (std::int64_t order = std::ssize(trained); order < s.orders; ++order) starts.push_back(start(of, order, w, masks));
        jobs.later([&trainings, &lines, of, starts, masks, ends = trained]() mutable {
          for (const Start& copy : starts) ends.push_back(trainings.run(of.id(std::ssize(ends)), copy).final_values);
          lines.measure(of, ends, masks);                                    // the error on the way from one to the other
        });
      };

      auto net = initialised(s, random.derive("init"));                      // W_0
      std::map<std::int64_t, Weights> w;
      jobs.run([&] { w = weights_at(s, *net, batches("before the copy")); });  // W_k, for every k
      for (const auto& [k, w_k] : w)
        if (k != s.rewind) compare_later({trial, "dense", k, 0}, w_k, {}, {});

      for (std::int64_t level = 0; level <= s.rounds; ++level) {             // iterative magnitude pruning with rewinding to W_k
        const std::vector<Tensor> masks = prune::masks_of(net->parameters());
        auto copies = [&](const char* arm) { return Copies{trial, arm, s.rewind, level, density(w[s.rewind], masks)}; };
        const Copies ticket = copies(level == 0 ? "dense" : "ticket");
        Training trained;
        jobs.run([&] { trained = trainings.run(ticket.id(0), start(ticket, 0, w[s.rewind], masks)); });
        if (level == 0 || s.measured(level)) compare_later(ticket, w[s.rewind], masks, {trained.final_values});
        if (level > 0 && s.measured(level)) {
          compare_later(copies("reinit"), prune::snapshot(initialised(s, random.derive("reinit").derive(level))->parameters()), masks, {});
          compare_later(copies("random"), w[s.rewind], prune::random_masks(masks, random.derive("random").derive(level)), {});
        }
        prune::rewind(net->parameters(), trained.final_values);
        if (level < s.rounds) prune_once(s, *net, random);
      }
    });
  // end
  // clang-format on
  jobs.wait();
}

Recipe recipe_of(const Settings& s, const Options& o, const Data& data) {
  return {.network = [&s] { return nn::network(s.net); },
          .optimizer = [&s](std::vector<nn::Parameter*> p) { return optimizer(s, std::move(p)); },
          .rate = rate(s),
          .iterations = s.iterations,
          .evaluate_every = s.evaluate_every,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

std::int64_t steps_of(const Settings& s, std::int64_t trials) {
  std::int64_t steps = 0;
  for (const Copies& c : all_copies(s, trials)) steps += s.orders * (s.iterations - (c.arm == "reinit" ? 0 : c.step));
  for (std::int64_t level = 1; level <= s.rounds; ++level) steps += s.measured(level) ? 0 : trials * (s.iterations - s.rewind);
  return steps;
}

// What the run will cost, before it starts.
void announce(std::int64_t trainings, const Settings& s, const Options& o, const Recipe& recipe, const Data& data, const RunFolder& folder) {
  const std::int64_t lines = std::ssize(all_copies(s, o.trials)) * s.orders * (s.orders - 1) / 2;
  const double seconds = seconds_for(recipe, batches_of(s, data, Random(0)), trainings, steps_of(s, o.trials),
                                     densities_of_levels(s.prune_rate, s.rounds));
  auto net = recipe.network();
  const auto began = std::chrono::steady_clock::now();
  if (s.statistics > 0) nn::estimate_statistics(*net, batches_of(s, data, Random(0)), s.statistics);
  nn::evaluate(*net, data.test.inputs, data.test.labels);
  const double point = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const std::int64_t at_once = std::min({o.jobs, trainings, static_cast<std::int64_t>(hardware_threads())});
  fmt::print("mode_connectivity: {} trainings of {} iterations on {} and {} lines, {} at a time: about {}, {:.0f} MB in {}\n", trainings, s.iterations,
             s.dataset, lines, at_once, duration((seconds + point * static_cast<double>(lines * s.points)) / static_cast<double>(at_once)),
             1 + 1.3 * static_cast<double>(trainings), folder.path().string());
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("mode_connectivity",
            "Linear mode connectivity, after Frankle, Dziugaite, Roy and Carbin (ICML 2020): LeNet or ResNet-20 is copied at step k of its training,\n"
            "the copies are trained on with the data in different orders, and the error is measured on the straight line between them; dense,\n"
            "and for lottery tickets, the same masks with new weights, and random masks.",
            {1, 1, 3});
  Settings s;
  declare(o, s, given(argc, argv, "--net", ""));
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const Recipe recipe = recipe_of(s, o, data);
  const std::vector<TrainingId> ids = plan(s, o.trials);
  announce(std::ssize(ids), s, o, recipe, data, folder);
  std::vector<Line> measured;
  {
    Progress progress("trainings", std::ssize(ids), steps_of(s, o.trials));
    const Trainings trainings(recipe, folder, progress, ids);
    const Lines lines(folder, recipe, all_copies(s, o.trials), s.orders, s.points, batches_of(s, data, Random(o.seed).derive("statistics")),
                      s.statistics);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, lines, s, o, data);
    measured = lines.collect();
  }
  folder.add_time("all", seconds());

  ModeLines m{.lines = std::move(measured),
              .steps = s.steps,
              .levels = {},
              .rewind = s.rewind,
              .network = s.net == "lenet5" ? "LeNet-5" : s.resnet() ? "ResNet-20" : "LeNet",
              .command = "./bonsai run mode_connectivity" + o.command_line(),
              .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  if (s.net != "lenet5") m.paper_name = s.resnet() ? "resnet20" : "lenet";
  if (s.resnet()) m.paper_stable_from = 2000;
  for (std::int64_t level = 1; level <= s.rounds; ++level)
    if (s.measured(level)) m.levels.push_back(level);
  m.draw(folder.file("figures"));
  const std::string source = " " + m.seeds + "; " + m.command;
  present(folder, {"Linear mode connectivity: " + m.network + " on " + s.dataset,
                   {{"instability.svg", "How far the error on the line rises above its ends, against the step of the copy and the weights left." + source},
                    {"line.svg", "Test error on the straight line between two copies." + source}},
                   m.table(), m.summary_json()});
  const std::string net = s.net == "lenet_300_100" ? "" : " --net " + s.net;
  fmt::print("took {}. Next: ./bonsai run mode_connectivity{} --rewind {}\n", duration(seconds()), net, s.rewind == 0 ? std::max<std::int64_t>(1, s.iterations / 20) : 0);
}

}  // namespace

int main(int argc, char** argv) {
  return program("mode_connectivity", [&] { run(argc, argv); });
}
