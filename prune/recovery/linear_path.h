// Linear mode connectivity: did two trainings end in the same valley? Walk in a straight line from the end of one to the end of the other,
// and watch the error on the way.
//
//   w(α) = (1 - α) w_A + α w_B,     instability = max E(w(α)) - (E(w_A) + E(w_B)) / 2,     α = 0, 1/(n-1), ..., 1
//
// With two children of one network, trained on in different orders of the data, it tells how much the order decides. The paper takes n = 30
// points and calls the network stable when the instability is below 2 points of error. Where both ends are pruned by the same mask, so is
// everything between them.
// Assumes that n points do not step over the wall, and that a wall on the straight line is a wall: two copies of one network with their
// hidden units in another order compute the same and have one between them (linear_path_example.cpp). Cost: n evaluations.
// Frankle, Dziugaite, Roy and Carbin, "Linear mode connectivity and the lottery ticket hypothesis", ICML 2020.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "nn/module.h"

namespace bonsai::prune {

using Weights = std::vector<Tensor>;  // one tensor a parameter
inline constexpr double stable_below = 2;  // points of error

// (1 - alpha) a + alpha b. Refuses, with the index, weights that do not fit each other.
Weights between(const Weights& a, const Weights& b, double alpha);

// f at n evenly spaced places from a to b, both ends included.
std::vector<double> along_line(const Weights& a, const Weights& b, int n, const std::function<double(const Weights&)>& f);

// The highest of the errors minus the mean of the first and the last. Refuses a NaN.
double instability(const std::vector<double>& errors);

// The error along the line, in percent of the examples. `network` makes a fresh one, so nothing that exists is changed. `settle` is called
// with the network at each place before it is measured: BatchNorm's running statistics are not linear in the weights, so those in between
// are of neither end, and must be estimated anew (nn::estimate_statistics).
std::vector<double> errors_along_line(const Weights& a, const Weights& b, const std::function<std::unique_ptr<nn::Sequential>()>& network,
                                      const Tensor& inputs, const Tensor& labels, int n = 30, const std::function<void(nn::Module&)>& settle = {});

}  // namespace bonsai::prune
