// Predicting with a pruned network: what does pruning save where a network is used? A checkpoint of any run is loaded twice, dense and
// packed (core/sparse.h), and the two are held against each other: accuracy, logits, memory, files, time. Then it may look at pictures.
//
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors                    MNIST's test set, and the comparison
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors --example 7        one test image, and the three most probable classes
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors seven.png          the same of a picture of your own, 28 x 28
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors --export small.safetensors    the packed file, which it reads too
//
// The chapter is README.md, in this folder; the files' format is in nn/network_file.h.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "core/cpu/cpu.h"
#include "core/files.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "experiments/common/options.h"
#include "experiments/common/png.h"
#include "experiments/common/program.h"
#include "experiments/common/statistics.h"
#include "nn/forms.h"
#include "nn/network_file.h"
#include "nn/train.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;
namespace fs = std::filesystem;

struct Settings {
  std::string checkpoint, dataset = "mnist", data_dir, export_to;
  std::vector<std::string> images;
  std::optional<std::int64_t> example;
  std::optional<double> sparse_threshold;
  bool invert = false;
};

// ---- The two networks

struct Networks {
  std::unique_ptr<nn::Sequential> dense, packed;
};

Networks load(const SafeTensors& file, const Settings& s) {
  Networks n{nn::network_of(file), nn::network_of(file)};
  for (nn::Parameter* p : n.dense->parameters()) {
    p->unpack();
    p->clear_mask();
  }
  if (s.sparse_threshold)
    for (nn::Parameter* p : n.packed->parameters()) p->unpack();
  if (!nn::is_packed_file(file) || s.sparse_threshold) nn::choose_forms(*n.packed, s.sparse_threshold);  // (a packed file has chosen)
  const auto all = n.dense->parameters();
  const std::int64_t in = all.front()->shape()[1], out = all.back()->shape()[0];
  require(in == 28 * 28 && out == 10, "{}: takes {} numbers and knows {} classes; the pictures here are 28 x 28 = 784 pixels of 10 classes",
          file.file, in, out);
  return n;
}

std::string describe(const Networks& n) {
  std::string text;
  std::int64_t kept = 0, weights = 0;
  for (const nn::Parameter* p : n.packed->parameters()) {
    if (p->shape().rank() != 2) continue;
    text += fmt::format("  {:<12} {:>4} -> {:<4} {:>7} of {:>7} weights, {:6.2f}%  {}\n", p->name(), p->shape()[1], p->shape()[0],
                        p->kept(), p->numel(), 100 * p->density(), nn::name(nn::form_of(*p)));
    kept += p->kept(), weights += p->numel();
  }
  return fmt::format("{} of {} weights, {:.2f}%\n{}", kept, weights, 100 * static_cast<double>(kept) / static_cast<double>(weights), text);
}

// ---- What they cost

// All that a forward pass reads of the parameters: values and, packed, where they belong.
std::size_t bytes_of(nn::Module& net) {
  std::size_t bytes = 0;
  for (const nn::Parameter* p : net.parameters()) {
    bytes += p->leaf().size_in_bytes();
    if (p->is_packed()) bytes += (p->pattern()->begin.size() + p->pattern()->column.size()) * sizeof(std::int32_t);
  }
  return bytes;
}

// The same entries once more, by columns: kept beside them for training's gradients, which predicting never asks for.
std::size_t bytes_by_columns(nn::Module& net) {
  std::size_t bytes = 0;
  for (const nn::Parameter* p : net.parameters())
    if (p->is_packed())
      bytes += (p->pattern()->column_begin.size() + p->pattern()->row.size() + p->pattern()->from.size()) * sizeof(std::int32_t);
  return bytes;
}

Tensor logits(nn::Module& net, const Tensor& inputs) {  // 64 at a time, so that what a layer has computed is near when the next needs it
  Tensors parts;
  for (std::int64_t i = 0; i < inputs.size(0); i += 64) parts.push_back(net(slice(inputs, 0, i, std::min(i + 64, inputs.size(0)))));
  return concat(parts, 0);
}

// Seconds that each network takes for these inputs: medians, the two in turn, so that both have the same neighbours. About half a second.
struct Times {
  double dense, packed;
};
Times times(const Networks& n, const Tensor& inputs) {
  const auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  logits(*n.dense, inputs);  // fills caches and pools
  logits(*n.packed, inputs);
  std::vector<double> dense, packed;
  for (const double start = now(); dense.size() < 5 || now() < start + 0.5;)
    for (auto& [net, of] : {std::pair(n.dense.get(), &dense), std::pair(n.packed.get(), &packed)}) {
      const double began = now();
      logits(*net, inputs);
      of->push_back(now() - began);
    }
  return {median(dense), median(packed)};
}

struct Difference {
  double difference, logit;
};
Difference largest(const Tensor& a, const Tensor& b) {
  Difference d{0, 0};
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    require(std::isfinite(a.at(i)) && std::isfinite(b.at(i)), "image {}: a logit is {}; the weights are too large to compute with", i / 10,
            a.at(i));
    d = {std::max(d.difference, std::abs(a.at(i) - b.at(i))), std::max(d.logit, std::abs(a.at(i)))};
  }
  return d;
}

void compare(const Networks& n, const datasets::Dataset& test, const Settings& s, const SafeTensors& file) {
  const Tensor inputs = datasets::as_floats(test);
  const Difference d = largest(logits(*n.dense, inputs), logits(*n.packed, inputs));
  fmt::print("{}, {} test images: accuracy {:.2f}% packed, {:.2f}% dense; their logits, up to {:.1f}, differ by {:.1e} at most\n\n",
             test.name, test.size(), nn::evaluate(*n.packed, inputs, test.labels).accuracy,
             nn::evaluate(*n.dense, inputs, test.labels).accuracy, d.logit, d.difference);

  fmt::print("{:<32} {:>12} {:>12}\n", "", "dense", "packed");
  auto row = [](const char* what, const std::string& dense, const std::string& packed, double gain, const char* which) {
    fmt::print("{:<32} {:>12} {:>12}   {:5.1f} times {}\n", what, dense, packed, gain, which);
  };
  auto bytes = [&](const char* what, std::uint64_t dense, std::uint64_t packed) {
    row(what, fmt::format("{}", dense), fmt::format("{}", packed), static_cast<double>(dense) / static_cast<double>(packed), "smaller");
  };
  bytes("parameters in memory, bytes", bytes_of(*n.dense), bytes_of(*n.packed));
  const std::uint64_t packed = safetensors_size(nn::packed_view(*n.packed), file.metadata);
  if (nn::is_packed_file(file)) bytes("file, bytes (dense: values only)", safetensors_size(nn::packed_view(*n.dense), file.metadata), packed);
  else bytes("file, bytes (dense: with masks)", fs::file_size(s.checkpoint), packed);
  for (const std::int64_t batch : {1, 64}) {
    const Times t = times(n, slice(inputs, 0, 0, batch));
    row(batch == 1 ? "1 image, ms" : "64 images, ms", fmt::format("{:.4f}", 1e3 * t.dense), fmt::format("{:.4f}", 1e3 * t.packed),
        t.dense / t.packed, "as fast");
  }
  const Times t = times(n, inputs);
  const double images = static_cast<double>(test.size());
  row("the test set, images/s", fmt::format("{:.0f}", images / t.dense), fmt::format("{:.0f}", images / t.packed), t.dense / t.packed,
      "as fast");
  fmt::print("\nTimes are medians on one thread of {} ({} kernels), in turn; other programs may have been running.\n", cpu_model(),
             cpu_instruction_set());
  if (const std::size_t more = bytes_by_columns(*n.packed))
    fmt::print("Packed in memory: values, columns and row ends, all that predicting reads. Training's pattern by columns is {} bytes more.\n", more);
}

// ---- Pictures

// "7 99.1%, 2 0.6%, 3 0.2%"
std::string top_three(nn::Module& net, const Tensor& pixels, const std::vector<std::string>& classes) {
  const Tensor y = net(cast(pixels, DType::f32) / 255.0);
  largest(y, y);
  const Tensor p = softmax(y);
  std::vector<std::size_t> order(classes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return p.at(static_cast<std::int64_t>(i)); });
  std::string text;
  for (std::size_t i = 0; i < 3; ++i)
    text += fmt::format("{}{} {:.1f}%", i ? ", " : "", classes[order[i]], 100 * p.at(static_cast<std::int64_t>(order[i])));
  return text;
}

// 14 lines of 28 characters, each two pixels high.
std::string picture(const Tensor& pixels) {
  static constexpr std::string_view shades = " .:-=+*#%@";
  std::string text;
  for (std::int64_t y = 0; y < 28; y += 2) {
    text += "  ";
    for (std::int64_t x = 0; x < 28; ++x)
      text += shades[static_cast<std::size_t>((pixels.at(28 * y + x) + pixels.at(28 * y + 28 + x)) / 511 * 10)];
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

// White on black, as MNIST is?
double border(const Tensor& pixels) {
  double sum = 0;
  for (std::int64_t i = 0; i < 28; ++i) sum += pixels.at(i) + pixels.at(27 * 28 + i) + pixels.at(28 * i) + pixels.at(28 * i + 27);
  return sum / (4 * 28);
}

void look_at(nn::Module& net, const Settings& s, const std::vector<std::string>& classes) {
  std::vector<Tensor> pictures;
  for (const std::string& file : s.images) pictures.push_back(read_grey_png(file, 28, 28));  // refused before the first answer
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    Tensor& p = pictures[i];
    if (s.invert)
      for (std::uint8_t& v : p.mutable_data<std::uint8_t>()) v = 255 - v;
    fmt::print("{}: {}{}\n", printable(s.images[i]), top_three(net, p, classes),
               border(p) > 127 ? "   (its border is bright, the data are white on black: --invert turns it round)" : "");
  }
}

// ---- The frame

std::string which_checkpoint() {
  std::string some;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("runs/latest/checkpoints", ignored))
    if (const std::string name = entry.path().string(); name.ends_with(".safetensors") && name > some) some = name;
  return some.empty() ? "name a checkpoint; a run leaves some in runs/latest/checkpoints, for instance ./bonsai run lth_mnist --quick"
                      : fmt::format("name a checkpoint; those of the last run are in runs/latest/checkpoints: ./bonsai run predict {}",
                                    printable(some, 4096));
}

void run(int argc, char** argv) {
  Settings s;
  ToolOptions o(
      "predict",
      "Predicts with a pruned network, loaded packed: values and their places instead of mostly zeros. Without pictures it measures the\n"
      "test set's accuracy, memory, files and speed, dense against packed. Checkpoints lie in runs/latest/checkpoints.");
  o.file("checkpoint", s.checkpoint, "a run's checkpoint, or a packed file that --export has written");
  o.files("pictures", s.images, "PNG files of 28 x 28 pixels, white on black as in MNIST; colours become grey");
  o.text("--dataset", s.dataset, "the test set, and the classes' names [mnist]", "mnist|fashion-mnist", {"mnist", "fashion-mnist"});
  o.integer("--example", s.example, "look at this image of the test set", 0, 9999);
  o.flag("--invert", s.invert, "the pictures are black on white");
  o.text("--export", s.export_to, "write the network as a packed file", "FILE");
  o.real("--sparse-threshold", s.sparse_threshold, "pack layers below this density; 1: all that are pruned [a table, by shape]", 0, 1);
  o.text("--data-dir", s.data_dir, "where the data sets lie [$BONSAI_DATA, else ~/.cache/bonsai]", "DIR");
  if (!o.parse(argc, argv)) return;
  require(!s.checkpoint.empty(), "{}", which_checkpoint());
  require(datasets::is_there(s.checkpoint), "{}: there is no such file; {}", printable(s.checkpoint, 4096), which_checkpoint());

  const NoGrad off;
  const SafeTensors file = load_safetensors(s.checkpoint);
  const Networks n = load(file, s);
  const bool fashion = s.dataset == "fashion-mnist", needs_data = s.images.empty() || s.example;
  datasets::Dataset test;
  if (needs_data) test = (fashion ? datasets::load_fashion_mnist : datasets::load_mnist)(datasets::data_directory(s.data_dir), false);
  const std::vector<std::string>& classes = fashion ? datasets::fashion_mnist_classes : datasets::mnist_classes;

  if (!s.export_to.empty()) {
    std::error_code none;
    require(!fs::equivalent(s.checkpoint, s.export_to, none), "--export {}: is the checkpoint itself; choose another name",
            printable(s.export_to, 4096));
    save_safetensors(s.export_to, nn::packed_view(*n.packed), file.metadata);
    fmt::print("{}: written, {} bytes\n", printable(s.export_to, 4096), fs::file_size(s.export_to));
  }
  look_at(*n.packed, s, classes);
  if (s.example) {
    const Tensor pixels = slice(test.inputs, 0, *s.example, *s.example + 1);
    fmt::print("{}test image {} is {}: {}\n", picture(pixels), *s.example, classes[test.labels.data<std::int64_t>()[*s.example]],
               top_three(*n.packed, pixels, classes));
  }
  if (!s.images.empty() || s.example) return;
  fmt::print("{}: {}", file.file, describe(n));
  compare(n, test, s, file);
}

}  // namespace

int main(int argc, char** argv) {
  return program("predict", [&] { run(argc, argv); });
}
