// Group lasso: the weights of a filter (of a channel, a place in the filters, a layer) leave together or stay together. A penalty on each
// group's length pulls all groups towards 0 with the same force, however short they are already, so that those which the loss does not hold
// reach 0, and reach it whole. Structured sparsity learning (SSL) is a training with this penalty.
//
//   R(w) = λ Σ_g |g|^½ ‖w_g‖₂                                        (or without the |g|^½, the number of weights in the group)
//   step      w_g <- w_g max(0, 1 - η λ_g / ‖w_g‖)        λ_g = λ or λ |g|^½
//
// w (out, in, kh, kw) or (out, in), whose rows are filters, or neurons with what they read. Its groups, a family of them:
//
//   filters    one index along axis 0      (in · kh · kw weights)   a row of the matrix (out, in · kh · kw) that convolution is lowered to
//   channels   one index along axis 1      (out · kh · kw)          what reads one channel; in a linear layer, one input
//   shapes     one (channel, y, x) place   (out)                    a column of that matrix: all filters lose this place of their shape
//   layer      all of w                                             a residual branch whose weight is 0 leaves its shortcut alone
//
// Of a linear layer, channels and shapes are the same. The bias may count to its filter's group, or to the layer's, so that nothing of it is left
// behind; the paper's groups are of weights only, and unweighted (in its code a layer's λ can be set by hand).
//
// Exact: the step is argmin_u ½ ‖u - w‖² + η Σ_g λ_g ‖u_g‖ for one family, whose groups share no weight. Filters and channels together
// overlap; there one step follows the other, which is not the argmin for their sum: with w_g at 1 - η λ / ‖w_g‖ of its length the second
// norms are shorter than they were. For small η λ the two differ by O((η λ)²) a step, and the difference is a little more shrinkage: of weights up
// to 1 in groups of 12 and 16, at η λ = 0.025, less than a thousandth of what the step changes (group_lasso_test.cpp).
// (A tree of families, as layer and filters, is an exception: from small groups to large the steps do compose.)
// Norms are summed in f64, in index order. Cost: two passes over w a step and family, one number a group.
// Wen, Wu, Wang, Chen and Li, "Learning structured sparsity in deep neural networks", NIPS 2016; Yuan and Lin, 2006 (the penalty).
#pragma once
#include <vector>

#include "nn/parameter.h"

namespace bonsai::prune {

enum class Groups { filters, channels, shapes, layer };
const char* name(Groups groups);

struct Penalty {
  Groups groups;
  double lambda;
  bool by_size = false;  // λ_g = λ |g|^½: a group is pulled by so much a weight, whatever its size
};

// One norm a group. Refuses weights of one axis and what is not finite, naming `what` and the group. bias (out) or undefined.
std::vector<double> group_norms(const std::string& what, const Tensor& w, Groups groups, const Tensor& bias = {});
// The penalty of one family.
double group_lasso(const Tensor& w, const Penalty& penalty, const Tensor& bias = {});
// Its proximal step, in place; nothing is changed when it refuses.
void proximal_step(Tensor& w, const Penalty& penalty, double eta, Tensor bias = {});

// What is 0 as a whole.
struct ZeroGroups {
  Tensor mask;                                          // u8, shaped as w: 0 in groups of any family that are 0. (A lone 0 keeps its 1)
  std::vector<std::int64_t> filters, channels, shapes;  // the indices whose weights are all 0
};
ZeroGroups zero_groups(const Tensor& w);
inline ZeroGroups zero_groups(const nn::Parameter& p) { return zero_groups(p.dense_values()); }

}  // namespace bonsai::prune
