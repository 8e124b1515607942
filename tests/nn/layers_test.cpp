// Modules, Linear, Dropout and LeNet-300-100: shapes, names, counts, and what a mistake is told.
#include "nn/layers.h"

#include "nn/init.h"
#include "nn/networks.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

TEST(Linear, IsTheFormula) {
  Linear layer(4, 3);
  layer.to(DType::f64);
  layer.weight().set(wave(1, {3, 4}));
  layer.bias()->set(wave(2, {3}));
  const Tensor x = wave(3, {2, 4}), y = layer(x);
  ASSERT_EQ(y.shape(), (Shape{2, 3}));
  for (int n = 0; n < 2; ++n)
    for (int o = 0; o < 3; ++o) {
      double want = layer.bias()->leaf().at(o);
      for (int i = 0; i < 4; ++i) want += x.at(n * 4 + i) * layer.weight().leaf().at(o * 4 + i);
      EXPECT_NEAR(y.at(n * 3 + o), want, 1e-14);
    }
  EXPECT_EQ(layer.describe(), "Linear 4 -> 3");
}

TEST(Linear, CanHaveNoBias) {
  Linear layer(4, 3, false);
  EXPECT_EQ(layer.bias(), nullptr);
  EXPECT_EQ(layer.parameters().size(), 1u);
  EXPECT_EQ(layer.describe(), "Linear 4 -> 3 without bias");
  layer.weight().set(ones({3, 4}));
  EXPECT_EQ(layer(ones({1, 4})).to_vector<float>(), (std::vector<float>{4, 4, 4}));
}

TEST(Linear, AnEmptyBatchGivesAnEmptyBatch) {
  Linear layer(4, 3);
  EXPECT_EQ(layer(zeros({0, 4})).shape(), (Shape{0, 3}));
}

TEST(Linear, AMisfitIsToldTheLayerBothSizesAndTheWayOut) {
  auto net = lenet_300_100();
  EXPECT_TRUE(refuses([&] { (*net)(zeros({60, 785})); }, {"\"fc1\"", "Linear 784 -> 300", "(60, 785)", "(300, 784)", "must be (batch, 784)"}));
  EXPECT_TRUE(refuses([&] { (*net)(zeros({60, 784}, DType::f64)); }, {"\"fc1\"", "f64", "f32"}));
  Sequential two;
  two.add<Linear>("first", 4, 5).add<Linear>("second", 6, 3);
  EXPECT_TRUE(refuses([&] { two(zeros({2, 4})); }, {"\"second\"", "(2, 5)", "(3, 6)"}));
}

TEST(Linear, RefusesSizesThatAreNone) {
  EXPECT_TRUE(refuses([] { Linear(0, 3); }, {"0 -> 3", "positive"}));
  EXPECT_TRUE(refuses([] { Linear(3, 0); }, {"3 -> 0", "positive"}));
  EXPECT_TRUE(refuses([] { Linear(-1, 3); }, {"-1"}));
}

TEST(Lenet300100, NamesAndCounts) {
  auto net = lenet_300_100();
  std::vector<std::string> names;
  std::int64_t all = 0, weights = 0;
  for (Parameter* p : net->parameters()) {
    names.push_back(p->name());
    all += p->numel();
    if (p->shape().rank() == 2) weights += p->numel();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"}));
  EXPECT_EQ(all, 266610);
  EXPECT_EQ(weights, 266200);
  EXPECT_EQ(net->parameter("fc1.weight").shape(), (Shape{300, 784}));
  EXPECT_EQ(net->parameter("fc2.weight").shape(), (Shape{100, 300}));
  EXPECT_EQ(net->parameter("fc3.weight").shape(), (Shape{10, 100}));
  EXPECT_TRUE(net->buffers().empty());
}

TEST(Lenet300100, TakesRowsAndImagesAlike) {
  auto net = lenet_300_100();
  initialize(*net, {}, Random(1));
  const Tensor rows = wave(1, {3, 784}, 1, DType::f32), y = (*net)(rows);
  EXPECT_EQ(y.shape(), (Shape{3, 10}));
  EXPECT_TRUE(same_bits((*net)(reshape(rows, {3, 1, 28, 28})), y));
}

TEST(Module, AnUnknownParameterListsThoseThereAre) {
  auto net = small_net();
  EXPECT_TRUE(refuses([&] { net->parameter("fc3.weight"); }, {"\"fc3.weight\"", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
}

TEST(Module, ChildrenOfOneNameAreRefused) {
  Sequential net;
  net.add<ReLU>("a");
  EXPECT_TRUE(refuses([&] { net.add<ReLU>("a"); }, {"\"a\""}));
}

TEST(Module, NestedModulesAreNamedByTheirPathAndTrainTogether) {
  struct Pair : Module {
    Pair() {
      add_child("left", std::make_unique<Linear>(2, 2));
      add_child("right", std::make_unique<Dropout>(0.5, Random(1)));
      add_buffer("count", zeros({1}, DType::i64));
      add_buffer("mean", zeros({2}));
    }
    Tensor forward(const Tensor& x) override { return children()[0].second->forward(x) + children()[1].second->forward(x); }
    std::string describe() const override { return "Pair"; }
  };
  Sequential root;
  root.add<Pair>("pair");
  EXPECT_EQ(root.parameter("pair.left.bias").shape(), (Shape{2}));
  ASSERT_EQ(root.buffers().size(), 2u);
  EXPECT_EQ(root.buffers()[0].first, "pair.count");
  root.to(DType::f64);
  EXPECT_EQ(root.parameter("pair.left.weight").leaf().dtype(), DType::f64);
  EXPECT_EQ(root.buffers()[0].second->dtype(), DType::i64);  // counts stay counts
  EXPECT_EQ(root.buffers()[1].second->dtype(), DType::f64);
  root.train(false);
  EXPECT_FALSE(root.training());
  const Tensor x = ones({1, 2}, DType::f64);
  EXPECT_TRUE(same_bits(root(x), x));  // the dropout inside knows
}

TEST(Activation, EachIsItsOperation) {
  const Tensor x = wave(1, {3, 5}, 2);
  EXPECT_TRUE(same_bits(ReLU()(x), relu(x)));
  EXPECT_TRUE(same_bits(Tanh()(x), tanh(x)));
  EXPECT_TRUE(same_bits(Sigmoid()(x), sigmoid(x)));
  EXPECT_TRUE(same_bits(Softplus()(x), softplus(x)));
  EXPECT_TRUE(same_bits(GELU()(x), gelu(x)));
  EXPECT_EQ(GELU().describe(), "GELU");
}

TEST(Dropout, KeepsTheMeanAndDropsItsShare) {
  for (const double p : {0.1, 0.5, 0.8}) {
    Dropout layer(p, Random(3));
    const std::int64_t n = 200000;
    const auto y = layer(ones({n})).to_vector<float>();
    std::int64_t dropped = 0;
    double total = 0;
    for (float v : y) {
      if (v == 0) ++dropped;
      else EXPECT_NEAR(v, 1 / (1 - p), 1e-6);
      total += v;
    }
    const double error = std::sqrt(p * (1 - p) / n);
    EXPECT_NEAR(static_cast<double>(dropped) / n, p, 4 * error);
    EXPECT_NEAR(total / n, 1, 4 * error / (1 - p));
  }
}

TEST(Dropout, IsTheIdentityInEvaluationAndAtZero) {
  const Tensor x = wave(1, {40});
  Dropout layer(0.5, Random(3));
  layer.train(false);
  EXPECT_TRUE(same_bits(layer(x), x));
  EXPECT_TRUE(same_bits(Dropout(0, Random(3))(x), x));
}

TEST(Dropout, TheGradientPassesWhereTheValueDid) {
  Dropout layer(0.5, Random(3));
  Tensor x = full({1000}, 2, DType::f64).requires_grad(true);
  const Tensor y = layer(x);
  backward(sum(y));
  EXPECT_TRUE(close(x.grad() * 2.0, y.detach(), 0));
}

TEST(Dropout, AStepDrawsTheSameMaskWheneverItIsTaken) {
  Sequential net;
  net.add<Dropout>("a", 0.5, Random(3).derive("a")).add<Dropout>("b", 0.5, Random(3).derive("b"));
  const Tensor x = ones({2000});
  net.begin_step(7);
  const Tensor seven = net(x), again_in_the_step = net(x);
  net.begin_step(8);
  const Tensor eight = net(x);
  net.begin_step(7);
  EXPECT_TRUE(same_bits(net(x), seven));
  EXPECT_FALSE(same_bits(seven, eight));
  EXPECT_FALSE(same_bits(seven, again_in_the_step));  // a second pass within a step is another draw
  std::int64_t both = 0;
  for (float v : seven.to_vector<float>()) both += v != 0;
  EXPECT_NEAR(static_cast<double>(both), 500, 100);   // the two layers draw apart: a quarter survives both
}

TEST(Dropout, RefusesWhatIsNoProbability) {
  for (const double p : {-0.1, 1.0, 1.5, std::nan("")}) EXPECT_TRUE(refuses([&] { Dropout(p, Random(1)); }, {"[0, 1)"}));
}

}  // namespace
}  // namespace bonsai::nn
