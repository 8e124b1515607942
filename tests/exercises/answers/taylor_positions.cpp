// hint: Channel 0: positions that cancel in one example, and something small. Channel 1: examples that cancel.
// reference: prune/scores/channel_taylor.h (ctay.1)
#include <vector>

std::vector<double> products() { return {5, -4, 2, 2, 5, -4, -2, -2}; }
