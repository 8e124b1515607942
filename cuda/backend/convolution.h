// The sizes that a convolution's kernels go by, as plain numbers.
#pragma once
#include "core/backend.h"

namespace bonsai::cuda {

struct ConvolutionSizes {
  std::int64_t c, h, w, inputs, kh, kw, o, p, q;  // x (n, c, h, w), weight (o, inputs, kh, kw), y (n, o, p, q)
  Window v;
  // Of the pixel of x that output `out` at (row, column) meets with entry `tap` of its weight's row; -1: none.
  BONSAI_HOST_DEVICE std::int64_t pixel(std::int64_t out, std::int64_t row, std::int64_t column, std::int64_t tap) const {
    const std::int64_t i = tap / kw % kh, j = tap % kw, channel = out / (o / v.groups) * inputs + tap / kw / kh;
    const std::int64_t y = row * v.stride - v.padding + i * v.dilation, x = column * v.stride - v.padding + j * v.dilation;
    return y < 0 || y >= h || x < 0 || x >= w ? -1 : (channel * h + y) * w + x;
  }
};
inline ConvolutionSizes sizes(const Window& v, const Shape& x, const Shape& w, const Shape& y) { return {x[1], x[2], x[3], w[1], w[2], w[3], y[1], y[2], y[3], v}; }

// For groups of under four channels (direct_convolution.cu); with the table's arguments.
void direct_conv2d(Window v, View x, View w, View bias, View y);
void direct_conv2d_input_gradient(Window v, View dy, View w, View dx);
void direct_conv2d_weight_gradient(Window v, View x, View dy, View dw);

}  // namespace bonsai::cuda
