// Movement pruning: a network that has learned digits learns clothes, and is pruned on the way: by where its weights go, or by how large
// they are? After Sanh, Wolf and Rush, "Movement pruning: adaptive sparsity by fine-tuning", NeurIPS 2020, whose network is BERT; here it
// is LeNet-300-100 from MNIST to Fashion-MNIST.
//
//   ./bonsai run movement_transfer              2,000 iterations of fine-tuning, down to 15, 10 and 3% of the weights
//   ./bonsai run movement_transfer --quick      a first look
//   ./bonsai run movement_transfer --paper      as long as the paper's on SQuAD: 55,000 steps of 16 examples, 5 trials
//
// Read `experiment` first; `run`, at the end, is the frame around it. The chapter is README.md, in this folder.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <sstream>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/transfer.h"
#include "nn/init.h"
#include "prune/recovery/rewind.h"
#include "prune/schedules/movement.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t pretrain_iterations, iterations, batch, evaluate_every, checkpoint_every, validation;
  double lr, fine_tune_lr, warm_up, cool_down, score_rate, threshold;
  std::string arms_text, densities_text, lambdas_text, scope;
  std::vector<std::string> arms;
  std::vector<double> densities, lambdas;
};

void declare(Options& o, Settings& s) {
  o.text("--arms", s.arms_text, "movement,soft,magnitude,random", "the methods to compare");
  o.text("--densities", s.densities_text, "0.15,0.1,0.03", "fractions of the weights to keep");
  o.text("--lambdas", s.lambdas_text, "5,8,16,64,256", "penalties of the soft form, a training each: what density it gets, they decide");
  o.integer("--pretrain-iterations", s.pretrain_iterations, {400, 2000, 50000}, "on MNIST", 1, 100'000'000);
  o.integer("--iterations", s.iterations, {400, 2000, 55000}, "of a fine-tuning on Fashion-MNIST", 1, 100'000'000);
  o.integer("--batch", s.batch, {60, 60, 16}, "examples a step", 1, 50000);
  o.real("--lr", s.lr, 1.2e-3, "Adam's learning rate on MNIST", 1e-12, 1e3);
  o.real("--fine-tune-lr", s.fine_tune_lr, 1.2e-3, "on Fashion-MNIST, falling to 0 along a cosine", 1e-12, 1e3);
  o.real("--warm-up", s.warm_up, 0.1, "share of the fine-tuning before anything is pruned", 0, 1);
  o.real("--cool-down", s.cool_down, 0.2, "share of it that is left when the density is reached", 0, 1);
  o.text("--scope", s.scope, "global", "weights compete in their layer or all together", {"global", "layer"});
  o.real("--score-rate", s.score_rate, {7500, 1500, 55}, "the soft scores' learning rate", 1e-12, 1e12);
  o.real("--threshold", s.threshold, -2.2, "on the soft scores; -2.2 is 0.1 of their sigmoid, the paper's", -1e6, 1e6);
  o.integer("--evaluate-every", s.evaluate_every, {400, 500, 5000}, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, 5000, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, 5000, "training examples of each set kept for validation", 1, 30000);
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) all.push_back(word);
  return all;
}

std::vector<double> numbers(const char* option, const std::string& list) {
  std::vector<double> all;
  for (const std::string& text : words(list)) {
    double v = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
    require(error == std::errc() && end == text.data() + text.size() && std::isfinite(v), "{}: \"{}\" is not a number", option, text);
    all.push_back(v);
  }
  require(!all.empty(), "{}: names none", option);
  return all;
}

void check(Settings& s) {
  const std::vector<std::string> known{"movement", "soft", "magnitude", "random"};
  for (const std::string& arm : words(s.arms_text)) {
    require(std::ranges::find(known, arm) != known.end(), "--arms: \"{}\" is not one of {}", arm, fmt::join(known, ", "));
    require(std::ranges::find(s.arms, arm) == s.arms.end(), "--arms: \"{}\" is named twice", arm);
    s.arms.push_back(arm);
  }
  require(!s.arms.empty(), "--arms: names no method; take some of {}", fmt::join(known, ", "));
  std::ranges::sort(s.arms, {},
                    [&](const std::string& arm) { return std::ranges::find(known, arm); });  // everywhere, however they were given
  s.densities = numbers("--densities", s.densities_text);
  for (std::size_t i = 0; i < s.densities.size(); ++i) {
    const double d = s.densities[i];
    require(d > 0 && d<1, "--densities: {} is not between 0 and 1{}", d, d> 1 && d < 100 ? fmt::format("; did you mean {}?", d / 100) : "");
    require(i == 0 || d < s.densities[i - 1], "--densities: {} does not fall", s.densities_text);
  }
  s.lambdas = numbers("--lambdas", s.lambdas_text);
  for (std::size_t i = 0; i < s.lambdas.size(); ++i)
    require(s.lambdas[i] >= 0 && (i == 0 || s.lambdas[i] > s.lambdas[i - 1]), "--lambdas: {} must not be negative, and rise",
            s.lambdas_text);
  const auto n = static_cast<double>(s.iterations);
  require(std::round(s.cool_down * n) >= 1 && std::round(s.warm_up * n) + std::round(s.cool_down * n) < n,
          "--warm-up {} --cool-down {}: of {} iterations they must leave some to prune in, and the cool-down be at least one", s.warm_up,
          s.cool_down, s.iterations);
}

struct Data {
  datasets::Dataset train;
  Examples validation, test;
};

Data load(datasets::Dataset (*set)(const std::filesystem::path&, bool), const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  auto [train, validation] = datasets::split(set(folder, true), s.validation, Random(o.seed).derive("split"));
  const datasets::Dataset test = set(folder, false);
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  return {train, {datasets::as_floats(validation), validation.labels}, {datasets::as_floats(test), test.labels}};
}

// How an arm prunes at a level: all by the same cubic ramp, from the warm-up's end to the cool-down's start.
prune::MovementOptions pruning(const Settings& s, const TrainingId& id, const Random& random) {
  const auto n = static_cast<double>(s.iterations);
  const auto start = static_cast<std::int64_t>(std::round(s.warm_up * n)),
             end = s.iterations - static_cast<std::int64_t>(std::round(s.cool_down * n));
  prune::MovementOptions m{.ramp = {.initial = 0, .final = 0.9, .start = start, .every = 1, .times = end - start},
                           .random = random.derive("scores")};
  if (id.arm == "soft") {
    m.soft = true;
    m.lambda = s.lambdas[id.level - 1];
    m.threshold = s.threshold;
    m.rate = s.score_rate;
    return m;
  }
  m.by = id.arm == "movement" ? prune::By::movement : id.arm == "magnitude" ? prune::By::magnitude : prune::By::random;
  m.ramp.final = 1 - s.densities[id.level - 1];
  m.scope = s.scope == "global" ? prune::Scope::global : prune::Scope::layer;
  return m;
}

std::string title(const Settings& s, const TrainingId& id, std::int64_t trials) {
  const std::string which = id.level == 0      ? id.arm
                            : id.arm == "soft" ? fmt::format("soft, lambda {:g}", s.lambdas[id.level - 1])
                                               : fmt::format("{} to {:g}%", id.arm, 100 * s.densities[id.level - 1]);
  return trials > 1 ? fmt::format("trial {}, {}", id.trial, which) : which;
}

// The trainings whose weights the scatter shows: their values are kept as they are before the last step, hidden ones too.
bool in_scatter(const Settings& s, const TrainingId& id) {
  return id.trial == 0 && (id.arm == "magnitude" || id.arm == "movement") && id.level == static_cast<std::int64_t>(s.densities.size());
}

struct Shown {
  std::vector<Tensor> before;
  std::map<std::string, Training> after;  // by arm
};

// clang-format off
// the experiment
void experiment(Jobs& jobs, const Trainings& digits, const Trainings& clothes, const Settings& s, const Options& o, const Transfer& transfer,
                const Data& mnist, const Data& fashion, Shown& shown) {
  const nn::Init glorot{nn::Fan::glorot, nn::Distribution::normal};
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    jobs.chain([&, trial] {
      const Random random = Random(o.seed).derive("trial").derive(trial);
      auto net = nn::lenet_300_100();
      nn::initialize(*net, glorot, random.derive("init"));
      Training pretrained;
      jobs.run([&] {                                                         // 1. train a network on digits
        const TrainingId id{trial, "pretrained", 0, 0};
        pretrained = digits.run(id, {.values = prune::snapshot(net->parameters()), .batches = datasets::Batches(mnist.train, s.batch, random.derive("digits")),
                                     .keep_final = true, .title = title(s, id, o.trials)});
      });
      nn::initialize(*net, glorot, random.derive("head"));                   // 2. give it a new output layer
      for (std::size_t i = 0; i < 4; ++i) net->parameters()[i]->set(pretrained.final_values[i]);
      const std::vector<Tensor> start = prune::snapshot(net->parameters());
      if (trial == 0) shown.before = start;
      for (const TrainingId& id : transfer.plan()) {
        if (id.trial != trial) continue;
        Start tuning{.values = start, .batches = datasets::Batches(fashion.train, s.batch, random.derive("clothes")), .title = title(s, id, o.trials)};
        if (id.arm != "dense")                                               // 3. learn clothes, and before every step keep the top 1 - ρ(t)
          tuning.during = [&, id, random](nn::Module& n) { return std::make_unique<prune::Movement>(prune::prunable(n), pruning(s, id, random)); };
        if (in_scatter(s, id)) tuning.keep_values_at = s.iterations - 1, tuning.keep_final = true;
        Training* result = in_scatter(s, id) ? &shown.after.at(id.arm) : nullptr;
        jobs.later([&clothes, id, tuning, result] {
          Training done = clothes.run(id, tuning);
          if (result) *result = std::move(done);
        });
      }
    });
  jobs.wait();
}
// end
// clang-format on

Recipe recipe_of(const Settings& s, const Options& o, const Data& data, std::int64_t iterations, nn::Schedule rate) {
  return {.network = nn::lenet_300_100,
          .optimizer = [](std::vector<nn::Parameter*> p) { return std::make_unique<nn::Adam>(std::move(p)); },
          .rate = std::move(rate),
          .iterations = iterations,
          .evaluate_every = s.evaluate_every,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the run will cost, before it starts.
void announce(const Transfer& t, const Settings& s, const Options& o, const Recipe& digits, const Recipe& clothes, const Data& mnist,
              const Data& fashion, const RunFolder& folder) {
  const auto count = static_cast<std::int64_t>(t.plan().size());
  const double seconds = seconds_for(digits, datasets::Batches(mnist.train, s.batch, Random(0)), o.trials,
                                     o.trials * s.pretrain_iterations) +
                         seconds_for(clothes, datasets::Batches(fashion.train, s.batch, Random(0)), count,
                                     3 * count * s.iterations);  // (selecting and scoring: twice as much again)
  const std::int64_t at_once = std::min({o.jobs, count, static_cast<std::int64_t>(hardware_threads())});
  fmt::print(
      "movement_transfer: {} training{} of {} iterations on mnist and {} fine-tunings of {} on fashion-mnist, {} at a time: about {}, "
      "{:.0f} MB in {}\n",
      o.trials, o.trials == 1 ? "" : "s", s.pretrain_iterations, count, s.iterations, at_once,
      duration(seconds / static_cast<double>(at_once)), 6 + 1.1 * static_cast<double>(o.trials), folder.path().string());
  if (std::ranges::find(s.arms, "soft") != s.arms.end())
    fmt::print("soft: the density follows from lambda, so {} are tried ({}); each density is answered by the one that comes out nearest\n",
               s.lambdas.size(), s.lambdas_text);
  std::fflush(stdout);
}

void show(const Transfer& t, const Settings& s, const RunFolder& folder, const Shown& shown, const Options& o) {
  const std::string source = t.seeds + "; " + t.command;
  t.draw_accuracy(folder.file("figures"));
  std::vector<Figure> figures{
      {"accuracy.svg",
       "Test accuracy on Fashion-MNIST against the weights left, after fine-tuning a network that was trained on MNIST. " + source}};
  std::vector<Scatter> panels;
  for (const auto& [arm, training] : shown.after)
    panels.push_back({arm, arm == "magnitude" ? "#d9651a" : "#1f5fbf", shown.before[0], training.kept_values[0], training.final_masks[0]});
  if (!panels.empty()) {
    draw_scatter(folder.file("figures"), panels, 2500, Random(o.seed).derive("scatter"),
                 fmt::format("{:g}% of all weights kept; up to 2,500 kept and 2,500 pruned ones of the first layer; {}",
                             100 * s.densities.back(), source));
    figures.push_back({"scatter.svg",
                       "Magnitude keeps what is far from 0, movement what moves away from it. Each point is a weight of the first layer, "
                       "before fine-tuning and "
                       "after; a pruned one is shown as it was when it was pruned. " +
                           source});
  }
  present(folder, {"Movement pruning from MNIST to Fashion-MNIST", figures, t.table(), t.summary()});
}

void run(int argc, char** argv) {
  Options o("movement_transfer",
            "Movement pruning, after Sanh, Wolf and Rush (NeurIPS 2020): LeNet-300-100 learns MNIST, is fine-tuned on Fashion-MNIST and "
            "pruned on the\n"
            "way, by movement (hard and soft), by magnitude with the same schedule, and at random.",
            {1, 3, 5});
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, "fashion-mnist");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data mnist = load(datasets::load_mnist, s, o), fashion = load(datasets::load_fashion_mnist, s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  Transfer transfer{.arms = s.arms,
                    .densities = s.densities,
                    .lambdas = s.lambdas,
                    .trials = o.trials,
                    .command = "./bonsai run movement_transfer" + o.command_line(),
                    .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : ""),
                    .points = {}};
  const Recipe on_digits = recipe_of(s, o, mnist, s.pretrain_iterations, nn::constant(s.lr));
  const Recipe on_clothes = recipe_of(s, o, fashion, s.iterations, nn::cosine(s.fine_tune_lr, s.iterations));
  announce(transfer, s, o, on_digits, on_clothes, mnist, fashion, folder);
  Shown shown;
  for (const TrainingId& id : transfer.plan())
    if (in_scatter(s, id)) shown.after[id.arm];
  {
    const std::vector<TrainingId> first = transfer.pretrainings(), then = transfer.plan();
    const auto count = static_cast<std::int64_t>(then.size());
    Progress progress("trainings", o.trials + count, o.trials * s.pretrain_iterations + count * s.iterations);
    const Trainings digits(on_digits, folder, progress, first), clothes(on_clothes, folder, progress, then, first);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, digits, clothes, s, o, transfer, mnist, fashion, shown);
  }
  folder.add_time("all", seconds());
  transfer.read(folder);
  show(transfer, s, folder, shown, o);
  fmt::print("took {}. Next: ./bonsai run movement_transfer --scope {}\n", duration(seconds()), s.scope == "global" ? "layer" : "global");
}

}  // namespace

int main(int argc, char** argv) {
  return program("movement_transfer", [&] { run(argc, argv); });
}
