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

Tensor initial_weight(Init init, const Shape& shape, Random& stream, DType t) {
  const double deviation = std::sqrt(variance(init, shape)), bound = std::sqrt(3.0) * deviation;  // U(-b, b) has variance b²/3
  return init.distribution == Distribution::normal ? stream.normal(shape, 0, deviation, t) : stream.uniform(shape, -bound, bound, t);
}

void initialize(Module& net, Init init, const Random& stream) {
  for (Parameter* p : net.parameters()) {
    Random own = stream.derive(p->name());
    p->set(p->shape().rank() >= 2 ? initial_weight(init, p->shape(), own, p->leaf().dtype()) : zeros_like(p->leaf()));
  }
}

}  // namespace bonsai::nn
