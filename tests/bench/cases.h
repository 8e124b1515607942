// What more than one of the programs here measures: a training step of LeNet-300-100, a sparse product.
#pragma once
#include <benchmark/benchmark.h>

#include <optional>

#include "core/ops.h"
#include "core/random.h"
#include "core/sparse.h"
#include "datasets/batches.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"

namespace bonsai::bench {

// Images of noise in bytes, of MNIST's shape. 60,000 of them are 47 MB, so that a batch comes from memory and not from a cache.
inline datasets::Dataset noise(std::int64_t n) {
  return {.name = "noise",
          .inputs = cast(Random(2).uniform({n, 1, 28, 28}, 0, 256), DType::u8),
          .labels = cast(Random(3).uniform({n}, 0, 10), DType::i64),
          .classes = std::vector<std::string>(10)};
}
inline const datasets::Dataset& noise() {
  static const datasets::Dataset all = noise(60000);
  return all;
}

// LeNet-300-100 as the lottery ticket trains it: batch 60 picked at random, Adam. Without a density no weight is pruned; with one, every
// layer has a random mask, under which the arithmetic stays dense, or is packed, and the kept weights are all there is.
class LeNet {
 public:
  LeNet(const datasets::Dataset& data, std::optional<double> density, bool packed = false) : batches_(data, 60, Random(1).derive("order")) {
    Random random(1);
    nn::initialize(*net_, {}, random.derive("init"));
    if (density) {
      for (nn::Parameter* p : net_->parameters()) {
        if (p->shape().rank() < 2) continue;
        p->set_mask(cast(random.bernoulli(p->shape(), *density), DType::u8));
        if (packed) p->pack();
      }
    }
    adam_.emplace(net_->parameters());
  }

  void gradients() {
    const Batch batch = batches_(iteration_++);
    backward(cross_entropy((*net_)(batch.inputs), batch.labels));
  }
  void move() { adam_->step(1.2e-3); }
  void step() {
    gradients();
    move();
  }
  void end() { adam_.reset(); }  // of the training: the network alone is left

 private:
  std::unique_ptr<nn::Sequential> net_ = nn::lenet_300_100();
  std::optional<nn::Adam> adam_;
  datasets::Batches batches_;
  std::int64_t iteration_ = 0;
};

inline void train_step(benchmark::State& state, std::optional<double> density, bool packed) {
  LeNet training(noise(), density, packed);
  for (int i = 0; i < 3; ++i) training.step();  // the optimizer's state, the pool
  for (auto _ : state) training.step();
  state.SetItemsProcessed(state.iterations());  // steps per second; dense, a step is 68 MFLOP
}

// The first layer of LeNet-300-100 at a density, with a batch of 64.
struct SparseLayer {
  static constexpr std::int64_t rows = 300, columns = 784, batch = 64;
  PatternRef pattern;
  Tensor values, x, y;
  explicit SparseLayer(double density) {
    Random random(1);
    pattern = pattern_of(cast(random.bernoulli({rows, columns}, density), DType::u8));
    values = random.normal({pattern->kept()});
    x = random.normal({columns, batch});
    y = random.normal({rows, batch});
  }
  // Useful work: 2 · kept · batch.
  void count(benchmark::State& state) const {
    state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(pattern->kept() * batch), benchmark::Counter::kIsIterationInvariantRate);
  }
};

inline void sparse_forward(benchmark::State& state, double density) {
  const SparseLayer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sparse_matmul(l.pattern, l.values, l.x));
  l.count(state);
}
inline void dense_forward(benchmark::State& state) {
  const SparseLayer l(0.1);
  const Tensor w = unpack(l.values, *l.pattern);
  for (auto _ : state) benchmark::DoNotOptimize(matmul(w, l.x));
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * l.rows * l.columns * l.batch, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace bonsai::bench
