// Networks made by chance: convolutions in groups and depthwise, BatchNorm, activations, pools, residual sums, concatenations, shuffles,
// padded and projected shortcuts.
#pragma once
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/picture_layers.h"
#include "tests/nn/support.h"

namespace bonsai::test {

class Dice {
 public:
  explicit Dice(std::int64_t seed) : random_(Random(17).derive("graph").derive(seed)) {}
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(unit() * static_cast<double>(n)); }
  bool chance(double p) { return unit() < p; }
  double unit() { return random_.derive(++drawn_).uniform({1}, 0, 1, DType::f64).item(); }

 private:
  Random random_;
  std::int64_t drawn_ = 0;
};

class RandomGraph : public nn::Module {
 public:
  // constants: with sigmoids too, whose f(0) is 1/2
  RandomGraph(std::int64_t seed, bool constants) : dice_(seed), constants_(constants) {
    shapes_.push_back({3, 6});
    for (std::int64_t i = 4 + dice_.below(7); i > 0; --i) add_step();
    needed_.assign(shapes_.size(), 0);  // what no path leads on from is never computed
    needed_.back() = 1;
    for (std::size_t i = steps_.size(); i > 0; --i)
      for (const std::size_t from : sources_[i - 1])
        if (needed_[i]) needed_[from] = 1;
    const Size last = shapes_.back();
    const bool pooled = dice_.chance(0.5);
    auto& hidden = child<nn::Linear>("hidden", pooled ? last.channels : last.channels * last.side * last.side, 7);
    auto& out = child<nn::Linear>("out", 7, 4);
    const auto f = activation();
    finish_ = [=, &hidden, &out](const Tensor& x) { return out(f(hidden(pooled ? global_average_pool(x) : flatten(x)))); };
  }

  Tensor forward(const Tensor& x) override {
    std::vector<Tensor> values{x};
    for (std::size_t i = 0; i < steps_.size(); ++i) values.push_back(needed_[i + 1] ? steps_[i](values) : Tensor{});
    return finish_(values.back());
  }
  std::string describe() const override { return "a random graph"; }
  static constexpr std::int64_t side = 6, channels = 3;

 private:
  struct Size {
    std::int64_t channels, side;
  };
  using Step = std::function<Tensor(const std::vector<Tensor>&)>;
  using Function = Tensor (*)(const Tensor&);

  Function activation() {
    const Function all[] = {relu, tanh, gelu, [](const Tensor& x) { return x; }, sigmoid};
    return all[dice_.below(constants_ ? 5 : 4)];
  }
  std::string name(const char* kind) { return fmt::format("{}{}", kind, shapes_.size()); }
  std::size_t some() { return shapes_.size() - 1 - static_cast<std::size_t>(dice_.below(std::min<std::int64_t>(3, static_cast<std::int64_t>(shapes_.size())))); }

  void add_step() {
    const std::size_t at = some(), other = some();
    const Size from = shapes_[at], with = shapes_[other];
    switch (dice_.below(8)) {
      case 0:
        if (from.channels == with.channels && from.side == with.side) return add(from, {at, other}, [=](const auto& v) { return v[at] + v[other]; });
        break;
      case 1:
        if (from.side == with.side && at > 0 && other > 0) return add({from.channels + with.channels, from.side}, {at, other}, [=](const auto& v) { return concat({v[at], v[other]}, 1); });
        break;
      case 2:
        if (from.side >= 4) return add({from.channels, from.side / 2}, {at}, [=, max = dice_.chance(0.5)](const auto& v) { return max ? max_pool2d(v[at]) : average_pool2d(v[at]); });
        break;
      case 3:
        if (at > 0) {  // the channels in another order, by a buffer
          Tensor order = arange(from.channels);
          for (std::int64_t i = from.channels - 1; i > 0; --i) std::swap(order.mutable_data<std::int64_t>()[i], order.mutable_data<std::int64_t>()[dice_.below(i + 1)]);
          Tensor& buffer = add_buffer(name("order"), order);
          return add(from, {at}, [=, &buffer](const auto& v) { return index_select(v[at], buffer, 1); });
        }
        break;
      case 4:
        if (from.side >= 2) {
          const std::int64_t out = from.channels + dice_.below(4), stride = 1 + dice_.below(2);
          auto& block = child<nn::BasicBlock>(name("block"), from.channels, out, stride, dice_.chance(0.5) ? nn::Shortcut::padding : nn::Shortcut::projection);
          return add({out, (from.side + stride - 1) / stride}, {at}, [=, &block](const auto& v) { return block(v[at]); });
        }
        break;
    }
    const std::int64_t kernel = from.side >= 3 && dice_.chance(0.7) ? 3 : 1, padding = kernel == 3 && dice_.chance(0.7) ? 1 : 0;
    std::int64_t groups = 1, out = 2 + dice_.below(6);
    if (at > 0 && dice_.chance(0.3)) groups = from.channels, out = from.channels * (1 + dice_.below(2));
    else if (from.channels % 2 == 0 && dice_.chance(0.4)) groups = 2, out = 2 * (1 + dice_.below(4));
    auto& conv = child<nn::Conv2d>(name("conv"), from.channels, out, kernel, Window{.padding = padding, .groups = groups}, dice_.chance(0.7));
    nn::BatchNorm2d* bn = dice_.chance(0.5) ? &child<nn::BatchNorm2d>(name("bn"), out, dice_.chance(0.5)) : nullptr;
    const Function f = activation();
    add({out, from.side + 2 * padding - kernel + 1}, {at}, [=, &conv](const auto& v) {
      const Tensor y = conv(v[at]);
      return f(bn ? bn->forward(y) : y);
    });
  }
  void add(Size s, std::vector<std::size_t> from, Step step) {
    shapes_.push_back(s);
    sources_.push_back(std::move(from));
    steps_.push_back(std::move(step));
  }

  Dice dice_;
  bool constants_;
  std::vector<Size> shapes_;
  std::vector<Step> steps_;
  std::vector<std::vector<std::size_t>> sources_;
  std::vector<char> needed_;
  std::function<Tensor(const Tensor&)> finish_;
};

// Weights, biases, γ, β and running statistics, none of them special.
inline void shake(nn::Module& net, DType t) {
  net.to(t);
  fill(net);
  std::uint32_t k = 500;
  for (auto& [name, b] : net.buffers())
    if (is_floating(b->dtype())) *b = noise(++k, b->shape(), 0.4, t) + number(name.ends_with("var") ? 1 : 0, *b);
}

}  // namespace bonsai::test
