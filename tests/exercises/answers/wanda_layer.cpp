// hint: Make one row small in all its entries.
// reference: prune/layerwise/wanda.cpp Tensor keep_by_row(
#include <vector>

std::vector<double> four_rows() { return {0.1, 0.1, 0.1, 0.1, 4, 3, 2, 1, 1, 2, 3, 4, 4, 3, 2, 1}; }
