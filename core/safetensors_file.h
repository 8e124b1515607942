// A safetensors file that is read by windows: its header is checked when it is opened, its tensors stay on the disk until somebody asks for
// a part of one. So a file may be larger than memory; nothing is kept but the header.
//
// A window is read into the caller's memory (pread). Mapping the file instead would save a copy, but its pages count as this program's, have
// to be handed back again and again, and a file that another program cuts short would kill us instead of failing.
#pragma once
#include "core/safetensors_header.h"

namespace bonsai {

class SafeTensorsFile {
 public:
  explicit SafeTensorsFile(const std::filesystem::path& path);

  const std::string& name() const { return name_; }                        // for messages
  const std::vector<FileTensor>& tensors() const { return header_.tensors; }  // in the header's order
  const Metadata& metadata() const { return header_.metadata; }
  const FileTensor* find(std::string_view name) const;                     // null when there is none

  std::string header() const;  // all before the data, as it stands in the file

  // Elements first .. first + n of a tensor; safe from several threads at once. As they lie in the file, or as load_safetensors gives them
  // (one axis, narrow types widened).
  void read_bytes(const FileTensor& t, std::int64_t first, std::int64_t n, void* into) const;
  Tensor read(const FileTensor& t, std::int64_t first, std::int64_t n) const;
  Tensor read(const FileTensor& t) const;  // all of it, in its shape

 private:
  InputFile input_;
  std::string name_;
  SafeTensorsHeader header_;
};

// n elements as they lie in a file of that type -> f32, f64, i64 or u8.
void widen(const FileType& type, const void* bytes, std::int64_t n, void* out);

}  // namespace bonsai
