// ssl_mnist from its command line to its report, on the real MNIST: what it leaves behind, that sizes, shares and masks tell one story, that the results
// depend on the settings alone, also after a kill, that an emptied layer is a result, and what it refuses.
#include <nlohmann/json.hpp>

#include "core/ops.h"
#include "core/safetensors.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome ssl(std::vector<std::string> args, double kill_after = 0) { return run({.args = std::move(args), .kill_after = kill_after, .program = "ssl_mnist"}); }

// Short trainings, and penalties to match.
std::vector<std::string> small(const fs::path& out, std::vector<std::string> more = {}, const char* filters = "0.3") {
  std::vector<std::string> args{"--quick", "--iterations", "40", "--batch", "32", "--filters", filters, "--shapes", "0.2", "--neurons", "0.2", "--validation", "200", "--test", "200",
                                "--checkpoint-every", "10", "--out", out};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

// Rows (axis 0) or columns (axis 1, each with all behind it) of a weight that are not wholly 0, the slow way.
std::int64_t alive(const Tensor& w, int axis) {
  std::set<std::int64_t> some;
  const std::int64_t behind = w.numel() / w.size(0), inner = behind / w.size(1);
  for (std::int64_t i = 0; i < w.numel(); ++i)
    if (w.at(i) != 0) some.insert(axis == 0 ? i / behind : i % behind / inner);
  return static_cast<std::int64_t>(some.size());
}

TEST(ssl_mnist, a_run_leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const fs::path a = at / "a";
  const Outcome o = ssl(small(a));
  ASSERT_EQ(o.status, 0) << o.err;
  const json summary = json::parse(get(a / "summary.json"));
  EXPECT_LT(summary["dense"]["lenet5"]["error"].get<double>(), 10);
  const json& filters = summary["arms"]["filters"]["0.3"];
  const SafeTensors file = load_safetensors(a / "checkpoints/trial00-filters0-level01.safetensors");
  const Tensor &w1 = file.at("conv1.weight"), &w2 = file.at("conv2.weight");
  EXPECT_EQ(filters["left"], fmt::format("{}-{}, 1-{}", alive(w1, 0), alive(w2, 0), alive(w2, 1)));
  EXPECT_LT(alive(w1, 0) + alive(w2, 0), 70);  // something has gone
  EXPECT_TRUE(file.find("conv1.weight.mask") || file.find("conv2.weight.mask"));
  // A unit is gone when nothing makes it or nobody reads it. MACs are then those of a LeNet of these widths.
  std::int64_t c1 = 0, c2 = 0;
  for (std::int64_t f = 0; f < 20; ++f) c1 += alive(slice(w1, 0, f, f + 1), 0) > 0 && alive(slice(w2, 1, f, f + 1), 0) > 0;
  for (std::int64_t f = 0; f < 50; ++f) c2 += alive(slice(w2, 0, f, f + 1), 0) > 0;
  EXPECT_EQ(filters["cut_to"], fmt::format("{}-{}-500-10", c1, c2));
  const double macs = 576.0 * 25 * static_cast<double>(c1) + 64.0 * 25 * static_cast<double>(c1 * c2) + 16.0 * 500 * static_cast<double>(c2) + 5000;
  EXPECT_NEAR(filters["macs_ratio"].get<double>(), (576.0 * 25 * 20 + 64.0 * 25 * 1000 + 400'000 + 5000) / macs, 1e-9);
  for (const auto& [arm, levels] : summary["arms"].items())
    for (const auto& [lambda, row] : levels.items()) {
      EXPECT_LE(row["cut_minus_masked"].get<double>(), 1e-5) << arm;
      EXPECT_GE(row["macs_ratio"].get<double>(), 1) << arm;
      EXPECT_GT(row["speedup"].get<double>(), 0) << arm;
    }
  EXPECT_GT(summary["arms"]["shapes"]["0.2"]["macs_ratio"].get<double>(), 1);
  for (const char* name : {"filters", "error"}) EXPECT_TRUE(get(a / "figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
  EXPECT_TRUE(o.out.starts_with("ssl_mnist: 5 trainings of 40 iterations")) << o.out;
  EXPECT_NE(o.out.find(get(a / "table.txt")), std::string::npos);
  const auto before = contents(a);
  EXPECT_EQ(ssl(small(a, {"--resume"})).status, 0);
  EXPECT_TRUE(contents(a) == before);
}

// The same networks and rows at any number of jobs and after kills. (Speeds are measured, so the summary's and the table's differ.)
TEST(ssl_mnist, results_depend_on_the_settings_alone) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome whole = ssl(small(at / "reference", {"--jobs", "1"}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  ASSERT_EQ(ssl(small(at / "two", {"--jobs", "2"})).status, 0);
  Random random(3);
  for (int k = 0; k < (sanitized ? 1 : 3); ++k) {
    const Outcome o = ssl(small(at / "killed", {"--jobs", "1", "--resume"}), whole.seconds * (0.1 + 0.6 * random.uniform()));
    ASSERT_TRUE(o.killed() || o.status == 0) << o.err;
  }
  ASSERT_EQ(ssl(small(at / "killed", {"--jobs", "1", "--resume"})).status, 0);
  for (const char* other : {"two", "killed"})
    for (const auto& [name, bytes] : contents(at / "reference"))
      if (name == "results.csv" || name.starts_with("checkpoints/") || name == "figures/filters.dat") {
        EXPECT_TRUE(get(at / other / name) == bytes) << other << " " << name;
      }
}

TEST(ssl_mnist, a_layer_that_is_emptied_is_a_result) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = ssl(small(at / "a", {}, "30"));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("a layer has nothing left"), std::string::npos) << o.out;
  const json row = json::parse(get(at / "a/summary.json"))["arms"]["filters"]["30"];
  EXPECT_TRUE(row["speedup"].is_null());
  EXPECT_GT(row["error"].get<double>(), 50);
}

TEST(ssl_mnist, refuses_before_anything_is_written) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--filters", "0.1,0.1"}, "--filters: 0.1 does not come after 0.1"},
      {{"--shapes", "-1"}, "--shapes: -1 does not come after 0; give rising penalties above 0"},
      {{"--neurons", "x"}, "--neurons: \"x\" is not a number"},
      {{"--neurons", ""}, "--neurons"},
      {{"--penalty-share", "1.5"}, "--penalty-share: 1.5 is not between 0 and 1"},
      {{"--momentum", "1"}, "--momentum"},
      {{"--iterations", "0"}, "--iterations"},
      {{"--quick"}, "train-images-idx3-ubyte is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(ssl(args), c.says, "ssl_mnist");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
