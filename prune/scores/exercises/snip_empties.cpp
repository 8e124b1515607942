// Where SNIP empties a layer.
// break it, 45 minutes. Chapter: prune/scores/README.md, "The product g w, asked three ways".
//
// A ReLU network of 10 inputs, three hidden layers and 4 classes, fresh from its initialisation. SNIP scores
// all weights together and keeps one in a thousand, 40 or more. Give the widths of the hidden layers (each 2
// to 400), so that a layer is left with no weight at all, and the network with nothing to say.
//
// Over a whole layer Σ g w is the same in every layer: show it (what happens to the output when all weights
// of one layer are doubled?). Which layer's weights must then have the smallest |g w| each? SynFlow, with its
// 100 rounds, leaves something of every layer of the same network. Why do rounds help?
#include <algorithm>

#include "nn/init.h"
#include "nn/layers.h"
#include "prune/registry.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::int64_t> hidden_widths() {
  return {20, 20, 20};
}

// ---- The case

namespace {
std::vector<double> left_by(const char* criterion, const prune::ScoreInputs& in, std::int64_t total) {
  const prune::Method& m = prune::method(criterion);
  std::vector<double> left;
  if (m.rounds == 1) {
    for (const Tensor& mask : prune::propose(m, in, {total - prune::count(0.001, total)}).masks) left.push_back(sum(mask).item());
  } else {
    prune::prune_to(m, in, 0.999);
    for (const nn::Parameter* p : in.parameters) left.push_back(static_cast<double>(p->kept()));
  }
  return left;
}
}  // namespace

CASE("a layer without any weight at one in a thousand") {
  const std::vector<std::int64_t> widths = hidden_widths();
  must(widths.size() == 3, "{} widths; three are wanted", widths.size());
  for (std::int64_t width : widths) must(width >= 2 && width <= 400, "a width of {}; 2 to 400 are wanted", width);
  Random r = seeded();
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 10, widths[0]).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", widths[0], widths[1]).add<nn::ReLU>("relu2");
  net.add<nn::Linear>("fc3", widths[1], widths[2]).add<nn::ReLU>("relu3").add<nn::Linear>("fc4", widths[2], 4);
  nn::initialize(net, {.fan = nn::Fan::he}, r);
  net.to(DType::f64);
  Tensor labels = empty({64}, DType::i64);
  for (std::int64_t& y : labels.mutable_data<std::int64_t>()) y = static_cast<std::int64_t>(r.below(4));
  const prune::ScoreInputs in{.parameters = prune::prunable(net), .net = &net, .inputs = r.normal({64, 10}, 0, 1, DType::f64), .targets = labels};
  std::int64_t total = 0;
  for (const nn::Parameter* p : in.parameters) total += p->numel();

  must(total >= 40'000, "a thousandth of {} weights is less than 40; larger layers are wanted", total);

  const std::vector<double> snip = left_by("snip", in, total);
  must(*std::min_element(snip.begin(), snip.end()) == 0, "SNIP leaves {} weights in the four layers; none is empty", text(snip));
  note(fmt::format("of {} weights SNIP leaves {} in the four layers, SynFlow {}", total, text(snip), text(left_by("synflow", in, total))));
}
