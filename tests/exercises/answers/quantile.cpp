// hint: After the first round, what are the smallest round(0.2 n) of the values? And so what is the threshold of the second?
// hint: A bias that is smaller than the weights is among the lowest values of its layer.
// reference: prune/schedules/iterative.h (it.1)
#include <cstdint>
#include <vector>

#include "prune/select.h"

std::vector<double> weights() { return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}; }
std::vector<double> biases() { return {0.5}; }
std::int64_t left_in_the_loop(std::int64_t n, double rate, int) { return n - bonsai::prune::count(rate, n); }
