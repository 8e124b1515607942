// Shape: the sizes of a tensor's axes, outermost first, at most eight, kept inline so that no tensor allocates for its shape.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/error.h"

namespace bonsai {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;  // a scalar: rank 0, one element
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return sizes_[axis]; }
  std::int64_t& operator[](int axis) { return sizes_[axis]; }
  std::int64_t numel() const {  // the number of elements
    std::int64_t n = 1;
    for (std::int64_t s : *this) n *= s;
    return n;
  }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  void push_back(std::int64_t size);

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

std::string str(const Shape& s);  // "(60, 784)", "()" for a scalar

// Axes as a caller writes them, {0, -1}: negative ones count from the end. (A Shape cannot hold those: no size is negative.)
class AxisList {
 public:
  AxisList(std::initializer_list<std::int64_t> axes) : AxisList(std::span(axes.begin(), axes.size())) {}
  AxisList(const Shape& axes) : AxisList(std::span(axes.begin(), axes.rank())) {}
  explicit AxisList(std::span<const std::int64_t> axes);
  Shape resolved(const char* op, int rank) const;  // counted from the front; throws, naming `op`, when one is not of `rank` axes

 private:
  std::array<std::int64_t, Shape::max_rank> axes_{};
  int count_ = 0;
};

// Negative axes count from the end. Throws, naming `op`, when the axis is not one of `rank`.
int normalize_axis(const char* op, int axis, int rank);

// The common shape of a and b when size-1 axes stretch, aligned at the last axis (NumPy's rule). Throws when they do not fit.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

// The steps, in elements, between neighbours along each axis of a contiguous tensor.
Shape contiguous_strides(const Shape& s);

}  // namespace bonsai

template <>
struct fmt::formatter<bonsai::Shape> {
  constexpr auto parse(format_parse_context& c) { return c.begin(); }
  template <class Context>
  auto format(const bonsai::Shape& s, Context& c) const {
    auto out = c.out();
    for (char letter : bonsai::str(s)) *out++ = letter;
    return out;
  }
};
