// Random numbers of our own, so that a seed gives the same network on every machine and for ever: Philox4x32-10 (Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011). It is counter-based: number i of a stream is a function of the key
// and i, so any part of a stream can be computed at once, by any thread, on any device.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "core/scalar_math.h"
#include "core/tensor.h"

namespace bonsai {

using Philox4 = std::array<std::uint32_t, 4>;

// Ten rounds of multiply, swap and xor turn (key, counter) into four random words.
BONSAI_HOST_DEVICE inline Philox4 philox(std::uint64_t key, std::uint64_t counter) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32), c2 = 0, c3 = 0;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

// A word as a number in [0, 1), with the 24 bits that a float holds exactly.
BONSAI_HOST_DEVICE inline double to_uniform(std::uint32_t word) { return static_cast<double>(word >> 8) * 0x1p-24; }

// Two words as one standard normal number (Box and Muller): √(-2 ln u) cos 2πv, with u in (0, 1].
BONSAI_HOST_DEVICE inline double to_normal(std::uint32_t a, std::uint32_t b) {
  const double u = (static_cast<double>(a) + 1) * 0x1p-32, v = static_cast<double>(b) * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
}

// Element i of a uniform tensor comes from word i % 4 of block counter + i / 4; of a normal one from the word pair i % 2 of
// block counter + i / 2.
BONSAI_HOST_DEVICE inline double uniform_at(std::uint64_t key, std::uint64_t counter, std::uint64_t i) {
  return to_uniform(philox(key, counter + i / 4)[i % 4]);
}
BONSAI_HOST_DEVICE inline double normal_at(std::uint64_t key, std::uint64_t counter, std::uint64_t i) {
  const Philox4 w = philox(key, counter + i / 2);
  return i % 2 == 0 ? to_normal(w[0], w[1]) : to_normal(w[2], w[3]);
}

// A stream of random numbers. Streams for different purposes are derived by name, so that asking one for more numbers never
// changes another: Random(seed).derive("init"), .derive("batches").derive(epoch).
class Random {
 public:
  explicit Random(std::uint64_t seed) : key_(mix(seed)) {}
  Random derive(std::string_view purpose) const;
  Random derive(std::uint64_t number) const;

  std::uint32_t word();                            // the next 32 bits
  std::uint64_t below(std::uint64_t n);            // uniform in 0..n-1, without bias
  double uniform();                                // [0, 1)
  double normal();

  Tensor uniform(const Shape& s, double low = 0, double high = 1, DType t = DType::f32);
  Tensor normal(const Shape& s, double mean = 0, double deviation = 1, DType t = DType::f32);
  Tensor bernoulli(const Shape& s, double p, DType t = DType::f32);  // 1 with probability p, else 0
  Tensor permutation(std::int64_t n);                                // 0..n-1 shuffled (Fisher and Yates), i64

  std::uint64_t key() const { return key_; }  // names the stream

 private:
  static std::uint64_t mix(std::uint64_t x);
  std::uint64_t key_, counter_ = 0;
  Philox4 words_{};
  int left_ = 0;
};

}  // namespace bonsai
