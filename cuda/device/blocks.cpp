#include "cuda/device/blocks.h"

#include <bit>

#include "core/error.h"

namespace bonsai::cuda {
namespace {

constexpr std::size_t smallest = 512, slab_bytes = std::size_t{2} << 20, largest_carved = slab_bytes / 8;

// Up to a quarter more than asked: 512, 640, 768, 896, 1024, 1280, ...
std::size_t rounded(std::size_t bytes) {
  if (bytes <= smallest) return smallest;
  const std::size_t quarter = std::bit_floor(bytes - 1) / 4;
  return (bytes + quarter - 1) / quarter * quarter;
}

thread_local Blocks::Arena* arena = nullptr;

}  // namespace

void Blocks::use(Arena* a) { arena = a; }

void* Blocks::allocate(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  std::lock_guard lock(mutex_);
  std::vector<void*>& free = (arena ? arena : &common_)->free[size];
  void* block;
  if (!free.empty()) {
    block = free.back();
    free.pop_back();
  } else {
    block = size <= largest_carved ? carve(size, bytes) : take(size, bytes);
    if (arena) owner_[block] = arena;
  }
  return block;
}

void Blocks::release(void* block, std::size_t bytes) noexcept {
  std::lock_guard lock(mutex_);
  const auto owner = owner_.find(block);
  (owner == owner_.end() ? &common_ : owner->second)->free[rounded(bytes)].push_back(block);
}

// What its recording left free belongs to all from now on; what is still in use will, when it is released.
void Blocks::end(Arena* a) noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [size, blocks] : a->free) common_.free[size].insert(common_.free[size].end(), blocks.begin(), blocks.end());
  std::erase_if(owner_, [a](const auto& o) { return o.second == a; });
  if (arena == a) arena = nullptr;
  delete a;
}

void* Blocks::carve(std::size_t size, std::size_t asked) {
  if (slab_left_ < size) {  // (what is left of the old one, at most an eighth, is lost)
    slab_ = static_cast<std::byte*>(take(slab_bytes, asked));
    slab_left_ = slab_bytes;
  }
  void* block = slab_;
  slab_ += size, slab_left_ -= size;
  return block;
}

void* Blocks::take(std::size_t size, std::size_t asked) {
  for (bool again : {false, true}) {
    if (held_ + size <= source_.limit)
      if (void* block = source_.take(size)) {
        ++taken_;
        held_ += size;
        return block;
      }
    if (again) break;
    for (auto& [bytes, blocks] : common_.free) {  // give back what nobody uses: sizes that were wanted once
      if (bytes <= largest_carved) continue;
      for (void* b : blocks) source_.give(b), held_ -= bytes;
      blocks.clear();
    }
  }
  constexpr double gib = 0x1p30;
  fail("out of memory on {}: asked for {:.3f} GiB, {:.3f} of {:.3f} GiB are in use; take a smaller batch or network", source_.name, static_cast<double>(asked) / gib,
       static_cast<double>(held_) / gib, static_cast<double>(source_.limit) / gib);
}

}  // namespace bonsai::cuda
