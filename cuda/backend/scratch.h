// Working space of a kernel on the device: n elements, uninitialised. Given back when the object ends, that is, when the kernels that need it are queued: whoever gets it next
// queues behind them.
#pragma once
#include "cuda/backend/each.h"

namespace bonsai::cuda {

void* scratch_memory(std::size_t bytes);  // (device.cu)
void release_scratch(void* block, std::size_t bytes) noexcept;

template <class T>
class DeviceScratch {
 public:
  explicit DeviceScratch(std::int64_t n) : bytes_(static_cast<std::size_t>(n) * sizeof(T)), data_(n > 0 ? static_cast<T*>(scratch_memory(bytes_)) : nullptr) {}
  ~DeviceScratch() {
    if (data_) release_scratch(data_, bytes_);
  }
  DeviceScratch(const DeviceScratch&) = delete;
  T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace bonsai::cuda
