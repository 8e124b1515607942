// The training loop and measuring.
#include "nn/train.h"

#include <limits>

#include "nn/init.h"
#include "nn/picture_layers.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;
using Iterations = std::vector<std::int64_t>;

Batch small_batch(std::int64_t) { return {small_inputs(), small_labels()}; }

const Schedule rate = constant(0.1);

Iterations evaluated(const TrainOptions& o) {
  auto net = small_net();
  SGD sgd(net->parameters());
  Iterations at;
  train(*net, sgd, small_batch, o, {.evaluate = [&](std::int64_t done) { at.push_back(done); }});
  return at;
}

TEST(Train, EvaluatesFirstEveryKAndLast) {
  EXPECT_EQ(evaluated({.iterations = 10, .rate = rate, .evaluate_every = 4}), (Iterations{0, 4, 8, 10}));
  EXPECT_EQ(evaluated({.iterations = 8, .rate = rate, .evaluate_every = 4}), (Iterations{0, 4, 8}));  // the last one once
  EXPECT_EQ(evaluated({.iterations = 3, .rate = rate, .evaluate_every = 4}), (Iterations{0, 3}));
  EXPECT_EQ(evaluated({.iterations = 3, .rate = rate, .evaluate_every = 1}), (Iterations{0, 1, 2, 3}));
  EXPECT_EQ(evaluated({.iterations = 10, .rate = rate, .evaluate_every = 4, .evaluate_first = false}), (Iterations{4, 8, 10}));
  EXPECT_EQ(evaluated({.iterations = 10, .rate = rate}), (Iterations{}));
  EXPECT_EQ(evaluated({.iterations = 0, .rate = rate, .evaluate_every = 4}), (Iterations{0}));
  EXPECT_EQ(evaluated({.first = 6, .iterations = 10, .rate = rate, .evaluate_every = 4}), (Iterations{6, 8, 10}));
  EXPECT_EQ(evaluated({.first = 8, .iterations = 10, .rate = rate, .evaluate_every = 4, .evaluate_first = false}), (Iterations{10}));
}

TEST(Train, HooksAreCalledInOrderWithTheLossBeforeTheStep) {
  auto net = small_net();
  SGD sgd(net->parameters());
  std::string log;
  std::vector<double> losses, rates;
  TrainOptions o{.iterations = 3, .rate = [&](std::int64_t i) { rates.push_back(static_cast<double>(i)); return 0.1; }, .evaluate_every = 2};
  const double first = evaluate(*net, small_inputs(), small_labels()).loss;
  train(*net, sgd, [&](std::int64_t i) { log += fmt::format("batch{} ", i); return small_batch(i); }, o,
        {.before_step = [&](auto i) { log += fmt::format("before{} ", i); },
         .after_update = [&](auto i, double rate) { log += fmt::format("update{}:{} ", i, rate); },
         .evaluate = [&](auto done) { log += fmt::format("evaluate{} ", done); },
         .after_step = [&](auto done, double loss) { log += fmt::format("after{} ", done); losses.push_back(loss); }});
  EXPECT_EQ(log, "evaluate0 before0 batch0 update0:0.1 after1 before1 batch1 update1:0.1 evaluate2 after2 before2 batch2 update2:0.1 evaluate3 after3 ");
  EXPECT_NEAR(losses[0], first, 1e-14);
  EXPECT_LT(losses[2], losses[0]);
  EXPECT_EQ(rates, (std::vector<double>{0, 1, 2}));
}

// With dropout, momentum and a rate that changes: stopped after 4 of 9 steps and taken up by new objects, the bits of an unbroken training.
TEST(Train, StartingAtFirstContinues) {
  auto make = [] {
    auto net = std::make_unique<Sequential>();
    net->add<Linear>("fc1", 4, 5).add<Dropout>("drop", 0.3, Random(2)).add<Linear>("fc2", 5, 3);
    initialize(*net, {}, Random(1));
    return net;
  };
  auto batch = [](std::int64_t i) { return Batch{wave(static_cast<int>(i), {6, 4}, 1, DType::f32), small_labels()}; };
  const Schedule varying = warmup(5, cosine(0.1, 9));
  auto whole = make(), parts = make(), resumed = make();
  SGD a(whole->parameters(), {.momentum = 0.9}), b(parts->parameters(), {.momentum = 0.9}), c(resumed->parameters(), {.momentum = 0.9});
  Iterations steps;
  const Hooks counting{.before_step = [&](std::int64_t i) { steps.push_back(i); }};
  train(*whole, a, batch, {.iterations = 9, .rate = varying});
  train(*parts, b, batch, {.iterations = 4, .rate = varying}, counting);
  for (Parameter* p : parts->parameters()) resumed->parameter(p->name()).set(p->leaf());
  c.load_state(b.state());
  train(*resumed, c, batch, {.first = 4, .iterations = 9, .rate = varying}, counting);
  EXPECT_EQ(steps, (Iterations{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  for (Parameter* p : whole->parameters()) EXPECT_TRUE(same_bits(resumed->parameter(p->name()).leaf(), p->leaf())) << p->name();
}

TEST(Train, ALossThatIsNotFiniteIsAnErrorThatNamesTheIteration) {
  for (const double poison : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto net = small_net();
    SGD sgd(net->parameters());
    auto batch = [&](std::int64_t i) { return i == 3 ? Batch{full({6, 4}, poison, DType::f64), small_labels()} : small_batch(i); };
    std::vector<Tensor> before;
    const Hooks hooks{.before_step = [&](std::int64_t) {
      before.clear();
      for (Parameter* p : net->parameters()) before.push_back(clone(p->leaf()));
    }};
    EXPECT_TRUE(refuses([&] { train(*net, sgd, batch, {.iterations = 9, .rate = rate}, hooks); }, {"nan", "iteration 3", "learning rate"}));
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), before[i]));  // no step was taken
  }
}

TEST(Train, RefusesWhatCannotBeRun) {
  auto net = small_net();
  SGD sgd(net->parameters());
  EXPECT_TRUE(refuses([&] { train(*net, sgd, small_batch, {.first = 5, .iterations = 4, .rate = rate}); }, {"5", "4"}));
  EXPECT_TRUE(refuses([&] { train(*net, sgd, small_batch, {.first = -1, .iterations = 4, .rate = rate}); }, {"-1"}));
  EXPECT_TRUE(refuses([&] { train(*net, sgd, small_batch, {.iterations = 4, .rate = {}}); }, {"rate"}));
}

Evaluation at(std::int64_t iteration, double loss) { return {iteration, {loss, 0}, {0, 0}}; }

TEST(EarlyStop, IsTheEarliestMinimumOfTheValidationLoss) {
  EXPECT_EQ(early_stop({at(0, 3), at(10, 1), at(20, 2), at(30, 1), at(40, 5)}).iteration, 10);
  EXPECT_EQ(early_stop({at(0, 1)}).iteration, 0);
  EXPECT_EQ(early_stop({at(0, 3), at(10, 2), at(20, 1)}).iteration, 20);
  EXPECT_TRUE(refuses([] { early_stop({}); }, {"nothing was evaluated"}));
}

TEST(EarlyStop, IsNeverWhereTheLossIsNotANumber) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(early_stop({at(0, nan), at(10, 2), at(20, 1), at(30, nan), at(40, 3)}).iteration, 20);
  EXPECT_EQ(early_stop({at(0, infinity), at(10, nan), at(20, 4)}).iteration, 20);
}

TEST(Evaluate, IsThePlainComputationWhateverTheSizeOfTheSet) {
  for (const bool packed : {false, true}) {  // the packed one looks at fewer examples at a time
    auto net = small_net(), plain = small_net();
    for (auto* each : {net.get(), plain.get()}) each->parameter("fc1.weight").set_mask(mask_of({5, 4}, [](std::int64_t i) { return i % 3 != 1; }));
    if (packed) net->parameter("fc1.weight").pack();
    EXPECT_EQ(net->any_packed(), packed);
    for (const std::int64_t n : {1, 2, 63, 64, 65, 130, 999, 1000, 1001, 2500}) {
      const Tensor x = wave(5, {n, 4}, 2), y = labels(n, 3);
      double loss = 0, correct = 0;
      NoGrad off;
      for (std::int64_t e = 0; e < n; ++e) {
        const auto z = (*plain)(slice(x, 0, e, e + 1)).to_vector<double>();
        loss += std::log(std::exp(z[0]) + std::exp(z[1]) + std::exp(z[2])) - z[y.at(e)];
        correct += std::max_element(z.begin(), z.end()) - z.begin() == y.at(e);
      }
      const Measure m = evaluate(*net, x, y);
      EXPECT_NEAR(m.loss, loss / static_cast<double>(n), 1e-12) << n;
      EXPECT_DOUBLE_EQ(m.accuracy, 100 * correct / static_cast<double>(n)) << n;
    }
  }
}

// A network that remembers how many it was shown at a time.
struct Watching : Module {
  std::vector<std::int64_t> batches;
  Tensor forward(const Tensor& x) override {
    batches.push_back(x.size(0));
    return slice(flatten(x), 1, 0, 3);
  }
  std::string describe() const override { return "Watching"; }
};

TEST(Evaluate, LooksAtFewerOfLargerPicturesAtATime) {
  auto batches = [](const Shape& shape) {
    Watching net;
    evaluate(net, zeros(shape), labels(shape[0], 3));
    return net.batches;
  };
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(batches({2500, 1, 28, 28}), (Sizes{1000, 1000, 500}));
  EXPECT_EQ(batches({130, 3, 32, 32}), (Sizes{100, 30}));
  EXPECT_EQ(batches({3, 3, 224, 224}), (Sizes{2, 1}));
  EXPECT_EQ(batches({2, 3, 400, 400}), (Sizes{1, 1}));
}

TEST(Evaluate, SwitchesDropoutOffAndBackAlsoAfterAnError) {
  Sequential net;
  net.add<Linear>("fc", 4, 3).add<Dropout>("drop", 0.9, Random(1));
  initialize(net, {}, Random(1));
  const Tensor x = small_inputs(DType::f32);
  const Measure a = evaluate(net, x, small_labels()), b = evaluate(net, x, small_labels());
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_TRUE(net.training());
  EXPECT_TRUE(refuses([&] { evaluate(net, zeros({6, 5}), small_labels()); }, {"\"fc\"", "(6, 5)"}));
  EXPECT_TRUE(net.training());
  net.train(false);
  evaluate(net, x, small_labels());
  EXPECT_FALSE(net.training());
}

TEST(Evaluate, RefusesAnEmptySetAndMissingLabels) {
  auto net = small_net();
  EXPECT_TRUE(refuses([&] { evaluate(*net, zeros({0, 4}, DType::f64), zeros({0}, DType::i64)); }, {"0 examples"}));
  EXPECT_TRUE(refuses([&] { evaluate(*net, small_inputs(), labels(5, 3)); }, {"6 examples", "5 labels"}));
}

// A first example that learns: the four points of XOR, which no network without a hidden layer can tell apart.
TEST(Train, LearnsXor) {
  const Tensor x = tensor({-1.f, -1.f, -1.f, 1.f, 1.f, -1.f, 1.f, 1.f}, {4, 2});
  const Tensor y = tensor<std::int64_t>({0, 1, 1, 0});
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    Sequential net;
    net.add<Linear>("fc1", 2, 8).add<Tanh>("tanh").add<Linear>("fc2", 8, 2);
    initialize(net, {}, Random(seed));
    Adam adam(net.parameters());
    train(net, adam, [&](std::int64_t) { return Batch{x, y}; }, {.iterations = 500, .rate = constant(0.02)});
    EXPECT_EQ(evaluate(net, x, y).accuracy, 100) << "seed " << seed;
  }
}

// From 0 and 1 the running statistics go a tenth of the way to each batch's: by hand, for three batches of two channels.
TEST(Statistics, AreThoseOfTheBatches) {
  Sequential net;
  net.add<BatchNorm2d>("bn", 2);
  net.parameter("bn.weight").set(ones({2}));
  for (auto& [name, b] : net.buffers()) *b = full(b->shape(), 7);  // what they were does not matter
  net.train(false);
  auto values = [](std::int64_t i) { return wave(static_cast<int>(i), {5, 2, 3, 3}); };
  estimate_statistics(net, [&](std::int64_t i) { return Batch{cast(values(i), DType::f32), {}}; }, 3);
  EXPECT_FALSE(net.training());
  for (std::int64_t c = 0; c < 2; ++c) {
    double mean = 0, variance = 1;
    for (int i = 0; i < 3; ++i) {
      const Tensor x = values(i);
      double sum = 0, squares = 0;
      for (std::int64_t k = 0; k < 5; ++k)
        for (std::int64_t p = 0; p < 9; ++p) sum += x.at((2 * k + c) * 9 + p), squares += x.at((2 * k + c) * 9 + p) * x.at((2 * k + c) * 9 + p);
      mean = 0.9 * mean + 0.1 * sum / 45;
      variance = 0.9 * variance + 0.1 * (squares - sum * sum / 45) / 44;
    }
    EXPECT_NEAR(net.buffers()[0].second->at(c), mean, 1e-6);
    EXPECT_NEAR(net.buffers()[1].second->at(c), variance, 1e-6);
  }
}

}  // namespace
}  // namespace bonsai::nn
