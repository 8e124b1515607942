// Single bits, written and read in order: the first is the highest of its byte. The last byte is filled up with 0.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace bonsai::prune {

class BitWriter {
 public:
  void put(std::uint32_t value, int bits) {  // its lowest `bits`, the highest of them first
    for (int b = bits - 1; b >= 0; --b, ++count_) {
      if (count_ % 8 == 0) bytes_.push_back('\0');
      if (value >> b & 1) bytes_.back() = static_cast<char>(bytes_.back() | 0x80 >> count_ % 8);
    }
  }
  std::uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::uint64_t count_ = 0;
};

// Never reads beyond its bytes: an Error says so, beginning with `who`.
class BitReader {
 public:
  BitReader(std::string_view bytes, std::string who) : bytes_(bytes), who_(std::move(who)) {}
  std::uint32_t bit() {
    require(at_ / 8 < bytes_.size(), "{}: its bits end too early", who_);
    const auto byte = static_cast<unsigned char>(bytes_[at_ / 8]);
    return byte >> (7 - at_++ % 8) & 1u;
  }
  std::uint32_t bits(int n) {
    std::uint32_t v = 0;
    for (; n > 0; --n) v = v << 1 | bit();
    return v;
  }
  // To the end of the byte that was begun, whose last bits must be 0; returns how many bytes have been read.
  std::size_t finish() {
    while (at_ % 8 != 0) require(bit() == 0, "{}: the bits after its last code are not 0", who_);
    return at_ / 8;
  }
  const std::string& who() const { return who_; }

 private:
  std::string_view bytes_;
  std::string who_;
  std::size_t at_ = 0;
};

}  // namespace bonsai::prune
