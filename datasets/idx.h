// IDX, the format in which MNIST was published:
//
//   00 00 08 03              two zeros, the element type (08: unsigned byte), the number of axes
//   00 00 EA 60              the sizes of the axes, four bytes each, big-endian: 60000,
//   00 00 00 1C  00 00 00 1C                                                     28, 28
//   ...                      the elements, row-major
//
// A file may come gzipped. Teaches how to inflate what may be hostile: the first bytes say how much will follow, that is held
// against what gzip can make of the file at all, and not one byte more is inflated.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace bonsai::datasets {

// The u8 tensor in a file's bytes, raw or gzipped; `file` names it in messages.
Tensor parse_idx(std::string_view bytes, std::string_view file);
Tensor read_idx(const std::filesystem::path& path);

// A gzipped IDX file's raw bytes; raw bytes as they are.
std::string gunzip_idx(std::string_view bytes, std::string_view file);
bool is_gzip(std::string_view bytes);

}  // namespace bonsai::datasets
