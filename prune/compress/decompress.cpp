#include <bit>
#include <cmath>
#include <optional>
#include <set>

#include "core/files.h"
#include "prune/compress/compressed_file.h"
#include "prune/compress/huffman.h"
#include "prune/compress/relative_index.h"

namespace bonsai::prune {
namespace {

using namespace compressed_format;

// The file's bytes from the front, never beyond their end.
class Reader {
 public:
  Reader(std::string_view bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}
  std::size_t left() const { return bytes_.size(); }
  std::string_view all() const { return bytes_; }
  const std::string& file() const { return file_; }
  std::string_view take(std::size_t n, const std::string& what) {
    require(n <= bytes_.size(), "{}: ends within {}, of which {} bytes are missing", file_, what, n - bytes_.size());
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::uint32_t number(int bytes, const std::string& what) {
    std::uint32_t v = 0;
    const std::string_view b = take(static_cast<std::size_t>(bytes), what);
    for (int i = bytes - 1; i >= 0; --i) v = v << 8 | static_cast<unsigned char>(b[static_cast<std::size_t>(i)]);
    return v;
  }
  float real(const std::string& what) {
    const auto v = std::bit_cast<float>(number(4, what));
    require(std::isfinite(v), "{}: {} holds {}, which is no weight to compute with", file_, what, v);
    return v;
  }
  std::string text(int length_bytes, const std::string& what) { return std::string(take(number(length_bytes, what), what)); }

 private:
  std::string_view bytes_;
  std::string file_;
};

// What a step and a value are read with: Huffman codes, or so many bits.
struct Codes {
  std::optional<HuffmanReader> values, steps;
  int value_bits, index_bits;
  std::uint32_t value(BitReader& b) const { return values ? values->read(b) : b.bits(value_bits); }
  std::uint32_t step(BitReader& b) const { return index_bits == 0 ? 0 : steps ? steps->read(b) : b.bits(index_bits); }
};

std::vector<std::uint8_t> lengths(BitReader& b, std::size_t n) {
  std::vector<std::uint8_t> all(n);
  for (std::uint8_t& l : all) l = static_cast<std::uint8_t>(b.bits(4));
  return all;
}

// Fills `values` and, where there is one, the mask.
void read_shared(Reader& r, const std::string& who, const Shape& shape, SafeTensors& out, const std::string& name) {
  const std::int64_t size = shape.numel();
  const std::uint32_t flags = r.number(1, who), value_bits = r.number(1, who), index_bits = r.number(1, who), k = r.number(1, who);
  const bool is_masked = flags & masked, is_huffman = flags & huffman;
  require((flags & ~3u) == 0, "{}: {} has flags {} that mean nothing", r.file(), who, flags);
  require(value_bits >= 1 && value_bits <= 8 && index_bits <= most_index_bits, "{}: {} has {} bits a weight and {} an index; 1 to 8 and 0 to {}", r.file(), who, value_bits, index_bits,
          most_index_bits);
  require(k < 1u << value_bits, "{}: {} has a codebook of {}, and {} bits can name {}", r.file(), who, k, value_bits, (1u << value_bits) - 1);
  std::vector<float> book{0};
  for (std::uint32_t i = 0; i < k; ++i) {
    book.push_back(r.real(who + "'s codebook"));
    require(book.back() != 0 && (i == 0 || book.back() > book[i]), "{}: {}'s codebook does not rise, or names 0, at {}", r.file(), who, i);
  }
  const std::uint32_t n = r.number(4, who);
  const std::uint64_t bits_left = 8 * std::uint64_t{r.left()}, least = index_bits == 0 ? 1 : 2;  // of a step with its value
  require(n * least <= bits_left, "{}: {} promises {} steps, and the file has {} bits left", r.file(), who, n, bits_left);
  require(size <= (static_cast<std::int64_t>(n) + 1) << index_bits, "{}: {} has {} steps, which can't span {} weights", r.file(), who, n, size);
  BitReader bits(r.all(), r.file() + ": " + who);
  Codes codes{{}, {}, static_cast<int>(value_bits), static_cast<int>(index_bits)};
  if (is_huffman && n > 0) {
    codes.values.emplace(lengths(bits, k + 1), bits.who());
    if (index_bits > 0) codes.steps.emplace(lengths(bits, std::size_t{1} << index_bits), bits.who());
  }
  Tensor values = zeros(shape), mask = is_masked ? zeros(shape, DType::u8) : Tensor();
  float* w = values.mutable_data<float>().data();
  std::int64_t at = -1;
  for (std::uint32_t i = 0; i < n; ++i) {
    at += codes.step(bits) + 1;
    const std::uint32_t v = codes.value(bits);
    require(at < size, "{}: {} has a step beyond its {} weights", r.file(), who, size);
    require(v <= k, "{}: {} has a weight of centroid {} of {}", r.file(), who, v, k);
    w[at] = book[v];
    if (is_masked && v != 0) mask.mutable_data<std::uint8_t>()[at] = 1;
  }
  require(size - at <= std::int64_t{1} << index_bits, "{}: {} has {} weights after its last step, which is longer than a step", r.file(), who, size - 1 - at);
  r.take(bits.finish(), who);
  out.tensors.push_back({name, values});
  if (is_masked) out.tensors.push_back({name + ".mask", mask});
}

void read_tensor(Reader& r, SafeTensors& out, std::set<std::string>& names, std::int64_t& entries) {
  const std::string name = r.text(1, "a tensor's name"), who = fmt::format("\"{}\"", printable(name));
  require(names.insert(name).second, "{}: holds {} twice", r.file(), who);
  const std::uint32_t rank = r.number(1, who);
  require(rank >= 1 && rank <= Shape::max_rank, "{}: {} has {} axes; 1 to {}", r.file(), who, rank, Shape::max_rank);
  Shape shape;
  std::int64_t size = 1;
  for (std::uint32_t a = 0; a < rank; ++a) {
    const std::int64_t extent = r.number(4, who);
    shape.push_back(extent);
    require(extent >= 1 && size <= most_entries / extent, "{}: {} has axis {} of {}; a file holds 1 to {} weights", r.file(), who, a, extent, most_entries);
    size *= extent;
  }
  entries += size;
  require(entries <= most_entries, "{}: holds more than {} weights", r.file(), most_entries);
  const std::uint32_t kind = r.number(1, who);
  if (kind == shared) return read_shared(r, who, shape, out, name);
  require(kind == dense, "{}: {} is of kind {}; 0 is dense and 1 shared", r.file(), who, kind);
  require(size <= static_cast<std::int64_t>(r.left() / 4), "{}: ends within {}, which has {} weights", r.file(), who, size);
  Tensor values = empty(shape);
  for (float& v : values.mutable_data<float>()) v = r.real(who);
  out.tensors.push_back({name, values});
}

}  // namespace

SafeTensors decompress(std::string_view bytes, const std::string& file) {
  Reader r(bytes, file);
  require(bytes.starts_with(magic), "{}: is not a compressed network: it does not begin with \"bdc\"", file);
  r.take(magic.size(), "its first bytes");
  const std::uint32_t told = r.number(4, "its checksum"), found = checksum(r.all());
  require(told == found, "{}: is damaged: its checksum is {:08x}, and that of its bytes {:08x}", file, told, found);
  const std::uint32_t is = r.number(1, "its version");
  require(is == version, "{}: is of version {}; this program reads {}", file, is, version);
  SafeTensors out;
  out.file = file;
  for (std::uint32_t n = r.number(1, "its metadata"); n > 0; --n) {
    const std::string key = r.text(1, "its metadata");
    require(out.metadata.emplace(key, r.text(2, "its metadata")).second, "{}: says twice what its \"{}\" is", file, printable(key));
  }
  const std::uint32_t tensors = r.number(2, "its number of tensors");
  require(tensors <= most_tensors, "{}: holds {} tensors; at most {}", file, tensors, most_tensors);
  std::set<std::string> names;
  std::int64_t entries = 0;
  for (std::uint32_t i = 0; i < tensors; ++i) read_tensor(r, out, names, entries);
  require(r.left() == 0, "{}: {} bytes at its end belong to nothing", file, r.left());
  return out;
}

SafeTensors load_compressed(const std::filesystem::path& path) { return decompress(read_whole(path), printable(path.string(), 4096)); }

bool is_compressed(const std::filesystem::path& path) {
  const InputFile file(path);
  std::string first(magic.size(), '\0');
  if (file.size() < first.size()) return false;
  file.read(0, first.data(), first.size());
  return first == magic;
}

}  // namespace bonsai::prune
