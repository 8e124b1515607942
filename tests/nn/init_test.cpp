// Initial weights: their variance and bounds, and that a stream belongs to a name.
#include "nn/init.h"

#include "nn/networks.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

struct Case {
  Init init;
  double variance;  // for a weight (200, 300)
};
const Case cases[] = {
    {{Fan::glorot, Distribution::normal}, 2.0 / 500}, {{Fan::glorot, Distribution::uniform}, 2.0 / 500},
    {{Fan::he, Distribution::normal}, 2.0 / 300},     {{Fan::he, Distribution::uniform}, 2.0 / 300},
    {{Fan::lecun, Distribution::normal}, 1.0 / 300},  {{Fan::lecun, Distribution::uniform}, 1.0 / 300},
    {{Fan::lecun, Distribution::truncated_normal}, 1.0 / 300},
};

TEST(Init, FansCountTheInputsAndOutputsOfOneUnit) {
  EXPECT_EQ(fans({300, 784}).in, 784);
  EXPECT_EQ(fans({300, 784}).out, 300);
  EXPECT_EQ(fans({64, 3, 5, 5}).in, 75);
  EXPECT_EQ(fans({64, 3, 5, 5}).out, 1600);
  EXPECT_TRUE(refuses([] { fans({10}); }, {"two axes", "(10)"}));
}

// The sample variance of n draws has standard error σ² √((κ-1)/n), where κ is 3 for a normal distribution, 9/5 for a uniform one, and less
// than 3 for a normal one without its tails.
TEST(Init, MeanAndVarianceWithinThreeStandardErrors) {
  for (const Case& c : cases) {
    ASSERT_NEAR(variance(c.init, {200, 300}), c.variance, 1e-15);
    Random stream = Random(11).derive("variance");
    const auto w = initial_weight(c.init, {200, 300}, stream).to_vector<float>();
    const double n = static_cast<double>(w.size());
    double mean = 0, square = 0;
    for (float v : w) mean += v / n;
    for (float v : w) square += (v - mean) * (v - mean) / (n - 1);
    const bool normal = c.init.distribution != Distribution::uniform;
    EXPECT_NEAR(mean, 0, 3 * std::sqrt(c.variance / n));
    EXPECT_NEAR(square, c.variance, 3 * c.variance * std::sqrt((normal ? 2.0 : 0.8) / n)) << static_cast<int>(c.init.fan) << normal;
  }
}

TEST(Init, UniformStaysWithinItsBoundsAndReachesThem) {
  for (const Case& c : cases) {
    if (c.init.distribution != Distribution::uniform) continue;
    Random stream(5);
    const double bound = std::sqrt(3 * c.variance);
    double low = 0, high = 0;
    for (double v : initial_weight(c.init, {200, 300}, stream, DType::f64).to_vector<double>()) low = std::min(low, v), high = std::max(high, v);
    EXPECT_GE(low, -bound);
    EXPECT_LE(high, bound);
    EXPECT_LT(low, -0.999 * bound);
    EXPECT_GT(high, 0.999 * bound);
  }
}

// Within two deviations of the normal one it was cut from, that is 2/0.8796 of its own; between them its shape is the normal one's:
// erf(0.8796/√2) / erf(2/√2) = 65.0% lie within one deviation of its own.
TEST(Init, TruncatedNormalHasNoTailsAndANormalMiddle) {
  Random stream(7), again(7), other(8);
  const Init init{Fan::lecun, Distribution::truncated_normal};
  const double deviation = std::sqrt(1.0 / 300), bound = 2 * deviation / 0.8796256610342398;
  const auto w = initial_weight(init, {200, 300}, stream, DType::f64).to_vector<double>();
  double largest = 0, one = 0;
  for (double v : w) largest = std::max(largest, std::abs(v)), one += std::abs(v) < deviation;
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.999 * bound);
  EXPECT_NEAR(one / 60000, std::erf(0.8796256610342398 / std::sqrt(2)) / std::erf(std::sqrt(2)), 0.006);
  EXPECT_EQ(initial_weight(init, {200, 300}, again, DType::f64).to_vector<double>(), w);
  EXPECT_NE(initial_weight(init, {200, 300}, other, DType::f64).to_vector<double>(), w);
}

TEST(Init, GlorotNormalIsNormal) {  // 68.27% within one deviation, 95.45% within two: a uniform one has 57.7% and 100%
  Random stream(6);
  const double deviation = std::sqrt(2.0 / 500);
  double one = 0, two = 0;
  for (float v : initial_weight({}, {200, 300}, stream).to_vector<float>()) one += std::abs(v) < deviation, two += std::abs(v) < 2 * deviation;
  EXPECT_NEAR(one / 60000, 0.6827, 0.006);
  EXPECT_NEAR(two / 60000, 0.9545, 0.003);
}

TEST(Init, BiasesAreZeroAndSeedsDiffer) {
  auto a = lenet_300_100(), b = lenet_300_100(), c = lenet_300_100();
  a->parameter("fc2.bias").set(ones({100}));
  initialize(*a, {}, Random(1));
  initialize(*b, {}, Random(1));
  initialize(*c, {}, Random(2));
  for (const char* name : {"fc1.weight", "fc2.weight", "fc3.weight", "fc2.bias"}) {
    EXPECT_TRUE(same_bits(a->parameter(name).leaf(), b->parameter(name).leaf())) << name;
    if (std::string(name) != "fc2.bias") {
      EXPECT_FALSE(same_bits(a->parameter(name).leaf(), c->parameter(name).leaf())) << name;
    }
  }
  EXPECT_TRUE(same_bits(a->parameter("fc2.bias").leaf(), zeros({100})));
}

// Were the weights drawn one after the other from one stream, a layer put in front would change all that follow.
TEST(Init, AddingALayerChangesNoOthersWeights) {
  Sequential small, large;
  small.add<Linear>("fc1", 8, 8).add<Linear>("fc2", 8, 8);
  large.add<Linear>("fc0", 8, 8).add<Linear>("fc1", 8, 8).add<Linear>("between", 8, 8).add<Linear>("fc2", 8, 8);
  initialize(small, {}, Random(4));
  initialize(large, {}, Random(4));
  for (const char* name : {"fc1.weight", "fc2.weight"})
    EXPECT_TRUE(same_bits(small.parameter(name).leaf(), large.parameter(name).leaf())) << name;
  EXPECT_FALSE(same_bits(large.parameter("fc0.weight").leaf(), large.parameter("fc1.weight").leaf()));
}

// A reinitialised ticket: the same mask, new weights.
TEST(Init, MasksStay) {
  auto net = small_net();
  Parameter& p = net->parameter("fc1.weight");
  const Tensor mask = mask_of(p.shape(), [](auto i) { return i % 3 != 0; });
  p.set_mask(mask);
  initialize(*net, {}, Random(4));
  EXPECT_TRUE(same_bits(p.mask(), mask));
  auto dense = small_net();
  initialize(*dense, {}, Random(4));
  for (std::int64_t i = 0; i < p.numel(); ++i) EXPECT_EQ(p.leaf().at(i), i % 3 ? dense->parameter("fc1.weight").leaf().at(i) : 0);
}

}  // namespace
}  // namespace bonsai::nn
