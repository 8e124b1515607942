// Many small networks trained at once: T networks of one shape are one network whose weights are (T, out, in), and each layer one product of T matrices. A GPU that one LeNet
// leaves idle trains ten in nearly the time of one. What each learns is what it learns alone, to the last bit: no number of one meets a number of another.
#pragma once
#include "nn/train.h"

namespace bonsai::nn {

// A network of T networks. Their layers may be Linear, activations and Flatten; forms: dense or masked.
class Together : public Module {
 public:
  explicit Together(std::vector<Sequential*> members);
  Tensor forward(const Tensor& x) override;  // (T, n, ...) -> (T, n, out)
  std::string describe() const override;
  std::int64_t size() const { return static_cast<std::int64_t>(members_.size()); }

  void gather();       // takes the members' values and masks
  void give() const;   // gives them the values
  // The optimizers of the members into one of this network, and back.
  void gather(const std::vector<Optimizer*>& theirs, Optimizer& own) const;
  void give(const Optimizer& own, const std::vector<Optimizer*>& theirs) const;

 private:
  std::vector<std::pair<std::string, Tensor>> values() const;
  std::vector<Sequential*> members_;
  struct Layer {
    Module* module = nullptr;  // of the first member, where it has no weights
    Parameter *weight = nullptr, *bias = nullptr;
  };
  std::vector<Layer> layers_;
};

struct Member {
  Sequential* net;
  Optimizer* optimizer;
  BatchSource batches;
  Hooks hooks;  // before_step, evaluate, after_step
};

// train(), for all of them, with the same options; the steps are recorded where the network lies on a device. `make` makes an optimizer like theirs. A member's network and optimizer
// are up to date when its evaluate is called, and in before_step and after_step where look(iteration) says so.
void train_together(const std::vector<Member>& members, const std::function<std::unique_ptr<Optimizer>(std::vector<Parameter*>)>& make, const TrainOptions& options,
                    const std::function<bool(std::int64_t iteration)>& look);

}  // namespace bonsai::nn
