// Files of any type for the tools, put together byte by byte, and the tools as a user starts them.
#pragma once
#include <cstring>

#include "core/half.h"
#include "core/safetensors_file.h"
#include "tests/experiments/program.h"

namespace bonsai::test {

inline Outcome tool(const std::string& name, std::vector<std::string> args, rlim_t file_size = 0) {
  return run({.args = std::move(args), .file_size = file_size, .program = name});
}
inline Outcome prune_checkpoint(std::vector<std::string> args) { return tool("prune_checkpoint", std::move(args)); }

struct Stored {
  std::string name, dtype;
  Shape shape;
  std::vector<double> values;
};

inline std::string stored_bytes(const Stored& s) {
  std::string bytes;
  auto put = [&](auto x) { bytes.append(reinterpret_cast<const char*>(&x), sizeof x); };
  for (const double v : s.values) {
    if (s.dtype == "F64")
      put(v);
    else if (s.dtype == "F32")
      put(static_cast<float>(v));
    else if (s.dtype == "F16")
      put(to_f16(static_cast<float>(v)));
    else if (s.dtype == "BF16")
      put(to_bf16(static_cast<float>(v)));
    else if (s.dtype == "I64")
      put(static_cast<std::int64_t>(v));
    else
      put(static_cast<std::uint8_t>(v));
  }
  return bytes;
}

// In the given order, without regard to alignment.
inline void store(const fs::path& path, const std::vector<Stored>& all, const Metadata& metadata = {}) {
  std::vector<FileTensor> entries;
  std::string data;
  for (const Stored& s : all) {
    const std::uint64_t begin = data.size();
    data += stored_bytes(s);
    entries.push_back({s.name, file_type(s.dtype), s.shape, begin, data.size()});
  }
  put(path, safetensors_header(entries, metadata, "test") + data);
}

// Normal numbers, in every third case rounded so that many are equal, some of them 0.
inline Stored normal(const std::string& name, const std::string& dtype, const Shape& shape, std::uint64_t seed, bool ties = false) {
  Stored s{name, dtype, shape, {}};
  Random random(seed);
  for (std::int64_t i = 0; i < shape.numel(); ++i) s.values.push_back(ties ? std::nearbyint(2 * random.normal()) / 4 : random.normal());
  return s;
}

}  // namespace bonsai::test
