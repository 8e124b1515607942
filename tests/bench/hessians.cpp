// Exact Hessians: all second derivatives of a small network's mean loss, one Hessian-vector product a column. `./bonsai bench hessians`.
#include <benchmark/benchmark.h>

#include "core/derivatives.h"
#include "nn/init.h"
#include "nn/layers.h"

namespace {

using namespace bonsai;

// 16-30-10 with tanh and cross-entropy on 1,000 samples, f64: 820 parameters.
void hessian_16_30_10(benchmark::State& state) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 16, 30).add<nn::Tanh>("tanh").add<nn::Linear>("fc2", 30, 10);
  net.to(DType::f64);
  nn::initialize(net, {}, Random(1));
  Random random(2);
  const Tensor x = random.normal({1000, 16}, 0, 1, DType::f64), y = cast(random.uniform({1000}, 0, 10), DType::i64);
  Tensors parameters;
  for (nn::Parameter* p : net.parameters()) parameters.push_back(p->leaf());
  for (auto _ : state) benchmark::DoNotOptimize(hessian(cross_entropy(net(x), y), parameters));
}
BENCHMARK(hessian_16_30_10)->Name("hessian/16-30-10/1000")->Unit(benchmark::kMillisecond);

}  // namespace
