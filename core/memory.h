// A pool for everything that lives as long as a training step: buffers, graph nodes, small vectors. A freed block goes to its
// thread's list for its size and is handed out again, so after the first step training asks the system for nothing.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bonsai {

void* pool_allocate(std::size_t bytes);                       // aligned to 64 bytes; throws Error with the size when out of memory
void pool_release(void* block, std::size_t bytes) noexcept;   // `bytes` as it was asked for

// Blocks this process has asked the system for so far (not counting reuse): constant in the steady state, as a test checks.
std::uint64_t pool_system_allocations();

// Bytes that this thread has been given and has not released, as they were asked for. (What another thread releases counts there: the
// sum over the threads is what is alive.)
std::int64_t pool_live_bytes();

// Throws unless this machine has so much memory: asked of the operating system it might be granted, and the process killed when the
// pages are touched. "hessian: takes 37.3 GiB, and this machine has 23.4; WAY_OUT".
void require_memory(const std::string& what, double bytes, const std::string& way_out);

// Lets std containers draw from the pool.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(pool_allocate(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { pool_release(p, n * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};
template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

// Working space of a kernel: n elements, uninitialised, given back at the end of the scope.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::int64_t n) : bytes_(n * sizeof(T)), data_(static_cast<T*>(pool_allocate(bytes_))) {}
  ~Scratch() { pool_release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::int64_t i) { return data_[i]; }
  const T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::size_t bytes_;
  T* data_;
};

// An owning pointer to an object that counts its owners: retain(T*) adds one, release(T*) takes one away and ends it with the last.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* p) : p_(p) { if (p_) retain(p_); }
  Ref(const Ref& o) : Ref(o.p_) {}
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(Ref o) noexcept { std::swap(p_, o.p_); return *this; }
  ~Ref() { if (p_) release(p_); }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  T* p_ = nullptr;
};

}  // namespace bonsai
