// Erdős-Rényi: how dense each layer of a network that is sparse from the start should be. A random graph between n_in and n_out units with
// factor (n_in + n_out) edges: the larger a layer, the sparser.
//
//   ER    density_l = factor (n_in + n_out) / (n_in n_out)                          a weight (out, in, ...)
//   ERK   density_l = factor (n_in + n_out + k_h + k_w) / (n_in n_out k_h k_w)      the kernel's axes count too; for a matrix the same as ER
//
// factor follows from the sparsity: it is such that all layers together keep n - count(sparsity, n) weights. A layer whose density would exceed
// 1 is dense, and factor is found anew for the others, until none exceeds 1. Rounded down, with what is then missing to the largest
// remainders (the earlier layer among equals), so the total is exact.
// Shapes: any weight with two or more axes. Assumes nothing about the data. Cost: a few passes over the list of layers.
// Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity", Nature Communications 9, 2018 (ER);
// Evci et al., "Rigging the lottery", ICML 2020 (ERK).
#pragma once
#include <vector>

#include "core/random.h"
#include "nn/parameter.h"

namespace bonsai::prune {

enum class ErdosRenyi { plain, kernel };  // ER, ERK

// The densities, one a layer, before rounding; and how many weights each keeps. Refused when a layer would keep none.
std::vector<double> erdos_renyi_densities(const std::vector<Shape>& weights, double sparsity, ErdosRenyi kind = ErdosRenyi::kernel);
std::vector<std::int64_t> erdos_renyi(const std::vector<Shape>& weights, double sparsity, ErdosRenyi kind = ErdosRenyi::kernel);

// One mask a parameter with kept[i] ones at random places. Each parameter draws from a stream of its own name.
std::vector<Tensor> random_masks(const std::vector<nn::Parameter*>& parameters, const std::vector<std::int64_t>& kept, const Random& random);

}  // namespace bonsai::prune
