// The lottery ticket hypothesis on CIFAR-10: convolutional networks hold winning tickets too. Frankle and Carbin, ICLR 2019, sections 3 and 4
// (Conv-2, Conv-4, Conv-6; ResNet-20, which they call ResNet-18; VGG-19), with rewinding to a later step as in "Stabilizing the lottery
// ticket hypothesis" (Frankle et al., 2019).
//
//   ./bonsai run lth_cifar                       Conv-2, 600 iterations a training, five rounds at doubled rates: 8% of the weights
//   ./bonsai run lth_cifar --quick               a first look
//   ./bonsai run lth_cifar --net resnet20        global pruning of the convolutions, SGD, flips and crops
//   ./bonsai run lth_cifar --net conv2 --paper   20,000 iterations, 20 rounds, 5 trials: nights; kill it at will, --resume goes on
//
// Read `protocols`, the paper's figure 2, then `experiment`. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/cifar10.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/lottery.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "nn/init.h"
#include "prune/recovery/random_masks.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

// The paper's figure 2, and how its runs shrink: for --quick, the default, --paper. Rates are what a round prunes of what remains: of
// convolutions, of fully connected layers, of the output; outside --paper about what the paper prunes in two rounds, so that few go far.
struct Protocol {
  const char* net;
  Sizes<std::int64_t> iterations, rounds, warmup;
  std::int64_t batch;
  bool adam;
  double lr;
  Sizes<double> convolution, connected, output;
  bool global;        // one threshold for all convolutions, shortcuts and last layer left alone; else each layer by itself
  double target;      // validation accuracy; how soon is it reached in the default size?
};
const Protocol protocols[] = {
    {"conv2", {40, 600, 20'000}, {1, 5, 20}, 0, 60, true, 2e-4, {0.2, 0.2, 0.1}, {0.4, 0.4, 0.2}, {0.2, 0.2, 0.1}, false, 45},
    {"conv4", {30, 600, 25'000}, {1, 5, 20}, 0, 60, true, 3e-4, {0.2, 0.2, 0.1}, {0.4, 0.4, 0.2}, {0.2, 0.2, 0.1}, false, 45},
    {"conv6", {20, 600, 30'000}, {1, 5, 20}, 0, 60, true, 3e-4, {0.3, 0.3, 0.15}, {0.4, 0.4, 0.2}, {0.2, 0.2, 0.1}, false, 45},
    {"resnet20", {6, 400, 30'000}, {1, 4, 15}, {2, 100, 20'000}, 128, false, 0.03, {0.36, 0.36, 0.2}, 0.0, 0.0, true, 45},
    {"vgg19", {2, 200, 112'000}, {1, 4, 20}, {1, 50, 10'000}, 64, false, 0.1, {0.36, 0.36, 0.2}, 0.0, 0.0, true, 30},
};

struct Settings {
  const Protocol* protocol = nullptr;
  std::int64_t iterations, rounds, warmup, batch, evaluate_every, checkpoint_every, reinits, rewind, validation, test;
  double lr, convolution, connected, output;
  std::string net, arms_text;
  std::vector<std::string> arms;
  bool has(const std::string& arm) const { return std::ranges::find(arms, arm) != arms.end(); }
};

// The other options' defaults are the network's, so it is looked for first. (What is wrong with it is said when all are read.)
const Protocol& protocol_of(int argc, char** argv) {
  std::string_view net = "conv2";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--net" && i + 1 < argc) net = argv[i + 1];
    if (word.starts_with("--net=")) net = word.substr(6);
  }
  const auto* found = std::ranges::find(protocols, net, [](const Protocol& p) { return std::string_view(p.net); });
  return found == std::end(protocols) ? protocols[0] : *found;
}

void declare(Options& o, Settings& s) {
  const Protocol& p = *s.protocol;
  o.text("--net", s.net, "conv2", "the network; the defaults below are its own", {"conv2", "conv4", "conv6", "resnet20", "vgg19"});
  o.integer("--iterations", s.iterations, p.iterations, "of one training", 1, 100'000'000);
  o.integer("--rounds", s.rounds, p.rounds, "of pruning", 0, 60);
  o.integer("--reinits", s.reinits, {1, 1, 3}, "reinitialisations of each ticket, and random masks", 1, 100);
  o.integer("--batch", s.batch, p.batch, "examples a step", 2, 45000);
  o.real("--lr", s.lr, p.lr, p.adam ? "Adam's learning rate" : "SGD's learning rate; a tenth after two thirds of the training, a hundredth after five sixths", 1e-12, 1e3);
  o.integer("--warmup", s.warmup, p.warmup, "iterations in which the learning rate rises to it", 0, 100'000'000);
  o.real("--prune-convolutions", s.convolution, p.convolution, p.global ? "pruned in each round, of what remains of all convolutions but shortcuts" : "pruned in each round, of what remains of a convolution", 0, 1);
  o.real("--prune-connected", s.connected, p.connected, "the same for a fully connected layer", 0, 1);
  o.real("--prune-output", s.output, p.output, "the same for the output layer", 0, 1);
  o.integer("--rewind", s.rewind, 0, "the iteration whose weights a ticket starts from", 0, 100'000'000);
  o.integer("--evaluate-every", s.evaluate_every, {std::max<std::int64_t>(1, p.iterations.quick / 2), p.iterations.standard / 5, 100}, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, {10, 100, 500}, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {200, 1000, 5000}, "of the 5,000 training images kept for validation, measure on so many", 1, 5000);
  o.integer("--test", s.test, {200, 2000, 10000}, "of the 10,000 test images, measure on so many", 1, 10000);
  o.text("--arms", s.arms_text, "ticket,reinit", "what to train: ticket, reinit, random");
}

// The parameters that are pruned.
std::vector<nn::Parameter*> pruned(nn::Module& net, bool global) {
  std::vector<nn::Parameter*> all = prune::prunable(net);
  if (global) std::erase_if(all, [](nn::Parameter* p) { return p->shape().rank() != 4 || p->name().find("shortcut") != std::string::npos; });
  return all;
}

// One round, by magnitude: each layer by itself at its rate, or all convolutions together.
void prune_round(nn::Module& net, const Settings& s) {
  const std::vector<nn::Parameter*> weights = pruned(net, s.protocol->global);
  prune::Method magnitude = prune::method("magnitude");
  magnitude.scope = s.protocol->global ? prune::Scope::global : prune::Scope::layer;
  std::vector<double> rates{s.convolution};
  if (!s.protocol->global) {
    rates.clear();
    for (nn::Parameter* p : weights) rates.push_back(p->shape().rank() == 4 ? s.convolution : p == weights.back() ? s.output : s.connected);
  }
  prune::prune_step(magnitude, {.parameters = weights}, rates);
}

void check(Settings& s) {
  s.arms = arms_of(s.arms_text, {"ticket", "reinit", "random"});
  require(s.rewind < s.iterations, "--rewind {}: a training has only {} iterations", s.rewind, s.iterations);
  require(s.warmup < s.iterations, "--warmup {}: a training has only {} iterations", s.warmup, s.iterations);
  // Rates that leave nothing of a layer are found now, not after hours: magnitudes do not matter for how many stay.
  auto net = nn::network(s.net);
  nn::initialize(*net, {}, Random(0));
  for (std::int64_t round = 1; round <= s.rounds; ++round) {
    try {
      prune_round(*net, s);
    } catch (const Error& e) {
      fail("round {} of {}: {}; smaller --prune-... rates, or fewer --rounds", round, s.rounds, e.what());
    }
  }
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;
  datasets::Augmentation augmentation;  // for the networks with BatchNorm, as the paper
  Examples validation, test;
  datasets::Batches batches(const Settings& s, const Random& stream) const { return {train, s.batch, stream, normalization, augmentation}; }
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset all = datasets::load_cifar10(folder, true), test = datasets::load_cifar10(folder, false);
  const datasets::Normalization n = datasets::channel_normalization_of(all);
  auto [train, validation] = datasets::split(all, 5000, Random(o.seed).derive("split"));
  auto first = [&](const datasets::Dataset& d, std::int64_t count) {  // the same ones in every training
    datasets::Dataset some = d;
    some.inputs = slice(d.inputs, 0, 0, count);
    some.labels = slice(d.labels, 0, 0, count);
    return Examples{datasets::as_floats(some, n), some.labels};
  };
  const bool augment = s.protocol->global;
  return {train, n, {.flip = augment, .pad = augment ? 4 : 0}, first(validation, s.validation), first(test, s.test)};
}

// The paper's box, for all trials, and the controls: the same masks with new random weights, random masks with the same weights.
void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const Data& data) {
  const nn::Init glorot{nn::Fan::glorot, nn::Distribution::normal};
  using prune::masks_of, prune::snapshot;
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    jobs.chain([&, trial] {
      const Random random = Random(o.seed).derive("trial").derive(trial);
      auto batches = [&](const TrainingId& id) { return data.batches(s, random.derive("batches").derive(id.str())); };
      auto train_later = [&](const TrainingId& id, Start start) {
        start.batches = batches(id);
        jobs.later([&trainings, id, start] { trainings.run(id, start); });
      };

      auto net = nn::network(s.net);
      nn::initialize(*net, glorot, random.derive("init"));                   // 1. randomly initialise a network f(x; θ0)
      Start ticket{.values = snapshot(net->parameters())};
      for (std::int64_t level = 0; level <= s.rounds; ++level) {
        const TrainingId id{trial, "ticket", 0, level};
        ticket.masks = masks_of(net->parameters());
        ticket.batches = batches(id);
        ticket.keep_values_at = level == 0 ? s.rewind : -1;
        ticket.keep_final = true;
        Training trained;
        jobs.run([&] { trained = trainings.run(id, ticket); });              // 2. train it for j iterations: θj
        if (level == 0) ticket.values = trained.kept_values, ticket.buffers = trained.kept_buffers, ticket.iteration = s.rewind;
        prune::rewind(net->parameters(), trained.final_values);
        for (std::int64_t repeat = 0; level > 0 && repeat < s.reinits; ++repeat) {
          auto stream = [&](const char* arm) { return random.derive(arm).derive(level).derive(repeat); };
          auto fresh = nn::network(s.net);
          nn::initialize(*fresh, glorot, stream("reinit"));
          if (s.has("reinit")) train_later({trial, "reinit", repeat, level}, {.values = snapshot(fresh->parameters()), .masks = ticket.masks});
          if (s.has("random"))
            train_later({trial, "random", repeat, level}, {.values = ticket.values, .masks = prune::random_masks(ticket.masks, stream("random")),
                                                           .buffers = ticket.buffers, .iteration = s.rewind});
        }
        if (level < s.rounds) prune_round(*net, s);                          // 3. prune the smallest p%: a mask m
      }                                                                      // 4. reset the rest to θ0: the ticket f(x; m ⊙ θ0)
    });
  // end
  // clang-format on
  jobs.wait();
}

Recipe recipe_of(const Settings& s, const Options& o, const Data& data) {
  const nn::Schedule steps = s.protocol->adam ? nn::constant(s.lr) : nn::steps(s.lr, {s.iterations * 2 / 3, s.iterations * 5 / 6});
  return {.network = [net = s.net] { return nn::network(net); },
          .optimizer = [adam = s.protocol->adam](std::vector<nn::Parameter*> p) -> std::unique_ptr<nn::Optimizer> {
            if (adam) return std::make_unique<nn::Adam>(std::move(p));
            return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = 0.9, .weight_decay = 1e-4});
          },
          .rate = s.warmup > 0 ? nn::warmup(s.warmup, steps) : steps,
          .iterations = s.iterations,
          .evaluate_every = s.evaluate_every,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the paper says of the convolutional networks (section 3, v5), at the densities of its own ladder: how much sooner the ticket stops, and
// by how much it is better, each at the level where that is most.
std::map<std::int64_t, PaperLevel> paper_of(const Settings& s, const Options& o) {
  if (o.size != "paper") return {};  // another ladder
  if (s.net == "conv2") return {{11, {.early_stop_over_dense = 1 / 3.5}}, {14, {.gain_over_dense = 3.4}}};
  if (s.net == "conv4") return {{12, {.early_stop_over_dense = 1 / 3.5}}, {11, {.gain_over_dense = 3.5}}};
  if (s.net == "conv6") return {{10, {.early_stop_over_dense = 1 / 2.5}}, {7, {.gain_over_dense = 3.3}}};
  if (s.net == "resnet20") return {{0, {.test_accuracy_final = 89.6}}};
  return {{0, {.test_accuracy_final = 92.3}}};
}

// What the run will cost, before it starts.
void announce(const std::vector<TrainingId>& ids, const Settings& s, const Options& o, const Recipe& recipe, const Data& data, const RunFolder& folder) {
  const auto count = static_cast<std::int64_t>(ids.size());
  const double seconds = seconds_for(recipe, data.batches(s, Random(0)), count, steps_of(ids, s.iterations, s.rewind),
                                     densities_of_levels(s.protocol->global ? s.convolution : s.connected, s.rounds));
  const std::int64_t chains = s.arms.size() > 1 ? count : o.trials;  // a ticket must wait for the one before it
  const std::int64_t at_once = std::min({o.jobs, chains, static_cast<std::int64_t>(hardware_threads())});
  double weights = 0;
  auto net = recipe.network();
  for (const nn::Parameter* p : net->parameters()) weights += static_cast<double>(p->numel());
  const double megabytes = 1 + 5e-6 * weights * static_cast<double>(o.trials * (s.rounds + 1));  // a checkpoint a ticket
  fmt::print("lth_cifar: {}, {} training{} of {} iterations, {} at a time: about {}, {:.0f} MB in {}\n", s.net, count, count == 1 ? "" : "s", s.iterations, at_once,
             duration(seconds / static_cast<double>(at_once)), megabytes, folder.path().string());
  if (o.size != "paper") fmt::print("lth_cifar: fewer iterations and other pruning rates than the paper's, whose ladder is --paper's\n");
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("lth_cifar",
            "The lottery ticket hypothesis on CIFAR-10, after Frankle and Carbin (ICLR 2019): Conv-2, Conv-4, Conv-6 with Adam and layer by layer,\n"
            "ResNet-20 and VGG-19 with SGD and one threshold for all convolutions; and the control, the same masks with new random weights.",
            {1, 1, 5});
  Settings s;
  s.protocol = &protocol_of(argc, argv);
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.net);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  require(s.batch <= data.train.size(), "--batch {}: there are only {} training images", s.batch, data.train.size());
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const Recipe recipe = recipe_of(s, o, data);
  const std::vector<TrainingId> ids = plan(s.arms, o.trials, s.rounds, s.reinits);
  announce(ids, s, o, recipe, data, folder);
  {
    Progress progress("trainings", static_cast<std::int64_t>(ids.size()), steps_of(ids, s.iterations, s.rewind));
    const Trainings trainings(recipe, folder, progress, ids);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data);
  }
  folder.add_time("all", seconds());

  Lottery lottery{.arms = s.arms,
                  .rounds = s.rounds,
                  .iterations = s.iterations,
                  .paper = paper_of(s, o),
                  .dataset = "CIFAR-10, " + s.net,
                  .command = "./bonsai run lth_cifar" + o.command_line(),
                  .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : ""),
                  .target = o.size == "paper" ? 60 : s.protocol->target};
  lottery.read(folder, ids);
  show(lottery, folder, {});
  fmt::print("took {}. Next: ./bonsai run lth_cifar --net {} --seed {}\n", duration(seconds()), s.net == "conv2" ? "conv4" : "conv2", o.seed + 1);
}

}  // namespace

int main(int argc, char** argv) {
  return program("lth_cifar", [&] { run(argc, argv); });
}
