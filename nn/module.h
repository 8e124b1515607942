// Module: a function with parameters. A module owns its parameters, buffers and sub-modules, and names them; from the root a
// parameter is called by its path, "fc1.weight".
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/parameter.h"

namespace bonsai::nn {

class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  // The same with examples as columns, (features, m) in and out, as packed weights would rather have it (core/sparse.h: to_columns).
  // Column j of the result depends on column j alone: some of them may be no examples. A module that can says so with takes_columns();
  // wants_columns() says that it is faster. Others need not care.
  virtual Tensor forward_columns(const Tensor& x) { fail("{}: takes no columns, got {}", describe(), x.shape()); }
  virtual bool takes_columns() const { return false; }
  virtual bool wants_columns() const { return false; }
  Tensor operator()(const Tensor& x) { return forward(x); }
  virtual std::string describe() const = 0;  // one line: "Linear 784 -> 300"

  // All parameters below this module, in the order in which they were added; each is (re)named by its path from here.
  std::vector<Parameter*> parameters() { return collect(""); }
  Parameter& parameter(const std::string& path);  // throws and lists those there are
  bool any_packed() const;  // is one of them packed?
  // What is saved with the parameters but not learned (running statistics), by path.
  std::vector<std::pair<std::string, Tensor*>> buffers(const std::string& prefix = "");

  void reset_buffers();  // to what they are in a new network

  void train(bool on = true);                  // dropout and batch normalisation behave differently when evaluating
  bool training() const { return training_; }
  // Told before every training step: what random layers draw depends on the step alone, so that a run can be taken up anywhere.
  virtual void begin_step(std::int64_t iteration);
  virtual bool random() const;  // whether a layer draws random numbers in training
  void to(DType t);                            // all parameters and buffers in another type: f64 for an exact Hessian

 protected:
  Parameter& add_parameter(std::string name, const Shape& shape);
  Tensor& add_buffer(std::string name, Tensor value);
  void add_child(std::string name, std::unique_ptr<Module> m);
  template <class M, class... Args>
  M& child(std::string name, Args&&... args) {  // makes it in place
    auto m = std::make_unique<M>(std::forward<Args>(args)...);
    M& made = *m;
    add_child(std::move(name), std::move(m));
    return made;
  }
  virtual void reset() {}  // this module's own buffers
  const std::vector<std::pair<std::string, std::unique_ptr<Module>>>& children() const { return children_; }

 private:
  std::vector<Parameter*> collect(const std::string& prefix);
  std::vector<std::pair<std::string, std::unique_ptr<Parameter>>> parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<Tensor>>> buffers_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
  bool training_ = true;
};

// Evaluation mode for the length of a scope, also when it is left by an error.
class Evaluating {
 public:
  explicit Evaluating(Module& net) : net_(net), was_training_(net.training()) { net_.train(false); }
  ~Evaluating() { net_.train(was_training_); }
  Evaluating(const Evaluating&) = delete;

 private:
  Module& net_;
  bool was_training_;
};

// Modules one after the other.
class Sequential : public Module {
 public:
  // add<Linear>("fc1", 784, 300): builds the module in place and returns this, so that calls chain.
  template <class M, class... Args>
  Sequential& add(std::string name, Args&&... args) {
    child<M>(std::move(name), std::forward<Args>(args)...);
    return *this;
  }
  Tensor forward(const Tensor& x) override;  // (turns its activations to columns at the first layer that wants them, and back when one can't)
  std::string describe() const override;
  std::vector<std::pair<std::string, Module*>> layers() const;  // by name, in their order
};

}  // namespace bonsai::nn
