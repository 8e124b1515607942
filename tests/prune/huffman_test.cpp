// Huffman codes against the textbook's tree, length limits against an exhaustive search, and readers against hostile lengths and bits. Relative indices there and back.
#include "prune/compress/huffman.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>

#include "core/random.h"
#include "prune/compress/relative_index.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using test::refuses;

using Counts = std::vector<std::uint64_t>;
std::uint64_t cost(const Counts& counts, const std::vector<std::uint8_t>& lengths) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) bits += counts[i] * lengths[i];
  return bits;
}

// The bits that a Huffman tree takes: the sum of all its inner nodes.
std::uint64_t by_tree(const Counts& counts) {
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue;
  for (const std::uint64_t c : counts)
    if (c > 0) queue.push(c);
  std::uint64_t bits = 0;
  while (queue.size() > 1) {
    const std::uint64_t a = queue.top();
    queue.pop();
    const std::uint64_t both = a + queue.top();
    queue.pop();
    bits += both;
    queue.push(both);
  }
  return bits;
}

// The least cost of any lengths up to `longest` that a code can have.
std::uint64_t exhaustive(const Counts& counts, int longest) {
  std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
  std::function<void(std::size_t, std::uint64_t, std::uint64_t)> go = [&](std::size_t i, std::uint64_t used, std::uint64_t bits) {
    if (used > std::uint64_t{1} << longest) return;
    if (i == counts.size()) {
      best = std::min(best, bits);
      return;
    }
    for (int l = 1; l <= longest; ++l) go(i + 1, used + (std::uint64_t{1} << (longest - l)), bits + counts[i] * static_cast<std::uint64_t>(l));
  };
  go(0, 0, 0);
  return best;
}

void expect_code(const std::vector<std::uint8_t>& lengths) {
  const auto codes = huffman_codes(lengths);
  for (std::size_t a = 0; a < lengths.size(); ++a)
    for (std::size_t b = 0; b < lengths.size(); ++b)
      if (a != b && lengths[a] > 0 && lengths[b] >= lengths[a]) { EXPECT_NE(codes[b] >> (lengths[b] - lengths[a]), codes[a]) << "one code begins another"; }
}

TEST(Huffman, AsShortAsTheTextbooksTree) {
  Random r(1);
  for (int trial = 0; trial < 300; ++trial) {
    Counts counts(1 + r.below(60));
    for (auto& c : counts) c = r.below(3) == 0 ? 0 : 1 + r.below(r.below(2) ? 5 : 1000);
    const auto lengths = huffman_lengths(counts);
    const auto used = std::ranges::count_if(counts, [](auto c) { return c > 0; });
    if (used > 1) { EXPECT_EQ(cost(counts, lengths), by_tree(counts)); }
    for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(lengths[i] > 0, counts[i] > 0);
    expect_code(lengths);
    EXPECT_EQ(lengths, huffman_lengths(counts));
  }
}

TEST(Huffman, LimitedLengthsAreTheBestThereAre) {
  Random r(2);
  for (int trial = 0; trial < 60; ++trial) {
    Counts counts(2 + r.below(4));
    for (auto& c : counts) c = 1 + r.below(200);
    for (int longest = 3; longest <= 4; ++longest) {
      const auto lengths = huffman_lengths(counts, longest);
      EXPECT_EQ(cost(counts, lengths), exhaustive(counts, longest));
      EXPECT_LE(*std::ranges::max_element(lengths), longest);
    }
  }
  Counts fibonacci{1, 1};  // the tree of these is a chain, 39 deep
  while (fibonacci.size() < 40) fibonacci.push_back(fibonacci[fibonacci.size() - 1] + fibonacci[fibonacci.size() - 2]);
  const auto lengths = huffman_lengths(fibonacci);
  EXPECT_EQ(*std::ranges::max_element(lengths), 15);
  expect_code(lengths);
  EXPECT_NO_THROW(HuffmanReader(lengths, "f"));
  EXPECT_TRUE(refuses([] { huffman_lengths(Counts(5, 1), 2); }, {"5 symbols", "2 bits"}));
}

TEST(Huffman, ReadsWhatWasWritten) {
  Random r(3);
  for (int trial = 0; trial < 100; ++trial) {
    const std::size_t symbols = 1 + r.below(trial % 4 == 0 ? 1 : 256);
    std::vector<std::uint32_t> message;
    for (std::uint64_t i = 0, n = 1 + r.below(500); i < n; ++i) message.push_back(static_cast<std::uint32_t>(r.below(1 + r.below(symbols))));
    Counts counts(symbols, 0);
    for (const auto s : message) ++counts[s];
    const auto lengths = huffman_lengths(counts);
    const auto codes = huffman_codes(lengths);
    BitWriter out;
    for (const auto s : message) out.put(codes[s], lengths[s]);
    EXPECT_EQ(out.count(), cost(counts, lengths));
    EXPECT_GE(out.count(), message.size());  // no symbol for nothing
    BitReader in(out.bytes(), "test");
    const HuffmanReader reader(lengths, "test");
    for (const auto s : message) ASSERT_EQ(reader.read(in), s);
    EXPECT_EQ(in.finish(), out.bytes().size());
    EXPECT_TRUE(refuses([&] { for (int i = 0; i < 16; ++i) in.bit(); }, {"test: its bits end too early"}));
  }
}

TEST(Huffman, RefusesLengthsAndBitsOfNoCode) {
  for (const std::vector<std::uint8_t>& lengths : {std::vector<std::uint8_t>{}, {0, 0}, {1, 1, 1}, {1, 2}, {2}, {15, 15}, {1, 2, 3}, {1, 1, 15}})
    EXPECT_TRUE(refuses([&] { HuffmanReader(lengths, "the file"); }, {"the file: its code lengths"}));
  EXPECT_NO_THROW(HuffmanReader({1, 2, 2}, "f"));
  const HuffmanReader alone({0, 1}, "f");
  BitReader ones("\xff\xff\xff", "f");
  EXPECT_TRUE(refuses([&] { alone.read(ones); }, {"f: a code that no symbol has"}));
  BitReader rest("\x81", "f");
  rest.bit();
  EXPECT_TRUE(refuses([&] { rest.finish(); }, {"f: the bits after its last code are not 0"}));
}

TEST(RelativeIndex, StepsLeadToTheirPlaces) {
  Random r(4);
  for (int trial = 0; trial < 300; ++trial) {
    const std::int64_t size = 1 + static_cast<std::int64_t>(r.below(600));
    std::vector<std::int64_t> places;
    const double density = r.uniform() * r.uniform();
    for (std::int64_t i = 0; i < size; ++i)
      if (r.uniform() < density) places.push_back(i);
    for (int bits = 1; bits <= 8; ++bits) {
      std::int64_t at = -1, longest = std::int64_t{1} << bits;
      std::vector<std::int64_t> found;
      for (const Step& s : relative_index(places, size, bits)) {
        ASSERT_TRUE(s.code >= 0 && s.code < longest);
        at += s.code + 1;
        if (s.filler) { EXPECT_EQ(s.code, longest - 1); }  // a filler stands only where a step is too long
        else found.push_back(at);
      }
      EXPECT_EQ(found, places);
      EXPECT_LT(at, size);
      EXPECT_LE(size - at, longest);  // and what follows is no longer than a step
    }
  }
  EXPECT_EQ(relative_index({0, 1, 2}, 3, 0), (std::vector<Step>{{0, false}, {0, false}, {0, false}}));
  EXPECT_TRUE(refuses([] { relative_index({0, 2}, 3, 0); }, {"0 bits", "place 1"}));
  EXPECT_TRUE(refuses([] { relative_index({0, 1}, 3, 0); }, {"0 bits", "place 2"}));
  EXPECT_TRUE(refuses([] { relative_index({1, 1}, 3, 2); }, {"place 1 after 1"}));
  EXPECT_TRUE(refuses([] { relative_index({3}, 3, 2); }, {"place 3", "below 3"}));
  EXPECT_TRUE(refuses([] { relative_index({}, 3, 9); }, {"9 bits"}));
}

}  // namespace
}  // namespace bonsai::prune
