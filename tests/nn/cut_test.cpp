// Parameters that become smaller: what stays is the same bits, in the tensor, its masks and the optimizers' state.
#include "nn/picture_layers.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

const std::vector<std::int64_t> rows{0, 2, 3, 6};

Tensor of(const Tensor& x, int axis) { return index_select(x, tensor(std::span(rows), {static_cast<std::int64_t>(rows.size())}), axis); }

TEST(Cut, KeepsTheNumbersThatStay) {
  for (const int axis : {0, 1, -1}) {
    Parameter p("w", {7, 8});
    p.set(wave(1, {7, 8}, 1, DType::f32));
    p.set_mask(mask_of({7, 8}, [](std::int64_t i) { return i % 3 != 0; }));
    const Tensor values = clone(p.leaf()), mask = clone(p.mask());
    p.cut(axis, rows);
    EXPECT_EQ(p.shape(), axis == 0 ? (Shape{4, 8}) : (Shape{7, 4}));
    EXPECT_EQ(p.leaf().to_vector<float>(), of(values, axis).to_vector<float>());
    EXPECT_EQ(p.mask().to_vector<std::uint8_t>(), of(mask, axis).to_vector<std::uint8_t>());
    EXPECT_TRUE(p.leaf().requires_grad());
  }
}

// A network whose hidden units are cut to those whose weights, in and out, were the only ones to move: training goes on with the same bits, for
// every optimizer, from whatever form, at the first step or with a state.
TEST(Cut, TrainsOnAsTheUncutNetworkWould) {
  const std::vector<std::int64_t> kept{0, 2};
  for (const auto& o : every_optimizer)
    for (const int cut_at : {0, 3})
      for (const bool packed : {false, true}) {
        auto dense = small_net(DType::f64), small = small_net(DType::f64);
        const std::int64_t hidden = dense->parameter("fc1.weight").shape()[0];
        auto mask = [&](Module& net) {  // the hidden units but `kept`, with all that leads to them and from them
          auto stays = [&](std::int64_t unit) { return unit == kept[0] || unit == kept[1]; };
          Parameter &w1 = net.parameter("fc1.weight"), &b1 = net.parameter("fc1.bias"), &w2 = net.parameter("fc2.weight");
          w1.set_mask(mask_of(w1.shape(), [&](std::int64_t i) { return stays(i / w1.shape()[1]); }));
          b1.set_mask(mask_of(b1.shape(), stays));
          w2.set_mask(mask_of(w2.shape(), [&](std::int64_t i) { return stays(i % hidden); }));
        };
        mask(*dense), mask(*small);
        if (packed) small->parameter("fc1.weight").pack(), small->parameter("fc2.weight").pack();
        auto a = o.make(dense->parameters()), b = o.make(small->parameters());
        for (int i = 0; i < 6; ++i) {
          if (i == cut_at) {
            small->parameter("fc1.weight").cut(0, kept);
            small->parameter("fc1.bias").cut(0, kept);
            small->parameter("fc2.weight").cut(1, kept);
            EXPECT_EQ(small->parameter("fc1.weight").is_packed(), packed);
            for (const auto& [name, s] : b->state())
              if (name.find("fc2.weight") != std::string::npos) {
                EXPECT_EQ(s.shape(), small->parameter("fc2.weight").shape()) << "state, before the next step";
              }
          }
          for (auto* each : {&dense, &small}) backward(cross_entropy((**each)(small_inputs(DType::f64)), small_labels()));
          a->step(o.rate), b->step(o.rate);
        }
        for (const char* name : {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}) {
          Tensor want = dense->parameter(name).dense_values();
          const Tensor unit = tensor(std::span(kept), {2});
          if (name[2] == '1') want = index_select(want, unit, 0);
          else if (want.rank() == 2) want = index_select(want, unit, 1);
          EXPECT_TRUE(close(small->parameter(name).dense_values(), want, 1e-13, 1e-14)) << o.name << " " << name << " cut at " << cut_at << " packed " << packed;
        }
      }
}

TEST(Cut, TheGroupsOfADepthwiseConvolutionAreItsChannels) {
  Conv2d conv(6, 12, 3, {.padding = 1, .groups = 6});
  fill(conv);
  NoGrad off;
  const Tensor x = noise(9, {2, 6, 5, 5}, 1, DType::f32), whole = conv(x);
  conv.weight().cut(0, {2, 3, 8, 9});
  conv.bias()->cut(0, {2, 3, 8, 9});
  EXPECT_EQ(conv.window().groups, 2);
  const Tensor y = conv(index_select(x, tensor<std::int64_t>({1, 4}), 1));
  EXPECT_TRUE(close(y, index_select(whole, tensor<std::int64_t>({2, 3, 8, 9}), 1), 1e-5, 1e-6));
}

TEST(Cut, RefusesWhatItCannotDo) {
  Parameter p("fc1.weight", {4, 3});
  EXPECT_TRUE(refuses([&] { p.cut(0, {}); }, {"parameter \"fc1.weight\": a cut of axis 0 would leave nothing of (4, 3)"}));
  EXPECT_TRUE(refuses([&] { p.cut(0, {1, 4}); }, {"parameter \"fc1.weight\": a cut keeps index 4 after 1; indices must rise and lie within axis 0 of (4, 3)"}));
  EXPECT_TRUE(refuses([&] { p.cut(1, {1, 1}); }, {"parameter \"fc1.weight\": a cut keeps index 1 after 1; indices must rise and lie within axis 1 of (4, 3)"}));
  EXPECT_TRUE(refuses([&] { p.cut(2, {0}); }, {"axis 2"}));
  EXPECT_EQ(p.shape(), (Shape{4, 3}));
}

}  // namespace
}  // namespace bonsai::nn
