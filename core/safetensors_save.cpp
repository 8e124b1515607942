#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "core/files.h"
#include "core/half.h"
#include "core/safetensors_header.h"

namespace bonsai {
namespace {

using std::uint64_t;

FileType type_of(const NamedTensor& t, const std::string& file) {
  const DType own = t.value.dtype();
  if ((t.narrow == "I32" && own == DType::i64) || (t.narrow == "U16" && own == DType::i64) || (t.narrow == "F16" && own == DType::f32))
    return file_type(t.narrow);
  require(t.narrow.empty(), "safetensors {}: tensor \"{}\" is {} and cannot be written as {}; I32 and U16 can hold i64, F16 f32", file, printable(t.name),
          name(own), printable(t.narrow, 20));
  return file_type(own == DType::f32 ? "F32" : own == DType::f64 ? "F64" : own == DType::i64 ? "I64" : "U8");
}

template <class To>
std::string narrowed(const NamedTensor& t, const std::string& file) {
  std::string bytes;
  bytes.reserve(t.value.numel() * sizeof(To));
  for (std::int64_t v : t.value.data<std::int64_t>()) {
    require(std::in_range<To>(v), "safetensors {}: tensor \"{}\" holds {}, which does not fit in {}", file, printable(t.name), v, t.narrow);
    const To small = static_cast<To>(v);
    bytes.append(reinterpret_cast<const char*>(&small), sizeof small);
  }
  return bytes;
}

std::string halves(const NamedTensor& t, const std::string& file) {
  std::string bytes;
  bytes.reserve(t.value.numel() * 2);
  for (float v : t.value.data<float>()) {
    require(std::abs(v) < beyond_f16, "safetensors {}: tensor \"{}\" holds {}, which does not fit in F16", file, printable(t.name), v);
    const std::uint16_t h = to_f16(v);
    bytes.append(reinterpret_cast<const char*>(&h), sizeof h);
  }
  return bytes;
}

void check(const std::vector<NamedTensor>& tensors, const std::string& file) {
  std::unordered_set<std::string_view> names;
  for (const NamedTensor& t : tensors) {
    const std::string name = printable(t.name);
    require(t.value.defined(), "safetensors {}: tensor \"{}\" is undefined; give it a value first", file, name);
    require(t.name != "__metadata__", "safetensors {}: \"__metadata__\" cannot name a tensor; choose another name",
            file);
    require(names.insert(t.name).second, "safetensors {}: two tensors are called \"{}\"; names must differ", file,
            name);
  }
}

struct Layout {
  std::vector<std::size_t> order;  // of the data. Larger elements first: then every tensor begins at a multiple of its element size
  std::string header;              // with its length
  uint64_t data_bytes = 0;
};

Layout layout(const std::vector<NamedTensor>& tensors, const Metadata& metadata, const std::string& file) {
  check(tensors, file);
  std::vector<FileTensor> entries;
  for (const NamedTensor& t : tensors) entries.push_back({t.name, type_of(t, file), t.value.shape()});
  Layout out;
  out.order.resize(tensors.size());
  std::iota(out.order.begin(), out.order.end(), 0);
  std::ranges::stable_sort(out.order, std::greater(), [&](std::size_t i) { return entries[i].type.bytes; });
  for (std::size_t i : out.order) {
    entries[i].begin = out.data_bytes;
    entries[i].end = out.data_bytes += entries[i].shape.numel() * entries[i].type.bytes;
  }
  out.header = safetensors_header(entries, metadata, file);
  return out;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const Metadata& metadata) {
  const std::string file = printable(path.string(), 4096);
  const Layout l = layout(tensors, metadata, file);
  std::vector<std::string_view> parts = {l.header};
  std::vector<std::string> narrow(tensors.size());
  for (std::size_t i : l.order) {
    const NamedTensor& t = tensors[i];
    if (!t.narrow.empty()) narrow[i] = t.narrow == "F16" ? halves(t, file) : t.narrow == "U16" ? narrowed<std::uint16_t>(t, file) : narrowed<std::int32_t>(t, file);
    parts.push_back(t.narrow.empty() ? std::string_view(static_cast<const char*>(t.value.bytes()), t.value.size_in_bytes()) : narrow[i]);
  }
  write_whole(path, parts);
}

uint64_t safetensors_size(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  const Layout l = layout(tensors, metadata, "(not written)");
  return l.header.size() + l.data_bytes;
}

}  // namespace bonsai
