// The papers' networks: their weights counted against the papers' tables, their layers' names, and fifty steps of training beside PyTorch's.
#include "nn/networks.h"

#include "nn/init.h"
#include "nn/optimizers.h"
#include "tests/nn/golden_pictures.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

struct Counts {
  std::int64_t parameters = 0, weights = 0;
};
Counts count(Module& net, const std::function<bool(const std::string&)>& of = [](const std::string&) { return true; }) {
  Counts c;
  for (const Parameter* p : net.parameters()) {
    if (!of(p->name())) continue;
    c.parameters += p->numel();
    if (p->shape().rank() >= 2) c.weights += p->numel();
  }
  return c;
}
bool starts(const std::string& s, const char* with) { return s.starts_with(with); }

TEST(Networks, HaveAsManyWeightsAsThePapersSay) {
  EXPECT_EQ(count(*network("lenet_300_100")).weights, 266'200);
  EXPECT_EQ(count(*network("lenet5")).weights, 430'500);
  EXPECT_EQ(count(*network("lenet5")).parameters, 431'080);
  EXPECT_EQ(count(*network("conv2")).weights, 4'300'992);
  EXPECT_EQ(count(*network("conv2"), [](const std::string& n) { return starts(n, "conv"); }).weights, 38'592);
  EXPECT_EQ(count(*network("conv4")).weights, 2'425'024);
  EXPECT_EQ(count(*network("conv6")).weights, 2'261'184);
  EXPECT_EQ(count(*network("conv6"), [](const std::string& n) { return starts(n, "conv"); }).weights, 1'144'512);
  EXPECT_EQ(count(*network("resnet20")).weights, 270'896);
  auto part = [](const char* what) { return [=](const std::string& n) { return n.find(what) != std::string::npos; }; };
  EXPECT_EQ(count(*network("resnet20"), part("shortcut.conv")).weights, 2'560);
  EXPECT_EQ(count(*network("resnet20"), part("fc.")).weights, 640);
  EXPECT_EQ(count(*network("vgg19")).weights, 20'018'880 + 5'120);
  EXPECT_EQ(count(*network("vgg16")).weights, 14'710'464 + 5'120);
}

// He et al.'s table 6: 0.27, 0.46 and 0.85 million parameters with shortcuts that have none.
TEST(Networks, ResNetsWithoutProjectionsHaveHesCounts) {
  EXPECT_EQ(count(*resnet(20, Shortcut::padding)).parameters, 269'722);
  EXPECT_EQ(count(*resnet(32, Shortcut::padding)).parameters, 464'154);
  EXPECT_EQ(count(*resnet(56, Shortcut::padding)).parameters, 853'018);
}

TEST(Networks, TakePicturesAndGiveTenClasses) {
  for (const char* name : {"conv2", "conv4", "conv6", "resnet20", "resnet32", "resnet56", "vgg16", "vgg19"}) {
    auto net = network(name);
    initialize(*net, {}, Random(1));
    NoGrad off;
    EXPECT_EQ((*net)(Random(2).normal({2, 3, 32, 32})).shape(), (Shape{2, 10})) << name;
    const Evaluating mode(*net);
    EXPECT_EQ((*net)(Random(2).normal({1, 3, 32, 32})).shape(), (Shape{1, 10})) << name;
  }
  for (const bool relu : {false, true}) EXPECT_EQ((*lenet5(relu))(zeros({2, 1, 28, 28})).shape(), (Shape{2, 10}));
}

TEST(Networks, LayersHaveTheNamesOfTheFiles) {
  auto net = resnet(20);
  std::vector<std::string> names;
  for (const Parameter* p : net->parameters()) names.push_back(p->name());
  EXPECT_EQ(names.size(), 19 * 3 + 2 * 3 + 2u);
  for (const char* name : {"conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.shortcut.conv.weight", "layer3.2.bn2.bias", "fc.weight", "fc.bias"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  std::vector<std::string> buffers;
  for (const auto& [name, tensor] : net->buffers()) buffers.push_back(name);
  EXPECT_EQ(buffers.size(), 21 * 2u);
  EXPECT_EQ(buffers[0], "bn1.running_mean");
  EXPECT_EQ(buffers[1], "bn1.running_var");
}

TEST(Networks, RefuseWhatThereIsNot) {
  EXPECT_TRUE(refuses([] { network("alexnet"); }, {"alexnet", "lenet5", "resnet20", "vgg19"}));
  EXPECT_TRUE(refuses([] { resnet(21); }, {"21", "6 n + 2"}));
  EXPECT_TRUE(refuses([] { vgg(11); }, {"11", "16 or 19"}));
  EXPECT_TRUE(refuses([] { conv_net(3); }, {"3", "2, 4 or 6"}));
  auto net = conv_net(2);
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 1, 32, 32})); }, {"\"conv1\"", "(2, 1, 32, 32)", "(64, 3, 3, 3)"}));
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 3, 28, 28})); }, {"\"fc1\"", "16384"}));
}

// golden_pictures.py's fifty steps, and the evaluation after them.
std::vector<double> fifty_steps(Module& net, DType t) {
  net.to(t);
  fill(net);
  auto loss = [&](std::uint32_t s) {
    return cross_entropy(net(noise(300 + s, {8, 3, 32, 32}, 1, t)), labels(8, 10, s));
  };
  SGD sgd(net.parameters(), {.momentum = 0.9});
  std::vector<double> losses;
  for (std::uint32_t s = 0; s < 50; ++s) {
    const Tensor l = loss(s);
    losses.push_back(l.item());
    backward(l);
    sgd.step(0.0002);
  }
  NoGrad off;
  const Evaluating mode(net);
  losses.push_back(loss(50).item());
  return losses;
}

void expect_losses(std::unique_ptr<Sequential> (*make)(), const std::vector<double>& want) {
  for (const DType t : {DType::f64, DType::f32}) {
    const std::vector<double> got = fifty_steps(*make(), t);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(std::abs(got[i] / want[i] - 1) <= (t == DType::f64 ? 1e-8 : 1e-3)) << name(t) << " step " << i << ": " << got[i] << ", PyTorch " << want[i];
  }
}
TEST(FiftySteps, OfConv2AreAsPyTorchs) { expect_losses([] { return conv_net(2); }, golden_pictures.at("conv2_steps")); }
TEST(FiftySteps, OfResNet20AreAsPyTorchs) { expect_losses([] { return resnet(20); }, golden_pictures.at("resnet20_steps")); }

}  // namespace
}  // namespace bonsai::nn
