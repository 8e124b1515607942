// A run that is killed at seeded moments and taken up each time, beside one that was never stopped.
#pragma once
#include "core/random.h"
#include "tests/experiments/program.h"

namespace bonsai::test {

inline int kills() {
  const char* count = std::getenv("BONSAI_KILLS");
  if (sanitized) return 1;  // each run takes half a minute
  return count && *count ? std::atoi(count) : 3;
}

// Kills `kills()` times, at seeded moments, and resumes after each; whenever the run is done, compares and starts
// afresh. except: files that hold measured times.
inline void kill_and_compare(const std::vector<std::string>& args, std::uint64_t seed, const std::string& program = "lth_mnist",
                             const std::set<std::string>& except = {"timing.json"}) {
  const TemporaryFolder at;
  auto with = [&](const fs::path& out) {
    std::vector<std::string> all = args;
    all.insert(all.end(), {"--out", out, "--resume"});
    return all;
  };
  const Outcome whole = run({.args = with(at / "reference"), .program = program});
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::string results = get(at / "reference/results.csv");

  Random random(seed);
  const fs::path out = at / "killed";
  auto finish = [&] {
    const Outcome o = run({.args = with(out), .program = program});
    ASSERT_EQ(o.status, 0) << o.err;
    expect_same(out, at / "reference", except);
    fs::remove_all(out);
  };
  for (int k = 0; k < kills(); ++k) {
    // Data and figures take their share of a run; most moments lie within the trainings.
    const double moment = whole.seconds * (0.1 + 0.9 * random.uniform());
    SCOPED_TRACE(fmt::format("kill {} after {:.3f} s", k, moment));
    const Outcome o = run({.args = with(out), .kill_after = moment, .program = program});
    ASSERT_TRUE(o.killed() || o.status == 0) << o.status << " " << o.err;
    EXPECT_TRUE(results.starts_with(get(out / "results.csv"))) << "results.csv is not a prefix";
    if (fs::exists(out / "summary.json")) finish();
    if (testing::Test::HasFailure()) return;
  }
  finish();
}

}  // namespace bonsai::test
