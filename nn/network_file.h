// Files of networks. A checkpoint holds the dense view, to go on training with: "fc1.weight", zeros and all, and "fc1.weight.mask". A
// packed file is an export, to predict with: of each packed weight it holds only what is left,
//
//   fc1.weight.values      F32 (kept)        the weights that stay, row by row
//   fc1.weight.row_begin   I32 (rows + 1)    row r has values row_begin[r] .. row_begin[r + 1] - 1
//   fc1.weight.column      U16 (kept)        each lies in this column
//   fc1.weight.shape       I32 (axes)        the dense shape; all axes but the first are columns: in / groups * kernel * kernel of a convolution
//   fc1.bias               F32 (300)         what is not packed, dense
//   bn1.running_mean       F32 (16)          buffers, in both kinds of file
//
// so 6 bytes for a weight that stays and none for one that is gone. Where two of every four columns stay, 2 bits say which:
//   fc1.weight.positions   U8 (rows, columns / 8, rounded up)    instead of row_begin and column (core/sparse24/FORMAT.md): 4.25 bytes a weight
//
// The parts of the first kind are those of a SciPy matrix:
// csr_matrix((values, column, row_begin), shape). Both kinds are safetensors files, and hostile until checked: every refusal is one line
// that names the file and the tensor, and nothing is built before all of it is known to fit.
#pragma once
#include <memory>
#include <vector>

#include "core/safetensors.h"
#include "nn/module.h"

namespace bonsai::nn {

// What a packed file of this network holds, for save_safetensors(): packed parameters in their parts, others and buffers dense.
std::vector<NamedTensor> packed_view(Module& net);

bool is_packed_file(const SafeTensors& file);  // is any parameter there in parts?

// The network that a file holds, in the forms that it has there: masked, packed or dense. The metadata's `network`, one of network()'s names,
// says which it is; beside the metadata `cut` (prune/structure/surgery.h) tensors may be smaller than that network's, of whose layers each takes what
// sizes it finds. Without it, the names of the tensors tell network()'s networks apart (with a convolution conv1, or attention), and a chain of
// Linear layers fc1, fc2, ... of any sizes is one with ReLU between them, which takes (n, in) or images of `in` pixels.
std::unique_ptr<Sequential> network_of(const SafeTensors& file);

}  // namespace bonsai::nn
