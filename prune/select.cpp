#include "prune/select.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/parallel.h"
#include "prune/select_keys.h"

namespace bonsai::prune {
namespace {

// A run of entries of one candidate: the work is done piece by piece, in parallel, and put together in the pieces' order.
template <class T>
struct Piece {
  const Candidate* candidate;
  const T* scores;
  const std::uint8_t* mask;  // null: all are kept
  std::uint8_t* out;
  std::int64_t begin, size;  // begin: the first entry's index in its tensor
  bool kept(std::int64_t i) const { return !mask || mask[i]; }

  // run(kept): kept(i) says whether entry i is. Where all are, that is a constant, and the loops become fast ones.
  template <class F>
  void visit(F&& run) const {
    if (mask) run([m = mask](std::int64_t i) { return m[i] != 0; });
    else run([](std::int64_t) { return true; });
  }
};

template <class T>
std::vector<Piece<T>> cut(const std::vector<Candidate>& candidates, std::vector<Tensor>& masks) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<Piece<T>> pieces;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const T* scores = candidates[c].scores.data<T>().data();
    const std::uint8_t* mask = candidates[c].mask.defined() ? candidates[c].mask.data<std::uint8_t>().data() : nullptr;
    std::uint8_t* out = masks[c].mutable_data<std::uint8_t>().data();
    const std::int64_t n = candidates[c].scores.numel();
    for (std::int64_t begin = 0; begin < n; begin += most)
      pieces.push_back({&candidates[c], scores + begin, mask ? mask + begin : nullptr, out + begin, begin, std::min(most, n - begin)});
  }
  return pieces;
}

template <class T>
void refuse_nan(const std::vector<Piece<T>>& pieces) {
  for (const Piece<T>& p : pieces)
    for (std::int64_t i = 0; i < p.size; ++i)
      require(!p.kept(i) || !std::isnan(p.scores[i]), "select: the score of \"{}\" at index {} is NaN", p.candidate->name, p.begin + i);
}

// Radix selection: the key of the remove-th lowest score is found a digit at a time, from the top, by counting. After the first digit
// few keys are left to look at: those that share it are copied out, and the other digits are found among them.
template <class T>
void select(const std::vector<Candidate>& candidates, std::int64_t remove, std::vector<Tensor>& masks) {
  using Key = decltype(select_key(T()));
  constexpr int bits = 8 * sizeof(Key), top = bits - select_digit;
  const std::vector<Piece<T>> pieces = cut<T>(candidates, masks);
  const auto count_of = static_cast<std::int64_t>(pieces.size());

  std::vector<Histogram> counts(pieces.size());
  parallel_for(count_of, [&](std::int64_t k) {
    const T* scores = pieces[k].scores;
    std::array<std::array<std::uint32_t, 1 << select_digit>, 4> four{};  // in turn, so that equal neighbours do not wait for each other
    pieces[k].visit([&](auto kept) {
      constexpr std::int64_t block = 1024;
      std::uint16_t digits[block];  // a loop that vectorises, and one that cannot
      for (std::int64_t i = 0; i < pieces[k].size; i += block) {
        const auto n = static_cast<std::int32_t>(std::min(block, pieces[k].size - i));
        for (std::int32_t j = 0; j < n; ++j) digits[j] = static_cast<std::uint16_t>(top_digit(select_key(scores[i + j])));
        for (std::int32_t j = 0; j < n; ++j) four[j & 3][digits[j]] += kept(i + j);
      }
    });
    for (int d = 0; d < 1 << select_digit; ++d) counts[k][d] = std::int64_t{four[0][d]} + four[1][d] + four[2][d] + four[3][d];
  });
  Histogram all{};
  for (const Histogram& h : counts)
    for (int d = 0; d < 1 << select_digit; ++d) all[d] += h[d];
  if (may_hold_nan(all)) refuse_nan(pieces);
  const std::int64_t kept = std::accumulate(all.begin(), all.end(), std::int64_t{0});
  require(remove >= 0 && remove <= kept, "select: cannot remove {} of {} kept entries", remove, kept);

  std::int64_t left = remove;                   // how many of those that agree with what is known have to go
  Key known = std::numeric_limits<Key>::min();  // nothing is below it: with remove 0 all stay
  if (remove > 0) {
    const int first = find_digit(all, left);
    std::vector<std::int64_t> offset(pieces.size() + 1);
    for (std::size_t k = 0; k < pieces.size(); ++k) offset[k + 1] = offset[k] + counts[k][first];
    std::vector<Key> keys(offset.back());
    parallel_for(count_of, [&](std::int64_t k) {
      const T* scores = pieces[k].scores;
      Key* to = keys.data() + offset[k];
      pieces[k].visit([&](auto kept) {
        constexpr std::int32_t block = 1024;
        Key here[block], found[block];
        std::uint8_t wanted[block];
        for (std::int64_t i = 0; i < pieces[k].size; i += block) {
          const auto size = static_cast<std::int32_t>(std::min<std::int64_t>(block, pieces[k].size - i));
          for (std::int32_t j = 0; j < size; ++j) here[j] = select_key(scores[i + j]);
          for (std::int32_t j = 0; j < size; ++j) wanted[j] = kept(i + j) && top_digit(here[j]) == first ? 1 : 0;
          std::int32_t n = 0;  // every key is written, and stays when it is wanted: no branch that could be mispredicted
          for (std::int32_t j = 0; j < size; ++j) {
            found[n] = here[j];
            n += wanted[j];
          }
          to = std::copy_n(found, n, to);
        }
      });
    });
    known = static_cast<Key>(first - (1 << (select_digit - 1)));
    for (int shift = top; shift > 0;) {
      const int width = std::min(select_digit, shift);
      shift -= width;
      Histogram h{};
      for (const Key x : keys) h[(x >> shift) & ((1 << width) - 1)] += x >> (shift + width) == known;
      known = known << width | static_cast<Key>(find_digit(h, left));
    }
  }

  std::vector<std::int64_t> ties(pieces.size());
  parallel_for(count_of, [&](std::int64_t k) {
    const T* __restrict scores = pieces[k].scores;
    std::uint8_t* __restrict out = pieces[k].out;
    pieces[k].visit([&](auto kept) {
      const auto n = static_cast<std::int32_t>(pieces[k].size);
      std::int32_t equal = 0;  // (two plain loops, which compilers vectorise)
      for (std::int32_t i = 0; i < n; ++i) out[i] = kept(i) && select_key(scores[i]) >= known ? 1 : 0;
      for (std::int32_t i = 0; i < n; ++i) equal += kept(i) && select_key(scores[i]) == known ? 1 : 0;
      ties[k] = equal;
    });
  });
  for (std::size_t k = 0; left > 0 && k < pieces.size(); ++k)  // of equal scores the first ones go
    for (std::int64_t i = 0; ties[k] > 0 && left > 0 && i < pieces[k].size; ++i)
      if (pieces[k].out[i] && select_key(pieces[k].scores[i]) == known) {
        pieces[k].out[i] = 0;
        --left;
        --ties[k];
      }
}

// Throws unless the candidate's parts fit; `type` is what all scores must be.
void check(const Candidate& c, DType type) {
  require(is_floating(c.scores.dtype()) && c.scores.dtype() == type, "select: the scores of \"{}\" are {}; all must be f32 or all f64", c.name,
          name(c.scores.dtype()));
  require(!c.mask.defined() || (c.mask.shape() == c.scores.shape() && c.mask.dtype() == DType::u8),
          "select: the mask of \"{}\" does not fit its scores {}; it must be u8 of that shape", c.name, c.scores.shape());
}

}  // namespace

std::int64_t count(double fraction, std::int64_t n, const std::string& who) {
  require(fraction >= 0 && fraction <= 1, "{}: the fraction {} is not between 0 and 1{}", who, fraction,
          fraction > 1 && fraction <= 100 ? fmt::format("; did you mean {}?", fraction / 100) : "");
  return static_cast<std::int64_t>(std::nearbyint(fraction * static_cast<double>(n)));  // (sel.1)
}

std::vector<Tensor> remove_lowest(const std::vector<Candidate>& candidates, std::int64_t remove) {
  require(!candidates.empty() || remove == 0, "select: cannot remove {} of 0 entries", remove);
  if (candidates.empty()) return {};
  std::vector<Tensor> masks;
  for (const Candidate& c : candidates) {
    check(c, candidates[0].scores.dtype());
    masks.push_back(empty(c.scores.shape(), DType::u8));
  }
  if (candidates[0].scores.dtype() == DType::f32) select<float>(candidates, remove, masks);
  else select<double>(candidates, remove, masks);
  return masks;
}

Tensor remove_below(const Candidate& candidate, double threshold) {
  require(!std::isnan(threshold), "select: the threshold is NaN");
  check(candidate, candidate.scores.dtype());
  const std::vector<Candidate> one{candidate};
  std::vector<Tensor> mask{empty(candidate.scores.shape(), DType::u8)};
  dispatch_floating("select", candidate.scores.dtype(), [&]<class T>() {
    const std::vector<Piece<T>> pieces = cut<T>(one, mask);
    refuse_nan(pieces);
    for (const Piece<T>& p : pieces)
      for (std::int64_t i = 0; i < p.size; ++i) p.out[i] = p.kept(i) && static_cast<double>(p.scores[i]) >= threshold;
  });
  return mask[0];
}

EmptyLayer::EmptyLayer(const std::string& layer, const Shape& shape)
    : Error(fmt::format("prune: layer \"{}\" {} would be left with no weight at all, and the network with nothing to say; prune less", layer, shape)),
      layer_(layer) {}

void require_no_empty_layer(const std::vector<Candidate>& candidates, const std::vector<Tensor>& masks) {
  for (std::size_t c = 0; c < masks.size(); ++c) {
    bool any = masks[c].numel() == 0;
    for (std::uint8_t m : masks[c].data<std::uint8_t>()) any |= m != 0;
    if (!any) throw EmptyLayer(candidates[c].name, masks[c].shape());
  }
}

}  // namespace bonsai::prune
