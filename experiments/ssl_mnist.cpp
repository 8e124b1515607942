// Structured sparsity learning on MNIST: training itself decides which filters, channels, filter shapes and neurons a network can do without, and these
// are cut out. After Wen et al., "Learning structured sparsity in deep neural networks", NIPS 2016, tables 1 to 3.
//
//   ./bonsai run ssl_mnist                    LeNet-5 from datasets/trained and an MLP: two or three penalties each, 4,000 iterations
//   ./bonsai run ssl_mnist --quick            a first look
//   ./bonsai run ssl_mnist --paper            10,000 iterations under the penalty, as in the example of the authors' code
//   ./bonsai run ssl_mnist --filters 0.05     one penalty of your own on filters and channels
//
// Read `penalty` and `experiment`; the step that makes groups 0 is prune/structure/group_lasso.cpp. The chapter is README.md, in this folder.
#include <chrono>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/ssl.h"
#include "experiments/common/trained.h"
#include "nn/init.h"
#include "prune/recovery/rewind.h"
#include "prune/structure/group_lasso_training.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t iterations, batch, checkpoint_every, validation, test;
  double lr, momentum, penalty_share;
  std::string filters, shapes, neurons;
  std::vector<SslArm> arms;
};

void declare(Options& o, Settings& s, bool quick) {
  o.integer("--iterations", s.iterations, {120, 4000, 10'000}, "of each training", 5, 100'000'000);
  o.text("--filters", s.filters, quick ? "0.15" : "0.005,0.01,0.02", "penalties λ on filters and channels of LeNet-5's convolutions");
  o.text("--shapes", s.shapes, quick ? "0.1" : "0.004,0.01", "on their filter shapes");
  o.text("--neurons", s.neurons, quick ? "0.1" : "0.001,0.002,0.005", "on what each neuron and each input of the MLP sends on");
  o.real("--penalty-share", s.penalty_share, {0.6, 0.6, 1.0}, "of the iterations, for which the penalty acts; then what is 0 is frozen and the rest trains on", 0, 1);
  o.real("--lr", s.lr, 0.01, "SGD's learning rate, a tenth after 60% of the iterations and again after 80%", 1e-12, 1e3);
  o.real("--momentum", s.momentum, 0.9, "SGD's", 0, 0.9999);
  o.integer("--batch", s.batch, 64, "examples a step", 1, 50'000);
  o.integer("--checkpoint-every", s.checkpoint_every, 500, "iterations; what a kill can cost", 1, 100'000'000);
  o.integer("--validation", s.validation, {500, 5000, 5000}, "of the 5,000 training images kept for validation, measure on so many", 1, 5000);
  o.integer("--test", s.test, {1000, 10'000, 10'000}, "of the 10,000 test images, measure on so many", 1, 10'000);
}

void check(Settings& s) {
  for (const auto& [option, list, arm, net] : {std::tuple{"--filters", &s.filters, "filters", "lenet5"}, {"--shapes", &s.shapes, "shapes", "lenet5"}, {"--neurons", &s.neurons, "neurons", "mlp"}}) {
    const std::vector<double> lambdas = numbers_in(option, *list);
    for (std::size_t i = 0; i < lambdas.size(); ++i)
      require(lambdas[i] > (i == 0 ? 0 : lambdas[i - 1]), "{}: {} does not come after {}; give rising penalties above 0", option, lambdas[i], i == 0 ? 0 : lambdas[i - 1]);
    s.arms.push_back({arm, net, lambdas});
  }
}

struct Data {
  datasets::Dataset train;
  datasets::Normalization normalization;
  Examples validation, test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset all = datasets::load_mnist(folder, true), test = datasets::load_mnist(folder, false);
  const datasets::Normalization n = datasets::normalization_of(all);
  auto [train, validation] = datasets::split(all, 5000, Random(o.seed).derive("split"));
  auto first = [&](datasets::Dataset d, std::int64_t count) {
    d.inputs = slice(d.inputs, 0, 0, count), d.labels = slice(d.labels, 0, 0, count);
    return Examples{datasets::as_floats(d, n), d.labels};
  };
  return {train, n, first(validation, s.validation), first(test, s.test)};
}

std::unique_ptr<nn::Sequential> network(const std::string& name) {
  if (name == "lenet5") return nn::lenet5(false);
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Flatten>("flatten").add<nn::Linear>("fc1", 784, 500).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", 500, 300).add<nn::ReLU>("relu2");
  net->add<nn::Linear>("fc3", 300, 10);
  return net;
}

// clang-format off
// Which groups of which layers are penalised.
std::unique_ptr<prune::During> penalty(nn::Module& net, const std::string& arm, double lambda, const Settings& s) {
  using prune::Groups;
  const auto of = [&](const std::string& layer, std::vector<Groups> families, bool bias = false) {
    prune::Penalised p{.weight = &net.parameter(layer + ".weight"), .penalties = {}, .bias = bias ? &net.parameter(layer + ".bias") : nullptr};
    for (const Groups g : families) p.penalties.push_back({g, lambda});
    return p;
  };
  std::vector<prune::Penalised> layers;
  if (arm == "filters") layers = {of("conv1", {Groups::filters}, true), of("conv2", {Groups::filters, Groups::channels}, true)};
  if (arm == "shapes") layers = {of("conv1", {Groups::shapes}), of("conv2", {Groups::shapes})};
  if (arm == "neurons") layers = {of("fc1", {Groups::channels}), of("fc2", {Groups::channels}), of("fc3", {Groups::channels})};
  const auto steps = static_cast<std::int64_t>(s.penalty_share * static_cast<double>(s.iterations));
  return std::make_unique<prune::GroupLasso>(layers, prune::GroupLassoOptions{.momentum = s.momentum, .steps = steps});
}

// the experiment
void experiment(Jobs& jobs, const Trainings& trainings, const Settings& s, const Options& o, const Data& data, SslRuns& runs) {
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    for (const std::string net : {"lenet5", "mlp"})
      jobs.chain([&, trial, net] {
        const Random random = Random(o.seed).derive("trial").derive(trial).derive(net);
        auto start = network(net);
        if (net == "lenet5") start = trained("lenet5").net;
        else nn::initialize(*start, {nn::Fan::he, nn::Distribution::normal}, random.derive("init"));
        const auto begin = [&](const std::vector<Tensor>& values) {
          return Start{.values = values, .batches = datasets::Batches(data.train, s.batch, random.derive("batches"), data.normalization), .keep_final = true,
                       .network = [net] { return network(net); }};
        };
        Training dense;
        jobs.run([&] { dense = trainings.run({trial, net, 0, 0}, begin(prune::snapshot(start->parameters()))); });                      // 1. train
        if (trial == 0) runs.rows.at({net, 0}).values = dense.final_values;
        for (const SslArm& arm : s.arms)
          for (std::size_t level = 1; arm.net == net && level <= arm.lambdas.size(); ++level) {
            const TrainingId id{trial, arm.name, 0, static_cast<std::int64_t>(level)};
            Start penalised = begin(dense.final_values);
            penalised.title = fmt::format("{}, λ = {:g}", arm.name, arm.lambdas[level - 1]);
            penalised.during = [&s, &arm, level](nn::Module& n) { return penalty(n, arm.name, arm.lambdas[level - 1], s); };            // 2. under λ Σ ‖w_g‖
            jobs.later([&trainings, &runs, id, penalised] {
              const Training t = trainings.run(id, penalised);                                                                          // 3. then without what is 0
              if (id.trial == 0) runs.rows.at({id.arm, id.level}).values = t.final_values, runs.rows.at({id.arm, id.level}).masks = t.final_masks;
            });
          }
      });
  jobs.wait();
}
// end
// clang-format on

Recipe recipe_of(const Settings& s, const Options& o, const Data& data, const std::string& net) {
  return {.network = [net] { return network(net); },
          .optimizer = [m = s.momentum](std::vector<nn::Parameter*> p) { return std::make_unique<nn::SGD>(std::move(p), nn::SgdOptions{.momentum = m}); },
          .rate = [lr = s.lr, n = s.iterations](std::int64_t i) { return 10 * i < 6 * n ? lr : 10 * i < 8 * n ? lr / 10 : lr / 100; },
          .iterations = s.iterations,
          .evaluate_every = s.iterations,
          .checkpoint_every = s.checkpoint_every,
          .validation = data.validation,
          .test = data.test,
          .sparse_threshold = o.sparse_threshold};
}

// What the run will cost, before it starts.
void announce(const Settings& s, const Options& o, const Data& data, const SslRuns& runs, const RunFolder& folder) {
  double seconds = 0;
  for (const char* net : {"lenet5", "mlp"}) {
    std::int64_t count = o.trials;
    for (const SslArm& arm : s.arms) count += arm.net == net ? o.trials * std::ssize(arm.lambdas) : 0;
    seconds += seconds_for(recipe_of(s, o, data, net), datasets::Batches(data.train, s.batch, Random(0), data.normalization), count, count * s.iterations);
  }
  const auto count = std::ssize(runs.plan());
  fmt::print("ssl_mnist: {} trainings of {} iterations, {} at a time: about {}, {:.0f} MB in {}\n", count, s.iterations, std::min<std::int64_t>(o.jobs, count),
             duration(seconds / static_cast<double>(std::min<std::int64_t>(o.jobs, hardware_threads()))), 2.5 * static_cast<double>(count), folder.path().string());
  std::fflush(stdout);
}

void run(int argc, char** argv) {
  Options o("ssl_mnist",
            "Structured sparsity learning on MNIST (Wen et al., NIPS 2016): group lasso makes filters, channels, filter shapes and neurons 0 while the network\n"
            "trains; then they are cut out: error, groups left, multiply-adds, measured speed.",
            1);
  Settings s;
  declare(o, s, std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--quick"; }));
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, "mnist");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  require(s.batch <= data.train.size(), "--batch {}: there are only {} training examples", s.batch, data.train.size());
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  SslRuns runs{.arms = s.arms,
               .trials = o.trials,
               .network = network,
               .command = "./bonsai run ssl_mnist" + o.command_line(),
               .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  announce(s, o, data, runs, folder);
  {
    const std::vector<TrainingId> plan = runs.plan();
    for (const TrainingId& id : plan) runs.rows[{id.arm, id.level}];
    const Recipe recipe = recipe_of(s, o, data, "lenet5");
    Progress progress("trainings", std::ssize(plan), std::ssize(plan) * s.iterations);
    const Trainings trainings(recipe, folder, progress, plan);
    Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
    experiment(jobs, trainings, s, o, data, runs);
  }
  folder.add_time("all", seconds());
  runs.measure(folder, slice(data.test.inputs, 0, 0, std::min<std::int64_t>(64, s.test)));
  runs.show(folder);
  fmt::print("took {}. Next: ./bonsai run ssl_mnist --filters 0.2 (how hard can it be pulled before a layer is empty?)\n", duration(seconds()));
}

}  // namespace

int main(int argc, char** argv) {
  return program("ssl_mnist", [&] { run(argc, argv); });
}
