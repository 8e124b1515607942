// What goes as one: single entries of a weight, or groups of them. A group's score is the sum of its entries' scores (so |w| over filters is the
// L1 norm of a filter); select.h decides among groups as it does among entries, and a group's entries share its fate.
//
//   weight         every entry by itself
//   filter         all entries with one index along axis 0: (out, in, height, width), (out, in)
//   input channel  all entries with one index along axis 1
//   head           rows in a row, as many as a head has, along axis 0 of a q, k or v projection (heads · d, in)
//   block          height x width rectangles of the matrix (axis 0, all other axes); those at the far edges may be smaller
//
// These are masks on one tensor, and make it neither smaller nor faster by themselves; which groups of several tensors must go together, so that they
// can be cut out, structure/channels.h reads off the graph.
#pragma once
#include <cstdint>

#include "core/tensor.h"

namespace bonsai::prune {

enum class Granularity { weight, filter, input_channel, head, block };
const char* name(Granularity g);

struct Grouping {
  Granularity kind = Granularity::weight;
  std::int64_t height = 1, width = 1;  // of a block; of a head, height is its number of rows
};

std::int64_t groups(const Grouping& g, const Shape& shape);            // how many there are
Tensor pooled(const Grouping& g, const Tensor& scores);                // scores of entries -> (groups) f64, their sums in index order
Tensor alive_groups(const Grouping& g, const Tensor& mask);            // u8 of entries -> u8 (groups): has it an entry left?
Tensor spread(const Grouping& g, const Tensor& kept, const Shape& shape);  // u8 (groups) -> u8 of entries

}  // namespace bonsai::prune
