// obs_picture: the blackboard's numbers, other matrices against minimising by hand, the same bytes however it is run, and what it refuses.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome picture(std::vector<std::string> args) { return run({.args = std::move(args), .program = "obs_picture"}); }

TEST(obs_picture, the_blackboard) {
  const TemporaryFolder at;
  const Outcome o = picture({"--out", at / "a"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json m = json::parse(get(at / "a/summary.json"))["methods"];
  const struct {
    const char *method, *deletes;
    std::vector<double> scores, after;
    double cost;
  } known[] = {{"magnitude", "w2", {5, 3, 4}, {5, 0, 4}, 22.5},
               {"OBD", "w3", {12.5, 22.5, 8}, {5, 3, 0}, 8},
               {"OBS", "w1", {2.5, 4.5, 8}, {0, 1, 4}, 2.5}};
  for (const auto& k : known) {
    EXPECT_EQ(m[k.method]["deletes"], k.deletes);
    EXPECT_NEAR(m[k.method]["cost"].get<double>(), k.cost, 1e-12);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(m[k.method]["scores"][fmt::format("w{}", i + 1)].get<double>(), k.scores[i], 1e-12);
      EXPECT_NEAR(m[k.method]["after"][fmt::format("w{}", i + 1)].get<double>(), k.after[i], 1e-12);
    }
  }
  EXPECT_TRUE(m["magnitude"]["predicted"].is_null());
  EXPECT_NEAR(m["OBD"]["predicted"].get<double>(), 8, 1e-12);
  EXPECT_NEAR(m["OBS"]["predicted"].get<double>(), 2.5, 1e-12);
  EXPECT_NE(o.out.find("OBS             2.5      4.5        8   w1            2.5       2.5   (0, 1, 4)\n"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find(get(at / "a/table.txt")), std::string::npos);
  EXPECT_TRUE(get(at / "a/figures/obs_picture.png").starts_with("\x89PNG\r\n"));
  const std::string svg = get(at / "a/figures/obs_picture.svg");
  for (const char* says : {"OBS deletes w1, the largest weight, for 2.5; magnitude deletes w2, the smallest, for 22.5", "OBD 8",
                           "magnitude 22.5", "OBS 2.5", "12.5"})
    EXPECT_NE(svg.find(says), std::string::npos) << says;
  // The contours' points: the loss is what the data file says it is.
  std::istringstream data(get(at / "a/figures/obs_picture.dat"));
  double level = 0, x = 0, y = 0;
  int points = 0;
  for (std::string line; std::getline(data, line);) {
    if (std::sscanf(line.c_str(), "# loss %lf", &level) == 1 || std::sscanf(line.c_str(), "%lf %lf", &x, &y) != 2) continue;
    EXPECT_NEAR(0.5 * ((x - 5) * (x - 5) - 4 * (x - 5) * (y - 3) + 5 * (y - 3) * (y - 3)), level, 1e-6 * level) << line;
    ++points;
  }
  EXPECT_GT(points, 1000);
}

// The lowest loss with weight q at 0, found by following the gradient: over and over each of the others goes to its best place.
double minimised(const std::vector<double>& h, const std::vector<double>& w, std::size_t q) {
  const std::size_t n = w.size();
  std::vector<double> d(n, 0);
  d[q] = -w[q];
  for (int sweep = 0; sweep < 5000; ++sweep)
    for (std::size_t i = 0; i < n; ++i) {
      if (i == q) continue;
      double slope = 0;
      for (std::size_t j = 0; j < n; ++j) slope += h[i * n + j] * d[j];
      d[i] -= slope / h[i * n + i];
    }
  double loss = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) loss += 0.5 * d[i] * h[i * n + j] * d[j];
  return loss;
}

TEST(obs_picture, other_matrices) {
  const TemporaryFolder at;
  const std::vector<std::pair<std::vector<double>, std::vector<double>>> cases{
      {{2, 1.5, 1.5, 2}, {1, 3}}, {{1, 0, 0, 5}, {5, 3}}, {{2, 1, 0.5, 1, 3, -1, 0.5, -1, 2}, {-2, 1.5, 1}}, {{1, 0.9, 0.9, 1}, {0, -2}}};
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const auto& [h, w] = cases[c];
    const std::size_t n = w.size();
    const fs::path out = at / fmt::format("{}", c);
    const Outcome o = picture({"--h", fmt::format("{}", fmt::join(h, ",")), "--w", fmt::format("{}", fmt::join(w, ",")), "--out", out});
    ASSERT_EQ(o.status, 0) << o.err;
    const json m = json::parse(get(out / "summary.json"))["methods"];
    for (const char* method : {"OBD", "OBS"}) {
      double lowest = INFINITY;
      for (std::size_t q = 0; q < n; ++q) {
        const double truth = std::string(method) == "OBS" ? minimised(h, w, q) : 0.5 * h[q * n + q] * w[q] * w[q];
        EXPECT_NEAR(m[method]["scores"][fmt::format("w{}", q + 1)].get<double>(), truth, 1e-9) << method << " " << c;
        lowest = std::min(lowest, truth);
      }
      EXPECT_NEAR(m[method]["cost"].get<double>(), lowest, 1e-9) << method << " " << c;  // the true cost is the predicted one
    }
    EXPECT_GE(m["magnitude"]["cost"].get<double>(), m["OBS"]["cost"].get<double>() - 1e-12);
  }
}

TEST(obs_picture, the_same_bytes_at_any_jobs_and_size_and_after_a_kill) {
  const TemporaryFolder at;
  ASSERT_EQ(picture({"--out", at / "a", "--jobs", "1"}).status, 0);
  ASSERT_EQ(picture({"--out", at / "b", "--jobs", "2", "--threads", "2"}).status, 0);
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  expect_same(at / "b", at / "a", except);
  const Outcome quick = picture({"--out", at / "c", "--quick"});
  EXPECT_EQ(quick.status, 0);
  EXPECT_EQ(get(at / "c/results.csv"), get(at / "a/results.csv"));
  fs::remove(at / "b/summary.json");
  fs::remove(at / "b/parts/OBD.csv");
  ASSERT_EQ(picture({"--out", at / "b", "--resume"}).status, 0);
  expect_same(at / "b", at / "a", except);
  put(at / "b/parts/OBS.csv", "OBS,1\n");
  fs::remove(at / "b/summary.json");
  expect_refused(picture({"--out", at / "b", "--resume"}), "start again in another folder with --out", "obs_picture");
}

TEST(refusals, of_obs_picture) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--w", "5"}, "--w: 1 weights; the picture is of 2 or 3"},
      {{"--w", "5,3"}, "--h: 9 numbers for 2 weights; a Hessian has 4"},
      {{"--w", "5,three,4"}, "--w: \"three\" is not a number"},
      {{"--w", "5,,4"}, "--w: \"\" is not a number"},
      {{"--w", "5,nan,4"}, "--w: \"nan\" is not a number"},
      {{"--w", "1e9,1,1"}, "--w: 1000000000 is beyond 1e6"},
      {{"--h", "1,2,0,-2,5,0,0,0,1"}, "--h: entries (2, 1) and (1, 2) are -2 and 2; a Hessian is symmetric"},
      {{"--h", "1,-3,0,-3,5,0,0,0,1"}, "is not positive definite"},
      {{"--h", "0,0,0,0,1,0,0,0,1"}, "is not positive definite"},
      {{"--trials", "2"}, "--trials 2: nothing here is random"},
      {{"--seed", "-1"}, "--seed"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args[1]);
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--out", at / "out"});
    expect_refused(picture(args), c.says, "obs_picture");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
