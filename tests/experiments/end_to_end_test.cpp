// lth_mnist from its command line to its report, on the real MNIST: what it leaves behind, that the results depend on
// the settings and on nothing else, and what it says on the way.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

// Rows of results.csv, without the header.
std::vector<std::vector<std::string>> rows_of(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(csv);
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

TEST(lth_mnist, quick_run_leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; the smaller runs cover the same code";
  const TemporaryFolder at;
  const Outcome o = run({.args = {"--quick", "--out", at / "a"}});
  ASSERT_EQ(o.status, 0) << o.err;
  RecordProperty("seconds", std::to_string(o.seconds));
  const fs::path a = at / "a";

  // results.csv: header, order, the ladder of densities.
  const std::string csv = get(a / "results.csv");
  EXPECT_TRUE(
      csv.starts_with("trial,arm,repeat,level,density,iteration,val_loss,val_accuracy,test_loss,test_accuracy\n"));
  const auto rows = rows_of(csv);
  ASSERT_EQ(rows.size(), 11u * 11u);  // 6 tickets and 5 reinits, evaluated at 0, 100, ..., 1000
  const double ladder[] = {100, 80.04, 64.06, 51.28, 41.05, 32.87};
  std::vector<int> order;
  for (const auto& r : rows) {
    ASSERT_EQ(r.size(), 10u);
    const int level = std::stoi(r[3]), arm = r[1] == "reinit";
    EXPECT_TRUE(arm || r[1] == "ticket");
    EXPECT_NEAR(100 * std::stod(r[4]), ladder[level], 0.01);
    order.push_back((arm * 100 + level) * 100000 + std::stoi(r[5]));
  }
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_TRUE(std::adjacent_find(order.begin(), order.end()) == order.end());

  // summary.json says what the rows say.
  const json summary = json::parse(get(a / "summary.json"));
  ASSERT_EQ(summary["levels"].size(), 6u);
  EXPECT_EQ(summary["command"], "./bonsai run lth_mnist --quick");
  for (int level = 0; level < 6; ++level) {
    const json& l = summary["levels"][level];
    EXPECT_EQ(l["level"], level);
    EXPECT_NEAR(100 * l["density"].get<double>(), ladder[level], 0.01);
    EXPECT_EQ(l.contains("reinit"), level > 0);
    for (const char* arm : {"ticket", "reinit"}) {
      if (!l.contains(arm)) continue;
      double best_loss = 1e9, at_best = 0, final = 0, stop = -1, to_97 = -1;
      for (const auto& r : rows)
        if (r[1] == arm && std::stoi(r[3]) == level) {
          if (std::stod(r[6]) < best_loss)
            best_loss = std::stod(r[6]), at_best = std::stod(r[9]), stop = std::stod(r[5]);
          if (std::stod(r[7]) >= 97 && to_97 < 0) to_97 = std::stod(r[5]);
          final = std::stod(r[9]);
        }
      for (const char* s : {"mean", "min", "max"}) {
        EXPECT_EQ(l[arm]["early_stop_iteration"][s], stop);
        EXPECT_EQ(l[arm]["test_accuracy_at_early_stop"][s], at_best);
        EXPECT_EQ(l[arm]["test_accuracy_final"][s], final);
        EXPECT_TRUE(to_97 < 0 || l[arm]["iterations_to_97"][s] == to_97);
      }
      EXPECT_EQ(to_97 < 0, l[arm]["iterations_to_97"].is_null());
    }
  }
  EXPECT_EQ(summary["levels"][0]["paper"]["test_accuracy_final"]["paper"], 98.0);
  EXPECT_GT(summary["levels"][0]["ticket"]["test_accuracy_final"]["mean"], 95);  // it has learned

  // config.json, figures, report, checkpoints.
  const json config = json::parse(get(a / "config.json"));
  for (const char* name :
       {"program", "size", "seed", "iterations", "rounds", "batch", "lr", "rewind", "dataset", "criterion", "arms"})
    EXPECT_TRUE(config["settings"].contains(name)) << name;
  for (const char* name : {"revision", "compiler", "products", "cpu", "processors", "jobs", "threads"})
    EXPECT_TRUE(config["environment"].contains(name)) << name;
  for (const char* name : {"accuracy", "density"}) {
    EXPECT_TRUE(get(a / "figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(a / "figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
    EXPECT_TRUE(fs::exists(a / "figures" / (std::string(name) + ".gp")) &&
                fs::exists(a / "figures" / (std::string(name) + ".dat")));
  }
  EXPECT_TRUE(get(a / "figures/pixels.png").starts_with("\x89PNG\r\n"));
  EXPECT_GT(fs::file_size(a / "checkpoints/trial00-ticket0-level05.safetensors"), 4u * 266200);
  const std::string report = get(a / "report.html");
  EXPECT_TRUE(report.ends_with("</body></html>\n"));
  for (const char* outside : {"href", "src=\"http", "src=\"/", "src=\"figures", "<script", "<link", "@import", "url("})
    EXPECT_EQ(report.find(outside), std::string::npos) << outside;

  // What it prints: the cost first; the table, where to look, and what to try next, last. One line a training.
  EXPECT_TRUE(o.out.starts_with("lth_mnist: 11 trainings of 1000 iterations on mnist")) << o.out;
  EXPECT_NE(o.out.find("Next: ./bonsai run lth_mnist --dataset fashion-mnist"), std::string::npos);
  EXPECT_NE(o.out.find(get(a / "table.txt")), std::string::npos);
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 11) << o.err;
  EXPECT_NE(o.err.find(" 1/11 dense network: test accuracy "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("ticket, level 3, 51.28% of the weights: test accuracy "), std::string::npos) << o.err;
  EXPECT_EQ(o.err.find("trial"), std::string::npos) << "there is only one";
}

// The same run with any number of jobs and threads: every byte but the clock's.
TEST(lth_mnist, results_do_not_depend_on_jobs_or_threads) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  ASSERT_EQ(run({.args = small({"--out", at / "reference", "--jobs", "1", "--threads", "1"})}).status, 0);
  const std::vector<std::vector<std::string>> others{{"--jobs", "1", "--threads", "2"},
                                                     {"--jobs", "1", "--threads", "4"},
                                                     {"--jobs", "2"},
                                                     {"--jobs", "3", "--threads", "2"}};
  for (std::size_t i = 0; i < others.size(); i += sanitized ? 2 : 1) {
    const fs::path out = at / std::to_string(i);
    std::vector<std::string> args = small({"--out", out});
    args.insert(args.end(), others[i].begin(), others[i].end());
    const Outcome o = run({.args = args});
    ASSERT_EQ(o.status, 0) << o.err;
    expect_same(out, at / "reference", {"timing.json", "config.json"});
    json ours = json::parse(get(out / "config.json")), theirs = json::parse(get(at / "reference/config.json"));
    for (const char* name : {"jobs", "threads"}) ours["environment"].erase(name), theirs["environment"].erase(name);
    EXPECT_EQ(ours, theirs);
  }
}

// Trials and repeats: the order of the rows, the pruned-in-one-shot arm, rewinding, and names that say which trial it
// is.
TEST(lth_mnist, trials_reinits_oneshot_and_rewinding) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o =
      run({.args = {"--iterations", "20", "--rounds", "2", "--evaluate-every", "20", "--validation", "500", "--trials",
                    "2", "--reinits", "2", "--arms", "ticket,reinit,oneshot", "--rewind", "10", "--out", at / "a"}});
  ASSERT_EQ(o.status, 0) << o.err;
  std::vector<std::string> seen, expected;
  for (const auto& r : rows_of(get(at / "a/results.csv")))
    seen.push_back(r[0] + " " + r[1] + r[2] + " " + r[3] + " " + r[5]);
  for (const char* trial : {"0", "1"})
    for (const char* id : {"ticket0 0", "ticket0 1", "ticket0 2", "reinit0 1", "reinit0 2", "reinit1 1", "reinit1 2",
                           "oneshot0 1", "oneshot0 2"}) {
      const bool rewound = id[0] != 'r' && id != std::string("ticket0 0");
      expected.push_back(fmt::format("{} {} {}", trial, id, rewound ? 10 : 0));
      expected.push_back(fmt::format("{} {} 20", trial, id));
    }
  EXPECT_EQ(seen, expected);
  EXPECT_TRUE(fs::exists(at / "a/checkpoints/trial01-ticket0-level00-step10.safetensors"));
  EXPECT_NE(o.err.find("trial 1, dense network: "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("trial 0, reinit, level 2, 64.06% of the weights, repeat 1: "), std::string::npos) << o.err;
  const json summary = json::parse(get(at / "a/summary.json"));
  const json& cell = summary["levels"][2]["reinit"]["test_accuracy_final"];
  EXPECT_LT(cell["min"], cell["max"]);
  EXPECT_GT(cell["mean"], cell["min"]);
}

TEST(lth_mnist, bar_on_a_terminal) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = run(
      {.args = {"--iterations", "200", "--rounds", "0", "--validation", "500", "--out", at / "a"}, .terminal = true});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.err.find("left | dense network: step "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("0/1 trainings"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("1/1 dense network: test accuracy"), std::string::npos) << o.err;
  for (std::size_t begin = 0; begin < o.err.size();) {  // no drawing is wider than the terminal, so none wraps
    const std::size_t end = std::min(o.err.find_first_of("\r\n", begin), o.err.size());
    EXPECT_TRUE(o.err[begin] != '[' || end - begin <= 80 + 3) << o.err.substr(begin, end - begin);
    begin = end + 1;
  }
}

}  // namespace
}  // namespace bonsai::test
