// Half of the weights gone: how much smaller, and how much less to compute?
// do it, 10 minutes. Chapter: prune/README.md, "What to report".
//
// A small network: a convolution with a bias, whose filters slide over `positions` places, and a linear layer
// with a bias. Given are the masks (u8) of the two weights, conv (out, in, height, width) and linear (out,
// in). Return {compression, speed_up}:
//
//   compression = parameters / kept parameters        biases count, and none of them is pruned
//   speed_up    = multiply-adds / kept multiply-adds  of one example; a weight of the convolution counts once a place,
//                                                     a bias not at all
//
// Why can the two differ by a factor of ten? Which of them would you print in a paper?
#include "nn/layers.h"
#include "nn/picture_layers.h"
#include "prune/report.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> size_and_work(const Tensor& conv, const Tensor& linear, std::int64_t positions) {
  todo();
}

// ---- The cases, beside prune::report

namespace {
void beside_report(double keep_conv, double keep_linear) {
  Random r = seeded();
  nn::Sequential net;
  net.add<nn::Conv2d>("conv", 2, 4, 3).add<nn::ReLU>("relu").add<nn::Flatten>("flatten").add<nn::Linear>("fc", 4 * 6 * 6, 10);
  const Tensor conv = r.bernoulli({4, 2, 3, 3}, keep_conv, DType::f64), linear = r.bernoulli({10, 144}, keep_linear, DType::f64);
  net.parameter("conv.weight").set_mask(cast(conv, DType::u8));
  net.parameter("fc.weight").set_mask(cast(linear, DType::u8));
  const prune::Report report = prune::report(net, zeros({1, 2, 8, 8}));
  check(size_and_work(net.parameter("conv.weight").mask(), net.parameter("fc.weight").mask(), 6 * 6), std::vector{report.compression(), report.speed_up()});
}
}  // namespace

CASE("the convolution to a half") { beside_report(0.5, 1); }
CASE("the linear layer to a half") { beside_report(1, 0.5); }
CASE("both to a fifth") { beside_report(0.2, 0.2); }
