// sensitivity from its command line to its report, on the real MNIST: what it leaves behind, the same bytes however it is run, and what
// it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome sensitivity(std::vector<std::string> args, double kill_after = 0) {
  return run({.args = std::move(args), .kill_after = kill_after, .program = "sensitivity"});
}

const std::map<std::string, std::int64_t> sizes{{"fc1", 235200}, {"fc2", 30000}, {"fc3", 1000}, {"all", 266200}};

TEST(sensitivity, leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the smaller run covers the same code";
  const TemporaryFolder at;
  const Outcome o = sensitivity({"--quick", "--out", at / "a"});
  ASSERT_EQ(o.status, 0) << o.err;
  RecordProperty("seconds", std::to_string(o.seconds));

  // results.csv: a curve a layer, in order; exactly as many weights as the sparsity says.
  std::istringstream lines(get(at / "a/results.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "trial,layer,sparsity,kept,test_loss,test_accuracy");
  std::map<std::string, std::vector<std::pair<double, double>>> curves;
  std::vector<std::string> order;
  while (std::getline(lines, line)) {
    std::vector<std::string> c;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) c.push_back(cell);
    ASSERT_EQ(c.size(), 6u) << line;
    const double sparsity = std::stod(c[2]);
    if (order.empty() || order.back() != c[1]) order.push_back(c[1]);
    curves[c[1]].emplace_back(sparsity, std::stod(c[5]));
    EXPECT_NEAR(static_cast<double>(sizes.at(c[1])) * (1 - sparsity), std::stod(c[3]), 1e-6) << line;
    EXPECT_TRUE(std::stod(c[4]) > 0) << line;
  }
  EXPECT_EQ(order, (std::vector<std::string>{"fc1", "fc2", "fc3", "all"}));
  for (auto& [layer, curve] : curves) {
    ASSERT_EQ(curve.size(), 23u);
    EXPECT_EQ(curve.front(), curves["fc1"].front());  // all begin with the same network
    EXPECT_EQ(curve.back().first, 0.99);
    EXPECT_LT(curve.back().second, curve.front().second - 20) << layer;  // nothing survives 99%
  }
  EXPECT_GT(curves["fc1"][0].second, 94);                             // it has learned
  EXPECT_GT(curves["fc1"][18].second, curves["fc3"][18].second + 5);  // the small last layer is the sensitive one, here at 90%
  EXPECT_LT(curves["all"][18].second, curves["fc3"][18].second);

  // summary.json says what the rows say.
  const json summary = json::parse(get(at / "a/summary.json"));
  for (auto& [layer, curve] : curves) {
    const json& l = summary["layers"][layer];
    double within = 0;
    bool still = true;
    for (auto [sparsity, accuracy] : curve) {
      EXPECT_EQ(l[fmt::format("{}", sparsity)]["accuracy"], accuracy);
      still &= accuracy >= curve[0].second - 1;
      if (still) within = sparsity;
    }
    EXPECT_EQ(l["within_one_point"], within);
  }
  EXPECT_EQ(summary["layers"]["fc3"]["paper_with_retraining"], 0.74);
  const json& pruned = summary["pruned_globally"];
  EXPECT_NEAR(pruned["compression"].get<double>(), 266610.0 / (26620 + 410), 1e-12);
  EXPECT_NEAR(pruned["speed_up"].get<double>(), 10, 1e-12);
  EXPECT_EQ(pruned["layers"]["fc1.weight"]["kept"].get<int>() + pruned["layers"]["fc2.weight"]["kept"].get<int>() +
                pruned["layers"]["fc3.weight"]["kept"].get<int>(),
            26620);
  EXPECT_GT(pruned["accuracy"].get<double>(), summary["layers"]["all"]["0.9"]["accuracy"].get<double>() + 10);  // who competes matters

  // Figures, table, report; the histograms lose nothing.
  for (const char* name : {"sensitivity", "histograms"}) {
    EXPECT_TRUE(get(at.path() / "a/figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(at.path() / "a/figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
  }
  std::istringstream bins(get(at / "a/figures/histograms.dat"));
  double before = 0, after = 0, x = 0, b = 0, a = 0;
  while (std::getline(bins, line))
    if (std::sscanf(line.c_str(), "%lf %lf %lf", &x, &b, &a) == 3) {
      before += b, after += a;
      EXPECT_LE(a, b) << line;
    }
  EXPECT_EQ(before, 266200);
  EXPECT_EQ(after, 26620);
  for (const char* says : {"sensitivity: 4 curves", "Sparsity within one point of the dense accuracy", "fc1.weight   weight  (300, 784)",
                           "compression 9.86", "speed-up    10.00 in theory", "Next: ./bonsai run sensitivity --criterion taylor"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says;
  EXPECT_NE(o.out.find(get(at / "a/table.txt")), std::string::npos);
}

std::vector<std::string> small(const fs::path& out, std::vector<std::string> more) {
  std::vector<std::string> args{"--iterations", "60",         "--sparsities", "0,0.5,0.9", "--criterion",
                                "taylor",       "--examples", "100",          "--out",     out};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(sensitivity, the_same_bytes_at_any_jobs_and_after_a_kill) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const std::vector<std::string> trials{"--trials", sanitized ? "1" : "2", "--jobs"};
  auto with = [&](const char* jobs, std::vector<std::string> more = {}) {
    std::vector<std::string> all = trials;
    all.push_back(jobs);
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Outcome whole = sensitivity(small(at / "a", with("1")));
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  ASSERT_EQ(sensitivity(small(at / "b", with("1", {"--threads", "2"}))).status, 0);
  expect_same(at / "b", at / "a", except);
  const Outcome killed = sensitivity(small(at / "c", with("2")), 0.6 * whole.seconds);
  ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
  EXPECT_TRUE(get(at / "a/results.csv").starts_with(get(at / "c/results.csv")));
  ASSERT_EQ(sensitivity(small(at / "c", with("2", {"--resume"}))).status, 0);
  expect_same(at / "c", at / "a", except);

  // A part from elsewhere is not believed.
  fs::remove(at / "b/summary.json");
  put(at / "b/parts/trial00-fc2.csv", get(at / "b/parts/trial00-fc3.csv"));
  const Outcome foreign = sensitivity(small(at / "b", with("1", {"--threads", "2", "--resume"})));
  EXPECT_EQ(foreign.status, 2);
  EXPECT_NE(foreign.err.find("trial00-fc2.csv: is not of this run; start again in another folder with --out\n"), std::string::npos)
      << foreign.err;
  EXPECT_FALSE(fs::exists(at / "b/summary.json"));
}

TEST(refusals, of_sensitivity) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--criterion", "best"}, "no criterion \"best\""},
      {{"--criterion", "movement"}, "--criterion movement: scores by its training"},
      {{"--criterion", "obd"}, "266200 weights"},
      {{"--criterion", "obs"}, "use woodfisher"},
      {{"--sparsities", "0,90"}, "--sparsities: 90 is not at least 0 and below 1; did you mean 0.9?"},
      {{"--sparsities", "0,1"}, "--sparsities: 1 is not at least 0 and below 1"},
      {{"--sparsities", "0,-0.1"}, "--sparsities: -0.1"},
      {{"--sparsities", "0,0.5,0.5"}, "--sparsities: 0.5 comes after 0.5; let them rise"},
      {{"--sparsities", "0.1,0.5"}, "begin with 0"},
      {{"--sparsities", "0,half"}, "--sparsities: \"half\" is not a number"},
      {{"--sparsities", ""}, "--sparsities: \"\" is not a number"},
      {{"--sparsity", "90"}, "--sparsity: 90 is not between 0 and 0.9999; did you mean 0.9?"},
      {{"--iterations", "0"}, "--iterations"},
      {{"--dataset", "cifar-10"}, "--dataset"},
      {{"--examples", "0"}, "--examples"},
      {{"--quick"}, "is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(sensitivity(args), c.says, "sensitivity");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
