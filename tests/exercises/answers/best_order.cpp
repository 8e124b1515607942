// hint: Column 0 is in one of the groups; choose its three companions, 7 over 3 = 35 ways. prune::kept_score(scores, {2, 4}, order) says what an order keeps.
// reference: prune/nm/permutation.cpp Order exact_order(
#include "prune/nm/permutation.h"

using namespace bonsai;

std::vector<std::int64_t> best_order(const Tensor& scores) { return prune::exact_order(scores, {2, 4}); }
