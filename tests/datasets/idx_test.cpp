// IDX, raw and gzipped: golden bytes, every refusal, and 20,000 damaged files.
#include "datasets/idx.h"

#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using test::put;
using test::TemporaryFolder;

std::string big_endian(std::uint32_t n) {
  std::string out;
  for (int i = 3; i >= 0; --i) out += static_cast<char>(n >> 8 * i);
  return out;
}
std::string little_endian(std::uint32_t n) {
  const std::string big = big_endian(n);
  return {big.rbegin(), big.rend()};
}
std::string idx(const std::vector<std::uint32_t>& sizes, const std::string& elements) {
  std::string out("\0\0\x08", 3);
  out += static_cast<char>(sizes.size());
  for (std::uint32_t s : sizes) out += big_endian(s);
  return out + elements;
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (unsigned char b : bytes) {
    crc ^= b;
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}
// gzip that stores instead of packing: one block, at most 65535 bytes. `length` and `crc` as they should be unless given.
std::string gzip(const std::string& bytes) {
  const auto n = static_cast<std::uint16_t>(bytes.size());
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);
  out += little_endian(n).substr(0, 2) + little_endian(static_cast<std::uint16_t>(~n)).substr(0, 2) + bytes;
  return out + little_endian(crc32(bytes)) + little_endian(n);
}

// (2, 3, 4) counting from 0, and the same packed by gzip -9.
const std::string counting = [] {
  std::string elements;
  for (char i = 0; i < 24; ++i) elements += i;
  return idx({2, 3, 4}, elements);
}();
#define PACKED                                                                                                       \
  "\037\213\010\000\000\000\000\000\002\003\143\140\340\140\146\140\140\140\002\142\020\315\302\300\310\304\314\302" \
  "\312\306\316\301\311\305\315\303\313\307\057\040\050\044\054\042\052\046\016\000\200\224\350\026\050\000\000\000"

TEST(Idx, ReadsRawAndGzipped) {
  const std::string packed(PACKED, sizeof PACKED - 1);
  for (const std::string& bytes : {counting, gzip(counting), packed}) {
    const Tensor x = parse_idx(bytes, "f");
    EXPECT_EQ(x.shape(), Shape({2, 3, 4}));
    ASSERT_EQ(x.dtype(), DType::u8);
    for (int i = 0; i < 24; ++i) EXPECT_EQ(x.at(i), i);
    EXPECT_EQ(gunzip_idx(bytes, "f"), counting);
  }
  EXPECT_EQ(parse_idx(idx({0}, ""), "f").shape(), Shape({0}));
  EXPECT_EQ(parse_idx(gzip(idx({0, 28, 28}, "")), "f").shape(), Shape({0, 28, 28}));
  TemporaryFolder t;
  put(t / "f", packed);
  EXPECT_EQ(read_idx(t / "f").numel(), 24);
}

TEST(Idx, Refuses) {
  EXPECT_MESSAGE(parse_idx("", "f"), "idx f: 0 bytes are too few");
  EXPECT_MESSAGE(parse_idx("PNG and more", "f"), "begins with 50 4e, not with two zeros");
  EXPECT_MESSAGE(parse_idx(std::string("\0\0\x0d\x01\0\0\0\0", 8), "f"),
                 "element type 0d; only unsigned bytes (08) are read");
  EXPECT_MESSAGE(parse_idx(std::string("\0\0\x08\0", 4), "f"), "0 axes; 1 to 8 are allowed");
  EXPECT_MESSAGE(parse_idx(std::string("\0\0\x08\x09", 4), "f"), "9 axes; 1 to 8 are allowed");
  EXPECT_MESSAGE(parse_idx(counting.substr(0, 15), "f"), "ends inside its header");
  EXPECT_MESSAGE(parse_idx(counting.substr(0, 39), "f"), "promises 24 elements, but 23 follow; it is cut short");
  EXPECT_MESSAGE(parse_idx(counting + "x", "f"), "promises 24 elements, but 25 follow; it is damaged");
  EXPECT_MESSAGE(parse_idx(idx({0xffffffff, 0xffffffff, 0xffffffff}, ""), "f"), "multiply to more than 1073741824");
  EXPECT_MESSAGE(parse_idx(idx({65536, 65536, 65536, 65536}, ""), "f"),
                 "multiply to more than");  // 2^64, which is 0 in 64 bits
  EXPECT_MESSAGE(parse_idx(idx({0, 0xffffffff, 0xffffffff, 0xffffffff}, ""), "f"), "multiply to more than");
  TemporaryFolder t;
  EXPECT_MESSAGE(read_idx(t / "none"), "none: No such file or directory");
}

TEST(Idx, RefusesDamagedGzip) {
  const std::string good = gzip(counting);
  EXPECT_MESSAGE(parse_idx("\x1f\x8b", "f"), "ends too early");
  EXPECT_MESSAGE(parse_idx("\x1f\x8bxxxxxxxxxx", "f"), "gzip f: damaged (unknown compression method)");
  for (std::size_t n = 2; n < good.size(); ++n)
    EXPECT_MESSAGE(parse_idx(good.substr(0, n), "f"), "gzip f: ends too early; it is cut short");
  EXPECT_MESSAGE(parse_idx(good + "x", "f"), "gzip f: 1 bytes follow its end");
  EXPECT_MESSAGE(parse_idx(good + good, "f"), "bytes follow its end");
  std::string crc = good;
  crc[crc.size() - 5] ^= 1;
  EXPECT_MESSAGE(parse_idx(crc, "f"), "damaged (incorrect data check)");
  std::string length = good;
  length.back() ^= 1;
  EXPECT_MESSAGE(parse_idx(length, "f"), "damaged (incorrect length check)");
  EXPECT_MESSAGE(parse_idx(gzip(counting.substr(0, 39)), "f"), "promises 24 elements, but 23 follow; it is cut short");
  EXPECT_MESSAGE(parse_idx(gzip(counting.substr(0, 9)), "f"), "ends inside its header");
  EXPECT_MESSAGE(parse_idx(gzip("ab"), "f"), "2 bytes are too few");
  EXPECT_MESSAGE(parse_idx(gzip(counting + "x"), "f"), "more bytes follow than its header promises");
  EXPECT_MESSAGE(parse_idx(gzip(gzip(counting)), "f"), "begins with 1f 8b, not with two zeros");
}

TEST(Idx, ABombIsRefusedBeforeItGoesOff) {
  const long before = test::peak_memory_kb();
  // 31 bytes that promise a gigabyte
  EXPECT_MESSAGE(parse_idx(gzip(idx({1 << 30}, "")), "f"),
                 "its header promises 1073741824 elements, more than 31 bytes can inflate to");
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 16 * 1024); }
}

TEST(Idx, Fuzz) {
  TemporaryFolder t;
  const std::vector<std::string> seeds = {counting, gzip(counting), std::string(PACKED, sizeof PACKED - 1),
                                          idx({5}, "01234")};
  Random r = Random(2).derive("idx fuzz");
  const long before = test::peak_memory_kb();
  std::int64_t loaded = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    std::string bytes = seeds[r.below(seeds.size())];
    // Some are hurt inside an unhurt gzip, so that what comes after inflating is reached.
    bytes = r.below(4) == 0 ? gzip(test::mutate(counting, r)) : test::mutate(bytes, r);
    put(t / "f", bytes);
    try {
      read_idx(t / "f");
      ++loaded;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_EQ(t.entries(), 1);
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 64 * 1024); }
}

}  // namespace
}  // namespace bonsai::datasets
