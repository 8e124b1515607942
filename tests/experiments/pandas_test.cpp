// The chapter's two blocks of Python, as they stand there, on a run's own results.
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

TEST(Pandas, ReadsARunAsTheChapterSays) {
  const bool draws = std::system("/usr/bin/python3 -c 'import pandas, matplotlib' >/dev/null 2>&1") == 0;
  if (!draws && std::system("/usr/bin/python3 -c 'import pandas' >/dev/null 2>&1") != 0) GTEST_SKIP() << "pandas is not installed (Debian's python3-pandas)";
  const std::string page = get(fs::path(BONSAI_SOURCE_DIR) / "experiments/README.md"), opening = "```python\n";
  std::vector<std::string> blocks;
  for (std::size_t begin = page.find(opening); begin != page.npos; begin = page.find(opening, begin)) {
    begin += opening.size();
    blocks.push_back(page.substr(begin, page.find("```", begin) - begin));
  }
  ASSERT_EQ(blocks.size(), 2u);

  const TemporaryFolder at;
  NEEDS_MNIST();
  const Outcome o = run({.args = {"--quick", "--rounds", "2", "--iterations", "20", "--evaluate-every", "10", "--out", at / "runs/latest"}});
  ASSERT_EQ(o.status, 0) << o.err;
  put(at / "code.py", blocks[0] + (draws ? blocks[1] : ""));
  ASSERT_EQ(std::system(fmt::format("cd '{}' && MPLBACKEND=agg /usr/bin/python3 code.py >said 2>error", at.path().string()).c_str()), 0) << get(at / "error");
  // A line a level below the two of the heading, the densest first.
  const std::string said = get(at / "said");
  EXPECT_EQ(said.substr(0, said.find('\n')), "arm       reinit  ticket") << said;
  std::istringstream lines(said.substr(said.find('\n') + 1));
  std::string heading, reinit;
  lines >> heading;
  EXPECT_EQ(heading, "density");
  double density = 0, ticket = 0, before = 2;
  int count = 0;
  for (; lines >> density >> reinit >> ticket; ++count, before = density) {
    EXPECT_LT(density, before);
    EXPECT_TRUE(ticket > 0 && ticket < 100) << said;
    EXPECT_EQ(reinit == "NaN", count == 0) << said;
  }
  EXPECT_EQ(count, 3) << said;
  EXPECT_EQ(fs::exists(at / "tickets.png"), draws);
}

}  // namespace
}  // namespace bonsai::test
