// What is timed: the right batch, in the right mode, as often as said. (How long it takes, no test can say.)
#include "prune/latency.h"

#include <chrono>
#include <thread>

#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// Notes how it is called, and dawdles.
struct Noting : nn::Module {
  std::vector<char>& calls;
  char name;
  double seconds;
  Tensor last = {};
  bool wrong = false;
  Noting(std::vector<char>& c, char n, double s) : calls(c), name(n), seconds(s) {}
  Tensor forward(const Tensor& x) override {
    calls.push_back(name);
    wrong |= training() || gradients_enabled();
    last = x;
    std::this_thread::sleep_for(std::chrono::duration<double>(calls.size() <= 2 ? 10 * seconds : seconds));  // the first call is slow
    return x;
  }
  std::string describe() const override { return "noting"; }
};

TEST(Latency, TimesTheSaidCallsInTurns) {
  std::vector<char> calls;
  Noting slow(calls, 's', 0.008), quick(calls, 'q', 0.002);
  const std::vector<Latency> l = latencies({&slow, &quick}, tensor({1.0, 2.0, 3.0}, {3, 1}), 7, {.warm_up = 1, .repeats = 4});
  EXPECT_EQ(std::string(calls.begin(), calls.end()), "sqsqsqsqsq");
  EXPECT_FALSE(slow.wrong || quick.wrong);
  EXPECT_TRUE(slow.training());
  EXPECT_TRUE(gradients_enabled());
  EXPECT_EQ(slow.last.to_vector<double>(), (std::vector{1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0}));
  ASSERT_EQ(l.size(), 2u);
  EXPECT_EQ(l[0].batch, 7);
  EXPECT_EQ(l[0].repeats, 4);
  EXPECT_GE(l[0].lowest, 0.008);
  EXPECT_GE(l[0].median, l[0].lowest);
  EXPECT_GE(l[1].lowest, 0.002);
  EXPECT_LT(l[1].lowest, 0.020);  // the slow first call is not counted
}

TEST(Latency, OfOneNetworkAtOneExample) {
  auto net = small_net(DType::f32);
  net->train(false);
  const Latency l = latency(*net, small_inputs(DType::f32), 1);
  EXPECT_EQ(l.batch, 1);
  EXPECT_GT(l.lowest, 0);
  EXPECT_LT(l.lowest, 10);
  EXPECT_FALSE(net->training());  // as it was
}

TEST(Latency, OfEachLayerOnWhatComesToIt) {
  auto a = small_net(DType::f32), b = small_net(DType::f32);
  const auto layers = layer_latencies({a.get(), b.get()}, small_inputs(DType::f32), 3, {.warm_up = 0, .repeats = 2});
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[1].layer, "tanh");
  for (const LayerLatency& l : layers) {
    ASSERT_EQ(l.of.size(), 2u);
    for (const Latency& t : l.of) EXPECT_TRUE(t.batch == 3 && t.repeats == 2 && t.lowest > 0 && t.median >= t.lowest);
  }
  const std::string text = table(layers);
  for (const char* word : {"fc1", "tanh", "fc2", "all", "100.0%"}) EXPECT_NE(text.find(word), std::string::npos) << text;
  nn::Sequential other;
  other.add<nn::Linear>("fc1", 4, 5).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 5, 3);
  EXPECT_TRUE(refuses([&] { layer_latencies({a.get(), &other}, small_inputs(DType::f32), 3); }, {"different layers", "\"tanh\""}));
  EXPECT_TRUE(refuses([&] { table(layer_latencies({a.get()}, small_inputs(DType::f32), 3)); }, {"two networks"}));
}

TEST(Latency, Refuses) {
  auto net = small_net(DType::f32);
  const Tensor x = small_inputs(DType::f32);
  EXPECT_TRUE(refuses([&] { latency(*net, {}, 1); }, {"latency", "example"}));
  EXPECT_TRUE(refuses([&] { latency(*net, zeros({0, 4}), 1); }, {"latency", "example"}));
  EXPECT_TRUE(refuses([&] { latency(*net, x, 0); }, {"batch of 0"}));
  EXPECT_TRUE(refuses([&] { latency(*net, x, 1, {.repeats = 0}); }, {"0 repeats"}));
  EXPECT_TRUE(refuses([&] { latency(*net, zeros({2, 5}), 1); }, {"fc1", "(1, 5)"}));
  EXPECT_TRUE(net->training());
}

}  // namespace
}  // namespace bonsai::prune
