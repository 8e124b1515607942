// What the library of kernels hands to the program that loads it.
#pragma once
#include <string>

#include "core/backend.h"
#include "cuda/device.h"

namespace bonsai::cuda {

struct Plugin {
  const Backend* backend = nullptr;
  DeviceFunctions functions;
  bool (*set)(Option, bool on) = nullptr;
  std::string description;  // "NVIDIA H200, sm_90, 139 GiB"
};

}  // namespace bonsai::cuda

extern "C" void bonsai_open_device(bonsai::cuda::Plugin* plugin);  // throws bonsai::Error
