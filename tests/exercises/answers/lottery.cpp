// hint: Take the snapshot before the first round, of net.parameters(): biases go back as well.
// hint: prune_step counts its rate among what remains, and rewind leaves at 0 what is pruned, so the loop has three lines.
// reference: experiments/lth_mnist.cpp // the experiment
#include <functional>

#include "prune/recovery/rewind.h"
#include "prune/registry.h"

using namespace bonsai;

void find_ticket(nn::Module& net, const std::function<void(nn::Module& net)>& train, int rounds, double rate) {
  const std::vector<Tensor> w0 = prune::snapshot(net.parameters());
  for (int round = 0; round < rounds; ++round) {
    train(net);
    prune::prune_step(prune::method("magnitude"), {.parameters = prune::prunable(net)}, std::vector<double>(prune::prunable(net).size(), rate));
    prune::rewind(net.parameters(), w0);
  }
}
