// The mask interface that people know from torch.nn.utils.prune, on our parameters: same names, same counts, same masks where no scores tie.
//
//   l1_unstructured(net.parameter("fc1.weight"), 0.3);       // 30% of the weights that remain
//   l1_unstructured(net.parameter("fc2.weight"), 20);        // 20 weights
//   ln_structured(net.parameter("fc1.weight"), 0.5, 2, 0);   // half of the neurons that remain, by 2-norm
//
// Calls compose: each works on what the ones before it have left. An unstructured call counts its fraction among the entries whose mask is 1,
// a structured one among the channels that have such an entry, and a custom mask is multiplied in. What differs from PyTorch, on purpose:
//   - the masks are hard (nn/parameter.h): a pruned weight is 0 in the slot itself, with no gradient and no optimizer state (a soft mask is
//     left alone, and not counted);
//   - equal scores go lowest index first, NaN is refused, and a call that fails has changed nothing.
// A call may leave nothing of a tensor, as there; a warning then names it (prune/warning.h).
// Paszke et al., "PyTorch: an imperative style, high-performance deep learning library", NeurIPS 2019.
#pragma once
#include <concepts>

#include "core/random.h"
#include "nn/module.h"

namespace bonsai::prune {

// How much to remove: 0.3 is a fraction of what remains, 20 is a number of entries (or channels). So 1 is one entry, and 1.0 is everything.
class Amount {
 public:
  Amount(double fraction) : fraction_(fraction) {}
  template <std::integral N>
  Amount(N number) : whole_(true), number_(static_cast<std::int64_t>(number)) {}
  Amount(float) = delete;  // 0.1f is not 0.1: where the count is a half it would round to the other side
  Amount(bool) = delete;

  // In whole numbers, out of the `remaining`; `units` says what they are and `who` asks, when it cannot be.
  std::int64_t of(std::int64_t remaining, const std::string& who, const std::string& units) const;

 private:
  bool whole_ = false;
  double fraction_ = 0;
  std::int64_t number_ = 0;
};

// The entries with the smallest |w|, or |importance| where that is given: of the parameter's shape, any floating type.
void l1_unstructured(nn::Parameter& p, Amount amount, const Tensor& importance = {});

// Entries by chance. The stream is derived by the parameter's name: one `random` serves for all the parameters of a network.
void random_unstructured(nn::Parameter& p, Amount amount, const Random& random);

// Whole channels along axis `dim` (negative ones count from the end), those with the smallest n-norm (scores/channel_norm.h) of the weights,
// or of the importance, which counts where weights are pruned too. For parameters of two axes or more; n may be 0 or an infinity.
void ln_structured(nn::Parameter& p, Amount amount, double n, int dim, const Tensor& importance = {});

// Whole channels by chance.
void random_structured(nn::Parameter& p, Amount amount, int dim, const Random& random);

// One count over all the parameters together. Ties between them: in the order given. importance: one a parameter, undefined for |w|.
void global_unstructured(const std::vector<nn::Parameter*>& parameters, Amount amount, const std::vector<Tensor>& importance = {});
void global_unstructured(const std::vector<nn::Parameter*>& parameters, Amount amount, const Random& random);

// Keeps what is kept already and is 1 in `mask`: 0 and 1 in any type.
void custom_from_mask(nn::Parameter& p, const Tensor& mask);

// Prunes nothing; but p has a mask from now on.
void identity(nn::Parameter& p);

// Makes the mask permanent: the parameter is dense again, with its zeros. They may be trained again; to keep them at 0, keep the mask.
void remove(nn::Parameter& p);

// Is there a mask, even one that prunes nothing?
inline bool is_pruned(const nn::Parameter& p) { return p.is_masked(); }
bool is_pruned(nn::Module& net);

}  // namespace bonsai::prune
