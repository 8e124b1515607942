// safetensors: the file format of our checkpoints, which Python opens too (safetensors.numpy.load_file). A file is
//
//   8 bytes    the length of the header, little-endian
//   header     JSON: {"__metadata__": {"seed": "7"},
//                     "fc1.weight": {"dtype": "F32", "shape": [300, 784], "data_offsets": [0, 940800]}, ...}
//   data       the tensors' bytes, little-endian and row-major; data_offsets count from here
//
// and nothing else: the tensors cover the data without gap or overlap. Teaches how to read a file that may be damaged or hostile:
// every length is held against the file's before anything is allocated, and every refusal says which tensor and why.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace bonsai {

struct NamedTensor {
  std::string name;
  Tensor value;
  std::string_view narrow = {};  // how it is written where its own type takes too many bytes: i64 as "I32" or "U16", f32 as "F16", rounded
};
using Metadata = std::map<std::string, std::string>;
inline constexpr std::uint64_t most_safetensors_header = 100'000'000;  // the cap of the format's reference implementation

struct SafeTensors {
  std::vector<NamedTensor> tensors;  // in the order of the file's header
  Metadata metadata;
  std::string file;  // for messages

  const Tensor* find(std::string_view name) const;  // null when there is none
  const Tensor& at(std::string_view name) const;    // an Error that names the file and the tensor
};

// Written whole or not at all (core/files.h). The same tensors and metadata give the same bytes. In the data, larger element types
// come first, so that every tensor is aligned to its elements; the header keeps the given order. The header is padded with spaces
// to a multiple of 8.
void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const Metadata& metadata = {});
std::uint64_t safetensors_size(const std::vector<NamedTensor>& tensors, const Metadata& metadata = {});  // of that file, in bytes

// F32, F64, I64 and U8 as they are; F16 and BF16 become f32, I32 and U16 i64, exactly; BOOL becomes u8.
SafeTensors load_safetensors(const std::filesystem::path& path);

}  // namespace bonsai
