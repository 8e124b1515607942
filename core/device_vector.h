// Numbers that kernels read besides tensors (a pattern's rows and columns): a std::vector in the memory of the default device, which the host fills.
#pragma once
#include <vector>

#include "core/backend.h"

namespace bonsai {

template <class T>
struct DefaultDeviceAllocator {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;  // the block keeps its device wherever it goes
  using propagate_on_container_copy_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;
  Device device = default_device();

  DefaultDeviceAllocator() = default;
  template <class U>
  DefaultDeviceAllocator(const DefaultDeviceAllocator<U>& o) : device(o.device) {}
  T* allocate(std::size_t n) {
    if (device == Device::cpu) return std::allocator<T>().allocate(n);
    const DeviceFunctions& f = device_functions(device);
    void* block = f.allocate(n * sizeof(T));
    f.wait();  // who had it before may still be using it
    return static_cast<T*>(block);
  }
  void deallocate(T* p, std::size_t n) noexcept {
    if (device == Device::cpu) std::allocator<T>().deallocate(p, n);
    else device_functions(device).release(p, n * sizeof(T));
  }
  DefaultDeviceAllocator select_on_container_copy_construction() const { return {}; }
  friend bool operator==(const DefaultDeviceAllocator& a, const DefaultDeviceAllocator& b) { return a.device == b.device; }
};
template <class T>
using DeviceVector = std::vector<T, DefaultDeviceAllocator<T>>;

}  // namespace bonsai
