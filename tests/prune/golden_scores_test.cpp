// SNIP, GraSP and SynFlow against PyTorch, on a network with tanh and a deeper one with ReLU (golden_scores.py has the other half). There
// the gates are real ones, and GraSP's batch is cut in halves as in its authors' code.
#include "tests/prune/golden_scores.h"

#include "prune/registry.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::unique_ptr<nn::Sequential> relu_net() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 4, 6).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", 6, 5).add<nn::ReLU>("relu2").add<nn::Linear>("fc3", 5, 3);
  net->to(DType::f64);
  int k = 10;
  for (nn::Parameter* p : net->parameters()) p->set(wave(++k, p->shape(), 0.5));
  return net;
}

std::vector<double> end_to_end(const std::vector<Tensor>& tensors) {
  std::vector<double> all;
  for (const Tensor& t : tensors)
    for (std::int64_t i = 0; i < t.numel(); ++i) all.push_back(t.at(i));
  return all;
}

TEST(GoldenScores, AreThoseOfPyTorch) {
  for (const std::string network : {"tanh", "relu"}) {
    auto net = network == "tanh" ? small_net() : relu_net();
    const ScoreInputs in{.parameters = prunable(*net), .net = net.get(), .inputs = small_inputs(), .targets = small_labels()};
    for (const std::string score : {"snip", "grasp", "synflow"}) {
      SCOPED_TRACE(network + " " + score);
      const std::vector<double>& want = golden_scores.at(network + " " + score);
      const std::vector<double> got = end_to_end(method(score).score(in));
      ASSERT_EQ(got.size(), want.size());
      double largest = 0;
      for (double w : want) largest = std::max(largest, std::abs(w));
      ASSERT_GT(largest, 0);
      for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-10 * largest) << i;
    }
    prune_to(method("synflow"), in, 0.7);
    std::vector<Tensor> masks;
    for (nn::Parameter* p : in.parameters) masks.push_back(p->mask());
    EXPECT_EQ(end_to_end(masks), golden_scores.at(network + " synflow_mask"));
  }
}

}  // namespace
}  // namespace bonsai::prune
