// The header of a safetensors file (core/safetensors.h says what it looks like): read and checked, or made. Everything that a file claims
// is held against the file's length here, before anybody reads a tensor: types, shapes, and that the tensors cover the data without gap or
// overlap.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/safetensors.h"

namespace bonsai {

// The types a file may hold: how many bytes an element takes there, and what it becomes here.
struct FileType {
  std::string_view name;
  std::uint64_t bytes;
  DType becomes;
};
FileType file_type(std::string_view name);  // "F32"; an Error for what is not supported

// What the header says of one tensor.
struct FileTensor {
  std::string name;
  FileType type;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // of its bytes, counted from the beginning of the data
};

struct SafeTensorsHeader {
  std::vector<FileTensor> tensors;  // in the file's order
  Metadata metadata;
  std::uint64_t data_begin = 0;     // where in the file the data begin
};

SafeTensorsHeader read_safetensors_header(const InputFile& input);

// The header's text with its length before it, padded with spaces to a multiple of 8. `file` begins messages.
std::string safetensors_header(const std::vector<FileTensor>& tensors, const Metadata& metadata, const std::string& file);

}  // namespace bonsai
