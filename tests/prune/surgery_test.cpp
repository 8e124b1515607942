// A network from which channels are cut computes what the masked one computed, its gradients too, and trains on.
#include <algorithm>

#include "nn/networks.h"
#include "nn/optimizers.h"
#include "prune/structure/surgery.h"
#include "tests/prune/random_graphs.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// Some units of every layer, chosen by chance, at least one left.
std::vector<int> some_units(const Channels& c, Dice& dice, double fraction) {
  std::vector<int> gone;
  for (const ChannelLayer& l : c.layers()) {
    std::size_t left = l.units.size();
    for (const int u : l.units)
      if (left > 1 && dice.chance(fraction)) gone.push_back(u), --left;
  }
  return gone;
}

Tensor loss_of(nn::Module& net, const Tensor& x) { return cross_entropy(net(x), labels(x.size(0), 4)); }

double relative(const Tensor& a, const Tensor& b) {
  const Tensor d = cast(a.detach(), DType::f64) - cast(b.detach(), DType::f64), y = cast(b.detach(), DType::f64);
  const double size = std::sqrt(sum(y * y).item()), difference = std::sqrt(sum(d * d).item());
  return difference == 0 ? 0 : difference / size;
}

struct Seen {
  Tensor outputs;
  std::vector<Tensor> gradients;
};
Seen see(nn::Module& net, const Tensor& x) {
  const nn::Evaluating mode(net);
  Seen s{net(x).detach(), {}};
  Tensors leaves;
  for (nn::Parameter* p : net.parameters()) leaves.push_back(p->leaf());
  for (const Tensor& g : grad(loss_of(net, x), leaves)) s.gradients.push_back(g);
  return s;
}

// Outputs and gradients before the cut and after. False: it was refused.
void expect_equal_after_cut(nn::Module& net, const Tensor& x, double tolerance, const std::string& what, double fraction, Dice& dice) {
  const Channels channels(net, x);
  mask_units(channels, some_units(channels, dice, fraction));
  std::vector<char> goes = channels.pruned();
  const Seen masked = see(net, x);
  std::int64_t before = 0, after = 0;
  for (nn::Parameter* p : net.parameters()) before += p->numel();
  const CutResult result = cut(net, x);
  for (nn::Parameter* p : net.parameters()) after += p->numel();
  EXPECT_EQ(before - after, result.parameters);
  EXPECT_EQ(result.units, std::ranges::count(goes, 1));
  const Seen small = see(net, x);
  EXPECT_LE(relative(small.outputs, masked.outputs), tolerance) << what;
  EXPECT_LE(result.cut_minus_masked, tolerance) << what;
  double size = 0, difference = 0;  // all gradients together: one that is 0 but for rounding has no size of its own
  for (std::size_t i = 0; i < masked.gradients.size(); ++i) {
    Tensor want = masked.gradients[i];
    const Placed& t = channels.tensors()[i];
    for (int a = 0; a < static_cast<int>(t.unit.size()); ++a) {
      std::vector<std::int64_t> kept;
      for (std::size_t k = 0; k < t.unit[a].size(); ++k)
        if (t.unit[a][k] < 0 || !goes[t.unit[a][k]]) kept.push_back(static_cast<std::int64_t>(k));
      want = index_select(want, tensor(std::span<const std::int64_t>(kept), {static_cast<std::int64_t>(kept.size())}), a);
    }
    ASSERT_EQ(small.gradients[i].shape(), want.shape()) << what << " " << t.name;
    const Tensor d = cast(small.gradients[i] - want, DType::f64), w = cast(want, DType::f64);
    size += sum(w * w).item(), difference += sum(d * d).item();
  }
  EXPECT_LE(std::sqrt(difference), tolerance * 10 * std::sqrt(size)) << what;
}

void expect_trains(nn::Module& net, const Tensor& x) {
  nn::SGD optimizer(net.parameters(), {.momentum = 0.9});
  net.train();
  for (int i = 0; i < 2; ++i) {
    backward(loss_of(net, x));
    optimizer.step(0.01);
  }
  EXPECT_TRUE(std::isfinite(loss_of(net, x).item()));
}

TEST(Surgery, EqualsTheMaskedNetworkOnTwoHundredRandomGraphs) {
  int units = 0;
  for (int seed = 0; seed < 200; ++seed) {
    const DType t = seed % 2 ? DType::f64 : DType::f32;
    RandomGraph net(seed, false);
    shake(net, t);
    const Tensor x = noise(7, {3, RandomGraph::channels, RandomGraph::side, RandomGraph::side}, 1, t);
    units += Channels(net, x).units();
    Dice dice(seed);
    expect_equal_after_cut(net, x, t == DType::f64 ? 1e-12 : 1e-5, fmt::format("graph {}", seed), 0.5, dice);
    if (HasFatalFailure()) return;
    expect_trains(net, x);
  }
  EXPECT_GT(units, 200 * 7);
}

// With sigmoids, whose constant a bias must take up. Where that can't be, all is as it was.
TEST(Surgery, FoldsConstantsOrRefuses) {
  int folded = 0, refused = 0;
  for (int seed = 0; seed < 200; ++seed) {
    RandomGraph net(seed, true);
    shake(net, DType::f64);
    const Tensor x = noise(7, {3, RandomGraph::channels, RandomGraph::side, RandomGraph::side});
    Dice dice(seed);
    const Channels channels(net, x);
    mask_units(channels, some_units(channels, dice, 0.5));
    const Seen masked = see(net, x);
    try {
      folded += !cut(net, x).folded.empty();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("f(0) = 0"), std::string::npos) << e.what();
      ++refused;
    }
    EXPECT_LE(relative(see(net, x).outputs, masked.outputs), 1e-12) << seed;
  }
  EXPECT_GE(folded, 10);
  EXPECT_GE(refused, 10);
}

TEST(Surgery, EqualsTheMaskedNetworkOnEveryNetworkOfTheHouse) {
  struct House {
    const char* name;
    Shape input;
  };
  for (const House& h : {House{"lenet_300_100", {4, 1, 28, 28}}, {"lenet5", {4, 1, 28, 28}}, {"conv2", {2, 3, 32, 32}}, {"conv4", {2, 3, 32, 32}}, {"conv6", {2, 3, 32, 32}},
                         {"resnet20", {2, 3, 32, 32}}, {"resnet32", {2, 3, 32, 32}}, {"resnet56", {2, 3, 32, 32}}, {"vgg16", {2, 3, 32, 32}}, {"vgg19", {2, 3, 32, 32}},
                         {"rows_transformer", {4, 1, 28, 28}}})
    for (const DType t : {DType::f32, DType::f64}) {
      const auto net = nn::network(h.name);
      shake(*net, t);
      Dice dice(3);
      expect_equal_after_cut(*net, noise(7, h.input, 1, t), t == DType::f64 ? 1e-12 : 1e-5, h.name, 0.5, dice);
    }
}

}  // namespace
}  // namespace bonsai::prune
