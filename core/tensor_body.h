// What a Tensor handle points at. Only core includes this.
#pragma once
#include "core/autograd.h"
#include "core/tensor.h"

namespace bonsai {

struct Storage {
  std::atomic<int> refs{0};
  std::atomic<std::uint32_t> version{0};
  void* data = nullptr;
  std::size_t bytes = 0;
  Device device = Device::cpu;
};

inline void retain(Storage* s) noexcept { s->refs.fetch_add(1, std::memory_order_relaxed); }
void release(Storage*) noexcept;

struct TensorBody {
  std::atomic<int> refs{0};
  bool leaf_requires_grad = false;
  DType dtype = DType::f32;
  Shape shape;
  Ref<Storage> storage;
  Node* node = nullptr;  // owned; a Node belongs to exactly one body
  Tensor grad;
  TensorBody* next = nullptr;  // in release()'s list
};

Tensor share_storage(const Tensor& x, const Shape& shape);  // same storage, other shape, outside the graph

}  // namespace bonsai
