// The kernels of moving.cpp; cpu.cpp puts them into the table.
#pragma once
#include "core/cpu/kernels.h"

namespace bonsai::baseline {

void fill(View out, double value);
void copy(View in, View out);
void argmax(View in, View out);
void index_select(View in, View indices, int axis, View out);
void index_add(View in, View indices, int axis, View out);
void gather(View in, View indices, View out);
void scatter_add(View in, View indices, View out);
void uniform(std::uint64_t key, std::uint64_t counter, View out);
void normal(std::uint64_t key, std::uint64_t counter, View out);

}  // namespace bonsai::baseline
