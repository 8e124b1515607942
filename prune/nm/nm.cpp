#include "prune/nm/nm.h"

#include <cmath>

namespace bonsai::prune {
namespace {

// f(first, step) for each group: its M entries lie at first, first + step, ...
template <class F>
void each_group(const Shape& shape, NM p, F f) {
  const std::int64_t out = shape[0], in = shape[1], places = out * in == 0 ? 0 : shape.numel() / (out * in);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t g = 0; g < in / p.m; ++g)
      for (std::int64_t k = 0; k < places; ++k) f((o * in + g * p.m) * places + k, places);
}

}  // namespace

std::string NM::str() const { return fmt::format("{}:{}", n, m); }

NM nm(const std::string& text) {
  NM p{0, 0};
  const std::size_t colon = text.find(':');
  auto number = [](const std::string& digits) {
    return digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != digits.npos ? std::int64_t{0} : std::stoll(digits);
  };
  if (colon != text.npos) p = {number(text.substr(0, colon)), number(text.substr(colon + 1))};
  require(p.n >= 1 && p.n <= p.m && p.m <= 64, "\"{}\" is no N:M pattern; it is N kept of every M, such as 2:4, with 1 <= N <= M <= 64", text);
  return p;
}

std::string nm_refusal(const Shape& shape, NM p) {
  if (shape.rank() < 2) return fmt::format("{} has no input dimension", shape);
  if (shape[1] % p.m != 0) return fmt::format("its input dimension {} is no multiple of {}", shape[1], p.m);
  return "";
}

Tensor nm_mask(const std::string& name, const Tensor& scores, NM p, const Tensor& mask) {
  require(p.n >= 1 && p.n <= p.m, "{}: {} keeps nothing or more than there is", name, p.str());
  const std::string refusal = nm_refusal(scores.shape(), p);
  require(refusal.empty(), "\"{}\" {} cannot be pruned to {}: {}", name, scores.shape(), p.str(), refusal);
  require(!mask.defined() || (mask.shape() == scores.shape() && mask.dtype() == DType::u8), "\"{}\": the mask does not fit the scores {}; it must be u8 of that shape",
          name, scores.shape());
  Tensor out = zeros(scores.shape(), DType::u8);
  std::uint8_t* to = out.mutable_data<std::uint8_t>().data();
  const std::uint8_t* given = mask.defined() ? mask.data<std::uint8_t>().data() : nullptr;
  dispatch_floating("nm", scores.dtype(), [&]<class T>() {
    const T* s = scores.data<T>().data();
    each_group(scores.shape(), p, [&](std::int64_t first, std::int64_t step) {
      auto kept = [&](std::int64_t i) { return !given || given[i]; };
      for (std::int64_t a = 0; a < p.m; ++a) {
        const std::int64_t i = first + a * step;
        if (!kept(i)) continue;
        require(!std::isnan(s[i]), "nm: the score of \"{}\" at index {} is NaN", name, i);
        std::int64_t better = 0;  // how many of the group go later than this one
        for (std::int64_t b = 0; b < p.m; ++b) {
          const std::int64_t j = first + b * step;
          better += kept(j) && (s[j] > s[i] || (s[j] == s[i] && b > a));
        }
        to[i] = better < p.n;  // (nm.1)
      }
    });
  });
  return out;
}

double nm_conformity(const Tensor& mask, NM p) {
  const std::string refusal = nm_refusal(mask.shape(), p);
  require(refusal.empty(), "nm: {} has no groups of {}: {}", mask.shape(), p.m, refusal);
  std::int64_t groups = 0, fit = 0;
  auto count = [&]<class T>() {
    const T* w = mask.data<T>().data();
    each_group(mask.shape(), p, [&](std::int64_t first, std::int64_t step) {
      std::int64_t kept = 0;
      for (std::int64_t a = 0; a < p.m; ++a) kept += w[first + a * step] != T(0);
      ++groups;
      fit += kept <= p.n;
    });
  };
  if (mask.dtype() == DType::u8) count.template operator()<std::uint8_t>();
  else dispatch_floating("nm", mask.dtype(), count);
  return groups == 0 ? 1 : static_cast<double>(fit) / static_cast<double>(groups);
}

}  // namespace bonsai::prune
