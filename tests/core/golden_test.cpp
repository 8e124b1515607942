// Values, gradients and optimizer steps against PyTorch's, which golden.py stored in golden_values.h.
#include "tests/core/golden_values.h"

#include <cmath>

#include "core/backend.h"
#include "tests/core/check.h"

namespace bonsai::check {
namespace {

// Element i of input k, as golden.py makes it.
Tensor wave(int k, const Shape& shape, double scale = 1, double shift = 0) {
  Tensor x = empty(shape, DType::f64);
  auto v = x.mutable_data<double>();
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = scale * std::sin(1.3 * static_cast<double>(i) + k) + shift;
  return x.requires_grad(true);
}
Tensor leaf(std::initializer_list<double> v, const Shape& s) { return tensor(v, s).requires_grad(true); }
Tensor leaf(std::initializer_list<double> v) { return tensor(v).requires_grad(true); }
Tensor indices(std::initializer_list<std::int64_t> v, const Shape& s) { return tensor(v, s); }

struct Golden {
  std::string name;
  std::function<Tensor(const Tensors&)> f;
  std::function<Tensors()> inputs;
};

std::ostream& operator<<(std::ostream& out, const Golden& g) { return out << g.name; }

std::vector<Golden> cases() {
  std::vector<Golden> all;
  auto one = [&](const char* name, Tensor (*f)(const Tensor&)) {
    all.push_back({name, [f](const Tensors& x) { return f(x[0]); }, [] { return Tensors{wave(1, {7}, 2.5)}; }});
  };
  one("neg", neg), one("abs", abs), one("exp", exp), one("tanh", tanh), one("sigmoid", sigmoid), one("relu", relu);
  one("softplus", softplus), one("erf", erf), one("gelu", gelu), one("reciprocal", reciprocal);
  one("square", [](const Tensor& x) { return pow(x, 2); });
  one("cube", [](const Tensor& x) { return pow(x, 3); });

  auto x = [&](const char* name, std::function<Tensor(const Tensor&)> f, std::function<Tensor()> input) {
    all.push_back({name, [f](const Tensors& xs) { return f(xs[0]); }, [input] { return Tensors{input()}; }});
  };
  auto positive = [] { return wave(1, {7}, 1, 1.5); };
  x("log", log, positive);
  x("sqrt", sqrt, positive);
  x("pow_1_7", [](const Tensor& x) { return pow(x, 1.7); }, positive);
  x("pow_minus_half", [](const Tensor& x) { return pow(x, -0.5); }, positive);
  x("relu_at_0", relu, [] { return leaf({-1, 0, 1}); });
  x("abs_at_0", abs, [] { return leaf({-1, 0, 1}); });
  x("clamp_edges", [](const Tensor& x) { return clamp(x, -1, 2); }, [] { return leaf({-1.5, -1, 0, 2, 2.5}); });
  x("max_ties", [](const Tensor& x) { return max(x, {1}); }, [] { return leaf({3, 1, 3, 2, 2, 2}, {2, 3}); });
  x("min_ties", [](const Tensor& x) { return min(x, {0}); }, [] { return leaf({3, 1, 3, 2, 1, 3}, {2, 3}); });

  auto cube = [] { return wave(3, {2, 3, 4}); };
  x("sum", [](const Tensor& x) { return sum(x); }, cube);
  x("sum_axes", [](const Tensor& x) { return sum(x, {0, -1}); }, cube);
  x("mean_axes", [](const Tensor& x) { return mean(x, {0, 2}); }, cube);
  x("max_axes", [](const Tensor& x) { return max(x, {0, 2}); }, cube);
  x("permute", [](const Tensor& x) { return permute(x, {2, 0, 1}); }, cube);
  x("slice_concat", [](const Tensor& x) { return concat({slice(x, 1, 1, 3), slice(x, 1, 0, 1) * 2.0}, 1); }, cube);
  x("index_select", [](const Tensor& x) { return index_select(x, indices({2, 0, 2}, {3}), 1); }, cube);
  x("gather", [](const Tensor& x) { return gather(x, indices({2, 0, 1, 1, 3, 2}, {3, 2})); }, [] { return wave(1, {3, 4}); });
  auto logits = [] { return wave(1, {3, 5}, 3); };
  x("softmax", softmax, logits);
  x("log_softmax", log_softmax, logits);
  x("cross_entropy", [](const Tensor& x) { return cross_entropy(x, indices({4, 0, 2}, {3})); }, logits);
  x("cross_entropy_each", [](const Tensor& x) { return cross_entropy_each(x, indices({4, 0, 2}, {3})); }, logits);

  using Binary = std::function<Tensor(const Tensor&, const Tensor&)>;
  auto two = [&](const char* name, Binary f, std::function<Tensors()> inputs) {
    all.push_back({name, [f](const Tensors& xs) { return f(xs[0], xs[1]); }, inputs});
  };
  auto pair = [] { return Tensors{wave(1, {3, 4}), wave(2, {4}, 1, 2.5)}; };
  two("add", add, pair), two("sub", sub, pair), two("mul", mul, pair), two("div", div, pair);
  two("maximum", [](const Tensor& a, const Tensor& b) { return maximum(a, b - 2.2); }, pair);
  two("minimum", [](const Tensor& a, const Tensor& b) { return minimum(a, b - 2.2); }, pair);
  two("where", [](const Tensor& a, const Tensor& b) { return where(greater(a, number(0.3, a)), a, b); }, pair);
  const Binary power = [](const Tensor& a, const Tensor& b) { return pow(a, b); };
  two("pow", power, [] { return Tensors{wave(1, {3, 1}, 1, 1.5), wave(2, {1, 4})}; });
  two("pow_at_0", power, [] { return Tensors{leaf({0, 0, 0, 2}), leaf({0, 1, 2, 0})}; });
  auto ties = [] { return Tensors{leaf({1, 2, 3}), leaf({1, 3, 2})}; };
  two("maximum_ties", maximum, ties), two("minimum_ties", minimum, ties);
  two("matmul", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, [] { return Tensors{wave(1, {2, 3, 4}), wave(2, {4, 5})}; });
  two("matmul_ab", [](const Tensor& a, const Tensor& b) { return matmul(a, b, {true, true}); }, [] { return Tensors{wave(1, {4, 3}), wave(2, {5, 4})}; });
  two("mse", mse, [] { return Tensors{wave(1, {3, 4}), wave(2, {3, 4})}; });
  all.push_back({"linear", [](const Tensors& t) { return linear(t[0], t[1], t[2]); }, [] { return Tensors{wave(1, {3, 4}), wave(2, {5, 4}), wave(3, {5})}; }});

  auto pictures = [](std::initializer_list<Tensor> more) {
    Tensors xs{wave(1, {1, 4, 5, 4})};
    xs.insert(xs.end(), more);
    return xs;
  };
  auto convolution = [&](const char* name, Shape w, Window window) {
    two(name, [window](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, window); }, [=] { return pictures({wave(2, w)}); });
  };
  all.push_back({"conv2d", [](const Tensors& t) { return conv2d(t[0], t[1], t[2]); }, [=] { return pictures({wave(2, {3, 4, 3, 2}), wave(3, {3})}); }});
  convolution("conv2d_stride", {3, 4, 3, 3}, {.stride = 2, .padding = 1});
  convolution("conv2d_dilation", {3, 4, 3, 3}, {.padding = 2, .dilation = 2});
  convolution("conv2d_groups", {6, 2, 2, 3}, {.stride = 3, .padding = 1, .groups = 2});
  auto picture = [=] { return pictures({})[0]; };
  x("max_pool2d", [](const Tensor& x) { return max_pool2d(x); }, picture);
  x("max_pool2d_overlapping", [](const Tensor& x) { return max_pool2d(x, {3, 2, 1}); }, picture);
  x("average_pool2d", [](const Tensor& x) { return average_pool2d(x, {3, 2, 1}); }, picture);
  x("global_average_pool", global_average_pool, picture);
  auto normalized = [&](const char* name, auto f, Tensors (*inputs)()) { all.push_back({name, f, inputs}); };
  normalized("batch_norm", [](const Tensors& t) { return batch_norm(t[0], t[1], t[2], 1e-3).y; },
             [] { return Tensors{wave(1, {1, 4, 5, 4}), wave(2, {4}, 1, 1.5), wave(3, {4})}; });
  normalized("batch_norm_rows", [](const Tensors& t) { return batch_norm(t[0], t[1], t[2], 1e-3).y; },
             [] { return Tensors{wave(1, {5, 4}), wave(2, {4}, 1, 1.5), wave(3, {4})}; });
  normalized("batch_norm_shortcut_relu", [](const Tensors& t) { return batch_norm(t[0], t[1], t[2], 1e-3, true, t[3]).y; },
             [] { return Tensors{wave(1, {1, 4, 5, 4}), wave(2, {4}, 1, 1.5), wave(3, {4}), wave(4, {1, 4, 5, 4})}; });
  normalized("layer_norm", [](const Tensors& t) { return layer_norm(t[0], t[1], t[2], 1e-3); },
             [] { return Tensors{wave(1, {1, 4, 5, 4}), wave(2, {4}, 1, 1.5), wave(3, {4})}; });
  return all;
}

void expect_golden(const std::string& name, const std::vector<double>& got) {
  const std::vector<double>& want = golden_values.at(name);
  ASSERT_EQ(got.size(), want.size());
  EXPECT_TRUE(close(tensor(std::span(got), {static_cast<std::int64_t>(got.size())}), tensor(std::span(want), {static_cast<std::int64_t>(want.size())}), 1e-13, 1e-12));
}

class GoldenOperations : public ::testing::TestWithParam<Golden> {};
TEST_P(GoldenOperations, MatchPyTorch) {
  const Tensors inputs = GetParam().inputs();
  const Tensor y = GetParam().f(inputs);
  Tensor weight = empty(y.shape(), DType::f64);
  for (std::int64_t i = 0; i < y.numel(); ++i) weight.mutable_data<double>()[i] = std::cos(0.7 * static_cast<double>(i));
  std::vector<double> got = y.to_vector<double>();
  for (const Tensor& g : grad(y, inputs, {.seed = weight}))
    for (double v : g.data<double>()) got.push_back(v);
  expect_golden(GetParam().name, got);
}
INSTANTIATE_TEST_SUITE_P(Core, GoldenOperations, ::testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

// Five steps with the gradient that golden.py uses, through a backend's kernel.
template <class Step>
void expect_golden_steps(const char* name, Step step_kernel) {
  for (const Backend* b : {&reference_backend(), &cpu_backend()}) {
    Tensor w = wave(1, {7}).detach();
    std::vector<double> got;
    for (int step = 0; step < 5; ++step) {
      const Tensor g = wave(10 + step, {7}).detach() + w;
      step_kernel(*b, w, g, step + 1);
      for (double v : w.data<double>()) got.push_back(v);
    }
    SCOPED_TRACE(std::string(name) + " on " + b->name);
    expect_golden(name, got);
  }
}

TEST(GoldenOptimizers, SgdMatchesPyTorch) {
  const std::pair<const char*, SgdConstants> kinds[] = {{"sgd", {0, 0, false}}, {"sgd_decay", {0, 0.05, false}}, {"sgd_momentum", {0.9, 0, false}},
                                                        {"sgd_momentum_decay", {0.9, 0.05, false}}, {"sgd_nesterov_decay", {0.9, 0.05, true}}};
  for (auto [name, c] : kinds) {
    Tensor velocity;
    const Tensor rate = tensor({0.1});
    expect_golden_steps(name, [&, c = c](const Backend& b, Tensor& w, const Tensor& g, int step) {
      if (step == 1) velocity = zeros_like(w);
      b.sgd(c, view_for_writing(w), view(g), c.momentum > 0 ? view_for_writing(velocity) : View{}, View{}, view(rate));
    });
  }
}

TEST(GoldenOptimizers, AdamMatchesPyTorch) {
  const std::pair<const char*, AdamConstants> kinds[] = {
      {"adam", {0.9, 0.999, 1e-8, 0, false}}, {"adam_decay", {0.8, 0.95, 1e-6, 0.05, false}}, {"adamw", {0.9, 0.999, 1e-8, 0.05, true}}};
  for (auto [name, c] : kinds) {
    Tensor m, v;
    const Tensor rate = tensor({0.02});
    expect_golden_steps(name, [&, c = c](const Backend& b, Tensor& w, const Tensor& g, int step) {
      if (step == 1) m = zeros_like(w), v = zeros_like(w);
      const Tensor count = tensor<std::int64_t>({step});
      b.adam(c, view_for_writing(w), view(g), view_for_writing(m), view_for_writing(v), View{}, view(rate), view(count));
    });
  }
}

TEST(GoldenValues, AreAllUsed) { EXPECT_EQ(golden_values.size(), cases().size() + 5 + 3); }

}  // namespace
}  // namespace bonsai::check
