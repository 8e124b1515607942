#include "core/tensor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/backend.h"
#include "core/tensor_body.h"

namespace bonsai {
namespace {

template <class T>
T* pool_new() { return new (pool_allocate(sizeof(T))) T; }
template <class T>
void pool_delete(T* p) noexcept {
  p->~T();
  pool_release(p, sizeof(T));
}

Tensor make(Ref<Storage> storage, const Shape& shape, DType t) {
  TensorBody* body = pool_new<TensorBody>();
  body->dtype = t;
  body->shape = shape;
  body->storage = std::move(storage);
  return Tensor(Ref<TensorBody>(body));
}

const TensorBody& checked(const Tensor& x) {
  require(x.defined(), "tensor: this handle is undefined; give it a value first");
  return *x.body();
}

// The memory of a device can be read and written by the host too, when nothing is queued there that would do so.
void* on_host(const Storage& s) {
  if (s.device != Device::cpu) device_functions(s.device).wait();
  return s.data;
}

std::atomic<Device> device_by_default{Device::cpu};

}  // namespace

Device default_device() { return device_by_default.load(std::memory_order_relaxed); }
void set_default_device(Device d) {
  if (d != Device::cpu) device_functions(d);  // is it there?
  device_by_default = d;
}

void release(Storage* s) noexcept {
  if (s->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  (s->device == Device::cpu ? pool_release : device_functions(s->device).release)(s->data, s->bytes);
  pool_delete(s);
}

void retain(TensorBody* b) noexcept { b->refs.fetch_add(1, std::memory_order_relaxed); }

// Letting go of the last tensor of a long chain would recurse once a node; instead the outermost call works off a list. (The list is
// threaded through the bodies themselves: it needs no memory, and nothing of it has to outlive the thread's other objects.)
void release(TensorBody* body) noexcept {
  if (body->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  thread_local constinit TensorBody* pending = nullptr;
  thread_local constinit bool draining = false;
  body->next = std::exchange(pending, body);
  if (draining) return;
  draining = true;
  while (pending) {
    TensorBody* b = std::exchange(pending, pending->next);
    if (b->node) pool_delete(b->node);
    pool_delete(b);
  }
  draining = false;
}

const Shape& Tensor::shape() const { return checked(*this).shape; }
std::int64_t Tensor::size(int axis) const { return shape()[normalize_axis("size", axis, rank())]; }
DType Tensor::dtype() const { return checked(*this).dtype; }
Device Tensor::device() const { return checked(*this).storage->device; }
const void* Tensor::bytes() const { return on_host(*checked(*this).storage); }
void* Tensor::mutable_bytes() { touch(); return on_host(*body_->storage); }
std::uint32_t Tensor::version() const { return checked(*this).storage->version.load(std::memory_order_relaxed); }
void Tensor::touch() { checked(*this).storage->version.fetch_add(1, std::memory_order_relaxed); }
bool Tensor::shares_storage(const Tensor& o) const { return checked(*this).storage.get() == checked(o).storage.get(); }

void* Tensor::raw(DType expected) const {
  const TensorBody& b = checked(*this);
  require(b.dtype == expected, "tensor: holds {}, read as {}; cast it first", name(b.dtype), name(expected));
  return on_host(*b.storage);
}

double Tensor::at(std::int64_t flat) const {
  require(flat >= 0 && flat < numel(), "tensor: element {} of a tensor with {}", flat, numel());
  return dispatch(dtype(), [&]<class T>() { return static_cast<double>(data<T>()[flat]); });
}

double Tensor::item() const {
  require(numel() == 1, "item: needs one element, got shape {}; reduce it first, for instance with sum", shape());
  return at(0);
}

bool Tensor::requires_grad() const { return body_ && (body_->leaf_requires_grad || body_->node); }
Tensor& Tensor::requires_grad(bool on) {
  if (const Node* made_by = checked(*this).node) fail("requires_grad: this tensor is the result of \"{}\"; only a leaf can be marked", made_by->op);
  require(!on || is_floating(dtype()), "requires_grad: needs f32 or f64, got {}", name(dtype()));
  body_->leaf_requires_grad = on;
  return *this;
}
const Node* Tensor::node() const { return body_ ? body_->node : nullptr; }
Tensor Tensor::grad() const { return checked(*this).grad; }
void Tensor::clear_grad() { checked(*this); body_->grad = {}; }
Tensor Tensor::detach() const { return share_storage(*this, shape()); }

Tensor share_storage(const Tensor& x, const Shape& shape) { return make(checked(x).storage, shape, x.dtype()); }

Tensor empty(const Shape& shape, DType t, Device d) {
  Ref<Storage> s(pool_new<Storage>());
  std::int64_t bytes = size_of(t);  // shapes that were stretched or put together have not been checked yet
  bool fits = true;
  for (std::int64_t n : shape) fits = fits && n >= 0 && !__builtin_mul_overflow(bytes, n, &bytes);
  require(fits, "tensor: a {} tensor of shape {} cannot exist; it has a negative size or too many bytes", name(t), shape);
  bytes = std::max<std::int64_t>(bytes, 1);
  s->data = (d == Device::cpu ? pool_allocate : device_functions(d).allocate)(bytes);
  s->bytes = bytes;
  s->device = d;  // last: if there is no such device, nothing is given back to it
  return make(std::move(s), shape, t);
}

Tensor full(const Shape& shape, double value, DType t, Device d) {
  Tensor out = empty(shape, t, d);
  fill(out, value);
  return out;
}

void fill(Tensor& dst, double value) {
  kernels(dst).fill(view_for_writing(dst), value);
}

void copy_into(Tensor& dst, const Tensor& src) {
  require(dst.shape() == src.shape(), "copy_into: shapes {} and {} differ", dst.shape(), src.shape());
  kernels(dst, src).copy(view(src), view_for_writing(dst));
}

void upload(Tensor& x, const void* bytes) {
  x.touch();
  const Storage& s = *x.body()->storage;
  if (s.device == Device::cpu) std::memcpy(s.data, bytes, x.size_in_bytes());
  else device_functions(s.device).upload(s.data, bytes, x.size_in_bytes());
}

Tensor to(const Tensor& x, Device d) {
  if (x.device() == d) return x.detach();
  Tensor out = empty(x.shape(), x.dtype(), d);
  upload(out, x.bytes());
  return out;
}

Tensor clone(const Tensor& x) {
  Tensor out = empty_like(x);
  copy_into(out, x);
  return out;
}

Tensor arange(std::int64_t n, DType t) {
  Tensor out = empty({n}, t);
  dispatch(t, [&]<class T>() {
    auto d = out.mutable_data<T>();
    for (std::int64_t i = 0; i < n; ++i) d[i] = static_cast<T>(i);
  });
  return out;
}

Tensor eye(std::int64_t n, DType t) {
  Tensor out = zeros({n, n}, t);
  dispatch(t, [&]<class T>() {
    auto d = out.mutable_data<T>();
    for (std::int64_t i = 0; i < n; ++i) d[i * n + i] = T(1);
  });
  return out;
}

std::string str(const Tensor& x) {
  if (!x.defined()) return "undefined";
  constexpr std::int64_t most = 8;  // entries shown along an axis
  std::string out = fmt::format("{} {}\n", name(x.dtype()), x.shape());
  const Shape strides = contiguous_strides(x.shape());
  auto write = [&](auto&& self, int axis, std::int64_t offset) -> void {
    if (axis == x.rank()) {
      out += fmt::format("{:.6g}", x.at(offset));
      return;
    }
    out += '[';
    const std::int64_t n = x.shape()[axis];
    for (std::int64_t i = 0; i < n; ++i) {
      if (i > 0) out += axis + 1 == x.rank() ? ", " : ",\n" + std::string(axis + 1, ' ');
      if (i == most && n > most + 1) {
        out += fmt::format("... {} more", n - most);
        break;
      }
      self(self, axis + 1, offset + i * strides[axis]);
    }
    out += ']';
  };
  write(write, 0, 0);
  return out;
}

}  // namespace bonsai
