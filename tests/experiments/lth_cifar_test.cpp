// lth_cifar from its command line to its report, on the real CIFAR-10: layer by layer and all convolutions together, what is left alone, that
// the results depend on the settings alone, also after kills in the middle of a network with BatchNorm, and what it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/ops.h"
#include "core/safetensors.h"
#include "tests/experiments/killing.h"

namespace bonsai::test {
namespace {

Outcome lth(std::vector<std::string> args) { return run({.args = std::move(args), .program = "lth_cifar"}); }

// A run of a few seconds.
std::vector<std::string> tiny(const std::string& net, std::vector<std::string> more = {}) {
  std::vector<std::string> args{"--quick", "--net", net, "--iterations", "4", "--evaluate-every", "2", "--checkpoint-every", "1", "--batch", "8", "--validation", "20", "--test", "20"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

double kept(const SafeTensors& file, const std::string& weight) {
  const Tensor* mask = file.find(weight + ".mask");
  return mask ? mean(cast(*mask, DType::f64)).item() : 1;
}

// Conv-2's first round at the doubled rates: 20% of convolutions and of the output, 40% of the others; to the last weight.
TEST(lth_cifar, prunes_conv2_layer_by_layer) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  const Outcome o = lth(tiny("conv2", {"--out", at / "run", "--arms", "ticket,reinit,random"}));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("--paper"), std::string::npos) << "it must say that this is not the paper's ladder";
  for (const char* name : {"results.csv", "summary.json", "config.json", "report.html", "figures/accuracy.png", "figures/density.png", "table.txt"})
    EXPECT_TRUE(fs::exists(at / "run" / name)) << name;
  const SafeTensors ticket = load_safetensors(at / "run/checkpoints/trial00-ticket0-level01.safetensors");
  EXPECT_NEAR(kept(ticket, "conv1.weight"), 1 - std::nearbyint(0.2 * 1728) / 1728, 1e-12);
  EXPECT_NEAR(kept(ticket, "conv2.weight"), 1 - std::nearbyint(0.2 * 36864) / 36864, 1e-12);
  EXPECT_NEAR(kept(ticket, "fc1.weight"), 1 - std::nearbyint(0.4 * 4194304) / 4194304, 1e-12);
  EXPECT_NEAR(kept(ticket, "fc2.weight"), 1 - std::nearbyint(0.4 * 65536) / 65536, 1e-12);
  EXPECT_EQ(kept(ticket, "fc3.weight"), 0.8);
  EXPECT_EQ(kept(ticket, "fc1.bias"), 1);
  const auto summary = nlohmann::json::parse(get(at / "run/summary.json"));
  ASSERT_EQ(summary["levels"].size(), 2u);
  for (const char* arm : {"ticket", "reinit", "random"}) EXPECT_TRUE(summary["levels"][1].contains(arm)) << arm;
  const std::string rows = get(at / "run/results.csv");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 1 + 4 * 3);  // four trainings, measured at 0, 2 and 4
}

// All of ResNet's convolutions together lose 36%, to the last weight; shortcuts and the last layer nothing.
TEST(lth_cifar, prunes_resnet_globally_and_leaves_shortcuts_alone) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  const Outcome o = lth(tiny("resnet20", {"--out", at / "run", "--arms", "ticket", "--warmup", "1"}));
  ASSERT_EQ(o.status, 0) << o.err;
  const SafeTensors ticket = load_safetensors(at / "run/checkpoints/trial00-ticket0-level01.safetensors");
  double left = 0, all = 0, lowest = 1, highest = 0;
  for (const NamedTensor& t : ticket.tensors) {
    if (t.value.rank() < 2 || t.name.ends_with(".mask")) continue;
    const double density = kept(ticket, t.name);
    if (t.value.rank() != 4 || t.name.find("shortcut") != std::string::npos) {
      EXPECT_EQ(density, 1) << t.name;
      continue;
    }
    all += static_cast<double>(t.value.numel());
    left += density * static_cast<double>(t.value.numel());
    lowest = std::min(lowest, density);
    highest = std::max(highest, density);
  }
  EXPECT_EQ(all, 267'696);
  EXPECT_NEAR(left, all - std::nearbyint(0.36 * all), 1e-6);
  EXPECT_LT(lowest, highest) << "one threshold for all leaves layers different shares";
  EXPECT_NE(ticket.find("bn1.running_mean"), nullptr);
}

TEST(lth_cifar, results_do_not_depend_on_jobs) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  for (const char* jobs : {"1", "2"}) ASSERT_EQ(lth(tiny("resnet20", {"--out", at / jobs, "--jobs", jobs, "--warmup", "1"})).status, 0);
  EXPECT_EQ(get(at / "1/results.csv"), get(at / "2/results.csv"));
  EXPECT_EQ(get(at / "1/summary.json"), get(at / "2/summary.json"));
}

// Weights, momenta and running statistics, at a step that tickets rewind to, too.
TEST(lth_cifar, resumes_a_network_with_batch_norm_after_kills) {
  NEEDS_CIFAR();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; resume_test covers the same code";
  kill_and_compare(tiny("resnet20", {"--warmup", "1", "--rewind", "2", "--arms", "ticket,random"}), 4, "lth_cifar");
}

TEST(lth_cifar, mistakes_get_one_line) {
  const TemporaryFolder at;
  auto refused = [&](std::vector<std::string> args, const std::string& fragment) {
    args.insert(args.end(), {"--out", at / "never"});
    expect_refused(lth(args), fragment, "lth_cifar");
    EXPECT_FALSE(fs::exists(at / "never"));
  };
  refused({"--net", "alexnet"}, "alexnet");
  refused({"--arms", "reinit"}, "the ticket must be among them");
  refused({"--arms", "ticket,oneshot"}, "oneshot");
  refused({"--prune-connected", "1"}, "--prune-");
  refused({"--net", "resnet20", "--prune-convolutions", "0.9999"}, "round 1");
  refused({"--rewind", "600"}, "--rewind 600");
  refused({"--net", "resnet20", "--iterations", "50"}, "--warmup 100");
  refused({"--data-dir", at / "nowhere"}, "./bonsai data cifar-10");
}

}  // namespace
}  // namespace bonsai::test
