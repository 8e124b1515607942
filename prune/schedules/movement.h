// Movement pruning: a trained network is fine-tuned on another task, and what the new task pulls towards 0 goes, however large it was.
//
//   scores    s ← s - η g w at every step, s = 0 at first (scores/movement.h), g taken straight through the mask
//   hard      the mask keeps the share 1 - ρ(t) with the highest s, counted exactly; ρ(t) climbs the cubic ramp (gradual.h)
//   soft      the mask is s > τ, one τ for all layers, and R = λ(t)/n Σ sigmoid(s) joins the loss; λ(t) climbs the same ramp from 0 to λ.
//             s ← s - η λ(t)/n sigmoid(s) (1 - sigmoid(s)) pushes every score down: only what the loss wants often enough stays above τ
//   weights   a layer computes with m w, so a weight's own gradient is m g
//
// Masks are made anew before every step, after the ramp's end too, from soft masks (nn/parameter.h): a pruned weight stays behind its
// mask, goes on being scored with its hidden value, and may come back with it. It stands still there: neither its gradient, nor weight
// decay, nor a momentum from before moves it. (In the paper's code the optimizer sees gradient 0 and goes on, so that Adam's momentum
// drifts a hidden weight for some steps more; here the hidden value is what the weight was when it was pruned.) The optimizer's state
// sees gradient 0 meanwhile and fades. The paper's code steps s by Adam, its text by the plain sum, which is what is done here; there τ
// is compared with sigmoid(s), so that its 0.1 is τ = ln(0.1/0.9) = -2.2 here, and R is a mean, as here.
//
// Magnitude and random scores go through the same frame (By), so that a comparison compares scores alone.
// Shapes: s, m and the hidden values are each as their weights. Assumes fine-tuning: from scratch everything moves.
// Cost a step: n for the scores and three copies, a selection over n; 2 n numbers and n bytes are kept.
// Sanh, Wolf and Rush, "Movement pruning: adaptive sparsity by fine-tuning", NeurIPS 2020.
#pragma once
#include "nn/parameter.h"
#include "prune/during.h"
#include "prune/registry.h"
#include "prune/schedules/gradual.h"

namespace bonsai::prune {

enum class By { movement, magnitude, random };

struct MovementOptions {
  By by = By::movement;
  Gradual ramp = {};  // hard: the sparsity, its start the warm-up t_i. Soft: λ(t) = λ s(t)/s_f. Its `every` counts only as a length
  Scope scope = Scope::global;  // hard: within what weights compete
  double rate = 1;              // α; hard: any gives the same masks, up to rounding
  bool soft = false;
  double lambda = 0, threshold = 0;  // soft: λ and τ
  Random random{0};                  // for By::random, whose scores are drawn once
};

// What the penalty adds to dL/ds: the derivative of share Σ sigmoid(s), share = λ(t)/n.
Tensor movement_penalty(const Tensor& scores, double share);

class Movement : public During {
 public:
  // Refuses parameters without a weight, a name that comes twice, options that make no sense.
  Movement(std::vector<nn::Parameter*> parameters, const MovementOptions& o);

  void before_step(std::int64_t iteration) override;     // hidden weights stand where they stood; the masks of this step
  void after_backward(std::int64_t iteration) override;  // scores move; gradients of pruned weights become 0
  void finish() override;                                // the last step's masks become hard
  std::vector<std::pair<std::string, Tensor>> state() const override;
  void load_state(const std::vector<std::pair<std::string, Tensor>>& state) override;

  const std::vector<Tensor>& scores() const { return scores_; }  // ScoreInputs::accumulated

 private:
  std::vector<Tensor> masks_at(std::int64_t iteration) const;
  std::vector<nn::Parameter*> parameters_;
  MovementOptions o_;
  std::int64_t total_ = 0;               // n, all weights together
  std::vector<Tensor> scores_, hidden_;  // hidden_: all values, from after_backward to the next before_step
};

}  // namespace bonsai::prune
