// SynFlow: which connections carry the most from the inputs to the outputs, without a single example?
// do it, 45 minutes. Chapter: prune/scores/README.md, "The product g w, asked three ways".
//
// A chain of linear layers with ReLU between them and no biases: weights[l] is (out, in), f64. Make every
// weight positive, feed a vector of ones, and add up the outputs:
//
//   R = 1ᵀ |W_L| ... |W_2| |W_1| 1            s = |W ∘ dR/d|W||, one tensor a layer
//
// (ReLU does nothing to positive numbers.) By autograd or by hand: dR/d|W_l| is the outer product of what
// comes in from the left and what goes out to the right.
//
// What is the sum of a layer's scores?
#include "prune/scores/synflow.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<Tensor> synaptic_flow(const std::vector<Tensor>& weights) {
  todo();
}

// ---- The cases

namespace {
Tensor flow_through(const std::vector<Tensor>& absolute) {  // R
  Tensor x = ones({1, absolute[0].size(1)}, DType::f64);
  for (const Tensor& w : absolute) x = linear(x, w);
  return sum(x);
}
std::vector<Tensor> random_chain(Random r) {
  return {r.normal({5, 3}, 0, 1, DType::f64), r.normal({6, 5}, 0, 1, DType::f64), r.normal({2, 6}, 0, 1, DType::f64)};
}
}  // namespace

CASE("one path of weights 2 and -3: both score 6") {
  const auto s = synaptic_flow({tensor({2.0}, {1, 1}), tensor({-3.0}, {1, 1})});
  must(s.size() == 2, "{} scores for two layers", s.size());
  check(s[0], tensor({6.0}, {1, 1}));
  check(s[1], tensor({6.0}, {1, 1}));
}

CASE("every layer's scores add up to R") {
  const auto weights = random_chain(seeded());
  std::vector<Tensor> absolute;
  for (const Tensor& w : weights) absolute.push_back(abs(w));
  for (const Tensor& s : synaptic_flow(weights)) check(sum(s), flow_through(absolute));
}

CASE("three random layers, beside the library's score of autograd's gradient") {
  const auto weights = random_chain(seeded());
  Tensors absolute;
  for (const Tensor& w : weights) absolute.push_back(abs(w).requires_grad(true));
  const Tensors gradients = grad(flow_through({absolute.begin(), absolute.end()}), absolute);
  const auto mine = synaptic_flow(weights);
  must(mine.size() == 3, "{} scores for three layers", mine.size());
  for (int l = 0; l < 3; ++l) check(mine[l], prune::synflow(weights[l], gradients[l]), fmt::format("layer {}", l + 1));
}
