#include "nn/networks.h"

namespace bonsai::nn {
namespace {

constexpr Window same = {.padding = 1};  // a 3x3 convolution with outputs as large as its inputs

std::string numbered(const char* name, int i) { return fmt::format("{}{}", name, i); }

}  // namespace

std::unique_ptr<Sequential> lenet_300_100() {
  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten");
  net->add<Linear>("fc1", 784, 300).add<ReLU>("relu1");
  net->add<Linear>("fc2", 300, 100).add<ReLU>("relu2");
  net->add<Linear>("fc3", 100, 10);
  return net;
}

std::unique_ptr<Sequential> lenet5(bool relu_after_convolutions) {
  auto net = std::make_unique<Sequential>();
  net->add<Conv2d>("conv1", 1, 20, 5);
  if (relu_after_convolutions) net->add<ReLU>("relu1");
  net->add<MaxPool2d>("pool1");
  net->add<Conv2d>("conv2", 20, 50, 5);
  if (relu_after_convolutions) net->add<ReLU>("relu2");
  net->add<MaxPool2d>("pool2").add<Flatten>("flatten");
  net->add<Linear>("fc1", 800, 500).add<ReLU>("relu3");
  net->add<Linear>("fc2", 500, 10);
  return net;
}

std::unique_ptr<Sequential> conv_net(int convolutions) {
  require(convolutions == 2 || convolutions == 4 || convolutions == 6, "Conv-k: k is 2, 4 or 6, got {}", convolutions);
  auto net = std::make_unique<Sequential>();
  std::int64_t channels = 3, side = 32;
  for (int i = 1; i <= convolutions; ++i) {
    const std::int64_t out = std::int64_t{64} << (i - 1) / 2;  // 64 64 128 128 256 256
    net->add<Conv2d>(numbered("conv", i), channels, out, 3, same).add<ReLU>(numbered("relu", i));
    channels = out;
    if (i % 2 == 1) continue;
    net->add<MaxPool2d>(numbered("pool", i / 2));
    side /= 2;
  }
  net->add<Flatten>("flatten");
  net->add<Linear>("fc1", channels * side * side, 256).add<ReLU>("relu_fc1");
  net->add<Linear>("fc2", 256, 256).add<ReLU>("relu_fc2");
  net->add<Linear>("fc3", 256, 10);
  return net;
}

std::unique_ptr<Sequential> resnet(int depth, Shortcut shortcut) {
  require(depth >= 8 && depth <= 1202 && depth % 6 == 2, "ResNet: the depth is 6 n + 2, for instance 20, 32 or 56, got {}", depth);
  auto net = std::make_unique<Sequential>();
  net->add<Conv2d>("conv1", 3, 16, 3, same, false).add<BatchNorm2d>("bn1", 16, true);
  std::int64_t channels = 16;
  for (int stage = 1; stage <= 3; ++stage)
    for (int block = 0; block < (depth - 2) / 6; ++block) {
      const std::int64_t out = std::int64_t{16} << (stage - 1);
      net->add<BasicBlock>(fmt::format("layer{}.{}", stage, block), channels, out, out == channels ? 1 : 2, shortcut);
      channels = out;
    }
  net->add<GlobalAveragePool>("pool").add<Linear>("fc", channels, 10);
  return net;
}

std::unique_ptr<Sequential> vgg(int depth) {
  require(depth == 16 || depth == 19, "VGG: the depth is 16 or 19, got {}", depth);
  auto net = std::make_unique<Sequential>();
  std::int64_t channels = 3;
  int i = 0, pool = 0;
  for (const std::int64_t out : {64, 128, 256, 512, 512}) {
    const int convolutions = out < 256 ? 2 : depth == 16 ? 3 : 4;
    for (int k = 0; k < convolutions; ++k) {
      ++i;
      net->add<Conv2d>(numbered("conv", i), channels, out, 3, same, false).add<BatchNorm2d>(numbered("bn", i), out, true);
      channels = out;
    }
    if (++pool < 5) net->add<MaxPool2d>(numbered("pool", pool));
  }
  net->add<GlobalAveragePool>("pool5").add<Linear>("fc", channels, 10);
  return net;
}

std::unique_ptr<Sequential> transformer(const TransformerSizes& s) {
  require(s.blocks > 0, "transformer: needs a block or more, got {}", s.blocks);
  auto net = std::make_unique<Sequential>();
  net->add<Rows>("rows").add<TokenLinear>("embedding", s.features, s.model).add<PositionEmbedding>("position", s.tokens, s.model);
  for (int i = 1; i <= s.blocks; ++i) net->add<EncoderBlock>(numbered("block", i), s.model, s.heads, s.hidden);
  net->add<LayerNorm>("norm", s.model).add<MeanOfTokens>("mean").add<Linear>("fc", s.model, s.classes);
  return net;
}

std::unique_ptr<Sequential> rows_transformer() {
  return transformer({.tokens = 28, .features = 28, .model = 64, .heads = 4, .hidden = 128, .blocks = 2, .classes = 10});
}

std::unique_ptr<Sequential> network(const std::string& name) {
  if (name == "lenet_300_100") return lenet_300_100();
  if (name == "lenet5") return lenet5();
  for (const int k : {2, 4, 6})
    if (name == numbered("conv", k)) return conv_net(k);
  for (const int depth : {20, 32, 56})
    if (name == numbered("resnet", depth)) return resnet(depth);
  for (const int depth : {16, 19})
    if (name == numbered("vgg", depth)) return vgg(depth);
  if (name == "rows_transformer") return rows_transformer();
  fail("no network \"{}\"; there are lenet_300_100, lenet5, conv2, conv4, conv6, resnet20, resnet32, resnet56, vgg16, vgg19 and rows_transformer", name);
}

}  // namespace bonsai::nn
