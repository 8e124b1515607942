#include "core/random.h"

#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {

// SplitMix64's finaliser: neighbouring seeds give unrelated keys.
std::uint64_t Random::mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

Random Random::derive(std::uint64_t number) const {
  Random r(0);
  r.key_ = mix(key_ ^ mix(number));
  return r;
}

Random Random::derive(std::string_view purpose) const {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (unsigned char c : purpose) hash = (hash ^ c) * 0x100000001b3;
  return derive(hash);
}

std::uint32_t Random::word() {
  if (left_ == 0) {
    words_ = philox(key_, counter_++);
    left_ = 4;
  }
  return words_[4 - left_--];
}

std::uint64_t Random::below(std::uint64_t n) {
  require(n > 0, "random: below(0) has no values");
  const std::uint64_t reject = -n % n;  // 2^64 mod n: the words below it would make small values likelier
  for (;;) {
    const std::uint64_t high = word(), w = high << 32 | word();
    if (w >= reject) return w % n;
  }
}

double Random::uniform() { return to_uniform(word()); }
double Random::normal() {
  const std::uint32_t a = word(), b = word();
  return to_normal(a, b);
}

Tensor Random::uniform(const Shape& s, double low, double high, DType t) {
  Tensor x = empty(s, t);
  kernels(x).uniform(key_, counter_, view_for_writing(x));
  counter_ += (s.numel() + 3) / 4;
  left_ = 0;
  NoGrad off;
  return low == 0 && high == 1 ? x : x * (high - low) + low;
}

Tensor Random::normal(const Shape& s, double mean, double deviation, DType t) {
  Tensor x = empty(s, t);
  kernels(x).normal(key_, counter_, view_for_writing(x));
  counter_ += (s.numel() + 1) / 2;
  left_ = 0;
  NoGrad off;
  return x * deviation + mean;
}

Tensor Random::bernoulli(const Shape& s, double p, DType t) {
  const Tensor u = uniform(s, 0, 1, t);
  return cast(less(u, number(p, u)), t);
}

Tensor Random::permutation(std::int64_t n) {
  Tensor p = arange(n);
  auto d = p.mutable_data<std::int64_t>();
  for (std::int64_t i = n - 1; i > 0; --i) std::swap(d[i], d[below(i + 1)]);
  return p;
}

}  // namespace bonsai
