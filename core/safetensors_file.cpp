#include "core/safetensors_file.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "core/ops.h"

namespace bonsai {
namespace {

template <class From, class To, class F>
void convert(const void* bytes, std::int64_t n, void* out, F f) {
  const char* from = static_cast<const char*>(bytes);
  To* to = static_cast<To*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    From x;
    std::memcpy(&x, from + i * sizeof(From), sizeof(From));
    to[i] = f(x);
  }
}

}  // namespace

void widen(const FileType& type, const void* bytes, std::int64_t n, void* out) {
  if (type.name == "F16")
    convert<std::uint16_t, float>(bytes, n, out, from_f16);
  else if (type.name == "BF16")
    convert<std::uint16_t, float>(bytes, n, out, from_bf16);
  else if (type.name == "I32")
    convert<std::int32_t, std::int64_t>(bytes, n, out, [](std::int32_t v) { return v; });
  else if (type.name == "U16")
    convert<std::uint16_t, std::int64_t>(bytes, n, out, [](std::uint16_t v) { return v; });
  else
    std::memcpy(out, bytes, n * type.bytes);
}

SafeTensorsFile::SafeTensorsFile(const std::filesystem::path& path)
    : input_(path), name_(printable(path.string(), 4096)), header_(read_safetensors_header(input_)) {}

const FileTensor* SafeTensorsFile::find(std::string_view name) const {
  for (const FileTensor& t : header_.tensors)
    if (t.name == name) return &t;
  return nullptr;
}

std::string SafeTensorsFile::header() const {
  std::string bytes(header_.data_begin, '\0');
  input_.read(0, bytes.data(), bytes.size());
  return bytes;
}

void SafeTensorsFile::read_bytes(const FileTensor& t, std::int64_t first, std::int64_t n, void* into) const {
  input_.read(header_.data_begin + t.begin + first * t.type.bytes, into, n * t.type.bytes);
}

Tensor SafeTensorsFile::read(const FileTensor& t, std::int64_t first, std::int64_t n) const {
  require(first >= 0 && n >= 0 && first <= t.shape.numel() && n <= t.shape.numel() - first,
          "safetensors {}: tensor \"{}\" {} has no elements {} to {}", name_, printable(t.name), t.shape, first, first + n);
  Tensor out = empty({n}, t.type.becomes);
  char* to = static_cast<char*>(out.mutable_bytes());
  const std::size_t width = size_of(t.type.becomes);
  if (width == t.type.bytes) {
    read_bytes(t, first, n, to);
  } else {
    constexpr std::int64_t most = 1 << 16;  // by the piece, so that no second copy of the tensor is needed
    Scratch<char> piece(std::min(n, most) * t.type.bytes);
    for (std::int64_t i = 0; i < n; i += most) {
      const std::int64_t here = std::min(most, n - i);
      read_bytes(t, first + i, here, piece.data());
      widen(t.type, piece.data(), here, to + i * width);
    }
  }
  if (t.type.name == "BOOL")
    for (std::uint8_t v : out.data<std::uint8_t>())
      require(v <= 1, "safetensors {}: tensor \"{}\": BOOL holds {}; only 0 and 1 are allowed", name_, printable(t.name), v);
  return out;
}

Tensor SafeTensorsFile::read(const FileTensor& t) const { return reshape(read(t, 0, t.shape.numel()), t.shape); }

}  // namespace bonsai
