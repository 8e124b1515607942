// hint: After the pruning m is 0, and v goes on as 0.9 v. What is in v by then?
// reference: core/reference/optimizers.cpp (sgd.1)
#include <vector>

std::vector<double> six_gradients() { return {2, 2, 0, 0, 0, 0}; }
