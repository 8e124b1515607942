#include "core/safetensors.h"

#include "core/safetensors_file.h"

namespace bonsai {

const Tensor* SafeTensors::find(std::string_view name) const {
  for (const NamedTensor& t : tensors)
    if (t.name == name) return &t.value;
  return nullptr;
}

const Tensor& SafeTensors::at(std::string_view name) const {
  const Tensor* t = find(name);
  require(t != nullptr, "safetensors {}: has no tensor \"{}\"", file, printable(name));
  return *t;
}

SafeTensors load_safetensors(const std::filesystem::path& path) {
  const SafeTensorsFile input(path);
  SafeTensors out{{}, input.metadata(), input.name()};
  for (const FileTensor& t : input.tensors()) out.tensors.push_back({t.name, input.read(t)});
  return out;
}

}  // namespace bonsai
