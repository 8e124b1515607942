// The streamed selection against the one in memory, on random scores with ties, by pieces of every size, with and without room for keys.
#include "prune/select_stream.h"

#include <atomic>
#include <cstring>
#include <limits>

#include "core/ops.h"
#include "core/parallel.h"
#include "core/random.h"
#include "prune/select.h"
#include "tests/files_support.h"

namespace bonsai::prune {
namespace {

template <class T>
std::vector<ScoreStream<T>> streams(const std::vector<Candidate>& candidates) {
  std::vector<ScoreStream<T>> out;
  for (const Candidate& c : candidates)
    out.push_back(
        {c.name, c.scores.numel(), [s = c.scores](std::int64_t begin, std::int64_t n, T* to) { std::copy_n(s.data<T>().data() + begin, n, to); }});
  return out;
}

template <class T>
std::vector<std::vector<std::uint8_t>> masks_of(const StreamSelection<T>& s, const std::vector<Candidate>& candidates, std::int64_t piece) {
  std::vector<std::vector<std::uint8_t>> masks;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const std::int64_t n = candidates[c].scores.numel();
    std::vector<std::uint8_t> mask(n, 7);
    for (std::int64_t begin = 0; begin < n; begin += piece)
      s.mask(c, begin, std::min(piece, n - begin), candidates[c].scores.template data<T>().data() + begin, mask.data() + begin);
    masks.push_back(mask);
  }
  return masks;
}

// Few values, equal ones, neighbours in the last bits (where the last digit decides), both zeros and the infinities, any bits, normal.
template <class T>
T draw(Random& random, std::uint64_t kind) {
  using Limits = std::numeric_limits<T>;
  static const T special[] = {T(0),          -T(0),           Limits::infinity(), -Limits::infinity(), Limits::denorm_min(), -Limits::denorm_min(),
                              Limits::max(), Limits::lowest()};
  if (kind == 0) return static_cast<T>(static_cast<int>(random.below(5)) - 2);
  if (kind == 1) return T(0.25);
  if (kind == 2) return T(1) + static_cast<T>(random.below(40)) * Limits::epsilon();
  if (kind == 3) return special[random.below(std::size(special))];
  if (kind == 4) {
    const std::uint64_t bits = std::uint64_t{random.word()} << 32 | random.word();
    T x;
    std::memcpy(&x, &bits, sizeof x);
    return std::isnan(x) ? T(7) : x;
  }
  return static_cast<T>(random.normal());
}

template <class T>
void check(std::uint64_t seed) {
  Random random(seed);
  for (int round = 0; round < 600; ++round) {
    const std::uint64_t kind = random.below(6);
    std::vector<Candidate> candidates(1 + random.below(4));
    std::int64_t total = 0;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      candidates[c] = {fmt::format("w{}", c), empty({static_cast<std::int64_t>(random.below(200))}, dtype_of<T>()), {}};
      for (T& s : candidates[c].scores.template mutable_data<T>()) s = draw<T>(random, kind);
      total += candidates[c].scores.numel();
    }
    const std::uint64_t which = random.below(8);
    const std::int64_t remove = which == 0 ? 0 : which == 1 ? total : static_cast<std::int64_t>(random.below(total + 1));
    const std::int64_t piece = 1 + static_cast<std::int64_t>(random.below(64));
    const std::vector<Tensor> want = remove_lowest(candidates, remove);
    for (const std::int64_t keys : {std::int64_t{1}, std::int64_t{20}, std::int64_t{0}}) {  // all passes, some, one and the keys
      const auto s = select_stream(streams<T>(candidates), remove, {.piece = piece, .keys = keys});
      const auto got = masks_of(s, candidates, piece);
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        const auto mask = want[c].to_vector<std::uint8_t>();
        ASSERT_EQ(got[c], mask) << "case " << round << " kind " << kind << " keys " << keys << " remove " << remove;
        ASSERT_EQ(s.removed(c), std::count(mask.begin(), mask.end(), 0));
      }
    }
  }
}

TEST(SelectStream, IsTheSelectionInMemoryF32) { check<float>(1); }
TEST(SelectStream, IsTheSelectionInMemoryF64) { check<double>(2); }

TEST(SelectStream, ThePiecesOfRealFilesAtOneAndTwoThreads) {
  Random random(3);
  std::vector<Candidate> candidates{{"a", random.normal({700, 1001}), {}}, {"b", random.normal({300'000}), {}}};
  for (float& x : candidates[1].scores.mutable_data<float>()) x = std::round(8 * x) / 8;  // ties across pieces
  const std::int64_t remove = count(0.6, 1'000'700);
  const std::vector<Tensor> want = remove_lowest(candidates, remove);
  for (const int n : {1, 2}) {
    set_threads(n);
    std::atomic<std::int64_t> read = 0;
    auto s = streams<float>(candidates);
    for (auto& one : s)
      one.read = [inner = one.read, &read](std::int64_t begin, std::int64_t size, float* to) { inner(begin, size, to), read += size; };
    const auto got = masks_of(select_stream(s, remove), candidates, StreamLimits{}.piece);
    for (std::size_t c = 0; c < 2; ++c) EXPECT_EQ(got[c], want[c].to_vector<std::uint8_t>());
    EXPECT_EQ(read, 2 * 1'000'700);  // two passes
  }
  set_threads(1);
}

TEST(SelectStream, Refuses) {
  std::vector<Candidate> c{{"good", ones({5}), {}}, {"bad", ones({9}), {}}};
  c[1].scores.mutable_data<float>()[6] = std::nanf("");
  EXPECT_MESSAGE(select_stream(streams<float>(c), 3, {.piece = 4}), "select: the score of \"bad\" at index 6 is NaN");
  EXPECT_MESSAGE(select_stream(streams<float>(c), 0, {.piece = 4}), "select: the score of \"bad\" at index 6 is NaN");
  EXPECT_MESSAGE(select_stream(streams<float>(c), 15), "cannot remove 15 of 14");
  EXPECT_MESSAGE(select_stream(streams<float>({}), 1), "cannot remove 1 of 0");
  const std::vector<Candidate> one{{"w", ones({9}), {}}};
  const auto s = select_stream(streams<float>(one), 3, {.piece = 4});
  std::uint8_t mask[4];
  const float scores[4] = {1, 1, 1, 1};
  EXPECT_MESSAGE(s.mask(0, 2, 4, scores, mask), "no piece");
  EXPECT_MESSAGE(s.mask(0, 4, 3, scores, mask), "no piece");
}

}  // namespace
}  // namespace bonsai::prune
