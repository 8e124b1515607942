// Learning-rate schedules against values by hand.
#include "nn/schedules.h"

#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

TEST(Schedules, Constant) {
  const Schedule s = constant(0.3);
  EXPECT_EQ(s(0), 0.3);
  EXPECT_EQ(s(1000000), 0.3);
}

TEST(Schedules, StepsFallAtTheMilestonesThemselves) {
  const Schedule s = steps(1, {20, 25}, 0.1);
  EXPECT_EQ(s(0), 1);
  EXPECT_EQ(s(19), 1);
  EXPECT_NEAR(s(20), 0.1, 1e-16);
  EXPECT_NEAR(s(24), 0.1, 1e-16);
  EXPECT_NEAR(s(25), 0.01, 1e-17);
  EXPECT_NEAR(s(1000), 0.01, 1e-17);
  EXPECT_EQ(steps(0.5, {})(7), 0.5);
  EXPECT_NEAR(steps(1, {3, 3}, 0.5)(3), 0.25, 1e-16);  // two milestones at once are two falls
}

TEST(Schedules, Cosine) {
  const Schedule s = cosine(2, 100);
  EXPECT_EQ(s(0), 2);
  EXPECT_NEAR(s(25), 1 + std::sqrt(0.5), 1e-14);
  EXPECT_NEAR(s(50), 1, 1e-14);
  EXPECT_NEAR(s(75), 1 - std::sqrt(0.5), 1e-14);
  EXPECT_NEAR(s(100), 0, 1e-15);
  EXPECT_NEAR(s(150), 0, 1e-15);
}

TEST(Schedules, WarmupRisesInAStraightLineAndThenFollows) {
  const Schedule s = warmup(4, constant(0.8));
  EXPECT_NEAR(s(0), 0.2, 1e-15);
  EXPECT_NEAR(s(1), 0.4, 1e-15);
  EXPECT_NEAR(s(2), 0.6, 1e-15);
  EXPECT_NEAR(s(3), 0.8, 1e-15);
  EXPECT_EQ(s(4), 0.8);
  EXPECT_EQ(warmup(0, constant(0.8))(0), 0.8);
  EXPECT_NEAR(warmup(2, steps(1, {1}))(0), 0.5, 1e-15);
  EXPECT_NEAR(warmup(2, steps(1, {1}))(1), 0.1, 1e-16);
}

TEST(Schedules, RefuseAbsurdNumbers) {
  EXPECT_TRUE(refuses([] { constant(0); }, {"above 0"}));
  EXPECT_TRUE(refuses([] { constant(-1); }, {"-1"}));
  EXPECT_TRUE(refuses([] { constant(std::nan("")); }, {"nan"}));
  EXPECT_TRUE(refuses([] { steps(1, {5, 3}); }, {"rise"}));
  EXPECT_TRUE(refuses([] { steps(1, {5}, 0); }, {"above 0"}));
  EXPECT_TRUE(refuses([] { cosine(1, 0); }, {"above 0"}));
  EXPECT_TRUE(refuses([] { warmup(-1, constant(1)); }, {"-1"}));
}

}  // namespace
}  // namespace bonsai::nn
