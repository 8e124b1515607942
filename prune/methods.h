// Each score, called with what the registry's table hands it (ScoreInputs): the weights and, where it needs them, gradients, curvature or
// the inverse Hessian of the objective.
#pragma once
#include "nn/module.h"
#include "prune/registry.h"

namespace bonsai::prune::methods_by_name {

using Scores = std::vector<Tensor>;

// The inputs with the network in f64 for the length of a scope: sums of second derivatives and products over all layers need it. The
// parameters go back to their own type with the bits that they had.
class InDouble {
 public:
  InDouble(const ScoreInputs& in, const char* score);  // throws, naming the score, when there is no net or are no inputs
  ~InDouble();
  InDouble(const InDouble&) = delete;
  const ScoreInputs& inputs() const { return in_; }

 private:
  ScoreInputs in_;
  std::vector<std::pair<nn::Parameter*, DType>> parameters_;
  std::vector<std::pair<Tensor*, Tensor>> buffers_;
};

Tensors leaves(const ScoreInputs& in);  // the parameters as autograd sees them

Scores magnitude(const ScoreInputs& in);
Scores magnitude_std(const ScoreInputs& in);
Scores random(const ScoreInputs& in);
Scores taylor(const ScoreInputs& in);
Scores snip(const ScoreInputs& in);
Scores grasp(const ScoreInputs& in);
Scores synflow(const ScoreInputs& in);
Scores movement(const ScoreInputs& in);
Scores obd(const ScoreInputs& in);
Scores obd_1990(const ScoreInputs& in);
Scores obd_1990_positive(const ScoreInputs& in);
Scores obs(const ScoreInputs& in);
Scores obs_1993(const ScoreInputs& in);
Scores woodfisher(const ScoreInputs& in);

// OBS proper: the weights go one after the other, and those that stay move.
Surgery operate_obs(const ScoreInputs& in, std::int64_t remove);
Surgery operate_obs_1993(const ScoreInputs& in, std::int64_t remove);
Surgery operate_woodfisher(const ScoreInputs& in, std::int64_t remove);

}  // namespace bonsai::prune::methods_by_name
