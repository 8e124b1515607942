// gradual_mnist from its command line to its summary, on the real MNIST: the steps and sparsities that it promises, the same bytes however
// it is run, and what it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/safetensors.h"
#include "experiments/common/sparsities.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

// Seconds: 120 steps, pruning from step 20 to step 80.
std::vector<std::string> short_run(std::vector<std::string> more) {
  std::vector<std::string> args{"--quick", "--iterations", "120", "--start", "20", "--every", "20", "--updates", "3", "--rounds", "2", "--woodfisher-updates", "2",
                                "--examples", "4", "--dynamic-every", "15", "--dynamic-end", "90", "--evaluate-every", "60", "--validation", "500",
                                "--checkpoint-every", "25"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}
Outcome gradual(std::vector<std::string> args, double kill_after = 0) { return run({.args = std::move(args), .kill_after = kill_after, .program = "gradual_mnist"}); }

TEST(gradual_mnist, every_arm_ends_at_its_sparsity_after_the_same_steps) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the tests of prune cover the same code";
  const TemporaryFolder at;
  const Outcome o = gradual({"--quick", "--sparsities", "0.98,0.9", "--out", at / "a"});
  ASSERT_EQ(o.status, 0) << o.err;
  const std::vector<std::string> arms{"oneshot", "iterative", "gradual", "woodfisher", "static", "set", "rigl"};

  // results.csv: one training a line of the plan, each evaluated from 0 to 1,000 steps, at exact densities of all 266,200 weights.
  std::istringstream lines(get(at / "a/results.csv"));
  std::map<std::string, std::vector<std::vector<std::string>>> rows;
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    rows[row[1] + " " + row[3]].push_back(row);
  }
  ASSERT_EQ(rows.size(), 15u);
  for (const auto& [id, r] : rows) {
    EXPECT_EQ(r.size(), 6u) << id;
    EXPECT_EQ(r.front()[5], "0");
    EXPECT_EQ(r.back()[5], "1000") << id;
    const double density = id == "dense 0" ? 1 : id.ends_with("1") ? 26620.0 / 266200 : 5324.0 / 266200;
    EXPECT_EQ(std::stod(r.back()[4]), density) << id;
  }
  // Whoever prunes at the end is the dense network until then: the same weights, the same batches.
  EXPECT_EQ(rows["oneshot 1"][3][9], rows["dense 0"][3][9]);
  EXPECT_EQ(rows["oneshot 2"][3][6], rows["dense 0"][3][6]);
  EXPECT_NE(rows["oneshot 2"][4][6], rows["dense 0"][4][6]);
  EXPECT_EQ(rows["gradual 1"][1][6], rows["dense 0"][1][6]);
  EXPECT_EQ(rows["static 1"][0][6], rows["set 1"][0][6]);
  EXPECT_EQ(rows["static 1"][0][6], rows["rigl 1"][0][6]);
  EXPECT_NE(rows["set 1"][5][6], rows["rigl 1"][5][6]);
  EXPECT_NE(rows["static 1"][5][6], rows["set 1"][5][6]);

  // summary.json says what the last rows say; and the network has learned.
  const json summary = json::parse(get(at / "a/summary.json"));
  EXPECT_EQ(summary["command"], "./bonsai run gradual_mnist --quick --sparsities 0.98,0.9");
  const double dense = std::stod(rows["dense 0"].back()[9]);
  EXPECT_EQ(summary["arms"]["dense"]["0"]["accuracy"], dense);
  EXPECT_GT(dense, 95);
  for (const std::string& arm : arms)
    for (int level = 1; level <= 2; ++level) {
      const json& cell = summary["arms"][arm][level == 1 ? "0.9" : "0.98"];
      const double last = std::stod(rows[arm + " " + std::to_string(level)].back()[9]);
      for (const char* name : {"accuracy", "accuracy_min", "accuracy_max"}) EXPECT_EQ(cell[name], last) << arm;
      EXPECT_EQ(cell["points_below_dense"], dense - last);
      EXPECT_NEAR(cell["density"].get<double>(), level == 1 ? 0.1 : 0.02, 1e-15);
      EXPECT_GT(last, 80) << arm << " " << level;
    }
  EXPECT_NEAR(summary["paper"]["rigl_on_resnet50_imagenet"]["0.9"]["points_below_dense"].get<double>(), 3.73, 1e-9);
  EXPECT_GT(summary["arms"]["gradual"]["0.98"]["accuracy"], summary["arms"]["static"]["0.98"]["accuracy"]);

  for (const char* name : {"sparsity", "course"}) {
    EXPECT_TRUE(get(at / "a/figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(at / "a/figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
  }
  EXPECT_TRUE(o.out.starts_with("gradual_mnist: 15 trainings of 1000 steps on mnist")) << o.out;
  EXPECT_NE(o.out.find(get(at / "a/table.txt")), std::string::npos);
  EXPECT_NE(o.err.find("RigL, 98% sparse: test accuracy "), std::string::npos) << o.err;
}

// One or two jobs, killed in the middle of trainings that prune and move connections, and taken up: the same bytes.
TEST(gradual_mnist, results_do_not_depend_on_jobs_or_kills) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the tests of prune take trainings up anywhere";
  const TemporaryFolder at;
  auto with = [&](const char* out, const char* jobs) { return short_run({"--sparsities", "0.98", "--trials", "2", "--resume", "--jobs", jobs, "--out", at / out}); };
  const Outcome whole = gradual(with("a", "1"));
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  const Outcome two = gradual(with("b", "2"));
  ASSERT_EQ(two.status, 0) << two.err;
  expect_same(at / "b", at / "a", except);
  int killed = 0;
  for (const double part : {0.35, 0.5, 0.6}) killed += gradual(with("c", "2"), part * two.seconds).killed();
  EXPECT_GT(killed, 0);
  ASSERT_EQ(gradual(with("c", "1")).status, 0);
  expect_same(at / "c", at / "a", except);
}

TEST(gradual_mnist, criterion_and_arms) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome o = gradual(short_run({"--criterion", "taylor", "--arms", "gradual,oneshot", "--sparsities", "0.8", "--out", at / "a"}));
  ASSERT_EQ(o.status, 0) << o.err;
  const json arms = json::parse(get(at / "a/summary.json"))["arms"];
  EXPECT_EQ(arms.size(), 3u);
  EXPECT_NEAR(arms["gradual"]["0.8"]["density"].get<double>(), 0.2, 1e-15);
}

TEST(refusals, of_gradual_mnist) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--arms", "gradual,magic"}, "--arms: \"magic\" is not one of oneshot, iterative, gradual, woodfisher, static, set, rigl"},
      {{"--arms", "set,set"}, "\"set\" is named twice"},
      {{"--arms", ""}, "--arms: needs at least one"},
      {{"--sparsities", "90"}, "--sparsities: 90 is not between 0 and 1; did you mean 0.9?"},
      {{"--sparsities", "0.9,0.9"}, "0.9 is named twice"},
      {{"--sparsities", "0.9,much"}, "\"much\" is not a number"},
      {{"--sparsities", "nan"}, "is not between 0 and 1"},
      {{"--sparsities", ""}, "--sparsities: needs at least one"},
      {{"--sparsities", "0.99999"}, "would keep no weight at all"},
      {{"--iterations", "3000"}, "--start 1000 --every 100 --updates 20: the last update is at step 3000, and a training has 3000"},
      {{"--rounds", "2001"}, "--rounds 2001: there are only 2000 steps"},
      {{"--woodfisher-updates", "2001"}, "--woodfisher-updates 2001"},
      {{"--dynamic-fraction", "30"}, "--dynamic-fraction: 30 is not between 0 and 1; did you mean 0.3?"},
      {{"--dynamic-every", "0"}, "--dynamic-every"},
      {{"--criterion", "movement"}, "--criterion movement: scores a whole training"},
      {{"--criterion", "rigl"}, "no criterion \"rigl\""},
      {{"--quick"}, "./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(gradual(args), c.says, "gradual_mnist");
    EXPECT_EQ(at.entries(), 0);
  }
  NEEDS_MNIST();  // a score that this network is too large for: found before anything is written
  expect_refused(gradual({"--quick", "--criterion", "obd", "--out", at / "out"}), "for at most 20000", "gradual_mnist");
  EXPECT_EQ(at.entries(), 0);
}

}  // namespace
}  // namespace bonsai::test
