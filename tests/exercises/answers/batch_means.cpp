// hint: The last batch may be a small one, and its examples count for more.
// reference: nn/train.cpp Measure evaluate(
#include <vector>

std::vector<double> losses() { return {0, 0, 0, 0, 1}; }
