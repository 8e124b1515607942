// Filters on CIFAR-10: which criterion knows which channels a network can spare, and what is gained when they are really cut out. After Li et al.,
// "Pruning filters for efficient ConvNets" (ICLR 2017), Molchanov et al. (ICLR 2017), Liu et al. (ICCV 2017) and He et al. (CVPR 2019).
//
//   ./bonsai run filters_cifar                       a trained ResNet-20, six criteria, 10 to 50% of the channels, 200 iterations of fine-tuning
//   ./bonsai run filters_cifar --quick               a first look
//   ./bonsai run filters_cifar --distill 0.7         the dense network teaches the small ones
//   ./bonsai run filters_cifar --net vgg16           trains its dense network first
//   ./bonsai run filters_cifar --protocol soft       nothing is cut: filters are set to 0 epoch after epoch, and train on (SFP, FPGM)
//   ./bonsai run filters_cifar --paper               Li's fine-tuning: 40 epochs at a rate of 0.001; kill it at will, --resume goes on
//   ./bonsai run filters_cifar --protocol soft --from scratch --dense-iterations 0 --paper     FPGM's table: 200 epochs, from random weights
//
// Read `experiment`; what is cut is decided in prune/structure. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <string_view>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/cifar10.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/filters.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/trained.h"
#include "nn/init.h"
#include "prune/recovery/distill.h"
#include "prune/recovery/rewind.h"
#include "prune/schedules/soft_filters.h"
#include "prune/structure/criteria.h"
#include "prune/structure/select_channels.h"
#include "prune/structure/surgery.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::string net, from, protocol, criteria_text, ratios_text, scope, channels;
  std::vector<std::string> criteria;
  std::vector<double> ratios;
  std::int64_t dense_iterations, iterations, every, batch, score_examples, checkpoint_every, validation, test;
  double lr, distill, temperature;
  std::int64_t training() const { return from == "trained" ? 0 : dense_iterations; }  // iterations of the dense network's
  bool soft() const { return protocol == "soft"; }
};

// The soft protocol's: filters of every convolution but the shortcuts' projections, which the authors leave alone, too.
const std::vector<std::pair<std::string, prune::FiltersKept (*)(double ratio)>> soft_criteria{
    {"l2", prune::keep_by_l2}, {"fpgm", prune::keep_by_fpgm}, {"fpgm-mix", prune::keep_by_fpgm_mix}};
std::vector<nn::Parameter*> convolutions(nn::Module& net) {
  std::vector<nn::Parameter*> all;
  for (nn::Parameter* p : net.parameters())
    if (p->shape().rank() == 4 && p->name().find("shortcut") == std::string::npos) all.push_back(p);
  return all;
}

void declare(Options& o, Settings& s, int argc, char** argv) {
  // What the defaults of others hang on.
  const bool quick = std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--quick"; });
  const bool soft = given(argc, argv, "--protocol", "cut") == "soft";
  const std::string usual = has_trained(given(argc, argv, "--net", "resnet20")) ? "trained" : "scratch", from = given(argc, argv, "--from", usual);
  o.text("--net", s.net, "resnet20", "the network", {"resnet20", "resnet32", "resnet56", "vgg16"});
  o.text("--from", s.from, usual, "where the dense network comes from: datasets/trained, or a training of --dense-iterations",
         {"trained", "scratch"});
  o.integer("--dense-iterations", s.dense_iterations, {2, 600, 64'000}, "of the dense network's training, with --from scratch", 0, 100'000'000);
  o.text("--protocol", s.protocol, "cut", "cut: channels go at once, the rest is fine-tuned; soft: filters are set to 0 again and again while all train on", {"cut", "soft"});
  o.text("--criteria", s.criteria_text, soft ? "l2,fpgm,fpgm-mix" : "l1,l2,fpgm,taylor,bn-gamma,random",
         "what decides which channels go: l1, l2, fpgm, taylor, bn-gamma, apoz, activation, random; soft: l2, fpgm, fpgm-mix");
  o.text("--ratios", s.ratios_text, soft ? (quick ? "0.4" : "0.3,0.4") : quick ? "0.5" : "0.1,0.2,0.3,0.4,0.5", "shares of the channels that go");
  o.text("--scope", s.scope, "layer", "the share is of each layer's channels, or of all channels together", {"layer", "global"});
  o.text("--channels", s.channels, "all", "all: those that residual sums tie together, too; inner: of a block only its first convolution's, as Li et al.", {"all", "inner"});
  o.integer("--iterations", s.iterations, {2, 200, soft ? 70'400 : 14'063}, "of fine-tuning (14,063 are 40 epochs, 70,400 are 200)", 1, 100'000'000);
  o.integer("--every", s.every, {1, 20, 352}, "with --protocol soft: iterations after which filters are set to 0 (352 are an epoch)", 1, 100'000'000);
  o.real("--lr", s.lr, {0.01, 0.01, !soft ? 0.001 : from == "trained" ? 0.01 : 0.1},
         "SGD's learning rate in fine-tuning: falls as half a cosine; with --paper it is constant, or soft: x 0.2 after 30, 60 and 80%", 1e-12, 1e3);
  o.integer("--batch", s.batch, {32, 128, 128}, "examples a step", 2, 45000);
  o.real("--distill", s.distill, 0.0, "share of the loss that the dense network's answers have; 0: labels alone", 0, 1);
  o.real("--temperature", s.temperature, 4.0, "of distillation", 1e-3, 1e3);
  o.integer("--score-examples", s.score_examples, {32, 512, 2000}, "training images that scores look at", 1, 45000);
  o.integer("--checkpoint-every", s.checkpoint_every, {10, 100, 500}, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {200, 1000, 5000}, "of the 5,000 training images kept for validation, measure on so many", 1, 5000);
  o.integer("--test", s.test, {200, 2000, 10000}, "of the 10,000 test images, measure on so many", 1, 10000);
}

void check(Settings& s) {
  std::vector<std::string> known;
  if (s.soft())
    for (const auto& [name, rule] : soft_criteria) known.push_back(name);
  else
    for (const prune::ChannelCriterion& c : prune::channel_criteria()) known.push_back(c.name);
  s.criteria = words_in("--criteria", s.criteria_text, known);
  s.ratios = numbers_in("--ratios", s.ratios_text);
  for (std::size_t i = 0; i < s.ratios.size(); ++i)
    require(s.ratios[i] > (i == 0 ? 0 : s.ratios[i - 1]) && s.ratios[i] < 1, "--ratios: {} does not come after {}; give rising shares between 0 and 1{}", s.ratios[i],
            i == 0 ? 0 : s.ratios[i - 1], s.ratios[i] > 1 && s.ratios[i] < 100 ? fmt::format("; did you mean {}?", s.ratios[i] / 100) : "");
  require(!s.soft() || (s.scope == "layer" && s.channels == "all"), "--protocol soft: takes the same share of every convolution's filters; leave out --scope and --channels");
  if (s.soft()) prune::SoftFilters(convolutions(*nn::network(s.net)), prune::keep_by_l2(s.ratios.back()), 1, 1);  // would a layer lose all?
  require(s.from != "trained" || has_trained(s.net), "--from trained: there is no trained {}; take --from scratch, which trains one", s.net);
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;
  Examples validation, test;
  Tensor example, some;  // one picture, to read a graph of; a few, to compare networks on
  datasets::Batches batches(const Settings& s, const Random& stream) const { return {train, s.batch, stream, normalization, {.flip = true, .pad = 4}}; }
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset all = datasets::load_cifar10(folder, true), test = datasets::load_cifar10(folder, false);
  const datasets::Normalization n = datasets::channel_normalization_of(all);
  auto [train, validation] = datasets::split(all, 5000, Random(o.seed).derive("split"));
  auto first = [&](datasets::Dataset d, std::int64_t count) {  // the same ones in every training
    d.inputs = slice(d.inputs, 0, 0, count), d.labels = slice(d.labels, 0, 0, count);
    return Examples{datasets::as_floats(d, n), d.labels};
  };
  Data data{train, n, first(validation, s.validation), first(test, s.test), {}, {}};
  data.example = slice(data.validation.inputs, 0, 0, 1), data.some = slice(data.validation.inputs, 0, 0, std::min<std::int64_t>(16, s.validation));
  return data;
}

// The dense network, from datasets/trained or from a training.
struct Dense {
  std::string name;
  std::vector<Tensor> values, buffers;
  std::unique_ptr<nn::Sequential> copy() const {
    auto net = nn::network(name);
    prune::rewind(net->parameters(), values);
    prune::set_buffers(*net, buffers);
    return net;
  }
};
using DenseRef = std::shared_ptr<const Dense>;

prune::ChannelRequest request(const Settings& s, const prune::Channels& channels, double ratio) {
  prune::ChannelRequest r{.scope = s.scope == "global" ? prune::Scope::global : prune::Scope::layer, .channel_ratio = ratio};
  for (const prune::ChannelLayer& l : channels.layers())
    if (s.channels == "inner" && l.weights.size() > 1) r.leave.push_back(l.name);
  return r;
}

// The dense network with these units cut out: masks, then surgery.
std::unique_ptr<nn::Sequential> cut_network(const Dense& dense, const std::vector<int>& units, const Data& data, double* cut_minus_masked = nullptr) {
  auto net = dense.copy();
  prune::mask_units(prune::Channels(*net, data.example), units);
  const prune::CutResult r = prune::cut(*net, data.some);
  if (cut_minus_masked) *cut_minus_masked = r.cut_minus_masked;
  for (nn::Parameter* p : net->parameters()) p->clear_mask();  // nothing is left of what they pruned
  return net;
}

Start fine_tuning(std::function<std::unique_ptr<nn::Sequential>()> network, const datasets::Batches& batches, const DenseRef& dense, const Settings& s, const Metadata& about,
                  const std::string& title) {
  const auto net = network();
  std::int64_t parameters = 0, all = 0;
  for (const nn::Parameter* p : net->parameters()) parameters += p->numel();
  for (const Tensor& v : dense->values) all += v.numel();
  Start start{.values = prune::snapshot(net->parameters()), .buffers = prune::snapshot_buffers(*net), .batches = batches, .title = title};
  start.network = std::move(network);
  start.density = static_cast<double>(parameters) / static_cast<double>(all);
  start.keep_final = true;
  start.about = about;
  if (parameters < all) start.about["cut"] = "by filters_cifar";
  if (s.distill > 0)
    start.loss = [dense, &s, teacher = std::make_shared<std::unique_ptr<nn::Sequential>>()](const Tensor& outputs, const Batch& b) {
      if (!*teacher) *teacher = dense->copy();  // only now: many trainings wait, few run
      const nn::Evaluating mode(**teacher);
      Tensor answers;
      {
        NoGrad off;
        answers = (**teacher)(b.inputs);
      }
      return prune::distillation_loss(outputs, answers, b.labels, s.distill, s.temperature);
    };
  return start;
}

// The soft protocol: the dense network trains on, and filters are set to 0 before the first step, as the authors do, and after every epoch.
Start soft_training(const std::string& criterion, double ratio, const datasets::Batches& batches, const DenseRef& dense, const Settings& s, const Metadata& about) {
  const auto* rule = &*std::ranges::find(soft_criteria, criterion, [](const auto& c) { return c.first; });
  auto during = [=, &s](nn::Module& net) { return std::make_unique<prune::SoftFilters>(convolutions(net), rule->second(ratio), s.every, s.iterations); };
  auto network = [dense, rule, ratio] {
    auto net = dense->copy();
    prune::SoftFilters(convolutions(*net), rule->second(ratio), 1, 1).after_update(0, 0);
    return net;
  };
  Start start = fine_tuning(network, batches, dense, s, about, fmt::format("{}, {:g}% of the filters soft", criterion, 100 * ratio));
  start.density = {};  // that of the masks at the end
  start.during = during;
  return start;
}

// `first` trains dense networks, `then` tunes what is cut out of them, or what is pruned softly.
void experiment(Jobs& jobs, const Trainings& first, const Trainings& then, const Settings& s, const Options& o, const Data& data, FilterRuns& runs) {
  const Metadata about = metadata({.network = s.net, .dataset = "cifar-10", .classes = classes_of("cifar-10"), .normalization = data.normalization});
  // clang-format off
  // the experiment
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    jobs.chain([&, trial] {
      const Random random = Random(o.seed).derive("trial").derive(trial);
      auto net = nn::network(s.net);
      if (s.from == "trained") net = trained(s.net).net;
      else nn::initialize(*net, {nn::Fan::he, nn::Distribution::normal}, random.derive("init"));
      Training whole;
      jobs.run([&] { whole = first.run({trial, "dense", 0, 0}, {.values = prune::snapshot(net->parameters()), .buffers = prune::snapshot_buffers(*net),   // 1. train
                                         .batches = data.batches(s, random.derive("dense")), .keep_final = true, .about = about, .title = "dense network"}); });
      const auto dense = std::make_shared<const Dense>(Dense{s.net, whole.final_values, whole.final_buffers});
      const datasets::Batches batches = data.batches(s, random.derive("fine-tuning"));                 // the same for all
      if (trial == 0) runs.dense.network = [dense] { return dense->copy(); };
      const Start control = fine_tuning([dense] { return dense->copy(); }, batches, dense, s, about, "dense network, fine-tuned");
      jobs.later([&then, trial, control] { then.run({trial, "fine-tuned", 0, 0}, control); });
      for (const std::string& criterion : s.criteria) {
        for (std::size_t level = 1; s.soft() && level <= s.ratios.size(); ++level)
          jobs.later([&then, id = TrainingId{trial, criterion, 0, static_cast<std::int64_t>(level)}, tuning = soft_training(criterion, s.ratios[level - 1], batches, dense, s, about)] {
            then.run(id, tuning); });                                                                    // 2-5, soft: all in one training
        if (s.soft()) continue;
        const Batch some = datasets::Batches(data.train, s.score_examples, random.derive("scores"), data.normalization)(0);
        auto scored = dense->copy();
        const prune::Channels channels(*scored, data.example);
        std::vector<double> scores;
        jobs.run([&] { scores = prune::channel_criterion(criterion).score({*scored, some.inputs, some.labels, random.derive("random")}); });  // 2. score the channels
        for (std::size_t level = 1; level <= s.ratios.size(); ++level) {
          const TrainingId id{trial, criterion, 0, static_cast<std::int64_t>(level)};
          const prune::ChannelChoice choice = prune::choose_channels(channels, scores, request(s, channels, s.ratios[level - 1]));   // 3. select the lowest
          auto cut = [dense, units = choice.units, &data] { return cut_network(*dense, units, data); };                            // 4. cut them out
          const Start tuning = fine_tuning(cut, batches, dense, s, about, fmt::format("{}, {:g}% of the channels gone", criterion, 100 * s.ratios[level - 1]));
          jobs.later([&then, id, tuning] { then.run(id, tuning); });                                                              // 5. train the rest on
          if (trial > 0) continue;
          FilterRuns::Cut& seen = runs.cuts.at({criterion, id.level});
          seen.network = cut, seen.spared = choice.spared, cut_network(*dense, choice.units, data, &seen.cut_minus_masked);
        }
      }
    });
  // end
  // clang-format on
  jobs.wait();
}

Recipe recipe_of(const Settings& s, const Options& o, const Data& data, bool dense) {
  const std::int64_t iterations = dense ? s.training() : s.iterations;
  const nn::Schedule of_the_paper = s.soft() ? nn::steps(s.lr, {iterations * 3 / 10, iterations * 6 / 10, iterations * 8 / 10}, 0.2) : nn::constant(s.lr);
  const nn::Schedule tuning = o.size == "paper" ? of_the_paper : nn::cosine(s.lr, std::max<std::int64_t>(1, iterations));
  const double decay = dense || s.soft() ? 5e-4 : 1e-4;
  return {.network = [net = s.net] { return nn::network(net); },
          .optimizer = [decay](std::vector<nn::Parameter*> p) { return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = 0.9, .weight_decay = decay}); },
          .rate = dense ? nn::warmup(std::max<std::int64_t>(1, iterations / 20), nn::cosine(0.1, std::max<std::int64_t>(1, iterations))) : tuning,
          .iterations = iterations,
          .evaluate_every = std::max<std::int64_t>(1, iterations),
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the run will cost, before it starts.
void announce(const Settings& s, const Options& o, const Recipe& tuning, const Data& data, const FilterRuns& runs, const RunFolder& folder) {
  const auto count = static_cast<std::int64_t>(runs.plan().size());
  double share = 0;  // of the dense network's work, over all fine-tunings: of a weight about (1 - r)² stays
  for (const double r : s.ratios) share += (s.soft() ? 1 : (1 - r) * (1 - r)) / static_cast<double>(s.ratios.size());
  const auto steps = static_cast<std::int64_t>(share * static_cast<double>(count * s.iterations)) + o.trials * s.training();
  const double seconds = seconds_for(tuning, data.batches(s, Random(0)), count + o.trials, steps);
  fmt::print("filters_cifar: {}, {}{} fine-tunings of {} iterations, {} at a time: about {}, {:.0f} MB in {}\n", s.net,
             s.training() > 0 ? fmt::format("{} training{} of {} iterations and ", o.trials, o.trials == 1 ? "" : "s", s.training()) : "", count, s.iterations,
             std::min(o.jobs, count), duration(seconds / static_cast<double>(std::min<std::int64_t>(o.jobs, hardware_threads()))), s.net == "vgg16" ? 60.0 : 3.0, folder.path().string());
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("filters_cifar",
            "Channels cut out of ResNet or VGG on CIFAR-10, or filters pruned softly, by several criteria (Li et al., ICLR 2017; Molchanov et al., ICLR 2017; Liu et al., ICCV 2017;\n"
            "He et al., CVPR 2019): accuracy before and after fine-tuning, multiply-adds, measured speed.",
            {1, 1, 3});
  Settings s;
  declare(o, s, argc, argv);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.net);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  FilterRuns runs{.criteria = s.criteria,
                  .ratios = s.ratios,
                  .trials = o.trials,
                  .iterations = s.iterations,
                  .global = s.scope == "global",
                  .net = s.net,
                  .command = "./bonsai run filters_cifar" + o.command_line(),
                  .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  const Recipe dense = recipe_of(s, o, data, true), tuning = recipe_of(s, o, data, false);
  announce(s, o, tuning, data, runs, folder);
  {
    std::vector<TrainingId> first;
    for (std::int64_t trial = 0; trial < o.trials; ++trial) first.push_back({trial, "dense", 0, 0});
    const std::vector<TrainingId> then = runs.plan();
    for (const TrainingId& id : then)
      if (!s.soft() && id.trial == 0 && id.level > 0) runs.cuts[{id.arm, id.level}];
    const auto count = static_cast<std::int64_t>(then.size());
    Progress progress("trainings", o.trials + count, o.trials * s.training() + count * s.iterations);
    const Trainings trainings(dense, folder, progress, first), tunings(tuning, folder, progress, then, first);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, tunings, s, o, data, runs);
  }
  folder.add_time("all", seconds());
  runs.read(folder);
  runs.measure(data.some, o.size == "quick" ? 3 : 9);
  runs.show(folder);
  fmt::print("took {}. Next: ./bonsai run filters_cifar {}\n", duration(seconds()), s.soft() ? "--criteria l2,fpgm" : s.distill > 0 ? "--scope global --criteria taylor,bn-gamma" : "--distill 0.7");
}

}  // namespace

int main(int argc, char** argv) {
  return program("filters_cifar", [&] { run(argc, argv); });
}
