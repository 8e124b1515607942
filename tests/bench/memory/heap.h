// bench_memory's operator new, which counts. (A file of its own: a compiler that sees malloc inside new would call the pair of new and
// delete mismatched.)
#pragma once
#include <cstdint>

namespace bonsai::bench {

std::int64_t heap_bytes();  // alive, as the heap has rounded them
std::int64_t heap_calls();  // of operator new, so far

}  // namespace bonsai::bench
