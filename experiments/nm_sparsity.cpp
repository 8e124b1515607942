// N of every M weights: what it costs that so many stay in each group (Mishra et al., 2021; Zhou et al., ICLR 2021). A trained network pruned to 1:4, 2:4, 4:8 and 2:8, with its channels as
// they are and in a better order (Pool and Yu, NeurIPS 2021), and trained on; SR-STE, which chooses anew at every step; and as many zeros anywhere.
//
//   ./bonsai run nm_sparsity                    LeNet-300-100 on MNIST: 5,000 steps each
//   ./bonsai run nm_sparsity --net resnet20     CIFAR-10: 250 steps each
//   ./bonsai run nm_sparsity --quick            a first look
//   ./bonsai run nm_sparsity --paper            50,000 steps, or ResNet-20's whole training again (31,250); 3 trials
//
// The networks are those of datasets/trained. Read `experiment` first; the chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>

#include "core/parallel.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/nm_runs.h"
#include "experiments/common/program.h"
#include "experiments/common/pruned_again.h"
#include "experiments/common/report.h"
#include "nn/init.h"
#include "prune/nm/permute_network.h"
#include "prune/nm/prune_nm.h"
#include "prune/nm/sr_ste.h"
#include "prune/recovery/rewind.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings : TrainOn {
  std::string patterns_text, arms_text;
  double lambda;
  std::vector<prune::NM> patterns;
  std::vector<std::string> arms;
};

void declare(Options& o, Settings& s, int argc, char** argv) {
  const bool resnet = given(argc, argv, "--net", "lenet_300_100") == "resnet20";
  o.text("--net", s.net, "lenet_300_100", "the trained network", {"lenet_300_100", "lenet5", "resnet20"});
  o.text("--patterns", s.patterns_text, "1:4,2:4,4:8,2:8", "N kept of every M");
  o.text("--arms", s.arms_text, resnet ? "in-place,permuted,sr-ste,anywhere" : "in-place,permuted,sr-ste,sr-ste-new,anywhere", "how weights are pruned and trained on");
  o.integer("--iterations", s.iterations, resnet ? Sizes<std::int64_t>{3, 250, 31250} : Sizes<std::int64_t>{150, 5000, 50000}, "steps of training on", 1, 100'000'000);
  o.integer("--batch", s.batch, resnet ? Sizes<std::int64_t>{16, 128, 128} : Sizes<std::int64_t>{60}, "examples a step", 1, 40000);
  o.real("--lr", s.lr, resnet ? Sizes<double>{0.02, 0.02, 0.1} : Sizes<double>{1.2e-3}, "the learning rate; it falls along a cosine", 1e-12, 1e3);
  o.real("--lambda", s.lambda, 2e-4, "SR-STE's", 0, 1e3);
  o.integer("--checkpoint-every", s.checkpoint_every, {1000, resnet ? 50 : 2500, 2500}, "steps; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {resnet ? 100 : 1000, resnet ? 1000 : 5000, 5000}, "of the 5,000 training images kept for validation, measure on so many", 1, 5000);
  o.integer("--test", s.test, {resnet ? 200 : 2000, resnet ? 2000 : 10000, 10000}, "of the 10,000 test images, measure on so many", 1, 10000);
}

void check(Settings& s) {
  std::string text = s.patterns_text + ",";
  for (std::size_t comma; (comma = text.find(',')) != text.npos; text = text.substr(comma + 1)) {
    const prune::NM p = prune::nm(text.substr(0, comma));
    require(std::ranges::find(s.patterns, p) == s.patterns.end(), "--patterns: {} is named twice", p.str());
    s.patterns.push_back(p);
  }
  std::vector<std::string> known;
  for (const NmArm& a : nm_arms()) known.push_back(a.name);
  s.arms = words_in("--arms", s.arms_text, known);
}

std::vector<nn::Parameter*> fitting(nn::Module& net, prune::NM p) {
  std::vector<nn::Parameter*> all;
  for (nn::Parameter* w : prune::prunable(net))
    if (prune::nm_refusal(w->shape(), p).empty()) all.push_back(w);
  return all;
}

double magnitude_of(const std::vector<nn::Parameter*>& weights) {
  double all = 0;
  for (const nn::Parameter* w : weights) all += sum(cast(abs(w->dense_values().detach()), DType::f64)).item();
  return all;
}

void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const TrainedData& data, NmRuns& runs) {
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial) {
    const Random random = Random(o.seed).derive("trial").derive(trial);
    const datasets::Batches batches = data.batches(s, random.derive("batches"));               // the same for all
    auto start_of = [&](nn::Sequential& net) { return Start{.values = prune::snapshot(net.parameters()), .masks = prune::masks_of(net.parameters()), .buffers = prune::snapshot_buffers(net), .batches = batches}; };
    auto train_later = [&](const std::string& arm, std::size_t level, Start start) {
      start.title = level == 0 ? "all weights" : fmt::format("{}, {}", s.patterns[level - 1].str(), nm_arm(arm).words);
      jobs.later([&trainings, id = TrainingId{trial, arm, 0, static_cast<std::int64_t>(level)}, start] { trainings.run(id, start); });
    };
    train_later("dense", 0, start_of(*trained(s.net).net));
    for (const std::string& arm : s.arms)
      for (std::size_t level = 1; level <= s.patterns.size(); ++level) {
        const prune::NM p = s.patterns[level - 1];
        auto net = trained(s.net).net;                                                       // 1. a trained network
        if (arm == "sr-ste-new") nn::initialize(*net, {}, random.derive("init"));
        if (arm == "permuted") prune::permute_channels(*net, data.some, p, random.derive("order"));   // 2. its channels in a better order
        const std::vector<nn::Parameter*> weights = fitting(*net, p);
        const prune::ScoreInputs in{.parameters = weights};
        const double before = magnitude_of(weights);
        if (arm == "anywhere") prune::prune_step(prune::method("magnitude"), in, std::vector<double>(weights.size(), 1 - p.density()));
        else if (nm_arm(arm).pruned_first) prune::prune_nm(prune::method("magnitude"), in, p);        // 3. N of every M stay,
        Start start = start_of(*net);
        if (!nm_arm(arm).pruned_first)                                                       //    or are chosen anew at every step
          start.during = [p, &s](nn::Module& net) { return std::make_unique<prune::SrSte>(fitting(net, p), p, s.lambda); };
        train_later(arm, level, start);                                                      // 4. training goes on
        if (trial == 0) runs.kept[{arm, static_cast<std::int64_t>(level)}] = magnitude_of(weights) / before;
      }
  }
  // end
  // clang-format on
  jobs.wait();
}

void run(int argc, char** argv) {
  Options o("nm_sparsity",
            "N:M sparsity of a trained network (Mishra et al., 2021; Zhou et al., ICLR 2021): pruned with its channels as they are and permuted (Pool and Yu,\n"
            "NeurIPS 2021), as pruned and trained on; SR-STE; as many zeros anywhere.",
            {1, 1, 3});
  Settings s;
  declare(o, s, argc, argv);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.net);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const TrainedData data = load_trained(s, o);
  NmRuns runs{.patterns = s.patterns,
              .arms = s.arms,
              .trials = o.trials,
              .iterations = s.iterations,
              .net = s.net,
              .dataset = data.about.dataset,
              .command = "./bonsai run nm_sparsity" + o.command_line(),
              .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  for (const prune::NM& p : s.patterns) {
    auto net = nn::network(s.net);
    require(!fitting(*net, p).empty(), "--patterns: no weight of {} can take {}", s.net, p.str());
    for (const nn::Parameter* w : prune::prunable(*net))
      if (const std::string why = prune::nm_refusal(w->shape(), p); !why.empty()) runs.left_dense.push_back(fmt::format("{} leaves {} dense: {}", p.str(), w->name(), why));
  }
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const Recipe recipe = recipe_of(s, o, data);
  const std::vector<TrainingId> ids = runs.plan();
  const auto count = static_cast<std::int64_t>(ids.size());
  const std::int64_t at_once = std::min({o.jobs, count, static_cast<std::int64_t>(hardware_threads())});
  const double training = seconds_for(recipe, data.batches(s, Random(0)), count, count * s.iterations);
  fmt::print("nm_sparsity: {}, {} trainings of {} steps, {} at a time: about {}, 1 MB in {}\n", s.net, count, s.iterations, at_once, duration(training / static_cast<double>(at_once)),
             folder.path().string());
  std::fflush(stdout);
  {
    Progress progress("trainings", count, count * s.iterations);
    const Trainings trainings(recipe, folder, progress, ids);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data, runs);
  }
  folder.add_time("all", seconds());
  runs.read(folder);
  runs.show(folder);
  fmt::print("took {}. Next: ./bonsai run nm_sparsity --net {}\n", duration(seconds()), s.pictures() ? "lenet5" : "resnet20");
}

}  // namespace

int main(int argc, char** argv) {
  return program("nm_sparsity", [&] { run(argc, argv); });
}
