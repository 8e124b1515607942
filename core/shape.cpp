#include "core/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace bonsai {

Shape::Shape(std::span<const std::int64_t> sizes) {
  // The product is checked here, once, so that numel() and byte counts never overflow afterwards.
  std::int64_t n = 1;
  for (std::int64_t s : sizes) {
    require(s >= 0, "shape: a size cannot be negative, got {}", s);
    require(s == 0 || n <= std::numeric_limits<std::int64_t>::max() / 16 / s, "shape: too many elements");
    n *= std::max<std::int64_t>(s, 1);
    push_back(s);
  }
}

void Shape::push_back(std::int64_t size) {
  require(rank_ < max_rank, "shape: at most {} axes", int{max_rank});
  sizes_[rank_++] = size;
}

std::string str(const Shape& s) { return fmt::format("({})", fmt::join(s.begin(), s.end(), ", ")); }

int normalize_axis(const char* op, int axis, int rank) {
  require(axis >= -rank && axis < rank, "{}: axis {} is out of range for {} axes", op, axis, rank);
  return axis < 0 ? axis + rank : axis;
}

AxisList::AxisList(std::span<const std::int64_t> axes) {
  require(axes.size() <= axes_.size(), "axes: at most {}, got {}", int{Shape::max_rank}, axes.size());
  for (std::int64_t a : axes) axes_[count_++] = a;
}

Shape AxisList::resolved(const char* op, int rank) const {
  Shape out;
  for (int i = 0; i < count_; ++i) {
    require(axes_[i] >= -rank && axes_[i] < rank, "{}: axis {} is out of range for {} axes", op, axes_[i], rank);
    out.push_back(axes_[i] < 0 ? axes_[i] + rank : axes_[i]);
  }
  return out;
}

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int shift = longer.rank() - shorter.rank();
  Shape out = longer;
  for (int i = 0; i < shorter.rank(); ++i) {
    const std::int64_t p = longer[i + shift], q = shorter[i];
    require(p == q || p == 1 || q == 1, "{}: shapes {} and {} do not fit: axis {} is {} and {}; sizes must be equal or 1", op,
            a, b, i + shift, p, q);
    out[i + shift] = p == 1 ? q : p;
  }
  return out;
}

Shape contiguous_strides(const Shape& s) {
  Shape strides = s;
  std::int64_t step = 1;
  for (int i = s.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= s[i];
  }
  return strides;
}

}  // namespace bonsai
