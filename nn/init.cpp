#include "nn/init.h"

#include <cmath>

namespace bonsai::nn {

Fans fans(const Shape& w) {
  require(w.rank() >= 2, "init: a weight needs at least two axes, got {}", w);
  std::int64_t rest = 1;
  for (int i = 2; i < w.rank(); ++i) rest *= w[i];
  return {w[1] * rest, w[0] * rest};
}

double variance(Init init, const Shape& w) {
  const Fans f = fans(w);
  switch (init.fan) {
    case Fan::glorot: return 2.0 / static_cast<double>(f.in + f.out);  // (init.1)
    case Fan::he: return 2.0 / static_cast<double>(f.in);              // (init.2)
    case Fan::lecun: return 1.0 / static_cast<double>(f.in);           // (init.3)
  }
  __builtin_unreachable();
}

namespace {

// N(0, 1) between -2 and 2 has variance 1 - 4 φ(2) / (2 Φ(2) - 1) = 0.7737, so it is drawn wider by 1/√0.7737.
Tensor truncated_normal(const Shape& shape, double deviation, Random& stream, DType t) {
  constexpr double of_the_truncated = 0.87962566103423978;  // its deviation
  const double wider = deviation / of_the_truncated, bound = 2 * wider;
  Tensor w = stream.normal(shape, 0, wider, DType::f64);
  for (double& x : w.mutable_data<double>())
    while (!(std::abs(x) <= bound)) x = wider * stream.normal();  // one in 22
  return cast(w, t);
}

}  // namespace

Tensor initial_weight(Init init, const Shape& shape, Random& stream, DType t) {
  const double deviation = std::sqrt(variance(init, shape)), bound = std::sqrt(3.0) * deviation;  // U(-b, b) has variance b²/3
  switch (init.distribution) {
    case Distribution::normal: return stream.normal(shape, 0, deviation, t);
    case Distribution::uniform: return stream.uniform(shape, -bound, bound, t);
    case Distribution::truncated_normal: return truncated_normal(shape, deviation, stream, t);
  }
  __builtin_unreachable();
}

void initialize(Module& net, Init init, const Random& stream) {
  net.reset_buffers();
  for (Parameter* p : net.parameters()) {
    Random own = stream.derive(p->name());
    p->set(p->shape().rank() >= 2 ? initial_weight(init, p->shape(), own, p->leaf().dtype()) : full(p->shape(), p->initial(), p->leaf().dtype()));
  }
}

}  // namespace bonsai::nn
