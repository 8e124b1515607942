// Reference networks: trained once by a stated recipe, for chapters that begin where training ends. LeNet-300-100 and LeNet-5 on MNIST,
// ResNet-20 on CIFAR-10 (He et al., CVPR 2016, section 4.2, with a cosine for its steps and fewer of them). What it saves lies in
// datasets/trained, and `--from trained` begins there.
//
//   ./bonsai run train_reference --net lenet5 --save lenet5.safetensors        minutes
//   ./bonsai run train_reference --net resnet20 --save resnet20.safetensors    an hour or more; kill it at will, --resume goes on
//   ./bonsai run train_reference --net lenet5 --quick                          a first look
//
// Read `recipes`, a table, then `experiment`. The chapter is README.md, in this folder; the files' table is in datasets/trained.
#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>

#include "core/cpu/cpu.h"
#include "core/files.h"
#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/summary.h"
#include "experiments/common/trained.h"
#include "experiments/common/trainings.h"
#include "nn/init.h"
#include "prune/recovery/rewind.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;
namespace fs = std::filesystem;

// How each network is trained: SGD with momentum 0.9, warm-up, then half a cosine down to 0.
struct HowTo {
  const char *net, *dataset;
  std::int64_t quick, iterations, batch;
  double rate, weight_decay;
  nn::Init init;
  datasets::Augmentation augmentation;
};
const HowTo recipes[] = {
    {"lenet_300_100", "mnist", 300, 20'000, 100, 0.05, 5e-4, {nn::Fan::glorot, nn::Distribution::normal}, {}},
    {"lenet5", "mnist", 60, 10'000, 100, 0.02, 5e-4, {nn::Fan::glorot, nn::Distribution::normal}, {}},
    {"resnet20", "cifar-10", 4, 20'000, 128, 0.1, 5e-4, {nn::Fan::he, nn::Distribution::normal}, {.flip = true, .pad = 4}},
};

struct Settings {
  std::int64_t iterations, batch, evaluate_every, checkpoint_every, validation, test;
  std::string net, save;
  HowTo how;
};

void declare(Options& o, Settings& s) {
  o.text("--net", s.net, "lenet_300_100", "the network; it brings its data set and its recipe", {"lenet_300_100", "lenet5", "resnet20"});
  o.integer("--iterations", s.iterations, 0, "of the training; 0: the recipe's", 0, 100'000'000);
  o.integer("--batch", s.batch, 0, "examples a step; 0: the recipe's", 0, 10000);
  o.integer("--evaluate-every", s.evaluate_every, 1000, "iterations", 1, 100'000'000);
  o.integer("--checkpoint-every", s.checkpoint_every, 200, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, 5000, "training examples kept for validation", 1, 30000);
  o.integer("--test", s.test, {500, 10000, 10000}, "images of the test set to measure by", 1, 10000);
  o.output("--save", s.save, "also write the network here, with half the bytes (F16): what datasets/trained holds");
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;
  Examples validation, test;
};

// MNIST's pixels are x / 255; CIFAR-10's are normalised by channel.
Data load(const Settings& s, const Options& o) {
  const fs::path folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset all = load_pictures(s.how.dataset, folder, true), test = load_pictures(s.how.dataset, folder, false);
  const datasets::Normalization n = all.inputs.size(1) == 1 ? datasets::Normalization{} : datasets::channel_normalization_of(all);
  auto [train, validation] = datasets::split(all, s.validation, Random(o.seed).derive("split"));
  return {train, n, {datasets::as_floats(validation, n), validation.labels}, {slice(datasets::as_floats(test, n), 0, 0, s.test), slice(test.labels, 0, 0, s.test)}};
}

// clang-format off
// the experiment
Training experiment(const Trainings& trainings, const TrainingId& id, const Settings& s, const Options& o, const Data& data) {
  const Random random = Random(o.seed).derive("trial").derive(0);
  auto net = nn::network(s.net);
  nn::initialize(*net, s.how.init, random.derive("init"));                   // Glorot's weights for the LeNets, He's for ResNet
  return trainings.run(id, {.values = prune::snapshot(net->parameters()),
                            .batches = datasets::Batches(data.train, s.batch, random.derive("batches"), data.normalization, s.how.augmentation),
                            .keep_final = true});                            // trained as the recipe says
}

Recipe recipe_of(const Settings& s, const Options& o, const Data& data) {
  return {.network = [&s] { return nn::network(s.net); },
          .optimizer = [&s](std::vector<nn::Parameter*> p) {
            return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = 0.9, .weight_decay = s.how.weight_decay}); },
          .rate = nn::warmup(std::max<std::int64_t>(1, s.iterations / 20), nn::cosine(s.how.rate, s.iterations)),
          .iterations = s.iterations, .evaluate_every = s.evaluate_every, .checkpoint_every = s.checkpoint_every,
          .validation = data.validation, .test = data.test, .sparse_threshold = o.sparse_threshold};
}
// end
// clang-format on

std::string today() {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

// The trained network with its buffers, as F16, and what is to be known of it. Read back, it is measured again: the halves are another network.
double save(const Settings& s, const std::string& command, const fs::path& checkpoint, const Data& data) {
  std::vector<NamedTensor> tensors = load_safetensors(checkpoint).tensors;
  for (NamedTensor& t : tensors) t.narrow = t.value.dtype() == DType::f32 ? "F16" : "";
  Metadata m = metadata({s.net, s.how.dataset, data.train.classes, data.normalization});
  m["command"] = command;
  m["hardware"] = fmt::format("{} threads of {} ({} kernels)", hardware_threads(), cpu_model(), cpu_instruction_set());
  m["date"] = today();
  save_safetensors(s.save, tensors, m);
  auto net = nn::network_of(load_safetensors(s.save));
  const double accuracy = nn::evaluate(*net, data.test.inputs, data.test.labels).accuracy;
  m["accuracy"] = fmt::format("{:.2f}", accuracy);
  save_safetensors(s.save, tensors, m);
  return accuracy;
}

void run(int argc, char** argv) {
  Options o("train_reference",
            "Trains one of the reference networks of datasets/trained by its recipe: SGD with momentum 0.9, weight decay 5e-4, a warm-up and half a\n"
            "cosine. LeNet-300-100 and LeNet-5 on MNIST take minutes, ResNet-20 on CIFAR-10 an hour or more (after He et al., CVPR 2016).",
            1);
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  require(o.trials == 1, "--trials {}: a reference is one network", o.trials);
  s.how = *std::ranges::find(recipes, s.net, [](const HowTo& h) { return std::string(h.net); });
  const std::string command = "./bonsai run train_reference" + o.command_line();
  if (s.iterations == 0) s.iterations = o.size == "quick" ? s.how.quick : s.how.iterations;
  if (s.batch == 0) s.batch = s.how.batch;
  require(s.save.empty() || fs::is_directory(fs::absolute(s.save).parent_path()), "--save {}: create the folder first", printable(s.save, 4096));
  RunFolder folder(o, s.how.dataset);
  const TrainingId id{0, s.net, 0, 0};
  const fs::path checkpoint = folder.file("checkpoints/" + id.str() + ".safetensors");
  const Data data = load(s, o);
  if (!folder.finished()) {
    folder.begin();
    const Recipe recipe = recipe_of(s, o, data);
    const datasets::Batches batches(data.train, s.batch, Random(0), data.normalization, s.how.augmentation);
    set_threads(static_cast<int>(std::max(o.threads, o.jobs)));  // it is one training: all processors compute it together
    fmt::print("train_reference: {}, {} iterations of {} on {}: about {}, 5 MB in {}\n", s.net, s.iterations, s.batch, s.how.dataset,
               duration(seconds_for(recipe, batches, 1, s.iterations)), folder.path().string());
    std::fflush(stdout);
    Progress progress("training", 1, s.iterations);
    const Trainings trainings(recipe, folder, progress, {id});
    const auto began = std::chrono::steady_clock::now();
    const nn::Measure test = experiment(trainings, id, s, o, data).record.back().test;
    folder.add_time("all", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    Summary summary;
    summary.put({"command"}, command);
    summary.put({"net"}, s.net);
    summary.put({"accuracy"}, test.accuracy);
    summary.put({"loss"}, test.loss);
    present(folder, {s.net + " on " + s.how.dataset, {}, fmt::format("{}: test accuracy {:.2f}%, loss {:.4f}\n", s.net, test.accuracy, test.loss), summary.json()});
  } else {
    present_again(folder);
  }
  if (!s.save.empty()) fmt::print("{}: test accuracy {:.2f}% with halves (F16)\n", s.save, save(s, command, checkpoint, data));
  fmt::print("Next: ./bonsai run predict {}\n", s.save.empty() ? checkpoint.string() : s.save);
}

}  // namespace

int main(int argc, char** argv) {
  return program("train_reference", [&] { run(argc, argv); });
}
