// hint: The four products g w are 6, -2, -2 and 6.
// reference: prune/scores/movement.h (mov.1)
// reference: prune/scores/snip.h (snip.1)
#include "prune/scores/movement.h"
#include "prune/scores/snip.h"
#include "prune/scores/taylor.h"

using namespace bonsai;

namespace {
const Tensor w = tensor({2.0, 2.0, -2.0, -2.0}), g = tensor({3.0, -1.0, 1.0, -3.0});
}  // namespace

std::vector<double> snip_by_hand() { return prune::snip({w}, {g})[0].to_vector<double>(); }
std::vector<double> taylor_by_hand() { return prune::taylor(w, g).to_vector<double>(); }
std::vector<double> movement_by_hand() { return prune::movement(zeros_like(w), w, g).to_vector<double>(); }
std::vector<std::int64_t> pulled_towards_zero() { return {0, 3}; }
