// The layers. Shapes are (batch, features) unless a comment says otherwise.
#pragma once
#include "core/random.h"
#include "nn/module.h"

namespace bonsai::nn {

// y = x Wᵀ + b, with W (out, in) and b (out). Made with zeros; initialise it (nn/init.h).
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  Tensor forward(const Tensor& x) override;
  Tensor forward_columns(const Tensor& x) override;                           // (in, m) -> (out, m): W x + b
  bool takes_columns() const override { return true; }
  bool wants_columns() const override { return weight_.is_packed(); }
  std::string describe() const override;
  Parameter& weight() { return weight_; }
  Parameter* bias() { return bias_; }

 private:
  Parameter& weight_;
  Parameter* bias_ = nullptr;
};

// (n, ...) -> (n, everything else)
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override { return flatten(x); }
  std::string describe() const override { return "Flatten"; }
};

// An activation: one of the operations on single elements, by name.
class Activation : public Module {
 public:
  using Function = Tensor (*)(const Tensor&);
  Activation(const char* name, Function f) : name_(name), f_(f) {}
  Tensor forward(const Tensor& x) override { return f_(x); }
  Tensor forward_columns(const Tensor& x) override { return f_(x); }
  bool takes_columns() const override { return true; }
  std::string describe() const override { return name_; }

 private:
  const char* name_;
  Function f_;
};
struct ReLU : Activation { ReLU() : Activation("ReLU", relu) {} };
struct Tanh : Activation { Tanh() : Activation("Tanh", tanh) {} };
struct Sigmoid : Activation { Sigmoid() : Activation("Sigmoid", sigmoid) {} };
struct Softplus : Activation { Softplus() : Activation("Softplus", softplus) {} };
struct GELU : Activation { GELU() : Activation("GELU", gelu) {} };

// In training, each entry is 0 with probability p, else x / (1 - p), so that the mean stays; in evaluation, x.
// (Srivastava et al., "Dropout", JMLR 2014.)
class Dropout : public Module {
 public:
  Dropout(double p, Random stream);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  void begin_step(std::int64_t iteration) override { current_ = stream_.derive(iteration); }
  bool random() const override { return p_ > 0; }

 private:
  double p_;
  Random stream_, current_;
};

}  // namespace bonsai::nn
