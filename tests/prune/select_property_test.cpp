// Selection against the plainest oracle there is, a stable sort, on a few hundred random cases.
#include <algorithm>
#include <limits>
#include <numeric>

#include "core/random.h"
#include "prune/select.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {

// All kept entries of all candidates in order, stably sorted by score: the first `remove` go.
template <class T>
std::vector<std::vector<std::uint8_t>> oracle(const std::vector<Candidate>& candidates, std::int64_t remove) {
  struct Entry {
    std::size_t candidate, index;
    T score;
  };
  std::vector<Entry> entries;
  std::vector<std::vector<std::uint8_t>> masks;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const auto scores = candidates[c].scores.to_vector<T>();
    masks.push_back(candidates[c].mask.defined() ? candidates[c].mask.to_vector<std::uint8_t>() : std::vector<std::uint8_t>(scores.size(), 1));
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (masks[c][i]) entries.push_back({c, i, scores[i]});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.score < b.score; });
  for (std::int64_t i = 0; i < remove; ++i) masks[entries[i].candidate][entries[i].index] = 0;
  return masks;
}

// Scores of six kinds: normal, few values (many ties), all equal, near one another in their last bits, the special numbers, any bits.
template <class T>
T draw(Random& random, int kind) {
  using Limits = std::numeric_limits<T>;
  static const T special[] = {T(0), -T(0), Limits::infinity(), -Limits::infinity(), Limits::denorm_min(), -Limits::denorm_min(),
                              Limits::min(), -Limits::min(), Limits::max(), Limits::lowest(), T(1), T(-1)};
  switch (kind) {
    case 0: return static_cast<T>(random.normal());
    case 1: return static_cast<T>(static_cast<int>(random.below(5)) - 2);
    case 2: return T(0.25);
    case 3: return T(1) + static_cast<T>(random.below(40)) * Limits::epsilon();
    case 4: return special[random.below(std::size(special))];
    default: {
      const std::uint64_t bits = std::uint64_t{random.word()} << 32 | random.word();
      T x;
      std::memcpy(&x, &bits, sizeof x);
      return std::isnan(x) ? T(7) : x;
    }
  }
}

template <class T>
void check_random_cases(std::uint64_t seed, int cases) {
  Random random(seed);
  for (int round = 0; round < cases; ++round) {
    const int kind = static_cast<int>(random.below(6));
    std::vector<Candidate> candidates(1 + random.below(4));
    std::int64_t kept = 0;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const std::int64_t rows = 1 + static_cast<std::int64_t>(random.below(20)), columns = static_cast<std::int64_t>(random.below(30));  // 0 too
      candidates[c] = {fmt::format("layer{}", c), empty({rows, columns}, dtype_of<T>()), {}};
      for (T& s : candidates[c].scores.template mutable_data<T>()) s = draw<T>(random, kind);
      if (random.below(2)) {
        const double density = random.uniform();
        candidates[c].mask = cast(random.bernoulli({rows, columns}, density), DType::u8);
        auto mask = candidates[c].mask.data<std::uint8_t>();
        auto scores = candidates[c].scores.template mutable_data<T>();
        for (std::size_t i = 0; i < mask.size(); ++i) {
          kept += mask[i];
          if (!mask[i] && random.below(4) == 0) scores[i] = std::numeric_limits<T>::quiet_NaN();  // nobody looks at pruned entries
        }
      } else {
        kept += rows * columns;
      }
    }
    const std::uint64_t which = random.below(8);
    const std::int64_t remove = which == 0 ? 0 : which == 1 ? kept : static_cast<std::int64_t>(random.below(kept + 1));
    const auto want = oracle<T>(candidates, remove);
    const auto got = remove_lowest(candidates, remove);
    ASSERT_EQ(got.size(), want.size());
    std::int64_t left = 0;
    for (std::size_t c = 0; c < got.size(); ++c) {
      ASSERT_EQ(got[c].shape(), candidates[c].scores.shape());
      ASSERT_EQ(got[c].to_vector<std::uint8_t>(), want[c]) << "case " << round << " kind " << kind << " candidate " << c << " remove " << remove;
      left += std::accumulate(want[c].begin(), want[c].end(), std::int64_t{0});
    }
    ASSERT_EQ(left, kept - remove) << "case " << round;
  }
}

TEST(SelectProperty, IsAStableSortInF32) { check_random_cases<float>(1, 400); }
TEST(SelectProperty, IsAStableSortInF64) { check_random_cases<double>(2, 400); }

// Removing a and then b more is removing a + b at once: what is gone stays gone, and the order among the rest does not change.
TEST(SelectProperty, RemovalsCompose) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Candidate> candidates{{"a", random.normal({7, 11}), {}}, {"b", random.normal({50}), {}}};
    if (round % 2)
      for (Candidate& c : candidates)
        for (float& s : c.scores.mutable_data<float>()) s = std::round(s);
    const std::int64_t first = static_cast<std::int64_t>(random.below(128)), second = static_cast<std::int64_t>(random.below(128 - first));
    const auto at_once = remove_lowest(candidates, first + second);
    const auto after_first = remove_lowest(candidates, first);
    for (std::size_t c = 0; c < 2; ++c) candidates[c].mask = after_first[c];
    const auto in_two = remove_lowest(candidates, second);
    for (std::size_t c = 0; c < 2; ++c) ASSERT_TRUE(test::same_bits(in_two[c], at_once[c])) << round;
  }
}

}  // namespace
}  // namespace bonsai::prune
