#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>

#include "core/error.h"
#include "cuda/device.h"
#include "cuda/device/plugin.h"

namespace bonsai::cuda {
namespace {

std::filesystem::path library(const std::string& name) {
  const std::string file = "libbonsai_" + name + ".so";
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib" / file;
}

bool (*set)(Option, bool) = nullptr;  // the library's, once it is loaded

}  // namespace

bool set_option(Option o, bool on) {
  require(set != nullptr, "set_option: no device is in use");
  return set(o, on);
}

std::string use_device(const std::string& name) {
  require(name == "cuda" || name == "emulator", "device \"{}\": there are cuda and emulator", name);
  const std::filesystem::path file = library(name);
  const char* other = name == "cuda" ? "; --device emulator runs the same kernels without one, slowly" : "";
  void* handle = nullptr;
  if (!std::filesystem::exists(file)) handle = dlopen(file.filename().c_str(), RTLD_NOW | RTLD_LOCAL);  // beside an installed library (CMakeLists.txt)
  require(handle || std::filesystem::exists(file), "--device {}: this program was built without {} ({} is not there); \"./bonsai build\" makes it{}{}", name, name == "cuda" ? "CUDA" : "the emulator",
          file.string(), name == "cuda" ? " where nvcc is found" : "", other);
  if (!handle) handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays until the end
  if (!handle) fail("--device {}: {}{}", name, dlerror(), other);
  const auto open = reinterpret_cast<void (*)(Plugin*)>(dlsym(handle, "bonsai_open_device"));
  require(open != nullptr, "--device {}: {} is not a library of bonsai's kernels; build it anew", name, file.string());
  Plugin plugin;
  open(&plugin);
  set = plugin.set;
  register_device(Device::cuda, *plugin.backend, plugin.functions);
  set_default_device(Device::cuda);
  return plugin.description;
}

}  // namespace bonsai::cuda
