// Eight weights to four values and one byte: the 2:4 format, by hand.
// do it, 45 minutes. Chapter: core/sparse24/FORMAT.md.
//
// A row keeps exactly two of every four columns; what is not kept is 0. Return
//
//   kept_values   the kept entries, from left to right
//   positions     of each kept entry its column within its group of four, 0 to 3, in 2 bits. Two groups a byte: the
//                 first group in the low half, and in a group the first kept column in the low bits. An odd number
//                 of groups leaves the last byte's high half 0
//
//   row (0 5 0 7 | 1 0 0 2)      values (5, 7, 1, 2)      positions 1, 3, 0, 3, one byte: 11'00'11'01 in binary
//
// How many bytes does that make of a row of 4096 columns in f32, and how many was it before?
#include "core/sparse.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> kept_values(const std::vector<double>& row) {
  todo();
}

EXERCISE std::vector<std::uint8_t> positions(const std::vector<double>& row) {
  todo();
}

// ---- The cases

namespace {
std::vector<double> random_24(Random r, std::int64_t columns) {  // two of four, anywhere
  std::vector<double> row(columns, 0.0);
  for (std::int64_t g = 0; g < columns; g += 4) {
    const std::uint64_t a = r.below(4), b = (a + 1 + r.below(3)) % 4;
    row[g + a] = 1 + r.uniform();
    row[g + b] = -1 - r.uniform();
  }
  return row;
}
PatternRef pattern_of_row(const std::vector<double>& row) {
  const Tensor w = tensor(std::span<const double>(row), {1, static_cast<std::int64_t>(row.size())});
  return pattern_of(not_equal(w, zeros_like(w)));
}
std::vector<double> packed_row(const std::vector<double>& row) {
  return pack(tensor(std::span<const double>(row), {1, static_cast<std::int64_t>(row.size())}), *pattern_of_row(row)).to_vector<double>();
}
const std::vector<double> example{0, 5, 0, 7, 1, 0, 0, 2};
}  // namespace

CASE("the values of (0 5 0 7 | 1 0 0 2)") { check(kept_values(example), std::vector<double>{5, 7, 1, 2}); }

CASE("its positions: one byte, 0b11001101") { check(positions(example), std::vector<std::uint8_t>{0b11001101}); }

CASE("a row of 64") {
  const std::vector<double> row = random_24(seeded(), 64);
  check(kept_values(row), packed_row(row), "values");
  check(positions(row), pattern_of_row(row)->positions(), "positions");
}

CASE("a row of 12: three groups, two bytes") {
  const std::vector<double> row = random_24(seeded(), 12);
  check(positions(row), pattern_of_row(row)->positions());
}
