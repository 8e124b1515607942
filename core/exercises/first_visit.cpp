// A derivative that goes through each node of the graph once, and too early.
// break it, 10 minutes. Chapter: core/README.md, "An operation is one paragraph"; core/autograd.cpp.
//
// A program of sums: value 0 is x, and value i + 1 is the sum of two earlier ones, sums[i] = {a, b}. {{0, 0}}
// is 2 x. The derivative of the last value by x is wanted, and by_first_visit() walks back from it: each node
// that it meets hands its gradient on to its two operands, and a node that it has met before is not entered
// again. Give a program on which that comes out wrong.
//
// Then: in which order does core/autograd.cpp visit the nodes, and why can't that happen there?
#include "core/autograd.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

using Sums = std::vector<std::pair<std::size_t, std::size_t>>;

EXERCISE Sums a_program_it_gets_wrong() {
  return {{0, 0}};  // y = x + x: both say 2
}

// ---- The wrong one, and the case

namespace {
struct ByFirstVisit {
  const Sums& sums;
  std::vector<double> gradient = std::vector<double>(sums.size() + 1, 0.0);
  std::vector<bool> met = std::vector<bool>(sums.size() + 1, false);
  void visit(std::size_t value, double arriving) {
    gradient[value] += arriving;
    if (met[value]) return;
    met[value] = true;
    if (value == 0) return;
    visit(sums[value - 1].first, gradient[value]);
    visit(sums[value - 1].second, gradient[value]);
  }
};
}  // namespace

CASE("a program of at most 10 sums") {
  const Sums sums = a_program_it_gets_wrong();
  must(!sums.empty() && sums.size() <= 10, "there are {} sums; 1 to 10 are wanted", sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i)
    must(sums[i].first <= i && sums[i].second <= i, "sum {} adds values {} and {}, but only 0 to {} are there by then", i, sums[i].first, sums[i].second, i);
  ByFirstVisit wrong{sums};
  wrong.visit(sums.size(), 1);

  const Tensor x = tensor({1.0}).requires_grad(true);
  Tensors values{x};
  for (const auto& [a, b] : sums) values.push_back(values[a] + values[b]);
  const double truth = grad(values.back(), {x})[0].item();
  must(wrong.gradient[0] != truth, "both say {}; find a program on which they differ", truth);
  note(fmt::format("by first visit {}, truly {}", wrong.gradient[0], truth));
}
