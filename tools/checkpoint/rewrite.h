// The last pass: every window of the file is read, its mask made, what goes made 0, and the window written where it stood. What is kept keeps its
// bits, and so does every tensor that is not pruned; the header, metadata and all, is the input's.
#pragma once
#include "tools/checkpoint/choice.h"

namespace bonsai::tools {

struct Pruned {  // what has become of one tensor
  const FileTensor* tensor;
  std::int64_t size, kept;
  double norm_kept;  // ‖w ∘ mask‖ / ‖w‖, before SparseGPT moves what stays; 1 where all weights were 0
  double seconds;
};

// Writes nothing where an output is null. `masks` receives a safetensors file of NAME.mask (u8).
// Throws when a tensor keeps nothing, unless allow_empty.
std::vector<Pruned> rewrite(const Request& r, const SafeTensorsFile& in, const std::vector<const FileTensor*>& tensors,
                            const std::vector<Choice>& choices, OutputFile* out, OutputFile* masks);

}  // namespace bonsai::tools
