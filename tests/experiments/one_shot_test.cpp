// one_shot from its command line to its report, on the real MNIST: what it leaves behind, what its numbers say, the same bytes however it is run, and
// what it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome one_shot(std::vector<std::string> args, double kill_after = 0) { return run({.args = std::move(args), .kill_after = kill_after, .program = "one_shot"}); }

TEST(one_shot, leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = one_shot({"--quick", "--net", "lenet_300_100", "--sparsities", "0.5,0.9", "--out", at / "a"});
  ASSERT_EQ(o.status, 0) << o.err;
  RecordProperty("seconds", std::to_string(o.seconds));

  // results.csv: a row a layer and one for the network; as many weights as the amount says; the network's error is the mean of its layers'.
  std::istringstream lines(get(at / "a/results.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "trial,network,method,amount,layer,inputs,size,kept,error,test_accuracy");
  std::map<std::string, std::map<std::string, std::pair<double, double>>> found;  // method, amount: error, accuracy
  double errors = 0;
  int layers = 0, rows = 0;
  const json summary = json::parse(get(at / "a/summary.json"));
  while (std::getline(lines, line)) {
    std::vector<std::string> c;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) c.push_back(cell);
    ASSERT_EQ(c.size(), 10u) << line;
    EXPECT_EQ(c[1], "lenet_300_100");
    ++rows;
    if (c[2] == "none") {
      EXPECT_EQ(summary["networks"]["lenet_300_100"]["dense"]["accuracy"], std::stod(c[9]));
      EXPECT_GT(std::stod(c[9]), 97);
    } else if (c[4] != "all") {
      const double density = c[3].find(':') != c[3].npos ? 0.5 : 1 - std::stod(c[3]), error = std::stod(c[8]);
      EXPECT_NEAR(std::stod(c[7]), density * std::stod(c[6]), c[2] == "wanda" ? 0.01 * std::stod(c[6]) : 0.6) << line;
      EXPECT_TRUE(error > 0 && error < 1) << line;
      EXPECT_EQ(summary["networks"]["lenet_300_100"][c[2]][c[3]]["layers"][c[4]], error);
      errors += error, ++layers;
    } else {
      EXPECT_EQ(layers, c[3] == "4:8" ? 1 : 3) << line;  // fc2 and fc3 have no groups of 8
      EXPECT_NEAR(std::stod(c[8]), errors / layers, 1e-12);
      found[c[2]][c[3]] = {std::stod(c[8]), std::stod(c[9])};
      errors = 0, layers = 0;
    }
  }
  EXPECT_EQ(rows, 1 + 4 * (3 * 4 + 2));
  ASSERT_EQ(found.size(), 4u);
  for (const char* amount : {"0.5", "0.9", "2:4"}) {
    EXPECT_LT(found["sparsegpt"][amount].first, 0.6 * found["wanda"][amount].first) << amount;
    EXPECT_LT(found["sparsegpt"][amount].first, 0.6 * found["magnitude"][amount].first) << amount;
    EXPECT_LT(found["obc"][amount].first, 0.9 * found["sparsegpt"][amount].first) << amount;
  }
  EXPECT_GT(found["obc"]["0.9"].second, found["wanda"]["0.9"].second + 20);

  for (const char* ending : {".png", ".svg", ".dat", ".gp"}) EXPECT_TRUE(fs::exists(at / ("a/figures/one_shot" + std::string(ending))));
  for (const char* says : {"one_shot: 17 prunings", "exact OBS has left to SparseGPT, for their many inputs: fc1.weight (784)",
                           "4:8 leaves dense, since their inputs do not come in groups of 8: fc2.weight (300), fc3.weight (100)", "within one point of dense up to: magnitude 0.5",
                           "2:4  magnitude 54.59, Wanda 11.02, SparseGPT 10.17", "Next: ./bonsai run one_shot --net resnet20"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says;
  EXPECT_NE(o.out.find(get(at / "a/table.txt")), std::string::npos);
  EXPECT_EQ(summary["paper_llama2_7b_perplexity"]["0.5"]["wanda"], 6.42);
}

std::vector<std::string> small(const fs::path& out, std::vector<std::string> more) {
  std::vector<std::string> args{"--quick", "--sparsities", "0.8", "--patterns", "2:4", "--methods", "obc,wanda", "--examples", "60", "--exact-inputs", "300", "--test", "500", "--trials", "2", "--out", out};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(one_shot, the_same_bytes_at_any_jobs_and_after_a_kill) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome whole = one_shot(small(at / "a", {"--jobs", "1"}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  ASSERT_EQ(one_shot(small(at / "b", {"--jobs", "2", "--threads", "2"})).status, 0);
  expect_same(at / "b", at / "a", except);
  const Outcome killed = one_shot(small(at / "c", {"--jobs", "2"}), 0.5 * whole.seconds);
  ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
  ASSERT_EQ(one_shot(small(at / "c", {"--jobs", "2", "--resume"})).status, 0);
  expect_same(at / "c", at / "a", except);

  fs::remove(at / "b/summary.json");
  put(at / "b/parts/trial01-lenet5-obc-2-4.csv", get(at / "b/parts/trial01-lenet5-obc-0.8.csv"));
  const Outcome foreign = one_shot(small(at / "b", {"--resume"}));
  EXPECT_EQ(foreign.status, 2);
  EXPECT_NE(foreign.err.find("trial01-lenet5-obc-2-4.csv: is not of this run"), std::string::npos) << foreign.err;
}

TEST(one_shot, prunes_the_residual_network) {
  NEEDS_CIFAR();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome o = one_shot({"--net", "resnet20", "--quick", "--sparsities", "0.5", "--patterns", "none", "--methods", "magnitude,sparsegpt", "--examples", "20", "--test", "200",
                              "--out", at / "a"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json net = json::parse(get(at / "a/summary.json"))["networks"]["resnet20"];
  EXPECT_EQ(net["sparsegpt"]["0.5"]["layers"].size(), 22u);  // 19 convolutions, two projections, the classifier
  EXPECT_LT(net["sparsegpt"]["0.5"]["error"].get<double>(), net["magnitude"]["0.5"]["error"].get<double>());
}

TEST(refusals, of_one_shot) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--methods", "magnitude,optq"}, "--methods"},
      {{"--methods", ""}, "--methods"},
      {{"--net", "vgg16"}, "--net"},
      {{"--sparsities", "50"}, "--sparsities: 50 is not between 0 and 1; did you mean 0.5?"},
      {{"--sparsities", "0"}, "--sparsities: 0 is not between 0 and 1"},
      {{"--sparsities", "0.5,0.5"}, "--sparsities: 0.5 comes after 0.5; let them rise"},
      {{"--sparsities", "0.5,0.99"}, "--sparsities: 0.99 of the 25 inputs of \"conv1.weight\" in lenet5 would leave none"},
      {{"--patterns", "2"}, "\"2\" is no N:M pattern"},
      {{"--patterns", "2:4,2:4"}, "--patterns: 2:4 is named twice"},
      {{"--patterns", "2:4,"}, "\"\" is no N:M pattern"},
      {{"--patterns", "5:11"}, "--patterns: no layer of lenet_300_100 can be pruned to 5:11; leave it out"},
      {{"--examples", "0"}, "--examples"},
      {{"--damping", "0"}, "--damping"},
      {{"--quick"}, "is missing; fetch it with ./bonsai data mnist"},
      {{"--net", "resnet20"}, "is missing; fetch it with ./bonsai data cifar-10"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(one_shot(args), c.says, "one_shot");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
