// The operations. Each is one paragraph in core/ops/: formula, shapes, forward, derivative. All are differentiable as often as
// wanted unless a comment says otherwise. Shapes are written (batch, in); types of two operands must agree.
#pragma once
#include "core/autograd.h"
#include "core/tensor.h"

namespace bonsai {

// ---- One element at a time (core/ops/elementwise.cpp)
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);         // derivative sign(x): 0 at 0
Tensor sign(const Tensor& x);        // derivative 0
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);     // 1 / (1 + e^-x)
Tensor relu(const Tensor& x);        // derivative 0 at 0
Tensor softplus(const Tensor& x);    // log(1 + e^x)
Tensor erf(const Tensor& x);
Tensor gelu(const Tensor& x);        // x/2 (1 + erf(x/√2)), the exact form
Tensor reciprocal(const Tensor& x);

// Two operands stretch to a common shape where a size is 1 (NumPy's rule).
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Tensor& b);      // 0^0 = 1, with derivative 0 for the base
Tensor pow(const Tensor& a, double b);
Tensor maximum(const Tensor& a, const Tensor& b);  // where equal, each side gets half the gradient
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor gate(const Tensor& a, const Tensor& b);     // a where b > 0, else 0
Tensor clamp(const Tensor& x, double low, double high);  // gradient 1 inside and on the bounds, 0 outside
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  // condition u8

// Comparisons give u8 (0 or 1) and have no derivative.
Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
inline Tensor greater(const Tensor& a, const Tensor& b) { return less(b, a); }
inline Tensor greater_equal(const Tensor& a, const Tensor& b) { return less_equal(b, a); }

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor number(double v, const Tensor& like);  // a scalar of like's type, which must be able to hold it
inline Tensor operator+(const Tensor& a, double b) { return add(a, number(b, a)); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, number(b, a)); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, number(b, a)); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, number(b, a)); }
inline Tensor operator+(double a, const Tensor& b) { return add(number(a, b), b); }
inline Tensor operator-(double a, const Tensor& b) { return sub(number(a, b), b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(number(a, b), b); }
inline Tensor operator/(double a, const Tensor& b) { return div(number(a, b), b); }

// ---- Reductions (core/ops/reduction.cpp). Negative axes count from the end; keep leaves the reduced axes in place with size 1.
Tensor sum(const Tensor& x);                                         // of u8 the sum is i64
Tensor sum(const Tensor& x, const AxisList& axes, bool keep = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, const AxisList& axes, bool keep = false);
Tensor max(const Tensor& x);
Tensor max(const Tensor& x, const AxisList& axes, bool keep = false);  // ties share the gradient evenly
Tensor min(const Tensor& x);
Tensor min(const Tensor& x, const AxisList& axes, bool keep = false);
Tensor argmax(const Tensor& x, int axis = -1);                      // i64; the lowest index among ties; no derivative
Tensor sum_to(const Tensor& x, const Shape& shape);                 // undoes a stretch: sums x down to `shape`

// ---- Shape and place (core/ops/shape.cpp)
Tensor reshape(const Tensor& x, const Shape& shape);                 // shares storage
Tensor flatten(const Tensor& x);                                     // (n, ...) -> (n, rest)
Tensor permute(const Tensor& x, const AxisList& axes);                  // out's axis i is x's axis axes[i]
Tensor transpose(const Tensor& x, int a = -2, int b = -1);
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end);
Tensor embed(const Tensor& x, int axis, std::int64_t begin, std::int64_t size);  // slice's transpose: x inside zeros
Tensor concat(const Tensors& xs, int axis);
Tensor cast(const Tensor& x, DType t);                               // differentiable between f32 and f64

// ---- Indexing (core/ops/index.cpp). Indices are i64 and have no derivative.
Tensor index_select(const Tensor& x, const Tensor& indices, int axis = 0);  // indices (k): rows, columns, ... of x by number
Tensor index_add(const Tensor& x, const Tensor& indices, int axis, std::int64_t size);  // its transpose: zeros plus x's slices
Tensor gather(const Tensor& x, const Tensor& indices);                      // x (n, c), indices (n, k): out[i, j] = x[i, indices[i, j]]
Tensor scatter_add(const Tensor& x, const Tensor& indices, std::int64_t columns);  // its transpose, (n, k) -> (n, columns)
Tensor one_hot(const Tensor& labels, std::int64_t classes, DType t);        // (n) -> (n, classes)

// ---- Products (core/ops/matmul.cpp)
Tensor matmul(const Tensor& a, const Tensor& b, Sides t = {});       // (..., m, k) (..., k, n); leading axes stretch
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});  // x (n, in), weight (out, in), bias (out): x wᵀ + b

// ---- Pictures (core/ops/convolution.cpp, core/ops/pooling.cpp): (n, channels, height, width)
// x (n, in, h, w), weight (out, in / groups, kh, kw), bias (out) -> (n, out, h', w'), with h' = positions(h, kh, ...) of core/window.h.
// The kernel is not flipped (a cross-correlation, as everywhere in deep learning).
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Window& w = {});
Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& weight, const Window& w, std::int64_t height, std::int64_t width);  // -> (n, in, height, width)
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& dy, const Window& w, std::int64_t height, std::int64_t width);  // -> (out, in / groups, height, width)
Tensor max_pool2d(const Tensor& x, const Pool& p = {});      // among equals the first, row by row, has the gradient
Tensor average_pool2d(const Tensor& x, const Pool& p = {});  // divides by size² at the borders too
Tensor global_average_pool(const Tensor& x);                 // (n, c, h, w) -> (n, c)

// ---- Normalisation (core/ops/normalization.cpp)
// Over the examples and pixels of each channel of x (n, channels, ...): y = γ (x - mean) / √(variance + ε) + β, then + shortcut (shaped as x)
// where there is one, then ReLU if so wished; γ and β (channels). (Ioffe and Szegedy, ICML 2015.)
struct BatchNormalized {
  Tensor y;
  Tensor statistics;  // (2, channels) f64, outside the graph: the mean, and the mean squared distance from it
};
BatchNormalized batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon, bool relu = false, const Tensor& shortcut = {});
// Over the last axis of x (..., features): y = γ (x - mean) / √(variance + ε) + β; γ and β (features). (Ba, Kiros and Hinton, 2016.)
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon);

// ---- Rows and losses (core/ops/softmax.cpp). Over the last axis.
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);
Tensor cross_entropy_each(const Tensor& logits, const Tensor& labels);  // (n, c), (n) i64 -> (n): -log softmax(logits)[label]
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);       // their mean
Tensor mse(const Tensor& prediction, const Tensor& target);             // the mean squared difference

}  // namespace bonsai
