// Parameters as one vector: the entries that are not pruned, of all of them, end to end. What second-order methods see, and what a
// minimum is looked for in.
#pragma once
#include <functional>
#include <vector>

#include "nn/parameter.h"

namespace bonsai::nn {

class Flat {
 public:
  explicit Flat(const std::vector<Parameter*>& parameters);

  std::int64_t size() const { return kept_.numel(); }   // n, the kept entries
  std::int64_t total() const { return total_; }         // with the pruned ones
  const Tensors& leaves() const { return leaves_; }     // the parameters as autograd sees them
  const Tensor& places() const { return kept_; }        // (n) i64: where each kept entry lies among all
  Tensor values() const;                                // (n), copied
  void set(const Tensor& values);                       // (n) back into the parameters
  Tensors spread(const Tensor& v) const;                // (n) into tensors shaped as the parameters; pruned entries get 0

  Tensor gradient(const Tensor& loss) const;            // (n)
  Tensor hessian(const Tensor& loss) const;             // (n, n), exact
  std::function<Tensor(const Tensor& v)> hessian_products(const Tensor& loss) const;  // v (n) -> H v (n); keeps the loss's graph

 private:
  std::vector<Parameter*> parameters_;
  Tensors leaves_;
  Tensor kept_;
  std::int64_t total_ = 0;
};

}  // namespace bonsai::nn
