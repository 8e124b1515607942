// hint: Let the second-smallest score stand there more than twice, and let it be the smallest as well.
// reference: prune/select.cpp std::vector<Tensor> remove_lowest(
#include <vector>

std::vector<double> six_scores() { return {1, 1, 1, 2, 3, 4}; }
