#include "prune/select_stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/parallel.h"
#include "prune/select_keys.h"

namespace bonsai::prune {
namespace {

constexpr std::int32_t block = 1024;

// What is known of the threshold's key: all bits but the lowest `open`, or nothing yet.
template <class Key>
struct Known {
  static constexpr int bits = 8 * sizeof(Key);
  Key high = 0;
  int open = bits;

  bool agrees(Key x) const { return open == bits || (x >> open) == high; }  // (a shift by all bits would be undefined)
  int width() const { return std::min(select_digit, open); }                // of the next digit
  int digit(Key x) const { return open == bits ? top_digit(x) : static_cast<int>((x >> (open - width())) & ((1 << width()) - 1)); }
  void learn(int digit) {
    const int w = width();
    high = open == bits ? static_cast<Key>(digit - (1 << (select_digit - 1))) : static_cast<Key>(high << w | digit);
    open -= w;
  }
};

// How often each digit comes among the keys that agree.
template <class T, class Key>
void count_digits(const T* scores, std::int64_t n, const Known<Key>& known, std::uint32_t* counts) {
  std::array<std::array<std::uint32_t, 1 << select_digit>, 4> four{};  // in turn, so that equal neighbours do not wait for each other
  std::uint16_t digits[block];                                         // a loop that vectorises, and one that cannot
  std::uint8_t wanted[block];
  const bool all = known.open == Known<Key>::bits;
  for (std::int64_t i = 0; i < n; i += block) {
    const auto size = static_cast<std::int32_t>(std::min<std::int64_t>(block, n - i));
    if (all) {
      for (std::int32_t j = 0; j < size; ++j) digits[j] = static_cast<std::uint16_t>(top_digit(select_key(scores[i + j])));
      for (std::int32_t j = 0; j < size; ++j) ++four[j & 3][digits[j]];
    } else {
      for (std::int32_t j = 0; j < size; ++j) digits[j] = static_cast<std::uint16_t>(known.digit(select_key(scores[i + j])));
      for (std::int32_t j = 0; j < size; ++j) wanted[j] = known.agrees(select_key(scores[i + j])) ? 1 : 0;
      for (std::int32_t j = 0; j < size; ++j) four[j & 3][digits[j]] += wanted[j];
    }
  }
  for (int d = 0; d < 1 << select_digit; ++d) counts[d] = four[0][d] + four[1][d] + four[2][d] + four[3][d];
}

// The keys that agree, in order; returns where they end.
template <class T, class Key>
Key* collect(const T* scores, std::int64_t n, const Known<Key>& known, Key* to) {
  Key here[block], found[block];
  std::uint8_t wanted[block];
  for (std::int64_t i = 0; i < n; i += block) {
    const auto size = static_cast<std::int32_t>(std::min<std::int64_t>(block, n - i));
    for (std::int32_t j = 0; j < size; ++j) here[j] = select_key(scores[i + j]);
    for (std::int32_t j = 0; j < size; ++j) wanted[j] = known.agrees(here[j]) ? 1 : 0;
    std::int32_t many = 0;  // every key is written, and stays when it is wanted: no branch that could be mispredicted
    for (std::int32_t j = 0; j < size; ++j) {
      found[many] = here[j];
      many += wanted[j];
    }
    to = std::copy_n(found, many, to);
  }
  return to;
}

}  // namespace

template <class T>
StreamSelection<T> select_stream(const std::vector<ScoreStream<T>>& candidates, std::int64_t remove, const StreamLimits& limits) {
  using Key = decltype(select_key(T()));
  StreamSelection<T> s;
  s.limits_ = limits;
  std::int64_t total = 0;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    s.first_.push_back(s.pieces_.size());
    for (std::int64_t begin = 0; begin < candidates[c].size; begin += limits.piece)
      s.pieces_.push_back({c, begin, std::min(limits.piece, candidates[c].size - begin)});
    total += candidates[c].size;
  }
  s.first_.push_back(s.pieces_.size());
  require(remove >= 0 && remove <= total, "select: cannot remove {} of {} kept entries", remove, total);
  const std::int64_t most = limits.keys > 0 ? limits.keys : std::clamp<std::int64_t>(total / 8, 1 << 16, 1 << 25);

  // work(scores, k) for each piece k.
  auto pass = [&](auto&& work) {
    parallel_for(static_cast<std::int64_t>(s.pieces_.size()), [&](std::int64_t k) {
      const auto& p = s.pieces_[k];
      Scratch<T> scores(p.size);
      candidates[p.candidate].read(p.begin, p.size, scores.data());
      work(scores.data(), k);
    });
  };
  auto refuse_nan = [&] {
    std::vector<std::int64_t> where(s.pieces_.size(), -1);
    pass([&](const T* scores, std::int64_t k) {
      const T* nan = std::find_if(scores, scores + s.pieces_[k].size, [](T x) { return std::isnan(x); });
      if (nan != scores + s.pieces_[k].size) where[k] = s.pieces_[k].begin + (nan - scores);
    });
    for (std::size_t k = 0; k < where.size(); ++k)
      require(where[k] < 0, "select: the score of \"{}\" at index {} is NaN", candidates[s.pieces_[k].candidate].name, where[k]);
  };

  Known<Key> known;
  std::int64_t left = remove;  // how many of those that agree with what is known have to go
  std::vector<std::array<std::uint32_t, 1 << select_digit>> counts(s.pieces_.size());
  for (bool first = true; known.open > 0; first = false) {
    pass([&](const T* scores, std::int64_t k) { count_digits(scores, s.pieces_[k].size, known, counts[k].data()); });
    Histogram all{};
    for (const auto& h : counts)
      for (std::size_t d = 0; d < all.size(); ++d) all[d] += h[d];
    if (first && may_hold_nan(all)) refuse_nan();
    if (remove == 0) break;
    const int d = find_digit(all, left);
    known.learn(d);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      s.pieces_[k].below += std::accumulate(counts[k].begin(), counts[k].begin() + d, std::int64_t{0});
      s.pieces_[k].equal = counts[k][d];
    }
    if (known.open == 0 || all[d] > most) continue;

    std::vector<std::int64_t> offset(counts.size() + 1);
    for (std::size_t k = 0; k < counts.size(); ++k) offset[k + 1] = offset[k] + s.pieces_[k].equal;
    std::vector<Key> keys(offset.back());
    pass([&](const T* scores, std::int64_t k) {
      const Key* end = collect(scores, s.pieces_[k].size, known, keys.data() + offset[k]);
      require(end == keys.data() + offset[k + 1], "select: the scores of \"{}\" changed while they were read",
              candidates[s.pieces_[k].candidate].name);
    });
    while (known.open > 0) {
      Histogram h{};
      for (const Key x : keys) h[known.digit(x)] += known.agrees(x);
      known.learn(find_digit(h, left));
    }
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const auto begin = keys.begin() + offset[k], end = keys.begin() + offset[k + 1];
      s.pieces_[k].below += std::count_if(begin, end, [&](Key x) { return x < known.high; });
      s.pieces_[k].equal = std::count(begin, end, known.high);
    }
  }
  s.threshold_ = remove == 0 ? std::numeric_limits<Key>::min() : known.high;  // nothing is below the lowest key: with remove 0 all stay
  for (auto& p : s.pieces_) {                                                 // of equal scores the first ones go
    p.ties = std::min(left, p.equal);
    left -= p.ties;
  }
  return s;
}

template <class T>
std::int64_t StreamSelection<T>::removed(std::size_t candidate) const {
  std::int64_t n = 0;
  for (std::size_t k = first_[candidate]; k < first_[candidate + 1]; ++k) n += pieces_[k].below + pieces_[k].ties;
  return n;
}

template <class T>
void StreamSelection<T>::mask(std::size_t candidate, std::int64_t begin, std::int64_t n, const T* scores, std::uint8_t* mask) const {
  using Key = decltype(select_key(T()));
  const Piece& p = pieces_.at(first_[candidate] + static_cast<std::size_t>(begin / limits_.piece));
  require(p.candidate == candidate && p.begin == begin && p.size == n, "select: {} entries at {} are no piece", n, begin);
  const Key threshold = static_cast<Key>(threshold_);
  for (std::int64_t i = 0; i < n; ++i) mask[i] = select_key(scores[i]) >= threshold ? 1 : 0;
  std::int64_t ties = p.ties;
  for (std::int64_t i = 0; ties > 0 && i < n; ++i)
    if (select_key(scores[i]) == threshold) {
      mask[i] = 0;
      --ties;
    }
}

template class StreamSelection<float>;
template class StreamSelection<double>;
template StreamSelection<float> select_stream(const std::vector<ScoreStream<float>>&, std::int64_t, const StreamLimits&);
template StreamSelection<double> select_stream(const std::vector<ScoreStream<double>>&, std::int64_t, const StreamLimits&);

}  // namespace bonsai::prune
