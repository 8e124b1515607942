// hint: A score stays when fewer than n of its group are higher, or equal and later. Counting them takes m² comparisons a group and no sorting.
// reference: prune/nm/nm.cpp (nm.1)
#include "prune/nm/nm.h"

using namespace bonsai;

Tensor n_of_every_m(const Tensor& scores, std::int64_t n, std::int64_t m) { return prune::nm_mask("w", scores, {n, m}); }
