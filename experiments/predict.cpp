// Predicting with a pruned network: what does pruning save where a network is used? A checkpoint of any run is loaded twice, dense and
// packed (core/sparse.h), and the two are held against each other: accuracy, logits, memory, files, time. Then it may look at pictures.
//
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors                    MNIST's test set, and the comparison
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors --example 7        one test image, and the three most probable classes
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors seven.png          the same of a picture of your own, PNG or JPEG
//   ./bonsai run predict runs/latest/checkpoints/NAME.safetensors --export small.safetensors    the packed file, which it reads too
//   ./bonsai run predict runs/latest/compressed/lenet5-ours.bdc                      a compressed network (deep_compression)
//   ./bonsai run predict lenet5 seven.png                                            a network of datasets/trained, by its name
//
// The chapter is README.md, in this folder; the files' format is in nn/network_file.h, what a file may say about its network (classes,
// normalisation) in common/trained.h.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "core/cpu/cpu.h"
#include "core/files.h"
#include "datasets/image_file.h"
#include "datasets/published.h"
#include "experiments/common/options.h"
#include "experiments/common/program.h"
#include "experiments/common/statistics.h"
#include "experiments/common/trained.h"
#include "nn/forms.h"
#include "prune/compress/compressed_file.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;
namespace fs = std::filesystem;

struct Settings {
  std::string checkpoint, dataset, data_dir, export_to;
  std::vector<std::string> images;
  std::optional<std::int64_t> example;
  std::optional<double> sparse_threshold;
  bool invert = false, zeros = false;
};

// ---- The two networks

struct Networks {
  std::unique_ptr<nn::Sequential> dense, packed;
};

Networks load(const SafeTensors& file, const Settings& s) {
  Networks n{nn::network_of(file), nn::network_of(file)};
  n.dense->train(false);
  n.packed->train(false);
  for (nn::Parameter* p : n.dense->parameters()) {
    p->unpack();
    p->clear_mask();
  }
  for (nn::Parameter* p : n.packed->parameters()) {
    if (s.sparse_threshold) p->unpack();
    if (s.zeros && p->shape().rank() >= 2 && !p->is_masked() && !p->is_packed()) {
      Tensor mask = empty(p->shape(), DType::u8);
      std::ranges::transform(p->leaf().data<float>(), mask.mutable_data<std::uint8_t>().begin(), [](float w) { return w != 0; });
      p->set_mask(mask);
    }
  }
  if (!nn::is_packed_file(file) || s.sparse_threshold) nn::choose_forms(*n.packed, s.sparse_threshold);  // (a packed file has chosen)
  return n;
}

std::string describe(const Networks& n) {
  std::string text;
  std::int64_t kept = 0, weights = 0;
  std::size_t width = 12;
  const bool convolutions = n.packed->parameters().front()->shape().rank() == 4;
  for (const nn::Parameter* p : n.packed->parameters()) width = std::max(width, p->name().size());
  for (const nn::Parameter* p : n.packed->parameters()) {
    if (p->shape().rank() < 2) continue;
    const std::string kernel = p->shape().rank() == 4 ? fmt::format("{}x{}", p->shape()[2], p->shape()[3]) : "";
    text += fmt::format("  {:<{}} {:>4} -> {:<4}{:>{}} {:>7} of {:>7} weights, {:6.2f}%  {}\n", p->name(), width, p->shape()[1], p->shape()[0],
                        kernel, convolutions ? 4 : 0, p->kept(), p->numel(), 100 * p->density(), nn::name(nn::form_of(*p)));
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
    if (!p->is_packed()) continue;
    const Pattern& s = *p->pattern();
    bytes += s.two_of_four() ? s.positions().size() : (s.begin().size() + s.column().size()) * sizeof(std::int32_t);
  }
  return bytes;
}

Tensor logits(nn::Module& net, const Tensor& inputs) {  // 64 at a time, so that what a layer has computed is near when the next needs it
  Tensors parts;
  for (std::int64_t i = 0; i < inputs.size(0); i += 64) parts.push_back(net(slice(inputs, 0, i, std::min(i + 64, inputs.size(0)))));
  return concat(parts, 0);
}

// Seconds that each network takes for these inputs: medians, the two in turn, so that both have the same neighbours. About half a second,
// or one pass of each where that takes longer.
struct Times {
  double dense, packed;
};
Times times(const Networks& n, const Tensor& inputs) {
  const auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  logits(*n.dense, inputs);  // fills caches and pools
  logits(*n.packed, inputs);
  std::vector<double> dense, packed;
  for (const double start = now(); dense.empty() || now() < start + 0.5 || (dense.size() < 5 && now() < start + 2);)
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
    require(std::isfinite(a.at(i)) && std::isfinite(b.at(i)), "image {}: a logit is {}; the weights are too large to compute with", i / a.size(1),
            a.at(i));
    d = {std::max(d.difference, std::abs(a.at(i) - b.at(i))), std::max(d.logit, std::abs(a.at(i)))};
  }
  return d;
}

double accuracy(const Tensor& logits, const Tensor& labels) {  // percent; of equal logits the first counts
  const std::int64_t classes = logits.size(1);
  const auto y = logits.data<float>();
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.numel(); ++i)
    right += std::max_element(&y[i * classes], &y[i * classes] + classes) - &y[i * classes] == labels.data<std::int64_t>()[i];
  return 100 * static_cast<double>(right) / static_cast<double>(labels.numel());
}

void compare(const Networks& n, const Pictures& pictures, const datasets::Dataset& test, const Settings& s, const SafeTensors& file) {
  const Tensor inputs = pictures.as_floats(test.inputs), from_dense = logits(*n.dense, inputs), from_packed = logits(*n.packed, inputs);
  const Difference d = largest(from_dense, from_packed);
  fmt::print("{}, {} test images: accuracy {:.2f}% packed, {:.2f}% dense; their logits, up to {:.1f}, differ by {:.1e} at most\n\n",
             test.name, test.size(), accuracy(from_packed, test.labels), accuracy(from_dense, test.labels), d.logit, d.difference);

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
  else if (prune::is_compressed(s.checkpoint)) bytes("file, bytes (packed: compressed)", safetensors_size(nn::packed_view(*n.dense), file.metadata), fs::file_size(s.checkpoint));
  else bytes("file, bytes (dense: with masks)", fs::file_size(s.checkpoint), packed);
  for (const std::int64_t batch : {1, 64}) {
    const Times t = times(n, slice(inputs, 0, 0, batch));
    row(batch == 1 ? "1 image, ms" : "64 images, ms", fmt::format("{:.4f}", 1e3 * t.dense), fmt::format("{:.4f}", 1e3 * t.packed),
        t.dense / t.packed, "as fast");
  }
  const bool convolutions = n.dense->parameters().front()->shape().rank() == 4;
  const double images = static_cast<double>(convolutions ? std::min<std::int64_t>(640, test.size()) : test.size());
  const Times t = times(n, slice(inputs, 0, 0, static_cast<std::int64_t>(images)));
  row(convolutions ? "640 images, images/s" : "the test set, images/s", fmt::format("{:.0f}", images / t.dense), fmt::format("{:.0f}", images / t.packed), t.dense / t.packed,
      "as fast");
  fmt::print("\nTimes are medians on one thread of {} ({} kernels), in turn; other programs may have been running.\n", cpu_model(),
             cpu_instruction_set());
  if (n.packed->any_packed()) fmt::print("Packed in memory: values and where they belong, all that predicting reads; training adds the pattern by columns.\n");
}

// ---- Pictures

// "7 99.1%, 2 0.6%, 3 0.2%"
std::string top_three(nn::Module& net, const Tensor& pixels, const Pictures& pictures) {
  const auto& classes = pictures.classes;
  const Tensor y = net(pictures.as_floats(pixels));
  largest(y, y);
  const Tensor p = softmax(y);
  std::vector<std::size_t> order(classes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return p.at(static_cast<std::int64_t>(i)); });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()); ++i)
    text += fmt::format("{}{} {:.1f}%", i ? ", " : "", classes[order[i]], 100 * p.at(static_cast<std::int64_t>(order[i])));
  return text;
}

// A line of `side` characters for every two rows of pixels, each as bright as the mean of its colours.
std::string picture(const Tensor& pixels) {
  static constexpr std::string_view shades = " .:-=+*#%@";
  const std::int64_t channels = pixels.size(1), side = pixels.size(2);
  std::string text;
  for (std::int64_t y = 0; y < side; y += 2) {
    text += "  ";
    for (std::int64_t x = 0; x < side; ++x) {
      double sum = 0;
      for (std::int64_t c = 0; c < channels; ++c) sum += pixels.at((c * side + y) * side + x) + pixels.at((c * side + y + 1) * side + x);
      text += shades[static_cast<std::size_t>(sum / static_cast<double>(channels) / 511 * 10)];
    }
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

void look_at(nn::Module& net, const Settings& s, const Pictures& pictures) {
  std::vector<Tensor> all;
  for (const std::string& file : s.images) all.push_back(datasets::load_image(file, pictures.channels, pictures.side, pictures.side));
  for (std::size_t i = 0; i < all.size(); ++i) {  // (all are read, or refused, before the first answer)
    Tensor& p = all[i];
    if (s.invert)
      for (std::uint8_t& v : p.mutable_data<std::uint8_t>()) v = 255 - v;
    fmt::print("{}: {}{}\n", printable(s.images[i]), top_three(net, p, pictures),
               pictures.white_on_black() && border(p) > 127 ? "   (its border is bright, the data are white on black: --invert turns it round)" : "");
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
  o.file("checkpoint", s.checkpoint, "a run's checkpoint, a packed file that --export has written, a compressed one, or the name of a network in datasets/trained");
  o.files("pictures", s.images, "PNG or JPEG files, scaled to the network's size; digits white on black as in MNIST, colours become grey for it");
  o.text("--dataset", s.dataset, "the test set, and the classes' names [what the file says; else mnist, or cifar-10 for colours]",
         "mnist|fashion-mnist|cifar-10", picture_sets);
  o.integer("--example", s.example, "look at this image of the test set", 0, 9999);
  o.flag("--invert", s.invert, "the pictures are black on white");
  o.flag("--zeros", s.zeros, "what is 0 was pruned: for a file without masks, such as prune_checkpoint's");
  o.text("--export", s.export_to, "write the network as a packed file", "FILE");
  o.real("--sparse-threshold", s.sparse_threshold, "pack layers below this density; 1: all that are pruned [a table, by shape]", 0, 1);
  o.text("--data-dir", s.data_dir, "where the data sets lie [$BONSAI_DATA, else ~/.cache/bonsai]", "DIR");
  if (!o.parse(argc, argv)) return;
  require(!s.checkpoint.empty(), "{}", which_checkpoint());
  if (has_trained(s.checkpoint) && !datasets::is_there(s.checkpoint)) s.checkpoint = trained_file(s.checkpoint).string();
  require(datasets::is_there(s.checkpoint), "{}: there is no such file; {}", printable(s.checkpoint, 4096), which_checkpoint());

  const NoGrad off;
  const SafeTensors file = prune::is_compressed(s.checkpoint) ? prune::load_compressed(s.checkpoint) : load_safetensors(s.checkpoint);
  const Networks n = load(file, s);
  const Pictures pictures = pictures_for(*n.dense, file, s.dataset);
  datasets::Dataset test;
  if (s.images.empty() || s.example) test = load_pictures(pictures.dataset, datasets::data_directory(s.data_dir), false);

  if (!s.export_to.empty()) {
    std::error_code none;
    require(!fs::equivalent(s.checkpoint, s.export_to, none), "--export {}: is the checkpoint itself; choose another name",
            printable(s.export_to, 4096));
    save_safetensors(s.export_to, nn::packed_view(*n.packed), file.metadata);
    fmt::print("{}: written, {} bytes\n", printable(s.export_to, 4096), fs::file_size(s.export_to));
  }
  look_at(*n.packed, s, pictures);
  if (s.example) {
    const Tensor pixels = slice(test.inputs, 0, *s.example, *s.example + 1);
    fmt::print("{}test image {} is {}: {}\n", picture(pixels), *s.example, pictures.classes[test.labels.data<std::int64_t>()[*s.example]],
               top_three(*n.packed, pixels, pictures));
  }
  if (!s.images.empty() || s.example) return;
  fmt::print("{}: {}", file.file, describe(n));
  compare(n, pictures, test, s, file);
}

}  // namespace

int main(int argc, char** argv) {
  return program("predict", [&] { run(argc, argv); });
}
