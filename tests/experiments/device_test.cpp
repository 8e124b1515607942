// --device: the GPU's kernels, run by the CPU, under whole programs; and what is said where there is no GPU.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

#define NEEDS_FIBERS() \
  if (sanitized) GTEST_SKIP() << "the emulator's fibers are not for sanitizers"

TEST(device, obs_picture_says_the_same) {
  NEEDS_FIBERS();
  const TemporaryFolder at;
  const Outcome o = run({.args = {"--device", "emulator", "--out", at / "emulator"}, .program = "obs_picture"}), cpu = run({.args = {"--out", at / "cpu"}, .program = "obs_picture"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(get(at / "emulator/table.txt"), get(at / "cpu/table.txt"));
  const json config = json::parse(get(at / "emulator/config.json"));
  EXPECT_NE(config.dump().find("\"device-name\":\"emulated\""), std::string::npos) << config.dump();
}

std::vector<double> numbers(const std::string& csv) {
  std::vector<double> all;
  std::istringstream cells(csv.substr(csv.find('\n')));
  for (std::string cell; std::getline(cells, cell, ',');) all.push_back(std::atof(cell.c_str()));
  return all;
}

// LeNet-300-100, two trials as one network, steps recorded and played; and each by itself: the same bytes. On the CPU's kernels: the same numbers but for roundings.
TEST(device, lth_mnist_trains_there_alone_or_in_company) {
  NEEDS_FIBERS();
  NEEDS_MNIST();
  const TemporaryFolder at;
  auto lth = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> args{"--iterations", "4", "--rounds", "0", "--evaluate-every", "4", "--validation", "30", "--batch", "20", "--trials", "2", "--out", at / out};
    args.insert(args.end(), more.begin(), more.end());
    const Outcome o = run({.args = args});
    EXPECT_EQ(o.status, 0) << o.err;
    return get(at / (out + "/results.csv"));
  };
  const std::string together = lth("together", {"--device", "emulator"}), alone = lth("alone", {"--device", "emulator", "--jobs", "1"});
  EXPECT_EQ(together, alone);
  const std::vector<double> here = numbers(lth("cpu", {})), there = numbers(together);
  ASSERT_EQ(here.size(), there.size());
  ASSERT_GT(here.size(), 20u);
  for (std::size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 1e-5 * (1 + std::abs(here[i]))) << i;
}

TEST(device, without_a_gpu_it_says_so) {
  if (fs::exists("/dev/nvidia0")) GTEST_SKIP() << "there is a GPU here";
  const TemporaryFolder at;
  const Outcome o = run({.args = {"--device", "cuda", "--out", at / "out"}});
  EXPECT_EQ(o.status, 2);
  const bool built = fs::exists(fs::path(BONSAI_BIN_DIR).parent_path() / "lib/libbonsai_cuda.so");
  EXPECT_NE(o.err.find(built ? "--device cuda: there is no GPU that CUDA can use" : "--device cuda: this program was built without CUDA"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("--device emulator"), std::string::npos) << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_EQ(at.entries(), 0);
}

}  // namespace
}  // namespace bonsai::test
