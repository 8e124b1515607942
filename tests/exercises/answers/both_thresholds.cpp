// hint: Where all three are of one size, no threshold can take two of them.
// reference: prune/select_stream.h std::int64_t removed(
#include <vector>

std::vector<float> three_weights() { return {1, -1, 1}; }
