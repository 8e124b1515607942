// Optimizers. step() reads the gradients that backward() left, moves the weights and drops the gradients. The update rules stand in
// core/reference/optimizers.cpp; each is one fused kernel, and a pruned weight keeps value 0 and state 0 in it.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "nn/module.h"

namespace bonsai::nn {

class Optimizer {
 public:
  explicit Optimizer(std::vector<Parameter*> parameters) : parameters_(std::move(parameters)) {}
  virtual ~Optimizer() = default;

  // Moves every parameter that has a gradient. rate: the learning rate of this step.
  void step(double rate) { prepare(rate), apply(); }
  // Its two halves, for steps that are recorded: what changes from step to step is written, then kernels do the rest, the same ones each time.
  void prepare(double rate);
  void apply();

  // A copy of its state by name, "optimizer.fc1.weight.m"; load_state() takes such a list back, and refuses one that does not fit.
  // Masks come first: a mask that is set after load_state() clears the state of what it prunes.
  std::vector<std::pair<std::string, Tensor>> state() const;
  void load_state(const std::vector<std::pair<std::string, Tensor>>& state);

 protected:
  virtual std::vector<std::string> slots() const = 0;  // the names of one parameter's state tensors
  virtual void update(Parameter& p, Tensor& gradient, std::vector<Tensor>& state, const Tensor& rate, const Tensor& steps) = 0;

 private:
  void make_state();
  Tensor dense_state(std::size_t i, const Tensor& state) const;
  std::vector<Parameter*> parameters_;
  std::vector<std::vector<Tensor>> state_;  // one list a parameter, made at the first step; of the parameter's type and form
  std::vector<PatternRef> patterns_;        // the pattern by which a parameter's state is packed; null: it is dense
  Tensor rate_ = zeros({1}, DType::f64), steps_ = zeros({1}, DType::i64);
  std::int64_t taken_ = 0;  // = steps_, where the host sees it
};

struct SgdOptions {
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
class SGD : public Optimizer {
 public:
  explicit SGD(std::vector<Parameter*> parameters, SgdOptions o = {});

 private:
  std::vector<std::string> slots() const override;
  void update(Parameter& p, Tensor& gradient, std::vector<Tensor>& state, const Tensor& rate, const Tensor& steps) override;
  SgdConstants c_;
};

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = false;  // true: AdamW
};
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<Parameter*> parameters, AdamOptions o = {});

 private:
  std::vector<std::string> slots() const override { return {"m", "v"}; }
  void update(Parameter& p, Tensor& gradient, std::vector<Tensor>& state, const Tensor& rate, const Tensor& steps) override;
  AdamConstants c_;
};
class AdamW : public Adam {
 public:
  explicit AdamW(std::vector<Parameter*> parameters, AdamOptions o = {.weight_decay = 0.01}) : Adam(std::move(parameters), decouple(o)) {}

 private:
  static AdamOptions decouple(AdamOptions o) { o.decoupled = true; return o; }
};

}  // namespace bonsai::nn
