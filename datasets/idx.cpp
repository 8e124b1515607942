#include "datasets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/files.h"

namespace bonsai::datasets {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;  // of a file, and of what it inflates to
constexpr std::uint64_t most_ratio = 1032;                    // deflate codes at most 258 bytes in two bits

// The first four bytes: how many axes.
int parse_rank(std::string_view bytes, std::string_view file) {
  require(bytes.size() >= 4, "idx {}: {} bytes are too few for an IDX file", file, bytes.size());
  const auto* b = reinterpret_cast<const unsigned char*>(bytes.data());
  require(b[0] == 0 && b[1] == 0, "idx {}: begins with {:02x} {:02x}, not with two zeros; is it an IDX file?", file,
          b[0], b[1]);
  require(b[2] == 8, "idx {}: element type {:02x}; only unsigned bytes (08) are read", file, b[2]);
  require(b[3] >= 1 && b[3] <= Shape::max_rank, "idx {}: {} axes; 1 to {} are allowed", file, b[3],
          int{Shape::max_rank});
  return b[3];
}

// What follows them: the sizes, and what they multiply to.
struct Sizes {
  std::vector<std::int64_t> axes;
  std::uint64_t header_bytes, elements;
};
Sizes parse_sizes(std::string_view bytes, int rank, std::string_view file) {
  Sizes s{{}, 4 + 4 * static_cast<std::uint64_t>(rank), 1};
  require(bytes.size() >= s.header_bytes, "idx {}: ends inside its header; it is cut short", file);
  std::uint64_t checked = 1;  // sizes of 0 counted as 1: the strides of (0, 2^31, 2^31, ...) would overflow
  for (int axis = 0; axis < rank; ++axis) {
    std::uint64_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes[4 + 4 * axis + i]);
    require(!__builtin_mul_overflow(checked, std::max<std::uint64_t>(size, 1), &checked) && checked <= most_bytes,
            "idx {}: its sizes multiply to more than {} elements; it is damaged or not an IDX file", file, most_bytes);
    s.elements *= size;
    s.axes.push_back(static_cast<std::int64_t>(size));
  }
  return s;
}

// A gzip stream, inflated by the piece.
class Inflater {
 public:
  Inflater(std::string_view bytes, std::string_view file) : file_(file) {
    require(bytes.size() <= most_bytes, "gzip {}: has {} bytes, more than the {} allowed", file, bytes.size(),
            most_bytes);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::runtime_error("zlib: no memory");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // How many of `n` bytes there were. At the stream's end zlib has compared length and CRC.
  std::size_t read(char* into, std::size_t n) {
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = static_cast<uInt>(n);
    while (stream_.avail_out > 0 && !at_end_) {
      const int result = inflate(&stream_, Z_NO_FLUSH);
      require(result != Z_BUF_ERROR, "gzip {}: ends too early; it is cut short", file_);
      require(result == Z_OK || result == Z_STREAM_END, "gzip {}: damaged ({})", file_,
              stream_.msg ? stream_.msg : "bad data");
      at_end_ = result == Z_STREAM_END;
    }
    return n - stream_.avail_out;
  }
  std::size_t left_over() const { return stream_.avail_in; }

 private:
  z_stream stream_{};
  std::string_view file_;
  bool at_end_ = false;
};

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string gunzip_idx(std::string_view bytes, std::string_view file) {
  if (!is_gzip(bytes)) return std::string(bytes);
  Inflater gzip(bytes, file);
  std::string out(4 + 4 * Shape::max_rank, '\0');
  const std::size_t first = gzip.read(out.data(), 4);
  const int rank = parse_rank(std::string_view(out).substr(0, first), file);
  const std::size_t second = gzip.read(out.data() + 4, 4 * rank);
  const Sizes s = parse_sizes(std::string_view(out).substr(0, 4 + second), rank, file);
  require(s.elements <= most_ratio * bytes.size(),
          "gzip {}: its header promises {} elements, more than {} bytes can inflate to", file, s.elements,
          bytes.size());
  out.resize(s.header_bytes + s.elements);
  const std::size_t got = gzip.read(out.data() + s.header_bytes, s.elements);
  require(got == s.elements, "idx {}: its header promises {} elements, but {} follow; it is cut short", file,
          s.elements, got);
  char beyond;
  require(gzip.read(&beyond, 1) == 0, "idx {}: more bytes follow than its header promises; it is damaged", file);
  require(gzip.left_over() == 0, "gzip {}: {} bytes follow its end; it is damaged", file, gzip.left_over());
  return out;
}

Tensor parse_idx(std::string_view bytes, std::string_view file) {
  std::string inflated;
  if (is_gzip(bytes)) {
    inflated = gunzip_idx(bytes, file);
    bytes = inflated;
  }
  const Sizes s = parse_sizes(bytes, parse_rank(bytes, file), file);
  const std::uint64_t elements = bytes.size() - s.header_bytes;
  require(elements == s.elements, "idx {}: its header promises {} elements, but {} follow; it is {}", file, s.elements,
          elements, elements < s.elements ? "cut short" : "damaged or not an IDX file");
  return tensor(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()) + s.header_bytes, elements),
                Shape(std::span<const std::int64_t>(s.axes)));
}

Tensor read_idx(const std::filesystem::path& path) {
  return parse_idx(read_whole(path, most_bytes), printable(path.string(), 4096));
}

}  // namespace bonsai::datasets
