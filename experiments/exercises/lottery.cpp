// The lottery ticket: train, prune, rewind, repeat.
// do it, an evening. Chapter: experiments/README.md, lth_mnist; prune/recovery/README.md, "The lottery ticket: rewinding".
//
// net is fresh, with its initial weights w_0. Find the ticket:
//
//   `rounds` times:
//     train(net)
//     prune `rate` of what remains in each weight, by magnitude, layer by layer
//     all parameters back to w_0; what is pruned stays 0
//
// and leave net at w = m ⊙ w_0, untrained. The pieces are there: prune::prunable(net) are the weights,
// net.parameters() all parameters, snapshot() and rewind() (prune/recovery/rewind.h) copy values and put them
// back, prune_step() (prune/registry.h) scores, selects and masks:
//
//   prune::prune_step(prune::method("magnitude"), {.parameters = weights}, rates)          one rate a weight
//
// The last case trains your ticket, and beside it the same number of weights at random places. Before you run
// it: which part of the network will the ticket have kept? (The data has 20 features, and 18 of them are
// noise.)
#include "datasets/toys.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "prune/recovery/random_masks.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

using Training = std::function<void(nn::Module& net)>;

EXERCISE void find_ticket(nn::Module& net, const Training& train, int rounds, double rate) {
  todo();
}

// ---- The cases

namespace {
struct ToyTask {
  datasets::Dataset train_set, test_set;
  Random random;
  explicit ToyTask(const Random& r)
      : train_set(datasets::blobs(60, 3, 0.3, r.derive("train"), 20)), test_set(datasets::blobs(200, 3, 0.3, r.derive("test"), 20)), random(r) {}

  std::unique_ptr<nn::Sequential> fresh() const {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Linear>("fc1", 20, 30).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 30, 3);
    nn::initialize(*net, {}, random.derive("init"));
    return net;
  }
  void train(nn::Module& net) const {
    nn::Adam adam(net.parameters());
    nn::train(net, adam, [this](std::int64_t) { return Batch{train_set.inputs, train_set.labels}; }, {.iterations = 60, .rate = nn::constant(0.02)});
  }
  double accuracy(nn::Module& net) const { return nn::evaluate(net, test_set.inputs, test_set.labels).accuracy; }
};

void reference_ticket(nn::Module& net, const Training& train, int rounds, double rate) {
  const std::vector<Tensor> w0 = prune::snapshot(net.parameters());
  for (int round = 0; round < rounds; ++round) {
    train(net);
    prune::prune_step(prune::method("magnitude"), {.parameters = prune::prunable(net)}, std::vector<double>(prune::prunable(net).size(), rate));
    prune::rewind(net.parameters(), w0);
  }
}

void beside_reference(int rounds, double rate) {
  const ToyTask task(seeded());
  const auto mine = task.fresh(), library = task.fresh();
  const Training train = [&](nn::Module& net) { task.train(net); };
  find_ticket(*mine, train, rounds, rate);
  reference_ticket(*library, train, rounds, rate);
  for (nn::Parameter* p : mine->parameters()) {
    const nn::Parameter& q = library->parameter(p->name());
    if (q.shape().rank() < 2) check(p->dense_values(), q.dense_values(), p->name());
    else {
      must(p->dense_mask().defined(), "{} has no mask", p->name());
      check(p->dense_mask(), q.dense_mask(), p->name() + "'s mask");
      check(p->dense_values(), q.dense_values(), p->name());
    }
  }
}
}  // namespace

CASE("one round of 50%, beside the library's pieces") { beside_reference(1, 0.5); }
CASE("five rounds of 40%") { beside_reference(5, 0.4); }
CASE("trained, it beats the same number of weights at random places by 5 points or more") {
  double ticket = 0, elsewhere = 0;
  for (std::uint64_t trial = 0; trial < 3; ++trial) {
    const ToyTask task(seeded().derive(trial));
    const auto net = task.fresh(), random = task.fresh();
    find_ticket(*net, [&](nn::Module& n) { task.train(n); }, 6, 0.4);
    prune::set_masks(prune::prunable(*random), prune::random_masks(prune::masks_of(prune::prunable(*net)), task.random.derive("places")));
    task.train(*net);
    task.train(*random);
    ticket += task.accuracy(*net) / 3;
    elsewhere += task.accuracy(*random) / 3;
  }
  must(ticket >= elsewhere + 5, "the ticket reaches {:.1f}%, random places {:.1f}%", ticket, elsewhere);
  note(fmt::format("with 4.7% of the weights the ticket reaches {:.1f}%, random places {:.1f}% (means of 3 trials)", ticket, elsewhere));
}
