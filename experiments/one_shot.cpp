// One shot, and no retraining: a trained network is pruned once, layer by layer, from a few thousand examples without labels. What is lost, by method?
// Frantar and Alistarh, "SparseGPT", ICML 2023; Sun et al., "Wanda", ICLR 2024; Frantar et al., "Optimal brain compression", NeurIPS 2022 (exact
// layer-wise OBS); and magnitude. Their networks are language models; here it is LeNet-300-100, LeNet-5 and ResNet-20 of datasets/trained.
//
//   ./bonsai run one_shot                  both LeNets, 10 to 90% of each layer, and 2:4 and 4:8
//   ./bonsai run one_shot --quick          a first look: exact only where a layer has at most 500 inputs
//   ./bonsai run one_shot --net resnet20   on CIFAR-10
//   ./bonsai run one_shot --paper          five draws of 10,000 calibration examples
//
// Read `experiment` first. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>

#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/one_shot.h"
#include "experiments/common/parts.h"
#include "experiments/common/program.h"
#include "experiments/common/progress.h"
#include "experiments/common/report.h"
#include "experiments/common/trained.h"
#include "nn/forms.h"
#include "nn/train.h"
#include "prune/layerwise/layerwise.h"
#include "prune/registry.h"
#include "prune/select.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::int64_t examples, test, largest_exact;
  double damping;
  std::string net, methods_text, sparsities_text, patterns_text;
  std::vector<std::string> networks, methods, amounts;
  std::size_t fractions = 0;
};

void declare(Options& o, Settings& s, int argc, char** argv) {
  const bool photographs = given(argc, argv, "--net", "") == "resnet20";
  o.text("--net", s.net, "lenets", "which trained network; lenets: the first two", {"lenets", "lenet_300_100", "lenet5", "resnet20"});
  o.text("--methods", s.methods_text, "magnitude,wanda,sparsegpt,obc", "what prunes a layer: magnitude, wanda, sparsegpt, obc (exact layer-wise OBS)");
  o.text("--sparsities", s.sparsities_text, "", "fractions of each layer to prune, rising; 0.1 to 0.9 unless said, with --quick 0.3, 0.6 and 0.9");
  o.text("--patterns", s.patterns_text, "2:4,4:8", "N:M patterns beside them; none: no pattern");
  o.integer("--examples", s.examples, photographs ? Sizes<std::int64_t>{20, 200, 1000} : Sizes<std::int64_t>{500, 4000, 10000}, "of the training set, without labels, to calibrate with", 1, 60000);
  o.integer("--test", s.test, {1000, 10000, 10000}, "examples of the test set, to measure on", 1, 10000);
  o.integer("--exact-inputs", s.largest_exact, {500, 1000, 1000}, "obc leaves layers of more inputs than this to sparsegpt", 0, 100'000);
  o.real("--damping", s.damping, 0.01, "of the second moments, in parts of their mean diagonal", 1e-12, 1e3);
}

prune::LayerAmount amount(const std::string& text) {
  if (text.find(':') != text.npos) return {.pattern = prune::nm(text)};
  return {.sparsity = to_number(text)};
}

// The weights that a network can prune to this amount: all, or those with a fitting number of inputs.
std::vector<nn::Parameter*> fitting(nn::Module& net, const prune::LayerAmount& a) {
  std::vector<nn::Parameter*> weights = prune::prunable(net);
  if (a.pattern) std::erase_if(weights, [&](const nn::Parameter* p) { return !prune::nm_refusal(p->shape(), *a.pattern).empty(); });
  return weights;
}

void check(Settings& s, const Options& o) {
  s.networks = s.net == "lenets" ? std::vector<std::string>{"lenet_300_100", "lenet5"} : std::vector<std::string>{s.net};
  s.methods = words_in("--methods", s.methods_text, one_shot_methods);
  if (s.sparsities_text.empty())
    for (int tenths = o.size == "quick" ? 3 : 1; tenths <= 9; tenths += o.size == "quick" ? 3 : 1) s.amounts.push_back(fmt::format("0.{}", tenths));
  else
    for (double last = 0; const double v : numbers_in("--sparsities", s.sparsities_text)) {
      require(0 < v && v < 1, "--sparsities: {} is not between 0 and 1{}", v, v > 1 && v < 100 ? fmt::format("; did you mean {}?", v / 100) : "");
      require(v > last, "--sparsities: {} comes after {}; let them rise", v, last);
      s.amounts.push_back(fmt::format("{}", last = v));
    }
  s.fractions = s.amounts.size();
  if (s.patterns_text != "none")
    for (std::size_t begin = 0; begin <= s.patterns_text.size();) {
      const std::size_t end = std::min(s.patterns_text.find(',', begin), s.patterns_text.size());
      const std::string p = prune::nm(s.patterns_text.substr(begin, end - begin)).str();
      require(std::ranges::find(s.amounts, p) == s.amounts.end(), "--patterns: {} is named twice", p);
      s.amounts.push_back(p);
      begin = end + 1;
    }
  for (const std::string& name : s.networks)  // what would empty a layer says so now
    for (const std::string& text : s.amounts) {
      const auto net = trained(name).net;
      const std::vector<nn::Parameter*> weights = fitting(*net, amount(text));
      require(!weights.empty(), "--patterns: no layer of {} can be pruned to {}; leave it out", name, text);
      for (const nn::Parameter* p : weights) {
        const std::int64_t inputs = p->numel() / p->shape()[0];
        require(amount(text).pattern || prune::count(amount(text).sparsity, inputs) < inputs, "--sparsities: {} of the {} inputs of \"{}\" in {} would leave none; prune less", text,
                inputs, p->name(), name);
      }
    }
}

struct Data {
  datasets::Dataset train, test;
};

Data load(const Settings& s, const Options& o, const std::string& dataset) {
  const auto folder = datasets::data_directory(o.data_dir);
  Data d{load_pictures(dataset, folder, true), load_pictures(dataset, folder, false)};
  require(s.examples <= d.train.size(), "--examples {}: there are only {} training examples", s.examples, d.train.size());
  return d;
}

double accuracy_of(nn::Module& net, const About& about, const Settings& s, const Data& data) {
  const Tensor inputs = datasets::as_floats(data.test, about.normalization);
  return nn::evaluate(net, slice(inputs, 0, 0, s.test), slice(data.test.labels, 0, 0, s.test)).accuracy;
}

// A piece for each network, method and amount; and each network as it is.
std::vector<Part> experiment(const Settings& s, const Options& o, const Data& data) {
  std::vector<Part> parts;
  // clang-format off
  // the experiment
  auto one_shot = [&s, &o, &data](std::int64_t trial, const std::string& name, const std::string& method, const std::string& text) {
    const auto [net, about] = trained(name);                                                     // 1. a trained network
    datasets::Batches calibration(data.train, s.examples, Random(o.seed).derive("calibration").derive(trial), about.normalization);
    const Tensor examples = calibration(0).inputs;                                               // 2. examples, no labels
    const std::vector<prune::PrunedLayer> layers = prune::prune_layerwise(                       // 3. layer by layer: gather what it reads,
        *net, fitting(*net, amount(text)), examples, prune::layer_method(method), amount(text),  //    prune it, compensate, go on
        {.damping = s.damping, .largest_exact = s.largest_exact});
    nn::choose_forms(*net, o.sparse_threshold);
    const double accuracy = accuracy_of(*net, about, s, data);                                   // 4. test; nothing is retrained
    std::string rows;
    std::int64_t size = 0, kept = 0;
    double error = 0;
    for (const prune::PrunedLayer& l : layers) {
      const nn::Parameter& p = net->parameter(l.name);
      rows += fmt::format("{},{},{},{},{},{},{},{},{},nan\n", trial, name, method, text, l.name, p.numel() / p.shape()[0], l.size, l.kept, l.error);
      size += l.size, kept += l.kept, error += l.error / static_cast<double>(layers.size());
    }
    return rows + fmt::format("{},{},{},{},{},0,{},{},{},{}\n", trial, name, method, text, whole_network, size, kept, error, accuracy);
  };
  // end
  // clang-format on
  for (const std::string& name : s.networks) {
    parts.push_back({dense_part(name),
                     [&s, &data, name] {
                       const auto [net, about] = trained(name);
                       return fmt::format("0,{},none,0,{},0,0,0,0,{}\n", name, whole_network, accuracy_of(*net, about, s, data));
                     },
                     name + ", dense"});
    for (std::int64_t trial = 0; trial < o.trials; ++trial)
      for (const std::string& m : s.methods)
        for (const std::string& a : s.amounts)
          parts.push_back({one_shot_part(trial, name, m, a), [=] { return one_shot(trial, name, m, a); }, fmt::format("{}, {} {}", name, m, a)});
  }
  return parts;
}

// About how long each piece takes in one thread: a piece without compensation is timed with a few examples; OBC's work is counted.
void estimate(std::vector<Part>& parts, const Settings& s, const Data& data) {
  using Clock = std::chrono::steady_clock;
  for (const std::string& name : s.networks) {
    const auto [net, about] = trained(name);
    const std::int64_t few = std::min<std::int64_t>(s.examples, name == "resnet20" ? 5 : 100);
    const Tensor examples = datasets::Batches(data.train, few, Random(0), about.normalization)(0).inputs;
    double exact = 0;
    for (const nn::Parameter* p : prune::prunable(*net)) {
      const double inputs = static_cast<double>(p->numel() / p->shape()[0]);
      if (inputs <= static_cast<double>(s.largest_exact)) exact += static_cast<double>(p->shape()[0]) * inputs * inputs * inputs / 3 / 8e9;
    }
    const auto began = Clock::now();
    prune::prune_layerwise(*net, prune::prunable(*net), examples, prune::layer_method("magnitude"), {.sparsity = 0.1});
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count() * static_cast<double>(s.examples) / static_cast<double>(few);
    for (Part& p : parts)
      if (p.title.starts_with(name + ",")) p.seconds = p.title.ends_with("dense") ? 0.1 : seconds + (p.title.find(" obc ") != std::string::npos ? exact : 0);
  }
}

// What a reader of a network's numbers has to know.
std::string note(const Settings& s, const std::string& name) {
  const auto net = trained(name).net;
  auto list = [&](auto take, bool channels = false) {  // with how many inputs each has, or input channels
    std::string names;
    for (const nn::Parameter* p : prune::prunable(*net))
      if (take(*p)) names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", p->name(), channels ? p->shape()[1] : p->numel() / p->shape()[0]);
    return names;
  };
  std::string text;
  const std::string large = list([&](const nn::Parameter& p) { return p.numel() / p.shape()[0] > s.largest_exact; });
  if (!large.empty() && std::ranges::count(s.methods, "obc")) text += fmt::format("  exact OBS has left to SparseGPT, for their many inputs: {}\n", large);
  for (std::size_t a = s.fractions; a < s.amounts.size(); ++a) {
    const std::string dense = list([&](const nn::Parameter& p) { return !prune::nm_refusal(p.shape(), *amount(s.amounts[a]).pattern).empty(); }, true);
    if (!dense.empty()) text += fmt::format("  {} leaves dense, since their inputs do not come in groups of {}: {}\n", s.amounts[a], amount(s.amounts[a]).pattern->m, dense);
  }
  return text;
}

void run(int argc, char** argv) {
  Options o("one_shot",
            "A trained network pruned once, layer by layer and without retraining, by magnitude, Wanda (Sun et al., ICLR 2024), SparseGPT (Frantar and\n"
            "Alistarh, ICML 2023) and exact layer-wise OBS (Frantar et al., NeurIPS 2022): accuracy and layer error by sparsity.",
            {1, 1, 5});
  Settings s;
  declare(o, s, argc, argv);
  if (!o.parse(argc, argv)) return;
  check(s, o);
  const std::string dataset = trained(s.networks[0]).about.dataset;
  RunFolder folder(o, dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o, dataset);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  std::vector<Part> parts = experiment(s, o, data);
  estimate(parts, s, data);
  compute_parts(folder, o, one_shot_header, parts, "prunings");
  OneShot result{.networks = s.networks,
                 .methods = s.methods,
                 .amounts = s.amounts,
                 .fractions = s.fractions,
                 .trials = o.trials,
                 .examples = s.examples,
                 .notes = {},
                 .command = "./bonsai run one_shot" + o.command_line(),
                 .seeds = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  for (const std::string& name : s.networks) result.notes[name] = note(s, name);
  result.read(folder);
  result.show(folder);
  fmt::print("took {}. Next: ./bonsai run one_shot {}\n", duration(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()),
             s.net == "resnet20" ? "--examples 20" : "--net resnet20");
}

}  // namespace

int main(int argc, char** argv) {
  return program("one_shot", [&] { run(argc, argv); });
}
