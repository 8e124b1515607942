// snip_mnist from its command line to its report, on the real MNIST: what it leaves behind, that a collapsed network is a result, that the
// results depend on the settings alone, also after a kill, and what it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome snip(std::vector<std::string> args, double kill_after = 0) {
  return run({.args = std::move(args), .kill_after = kill_after, .program = "snip_mnist"});
}

// Two trials, short trainings.
std::vector<std::string> small(const fs::path& out, std::vector<std::string> more = {}) {
  std::vector<std::string> args{"--quick",      "--iterations",       "60",          "--evaluate-every", "60",
                                "--validation", "500",                "--trials",    "2",                "--checkpoint-every",
                                "20",           "--criterion",        "snip,random", "--sparsities",     "0.98,0.9999",
                                "--out",        out};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

std::vector<std::vector<std::string>> table_of(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

TEST(snip_mnist, quick_run_leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the smaller runs cover the same code";
  const TemporaryFolder at;
  const fs::path a = at / "a";
  const Outcome o = snip({"--quick", "--criterion", "snip,magnitude-global,random", "--out", a});
  ASSERT_EQ(o.status, 0) << o.err;
  const json summary = json::parse(get(a / "summary.json"));
  const json& net = summary["nets"]["lenet_300_100"];
  EXPECT_EQ(summary["command"], "./bonsai run snip_mnist --quick --criterion snip,magnitude-global,random");

  // Errors are those of the last rows of results.csv.
  std::map<std::string, double> last;  // arm and level
  for (const auto& r : table_of(get(a / "results.csv")))
    if (r[5] == "400") last[r[1] + r[3]] = 100 - std::stod(r[9]);
  ASSERT_EQ(last.size(), 11u);  // dense, 4 of snip, 2 of magnitude-global, 4 of random
  EXPECT_NEAR(net["dense"]["error"].get<double>(), last.at("dense0"), 1e-9);
  EXPECT_LT(last.at("dense0"), 8);  // it has learned
  EXPECT_EQ(net["dense"]["paper_error"], 1.7);
  EXPECT_EQ(net["snip"]["0.95"]["paper_error"], 1.6);
  EXPECT_EQ(net["snip"]["0.98"]["paper_error"], 2.4);
  EXPECT_FALSE(net["snip"]["0.9"].contains("paper_error"));
  const std::pair<const char*, std::int64_t> kept[] = {{"0.9", 26620}, {"0.95", 13310}, {"0.98", 5324}, {"0.99", 2662}};
  int level = 0;
  for (auto [sparsity, weights] : kept) {
    ++level;
    EXPECT_NEAR(net["snip"][sparsity]["error"].get<double>(), last.at("snip" + std::to_string(level)), 1e-9);
    EXPECT_EQ(net["snip"][sparsity]["kept"], weights);
    EXPECT_LE(net["snip"][sparsity]["alive"], weights);
    EXPECT_GT(net["snip"][sparsity]["alive"], weights / 2);
    EXPECT_NEAR(net["random"][sparsity]["error"].get<double>(), last.at("random" + std::to_string(level)), 1e-9);
    EXPECT_EQ(net["random"][sparsity]["collapsed_trials"], 0);
  }
  // Magnitude over all layers empties the one with the smallest weights, and that is a result.
  for (const char* sparsity : {"0.98", "0.99"}) {
    EXPECT_TRUE(net["magnitude-global"][sparsity]["error"].is_null());
    EXPECT_EQ(net["magnitude-global"][sparsity]["collapsed"], "collapsed: fc1.weight");
    EXPECT_EQ(net["magnitude-global"][sparsity]["collapsed_trials"], 1);
  }
  EXPECT_EQ(net["magnitude-global"]["first_collapse"]["sparsity"], 0.98);
  EXPECT_EQ(net["magnitude-global"]["first_collapse"]["layer"], "fc1.weight");
  EXPECT_TRUE(net["random"]["first_collapse"]["sparsity"].is_null());
  EXPECT_NE(get(a / "table.txt").find("collapsed: fc1.weight"), std::string::npos);

  // layers.csv: what is kept adds up, and random keeps the same share of each layer.
  std::map<std::string, std::int64_t> sums;
  for (const auto& r : table_of(get(a / "layers.csv"))) {
    ASSERT_EQ(r.size(), 7u);
    if (r[0] == "trial" || r[3].starts_with("collapsed")) continue;
    sums[r[1] + r[2]] += std::stoll(r[5]);
    EXPECT_LE(std::stoll(r[6]), std::stoll(r[5]));
    if (r[1] == "random") {
      EXPECT_EQ(std::stoll(r[5]), std::llround((1 - std::stod(r[2])) * std::stod(r[4]))) << r[2] << r[3];
    }
  }
  EXPECT_EQ(sums.at("snip0.999"), 266);
  EXPECT_EQ(sums.at("snip0.98"), 5324);
  EXPECT_FALSE(sums.contains("magnitude-global0.999"));

  for (const char* name : {"error", "layers", "pixels"}) {
    EXPECT_TRUE(get(a / "figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(a / "figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
  }
  EXPECT_TRUE(get(a / "report.html").ends_with("</body></html>\n"));
  EXPECT_TRUE(o.out.starts_with("snip_mnist: 11 trainings of 400 iterations on mnist")) << o.out;
  EXPECT_NE(o.out.find(get(a / "table.txt")), std::string::npos);
  EXPECT_NE(o.out.find("Next: ./bonsai run snip_mnist --weights new"), std::string::npos);

  const auto before = contents(a);
  const Outcome again = snip({"--quick", "--criterion", "snip,magnitude-global,random", "--out", a, "--resume"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(contents(a) == before);
}

// The same bytes at any number of jobs and after kills. At 99.99% random choice empties the last layer, in both trials.
TEST(snip_mnist, results_depend_on_the_settings_alone) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome whole = snip(small(at / "reference", {"--jobs", "1"}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  const json net = json::parse(get(at / "reference/summary.json"))["nets"]["lenet_300_100"];
  EXPECT_EQ(net["random"]["0.9999"]["collapsed_trials"], 2);
  EXPECT_EQ(net["random"]["0.9999"]["collapsed"], "collapsed: fc3.weight");
  EXPECT_LT(net["dense"]["error_min"], net["dense"]["error_max"]);
  ASSERT_EQ(snip(small(at / "two", {"--jobs", "2"})).status, 0);
  expect_same(at / "two", at / "reference", {"timing.json", "config.json"});

  Random random(3);
  const std::string results = get(at / "reference/results.csv");
  for (int k = 0; k < (sanitized ? 1 : 3); ++k) {
    const double moment = whole.seconds * (0.2 + 0.7 * random.uniform());
    SCOPED_TRACE(fmt::format("kill {} after {:.3f} s", k, moment));
    const Outcome o = snip(small(at / "killed", {"--jobs", "1", "--resume"}), moment);
    ASSERT_TRUE(o.killed() || o.status == 0) << o.err;
    EXPECT_TRUE(!fs::exists(at / "killed/results.csv") || results.starts_with(get(at / "killed/results.csv")));
  }
  const Outcome finished = snip(small(at / "killed", {"--jobs", "1", "--resume"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  expect_same(at / "killed", at / "reference");
}

// New weights under the same mask: what is kept is the same, what is learned is not.
TEST(snip_mnist, new_weights_keep_the_mask) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  ASSERT_EQ(snip(small(at / "scored")).status, 0);
  ASSERT_EQ(snip(small(at / "new", {"--weights", "new"})).status, 0);
  EXPECT_EQ(get(at / "scored/layers.csv"), get(at / "new/layers.csv"));
  const json scored = json::parse(get(at / "scored/summary.json"))["nets"]["lenet_300_100"],
             fresh = json::parse(get(at / "new/summary.json"))["nets"]["lenet_300_100"];
  EXPECT_EQ(scored["dense"]["error"], fresh["dense"]["error"]);
  EXPECT_NE(scored["snip"]["0.98"]["error"], fresh["snip"]["0.98"]["error"]);
}

// LeNet-5: convolutions are pruned, trained, counted and taken up again like the others; the pixels have no figure.
TEST(snip_mnist, lenet5) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the smaller network covers the same code";
  const TemporaryFolder at;
  auto start = [&](const std::string& out, std::vector<std::string> more, double kill_after = 0) {
    std::vector<std::string> args{"--quick", "--net", "lenet5", "--criterion", "snip", "--sparsities", "0.98", "--iterations", "20", "--checkpoint-every", "10",
                                  "--evaluate-every", "20", "--validation", "500", "--out", at / out};
    args.insert(args.end(), more.begin(), more.end());
    return snip(args, kill_after);
  };
  const Outcome o = start("one", {"--jobs", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json net = json::parse(get(at / "one/summary.json"))["nets"]["lenet5"];
  EXPECT_EQ(net["dense"]["paper_error"], 0.9);
  EXPECT_EQ(net["snip"]["0.98"]["paper_error"], 0.8);
  EXPECT_EQ(net["snip"]["0.98"]["kept"], 8610);  // of 430,500
  std::vector<std::string> layers;
  std::int64_t kept = 0;
  for (const auto& r : table_of(get(at / "one/layers.csv")))
    if (r[2] == "0.98") {
      layers.push_back(r[3] + " " + r[4]);
      kept += std::stoll(r[5]);
      EXPECT_LE(std::stoll(r[6]), std::stoll(r[5]));
      EXPECT_GT(std::stoll(r[6]), 0);
    }
  EXPECT_EQ(layers, (std::vector<std::string>{"conv1.weight 500", "conv2.weight 25000", "fc1.weight 400000", "fc2.weight 5000"}));
  EXPECT_EQ(kept, 8610);
  EXPECT_TRUE(fs::exists(at / "one/figures/layers.png"));
  EXPECT_FALSE(fs::exists(at / "one/figures/pixels.png"));
  EXPECT_NE(o.out.find("Next: ./bonsai run snip_mnist --net lenet5 --weights new"), std::string::npos) << o.out;
  start("two", {"--jobs", "2", "--resume"}, 0.6 * o.seconds);
  ASSERT_EQ(start("two", {"--jobs", "2", "--resume"}).status, 0);
  expect_same(at / "two", at / "one", {"timing.json", "config.json"});
}

TEST(snip_mnist, refuses_before_anything_is_written) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--criterion", "snip,obs"}, "--criterion: \"obs\" is not one of snip, grasp, synflow"},
      {{"--criterion", "snip,snip"}, "--criterion: \"snip\" is named twice"},
      {{"--criterion", ""}, "--criterion"},
      {{"--sparsities", "90"}, "--sparsities: 90 is not between 0 and 1; did you mean 0.9?"},
      {{"--sparsities", "0.9,0.9"}, "does not rise"},
      {{"--sparsities", "0.99,0.9"}, "does not rise"},
      {{"--sparsities", "0.9,x"}, "--sparsities: \"x\" is not a number"},
      {{"--sparsities", "0.9,"}, "--sparsities: \"\" is not a number"},
      {{"--sparsities", "nan"}, "--sparsities: \"nan\" is not a number"},
      {{"--sparsities", "1"}, "--sparsities: 1 is not between 0 and 1"},
      {{"--sparsities", ""}, "--sparsities"},
      {{"--net", "lenet_5"}, "--net: \"lenet_5\" is not one of lenet_300_100|lenet5"},
      {{"--net", "lenet5", "--momentum", "1"}, "--momentum: 1 is not between 0 and 0.9999"},
      {{"--weights", "old"}, "--weights: \"old\" is not one of scored|new"},
      {{"--lr", "0"}, "--lr: 0 is not between"},
      {{"--lr-every", "0"}, "--lr-every"},
      {{"--quick", "--paper"}, "--paper"},
      {{"--quick"}, "train-images-idx3-ubyte is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(snip(args), c.says, "snip_mnist");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
