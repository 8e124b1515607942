#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/files.h"
#include "prune/compress/compressed_file.h"
#include "prune/compress/huffman.h"
#include "prune/compress/relative_index.h"
#include "prune/compress/sharing.h"

namespace bonsai::prune {
namespace {

using namespace compressed_format;

void put(std::string& to, std::uint64_t value, int bytes) {  // little-endian
  for (int b = 0; b < bytes; ++b) to.push_back(static_cast<char>(value >> (8 * b)));
}
void put(std::string& to, float value) { put(to, std::bit_cast<std::uint32_t>(value), 4); }
void put(std::string& to, const std::string& text, int length_bytes, const char* what) {
  require(text.size() < std::size_t{1} << (8 * length_bytes), "compress: {} \"{}\" is longer than {} bytes", what, printable(text), (1 << (8 * length_bytes)) - 1);
  put(to, text.size(), length_bytes);
  to += text;
}

// The symbols of a shared tensor: where the next weight is and which centroid it has, 0 for zero, else 1 + its place in the codebook.
struct Symbols {
  std::vector<float> codebook;
  std::vector<std::int64_t> places;
  std::vector<std::uint32_t> values;  // with `places`
};

Symbols symbols_of(const ToCompress& t) {
  Symbols s{prune::codebook(t.values), {}, {}};
  const auto w = t.values.data<float>();
  const bool all = t.coding.index_bits == 0 || (t.coding.index_bits < 0 && !t.mask.defined());  // every place, zeros too
  for (std::size_t i = 0; i < w.size(); ++i)
    if (all || w[i] != 0) {
      s.places.push_back(static_cast<std::int64_t>(i));
      s.values.push_back(w[i] == 0 ? 0 : 1 + static_cast<std::uint32_t>(std::ranges::lower_bound(s.codebook, w[i]) - s.codebook.begin()));
    }
  return s;
}

std::vector<std::uint8_t> lengths_of(const std::vector<std::uint32_t>& symbols, std::size_t count) {
  std::vector<std::uint64_t> counts(count, 0);
  for (const std::uint32_t s : symbols) ++counts[s];
  return huffman_lengths(counts);
}

// The steps and the codes, from the number of steps on.
std::string coded(const Symbols& s, std::int64_t size, const Coding& c, TensorSize& told) {
  std::vector<std::uint32_t> steps, values;
  std::size_t next = 0;
  for (const Step& step : relative_index(s.places, size, c.index_bits)) {
    steps.push_back(static_cast<std::uint32_t>(step.code));
    values.push_back(step.filler ? 0 : s.values[next++]);
  }
  std::string out;
  put(out, steps.size(), 4);
  told.steps = std::ssize(steps);
  BitWriter bits;
  if (c.huffman && !steps.empty()) {
    const auto value_lengths = lengths_of(values, s.codebook.size() + 1), step_lengths = lengths_of(steps, std::size_t{1} << c.index_bits);
    const auto value_codes = huffman_codes(value_lengths), step_codes = huffman_codes(step_lengths);
    for (const std::uint8_t l : value_lengths) bits.put(l, 4);
    if (c.index_bits > 0)
      for (const std::uint8_t l : step_lengths) bits.put(l, 4);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (c.index_bits > 0) bits.put(step_codes[steps[i]], step_lengths[steps[i]]), told.step_code_bits += step_lengths[steps[i]];
      bits.put(value_codes[values[i]], value_lengths[values[i]]), told.value_code_bits += value_lengths[values[i]];
    }
  } else {
    for (std::size_t i = 0; i < steps.size(); ++i) bits.put(steps[i], c.index_bits), bits.put(values[i], c.value_bits);
    told.step_code_bits = steps.size() * static_cast<std::uint64_t>(c.index_bits), told.value_code_bits = steps.size() * static_cast<std::uint64_t>(c.value_bits);
  }
  return out + bits.bytes();
}

void check(const ToCompress& t) {
  require(t.values.dtype() == DType::f32 && t.values.rank() >= 1 && t.values.numel() > 0, "compress \"{}\": is {} {}; must be f32 and hold something", t.name,
          bonsai::name(t.values.dtype()), t.values.shape());
  require(!t.mask.defined() || (t.mask.dtype() == DType::u8 && t.mask.shape() == t.values.shape()), "compress \"{}\": its mask does not fit {}; it must be u8 of that shape", t.name,
          t.values.shape());
  const auto w = t.values.data<float>();
  for (std::size_t i = 0; i < w.size(); ++i) {
    require(std::isfinite(w[i]), "compress \"{}\": weight {} is {}, which no network computes with", t.name, i, w[i]);
    require(!t.mask.defined() || t.mask.data<std::uint8_t>()[i] || w[i] == 0, "compress \"{}\": weight {} is pruned, but {}", t.name, i, w[i]);
  }
  const Coding& c = t.coding;
  require(c.value_bits >= 0 && c.value_bits <= 8 && c.index_bits >= -1 && c.index_bits <= most_index_bits, "compress \"{}\": {} bits a weight and {} an index; 0 to 8", t.name,
          c.value_bits, c.index_bits);
}

std::string section(const ToCompress& t, TensorSize& told) {
  check(t);
  std::string out;
  put(out, t.name, 1, "the name");
  put(out, static_cast<std::uint64_t>(t.values.rank()), 1);
  for (int a = 0; a < t.values.rank(); ++a) put(out, static_cast<std::uint64_t>(t.values.size(a)), 4);
  told = {.name = t.name, .size = t.values.numel(), .kept = t.values.numel(), .coding = t.coding};
  if (t.coding.value_bits == 0) {
    put(out, dense, 1);
    for (const float v : t.values.data<float>()) put(out, v);
    told.bytes = out.size();
    return out;
  }
  const Symbols s = symbols_of(t);
  const std::size_t can = (std::size_t{1} << t.coding.value_bits) - 1;
  require(s.codebook.size() <= can, "compress \"{}\": has {} different values, and {} bits can name {} and the filler zero; share them first (sharing.h), or take more bits", t.name,
          s.codebook.size(), t.coding.value_bits, can);
  const TensorSize plain = told;
  std::string best;
  for (int b = 0; b <= most_index_bits; ++b) {
    if (t.coding.index_bits >= 0 && b != t.coding.index_bits) continue;
    if (b == 0 && std::ssize(s.places) != t.values.numel()) continue;
    TensorSize with = plain;
    with.coding.index_bits = b;
    const std::string codes = coded(s, t.values.numel(), with.coding, with);
    if (best.empty() || codes.size() < best.size()) best = codes, told = with;
    if (b == 0) break;
  }
  told.kept = std::ranges::count_if(s.values, [](std::uint32_t v) { return v != 0; });
  put(out, shared, 1);
  put(out, static_cast<std::uint64_t>((t.coding.huffman ? huffman : 0) | (t.mask.defined() ? masked : 0)), 1);
  put(out, static_cast<std::uint64_t>(t.coding.value_bits), 1);
  put(out, static_cast<std::uint64_t>(told.coding.index_bits), 1);
  put(out, s.codebook.size(), 1);
  for (const float c : s.codebook) put(out, c);
  out += best;
  told.bytes = out.size();
  return out;
}

}  // namespace

std::uint32_t compressed_format::checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

Compressed compress(const std::vector<ToCompress>& tensors, const Metadata& metadata) {
  require(tensors.size() <= most_tensors && metadata.size() <= 255, "compress: {} tensors and {} words about them; a file has room for {} and 255", tensors.size(), metadata.size(),
          most_tensors);
  std::string body;
  put(body, version, 1);
  put(body, metadata.size(), 1);
  for (const auto& [key, value] : metadata) put(body, key, 1, "the key"), put(body, value, 2, "the text");
  put(body, tensors.size(), 2);
  Compressed out;
  for (const ToCompress& t : tensors) body += section(t, out.tensors.emplace_back());
  out.bytes = magic;
  put(out.bytes, checksum(body), 4);
  out.bytes += body;  // (dc.1)
  return out;
}

Compressed compress(nn::Module& net, const std::function<Coding(const nn::Parameter&)>& coding, const Metadata& metadata) {
  std::vector<ToCompress> all;
  for (const nn::Parameter* p : net.parameters()) all.push_back({p->name(), p->dense_values(), p->dense_mask(), coding(*p)});
  for (const auto& [name, buffer] : net.buffers()) all.push_back({name, *buffer, {}, {}});
  return compress(all, metadata);
}

}  // namespace bonsai::prune
