// Memory of a device, handed out again without asking the device: an allocation there costs as much as many kernels. After the first steps, training asks for nothing.
//
// A block that is released may be given out at once, even while queued kernels still use it: whoever gets it queues behind them. Recordings (core/recording.h) have an arena of
// their own, since their kernels come back to the same addresses again and again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace bonsai::cuda {

class Blocks {
 public:
  // Where memory comes from. take: null when there is none. limit: bytes that may be held at once.
  struct Source {
    void* (*take)(std::size_t bytes);
    void (*give)(void* block);
    std::size_t limit;
    std::string name;  // of the device, for messages
  };
  struct Arena {
    std::unordered_map<std::size_t, std::vector<void*>> free;  // by size
  };

  explicit Blocks(Source s) : source_(std::move(s)) {}

  void* allocate(std::size_t bytes);  // Throws Error: how much was asked, how much is in use, how much there is
  void release(void* block, std::size_t bytes) noexcept;

  Arena* new_arena() { return new Arena; }
  void use(Arena* a);  // by this thread; null: the common one
  void end(Arena* a) noexcept;

  std::size_t held() const { return held_; }  // bytes taken from the source
  std::size_t taken() const { return taken_; }  // how often it was asked

 private:
  void* take(std::size_t size, std::size_t asked);
  void* carve(std::size_t size, std::size_t asked);
  Source source_;
  std::mutex mutex_;
  Arena common_;
  std::unordered_map<void*, Arena*> owner_;  // of a recording's blocks
  std::byte* slab_ = nullptr;                // small blocks are cut from it
  std::size_t slab_left_ = 0, held_ = 0, taken_ = 0;
};

}  // namespace bonsai::cuda
