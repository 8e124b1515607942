// Files of the papers' networks for pictures: each is told from the others by its tensors, its buffers travel with it, packed convolutions
// come back, and a file that claims to be one of them is checked against it.
#include "nn/init.h"
#include "nn/network_file.h"
#include "nn/networks.h"
#include "tests/files_support.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

std::unique_ptr<Sequential> initialised(const std::string& name) {
  auto net = network(name);
  initialize(*net, {}, Random(1));
  int k = 0;
  for (auto& [ignored, b] : net->buffers()) *b = Random(2).derive(++k).uniform(b->shape()) + 0.5;
  return net;
}
std::vector<NamedTensor> view(Module& net) {  // a checkpoint
  std::vector<NamedTensor> all;
  for (Parameter* p : net.parameters()) {
    all.push_back({p->name(), p->dense_values()});
    if (const Tensor mask = p->dense_mask(); mask.defined()) all.push_back({p->name() + ".mask", mask});
  }
  for (auto& [name, b] : net.buffers()) all.push_back({name, *b});
  return all;
}
void prune(Module& net, double density, bool pack) {
  for (Parameter* p : net.parameters()) {
    if (p->shape().rank() < 2) continue;
    p->set_mask(cast(Random(3).derive(p->name()).bernoulli(p->shape(), density), DType::u8));
    if (pack) p->pack();
  }
}
Tensor logits(Module& net, const Tensor& x) {
  const NoGrad off;
  const Evaluating on(net);
  return net.forward(x);
}
SafeTensors through_a_file(const std::vector<NamedTensor>& tensors, const Metadata& metadata = {}) {
  const TemporaryFolder at;
  save_safetensors(at / "f", tensors, metadata);
  return load_safetensors(at / "f");
}

TEST(PictureNetworkFile, TheTensorsTellWhichNetworkItIs) {
  for (const char* name : {"lenet_300_100", "lenet5", "conv2", "conv4", "conv6", "resnet20", "resnet32", "resnet56", "vgg16", "vgg19", "rows_transformer"}) {
    SCOPED_TRACE(name);
    auto net = network(name);  // (zeros are enough)
    auto back = network_of({view(*net), {}, "f"});
    EXPECT_EQ(back->describe(), net->describe());
    back = network_of({view(*net), {{"network", name}}, "f"});
    EXPECT_EQ(back->describe(), net->describe());
  }
}

TEST(PictureNetworkFile, ACheckpointComesBackWithItsBuffers) {
  const std::pair<const char*, Shape> cases[] = {{"lenet5", {3, 1, 28, 28}}, {"resnet20", {2, 3, 32, 32}}, {"rows_transformer", {2, 1, 28, 28}}};
  for (const auto& [name, shape] : cases) {
    auto net = initialised(name);
    prune(*net, 0.5, false);
    auto back = network_of(through_a_file(view(*net)));
    for (Parameter* p : net->parameters()) {
      EXPECT_TRUE(same_bits(back->parameter(p->name()).dense_values(), p->dense_values())) << p->name();
      EXPECT_EQ(back->parameter(p->name()).is_masked(), p->is_masked()) << p->name();
    }
    const auto buffers = net->buffers(), read = back->buffers();
    ASSERT_EQ(buffers.size(), read.size());
    for (std::size_t i = 0; i < buffers.size(); ++i) EXPECT_TRUE(same_bits(*read[i].second, *buffers[i].second)) << read[i].first;
    const Tensor x = Random(4).uniform(shape);
    EXPECT_TRUE(same_bits(logits(*back, x), logits(*net, x))) << name;
  }
}

TEST(PictureNetworkFile, APackedFileComputesTheSameBits) {
  const std::pair<const char*, Shape> cases[] = {{"lenet5", {3, 1, 28, 28}}, {"resnet20", {2, 3, 32, 32}}};
  for (const auto& [name, shape] : cases) {
    auto net = initialised(name);
    prune(*net, 0.1, true);
    const SafeTensors file = through_a_file(packed_view(*net), {{"network", name}});
    EXPECT_TRUE(is_packed_file(file));
    const Parameter& conv = net->parameter("conv1.weight");
    EXPECT_EQ(file.at("conv1.weight.shape").to_vector<std::int64_t>(), (std::vector<std::int64_t>(conv.shape().begin(), conv.shape().end())));
    // Entry k of row r is entry (r, column[k]) of the weight with all axes but the first in one.
    const auto begin = file.at("conv1.weight.row_begin").to_vector<std::int64_t>(), column = file.at("conv1.weight.column").to_vector<std::int64_t>();
    const auto values = file.at("conv1.weight.values").to_vector<float>();
    std::vector<float> dense(static_cast<std::size_t>(conv.numel()), 0);
    const std::int64_t columns = conv.numel() / conv.shape()[0];
    for (std::int64_t r = 0; r < conv.shape()[0]; ++r)
      for (std::int64_t k = begin[r]; k < begin[r + 1]; ++k) dense[r * columns + column[k]] = values[k];
    EXPECT_EQ(conv.dense_values().to_vector<float>(), dense);

    auto back = network_of(file);
    for (Parameter* p : back->parameters()) EXPECT_EQ(p->is_packed(), p->shape().rank() >= 2) << p->name();
    const Tensor x = Random(4).uniform(shape);
    EXPECT_TRUE(same_bits(logits(*back, x), logits(*net, x))) << name;
    const SafeTensors again = through_a_file(packed_view(*back), {{"network", name}});
    ASSERT_EQ(again.tensors.size(), file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) EXPECT_TRUE(same_bits(again.tensors[i].value, file.tensors[i].value)) << file.tensors[i].name;
  }
}

std::vector<NamedTensor> with(std::vector<NamedTensor> all, const std::string& name, const Tensor& value) {
  std::erase_if(all, [&](const NamedTensor& t) { return t.name == name; });
  if (value.defined()) all.push_back({name, value});
  return all;
}
Tensor numbers(std::vector<std::int64_t> v) { return tensor(std::span<const std::int64_t>(v), {static_cast<std::int64_t>(v.size())}); }

TEST(PictureNetworkFile, Refusals) {
  auto net = network("resnet20");
  const auto good = view(*net);
  net->parameter("conv1.weight").set_mask(zeros({16, 3, 3, 3}, DType::u8));
  net->parameter("conv1.weight").pack();
  const auto packed = packed_view(*net);
  const std::string conv = "layer2.0.conv1.weight";
  const struct {
    const std::vector<NamedTensor>& from;
    std::string name;
    Tensor value;
    std::vector<std::string> says;
  } cases[] = {
      {good, conv, {}, {"f: has no tensor \"layer2.0.conv1.weight\""}},
      {good, conv, ones({32, 16, 3, 5}), {"f: \"layer2.0.conv1.weight\" (32, 16, 3, 5) does not fit resnet20, which has (32, 16, 3, 3) there"}},
      {good, conv, full({32, 16, 3, 3}, std::nan("")), {"f: \"layer2.0.conv1.weight\" holds nan"}},
      {good, conv + ".mask", ones({32, 16, 9}, DType::u8), {"f: \"layer2.0.conv1.weight.mask\" is u8 (32, 16, 9)"}},
      {good, "bn1.running_mean", {}, {"f: has no tensor \"bn1.running_mean\""}},
      {good, "bn1.running_mean", ones({15}), {"f: \"bn1.running_mean\" (15) does not fit resnet20"}},
      {good, "bn1.running_mean", full({16}, 1e300, DType::f64), {"f: \"bn1.running_mean\" holds inf"}},
      {good, "bn1.running_var", full({16}, -1), {"f: \"bn1.running_var\" holds -1, which is no variance"}},
      {good, "bn1.running_var", ones({16}, DType::i64), {"f: \"bn1.running_var\" is i64"}},
      {good, "bn1.running_var.mask", ones({16}, DType::u8), {"f: has \"bn1.running_var.mask\", which is not of resnet20"}},
      {good, "fc4.weight", ones({10, 10}), {"f: has \"fc4.weight\", which is not of resnet20"}},
      {good, "layer1.3.conv1.weight", ones({16, 16, 3, 3}), {"f: has \"layer1.3.conv1.weight\", which is not of resnet20"}},
      {good, "layer1.4.conv1.weight", ones({16, 16, 3, 3}), {"f: has no tensor \"layer1.3.conv1.weight\""}},  // (half a ResNet-32)
      {packed, "conv1.weight.shape", numbers({16, 3, 9}), {"f: \"conv1.weight.shape\" has 3 axes"}},
      {packed, "conv1.weight.shape", numbers({16, 3, 3, 3, 1}), {"f: \"conv1.weight.shape\" has 5 axes"}},
      {packed, "conv1.weight.shape", numbers({16, 27}), {"f: \"conv1.weight\" (16, 27) does not fit resnet20"}},
      {packed, "conv1.weight.shape", numbers({16, 65'536, 65'536, 65'536}), {"f: \"conv1.weight.shape\" has 4294967296 columns"}},
      {packed, "conv1.weight.shape", numbers({16, 3, 0, 3}), {"f:", "conv1.weight"}},
      {packed, "conv1.weight.column", numbers({27}), {"f: \"conv1.weight.values\" (0) do not fit 1 entries"}},
      {packed, "conv1.weight", ones({16, 3, 3, 3}), {"f: has \"conv1.weight.values\""}},
  };
  for (const auto& c : cases) EXPECT_TRUE(refuses([&] { network_of({with(c.from, c.name, c.value), {}, "f"}); }, c.says)) << c.name;

  const auto named = [&](const std::string& name) { return [&, name] { network_of({good, {{"network", name}}, "f"}); }; };
  EXPECT_TRUE(refuses(named("resnet32"), {"f: has no tensor \"layer1.3.conv1.weight\""}));
  EXPECT_TRUE(refuses(named("lenet5"), {"f: \"conv1.weight\" (16, 3, 3, 3) does not fit lenet5"}));
  EXPECT_TRUE(refuses(named("res\nnet"), {"f: no network \"res?net\"; there are lenet_300_100"}));
  EXPECT_TRUE(refuses(named(""), {"f: no network \"\""}));
}

// Whatever is done to a file, it ends in a network that computes, or in one line.
TEST(PictureNetworkFile, Fuzz) {
  const TemporaryFolder at;
  auto net = initialised("lenet5");
  prune(*net, 1e-3, true);
  save_safetensors(at / "f", packed_view(*net), {{"network", "lenet5"}});
  const std::string seed = get(at / "f");
  ASSERT_LT(seed.size(), 10'000u);
  Random r = Random(1).derive("picture network file fuzz");
  std::int64_t networks = 0, refused = 0;
  for (std::int64_t i = 0, n = fuzz_count() / 20; i < n; ++i) {
    std::string bytes = seed;
    std::uint64_t header;
    std::memcpy(&header, bytes.data(), 8);
    if (r.below(3) == 0)
      bytes = mutate(bytes, r);
    else
      bytes[8 + header + r.below(bytes.size() - 8 - header)] = static_cast<char>(r.below(256));
    put(at / "f", bytes);
    try {
      auto back = network_of(load_safetensors(at / "f"));
      ASSERT_EQ(logits(*back, ones({1, 1, 28, 28})).shape(), (Shape{1, 10}));
      ++networks;
    } catch (const Error& e) {
      ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(networks, 0);
  EXPECT_GT(refused, networks / 10);
}

}  // namespace
}  // namespace bonsai::nn
