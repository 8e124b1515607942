// Kinds of zeros: single weights anywhere, two of every four, whole channels. One trained network pruned each way and trained on for as long, and what each way is
// really worth: parameters, multiply-adds, bytes of the file, measured speed, accuracy.
//
//   ./bonsai run pruning_types                    LeNet-300-100 on MNIST: 2,000 steps each
//   ./bonsai run pruning_types --net lenet5       and with convolutions; resnet20: CIFAR-10, 250 steps
//   ./bonsai run pruning_types --quick            a first look
//   ./bonsai run pruning_types --paper            20,000 steps each (no paper: as long as the networks were trained)
//
// The networks are those of datasets/trained. Read `experiment` first; the chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "core/parallel.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/pruned_again.h"
#include "experiments/common/report.h"
#include "experiments/common/type_runs.h"
#include "nn/forms.h"
#include "prune/nm/prune_nm.h"
#include "prune/recovery/rewind.h"
#include "prune/structure/criteria.h"
#include "prune/structure/select_channels.h"
#include "prune/structure/surgery.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings : TrainOn {
  double high, channels;
};

void declare(Options& o, Settings& s, int argc, char** argv) {
  const bool resnet = given(argc, argv, "--net", "lenet_300_100") == "resnet20";
  o.text("--net", s.net, "lenet_300_100", "the trained network", {"lenet_300_100", "lenet5", "resnet20"});
  o.integer("--iterations", s.iterations, resnet ? Sizes<std::int64_t>{3, 250, 20000} : Sizes<std::int64_t>{150, 2000, 20000}, "steps of training on", 1, 100'000'000);
  o.integer("--batch", s.batch, resnet ? Sizes<std::int64_t>{16, 128, 128} : Sizes<std::int64_t>{60}, "examples a step", 1, 40000);
  o.real("--lr", s.lr, resnet ? Sizes<double>{0.02} : Sizes<double>{1.2e-3}, "the learning rate; it falls along a cosine", 1e-12, 1e3);
  o.real("--high", s.high, 0.9, "beside half of them, the share of single weights that go", 0.5, 0.999);
  o.real("--channels", s.channels, 0.5, "the share of each layer's channels that are cut out", 0.01, 0.95);
  o.integer("--checkpoint-every", s.checkpoint_every, {1000, resnet ? 50 : 1000, 2500}, "steps; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {resnet ? 100 : 1000, resnet ? 1000 : 5000, 5000}, "of the 5,000 training images kept for validation, measure on so many", 1, 5000);
  o.integer("--test", s.test, {resnet ? 200 : 2000, resnet ? 2000 : 10000, 10000}, "of the 10,000 test images, measure on so many", 1, 10000);
}

std::int64_t numbers_in(nn::Module& net) {
  std::int64_t n = 0;
  for (const nn::Parameter* p : net.parameters()) n += p->numel();
  return n;
}

// The network without the lowest share of every layer's channels, by the L1 norm, really cut out.
std::unique_ptr<nn::Sequential> without_channels(const Settings& s, const TrainedData& data) {
  auto net = trained(s.net).net;
  const prune::Channels channels(*net, data.some);
  const std::vector<double> scores = prune::channel_criterion("l1").score({*net, data.some, {}, Random(1)});
  prune::mask_units(channels, prune::choose_channels(channels, scores, {.scope = prune::Scope::layer, .channel_ratio = s.channels}).units);
  prune::cut(*net, data.some);
  for (nn::Parameter* p : net->parameters()) p->clear_mask();
  return net;
}

// A trained network again, its layers masked, or packed where they are faster so.
std::function<std::unique_ptr<nn::Sequential>()> again(const Settings& s, const TrainedData& data, const Training& t, bool packed) {
  return [&s, &data, t, packed] {
    auto net = nn::network(s.net);
    if (t.final_values[0].shape() != net->parameters()[0]->shape()) net = without_channels(s, data);
    prune::set_masks(net->parameters(), t.final_masks);
    prune::rewind(net->parameters(), t.final_values);
    prune::set_buffers(*net, t.final_buffers);
    if (packed) nn::choose_forms(*net);
    return net;
  };
}

void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const TrainedData& data, std::map<std::string, Training>& results) {
  std::mutex mutex;
  // clang-format off
  // the experiment
  const datasets::Batches batches = data.batches(s, Random(o.seed).derive("batches"));
  auto train_on = [&](const std::string& arm, const char* title, nn::Sequential& net, std::function<std::unique_ptr<nn::Sequential>()> network = {}) {
    Start start{.values = prune::snapshot(net.parameters()), .masks = prune::masks_of(net.parameters()), .buffers = prune::snapshot_buffers(net), .batches = batches, .title = title};
    start.network = std::move(network), start.keep_final = true, start.about = metadata(data.about);
    if (start.network) start.density = static_cast<double>(numbers_in(net)) / static_cast<double>(numbers_in(*nn::network(s.net))), start.about["cut"] = "by pruning_types";
    jobs.later([&, arm, start] {
      Training t = trainings.run({0, arm}, start);
      const std::scoped_lock lock(mutex);
      results[arm] = std::move(t);
    });
  };
  auto pruned = [&](auto prune) { auto net = trained(s.net).net; prune({.parameters = prune::prunable(*net)}); return net; };
  const prune::Method& magnitude = prune::method("magnitude");

  train_on("dense", "all weights", *trained(s.net).net);                                                            // the control
  for (const auto& [arm, share] : {std::pair{"half", 0.5}, {"most", s.high}})                                       // single weights, anywhere in their layer
    train_on(arm, "zeros anywhere", *pruned([&](const prune::ScoreInputs& in) { prune::prune_step(magnitude, in, std::vector<double>(in.parameters.size(), share)); }));
  train_on("2of4", "two of every four", *pruned([&](const prune::ScoreInputs& in) { prune::prune_nm(magnitude, in, {2, 4}); }));   // two of every four
  train_on("channels", "channels cut out", *without_channels(s, data), [&] { return without_channels(s, data); });  // whole channels
  // end
  // clang-format on
  jobs.wait();
}

void run(int argc, char** argv) {
  Options o("pruning_types",
            "Kinds of zeros on one trained network: single weights anywhere, two of every four, whole channels. What each is worth in parameters, multiply-adds, bytes,\n"
            "measured speed and accuracy.",
            {1, 1, 1});
  Settings s;
  declare(o, s, argc, argv);
  if (!o.parse(argc, argv)) return;
  require(o.trials == 1, "--trials {}: one network is pruned each way; take another --seed for other batches", o.trials);
  RunFolder folder(o, s.net);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const TrainedData data = load_trained(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const Recipe recipe = recipe_of(s, o, data);
  std::vector<TrainingId> ids;
  for (const char* arm : {"dense", "half", "most", "2of4", "channels"}) ids.push_back({0, arm});
  const auto count = static_cast<std::int64_t>(ids.size());
  const std::int64_t at_once = std::min({o.jobs, count, static_cast<std::int64_t>(hardware_threads())});
  const double training = seconds_for(recipe, data.batches(s, Random(0)), count, count * s.iterations);
  fmt::print("pruning_types: {}, {} trainings of {} steps, {} at a time: about {}, 8 MB in {}\n", s.net, count, s.iterations, at_once, duration(training / static_cast<double>(at_once)),
             folder.path().string());
  std::fflush(stdout);
  std::map<std::string, Training> results;
  {
    Progress progress("trainings", count, count * s.iterations);
    const Trainings trainings(recipe, folder, progress, ids);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data, results);
  }
  folder.add_time("all", seconds());
  const std::string share = fmt::format("{:g}% zeros anywhere", 100 * s.high);
  auto row = [&](const char* arm, const std::string& words, bool packed) { return TypeRow{arm, words, packed, again(s, data, results.at(arm), packed)}; };
  TypeRuns runs{.rows = {row("dense", "all weights", false), row("half", "50% zeros anywhere, masked", false), row("half", "50% zeros anywhere, packed", true),
                         row("most", share + ", masked", false), row("most", share + ", packed", true), row("2of4", "2 of every 4, packed", true),
                         row("channels", fmt::format("{:g}% of channels cut out", 100 * s.channels), false)},
                .iterations = s.iterations,
                .net = s.net,
                .dataset = data.about.dataset,
                .command = "./bonsai run pruning_types" + o.command_line(),
                .seeds = fmt::format("seed {}", o.seed)};
  runs.measure(folder, data.some, o.size == "quick" ? 5 : 25);
  runs.show(folder);
  fmt::print("took {}. Next: ./bonsai run pruning_types --net {}\n", duration(seconds()), s.net == "lenet_300_100" ? "lenet5" : s.net == "lenet5" ? "resnet20" : "lenet_300_100");
}

}  // namespace

int main(int argc, char** argv) {
  return program("pruning_types", [&] { run(argc, argv); });
}
