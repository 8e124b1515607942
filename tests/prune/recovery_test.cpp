// What comes after pruning: random masks as the ticket's control, and the error on the line between two trained networks.
#include <limits>
#include <set>

#include "core/random.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "prune/recovery/linear_path.h"
#include "prune/recovery/random_masks.h"
#include "prune/recovery/rewind.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::int64_t kept(const Tensor& mask) {
  std::int64_t n = 0;
  for (std::uint8_t m : mask.data<std::uint8_t>()) n += m;
  return n;
}

TEST(RandomMasks, KeepAsManyInEveryLayerElsewhere) {
  Random random(3);
  for (int trial = 0; trial < 20; ++trial) {
    const Shape shape{1 + static_cast<std::int64_t>(random.below(40)), 1 + static_cast<std::int64_t>(random.below(40))};
    const double density = random.uniform();
    Random stream = random.derive(trial);
    const Tensor ticket = mask_of(shape, [&](auto) { return stream.uniform() < density; });
    const std::vector<Tensor> masks = random_masks({ticket, Tensor(), ticket}, random.derive("masks").derive(trial));
    ASSERT_EQ(masks.size(), 3u);
    EXPECT_FALSE(masks[1].defined());
    for (int i : {0, 2}) {
      EXPECT_EQ(masks[i].shape(), shape);
      EXPECT_EQ(kept(masks[i]), kept(ticket));
    }
    const std::int64_t n = shape.numel();
    if (n > 100 && kept(ticket) > n / 10 && kept(ticket) < n * 9 / 10) {
      EXPECT_NE(masks[0].to_vector<std::uint8_t>(), masks[2].to_vector<std::uint8_t>()) << "layers draw places of their own";
    }
  }
}

// 3 of 12 places, 4,000 times: each place is kept 1,000 times, give or take five standard deviations (27.4).
TEST(RandomMasks, PreferNoPlace) {
  const Tensor ticket = mask_of({3, 4}, [](auto i) { return i < 3; });
  std::vector<int> counts(12);
  for (int seed = 0; seed < 4000; ++seed) {
    const Tensor m = random_masks({ticket}, Random(seed))[0];
    for (int i = 0; i < 12; ++i) counts[i] += static_cast<int>(m.at(i));
  }
  for (int c : counts) EXPECT_NEAR(c, 1000, 5 * 27.4);
}

// A linear classifier between two random ones, against plain loops.
TEST(LinearPath, ALinearClassifierExactly) {
  auto network = [] {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Linear>("fc", 5, 3);
    net->to(DType::f64);
    return net;
  };
  Random random(8);
  const Weights a{random.normal({3, 5}, 0, 1, DType::f64), random.normal({3}, 0, 1, DType::f64)};
  const Weights b{random.normal({3, 5}, 0, 1, DType::f64), random.normal({3}, 0, 1, DType::f64)};
  const std::int64_t n = 1700;  // more than the evaluation takes at once, and no divisor of 100
  const Tensor x = random.normal({n, 5}, 0, 1, DType::f64), y = labels(n, 3);
  const std::vector<double> errors = errors_along_line(a, b, network, x, y, 30);
  ASSERT_EQ(errors.size(), 30u);
  double highest = 0;
  for (int p = 0; p < 30; ++p) {
    const double alpha = p / 29.0;
    int wrong = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      double best = -1e300;
      int answer = -1;
      for (int c = 0; c < 3; ++c) {
        double z = (1 - alpha) * a[1].at(c) + alpha * b[1].at(c);
        for (int k = 0; k < 5; ++k) z += ((1 - alpha) * a[0].at(5 * c + k) + alpha * b[0].at(5 * c + k)) * x.at(5 * i + k);
        if (z > best) best = z, answer = c;
      }
      wrong += answer != y.at(i);
    }
    EXPECT_EQ(errors[p], 100.0 * wrong / n) << p;
    highest = std::max(highest, 100.0 * wrong / n);
  }
  EXPECT_EQ(instability(errors), highest - (errors[0] + errors[29]) / 2);
  EXPECT_GT(std::set<double>(errors.begin(), errors.end()).size(), 10u) << "the errors should not be all the same";
}

// The ends are the two networks themselves, bit for bit, and what both have pruned stays 0 between them.
TEST(LinearPath, EndsAndMasks) {
  Random random(4);
  Weights a{random.normal({30, 20})}, b{random.normal({30, 20})};
  const Tensor mask = mask_of({30, 20}, [](auto i) { return i % 3 == 0; });
  nn::Parameter p("w", {30, 20});
  p.set_mask(mask);
  for (Weights* w : {&a, &b}) p.set((*w)[0]), (*w)[0] = clone(p.leaf());
  EXPECT_TRUE(same_bits(between(a, b, 0)[0] + 0.0, a[0] + 0.0));  // (+ 0.0: a zero's sign may change)
  EXPECT_TRUE(same_bits(between(a, b, 1)[0] + 0.0, b[0] + 0.0));
  for (double alpha : {0.25, 0.5, 0.7}) {
    const Tensor w = between(a, b, alpha)[0];
    for (std::int64_t i = 0; i < w.numel(); ++i) {
      EXPECT_NEAR(w.at(i), (1 - alpha) * a[0].at(i) + alpha * b[0].at(i), 1e-6);
      EXPECT_TRUE(i % 3 == 0 || w.at(i) == 0) << i;
    }
  }
}

// Before a place is measured `settle` has the network. A BatchNorm whose statistics are those of a new network calls everything class 0, for
// channel 0 is the brighter one; settled, it tells the two apart.
TEST(LinearPath, BatchNormIsSettledAtEveryPlace) {
  auto network = [] {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::BatchNorm2d>("bn", 2).add<nn::GlobalAveragePool>("pool");
    return net;
  };
  Tensor x = zeros({4, 2, 1, 1});
  auto v = x.mutable_data<float>();
  const float brightness[] = {12, 1, 8, 3, 13, 0, 7, 4};  // channels 0 and 1 of four examples
  std::copy(std::begin(brightness), std::end(brightness), v.begin());
  const Tensor y = tensor<std::int64_t>({0, 1, 0, 1});
  const Weights a{ones({2}), zeros({2})}, b{2 * ones({2}), zeros({2})};
  EXPECT_EQ(errors_along_line(a, b, network, x, y, 3), (std::vector<double>{50, 50, 50}));
  int places = 0;
  const auto settle = [&](nn::Module& net) {
    EXPECT_EQ(net.parameter("bn.weight").leaf().at(0), 1 + 0.5 * places++);
    nn::estimate_statistics(net, [&](std::int64_t) { return Batch{x, {}}; }, 50);
  };
  EXPECT_EQ(errors_along_line(a, b, network, x, y, 3, settle), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(places, 3);
}

TEST(LinearPath, Refusals) {
  const Weights one{tensor({1.0, 2.0})}, other{tensor({1.0})}, two{tensor({1.0, 2.0}), tensor({1.0})};
  auto zero = [](const Weights&) { return 0.0; };
  EXPECT_TRUE(refuses([&] { along_line(one, other, 5, zero); }, {"linear path", "tensor 0", "(2)", "(1)"}));  // and is not stretched
  EXPECT_TRUE(refuses([&] { along_line(one, two, 5, zero); }, {"from 1 tensors to 2"}));
  EXPECT_TRUE(refuses([&] { along_line(one, one, 1, zero); }, {"1 points"}));
  EXPECT_TRUE(refuses([] { instability({}); }, {"no errors"}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([&] { instability({1, nan, 2}); }, {"point 1 of 3 is NaN"}));
  auto lenet = [] { return nn::lenet_300_100(); };
  EXPECT_TRUE(refuses([&] { errors_along_line(one, one, lenet, zeros({1, 784}), zeros({1}, DType::i64)); }, {"6 parameters and 1 values"}));
}

}  // namespace
}  // namespace bonsai::prune
