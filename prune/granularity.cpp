#include "prune/granularity.h"

namespace bonsai::prune {
namespace {

// To which group an entry belongs, by its index.
class Places {
 public:
  Places(const Grouping& g, const Shape& shape) : g_(g), rank_(shape.rank()), numel_(shape.numel()) {
    if (g.kind == Granularity::weight) return;
    require(rank_ >= 2, "granularity {}: needs a weight of two axes or more, got {}", name(g.kind), shape);
    rows_ = shape[0], inner_ = rows_ == 0 ? 1 : numel_ / rows_, second_ = shape[1], deep_ = second_ == 0 ? 1 : inner_ / second_;
    require(g.height >= 1 && g.width >= 1, "granularity {}: {} x {} is no size", name(g.kind), g.height, g.width);
    if (g.kind == Granularity::head) require(rows_ % g.height == 0, "granularity head: {} rows a head do not divide the {} rows of {}", g.height, rows_, shape);
    across_ = (inner_ + g.width - 1) / g.width;
  }
  std::int64_t count() const {
    switch (g_.kind) {
      case Granularity::weight: return numel_;
      case Granularity::filter: return rows_;
      case Granularity::input_channel: return second_;
      case Granularity::head: return rows_ / g_.height;
      default: return (rows_ + g_.height - 1) / g_.height * across_;
    }
  }
  std::int64_t operator()(std::int64_t i) const {
    switch (g_.kind) {
      case Granularity::weight: return i;
      case Granularity::filter: return i / inner_;
      case Granularity::input_channel: return i / deep_ % second_;
      case Granularity::head: return i / inner_ / g_.height;
      default: return i / inner_ / g_.height * across_ + i % inner_ / g_.width;
    }
  }

 private:
  Grouping g_;
  int rank_;
  std::int64_t numel_, rows_ = 0, inner_ = 1, second_ = 1, deep_ = 1, across_ = 1;
};

}  // namespace

const char* name(Granularity g) {
  constexpr const char* names[] = {"weight", "filter", "input channel", "head", "block"};
  return names[static_cast<int>(g)];
}

std::int64_t groups(const Grouping& g, const Shape& shape) { return Places(g, shape).count(); }

Tensor pooled(const Grouping& g, const Tensor& scores) {
  const Places group(g, scores.shape());
  Tensor sums = zeros({group.count()}, DType::f64);
  dispatch_floating("granularity", scores.dtype(), [&]<class T>() {
    const auto s = scores.data<T>();
    double* to = sums.mutable_data<double>().data();
    for (std::int64_t i = 0; i < scores.numel(); ++i) to[group(i)] += static_cast<double>(s[i]);  // (gran.1)
  });
  return sums;
}

Tensor alive_groups(const Grouping& g, const Tensor& mask) {
  const Places group(g, mask.shape());
  Tensor alive = zeros({group.count()}, DType::u8);
  const auto m = mask.data<std::uint8_t>();
  std::uint8_t* to = alive.mutable_data<std::uint8_t>().data();
  for (std::int64_t i = 0; i < mask.numel(); ++i) to[group(i)] |= m[i];
  return alive;
}

Tensor spread(const Grouping& g, const Tensor& kept, const Shape& shape) {
  const Places group(g, shape);
  require(kept.dtype() == DType::u8 && kept.shape() == Shape{group.count()}, "granularity {}: a mask {} {} does not fit the {} groups of {}", name(g.kind), name(kept.dtype()),
          kept.shape(), group.count(), shape);
  Tensor mask = empty(shape, DType::u8);
  std::uint8_t* to = mask.mutable_data<std::uint8_t>().data();
  for (std::int64_t i = 0; i < mask.numel(); ++i) to[i] = kept.data<std::uint8_t>()[group(i)];
  return mask;
}

}  // namespace bonsai::prune
