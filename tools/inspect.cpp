// Looking into anyone's checkpoint: what tensors a safetensors file holds, how sparse they are, whether they keep to 2:4, 4:8 or 1:4, and how
// large what is left is. Files larger than memory are worked through by windows.
//
//   ./bonsai run inspect FILE.safetensors
//   ./bonsai run inspect FILE.safetensors --figure histogram.png      the largest weights' histograms
//
// A pattern's column is the fraction of its groups along the input dimension that keep at most N of M (prune/nm/nm.h); 1.000 only where all do.
#include "core/parallel.h"
#include "experiments/common/options.h"
#include "experiments/common/program.h"
#include "tools/checkpoint/look.h"

namespace {

using namespace bonsai;
using namespace bonsai::tools;

void run(int argc, char** argv) {
  std::string path, figure;
  std::optional<std::int64_t> threads;
  experiments::ToolOptions o(
      "inspect", "Lists the tensors of a safetensors file: shape, type, density, N:M patterns, smallest and largest number, norm, histogram.");
  o.file("file", path, "a safetensors file");
  o.text("--figure", figure, "draw the histograms of its largest weights; the data and the script are left beside it", "PICTURE.png");
  o.integer("--threads", threads, "the results do not depend on it [one a processor]", 1, 256);
  if (!o.parse(argc, argv)) return;
  require(!path.empty(), "name a safetensors file; the trained networks of this house are in datasets/trained");
  set_threads(static_cast<int>(threads.value_or(hardware_threads())));

  const SafeTensorsFile in(path);
  std::vector<Look> all;
  for (const FileTensor& t : in.tensors()) all.push_back(look(in, t));
  fmt::print("{}: {} tensors\n{}", in.name(), all.size(), table(all));
  for (const auto& [key, value] : in.metadata()) fmt::print("{}: {}\n", printable(key), printable(value, 200));
  if (figure.empty()) return;
  draw(figure, in, all);
  fmt::print("{}: drawn\n", printable(figure, 4096));
}

}  // namespace

int main(int argc, char** argv) {
  return experiments::program("inspect", [&] { run(argc, argv); });
}
