// By hand: three neurons with two inputs each, w = [[3, -4], [0, 5], [-4, 4]].
//
//   n              1  (7, 5, 8)         neuron 2 goes first: its one weight is alone
//   n              2  (5, 5, 5.66)      a tie: the lower index goes first, neuron 1
//   n       infinity  (4, 5, 4)         the largest weight of each
//   n      -infinity  (3, 0, 4)         the smallest
//   along axis 1, n 1 (7, 13)           what the neurons read from each input
#include <doctest/doctest.h>

#include "prune/scores/channel_norm.h"
#include "prune/select.h"

TEST_CASE("which neuron is the smallest depends on the norm") {
  using namespace bonsai;
  const Tensor w = tensor({3.0, -4.0, 0.0, 5.0, -4.0, 4.0}, {3, 2});
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(prune::channel_norm(w, 1, 0).to_vector<double>() == std::vector{7.0, 5.0, 8.0});
  CHECK(prune::channel_norm(w, 2, 0).to_vector<double>() == std::vector{5.0, 5.0, std::sqrt(32.0)});
  CHECK(prune::channel_norm(w, infinity, 0).to_vector<double>() == std::vector{4.0, 5.0, 4.0});
  CHECK(prune::channel_norm(w, -infinity, 0).to_vector<double>() == std::vector{3.0, 0.0, 4.0});
  CHECK(prune::channel_norm(w, 1, 1).to_vector<double>() == std::vector{7.0, 13.0});

  const auto masks = prune::remove_lowest({{"neurons", prune::channel_norm(w, 2, 0), {}}}, 1);
  CHECK(masks[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 1, 1});
}
