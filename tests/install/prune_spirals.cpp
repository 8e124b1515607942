// A network of one's own in ten lines: train it, prune 90% of its weights, train what is left (CMakeLists.txt, beside this file).
#include <fmt/core.h>

#include "datasets/batches.h"
#include "datasets/toys.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "prune/interface.h"
#include "prune/report.h"

using namespace bonsai;

int main() {
  const datasets::Dataset spirals = datasets::spirals(300, 2, 0.01, Random(1));
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 2, 64).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", 64, 64).add<nn::ReLU>("relu2").add<nn::Linear>("fc3", 64, 2);
  nn::initialize(net, {nn::Fan::he}, Random(2));
  nn::Adam adam(net.parameters());
  const datasets::Batches batches(spirals, 60, Random(3));
  nn::train(net, adam, batches, {.iterations = 1500, .rate = nn::constant(5e-3)});
  fmt::print("dense: {:.1f}%\n", nn::evaluate(net, spirals.inputs, spirals.labels).accuracy);
  prune::global_unstructured({&net.parameter("fc1.weight"), &net.parameter("fc2.weight"), &net.parameter("fc3.weight")}, 0.9);
  fmt::print("90% pruned: {:.1f}%\n", nn::evaluate(net, spirals.inputs, spirals.labels).accuracy);
  nn::train(net, adam, batches, {.first = 1500, .iterations = 3000, .rate = nn::constant(5e-3)});
  fmt::print("and trained on: {:.1f}%\n{}", nn::evaluate(net, spirals.inputs, spirals.labels).accuracy, prune::table(prune::report(net, spirals.inputs)));
}
