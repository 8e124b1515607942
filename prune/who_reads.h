// Does anyone read this number? Asked of a result's numbers, answered for those of its operands: one step backward through the recorded graph, as a
// derivative goes, but with flags instead of gradients. So a unit is followed through BatchNorm, ReLU, pooling, flattening and residual sums
// to whoever reads it, and no layer needs code of its own.
#pragma once
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

using Flags = std::vector<std::uint8_t>;  // one a number of a tensor, row by row

// y is the result of an operation that is no product; of_y: which of its numbers are read. Which of its input k's are then?
//   single numbers, stretched or not     whoever is read in any of its places
//   mul by a constant                    not where the constant is 0 (a BatchNorm's γ that has been pruned): nothing comes through
//   reshape, permute, slice, embed, concat, sum    by place
//   pooling                              a channel by its channel
//   anything else                        all of them
Flags who_reads(const Tensor& y, std::size_t k, const Flags& of_y, bool other_is_constant);

// All results of operations below y, each before everything that it was made of.
std::vector<Tensor> outputs_first(const Tensor& y);

// Is y the result of one of these operations?
bool is(const Tensor& y, std::initializer_list<std::string_view> names);

}  // namespace bonsai::prune
