// hint: What is below ε besides 0?
// reference: core/reference/optimizers.cpp (sgd.1)
#include <vector>

std::vector<double> four_weights() { return {0.5, 0, -1, 2}; }
