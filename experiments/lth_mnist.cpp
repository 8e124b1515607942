// The lottery ticket hypothesis on MNIST: a randomly initialised network contains a small one that, trained alone from
// the same initial weights, learns as well as the whole, and faster. Frankle and Carbin, ICLR 2019, section 2
// (LeNet-300-100).
//
//   ./bonsai run lth_mnist              4,000 iterations a training, down to 3.6% of the weights
//   ./bonsai run lth_mnist --quick      a first look
//   ./bonsai run lth_mnist --paper      50,000 iterations, 5 trials, 3 reinitialisations a ticket, down to 1.2%
//   ./bonsai run lth_mnist --arms ticket,reinit,random     and random masks with the ticket's own initial weights
//   ./bonsai run lth_mnist --strategy continue             the masks from a chain that is never reset (appendix B)
//
// Read `experiment` first; `run`, at the end, is the frame around it. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/mnist.h"
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
#include "prune/schedules/iterative.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t iterations, rounds, batch, evaluate_every, checkpoint_every, reinits, rewind, validation;
  double lr, prune_rate, prune_rate_output;
  std::string dataset, criterion, strategy, arms_text;
  std::vector<std::string> arms;
  bool has(const std::string& arm) const { return std::find(arms.begin(), arms.end(), arm) != arms.end(); }
};

void declare(Options& o, Settings& s) {
  o.text("--dataset", s.dataset, "mnist", "what to learn", {"mnist", "fashion-mnist"});
  o.integer("--iterations", s.iterations, {1000, 4000, 50000}, "of one training", 1, 100'000'000);
  o.integer("--rounds", s.rounds, {5, 15, 20}, "of pruning", 0, 60);
  o.integer("--reinits", s.reinits, {1, 1, 3}, "reinitialisations of each ticket, and random masks", 1, 100);
  o.integer("--batch", s.batch, 60, "examples a step", 1, 50000);
  o.real("--lr", s.lr, 1.2e-3, "Adam's learning rate", 1e-12, 1e3);
  o.real("--prune-rate", s.prune_rate, 0.2, "pruned in each round, of what remains of a hidden layer", 0, 1);
  o.real("--prune-rate-output", s.prune_rate_output, 0.1, "the same for the output layer", 0, 1);
  o.integer("--rewind", s.rewind, 0, "the iteration whose weights a ticket starts from", 0, 100'000'000);
  o.integer("--evaluate-every", s.evaluate_every, 100, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, 5000, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, 5000, "training examples kept for validation", 1, 30000);
  o.text("--criterion", s.criterion, "magnitude", "the score that decides what is pruned");
  o.text("--strategy", s.strategy, "reset",
         "between rounds, go back to the initial weights, or go on from the trained ones for as many iterations again",
         {"reset", "continue"});
  o.text("--arms", s.arms_text, "ticket,reinit", "what to train: ticket, reinit, random, oneshot");
}

void check(Settings& s) {
  s.arms = arms_of(s.arms_text, {"ticket", "reinit", "random", "oneshot"});
  if (s.strategy == "continue") s.arms.insert(s.arms.begin() + 1, "continued");  // the chain that finds the masks is then not the tickets'
  require(s.rewind < s.iterations, "--rewind {}: a training has only {} iterations", s.rewind, s.iterations);
  const prune::Method& m = prune::method(s.criterion);
  require(m.needs != prune::Needs::training && !m.operate,
          "--criterion {}: {}; take a score of a trained network, such as magnitude, taylor or random", s.criterion,
          m.operate ? "moves the weights that stay, and a ticket goes back to its own" : "scores a whole training");
  // A score that is too dear for this network, and a rate that leaves nothing of a layer, are found now, not after hours.
  auto net = nn::lenet_300_100();
  const std::vector<nn::Parameter*> weights = prune::prunable(*net);
  m.score({.parameters = weights, .net = net.get(), .inputs = ones({1, 784}), .targets = zeros({1}, DType::i64)});
  for (nn::Parameter* p : weights) {
    const bool output = p == weights.back();
    const std::int64_t left =
        prune::kept_after(p->numel(), output ? s.prune_rate_output : s.prune_rate, static_cast<int>(s.rounds));
    require(left > 0, "{} {}: {} rounds leave nothing of {}; a smaller rate or fewer rounds",
            output ? "--prune-rate-output" : "--prune-rate", output ? s.prune_rate_output : s.prune_rate, s.rounds,
            p->name());
  }
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
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  return {train, {datasets::as_floats(validation), validation.labels}, {datasets::as_floats(test), test.labels}};
}

// Prunes `rounds` rounds' worth at once: each layer keeps as many as after that many rounds. A score that asks for examples gets `asked`.
void prune_rounds(nn::Module& net, const Settings& s, const Batch& asked, const Random& random, std::int64_t rounds) {
  const std::vector<nn::Parameter*> weights = prune::prunable(net);
  std::vector<double> fractions;
  for (nn::Parameter* p : weights) {
    const double rate = p == weights.back() ? s.prune_rate_output : s.prune_rate;
    const std::int64_t kept = p->kept();
    fractions.push_back(kept == 0 ? 0
                                  : 1 - static_cast<double>(prune::kept_after(kept, rate, static_cast<int>(rounds))) /
                                            static_cast<double>(kept));
  }
  prune::Method layerwise = prune::method(s.criterion);
  layerwise.scope = prune::Scope::layer;
  prune::prune_step(layerwise, {.parameters = weights, .random = random, .net = &net, .inputs = asked.inputs, .targets = asked.labels}, fractions);
}

// The masks of so many rounds' pruning at once, from trained weights.
std::vector<Tensor> masks_at_once(const std::vector<Tensor>& trained, const Settings& s, const Batch& asked, const Random& random,
                                  std::int64_t rounds) {
  auto net = nn::lenet_300_100();
  prune::rewind(net->parameters(), trained);
  prune_rounds(*net, s, asked, random, rounds);
  return prune::masks_of(net->parameters());
}

// Steps 1 to 4 of the paper's box, for all trials, and the controls: the same masks with new random weights, random masks with the same
// weights. With --strategy continue (appendix B) the weights are reset for the ticket only, not between rounds.
void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o,
                const datasets::Dataset& train) {
  const nn::Init glorot{nn::Fan::glorot, nn::Distribution::normal};
  using prune::masks_of, prune::snapshot;
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    jobs.chain([&, trial] {
      const Random random = Random(o.seed).derive("trial").derive(trial);
      const Batch asked = datasets::Batches(train, std::min<std::int64_t>(1000, train.size()), random.derive("asked"))(0);
      auto batches = [&](const TrainingId& id) { return datasets::Batches(train, s.batch, random.derive("batches").derive(id.str())); };
      auto train_later = [&](TrainingId id, std::vector<Tensor> values, std::vector<Tensor> masks, std::int64_t from) {
        const Start start{.values = values, .masks = masks, .batches = batches(id), .iteration = from, .keep_final = id.arm == "ticket"};
        jobs.later([&trainings, id, start] { trainings.run(id, start); });
      };

      auto net = nn::lenet_300_100();
      nn::initialize(*net, glorot, random.derive("init"));                   // 1. randomly initialise a network f(x; θ0)
      std::vector<Tensor> rewind_to = snapshot(net->parameters());
      for (std::int64_t level = 0; level <= s.rounds; ++level) {
        const std::vector<Tensor> masks = masks_of(net->parameters());
        const bool go_on = level > 0 && s.strategy == "continue";            //    (else the ticket is itself a link of the chain)
        if (go_on) train_later({trial, "ticket", 0, level}, rewind_to, masks, s.rewind);
        const TrainingId id{trial, go_on ? "continued" : "ticket", 0, level};
        Training trained;
        jobs.run([&] {                                                       // 2. train it for j iterations: θj
          trained = trainings.run(id, {.values = go_on ? snapshot(net->parameters()) : rewind_to,  // (lth.2)
                                       .masks = masks, .batches = batches(id), .iteration = level == 0 || go_on ? 0 : s.rewind,
                                       .keep_values_at = level == 0 ? s.rewind : -1, .keep_final = true});
        });
        if (level == 0) rewind_to = trained.kept_values;
        prune::rewind(net->parameters(), trained.final_values);
        for (std::int64_t r = 1; level == 0 && s.has("oneshot") && r <= s.rounds; ++r)
          train_later({trial, "oneshot", 0, r}, rewind_to, masks_at_once(trained.final_values, s, asked, random.derive("scores"), r), s.rewind);
        for (std::int64_t repeat = 0; level > 0 && repeat < s.reinits; ++repeat) {
          auto stream = [&](const char* arm) { return random.derive(arm).derive(level).derive(repeat); };
          auto fresh = nn::lenet_300_100();
          nn::initialize(*fresh, glorot, stream("reinit"));                  // (lth.3)
          if (s.has("reinit")) train_later({trial, "reinit", repeat, level}, snapshot(fresh->parameters()), masks, 0);
          if (s.has("random")) train_later({trial, "random", repeat, level}, rewind_to, prune::random_masks(masks, stream("random")), s.rewind);
        }
        if (level < s.rounds) prune_rounds(*net, s, asked, random.derive("scores").derive(level), 1);  // 3. prune the smallest p%: a mask m
      }                                                                      // 4. reset the rest to θ0: the ticket f(x; m ⊙ θ0)
    });
  // end
  // clang-format on
  jobs.wait();
}

// What the paper says about LeNet on MNIST (section 2 and figure 4, v5), and what its authors print in 1903.01611: the dense accuracy,
// and at 10.7% of the weights 98.3% for the ticket against 97.5% for a random mask.
const std::map<std::int64_t, PaperLevel> paper_on_mnist{
    {0, {.test_accuracy_final = 98.0}},
    {7, {.early_stop_over_dense = 0.62, .reinit_early_stop_over_ticket = 2.51, .gain_over_reinit = 0.5}},
    {9, {.gain_over_dense = 0.3}},
    {10, {.final_gain_over_random = 0.8}},
    {15, {.early_stop_over_dense = 1.0, .gain_over_dense = 0.0}},
};

Recipe recipe_of(const Settings& s, const Options& o, const Data& data) {
  return {.network = nn::lenet_300_100,
          .optimizer = [](std::vector<nn::Parameter*> p) { return std::make_unique<nn::Adam>(std::move(p)); },
          .rate = nn::constant(s.lr),
          .iterations = s.iterations,
          .evaluate_every = s.evaluate_every,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the run will cost, before it starts.
void announce(const std::vector<TrainingId>& ids, const Settings& s, const Options& o, const Recipe& recipe,
              const Data& data, const RunFolder& folder) {
  const auto count = static_cast<std::int64_t>(ids.size());
  const double seconds = seconds_for(recipe, datasets::Batches(data.train, s.batch, Random(0)), count, steps_of(ids, s.iterations, s.rewind),
                                     densities_of_levels(s.prune_rate, s.rounds));
  const std::int64_t chains = s.arms.size() > 1 ? count : o.trials;  // a ticket must wait for the one before it
  const std::int64_t at_once = std::min({o.jobs, chains, static_cast<std::int64_t>(hardware_threads())});
  const double megabytes = 1 + 1.4 * static_cast<double>(o.trials * (s.rounds + 1));  // a checkpoint a ticket
  fmt::print("lth_mnist: {} training{} of {} iterations on {}, {} at a time: about {}, {:.0f} MB in {}\n", count,
             count == 1 ? "" : "s", s.iterations, s.dataset, at_once, duration(seconds / static_cast<double>(at_once)),
             megabytes, folder.path().string());
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("lth_mnist",
            "The lottery ticket hypothesis on MNIST, after Frankle and Carbin (ICLR 2019): LeNet-300-100, Adam, "
            "iterative magnitude pruning,\n"
            "kept weights rewound to their initial values; and the control, the same masks with new random weights.",
            {1, 1, 5});
  Settings s;
  declare(o, s);
  o.jobs_on_device = 16;  // trained as one
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
  const std::vector<TrainingId> ids = plan(s.arms, o.trials, s.rounds, s.reinits);
  announce(ids, s, o, recipe, data, folder);
  {
    Progress progress("trainings", static_cast<std::int64_t>(ids.size()), steps_of(ids, s.iterations, s.rewind));
    Trainings trainings(recipe, folder, progress, ids);
    if (o.device != "cpu") trainings.together(static_cast<std::size_t>(o.jobs));
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data.train);
  }
  folder.add_time("all", seconds());

  Lottery lottery{.arms = s.arms,
                  .rounds = s.rounds,
                  .iterations = s.iterations,
                  .paper = {},
                  .dataset = s.dataset,
                  .command = "./bonsai run lth_mnist" + o.command_line(),
                  .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  if (s.dataset == "mnist") lottery.paper = paper_on_mnist;
  lottery.read(folder, ids);
  show(lottery, folder, FirstLayer{"fc1.weight", 28, 28});
  fmt::print("took {}. Next: ./bonsai run lth_mnist --dataset {} --seed {}\n", duration(seconds()),
             s.dataset == "mnist" ? "fashion-mnist" : "mnist", o.seed + 1);
}

}  // namespace

int main(int argc, char** argv) {
  return program("lth_mnist", [&] { run(argc, argv); });
}
