// What a layer's inputs say about its weights. A layer computes W x; let W' take W's place. Over the tokens X (tokens, in) of some calibration
// data the outputs move by
//
//   ‖X (W - W')ᵀ‖² = (N/2) Σ_rows δᵀ H δ,       H = (2/N) XᵀX,  N tokens, δ a row of W - W'
//
// exactly, not to second order: in its own weights a layer's squared error is a quadratic, with one Hessian H (in, in) that all rows share. So
// OBS, which on a network's loss has to assume a quadratic and one matrix for all n weights, becomes exact here and small: in² numbers.
#pragma once
#include <vector>

#include "prune/layerwise/amount.h"

namespace bonsai::prune {

// The statistics of a layer's inputs, gathered in batches. Sums are f64 and in one order whatever the threads; batches of other sizes are other sums.
class InputStatistics {
 public:
  explicit InputStatistics(std::int64_t in, bool second_moments = true);  // without them (Wanda) there are in numbers to keep, not in²
  void add(const Tensor& x);                                              // (tokens, in), f32 or f64; refuses what is not finite

  std::int64_t tokens() const { return tokens_; }
  Tensor norms() const;           // (in): ‖X_j‖₂
  Tensor second_moments() const;  // (in, in): (2/N) XᵀX

 private:
  std::int64_t in_, tokens_ = 0;
  Tensor squares_, products_;  // (in); (in, in), the lower triangle
};

// ‖X (W - W')ᵀ‖² / ‖X Wᵀ‖²: which fraction of its output (in squares) a layer loses. w, pruned (out, in, ...), h the second moments.
double layer_error(const Tensor& w, const Tensor& pruned, const Tensor& h);

// What SparseGPT and OBC start from.
struct LayerProblem {
  Tensor w;                         // (out, n) f64: 0 in the columns of inputs that are always 0, which no weight can be judged by
  Tensor kept;                      // (out, n) u8: what was not pruned before
  std::vector<std::int64_t> order;  // its column j is the weight's column order[j]: under N:M the M of a group are neighbours
};
// Refuses, naming `who` and the weight, what does not fit, what is not finite, and N:M where `in` is no multiple of M.
LayerProblem layer_problem(const char* who, const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const Tensor& mask);
// H with rows and columns in this order, 1 on the diagonal where it is 0, and damping · (mean of the diagonal) added to the diagonal.
Tensor damped(const Tensor& h, const std::vector<std::int64_t>& order, double damping);
// Columns back in the weight's own order, its shape and type.
Tensor restored(const Tensor& matrix, const LayerProblem& p, const Tensor& w);

// A layer's new mask (u8) and its new weights, shaped and typed as the old: exactly 0 where pruned.
struct Compensated {
  Tensor mask, values;
};

}  // namespace bonsai::prune
