#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "core/files.h"
#include "core/safetensors.h"

namespace bonsai {
namespace {

using std::uint64_t;

// How an element lies in the file.
struct FileType {
  std::string_view name;
  std::size_t bytes;
};

FileType type_of(const NamedTensor& t, const std::string& file) {
  const DType own = t.value.dtype();
  if (t.narrow == "I32" && own == DType::i64) return {"I32", 4};
  if (t.narrow == "U16" && own == DType::i64) return {"U16", 2};
  if (t.narrow == "F16" && own == DType::f32) return {"F16", 2};
  require(t.narrow.empty(), "safetensors {}: tensor \"{}\" is {} and cannot be written as {}; I32 and U16 can hold i64, F16 f32", file, printable(t.name),
          name(own), printable(t.narrow, 20));
  return {own == DType::f32 ? "F32" : own == DType::f64 ? "F64" : own == DType::i64 ? "I64" : "U8", size_of(own)};
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

// The nearest f16, of two equally near the even one. With q the exponent of its last place, the number is n 2^q, n at most 2048; then the
// bits are n - 1024 beside the exponent q + 25, where a carry and the small numbers (n < 1024, q = -24) come out right by themselves.
std::string halves(const NamedTensor& t, const std::string& file) {
  std::string bytes;
  bytes.reserve(t.value.numel() * 2);
  for (float v : t.value.data<float>()) {
    int exponent = 0;
    std::frexp(v, &exponent);
    const int q = (v == 0 ? -14 : std::max(exponent - 1, -14)) - 10;
    require(std::abs(v) < 65520, "safetensors {}: tensor \"{}\" holds {}, which does not fit in F16", file, printable(t.name), v);
    const auto n = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(std::abs(static_cast<double>(v)), -q)));
    const auto h = static_cast<std::uint16_t>((std::signbit(v) ? 0x8000u : 0u) + (static_cast<std::uint32_t>(q + 25) << 10) + n - 1024);
    bytes.append(reinterpret_cast<const char*>(&h), sizeof h);
  }
  return bytes;
}

std::string quoted(const std::string& text, const std::string& file) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {  // not UTF-8
    fail("safetensors {}: the name or metadata \"{}\" is not UTF-8, which JSON needs", file, printable(text));
  }
}

void check(const std::vector<NamedTensor>& tensors, const std::string& file) {
  std::unordered_set<std::string_view> names;
  for (const NamedTensor& t : tensors) {
    const std::string name = printable(t.name);
    require(t.value.defined(), "safetensors {}: tensor \"{}\" is undefined; give it a value first", file, name);
    require(t.value.device() == Device::cpu, "safetensors {}: tensor \"{}\" lies on the {}; bring it to the cpu first",
            file, name, bonsai::name(t.value.device()));
    require(t.name != "__metadata__", "safetensors {}: \"__metadata__\" cannot name a tensor; choose another name",
            file);
    require(names.insert(t.name).second, "safetensors {}: two tensors are called \"{}\"; names must differ", file,
            name);
  }
}

struct Layout {
  std::vector<std::size_t> order;  // of the data. Larger elements first: then every tensor begins at a multiple of its element size
  std::string header;
  uint64_t data_bytes = 0;
};

Layout layout(const std::vector<NamedTensor>& tensors, const Metadata& metadata, const std::string& file) {
  check(tensors, file);
  std::vector<FileType> types;
  for (const NamedTensor& t : tensors) types.push_back(type_of(t, file));
  Layout out;
  out.order.resize(tensors.size());
  std::iota(out.order.begin(), out.order.end(), 0);
  std::ranges::stable_sort(out.order, std::greater(), [&](std::size_t i) { return types[i].bytes; });
  std::vector<uint64_t> begin(tensors.size()), end(tensors.size());
  for (std::size_t i : out.order) {
    begin[i] = out.data_bytes;
    end[i] = out.data_bytes += tensors[i].value.numel() * types[i].bytes;
  }

  std::string& header = out.header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) header += quoted(key, file) + ":" + quoted(value, file) + ",";
    header.back() = '}';
    header += ',';
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Shape& shape = tensors[i].value.shape();
    header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", quoted(tensors[i].name, file), types[i].name,
                          fmt::join(shape.begin(), shape.end(), ","), begin[i], end[i]);
  }
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  require(header.size() <= most_safetensors_header,
          "safetensors {}: the header would take {} bytes, the format allows {}; write several files", file,
          header.size(), most_safetensors_header);
  return out;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const Metadata& metadata) {
  const std::string file = printable(path.string(), 4096);
  const Layout l = layout(tensors, metadata, file);
  const uint64_t length = l.header.size();
  std::vector<std::string_view> parts = {{reinterpret_cast<const char*>(&length), 8}, l.header};
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
  return 8 + l.header.size() + l.data_bytes;
}

}  // namespace bonsai
