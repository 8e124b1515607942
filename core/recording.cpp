#include "core/recording.h"

namespace bonsai {
namespace {

class UseArena {
 public:
  UseArena(const DeviceFunctions& d, void* arena) : device_(d) { device_.use_arena(arena); }
  ~UseArena() { device_.use_arena(nullptr); }

 private:
  const DeviceFunctions& device_;
};

}  // namespace

Recording::Recording(Device d, const std::function<void()>& step) : device_(device_functions(d)), arena_(device_.new_arena()) {
  try {
    const UseArena use(device_, arena_);
    step();
    device_.begin_recording();
    try {
      step();
    } catch (...) {
      device_.abandon_recording();
      throw;
    }
    recording_ = device_.end_recording();
  } catch (...) {
    device_.end_arena(arena_, nullptr);
    throw;
  }
}

Recording::~Recording() { device_.end_arena(arena_, recording_); }

void Recording::play() { device_.play(recording_); }

}  // namespace bonsai
