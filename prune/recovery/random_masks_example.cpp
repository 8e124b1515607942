// By hand: a ticket keeps 2 of 4 weights in one layer and 3 of 3 in another; so does its control, whatever the stream. Two of four can be
// chosen in six ways, and all six come up.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "prune/recovery/random_masks.h"

TEST_CASE("a random mask keeps as many in every layer, at any places") {
  using namespace bonsai;
  const Tensor two_of_four = tensor<std::uint8_t>({1, 0, 0, 1}), all = tensor<std::uint8_t>({1, 1, 1});
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<Tensor> m = prune::random_masks({two_of_four, all, Tensor()}, Random(seed));
    std::string places;
    for (std::uint8_t kept : m[0].data<std::uint8_t>()) places += kept ? '1' : '0';
    seen.insert(places);
    CHECK(m[1].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1, 1});
    CHECK(!m[2].defined());
  }
  CHECK(seen == std::set<std::string>{"0011", "0101", "0110", "1001", "1010", "1100"});
}
