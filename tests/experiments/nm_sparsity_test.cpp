// nm_sparsity and pruning_types from their command lines to their reports, on the real MNIST: what they leave behind, that masks, sizes and tables tell one story,
// that results depend on the settings alone, also after a kill, and what they refuse.
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome start(const char* program, const fs::path& out, std::vector<std::string> more, double kill_after = 0) {
  std::vector<std::string> args{"--quick", "--iterations", "20", "--validation", "200", "--test", "500", "--checkpoint-every", "7", "--out", out};
  args.insert(args.end(), more.begin(), more.end());
  return run({.args = std::move(args), .kill_after = kill_after, .program = program});
}

void expect_same_results(const char* program, const fs::path& at, std::vector<std::string> settings) {
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), settings.begin(), settings.end());
    return more;
  };
  const Outcome whole = start(program, at / "reference", with({"--jobs", "1"}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  ASSERT_EQ(start(program, at / "two", with({"--jobs", "2"})).status, 0);
  Random random(3);
  for (int k = 0; k < (sanitized ? 1 : 3); ++k) {
    const Outcome o = start(program, at / "killed", with({"--jobs", "1", "--resume"}), whole.seconds * (0.1 + 0.6 * random.uniform()));
    ASSERT_TRUE(o.killed() || o.status == 0) << o.err;
  }
  ASSERT_EQ(start(program, at / "killed", with({"--jobs", "1", "--resume"})).status, 0);
  for (const char* other : {"two", "killed"})
    for (const auto& [name, bytes] : contents(at / "reference"))
      if (name == "results.csv" || name.starts_with("checkpoints/")) {
        EXPECT_TRUE(get(at / other / name) == bytes) << other << " " << name;
      }
}

TEST(nm_sparsity, a_run_leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const fs::path a = at / "a";
  const Outcome o = start("nm_sparsity", a, {});
  ASSERT_EQ(o.status, 0) << o.err;
  const json summary = json::parse(get(a / "summary.json"));
  EXPECT_GT(summary["dense"]["accuracy"].get<double>(), 95);
  const json& patterns = summary["patterns"];
  for (const char* p : {"1:4", "2:4", "4:8", "2:8"}) {
    const json& arms = patterns[p];
    EXPECT_GE(arms["permuted"]["magnitude_kept"].get<double>(), arms["in-place"]["magnitude_kept"].get<double>()) << p;
    EXPECT_GT(arms["anywhere"]["magnitude_kept"].get<double>(), arms["permuted"]["magnitude_kept"].get<double>()) << p;
    EXPECT_TRUE(arms["sr-ste"].contains("accuracy_trained_on")) << p;
    EXPECT_FALSE(arms["sr-ste"].contains("accuracy_pruned")) << p;
  }
  EXPECT_GT(patterns["2:4"]["permuted"]["magnitude_kept"].get<double>(), patterns["2:4"]["in-place"]["magnitude_kept"].get<double>());  // fc2 and fc3 have channels to permute
  EXPECT_GT(patterns["4:8"]["in-place"]["magnitude_kept"].get<double>(), patterns["2:4"]["in-place"]["magnitude_kept"].get<double>());
  // results.csv's densities: all of fc1 to fc3 at 2:4; fc1 alone at 4:8.
  const std::string csv = get(a / "results.csv");
  EXPECT_NE(csv.find("0,in-place,0,2,0.5,"), std::string::npos) << csv;
  EXPECT_NE(csv.find(fmt::format("0,sr-ste,0,3,{}", (235200 / 2 + 31000.0) / 266200).substr(0, 18)), std::string::npos) << csv;
  EXPECT_NE(o.out.find("4:8 leaves fc2.weight dense: its input dimension 300 is no multiple of 8"), std::string::npos) << o.out;
  EXPECT_TRUE(get(a / "figures/accuracy.png").starts_with("\x89PNG\r\n"));
}

TEST(nm_sparsity, results_depend_on_the_settings_alone) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  expect_same_results("nm_sparsity", at / "", {"--patterns", "2:4,1:4", "--arms", "permuted,sr-ste,sr-ste-new"});
}

TEST(nm_sparsity, refuses_before_anything_is_written) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--patterns", "2:4,2:4"}, "--patterns: 2:4 is named twice"},
      {{"--patterns", "5:4"}, "\"5:4\" is no N:M pattern"},
      {{"--patterns", ""}, "\"\" is no N:M pattern"},
      {{"--arms", "never"}, "--arms: \"never\""},
      {{"--net", "vgg16"}, "--net"},
      {{"--lambda", "-1"}, "--lambda"},
      {{"--quick"}, "train-images-idx3-ubyte is missing; fetch it with ./bonsai data mnist"},
      {{"--net", "resnet20"}, "data_batch_1.bin is missing; fetch it with ./bonsai data cifar-10"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args, .program = "nm_sparsity"}), c.says, "nm_sparsity");
    EXPECT_EQ(at.entries(), 0);
  }
  if (have("mnist")) expect_refused(run({.args = {"--patterns", "2:7,3:11", "--out", at / "out"}, .program = "nm_sparsity"}), "no weight of lenet_300_100 can take 3:11", "nm_sparsity");
  EXPECT_EQ(at.entries(), 0);
}

TEST(pruning_types, a_run_leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const fs::path a = at / "a";
  const Outcome o = start("pruning_types", a, {});
  ASSERT_EQ(o.status, 0) << o.err;
  const json types = json::parse(get(a / "summary.json"))["types"];
  ASSERT_EQ(types.size(), 7u);
  auto number = [&](const char* type, const char* what) { return types[type][what].get<double>(); };
  EXPECT_EQ(number("all weights", "parameters_left"), 266610);
  EXPECT_EQ(number("all weights", "macs_left"), 266200);
  EXPECT_EQ(number("50% zeros anywhere, packed", "parameters_left"), 133100 + 410);
  EXPECT_EQ(number("2 of every 4, packed", "parameters_left"), 133100 + 410);
  EXPECT_EQ(number("90% zeros anywhere, packed", "macs_left"), 26620);
  EXPECT_EQ(number("50% of channels cut out", "parameters_left"), 784 * 150 + 150 + 150 * 50 + 50 + 50 * 10 + 10);
  // Files by hand, headers aside: 4 bytes a value, 6 a packed weight with its column, 4.25 a weight of 2:4.
  auto near = [&](const char* type, double bytes) { EXPECT_NEAR(number(type, "file_bytes"), bytes, 3000) << type; };
  near("all weights", 4 * 266610);
  near("50% zeros anywhere, masked", 4 * 266610);
  near("50% zeros anywhere, packed", 6 * 133100 + 4 * 410);
  near("2 of every 4, packed", 4.25 * 133100 + 4 * 410);
  near("50% of channels cut out", 4 * (784 * 150 + 150 + 150 * 50 + 50 + 50 * 10 + 10));
  EXPECT_EQ(number("50% zeros anywhere, masked", "accuracy_trained_on"), number("50% zeros anywhere, packed", "accuracy_trained_on"));
  for (const auto& [name, row] : types.items()) EXPECT_GT(row["speedup_batch_64"].get<double>(), 0) << name;
  const SafeTensors file = load_safetensors(a / "checkpoints/trial00-2of40-level00.safetensors");
  const Tensor& mask = file.at("fc1.weight.mask");
  for (std::int64_t g = 0; g < mask.numel(); g += 4) ASSERT_EQ(mask.at(g) + mask.at(g + 1) + mask.at(g + 2) + mask.at(g + 3), 2);
  EXPECT_TRUE(get(a / "figures/types.png").starts_with("\x89PNG\r\n"));
  const auto before = contents(a);
  EXPECT_EQ(start("pruning_types", a, {"--resume"}).status, 0);
  EXPECT_TRUE(contents(a) == before);
}

TEST(pruning_types, results_depend_on_the_settings_alone) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  expect_same_results("pruning_types", at / "", {});
}

TEST(pruning_types, refuses_before_anything_is_written) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--high", "90"}, "--high"},
      {{"--channels", "1"}, "--channels"},
      {{"--trials", "2"}, "--trials 2: one network"},
      {{"--net", "conv2"}, "--net"},
      {{"--quick"}, "train-images-idx3-ubyte is missing"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args, .program = "pruning_types"}), c.says, "pruning_types");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
