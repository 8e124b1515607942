#include "nn/networks.h"

namespace bonsai::nn {

std::unique_ptr<Sequential> lenet_300_100() {
  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten");
  net->add<Linear>("fc1", 784, 300).add<ReLU>("relu1");
  net->add<Linear>("fc2", 300, 100).add<ReLU>("relu2");
  net->add<Linear>("fc3", 100, 10);
  return net;
}

}  // namespace bonsai::nn
