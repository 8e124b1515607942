// A training step that is queued once and then played: on a GPU a graph of its kernels, started by one call instead of a hundred.
//
//   Recording step(Device::cuda, [&] { backward(loss(net(inputs), labels)); optimizer.apply(); });
//   for (...) { copy_into(inputs, ...); step.play(); }
//
// What is kept is which kernels ran, and on which memory: so what changes from step to step must lie in tensors that exist before (inputs, labels, learning rate), and
// what the step leaves behind must be written into tensors that exist before. A read on the host within the step is refused. The memory that the step allocates belongs to
// the recording as long as it lives.
#pragma once
#include <functional>

#include "core/backend.h"

namespace bonsai {

class Recording {
 public:
  // Runs the step once as it is, which fills the recording's memory, and records it the second time, without running it. step(): must do the same whenever it is called.
  Recording(Device d, const std::function<void()>& step);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void play();

 private:
  const DeviceFunctions& device_;
  void* arena_;
  void* recording_ = nullptr;
};

}  // namespace bonsai
