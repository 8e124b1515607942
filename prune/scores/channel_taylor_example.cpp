// By hand: two channels of two positions, a = ((1, 2), (3, -1)), and the gradients of the loss there, g = ((2, -1), (1, 1)).
//
//   channel 1    1·2 + 2·(-1) = 0      what its positions say cancels: turned down a little, the channel changes nothing
//   channel 2    3·1 + (-1)·1 = 2      |2| / 2 positions = 1
//
// A second example with the gradients turned round in channel 2, and g = (1, 1) in channel 1: |3|/2 = 1.5 and |-2|/2 = 1.
// The mean over both: (0.75, 1). Had the examples been added before |·|, channel 2 would have got 2 - 2 = 0.
// Normalised: (0.75, 1) / 1.25 = (0.6, 0.8).
#include "prune/scores/channel_taylor.h"

#include <doctest/doctest.h>

TEST_CASE("Taylor for channels: positions may cancel, examples may not") {
  using namespace bonsai;
  const Tensor a = tensor({1.0, 2.0, 3.0, -1.0}, {1, 2, 2});
  prune::ChannelTaylor taylor;
  taylor.add(a, tensor({2.0, -1.0, 1.0, 1.0}, {1, 2, 2}));
  CHECK(taylor.scores().to_vector<double>() == std::vector{0.0, 1.0});
  taylor.add(a, tensor({1.0, 1.0, -1.0, -1.0}, {1, 2, 2}));
  CHECK(taylor.scores().to_vector<double>() == std::vector{0.75, 1.0});
  CHECK(prune::l2_normalized(taylor.scores()).to_vector<double>() == std::vector{0.6, 0.8});
}
