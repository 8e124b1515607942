// movement_transfer from command line to summary: exact densities, the figures, the same bytes however it is run, what it refuses.
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;
const std::string name = "movement_transfer";

#define NEEDS_BOTH()          \
  NEEDS_MNIST();              \
  if (!have("fashion-mnist")) \
  GTEST_SKIP() << "Fashion-MNIST is not in " << datasets::data_directory("") << "; ./bonsai data fashion-mnist fetches it"

// A few seconds: saved every 25 steps, so that a kill comes in the middle of a training and of the ramp.
std::vector<std::string> short_run(std::vector<std::string> more) {
  std::vector<std::string> args{"--pretrain-iterations", "60",       "--iterations", "60",       "--evaluate-every", "30",
                                "--checkpoint-every",    "20",       "--validation", "500",      "--trials",         "1",
                                "--densities",           "0.2,0.05", "--lambdas",    "100,1000", "--score-rate",     "20000"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(movement_transfer, from_digits_to_clothes) {
  NEEDS_BOTH();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome o = run(
      {.args = {"--quick", "--densities", "0.1,0.03", "--lambdas", "8,64", "--iterations", "300", "--out", at / "a"}, .program = name});
  ASSERT_EQ(o.status, 0) << o.err;
  const json s = json::parse(get(at / "a/summary.json"));
  EXPECT_GT(s["pretrained"]["mnist_accuracy"].get<double>(), 90);
  const double dense = s["dense"]["accuracy"];
  EXPECT_GT(dense, 78);
  for (const auto& [text, fraction] : std::map<std::string, double>{{"0.1", 0.1}, {"0.03", 0.03}}) {
    const json& d = s["densities"][text];
    for (const char* arm : {"movement", "magnitude", "random"})
      EXPECT_EQ(d[arm]["density"].get<double>(), (266200 - std::nearbyint((1 - fraction) * 266200)) / 266200) << text << " " << arm;
    for (const char* arm : {"movement", "magnitude", "soft"})
      EXPECT_GT(d[arm]["accuracy"].get<double>(), d["random"]["accuracy"].get<double>() + 10) << text << " " << arm;
  }
  // More penalty, fewer weights; and a density is answered by the nearer of the two.
  const double light = s["lambdas"]["8"]["density"], heavy = s["lambdas"]["64"]["density"];
  EXPECT_LT(heavy, 0.8 * light);
  EXPECT_LT(light, 1);
  EXPECT_EQ(s["densities"]["0.03"]["soft"]["lambda"], 64);
  EXPECT_EQ(s["densities"]["0.03"]["soft"]["density"], heavy);
  // The scatter's claim, counted from the checkpoints: more of movement's kept weights moved away from 0, and it keeps smaller ones.
  auto weights = [&](const std::string& file) { return load_safetensors(at / ("a/checkpoints/trial00-" + file + ".safetensors")); };
  const Tensor before = weights("pretrained0-level00").at("fc1.weight");
  auto kept = [&](const std::string& arm, double& away, double& least) {
    const SafeTensors end = weights(arm + "0-level02");
    const Tensor after = end.at("fc1.weight"), mask = end.at("fc1.weight.mask");
    double n = 0;
    away = 0, least = 1e9;
    for (std::int64_t i = 0; i < mask.numel(); ++i) {
      if (mask.at(i) == 0) continue;
      ++n;
      away += std::abs(after.at(i)) > std::abs(before.at(i));
      least = std::min(least, std::abs(after.at(i)));
    }
    away /= n;
  };
  double movement_away, movement_least, magnitude_away, magnitude_least;
  kept("movement", movement_away, movement_least);
  kept("magnitude", magnitude_away, magnitude_least);
  EXPECT_GT(movement_away, 0.9);
  EXPECT_GT(movement_away, magnitude_away);
  EXPECT_LT(movement_least, 0.7 * magnitude_least);
  for (const char* figure : {"accuracy.png", "accuracy.svg", "scatter.png", "scatter.svg"})
    EXPECT_GT(get(at / ("a/figures/" + std::string(figure))).size(), 5000u) << figure;
  for (const char* says : {"soft: the density follows from lambda, so 2 are tried (8,64)", "BERT-base", "78.0 / 76.5 / 86.1"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says << "\n" << o.out;
}

TEST(movement_transfer, the_same_bytes_however_it_is_run) {
  NEEDS_BOTH();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome whole = run({.args = short_run({"--jobs", "2", "--out", at / "a"}), .program = name});
  ASSERT_EQ(whole.status, 0) << whole.err;
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  std::string before;
  for (double share : {0.5, 0.7, 0.85}) {  // killed three times, each a little further, with one job
    run({.args = short_run({"--jobs", "1", "--resume", "--out", at / "b"}), .kill_after = share * whole.seconds, .program = name});
    if (!fs::exists(at / "b/results.csv")) continue;
    const std::string now = get(at / "b/results.csv");
    EXPECT_TRUE(get(at / "a/results.csv").starts_with(now)) << now;
    EXPECT_TRUE(now.size() >= before.size());
    before = now;
  }
  ASSERT_EQ(run({.args = short_run({"--jobs", "1", "--resume", "--out", at / "b"}), .program = name}).status, 0);
  expect_same(at / "b", at / "a", except);
}

TEST(movement_transfer, refusals) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--arms", "movement,l0"}, "--arms: \"l0\" is not one of movement, soft, magnitude, random"},
      {{"--arms", "soft,soft"}, "named twice"},
      {{"--arms", ""}, "--arms: names no method"},
      {{"--densities", "15"}, "--densities: 15 is not between 0 and 1; did you mean 0.15?"},
      {{"--densities", "0.1,0.2"}, "does not fall"},
      {{"--densities", "0.1,a"}, "--densities: \"a\" is not a number"},
      {{"--densities", "nan"}, "is not a number"},
      {{"--densities", ""}, "--densities: names none"},
      {{"--lambdas", "-1"}, "--lambdas: -1 must not be negative"},
      {{"--lambdas", "2,1"}, "and rise"},
      {{"--warm-up", "0.9"}, "--warm-up 0.9 --cool-down 0.2"},
      {{"--cool-down", "0"}, "the cool-down be at least one"},
      {{"--score-rate", "0"}, "--score-rate: 0 is not between"},
      {{"--scope", "row"}, "--scope: \"row\" is not one of global|layer"},
      {{"--iterations", "0"}, "--iterations: 0 is not between 1 and"},
      {{"--trials", "0"}, "--trials"},
      {{"--quick"}, "mnist/train-images-idx3-ubyte is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args, .program = name}), c.says, name);
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
