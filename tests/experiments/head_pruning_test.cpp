// head_pruning from its command line to its report, on the real MNIST: what it leaves behind, the same bytes however it is run, and what it
// refuses. (Planted heads and the removal of heads by themselves: planted_heads_test.cpp.)
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome head_pruning(const fs::path& out, const char* heads, std::vector<std::string> more = {}, double kill_after = 0) {
  std::vector<std::string> args{"--quick", "--iterations", "30", "--fine-tune", "2", "--examples", "64", "--test", "100", "--planted-seeds", "1", "--heads", heads, "--out", out};
  args.insert(args.end(), more.begin(), more.end());
  return run({.args = std::move(args), .kill_after = kill_after, .program = "head_pruning"});
}

std::vector<std::vector<std::string>> table_of(const std::string& csv) {
  std::vector<std::vector<std::string>> all;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    all.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) all.back().push_back(cell);
  }
  return all;
}

TEST(head_pruning, leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = head_pruning(at / "a", "4");
  ASSERT_EQ(o.status, 0) << o.err;

  // Two blocks of four heads go one by one until each has one left; every head is 3 (16 x 64 + 16) + 64 x 16 parameters less.
  const auto rows = table_of(get(at / "a/results.csv"));
  ASSERT_EQ(rows.size(), 1u + 8 * 7 + 4 * 8);
  const json summary = json::parse(get(at / "a/summary.json"));
  std::set<std::pair<std::string, std::string>> gone;
  std::map<std::string, bool> found;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& r = rows[i];
    ASSERT_EQ(r.size(), 11u);
    SCOPED_TRACE(r[0] + " " + r[2] + ", " + r[4] + " left");
    EXPECT_LE(std::stod(r[10]), 1e-5);
    const bool whole = r[5] == "-1", planted = r[0] == "planted";
    if (whole) gone.clear();
    EXPECT_EQ(gone.insert({r[5], r[6]}).second, true);  // nobody goes twice
    const std::int64_t left = std::stoll(r[4]), head = planted ? 3 * (4 * 32 + 4) + 32 * 4 : 3 * (16 * 64 + 16) + 64 * 16;
    EXPECT_EQ(left, 8 - static_cast<std::int64_t>(gone.size()) + 1);
    if (!planted) {
      EXPECT_EQ(std::stoll(r[9]), 71'370 - (8 - left) * head);
      EXPECT_EQ(r[7], "-1");
      EXPECT_EQ(summary["rows"][r[2]][r[3] == "0" ? "cut" : "fine_tuned"]["accuracy"][r[4]], std::stod(r[8]));
    } else {
      EXPECT_EQ(std::stoll(r[9]), std::stoll(rows[i - gone.size() + 1][9]) - (8 - left) * head);
      if (whole) found[r[2]] = true;
      if (!whole && left >= 3) found[r[2]] = found[r[2]] && r[7] == "0";
    }
  }
  for (const char* c : {"importance", "loss", "norm", "random"}) EXPECT_EQ(summary["planted"][c]["found"], found.at(c) ? 1 : 0) << c;
  EXPECT_EQ(summary["planted"]["importance"]["found"], 1);
  EXPECT_EQ(summary["planted"]["loss"]["found"], 1);
  EXPECT_EQ(summary["planted"]["norm"]["found"], 0);
  EXPECT_GE(summary["planted"]["importance"]["accuracy_with_as_many_as_needed"].get<double>(), 99);
  EXPECT_LE(summary["planted"]["norm"]["accuracy_with_as_many_as_needed"].get<double>(), 50);

  for (const char* name : {"heads_accuracy", "heads_order"}) {
    EXPECT_TRUE(get(at.path() / "a/figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(at.path() / "a/figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
  }
  for (const char* says : {"head_pruning: 12 removals", "heads left", "Planted heads: 3 of 8 are needed", "Next: ./bonsai run head_pruning --dataset fashion-mnist"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says;
  EXPECT_NE(o.out.find(get(at / "a/table.txt")), std::string::npos);
}

TEST(head_pruning, the_same_bytes_at_any_jobs_and_after_a_kill) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome whole = head_pruning(at / "a", "2", {"--jobs", "1"});
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  const Outcome killed = head_pruning(at / "b", "2", {"--jobs", "2"}, 0.6 * whole.seconds);
  ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
  EXPECT_TRUE(get(at / "a/results.csv").starts_with(get(at / "b/results.csv")));
  ASSERT_EQ(head_pruning(at / "b", "2", {"--jobs", "2", "--resume"}).status, 0);
  expect_same(at / "b", at / "a", except);

  // A part from elsewhere is not believed.
  fs::remove(at / "b/summary.json");
  put(at / "b/parts/rows00-norm-cut.csv", get(at / "b/parts/rows00-loss-cut.csv"));
  const Outcome foreign = head_pruning(at / "b", "2", {"--resume"});
  EXPECT_EQ(foreign.status, 2);
  EXPECT_NE(foreign.err.find("rows00-norm-cut.csv: is not of this run; start again in another folder with --out\n"), std::string::npos) << foreign.err;
}

TEST(refusals, of_head_pruning) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--criteria", "importance,best"}, "--criteria"},
      {{"--criteria", "norm,norm"}, "--criteria"},
      {{"--heads", "5"}, "--heads 5: does not divide the 64 numbers of a token"},
      {{"--heads", "1"}, "--heads 1: of each block one head stays"},
      {{"--blocks", "0"}, "--blocks"},
      {{"--test", "10"}, "--test"},
      {{"--fine-tune", "0"}, "--fine-tune"},
      {{"--dataset", "cifar-10"}, "--dataset"},
      {{"--quick"}, "is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args, .program = "head_pruning"}), c.says, "head_pruning");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
