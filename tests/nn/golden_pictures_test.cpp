// Layers of pictures and the papers' networks against PyTorch: values, gradients of everything, running statistics, and evaluation; and
// the networks once more on the reference's plain loops.
#include "tests/nn/golden_pictures.h"

#include "core/backend.h"
#include "nn/networks.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

// One layer as a network, so that cases differ in nothing else.
template <class M, class... Args>
std::unique_ptr<Sequential> only(Args... args) {
  auto net = std::make_unique<Sequential>();
  net->add<M>("layer", args...);
  return net;
}

struct Case {
  const char* name;
  std::function<std::unique_ptr<Sequential>()> make;
  Shape input;
  bool network = false;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

std::vector<Case> cases() {
  const Shape small{2, 4, 3, 2}, grey{2, 1, 28, 28}, coloured{2, 3, 32, 32}, tiny{3, 3, 8, 8};
  return {
      {"conv_strided", [] { return only<Conv2d>(4, 6, 3, Window{.stride = 2, .padding = 1}); }, {2, 4, 6, 5}},
      {"conv_dilated_groups", [] { return only<Conv2d>(4, 6, 3, Window{.padding = 2, .dilation = 2, .groups = 2}, false); }, {2, 4, 5, 5}},
      {"batch_norm", [] { return only<BatchNorm2d>(4); }, small},
      {"batch_norm_rows", [] { return only<BatchNorm2d>(4, false, 0.3, 1e-2); }, {6, 4}},
      {"batch_norm_relu", [] { return only<BatchNorm2d>(4, true); }, small},
      {"layer_norm", [] { return only<LayerNorm>(5, 1e-2); }, {3, 2, 5}},
      {"max_pool", [] { return only<MaxPool2d>(Pool{3, 2, 1}); }, {2, 2, 5, 5}},
      {"average_pool", [] { return only<AveragePool2d>(Pool{3, 2, 1}); }, {2, 2, 5, 5}},
      {"block", [] { return only<BasicBlock>(4, 4, 1, Shortcut::projection); }, {2, 4, 4, 4}},
      {"block_projection", [] { return only<BasicBlock>(4, 8, 2, Shortcut::projection); }, {2, 4, 6, 5}},
      {"block_padding", [] { return only<BasicBlock>(4, 8, 2, Shortcut::padding); }, {2, 4, 6, 5}},
      {"lenet5", [] { return lenet5(); }, grey, true},
      {"lenet5_relu", [] { return lenet5(true); }, grey, true},
      {"conv2", [] { return network("conv2"); }, coloured, true},
      {"conv4", [] { return network("conv4"); }, coloured, true},
      {"conv6", [] { return network("conv6"); }, coloured, true},
      {"resnet20", [] { return network("resnet20"); }, tiny, true},
      {"resnet32", [] { return network("resnet32"); }, tiny, true},
      {"resnet56", [] { return network("resnet56"); }, tiny, true},
      {"resnet20_padding", [] { return resnet(20, Shortcut::padding); }, tiny, true},
      {"vgg16", [] { return network("vgg16"); }, coloured, true},
      {"vgg19", [] { return network("vgg19"); }, coloured, true},
  };
}

// golden_pictures.py's two numbers of a tensor.
void digest(const Tensor& g, std::vector<double>& out) {
  out.push_back(sum(g * noise(900, g.shape())).item());
  out.push_back(sum(g * g).item());
}

// Its passes.
std::vector<double> passes(const Case& c) {
  const auto net = c.make();
  net->to(DType::f64);
  fill(*net);
  std::vector<double> out;
  auto measure = [&](std::uint32_t s) {
    Tensors xs{noise(300 + s, c.input).requires_grad(true)};
    for (Parameter* p : net->parameters()) xs.push_back(p->leaf());
    const Tensor value = (*net)(xs[0]), y = c.network ? cross_entropy(value, labels(c.input[0], 10, s)) : value;
    for (const double v : y.to_vector<double>()) out.push_back(v);
    if (c.network && !net->training()) return;
    for (const Tensor& g : grad(c.network ? y : sum(y * noise(901, y.shape())), xs)) digest(g, out);
  };
  measure(0);
  (*net)(noise(301, c.input));
  for (const auto& [name, b] : net->buffers())
    if (is_floating(b->dtype())) digest(*b, out);
  net->train(false);
  measure(2);
  return out;
}

class GoldenPictures : public ::testing::TestWithParam<Case> {};
TEST_P(GoldenPictures, MatchPyTorch) {
  const std::vector<double> got = passes(GetParam()), &want = golden_pictures.at(GetParam().name);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= 1e-9 * (std::abs(want[i]) + 1e-3)) << "number " << i << ": " << got[i] << ", PyTorch " << want[i];
}
INSTANTIATE_TEST_SUITE_P(Nn, GoldenPictures, ::testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

TEST(GoldenValuesOfPictures, AreAllUsed) { EXPECT_EQ(golden_pictures.size(), cases().size() + 2); }  // and the fifty steps of two networks

// A step's loss, gradients and running statistics, then evaluation.
Tensors step(const Case& c, DType t) {
  const auto net = c.make();
  net->to(t);
  fill(*net);
  Tensors leaves;
  for (Parameter* p : net->parameters()) leaves.push_back(p->leaf());
  const Tensor loss = cross_entropy((*net)(noise(300, c.input, 1, t)), labels(c.input[0], 10));
  Tensors out = grad(loss, leaves);
  out.push_back(loss.detach());
  for (const auto& [name, b] : net->buffers())
    if (is_floating(b->dtype())) out.push_back(*b);
  net->train(false);
  NoGrad off;
  out.push_back((*net)(noise(301, c.input, 1, t)));
  return out;
}

double distance(const Tensor& a, const Tensor& b) {
  const Tensor d = cast(a, DType::f64) - cast(b, DType::f64);
  return std::sqrt(sum(d * d).item());
}

TEST(NetworksOnTwoBackends, AreTheSame) {
  for (const Case& c : std::vector<Case>{{"lenet5", [] { return lenet5(true); }, {2, 1, 28, 28}},
                                         {"conv2", [] { return conv_net(2); }, {1, 3, 32, 32}},
                                         {"resnet20", [] { return resnet(20); }, {3, 3, 8, 8}},
                                         {"resnet20, padding", [] { return resnet(20, Shortcut::padding); }, {3, 3, 8, 8}}}) {
    const Tensors fast = step(c, DType::f64);
    const UseBackend scope(reference_backend());
    const Tensors plain = step(c, DType::f64);
    ASSERT_EQ(fast.size(), plain.size());
    for (std::size_t i = 0; i < fast.size(); ++i)
      EXPECT_TRUE(distance(fast[i], plain[i]) <= 1e-9 * distance(plain[i], zeros_like(plain[i])) + 1e-12) << c.name << ", tensor " << i;
  }
}

// Near, not equal: batches of two or three make BatchNorm's gradients sensitive, and a ReLU whose input is 0 up to rounding may fall to the
// other side. So whole tensors are compared, by their lengths.
TEST(Networks, InF32AreNearF64) {
  for (const Case& c : cases()) {
    if (!c.network) continue;
    const Tensors one = step(c, DType::f32), two = step(c, DType::f64);
    ASSERT_EQ(one.size(), two.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
      const double length = distance(two[i], zeros_like(two[i]));
      EXPECT_TRUE(distance(one[i], two[i]) <= 1e-2 * length + 1e-6) << c.name << ", tensor " << i << ": " << distance(one[i], two[i]) << " of " << length;
    }
  }
}

}  // namespace
}  // namespace bonsai::nn
