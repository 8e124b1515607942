// Pruning anyone's checkpoint: a safetensors file in, the same file out with fewer weights; larger than memory, if it is.
//
//   ./bonsai run prune_checkpoint IN.safetensors OUT.safetensors --sparsity 0.9 --scope global
//   ./bonsai run prune_checkpoint IN.safetensors OUT.safetensors --granularity 2:4 --masks masks.safetensors
//   ./bonsai run prune_checkpoint IN.safetensors OUT.safetensors --criterion wanda --sparsity 0.5 --calibration inputs.safetensors
//   ./bonsai run prune_checkpoint IN.safetensors --sparsity 0.9 --dry-run --report report.json
//
// The file is read by windows, two or three times: to decide (checkpoint/choice.h) and to write (checkpoint/rewrite.h). The chapter is
// README.md, in this folder; there too is how to take the result back to PyTorch.
#include <chrono>
#include <filesystem>

#include "core/parallel.h"
#include "experiments/common/options.h"
#include "experiments/common/program.h"
#include "tools/checkpoint/report.h"

namespace {

using namespace bonsai;
using namespace bonsai::tools;

void run(int argc, char** argv) {
  Request r;
  std::optional<std::int64_t> seed, threads;
  experiments::ToolOptions o(
      "prune_checkpoint",
      "Makes weights of a safetensors file 0 and writes it again, every other bit as it was: f32, f64, f16 and bf16 stay what they are.\n"
      "Pruned are the floating tensors of two axes or more, (out, in) or (out, in, height, width). That can be too many: embeddings, norms\n"
      "of two axes and an optimizer's moments are yours to --exclude. Sparsity counts zeros that are there already.");
  o.file("input", r.input, "the checkpoint");
  o.file("output", r.output, "the pruned one; written whole or not at all");
  o.text("--criterion", r.criterion, "which weights go [magnitude]", "NAME", {"magnitude", "random", "lp-filter", "fpgm", "wanda", "sparsegpt"});
  o.text("--granularity", r.granularity, "what goes as one; 2:4 keeps 2 of every 4 along `in` [weight; filter for lp-filter and fpgm]",
         "weight|filter|N:M|block");
  o.text("--scope", r.scope, "compare within a layer, all layers together, or each output row [layer; wanda: row]", "layer|global|row");
  o.real("--sparsity", r.sparsity, "the fraction to be 0; N:M has its own", 0, 1);
  o.text("--include", r.include, "only tensors in whose names this is found, such as 'mlp\\..*weight'", "REGEX");
  o.text("--exclude", r.exclude, "not those, such as 'embed|norm|^optimizer'", "REGEX");
  o.text("--calibration", r.calibration, "for wanda and sparsegpt: for each weight NAME a tensor NAME.input (tokens, in)", "FILE");
  o.text("--masks", r.masks, "write the masks: u8 tensors NAME.mask, 1 where a weight stays", "FILE");
  o.text("--report", r.report, "write the report as JSON", "FILE");
  o.integer("--seed", seed, "of random [1]", 0, std::int64_t{1} << 53);
  o.flag("--allow-empty", r.allow_empty, "a tensor may lose all its weights");
  o.flag("--dry-run", r.dry_run, "select and report, write no checkpoint and no masks");
  o.real("--p", r.p, "the norm of lp-filter [2]", 0, 1000);
  o.text("--block", r.block, "the size of a block, rows x columns [4x4]", "HxW");
  o.integer("--threads", threads, "the results do not depend on it [one a processor]", 1, 256);
  if (!o.parse(argc, argv)) return;
  require(!r.input.empty(), "name a safetensors file; --help lists the options");
  r.seed = static_cast<std::uint64_t>(seed.value_or(1));
  r.settle();
  require_apart(r);
  set_threads(static_cast<int>(threads.value_or(hardware_threads())));

  const auto began = std::chrono::steady_clock::now();
  const SafeTensorsFile in(r.input);
  const std::vector<const FileTensor*> tensors = selected(r, in);
  std::optional<SafeTensorsFile> calibration;
  if (!r.calibration.empty()) calibration.emplace(r.calibration);
  std::optional<OutputFile> out, masks, report;  // all of them before the work
  if (!r.dry_run) out.emplace(r.output);
  if (!r.dry_run && !r.masks.empty()) masks.emplace(r.masks);
  if (!r.report.empty()) report.emplace(r.report);

  const std::vector<Choice> choices = choose(r, in, calibration ? &*calibration : nullptr, tensors);
  const std::vector<Pruned> pruned = rewrite(r, in, tensors, choices, out ? &*out : nullptr, masks ? &*masks : nullptr);
  for (OutputFile* file : {out ? &*out : nullptr, masks ? &*masks : nullptr})
    if (file) file->sync();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (report) {
    const std::string text = json(r, in, pruned, seconds);
    report->write(0, text.data(), text.size());
    report->sync();
  }
  for (auto* file : {&out, &masks, &report})
    if (*file) (*file)->finish();

  fmt::print("{}{}, by {}, scope {}; {} of {} tensors\n", r.amount, r.dry_run ? " (dry run)" : "", r.criterion, r.scope, tensors.size(),
             in.tensors().size());
  fmt::print("{}{:.2f} s\n", table(pruned), seconds);
  if (out)
    fmt::print("{}: written, {} bytes. Look at it: ./bonsai run inspect {}\n", printable(r.output, 4096), std::filesystem::file_size(r.output),
               printable(r.output, 4096));
}

}  // namespace

int main(int argc, char** argv) {
  return experiments::program("prune_checkpoint", [&] { run(argc, argv); });
}
