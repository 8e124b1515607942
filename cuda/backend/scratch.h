// Working space of a kernel on the device: n elements, uninitialised, given back in the order of the stream, so that a later kernel may have them.
#pragma once
#include "cuda/backend/each.h"

namespace bonsai::cuda {

template <class T>
class DeviceScratch {
 public:
#ifdef __CUDACC__
  explicit DeviceScratch(std::int64_t n) {
    if (n > 0) check(cudaMallocAsync(reinterpret_cast<void**>(&data_), static_cast<std::size_t>(n) * sizeof(T), current_stream()), "working space");
  }
  ~DeviceScratch() {
    if (data_) cudaFreeAsync(data_, current_stream());
  }
#else
  explicit DeviceScratch(std::int64_t n) : bytes_(static_cast<std::size_t>(n) * sizeof(T)), data_(static_cast<T*>(pool_allocate(bytes_))) { std::memset(data_, 0xff, bytes_); }
  ~DeviceScratch() { pool_release(data_, bytes_); }
#endif
  DeviceScratch(const DeviceScratch&) = delete;
  T* data() const { return data_; }

 private:
#ifndef __CUDACC__
  std::size_t bytes_;
#endif
  T* data_ = nullptr;
};

}  // namespace bonsai::cuda
