// A device: its memory, its queue, recorded steps. In the emulator, where work is done as late as it may be and fresh memory holds NaN.
#include "core/ops.h"
#include "core/recording.h"
#include "cuda/backend/each.h"
#include "cuda/device/blocks.h"
#include "cuda/device/plugin.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/picture_layers.h"
#include "nn/recorded_step.h"
#include "nn/train.h"
#include "prune/registry.h"
#include "tests/cuda/support.h"
#include "tests/nn/support.h"

namespace bonsai {
namespace {

// The emulated device as the default one, as long as a test runs.
class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_EMULATOR();
    static cuda::Plugin plugin = [] {
      cuda::Plugin p;
      bonsai_open_device(&p);
      register_device(Device::cuda, *p.backend, p.functions);
      return p;
    }();
    emulator::queue_work(true);
    set_default_device(Device::cuda);
  }
  void TearDown() override {
    if (default_device() == Device::cpu) return;
    set_default_device(Device::cpu);
    emulator::wait();
    emulator::queue_work(false);
  }
};

TEST_F(OnDevice, WorkWaitsInTheQueueUntilSomebodyReads) {
  Tensor x = zeros({5}), y = x + 2;
  ASSERT_EQ(y.device(), Device::cuda);
  const float* raw = static_cast<const float*>(view(y).data);  // what the host would see without waiting
  emulator::wait();
  const Tensor z = y * 3;
  const float* late = static_cast<const float*>(view(z).data);
  EXPECT_NE(late[0], 6);
  EXPECT_EQ(raw[0], 2);
  for (float v : z.data<float>()) EXPECT_EQ(v, 6);
  EXPECT_EQ(late[4], 6);
}

TEST_F(OnDevice, WhatTheHostWritesComesAfterWhatIsQueued) {
  Tensor x = ones({3});
  const Tensor y = x + 1;                    // queued, reads x
  x.mutable_data<float>()[1] = 10;           // must wait for it
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 2, 2}));
  const Tensor z = tensor({1.f, 2.f, 3.f});  // uploaded in its turn
  EXPECT_EQ((x * z).to_vector<float>(), (std::vector<float>{1, 20, 3}));
}

TEST_F(OnDevice, MemoryNobodyHasWrittenIsPoison) {
  { Tensor used = ones({100}); }
  EXPECT_TRUE(std::isnan(empty({100}).data<float>()[7]));
}

TEST_F(OnDevice, TensorsGoToAndFro) {
  const Tensor here = to(tensor({1.f, 2.f, 3.f}) * 2, Device::cpu);
  EXPECT_EQ(here.device(), Device::cpu);
  EXPECT_EQ(here.to_vector<float>(), (std::vector<float>{2, 4, 6}));
  const Tensor there = to(here, Device::cuda);
  EXPECT_EQ((there + there).to_vector<float>(), (std::vector<float>{4, 8, 12}));
  EXPECT_TRUE(test::refuses([&] { here + there; }, {"different devices", "cpu", "cuda", "to()"}));
}

TEST_F(OnDevice, AnIndexThatDoesNotFitIsNamedWhenSomebodyWaits) {
  const Tensor x = ones({4, 3}), at = tensor<std::int64_t>({1, 4});
  EXPECT_TRUE(test::refuses([&] { index_select(x, at, 0).at(0); }, {"index_select", "index 4 is not within 0..3"}));
  EXPECT_TRUE(test::refuses([&] { cross_entropy(x, tensor<std::int64_t>({0, 1, 2, -1})).item(); }, {"cross_entropy", "index -1 is not within 0..2"}));
  EXPECT_EQ(index_select(x, tensor<std::int64_t>({3}), 0).at(0), 1);  // the device goes on
}

// The same network, data and steps on the CPU and on the device: f32, so near and not equal.
struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> values;
};
Trained trained(Device d, const std::function<std::unique_ptr<nn::Sequential>()>& make, const Shape& input, bool hooked = false) {
  set_default_device(d);
  auto net = make();
  test::fill(*net);
  nn::Parameter& first = *net->parameters()[0];
  first.set_mask(test::mask_of(first.shape(), [](std::int64_t i) { return i % 3 != 0; }));
  nn::Adam adam(net->parameters());
  Trained t;
  nn::Hooks hooks{.after_step = [&](std::int64_t, double loss) { t.losses.push_back(loss); }};
  if (hooked) hooks.after_backward = [](std::int64_t) {};
  nn::train(*net, adam, [&](std::int64_t i) { return Batch{test::noise(7 + static_cast<std::uint32_t>(i), input, 1, DType::f32), test::labels(input[0], 5, i)}; },
            {.iterations = 6, .rate = [](std::int64_t i) { return 0.01 / static_cast<double>(1 + i); }}, hooks);
  for (nn::Parameter* p : net->parameters()) t.values.push_back(to(p->dense_values(), Device::cpu));
  for (auto& [name, b] : net->buffers()) t.values.push_back(to(*b, Device::cpu));
  return t;
}
std::unique_ptr<nn::Sequential> dense_net() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 12, 9);
  net->add<nn::ReLU>("relu");
  net->add<nn::Linear>("fc2", 9, 5);
  return net;
}
std::unique_ptr<nn::Sequential> picture_net() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Conv2d>("conv", 2, 4, 3, Window{.padding = 1}, false);
  net->add<nn::BatchNorm2d>("bn", 4, true);
  net->add<nn::Flatten>("flatten");
  net->add<nn::Linear>("fc", 4 * 5 * 5, 5);
  return net;
}
void expect_near(const Trained& got, const Trained& want, double tolerance) {
  ASSERT_EQ(got.losses.size(), want.losses.size());
  for (std::size_t i = 0; i < want.losses.size(); ++i) EXPECT_NEAR(got.losses[i], want.losses[i], tolerance) << "step " << i;
  for (std::size_t i = 0; i < want.values.size(); ++i)
    for (std::int64_t k = 0; k < want.values[i].numel(); ++k) ASSERT_NEAR(got.values[i].at(k), want.values[i].at(k), tolerance) << "tensor " << i << ", entry " << k;
}
TEST_F(OnDevice, TrainsAsTheCpuDoesRecordedOrNot) {
  const Shape flat{7, 12}, pictures{6, 2, 5, 5};
  for (bool hooked : {false, true}) {  // (a hook that sees the gradients: steps as they are)
    expect_near(trained(Device::cuda, dense_net, flat, hooked), trained(Device::cpu, dense_net, flat), 2e-5);
    expect_near(trained(Device::cuda, picture_net, pictures, hooked), trained(Device::cpu, picture_net, pictures), 2e-4);
  }
  set_default_device(Device::cuda);
  const Trained recorded = trained(Device::cuda, picture_net, pictures), plain = trained(Device::cuda, picture_net, pictures, true);
  expect_near(recorded, plain, 0);  // the same kernels: the same bits
}

TEST_F(OnDevice, APackedNetworkTrainsThereToo) {
  auto losses = [](Device d) {
    set_default_device(d);
    auto net = dense_net();
    test::fill(*net);
    nn::Parameter& w = net->parameter("fc1.weight");
    w.set_mask(test::mask_of(w.shape(), [](std::int64_t i) { return i % 4 == 1; }));
    w.pack();
    nn::SGD sgd(net->parameters(), {.momentum = 0.9});
    std::vector<double> all;
    nn::train(*net, sgd, [](std::int64_t i) { return Batch{test::noise(3 + static_cast<std::uint32_t>(i), {7, 12}, 1, DType::f32), test::labels(7, 5)}; }, {.iterations = 5, .rate = nn::constant(0.1)},
              {.after_step = [&](std::int64_t, double loss) { all.push_back(loss); }});
    return all;
  };
  const std::vector<double> there = losses(Device::cuda), here = losses(Device::cpu);
  for (std::size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 2e-5);
  set_default_device(Device::cuda);
}

TEST_F(OnDevice, ARecordedStepFollowsWhatPruningDoesToTheNetwork) {
  auto net = dense_net();
  test::fill(*net);
  nn::SGD sgd(net->parameters());
  nn::Parameter& w = net->parameter("fc1.weight");
  nn::train(*net, sgd, [](std::int64_t) { return Batch{test::noise(3, {7, 12}, 1, DType::f32), test::labels(7, 5)}; }, {.iterations = 6, .rate = nn::constant(0.1)},
            {.before_step = [&](std::int64_t i) {
              if (i == 3) w.set_mask(test::mask_of(w.shape(), [](std::int64_t k) { return k % 2 == 0; }));
            }});
  const auto values = w.leaf().to_vector<float>();
  for (std::size_t k = 0; k < values.size(); ++k) EXPECT_EQ(values[k] == 0, k % 2 == 1) << k;
}

TEST_F(OnDevice, AStepThatReadsOnTheHostCannotBeRecorded) {
  Tensor x = ones({1});
  EXPECT_TRUE(test::refuses([&] { Recording(Device::cuda, [&] { fill(x, x.item() + 1); }); }, {"reads a tensor on the host", "can't be recorded"}));
  EXPECT_EQ(x.item(), 2);  // it ran once; and the device goes on
}

TEST_F(OnDevice, PlayingIsDoingAgainAndItsMemoryIsItsOwn) {
  Tensor x = full({4}, 1), y = zeros({4});
  Recording step(Device::cuda, [&] { copy_into(y, (x + 1) * (x + 2)); });  // with memory between
  EXPECT_EQ(y.at(0), 6);
  std::vector<Tensor> others;
  for (int i = 0; i < 20; ++i) {
    fill(x, i);
    others.push_back(full({4}, -1));  // must not get what the step uses between
    step.play();
    EXPECT_EQ(y.at(3), (i + 1) * (i + 2));
  }
  for (const Tensor& t : others) EXPECT_EQ(t.at(0), -1);
}

TEST_F(OnDevice, AKernelThatFailsStopsTheDeviceAndIsNamed) {
  emulator::submit("bad", [] { fail("it broke"); });
  EXPECT_TRUE(test::refuses([] { emulator::wait(); }, {"\"bad\"", "it broke"}));
  EXPECT_TRUE(test::refuses([] { emulator::wait(); }, {"\"bad\""}));
  emulator::start_again();
}

// ---- Memory

std::size_t given = 0, taken = 0;
cuda::Blocks::Source source(std::size_t limit) {
  given = taken = 0;
  return {[](std::size_t n) { return ++taken, std::malloc(n); }, [](void* p) { ++given, std::free(p); }, limit, "a small device"};
}

TEST(Blocks, ComeBackAndTheDeviceIsAskedOnce) {
  cuda::Blocks b(source(std::size_t{1} << 30));
  for (int round = 0; round < 5; ++round) {
    std::vector<std::pair<void*, std::size_t>> held;
    for (std::size_t n : {1ul, 64ul, 513ul, 5000ul, 300'000ul, 3'000'000ul}) {
      held.emplace_back(b.allocate(n), n);
      std::memset(held.back().first, round, n);
    }
    for (std::size_t i = 0; i < held.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) {  // no two overlap
        const auto *p = static_cast<std::byte*>(held[i].first), *q = static_cast<std::byte*>(held[j].first);
        EXPECT_TRUE(p + held[i].second <= q || q + held[j].second <= p);
      }
    for (auto& [p, n] : held) b.release(p, n);
  }
  EXPECT_EQ(b.taken(), 3u);  // the small ones share a slab
}

TEST(Blocks, OutOfMemorySaysHowMuchAndGivesBackWhatNobodyUsesFirst) {
  cuda::Blocks b(source(std::size_t{10} << 20));
  void* large = b.allocate(std::size_t{6} << 20);
  EXPECT_TRUE(test::refuses([&] { b.allocate(std::size_t{5} << 20); }, {"out of memory on a small device", "asked for 0.005 GiB", "0.006 of 0.010 GiB"}));
  b.release(large, std::size_t{6} << 20);
  EXPECT_EQ(given, 0u);
  EXPECT_NE(b.allocate(std::size_t{9} << 20), nullptr);
  EXPECT_EQ(given, 1u);
}

TEST(Blocks, AnArenaKeepsItsOwnUntilItEnds) {
  cuda::Blocks b(source(std::size_t{1} << 30));
  cuda::Blocks::Arena* a = b.new_arena();
  b.use(a);
  void* own = b.allocate(1000);
  void* kept = b.allocate(1000);
  b.release(own, 1000);
  b.use(nullptr);
  EXPECT_NE(b.allocate(1000), own);
  b.use(a);
  EXPECT_EQ(b.allocate(1000), own);
  b.release(own, 1000);
  b.use(nullptr);
  b.end(a);
  b.release(kept, 1000);
  EXPECT_EQ(b.allocate(1000), kept);
  EXPECT_EQ(b.allocate(1000), own);
}

}  // namespace
}  // namespace bonsai
