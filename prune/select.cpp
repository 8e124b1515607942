#include "prune/select.h"

#include <bit>
#include <cmath>

namespace bonsai::prune {
namespace {

// Real numbers as unsigned integers in the same order: flip all bits of the negative ones and the sign of the others. Adding 0
// first makes -0 and +0 equal, as they are.
std::uint32_t key(float x) {
  const std::uint32_t b = std::bit_cast<std::uint32_t>(x + 0.0f);
  return b >> 31 ? ~b : b | 0x80000000u;
}
std::uint64_t key(double x) {
  const std::uint64_t b = std::bit_cast<std::uint64_t>(x + 0.0);
  return b >> 63 ? ~b : b | (std::uint64_t{1} << 63);
}

// visit(candidate, index, score) for every kept entry, in order.
template <class T, class F>
void for_each_kept(const std::vector<Candidate>& candidates, F visit) {
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const auto scores = candidates[c].scores.data<T>();
    const std::uint8_t* mask = candidates[c].mask.defined() ? candidates[c].mask.data<std::uint8_t>().data() : nullptr;
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (!mask || mask[i]) visit(c, i, scores[i]);
  }
}

// Radix selection: the key of the remove-th lowest score is found sixteen bits at a time, from the top. Each pass counts the next
// digit of the keys that agree with what is known so far.
template <class T>
void select(const std::vector<Candidate>& candidates, std::int64_t remove, std::vector<Tensor>& masks) {
  using Key = decltype(key(T()));
  constexpr int bits = 8 * sizeof(Key), digit = 16;
  Key known = 0;
  std::int64_t left = remove;  // how many of those that agree with `known` have to go
  for (int shift = bits - digit; shift >= 0; shift -= digit) {
    std::vector<std::int64_t> histogram(std::size_t{1} << digit);
    const bool first = shift == bits - digit;
    for_each_kept<T>(candidates, [&](std::size_t c, std::size_t i, T score) {
      if (first) require(!std::isnan(score), "select: the score of \"{}\" at index {} is NaN", candidates[c].name, i);
      const Key k = key(score);
      if (first || k >> (shift + digit) == known) ++histogram[(k >> shift) & 0xffff];
    });
    std::size_t d = 0;
    while (histogram[d] < left) left -= histogram[d++];
    known = known << (first ? 0 : digit) | static_cast<Key>(d);
  }
  std::vector<std::uint8_t*> out;
  for (Tensor& m : masks) out.push_back(m.mutable_data<std::uint8_t>().data());
  for_each_kept<T>(candidates, [&](std::size_t c, std::size_t i, T score) {
    const Key k = key(score);
    const bool go = k < known || (k == known && left > 0);
    if (k == known && left > 0) --left;
    out[c][i] = !go;
  });
}

// What a candidate keeps so far, after a look at its parts; `type` is what all scores must be.
Tensor checked_mask(const Candidate& c, DType type) {
  require(is_floating(c.scores.dtype()) && c.scores.dtype() == type, "select: the scores of \"{}\" are {}; all must be f32 or all f64", c.name,
          name(c.scores.dtype()));
  require(!c.mask.defined() || (c.mask.shape() == c.scores.shape() && c.mask.dtype() == DType::u8),
          "select: the mask of \"{}\" does not fit its scores {}; it must be u8 of that shape", c.name, c.scores.shape());
  return c.mask.defined() ? clone(c.mask) : ones(c.scores.shape(), DType::u8);
}

}  // namespace

std::int64_t count(double fraction, std::int64_t n, const std::string& who) {
  require(fraction >= 0 && fraction <= 1, "{}: the fraction {} is not between 0 and 1{}", who, fraction,
          fraction > 1 && fraction <= 100 ? fmt::format("; did you mean {}?", fraction / 100) : "");
  return static_cast<std::int64_t>(std::nearbyint(fraction * static_cast<double>(n)));  // (sel.1)
}

std::vector<Tensor> remove_lowest(const std::vector<Candidate>& candidates, std::int64_t remove) {
  std::int64_t kept = 0;
  std::vector<Tensor> masks;
  for (const Candidate& c : candidates) {
    masks.push_back(checked_mask(c, candidates[0].scores.dtype()));
    for (std::uint8_t m : masks.back().data<std::uint8_t>()) kept += m != 0;
  }
  require(remove >= 0 && remove <= kept, "select: cannot remove {} of {} kept entries", remove, kept);
  if (remove == 0) return masks;
  if (candidates[0].scores.dtype() == DType::f32) select<float>(candidates, remove, masks);
  else select<double>(candidates, remove, masks);
  return masks;
}

Tensor remove_below(const Candidate& candidate, double threshold) {
  require(!std::isnan(threshold), "select: the threshold is NaN");
  Tensor mask = checked_mask(candidate, candidate.scores.dtype());
  std::uint8_t* out = mask.mutable_data<std::uint8_t>().data();
  dispatch_floating("select", candidate.scores.dtype(), [&]<class T>() {
    for_each_kept<T>({candidate}, [&](std::size_t, std::size_t i, T score) {
      require(!std::isnan(score), "select: the score of \"{}\" at index {} is NaN", candidate.name, i);
      out[i] = static_cast<double>(score) >= threshold;
    });
  });
  return mask;
}

void require_no_empty_layer(const std::vector<Candidate>& candidates, const std::vector<Tensor>& masks) {
  for (std::size_t c = 0; c < masks.size(); ++c) {
    bool any = masks[c].numel() == 0;
    for (std::uint8_t m : masks[c].data<std::uint8_t>()) any |= m != 0;
    require(any, "prune: layer \"{}\" {} would be left with no weight at all, and the network with nothing to say; prune less", candidates[c].name,
            masks[c].shape());
  }
}

}  // namespace bonsai::prune
