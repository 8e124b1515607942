// hint: Make a list of the indices that are kept, std::stable_sort it by score, and set the first `remove` of them to 0 in clone(mask).
// hint: scores.data<double>()[i] reads an entry by its flat index, mask.mutable_data<std::uint8_t>()[i] = 0 writes one.
// reference: prune/select.cpp std::vector<Tensor> remove_lowest(
#include "prune/select.h"

using namespace bonsai;

Tensor without_lowest(const Tensor& scores, const Tensor& mask, std::int64_t remove) { return prune::remove_lowest({{"w", scores, mask}}, remove)[0]; }
