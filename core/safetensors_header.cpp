#include "core/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <unordered_set>

namespace bonsai {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian, and so must this machine be");

using json = nlohmann::json;
using std::uint64_t;

constexpr FileType file_types[] = {
    {"F64", 8, DType::f64}, {"F32", 4, DType::f32}, {"F16", 2, DType::f32}, {"BF16", 2, DType::f32},
    {"I64", 8, DType::i64}, {"I32", 4, DType::i64}, {"U16", 2, DType::i64}, {"U8", 1, DType::u8},   {"BOOL", 1, DType::u8},
};

// One entry of the header.
struct Entry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape, offsets;
  const FileType* type = nullptr;
};

// Reads the header by events, as the parser meets them, so that what a tree of values would hide is seen: a name that comes twice,
// nesting that goes on and on (nlohmann's event parser keeps its own stack, so depth costs no stack here).
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  std::vector<Entry> entries;
  Metadata metadata;
  std::string error;  // of the first refusal

  bool start_object(std::size_t) override {
    if (place_ == Place::file) return go(Place::header);
    if (place_ == Place::header) return go(in_tensor_ ? Place::tensor : Place::metadata);
    return refuse("an object where none belongs");
  }
  bool end_object() override {
    if (place_ == Place::header) return go(Place::end);
    if (place_ == Place::tensor) {
      const Entry& e = entries.back();
      if (!e.dtype || !e.shape || !e.offsets)
        return refuse(fmt::format("no \"{}\"", !e.dtype ? "dtype" : !e.shape ? "shape" : "data_offsets"));
    }
    return go(Place::header);
  }
  bool key(string_t& k) override {
    if (place_ == Place::header) {
      in_tensor_ = false;
      if (!names_.insert(k).second) return refuse(fmt::format("the name \"{}\" comes twice", printable(k)));
      in_tensor_ = k != "__metadata__";
      if (in_tensor_) entries.push_back({.name = k, .dtype = {}, .shape = {}, .offsets = {}});
      return true;
    }
    key_ = k;
    if (place_ == Place::metadata) {
      if (!metadata.emplace(k, "").second) return refuse(fmt::format("metadata \"{}\" comes twice", printable(k)));
      return true;
    }
    const Entry& e = entries.back();
    if (k != "dtype" && k != "shape" && k != "data_offsets")
      return refuse(fmt::format("unknown key \"{}\"", printable(k)));
    if (k == "dtype" ? e.dtype.has_value() : k == "shape" ? e.shape.has_value() : e.offsets.has_value())
      return refuse(fmt::format("\"{}\" comes twice", k));
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") return refuse(wanted());
    numbers() = std::vector<uint64_t>();
    return go(Place::array);
  }
  bool end_array() override {
    if (key_ == "data_offsets" && numbers()->size() != 2)
      return refuse("\"data_offsets\" needs two numbers, begin and end");
    return go(Place::tensor);
  }
  bool string(string_t& s) override {
    if (place_ == Place::metadata)
      metadata[key_] = s;
    else if (place_ == Place::tensor && key_ == "dtype")
      entries.back().dtype = s;
    else
      return refuse(wanted());
    return true;
  }
  bool number_unsigned(number_unsigned_t n) override {
    if (place_ != Place::array) return refuse(wanted());
    if (key_ == "shape" && numbers()->size() == Shape::max_rank)
      return refuse(fmt::format("more than {} axes", int{Shape::max_rank}));
    if (numbers()->size() == Shape::max_rank) return refuse("\"data_offsets\" needs two numbers, begin and end");
    numbers()->push_back(n);
    return true;
  }
  bool number_integer(number_integer_t n) override { return refuse(place_ == Place::array ? bad_number(n) : wanted()); }
  bool number_float(number_float_t n, const string_t&) override {
    return refuse(place_ == Place::array ? bad_number(n) : wanted());
  }
  bool boolean(bool) override { return refuse(wanted()); }
  bool null() override { return refuse(wanted()); }
  bool binary(binary_t&) override { return refuse(wanted()); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    if (error.empty()) error = fmt::format("the header is not valid JSON at byte {}", 8 + position);
    return false;
  }

 private:
  enum class Place { file, header, metadata, tensor, array, end };

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool refuse(std::string why) {
    if (in_tensor_) why = fmt::format("tensor \"{}\": {}", printable(entries.back().name), why);
    error = std::move(why);
    return false;
  }
  std::optional<std::vector<uint64_t>>& numbers() {
    return key_ == "shape" ? entries.back().shape : entries.back().offsets;
  }
  template <class N>
  std::string bad_number(N n) const {
    return fmt::format("\"{}\" holds {}; whole numbers from 0 to 2^64 - 1 are allowed", key_, n);
  }
  std::string wanted() const {
    switch (place_) {
      case Place::header: return in_tensor_ ? "must be an object" : "\"__metadata__\" must be an object of strings";
      case Place::metadata: return fmt::format("metadata \"{}\" must be a string", printable(key_));
      case Place::tensor:
        return fmt::format("\"{}\" must be {}", key_, key_ == "dtype" ? "a string" : "an array of whole numbers");
      case Place::array: return fmt::format("\"{}\" must hold only whole numbers", key_);
      default: return "the header must be a JSON object";
    }
  }

  Place place_ = Place::file;
  bool in_tensor_ = false;  // under a tensor's name
  std::string key_;
  std::unordered_set<std::string> names_;
};

// Finds the type and holds shape against offsets; everything that can be known of one tensor without its neighbours.
void check_entry(Entry& e, uint64_t data_bytes, const std::string& where) {
  for (const FileType& t : file_types)
    if (t.name == *e.dtype) e.type = &t;
  require(e.type != nullptr, "{}: dtype \"{}\" is not supported; F64, F32, F16, BF16, I64, I32, U16, U8 and BOOL are", where,
          printable(*e.dtype, 20));

  // Sizes of 0 are counted as 1 for the check, so that (0, 2^40, 2^40) is refused too: its strides would overflow.
  constexpr uint64_t most = std::numeric_limits<std::int64_t>::max() / 16;
  uint64_t checked = 1, count = 1;
  for (uint64_t s : *e.shape) {
    require(s == 0 || (s <= most && checked <= most / s), "{}: shape [{}] has too many elements", where,
            fmt::join(*e.shape, ", "));
    checked *= std::max<uint64_t>(s, 1);
    count *= s;
  }
  const uint64_t begin = (*e.offsets)[0], end = (*e.offsets)[1], needed = count * e.type->bytes;
  require(begin <= end, "{}: data_offsets [{}, {}] end before they begin", where, begin, end);
  require(end <= data_bytes,
          "{}: data_offsets [{}, {}] go beyond the file's {} bytes of data; it is cut short or damaged", where, begin,
          end, data_bytes);
  require(end - begin == needed, "{}: shape [{}] of {} takes {} bytes, but data_offsets [{}, {}] hold {}", where,
          fmt::join(*e.shape, ", "), e.type->name, needed, begin, end, end - begin);
}

// In the order of the data, each tensor must begin where the one before ended, and the last must end with the file.
void check_cover(const std::vector<Entry>& entries, uint64_t data_bytes, const std::string& file) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, {}, [&](std::size_t i) { return std::pair((*entries[i].offsets)[0], (*entries[i].offsets)[1]); });
  uint64_t covered = 0;
  for (std::size_t i : order) {
    const uint64_t begin = (*entries[i].offsets)[0];
    require(begin == covered, "safetensors {}: tensor \"{}\": its data begin at {}, {} {}", file,
            printable(entries[i].name), begin,
            begin < covered ? "inside the tensor before, which ends at"
                            : "leaving a gap after the tensor before, which ends at",
            covered);
    covered = (*entries[i].offsets)[1];
  }
  require(covered == data_bytes, "safetensors {}: {} bytes at the end belong to no tensor", file, data_bytes - covered);
}

std::string quoted(const std::string& text, const std::string& file) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {  // not UTF-8
    fail("safetensors {}: the name or metadata \"{}\" is not UTF-8, which JSON needs", file, printable(text));
  }
}

}  // namespace

FileType file_type(std::string_view name) {
  for (const FileType& t : file_types)
    if (t.name == name) return t;
  fail("safetensors: dtype \"{}\" is not supported", printable(name, 20));
}

SafeTensorsHeader read_safetensors_header(const InputFile& input) {
  const std::string file = printable(input.path().string(), 4096);
  require(input.size() >= 8, "safetensors {}: {} bytes are too few for a safetensors file", file, input.size());
  uint64_t length = 0;
  input.read(0, &length, 8);
  require(length <= most_safetensors_header,
          "safetensors {}: a header of {} bytes, the format allows {}; is it a safetensors file?", file, length,
          most_safetensors_header);
  require(length <= input.size() - 8,
          "safetensors {}: a header of {} bytes, but only {} follow; it is cut short or damaged", file, length,
          input.size() - 8);
  std::string text(length, '\0');
  input.read(8, text.data(), length);
  require(text.starts_with('{'), "safetensors {}: the header does not begin with a brace; is it a safetensors file?",
          file);

  const std::size_t zero = text.find('\0');  // which the parser would take for the end of the text
  require(zero == text.npos, "safetensors {}: the header is not valid JSON at byte {}", file, 8 + zero);

  HeaderReader header;
  const bool ok = json::sax_parse(text, &header);
  require(ok, "safetensors {}: {}", file, header.error);
  const uint64_t data_bytes = input.size() - 8 - length;
  for (Entry& e : header.entries) check_entry(e, data_bytes, fmt::format("safetensors {}: tensor \"{}\"", file, printable(e.name)));
  check_cover(header.entries, data_bytes, file);
  SafeTensorsHeader out{{}, std::move(header.metadata), 8 + length};
  for (Entry& e : header.entries) {
    const std::vector<std::int64_t> sizes(e.shape->begin(), e.shape->end());
    out.tensors.push_back({std::move(e.name), *e.type, Shape(std::span<const std::int64_t>(sizes)), (*e.offsets)[0], (*e.offsets)[1]});
  }
  return out;
}

std::string safetensors_header(const std::vector<FileTensor>& tensors, const Metadata& metadata, const std::string& file) {
  std::string header(8, '\0');
  header += '{';
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) header += quoted(key, file) + ":" + quoted(value, file) + ",";
    header.back() = '}';
    header += ',';
  }
  for (const FileTensor& t : tensors)
    header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", quoted(t.name, file), t.type.name,
                          fmt::join(t.shape.begin(), t.shape.end(), ","), t.begin, t.end);
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size() - 8;
  require(length <= most_safetensors_header,
          "safetensors {}: the header would take {} bytes, the format allows {}; write several files", file, length,
          most_safetensors_header);
  std::memcpy(header.data(), &length, 8);
  return header;
}

}  // namespace bonsai
