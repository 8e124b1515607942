// The table of kernels: everything a backend must be able to do, as plain functions of strided views. No autograd in here.
//
// `reference` fills the table with the plainest loops (read it first; it is the oracle of every test), `cpu` with fast ones.
// A kernel that a backend lacks throws by name: nothing falls back in silence. Threads, workspace and streams belong to the
// calling thread (core/parallel.h, core/memory.h), so a kernel's arguments are its mathematics and nothing else.
#pragma once
#include "core/scalar_math.h"
#include "core/tensor.h"
#include "core/window.h"

namespace bonsai {

// An array as a kernel sees it. Strides are in elements; a stride of 0 repeats an axis without copying (broadcasting).
struct View {
  void* data = nullptr;  // null: an optional operand that was not given
  DType dtype = DType::f32;
  Shape shape;
  Shape strides;
  template <class T>
  T* as() const { return static_cast<T*>(data); }
};

View view(const Tensor& x);                           // to read
View view_for_writing(Tensor& x);                     // to write: counts a version
View broadcast_view(View v, const Shape& shape);      // v stretched to `shape` (NumPy's rule; the caller has checked the fit)
View transposed(View v);                              // the last two axes swapped
View permuted(View v, std::span<const int> axes);

// A sparse matrix's pattern as a kernel sees it, by rows or, transposed, by columns: entries begin[r] .. begin[r + 1] - 1 of row r lie in
// columns index[k], and entry k's value is number value(k) of the values.
struct SparseView {
  std::int64_t rows, columns;
  const std::int32_t *begin, *index, *from;  // from null: the values are in this order
  std::int64_t value(std::int64_t k) const { return from ? from[k] : k; }
};

// One that keeps two of every four columns: their positions, 2 bits each (core/sparse24/positions.h).
struct Sparse24View {
  std::int64_t rows, columns;
  const std::uint8_t* positions;
};

template <class... Args>
struct Kernel {
  const char* name;
  void (*run)(Args...) = nullptr;
  const char* backend = "?";
  void operator()(Args... args) const {
    require(run != nullptr, "the {} backend has no kernel \"{}\"", backend, name);
    run(args...);
  }
};

struct AdamConstants {
  double beta1, beta2, epsilon, weight_decay;
  bool decoupled;  // AdamW: decay the weight itself instead of adding it to the gradient
};
struct SgdConstants {
  double momentum, weight_decay;
  bool nesterov;
};

struct Backend {
  const char* name;

  // -- moving and filling
  Kernel<View, double> fill{"fill"};       // (out, value)
  Kernel<View, View> copy{"copy"};         // (in, out): any strides on both sides, converts types; casts, permutes, slices, stretches

  // -- one element at a time; inputs are already stretched to out's shape
  Kernel<Unary, View, View> unary{"unary"};              // (op, in, out)
  Kernel<Binary, View, View, View> binary{"binary"};     // (op, a, b, out)
  Kernel<Compare, View, View, View> compare{"compare"};  // (op, a, b, out u8)
  Kernel<View, View, View, View> where{"where"};         // (condition u8, a, b, out): a where condition, else b

  // -- reductions; out has size 1 on the axes that are reduced. One fixed order of summation, whatever the threads.
  Kernel<View, View> sum{"sum"};           // (in, out)
  Kernel<View, View> max{"max"};           // (in, out); NaN wins
  Kernel<View, View> argmax{"argmax"};     // (in, out i64): over the last axis; ties to the lowest index

  // -- products
  Kernel<View, View, View> matmul{"matmul"};        // (a (..., m, k), b (..., k, n), out (..., m, n)); transposes come as strides
  Kernel<View, View, View, View> linear{"linear"};  // (x (n, in), w (out, in), bias (out) or null, y (n, out)): y = x wᵀ + bias

  // -- sparse products (core/sparse.h)
  Kernel<SparseView, View, View, View, View> sparse_matmul{"sparse_matmul"};  // (s, values, x (columns, n), bias (rows) or null, y (rows, n)): y = S x + bias
  Kernel<SparseView, View, View, View> sampled_matmul{"sampled_matmul"};      // (s by rows, y (rows, n), x (columns, n), values): v_k = Σ_j y_rj x_cj
  //    and for a pattern that keeps two of every four columns
  Kernel<Sparse24View, View, View, View, View> matmul_24{"matmul_24"};                   // (s, values, x (columns, n), bias (rows) or null, y (rows, n))
  Kernel<Sparse24View, View, View, View> matmul_24_transposed{"matmul_24_transposed"};   // (s, values, y (rows, n), x (columns, n)): x = Sᵀ y
  Kernel<Sparse24View, View, View, View> sampled_matmul_24{"sampled_matmul_24"};         // (s, y (rows, n), x (columns, n), values): v_k = Σ_j y_rj x_cj

  // -- pictures, (n, channels, height, width)
  Kernel<Window, View, View, View, View> conv2d{"conv2d"};  // (window, x, w (out, in / groups, kh, kw), bias (out) or null, y)
  Kernel<Window, View, View, View> conv2d_input_gradient{"conv2d_input_gradient"};    // (window, dy, w, dx)
  Kernel<Window, View, View, View> conv2d_weight_gradient{"conv2d_weight_gradient"};  // (window, x, dy, dw)
  Kernel<Pool, View, View, View> max_pool2d{"max_pool2d"};        // (pool, x, y, taps u8 as y): which of the size² pixels, row by row; ties to the first
  Kernel<Pool, View, View, View> pool_gather{"pool_gather"};      // (pool, x, taps, y): y = x at the tap
  Kernel<Pool, View, View, View> pool_scatter{"pool_scatter"};    // (pool, y, taps, x): x = 0, then x at the tap += y
  Kernel<Pool, View, View> average_pool2d{"average_pool2d"};      // (pool, x, y): y = Σ x / size²
  Kernel<Pool, View, View> average_pool2d_transposed{"average_pool2d_transposed"};  // (pool, y, x): x = Σ y / size² over the windows that x is in

  // -- normalisation. Statistics are (2, groups) f64: the mean, and the mean squared distance from it.
  //    batch: a group is a channel of x (n, channels, ...). y = γ (x - mean) / √(variance + ε) + β + shortcut, of which ReLU if so wished.
  Kernel<Normalized, View, View, View, View, View, View> batch_norm{"batch_norm"};  // (how, x, γ, β, shortcut as x or null, y, statistics)
  Kernel<Normalized, View, View, View, View, View, View, View, View, View> batch_norm_gradient{
      "batch_norm_gradient"};  // (how, x, γ, statistics, y, dy, dx, dγ, dβ, dshortcut or null)
  //    layer: a group is a row of x (rows, features). y = γ (x - mean) / √(variance + ε) + β
  Kernel<double, View, View, View, View, View> layer_norm{"layer_norm"};  // (ε, x, γ (features), β (features), y, statistics)
  Kernel<double, View, View, View, View, View, View, View> layer_norm_gradient{"layer_norm_gradient"};  // (ε, x, γ, statistics, dy, dx, dγ, dβ)

  // -- sparse convolutions: w's shape (out, in / groups, kh, kw), its pattern being of (out, in / groups kh kw)
  Kernel<SparseView, Window, Shape, View, View, View, View> sparse_conv2d{"sparse_conv2d"};  // (s by rows, window, w, values, x, bias (out) or null, y)
  Kernel<SparseView, Window, Shape, View, View, View> sparse_conv2d_input_gradient{"sparse_conv2d_input_gradient"};    // (s by columns, window, w, values, dy, dx)
  Kernel<SparseView, Window, Shape, View, View, View> sparse_conv2d_weight_gradient{"sparse_conv2d_weight_gradient"};  // (s by rows, window, w, x, dy, values)

  // -- indexing; indices are i64 and checked against the axis
  Kernel<View, View, int, View> index_select{"index_select"};  // (in, indices (k), axis, out): out[.., i, ..] = in[.., indices[i], ..]
  Kernel<View, View, int, View> index_add{"index_add"};        // (in, indices (k), axis, out): out[.., indices[i], ..] += in[.., i, ..]
  Kernel<View, View, View> gather{"gather"};            // (in (n, c), indices (n, k), out (n, k)): out[i, j] = in[i, indices[i, j]]
  Kernel<View, View, View> scatter_add{"scatter_add"};  // (in (n, k), indices (n, k), out (n, c)): out[i, indices[i, j]] += in[i, j]

  // -- pictures: bytes (n, channels, plane) u8, numbers (k) i64, scale (channels, 3) f32: high, low, shift, out (k, channels, plane) f32
  Kernel<View, View, View, View> pixels{"pixels"};  // out[i, c, j] = x high_c + (x low_c + shift_c), with x = bytes[numbers[i], c, j]

  Kernel<Cropping, View, View, View> crop{"crop"};  // (how, pictures (n, channels, height, width) u8, numbers (k) i64, out (k, channels, height, width) u8)

  // -- rows: softmax and friends over the last axis, shifted by the row's maximum
  Kernel<View, View> softmax{"softmax"};                                   // (x, y)
  Kernel<View, View, View> softmax_gradient{"softmax_gradient"};           // (y, dy, dx): dx = y (dy - sum(dy y))
  Kernel<View, View> log_softmax{"log_softmax"};                           // (x, y)
  Kernel<View, View, View> log_softmax_gradient{"log_softmax_gradient"};   // (y, dy, dx): dx = dy - exp(y) sum(dy)
  Kernel<View, View, View> cross_entropy{"cross_entropy"};                 // (x (n, c), labels (n), loss (n)): -log softmax(x)[label]
  Kernel<View, View, View, View> cross_entropy_gradient{"cross_entropy_gradient"};  // (x, labels, dloss (n), dx)

  // -- random numbers: element i of out depends on the key and counter + i alone (core/random.h)
  Kernel<std::uint64_t, std::uint64_t, View> uniform{"uniform"};  // (key, counter, out): [0, 1)
  Kernel<std::uint64_t, std::uint64_t, View> normal{"normal"};    // (key, counter, out): mean 0, variance 1

  // -- optimizers, fused; mask (u8) may be null. A masked entry keeps weight 0 and state 0. Rate and step count are one-element
  //    tensors (f64 and i64), since they change from step to step.
  Kernel<SgdConstants, View, View, View, View, View> sgd{"sgd"};  // (c, w, g, velocity or null, mask, rate)
  Kernel<AdamConstants, View, View, View, View, View, View, View> adam{"adam"};  // (c, w, g, m, v, mask, rate, step: 1, 2, ...)

  void set_name(const char* backend);  // tells every kernel whose it is
};

const Backend& reference_backend();
const Backend& cpu_backend();

// The backend for these tensors; throws if they lie on different devices.
const Backend& kernels(const Tensor& a);
const Backend& kernels(const Tensor& a, const Tensor& b);
const Backend& kernels(Device d);

// Which table serves the CPU in this thread: `cpu` unless a scope like this one says otherwise.
class UseBackend {
 public:
  explicit UseBackend(const Backend& b);
  ~UseBackend();
  UseBackend(const UseBackend&) = delete;

 private:
  const Backend* previous_;
};

// A device brings its kernels, its memory, and one queue: what is queued later is done later. So memory that was released may be given out again at once, and the host may
// read and write it after wait().
struct DeviceFunctions {
  void* (*allocate)(std::size_t bytes) = nullptr;
  void (*release)(void*, std::size_t) noexcept = nullptr;
  void (*wait)() = nullptr;                                                // until all that was queued is done; throws what went wrong there
  void (*upload)(void* to, const void* from, std::size_t bytes) = nullptr; // queued; `from` is free when it returns
  // What is queued between the first two is not done but kept, and done each time it is played (core/recording.h).
  void (*begin_recording)() = nullptr;
  void* (*end_recording)() = nullptr;
  void (*abandon_recording)() = nullptr;
  void (*play)(void* recording) = nullptr;
  // Between these two, blocks come from the recording's own memory, which nobody else is given while it exists.
  void* (*new_arena)() = nullptr;
  void (*use_arena)(void* arena) = nullptr;  // null: the common one again
  void (*end_arena)(void* arena, void* recording) noexcept = nullptr;
};
void register_device(Device d, const Backend& b, DeviceFunctions f);
const DeviceFunctions& device_functions(Device d);

// c = a b by the CPU's kernel, wherever they lie: for algorithms that run on the host.
void matmul_on_host(const View& a, const View& b, Tensor& c);

}  // namespace bonsai
