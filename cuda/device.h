// A GPU as the device on which tensors lie.
//
//   use_device("cuda");               // from here on tensors are made on the GPU, and everything computes there
//   use_device("emulator");           // the same kernels, queued and run by the CPU: slow, and right (cuda/emulator)
//
// The kernels lie in a library of their own, build/lib/libbonsai_cuda.so, which is loaded now: a program needs neither nvcc to be built nor a GPU to start.
#pragma once
#include <string>

namespace bonsai::cuda {

// Loads the kernels and makes theirs the default device (core/tensor.h). Returns the device in words, for reports. Throws when the library is not built, no GPU can be used, or
// the GPU is too old.
std::string use_device(const std::string& name);

// How the device computes, once it is in use; for all threads. Returns what held before.
//   tf32     whether f32 products may be computed from TF32 (cuda/backend/backend.h); off to begin with
//   blas     whether single products are cuBLAS's where it is there and can take them; on to begin with. (Batches are always our own: the same bits whatever their number.)
enum class Option { tf32, blas };
bool set_option(Option o, bool on);

}  // namespace bonsai::cuda
