// From scores to masks. This is the one place where it is decided which entries go, so the counts are exact everywhere: the lowest
// `remove` scores among the entries that are still kept, and among equal scores the one with the lowest index first. A threshold
// compared with < or <= would take one too many or too few, and at ties many.
#pragma once
#include <string>
#include <vector>

#include "core/tensor.h"

namespace bonsai::prune {

// How many of n entries a fraction stands for: the nearest whole number, halves to even (0.25 of 10 is 2, 0.35 of 10 is 4).
// `who` begins the message when the fraction is none.
std::int64_t count(double fraction, std::int64_t n, const std::string& who = "prune");

struct Candidate {
  std::string name;
  Tensor scores;  // f32 or f64, higher = keep; no NaN among the kept entries
  Tensor mask;    // u8, what is still kept; undefined: everything
};

// The new masks (u8) after removing the `remove` lowest scores among all kept entries of all candidates together: one candidate is
// scope "layer", several are scope "global" (ties: the earlier candidate first). Cost: a few passes over the scores, no sorting.
// Throws when there is less to remove, or on NaN, naming tensor and index.
std::vector<Tensor> remove_lowest(const std::vector<Candidate>& candidates, std::int64_t remove);

// The new mask after removing every kept entry whose score is below the threshold: how many, the scores decide (Han et al., 2015).
Tensor remove_below(const Candidate& candidate, double threshold);

// A layer without any weight says nothing, and the network behind it nothing either ("layer collapse"). An error of its own, because an
// experiment may want to record it as a result.
class EmptyLayer : public Error {
 public:
  EmptyLayer(const std::string& layer, const Shape& shape);
  const std::string& layer() const { return layer_; }

 private:
  std::string layer_;
};

// Throws EmptyLayer if a mask keeps nothing.
void require_no_empty_layer(const std::vector<Candidate>& candidates, const std::vector<Tensor>& masks);

}  // namespace bonsai::prune
