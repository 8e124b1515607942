// The papers' networks. Made with zeros; initialise them (nn/init.h). Weights, which are what is pruned and counted in the papers' tables,
// are what has two axes or more; biases and BatchNorm's γ and β come on top.
#pragma once
#include <memory>
#include <string>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/picture_layers.h"

namespace bonsai::nn {

// LeNet-300-100 (LeCun et al., 1998): 784-300-100-10 with ReLU. 266,610 parameters, of which 266,200 weights.
// Layers fc1, fc2, fc3; takes (n, 784) or images (n, 1, 28, 28).
std::unique_ptr<Sequential> lenet_300_100();

// LeNet-5 in Caffe's form (LeCun et al., 1998, with other layers): 5x5 convolution to 20 channels, max-pool, to 50, max-pool, 500, ReLU, 10.
// 431,080 parameters, of which 430,500 weights. Layers conv1, conv2, fc1, fc2; takes (n, 1, 28, 28). Caffe's has no ReLU after its convolutions.
std::unique_ptr<Sequential> lenet5(bool relu_after_convolutions = false);

// Conv-2, Conv-4 and Conv-6 of the lottery ticket (Frankle and Carbin, ICLR 2019), scaled-down VGGs: pairs of 3x3 convolutions to 64, 128 and
// 256 channels, each with ReLU, a max-pool after each pair; then 256, 256, 10. 4,300,992, 2,425,024 and 2,261,184 weights. Layers conv1, ...,
// fc1, fc2, fc3; take (n, 3, 32, 32).
std::unique_ptr<Sequential> conv_net(int convolutions);

// ResNet-20, 32, 44, 56, ... for CIFAR (He et al., CVPR 2016): 3x3 convolution to 16 channels, then three stages of (depth - 2) / 6 blocks of 16,
// 32 and 64 channels, the average of all pixels, 10. ResNet-20 with projections (what Frankle and Carbin call ResNet-18): 267,696 + 2,560 in
// shortcuts + 640 weights. Layers conv1, bn1, layer1.0.conv1, ..., layer2.0.shortcut.conv, ..., fc; takes (n, 3, 32, 32).
std::unique_ptr<Sequential> resnet(int depth, Shortcut shortcut = Shortcut::projection);

// VGG-16 and VGG-19 for CIFAR (Simonyan and Zisserman, ICLR 2015): 3x3 convolutions without bias, BatchNorm and ReLU after each, four
// max-pools, the average of the 2x2 pixels that are left, 10. 14.7 and 20.0 million weights. Layers conv1, bn1, ..., fc; take (n, 3, 32, 32).
std::unique_ptr<Sequential> vgg(int depth);

// A transformer's encoder that names what a whole sequence is (Vaswani et al., NIPS 2017): each token, a row of `features`, through the same
// Linear layer; a learned vector for its place; blocks of attention and MLP; LayerNorm; the mean of all tokens; `classes`. Layers embedding.linear,
// position, block1 (.norm1, .attention.q, .k, .v, .out, .norm2, .fc1, .fc2), block2, ..., norm, fc; takes (n, tokens, features), or grey pictures
// of `tokens` rows.
struct TransformerSizes {
  std::int64_t tokens, features, model, heads, hidden, blocks, classes;
};
std::unique_ptr<Sequential> transformer(const TransformerSizes& s);

// The same for MNIST, a picture's 28 rows as 28 tokens: 64 numbers a token, 2 blocks of 4 heads, 128 hidden. 71,370 parameters, of which 69,760 weights.
std::unique_ptr<Sequential> rows_transformer();

// By name: lenet_300_100, lenet5, conv2, conv4, conv6, resnet20, resnet32, resnet56, vgg16, vgg19, rows_transformer. Throws and lists them for
// another.
std::unique_ptr<Sequential> network(const std::string& name);

}  // namespace bonsai::nn
