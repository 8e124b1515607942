// Convolutions in thin groups (depthwise and the like), an element of the result a thread: with a channel or two a group there is nothing that neighbours could share but
// the kernel. The weight's gradient is a thread's sum over all pixels, slow where there are many.
#include "cuda/backend/convolution.h"
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

template <class T>
void convolved(ConvolutionSizes z, const T* x, const T* w, const T* bias, T* y, std::int64_t count) {
  each("conv2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t q = at % z.q, p = at / z.q % z.p, o = at / z.q / z.p % z.o, n = at / z.q / z.p / z.o;
    const T* picture = x + (n * z.c + o / (z.o / z.v.groups) * z.inputs) * z.h * z.w;
    const T* kernel = w + o * z.inputs * z.kh * z.kw;
    double total = bias ? static_cast<double>(bias[o]) : 0;
    for (std::int64_t c = 0; c < z.inputs; ++c)
      for (std::int64_t i = 0; i < z.kh; ++i)
        for (std::int64_t j = 0; j < z.kw; ++j) {
          const std::int64_t row = p * z.v.stride - z.v.padding + i * z.v.dilation, column = q * z.v.stride - z.v.padding + j * z.v.dilation;
          if (row >= 0 && row < z.h && column >= 0 && column < z.w)
            total += static_cast<double>(picture[(c * z.h + row) * z.w + column]) * static_cast<double>(kernel[(c * z.kh + i) * z.kw + j]);
        }
    y[at] = static_cast<T>(total);
  });
}

template <class T>
void input_gradient(ConvolutionSizes z, const T* dy, const T* w, T* dx, std::int64_t count) {
  each("conv2d_input_gradient", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t column = at % z.w, row = at / z.w % z.h, channel = at / z.w / z.h % z.c, n = at / z.w / z.h / z.c;
    const std::int64_t outputs = z.o / z.v.groups, first = channel / z.inputs * outputs, c = channel % z.inputs;
    double total = 0;
    for (std::int64_t i = 0; i < z.kh; ++i)
      for (std::int64_t j = 0; j < z.kw; ++j) {
        const std::int64_t y = row + z.v.padding - i * z.v.dilation, x = column + z.v.padding - j * z.v.dilation;
        if (y < 0 || x < 0 || y % z.v.stride != 0 || x % z.v.stride != 0 || y / z.v.stride >= z.p || x / z.v.stride >= z.q) continue;
        for (std::int64_t o = first; o < first + outputs; ++o)
          total += static_cast<double>(w[((o * z.inputs + c) * z.kh + i) * z.kw + j]) * static_cast<double>(dy[((n * z.o + o) * z.p + y / z.v.stride) * z.q + x / z.v.stride]);
      }
    dx[at] = static_cast<T>(total);
  });
}

template <class T>
void weight_gradient(ConvolutionSizes z, const T* x, const T* dy, T* dw, std::int64_t batch, std::int64_t count) {
  each("conv2d_weight_gradient", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t j = at % z.kw, i = at / z.kw % z.kh, c = at / z.kw / z.kh % z.inputs, o = at / z.kw / z.kh / z.inputs;
    double total = 0;
    for (std::int64_t n = 0; n < batch; ++n) {
      const T* picture = x + (n * z.c + o / (z.o / z.v.groups) * z.inputs + c) * z.h * z.w;
      const T* gradient = dy + (n * z.o + o) * z.p * z.q;
      for (std::int64_t p = 0; p < z.p; ++p)
        for (std::int64_t q = 0; q < z.q; ++q) {
          const std::int64_t row = p * z.v.stride - z.v.padding + i * z.v.dilation, column = q * z.v.stride - z.v.padding + j * z.v.dilation;
          if (row >= 0 && row < z.h && column >= 0 && column < z.w) total += static_cast<double>(picture[row * z.w + column]) * static_cast<double>(gradient[p * z.q + q]);
        }
    }
    dw[at] = static_cast<T>(total);
  });
}

}  // namespace

void direct_conv2d(Window v, View x, View w, View bias, View y) {
  dispatch_floating("conv2d", x.dtype, [&]<class T>() { convolved(sizes(v, x.shape, w.shape, y.shape), x.as<T>(), w.as<T>(), bias.as<T>(), y.as<T>(), y.shape.numel()); });
}
void direct_conv2d_input_gradient(Window v, View dy, View w, View dx) {
  dispatch_floating("conv2d_input_gradient", dy.dtype,
                    [&]<class T>() { input_gradient(sizes(v, dx.shape, w.shape, dy.shape), dy.as<T>(), w.as<T>(), dx.as<T>(), dx.shape.numel()); });
}
void direct_conv2d_weight_gradient(Window v, View x, View dy, View dw) {
  dispatch_floating("conv2d_weight_gradient", x.dtype,
                    [&]<class T>() { weight_gradient(sizes(v, x.shape, dw.shape, dy.shape), x.as<T>(), dy.as<T>(), dw.as<T>(), x.shape[0], dw.shape.numel()); });
}

}  // namespace bonsai::cuda
