// Tensor: a handle on a contiguous, row-major array and on its place in the graph of operations, if it has one.
//
// Copying a Tensor copies the handle. `reshape` and `detach` share the storage, everything else makes new tensors. Reading goes
// through data<T>(); writing through mutable_data<T>() or the kernels, which count the storage's version, so that a derivative
// that needs a value which has since been overwritten says so instead of computing nonsense.
//
// A tensor on a device is read and written in the same way: data<T>() waits until all that was queued there is done. So a program computes
// on a GPU without a change; what it reads in every step costs it time, and nothing else.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/memory.h"
#include "core/shape.h"

namespace bonsai {

enum class Device : std::uint8_t { cpu, cuda };
constexpr const char* name(Device d) { return d == Device::cpu ? "cpu" : "cuda"; }

// Where tensors lie that are made without a word about it: the CPU, until a program chooses otherwise (cuda/device.h).
Device default_device();
void set_default_device(Device d);

struct Node;        // core/autograd.h
struct TensorBody;  // what a handle points at
void retain(TensorBody*) noexcept;
void release(TensorBody*) noexcept;
struct View;        // core/backend.h

class Tensor {
 public:
  Tensor() = default;  // undefined: belongs to no array
  bool defined() const { return static_cast<bool>(body_); }

  const Shape& shape() const;
  std::int64_t size(int axis) const;  // negative axes count from the end
  int rank() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;

  template <class T>
  std::span<const T> data() const { return {static_cast<const T*>(raw(dtype_of<T>())), static_cast<std::size_t>(numel())}; }
  template <class T>
  std::span<T> mutable_data() { touch(); return {static_cast<T*>(raw(dtype_of<T>())), static_cast<std::size_t>(numel())}; }
  const void* bytes() const;      // for files
  void* mutable_bytes();
  std::size_t size_in_bytes() const { return numel() * size_of(dtype()); }
  double item() const;                    // the value of a one-element tensor
  double at(std::int64_t flat) const;     // one element by its row-major index, of any type
  template <class T>
  std::vector<T> to_vector() const { auto d = data<T>(); return {d.begin(), d.end()}; }

  // Autograd (core/autograd.h). A leaf made with requires_grad(true) starts a graph; results of operations on it carry a node.
  bool requires_grad() const;
  Tensor& requires_grad(bool on);
  const Node* node() const;       // the operation that made this tensor; null for leaves
  Tensor grad() const;            // what backward() has accumulated; undefined if nothing
  void clear_grad();
  Tensor detach() const;          // the same storage, outside the graph

  std::uint32_t version() const;  // how often the storage has been written since it was made
  void touch();                   // counts a write
  bool shares_storage(const Tensor& o) const;

  TensorBody* body() const { return body_.get(); }
  explicit Tensor(Ref<TensorBody> body) : body_(std::move(body)) {}

 private:
  void* raw(DType expected) const;
  Ref<TensorBody> body_;
};

using Tensors = PoolVector<Tensor>;

// ---- Making tensors
Tensor empty(const Shape& shape, DType t = DType::f32, Device d = default_device());  // uninitialised
Tensor full(const Shape& shape, double value, DType t = DType::f32, Device d = default_device());
inline Tensor zeros(const Shape& s, DType t = DType::f32, Device d = default_device()) { return full(s, 0, t, d); }
inline Tensor ones(const Shape& s, DType t = DType::f32, Device d = default_device()) { return full(s, 1, t, d); }
inline Tensor empty_like(const Tensor& x) { return empty(x.shape(), x.dtype(), x.device()); }
inline Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype(), x.device()); }
inline Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype(), x.device()); }
Tensor arange(std::int64_t n, DType t = DType::i64);  // 0, 1, ..., n-1
Tensor eye(std::int64_t n, DType t = DType::f64);

// x takes these bytes, as many as it has: on a device without waiting for what is queued there.
void upload(Tensor& x, const void* bytes);
Tensor to(const Tensor& x, Device d);  // the same values there, outside the graph; x itself if it lies there

template <class T>
Tensor tensor(std::span<const T> values, const Shape& shape) {
  require(static_cast<std::int64_t>(values.size()) == shape.numel(), "tensor: {} values for shape {}", values.size(), shape);
  Tensor out = empty(shape, dtype_of<T>());
  upload(out, values.data());
  return out;
}
template <class T>
Tensor tensor(std::initializer_list<T> values, const Shape& shape) { return tensor(std::span(values.begin(), values.size()), shape); }
template <class T>
Tensor tensor(std::initializer_list<T> values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }

// dst takes src's values (same shape; types may differ), in place and outside the graph.
void copy_into(Tensor& dst, const Tensor& src);
void fill(Tensor& dst, double value);
Tensor clone(const Tensor& x);  // a fresh copy outside the graph

// The tensor as text, at most a few rows of it: "f32 (2, 3)\n[[1, 2, 3],\n [4, 5, 6]]".
std::string str(const Tensor& x);

}  // namespace bonsai
