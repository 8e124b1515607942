#include "prune/nm/prune_nm.h"

namespace bonsai::prune {

std::vector<LeftDense> prune_nm(const Method& m, const ScoreInputs& in, NM p) {
  require(!m.operate, "prune: \"{}\" moves weights as single ones go, so it has no groups to prune; for {} take a score, or SparseGPT (prune/layerwise)", m.name, p.str());
  for (const nn::Parameter* q : in.parameters) require(!q->is_packed(), "prune: \"{}\" is packed, and its mask fixed; unpack() it first", q->name());
  std::vector<LeftDense> left;
  std::vector<Tensor> masks(in.parameters.size());
  NoGrad off;
  const std::vector<Tensor> scores = m.score(in);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const nn::Parameter& q = *in.parameters[i];
    if (const std::string why = nm_refusal(q.shape(), p); why.empty()) masks[i] = nm_mask(q.name(), scores[i], p, q.mask());
    else left.push_back({q.name(), why});
  }
  require(left.size() < scores.size(), "prune: none of {} parameters can take {}{}", scores.size(), p.str(), left.empty() ? "" : "; of the first, " + left[0].why);
  for (std::size_t i = 0; i < masks.size(); ++i)
    if (masks[i].defined()) in.parameters[i]->set_mask(masks[i]);
  return left;
}

}  // namespace bonsai::prune
