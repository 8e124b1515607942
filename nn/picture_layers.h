// The layers of networks that look at pictures, (n, channels, height, width).
#pragma once
#include "nn/module.h"

namespace bonsai::nn {

// Convolution with W (out, in / groups, kernel, kernel) and b (out). Made with zeros; initialise it (nn/init.h).
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Window& window = {}, bool bias = true);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  Parameter& weight() { return weight_; }
  Parameter* bias() { return bias_; }
  Window window() const;

 private:
  Window window_;
  std::int64_t outputs_of_each_ = 0;  // where every input is a group of its own (depthwise): then the groups are as many as the inputs that a cut leaves
  Parameter& weight_;
  Parameter* bias_ = nullptr;
};

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const Pool& pool = {}) : pool_(pool) {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, pool_); }
  std::string describe() const override { return fmt::format("MaxPool {}x{}, stride {}", pool_.size, pool_.size, pool_.stride); }

 private:
  Pool pool_;
};

class AveragePool2d : public Module {
 public:
  explicit AveragePool2d(const Pool& pool = {}) : pool_(pool) {}
  Tensor forward(const Tensor& x) override { return average_pool2d(x, pool_); }
  std::string describe() const override { return fmt::format("AveragePool {}x{}, stride {}", pool_.size, pool_.size, pool_.stride); }

 private:
  Pool pool_;
};

// (n, channels, height, width) -> (n, channels)
class GlobalAveragePool : public Module {
 public:
  Tensor forward(const Tensor& x) override { return global_average_pool(x); }
  std::string describe() const override { return "GlobalAveragePool"; }
};

// Batch normalisation of (n, channels, ...), with ReLU in the same pass if so wished. γ starts at 1, β at 0 (initialize()).
//   training     y = γ (x - mean) / √(variance + ε) + β over the batch; the running mean moves to the batch's by `momentum` of the way, the
//                running variance to the batch's unbiased one, n / (n - 1) times the variance that normalises (as PyTorch's)
//   evaluating   the running mean and variance stand for the batch's
// Ioffe and Szegedy, "Batch normalization", ICML 2015.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, bool relu = false, double momentum = 0.1, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override { return forward(x, {}); }
  Tensor forward(const Tensor& x, const Tensor& shortcut);  // adds the shortcut before the ReLU
  std::string describe() const override;
  Parameter& gamma() { return gamma_; }
  Parameter& beta() { return beta_; }

 protected:
  void reset() override;  // running mean 0, variance 1

 private:
  void follow(const Tensor& statistics, std::int64_t members);
  bool relu_;
  double momentum_, epsilon_;
  Parameter &gamma_, &beta_;
  Tensor &mean_, &variance_;
};

// Layer normalisation over the last axis, of `features`. (Ba, Kiros and Hinton, "Layer normalization", 2016.)
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t features, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override { return layer_norm(x, gamma_.value(), beta_.value(), epsilon_); }
  std::string describe() const override { return fmt::format("LayerNorm {}", gamma_.numel()); }

 private:
  double epsilon_;
  Parameter &gamma_, &beta_;
};

// How a residual block's input gets past it where the block changes its size: by a 1x1 convolution and BatchNorm, or as it is, every other
// pixel, with channels of zeros added before and behind (option A of He et al., no parameters).
enum class Shortcut { projection, padding };

// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), 3x3 convolutions without bias, the first with the stride. Its last BatchNorm adds the
// shortcut and takes ReLU in one pass. (He et al., "Deep residual learning", CVPR 2016.)
class BasicBlock : public Module {
 public:
  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride, Shortcut shortcut);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  Tensor past(const Tensor& x);
  std::int64_t stride_;
  Tensor* place_ = nullptr;  // i64: which output channel each input channel is added to, where the shortcut pads
  Conv2d *conv1_, *conv2_, *shortcut_ = nullptr;
  BatchNorm2d *bn1_, *bn2_, *shortcut_bn_ = nullptr;
};

}  // namespace bonsai::nn
