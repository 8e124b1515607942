// Worked example: one robot, by hand, and the rule that OBS's four weights hold for MONK 3.
//
//   robot 300    a = (3, 1, 1, 2, 3, 1): 300 = 2·144 + 0·48 + 0·24 + 1·8 + 2·2 + 0, each attribute less 1
//   inputs       a1 = 3   a2 = 1   a3 = 1   a4 = 2   a5 = 3      a6 = 1
//                0 0 1    1 0 0    1 0      0 1 0    0 0 1 0     1 0
//   MONK 1       a1 = a2? no. a5 = 1? no                              no monk
//   MONK 2       a2, a3 and a6 are 1: three attributes, not two       no monk
//   MONK 3       a5 = 3 and a4 = 1? no. a5 != 4 and a2 != 3? yes      monk
//
// (a5 != 4 and a2 != 3) alone is the whole rule but for the robots with a5 = 3, a4 = 1 and a2 = 3: 3·1·2·1·1·2 = 12 of them. So a
// network that knows only that is right on 420 of 432 robots, 97.2%, which is what OBS's network of 4 weights reached.
#include <doctest/doctest.h>

#include "datasets/monks.h"

using namespace bonsai;
using namespace bonsai::datasets;

TEST_CASE("MONK's: one robot and a rule cut short") {
  const Robot a = robot(300);
  CHECK(a == Robot{3, 1, 1, 2, 3, 1});
  CHECK_FALSE(is_monk(1, a));
  CHECK_FALSE(is_monk(2, a));
  CHECK(is_monk(3, a));

  // No file is there, so a training set is drawn. The test set is every robot in any case.
  const Monks monks = load_monks("/no/such/folder", 3, 1);
  CHECK(monks.origin == "MONK 3: 122 training examples drawn with seed 1, not the published ones; ./bonsai data monks fetches those");
  CHECK(take(monks.test, tensor<std::int64_t>({300})).inputs.to_vector<float>() ==
        std::vector<float>{0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0});

  int right = 0;
  for (int i = 0; i < robots; ++i) {
    const auto [a1, a2, a3, a4, a5, a6] = robot(i);
    right += (a5 != 4 && a2 != 3) == is_monk(3, robot(i));
  }
  CHECK(right == 420);
}
