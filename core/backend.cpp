#include "core/backend.h"

#include <array>

#include "core/tensor_body.h"

namespace bonsai {
namespace {

struct Registered {
  const Backend* backend = nullptr;
  DeviceFunctions functions;
};
std::array<Registered, 2>& registry() {
  static std::array<Registered, 2> r{};
  return r;
}
thread_local const Backend* cpu_override = nullptr;

const Registered& registered(Device d) {
  const Registered& r = registry()[static_cast<int>(d)];
  require(r.backend != nullptr, "device \"{}\": this program was started without it", name(d));
  return r;
}

}  // namespace

void Backend::set_name(const char* backend) {
  auto tell = [&](auto&... kernel) { ((kernel.backend = backend), ...); };
  name = backend;
  tell(fill, copy, unary, binary, compare, where, sum, max, argmax, matmul, linear, sparse_matmul, matmul_24, matmul_24_transposed, sampled_matmul_24, sampled_matmul, conv2d, conv2d_input_gradient,
       conv2d_weight_gradient, max_pool2d, pool_gather, pool_scatter, average_pool2d, average_pool2d_transposed, sparse_conv2d, sparse_conv2d_input_gradient,
       sparse_conv2d_weight_gradient, batch_norm, batch_norm_gradient, layer_norm,
       layer_norm_gradient, index_select, index_add, gather, scatter_add, pixels, crop,
       softmax, softmax_gradient, log_softmax, log_softmax_gradient, cross_entropy, cross_entropy_gradient, uniform, normal, sgd, adam);
}

void register_device(Device d, const Backend& b, DeviceFunctions f) { registry()[static_cast<int>(d)] = {&b, f}; }
const DeviceFunctions& device_functions(Device d) { return registered(d).functions; }

void matmul_on_host(const View& a, const View& b, Tensor& c) {
  c.mutable_bytes();  // waits for the device, if it is on one; a and b lie there too, or on the host
  kernels(Device::cpu).matmul(a, b, view(c));
}

const Backend& kernels(Device d) {
  if (d != Device::cpu) return *registered(d).backend;
  return cpu_override ? *cpu_override : cpu_backend();
}
const Backend& kernels(const Tensor& a) { return kernels(a.device()); }
const Backend& kernels(const Tensor& a, const Tensor& b) {
  require(a.device() == b.device(), "tensors lie on different devices, {} and {}; move one with to()", name(a.device()), name(b.device()));
  return kernels(a.device());
}

UseBackend::UseBackend(const Backend& b) : previous_(cpu_override) { cpu_override = &b; }
UseBackend::~UseBackend() { cpu_override = previous_; }

View view(const Tensor& x) {
  const Shape& shape = x.shape();
  return {x.body()->storage->data, x.dtype(), shape, contiguous_strides(shape)};
}
View view_for_writing(Tensor& x) {
  x.touch();
  return view(x);
}

View broadcast_view(View v, const Shape& shape) {
  View out{v.data, v.dtype, shape, shape};
  const int shift = shape.rank() - v.shape.rank();
  for (int i = 0; i < shape.rank(); ++i)
    out.strides[i] = i < shift || v.shape[i - shift] != shape[i] ? 0 : v.strides[i - shift];
  return out;
}

View permuted(View v, std::span<const int> axes) {
  View out = v;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    out.shape[static_cast<int>(i)] = v.shape[axes[i]];
    out.strides[static_cast<int>(i)] = v.strides[axes[i]];
  }
  return out;
}

View transposed(View v) {
  const int r = v.shape.rank();
  std::swap(v.shape[r - 2], v.shape[r - 1]);
  std::swap(v.strides[r - 2], v.strides[r - 1]);
  return v;
}

}  // namespace bonsai
