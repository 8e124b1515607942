// Taylor for channels, with the absolute value in the wrong place.
// break it, 10 minutes. Chapter: prune/scores/README.md, "Taylor for channels".
//
//   s_c = mean over the examples of | mean over the positions of dL/da a |
//
// Within an example positions may cancel: the channel goes as a whole. Between examples they may not. Two
// examples, two channels, two positions. Give the products dL/da a, in this order: example 0 channel 0 (two
// positions), example 0 channel 1, example 1 channel 0, example 1 channel 1, so that Taylor keeps channel 1,
// and
//
//   at_every_position()   which takes |·| first of all, keeps channel 0
//   of_all_examples()     which takes |·| last of all, keeps channel 0, too
#include "prune/scores/channel_taylor.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> products() {
  return {1, 1,   2, 2,
          1, 1,   2, 2};
}

// ---- The wrong ones, and the cases

namespace {
Tensor given_products() {
  const std::vector<double> p = products();
  must(p.size() == 8, "{} products; 2 x 2 x 2 are wanted", p.size());
  return tensor(std::span<const double>(p), {2, 2, 2});
}
std::int64_t kept(const Tensor& scores) { return scores.at(0) > scores.at(1) ? 0 : 1; }
Tensor theta(const Tensor& p) {
  prune::ChannelTaylor taylor;
  taylor.add(p, ones_like(p));
  return taylor.scores();
}
Tensor at_every_position(const Tensor& p) { return mean(abs(p), {0, 2}); }
Tensor of_all_examples(const Tensor& p) { return abs(mean(p, {0, 2})); }

void differs(const char* name, const Tensor& truth, const Tensor& wrong) {
  must(truth.at(1) > truth.at(0), "Taylor's scores are {}; it is to keep channel 1", text(truth));
  must(kept(wrong) == 0, "{} scores {}, and keeps channel 1 as well", name, text(wrong));
  note(fmt::format("Taylor {}, {} {}", text(truth), name, text(wrong)));
}
}  // namespace

CASE("|·| at every position") { differs("at_every_position()", theta(given_products()), at_every_position(given_products())); }
CASE("|·| of the sum over the examples") { differs("of_all_examples()", theta(given_products()), of_all_examples(given_products())); }
