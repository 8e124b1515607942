// The way back to Python: the code that tools/README.md shows, run as it stands there, on what prune_checkpoint has just written.
#include <fmt/ranges.h>

#include "core/ops.h"
#include "nn/network_file.h"
#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

const fs::path source = BONSAI_SOURCE_DIR;

// The chapter's blocks of Python.
std::vector<std::string> snippets() {
  const std::string page = get(source / "tools/README.md"), opening = "```python\n";
  std::vector<std::string> all;
  for (std::size_t begin = page.find(opening); begin != page.npos; begin = page.find(opening, begin)) {
    begin += opening.size();
    all.push_back(page.substr(begin, page.find("```", begin) - begin));
  }
  if (all.size() != 2) throw std::runtime_error("tools/README.md has not two blocks of Python");
  return all;
}

Outcome python(const fs::path& folder, const std::string& code) {
  put(folder / "code.py", code);
  const std::string command = fmt::format("cd {} && /usr/bin/python3 code.py >said 2>error", folder.string());
  const int status = std::system(command.c_str());
  return {.status = status, .out = get(folder / "said"), .err = get(folder / "error")};
}
#define NEEDS_TORCH() \
  if (std::system("/usr/bin/python3 -c 'import torch' >/dev/null 2>&1") != 0) GTEST_SKIP() << "PyTorch is not installed (Debian's python3-torch)"

std::vector<double> numbers(const std::string& line) {
  std::vector<double> all;
  std::istringstream in(line);
  for (double x; in >> x;) all.push_back(x);
  return all;
}

TEST(Python, ReloadsWeightsAndMasks) {
  NEEDS_TORCH();
  const TemporaryFolder at;
  const Outcome o = prune_checkpoint({source / "datasets/trained/lenet_300_100.safetensors", at / "small.safetensors", "--masks",
                                      at / "masks.safetensors", "--sparsity", "0.9", "--scope", "global"});
  ASSERT_EQ(o.status, 0) << o.err;

  // After the snippet: what the network says to a picture, what is kept, and what a step of training leaves at 0.
  const Outcome p = python(at.path(), snippets()[0] + R"(
x = torch.tensor([i * 37 % 101 / 101 for i in range(784)]).reshape(1, 784)
print(*net(x).flatten().tolist())
print(*(int(m.sum()) for m in masks.values()))
print(all(torch.equal(weights[k[:-5]] != 0, m.bool() & (weights[k[:-5]] != 0)) for k, m in masks.items()))
optimizer = torch.optim.Adam(net.parameters())
torch.nn.functional.cross_entropy(net(x), torch.tensor([3])).backward()
optimizer.step()
net(x)
print(all(bool((net.get_submodule(k[:-12]).weight[m == 0] == 0).all()) for k, m in masks.items()))
)");
  ASSERT_EQ(p.status, 0) << p.err;
  std::istringstream lines(p.out);
  std::string logits, counts, zero, still_zero;
  // (the snippet's own last line comes first)
  for (std::string line; std::getline(lines, line);) logits = counts, counts = zero, zero = still_zero, still_zero = line;
  EXPECT_EQ(zero, "True") << p.out;
  EXPECT_EQ(still_zero, "True") << p.out;

  const SafeTensors file = load_safetensors(at / "small.safetensors");
  auto net = nn::network_of(file);
  net->train(false);
  Tensor x = empty({1, 784});
  for (int i = 0; i < 784; ++i) x.mutable_data<float>()[i] = static_cast<float>(i * 37 % 101 / 101.0);
  const NoGrad off;
  const Tensor ours = (*net)(x);
  const std::vector<double> theirs = numbers(logits);
  ASSERT_EQ(theirs.size(), 10u) << p.out;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(std::abs(theirs[i] - ours.at(i)) <= 1e-4 * (1 + std::abs(ours.at(i)))) << theirs[i] << " " << ours.at(i);
  std::vector<double> kept;
  for (const char* layer : {"fc1", "fc2", "fc3"}) {
    const Tensor w = file.at(std::string(layer) + ".weight");
    double n = 0;
    for (std::int64_t i = 0; i < w.numel(); ++i) n += w.at(i) != 0;
    kept.push_back(n);
  }
  EXPECT_EQ(numbers(counts), kept);
}

TEST(Python, ReadsEveryType) {
  NEEDS_TORCH();
  const TemporaryFolder at;
  std::vector<Stored> all;
  for (const char* type : {"U8", "F64", "F32", "F16", "BF16", "I64"}) {
    all.push_back({type, type, {2, 3}, {0, 1, 2.5, 3, 40, 5.125}});
    if (std::string(type) == "U8" || std::string(type) == "I64") all.back().values = {0, 1, 2, 3, 40, 5};
  }
  all.push_back({"none", "F32", {0, 3}, {}});
  store(at / "f.safetensors", all, {{"about", "a test"}});
  const std::string code = snippets()[0], load = code.substr(0, code.find("\nweights"));
  ASSERT_LT(load.size(), code.size());
  const Outcome p = python(at.path(), load + R"(
for name, t in load("f.safetensors").items():
    print(name, str(t.dtype), tuple(t.shape), *t.double().flatten().tolist())
)");
  ASSERT_EQ(p.status, 0) << p.err;
  EXPECT_EQ(p.out,
            "U8 torch.uint8 (2, 3) 0.0 1.0 2.0 3.0 40.0 5.0\nF64 torch.float64 (2, 3) 0.0 1.0 2.5 3.0 40.0 5.125\n"
            "F32 torch.float32 (2, 3) 0.0 1.0 2.5 3.0 40.0 5.125\nF16 torch.float16 (2, 3) 0.0 1.0 2.5 3.0 40.0 5.125\n"
            "BF16 torch.bfloat16 (2, 3) 0.0 1.0 2.5 3.0 40.0 5.125\nI64 torch.int64 (2, 3) 0.0 1.0 2.0 3.0 40.0 5.0\nnone torch.float32 (0, 3)\n");
}

// Inputs recorded in Python are those that the network sees here, and the tool takes them.
TEST(Python, RecordsInputsForCalibration) {
  NEEDS_TORCH();
  const TemporaryFolder at;
  const fs::path lenet = source / "datasets/trained/lenet_300_100.safetensors";
  ASSERT_EQ(prune_checkpoint({lenet, at / "small.safetensors", "--masks", at / "masks.safetensors", "--sparsity", "0"}).status,
            0);  // the whole network
  const std::string pictures = "\npictures = torch.tensor([i * 37 % 101 / 101 for i in range(50 * 784)]).reshape(50, 784)\n";
  const Outcome p = python(at.path(), snippets()[0] + pictures + snippets()[1]);
  ASSERT_EQ(p.status, 0) << p.err;
  const SafeTensors inputs = load_safetensors(at / "inputs.safetensors"), file = load_safetensors(lenet);
  Tensor x = empty({50, 784});
  for (int i = 0; i < 50 * 784; ++i) x.mutable_data<float>()[i] = static_cast<float>(i * 37 % 101 / 101.0);
  for (const char* layer : {"fc1", "fc2", "fc3"}) {
    const Tensor& recorded = inputs.at(std::string(layer) + ".weight.input");
    ASSERT_EQ(recorded.shape(), x.shape());
    for (std::int64_t i = 0; i < x.numel(); ++i)
      ASSERT_TRUE(std::abs(recorded.at(i) - x.at(i)) <= 1e-4 * (1 + std::abs(x.at(i)))) << layer << " " << i;
    x = relu(linear(x, file.at(std::string(layer) + ".weight"), file.at(std::string(layer) + ".bias")));
  }
  for (const char* criterion : {"wanda", "sparsegpt"}) {
    const Outcome o =
        prune_checkpoint({lenet, at / "out", "--criterion", criterion, "--granularity", "1:4", "--calibration", at / "inputs.safetensors"});
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_NE(tool("inspect", {at / "out"}).out.find(" 0.2500  1.000  1.000  1.000"), std::string::npos);
  }
}

}  // namespace
}  // namespace bonsai::test
