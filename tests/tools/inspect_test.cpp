// inspect: what it counts against a plain count, in files of several windows too.
#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

bool says(const Outcome& o, const std::string& text) { return o.out.find(text) != std::string::npos; }

TEST(Inspect, CountsWhatIsThere) {
  const TemporaryFolder at;
  // 2:4 in two of three groups, 1:4 in one; a third tensor with a NaN and infinities; one with more rows than a window holds.
  Stored many = normal("many", "BF16", {90'000, 4}, 1);
  for (std::size_t i = 0; i < many.values.size(); ++i)
    if (i % 4 == 1 || (i % 4 == 2 && i > 400)) many.values[i] = 0;  // 100 of 90,000 groups keep three, the others two
  store(at / "in",
        {{"w", "F32", {1, 12}, {1, -2, 0, 0, 0, 0, 0, 4, 0, 1, 1, 1}},
         {"odd", "F64", {3}, {std::nan(""), 5, -INFINITY}},
         many,
         {"mask", "U8", {2, 4}, {1, 0, 0, 0, 0, 1, 1, 0}},
         {"steps", "I64", {1}, {-7}},
         {"none", "F32", {0, 3}, {}},
         {"scalar", "F32", {}, {0}}},
        {{"who", "a\ntest"}});
  for (const char* threads : {"1", "2"}) {
    const Outcome o = tool("inspect", {at / "in", "--threads", threads});
    ASSERT_EQ(o.status, 0) << o.err;
    auto row = [&](const char* name, const std::string& shape, const char* dtype, std::int64_t n, const std::string& rest) {
      const std::string line = fmt::format("{:<6}  {:<10}  {:<5}  {:>11}  {}", name, shape, dtype, n, rest);
      EXPECT_TRUE(says(o, line)) << "[" << line << "]\n" << o.out;
    };
    row("w", "(1, 12)", "F32", 12, " 0.5000  0.667      -  0.333         -2          4      4.899  |");
    row("odd", "(3)", "F64", 3, " 1.0000      -      -      -          5          5          5  |");
    EXPECT_TRUE(says(o, "|  1 NaN  1 infinite\n")) << o.out;
    row("mask", "(2, 4)", "U8", 8, " 0.3750  1.000      -  0.500          0          1      1.732  |");
    row("steps", "(1)", "I64", 1, " 1.0000      -      -      -         -7         -7          7  |");
    row("none", "(0, 3)", "F32", 0, " 1.0000      -      -      -          0          0          0  |");
    row("scalar", "()", "F32", 1, " 0.0000      -      -      -          0          0          0  |");
    EXPECT_TRUE(says(o, "(90000, 4)  BF16        360000   0.5003  0.999      -  0.000")) << o.out;
    EXPECT_TRUE(says(o, "who: a?test\n"));
  }
}

TEST(Inspect, TheLineIsTheHistogram) {
  const TemporaryFolder at;
  store(at / "in", {{"w", "F32", {2, 6}, {-1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0.02, 0.02}}});
  const Outcome o = tool("inspect", {at / "in"});
  EXPECT_TRUE(says(o, "|▂               ▃              █|")) << o.out;  // 1, 2 and 7 of them
}

TEST(Inspect, DrawsWithoutTouchingTheFile) {
  if (std::system("gnuplot --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gnuplot is not installed";
  const TemporaryFolder at;
  std::vector<Stored> all;
  for (int i = 0; i < 14; ++i) all.push_back(normal(fmt::format("layer_{}", i), "F16", {8 + i, 16}, 20 + i));
  store(at / "in", all);
  const std::string before = get(at / "in");
  const Outcome o = tool("inspect", {at / "in", "--figure", at / "h.png"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_TRUE(get(at / "h.png").starts_with("\x89PNG"));
  EXPECT_NE(get(at / "h.gp").find("the 12 largest of 14"), std::string::npos);
  EXPECT_EQ(get(at / "h.gp").find("layer\\\\_0\\n"), std::string::npos);  // the smallest two are left out
  EXPECT_EQ(get(at / "in"), before);
  expect_refused(tool("inspect", {at / "in", "--figure", at / "h.jpg"}), "--figure", "inspect");
  store(at / "zero", {{"w", "F32", {1, 2}, {0, 0}}});
  expect_refused(tool("inspect", {at / "zero", "--figure", at / "z.png"}), "has no weight that is not 0", "inspect");
}

}  // namespace
}  // namespace bonsai::test
