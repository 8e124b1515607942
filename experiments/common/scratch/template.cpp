// Yours, to try things in: `./bonsai scratch` builds this file and runs it here, in my/, where pictures are left, too. git does not see it.
#include "datasets/batches.h"
#include "datasets/toys.h"
#include "experiments/common/scratch.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "prune/interface.h"

using namespace bonsai;
using namespace bonsai::experiments;

int main() {
  return program("scratch", [] {
    const Tensor x = tensor({1.0, 2.0, 3.0}).requires_grad(true);  // a formula and its derivative
    print("d/dx sum x² at (1, 2, 3)", grad(sum(x * x), {x})[0]);

    const datasets::Dataset spirals = datasets::spirals(300, 2, 0.01, Random(1));  // and a network
    nn::Sequential net;
    net.add<nn::Linear>("fc1", 2, 32).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", 32, 32).add<nn::ReLU>("relu2").add<nn::Linear>("fc3", 32, 2);
    nn::initialize(net, {nn::Fan::he}, Random(2));
    nn::Adam adam(net.parameters());
    std::vector<double> loss;
    nn::train(net, adam, datasets::Batches(spirals, 60, Random(3)), {.iterations = 1000, .rate = nn::constant(5e-3)},
              {.after_step = [&](std::int64_t, double value) { loss.push_back(value); }});
    plot(arange(std::ssize(loss), DType::f64), tensor(std::span<const double>(loss), {std::ssize(loss)}), "loss.png");
    prune::l1_unstructured(net.parameter("fc2.weight"), 0.8);
    heatmap(net.parameter("fc2.weight").leaf(), "fc2.png");
    fmt::print("{:.1f}% right with 80% of fc2's weights gone\n", nn::evaluate(net, spirals.inputs, spirals.labels).accuracy);
  });
}
