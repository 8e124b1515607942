#include "prune/schedules/dynamic/dynamic.h"

#include <cmath>
#include <numbers>

#include "prune/scores/magnitude.h"
#include "prune/scores/random.h"
#include "prune/select.h"

namespace bonsai::prune {
namespace {

void require_unpacked(const std::vector<nn::Parameter*>& parameters) {
  for (const nn::Parameter* p : parameters) require(!p->is_packed(), "dynamic: \"{}\" is packed, and its connections fixed; unpack() it first", p->name());
}

// The parameters without their masks, and the network's buffers put back afterwards, for the length of a scope.
class WithoutMasks {
 public:
  WithoutMasks(nn::Module& net, const std::vector<nn::Parameter*>& parameters) : net_(net), parameters_(parameters) {
    require_unpacked(parameters);
    for (auto& [name, b] : net.buffers()) buffers_.push_back(clone(*b));
    for (nn::Parameter* p : parameters) {
      masks_.push_back(p->mask());
      p->clear_mask();
    }
  }
  ~WithoutMasks() {
    for (std::size_t i = 0; i < parameters_.size(); ++i)
      if (masks_[i].defined()) parameters_[i]->set_mask(masks_[i]);  // what it keeps it kept before: no optimizer state becomes stale
    std::size_t i = 0;
    for (auto& [name, b] : net_.buffers()) copy_into(*b, buffers_[i++]);
  }
  WithoutMasks(const WithoutMasks&) = delete;

 private:
  nn::Module& net_;
  const std::vector<nn::Parameter*>& parameters_;
  std::vector<Tensor> masks_, buffers_;
};

}  // namespace

double Dynamic::drop_fraction(std::int64_t t) const {
  return alpha / 2 * (1 + std::cos(std::numbers::pi * static_cast<double>(t) / static_cast<double>(end)));  // (dyn.1)
}

Move drop_and_grow(const std::string& name, const Tensor& w, const Tensor& mask, const Tensor& growth, std::int64_t k) {
  Move move;
  move.kept = remove_lowest({{name, magnitude(w), mask}}, k)[0];  // (dyn.2)
  const Tensor closed = equal(move.kept, zeros_like(move.kept));
  const Tensor still_closed = remove_lowest({{name, neg(growth), closed}}, k)[0];  // the lowest of -growth: the highest, and the lowest index first
  move.grown = not_equal(closed, still_closed);
  return move;
}

std::vector<Tensor> dense_gradients(nn::Module& net, const std::vector<nn::Parameter*>& parameters, const Batch& batch) {
  const WithoutMasks scope(net, parameters);
  NoGrad on(false);
  Tensors leaves;
  for (const nn::Parameter* p : parameters) leaves.push_back(p->leaf());
  const Tensors g = grad(cross_entropy(net(batch.inputs), batch.labels), leaves);
  return {g.begin(), g.end()};
}

DynamicSparse::DynamicSparse(nn::Module& net, std::vector<nn::Parameter*> parameters, const Dynamic& schedule, BatchSource batches, Random random)
    : net_(net), parameters_(std::move(parameters)), schedule_(schedule), batches_(std::move(batches)), random_(random) {
  require(schedule_.alpha >= 0 && schedule_.alpha <= 1, "dynamic: the fraction {} that is dropped is not between 0 and 1", schedule_.alpha);
  require(schedule_.every > 0 && schedule_.end >= 0, "dynamic: moves every {} steps until step {}", schedule_.every, schedule_.end);
  require(schedule_.growth == Growth::random || batches_, "dynamic: growing by gradient (RigL) needs the training's batches");
  require_unpacked(parameters_);
  bool any = false;
  for (const nn::Parameter* p : parameters_) any |= p->kept() < p->numel();
  require(any, "dynamic: nothing is pruned, so nothing can move; give the parameters masks first (random_masks)");
}

std::vector<Tensor> DynamicSparse::growth_scores(std::int64_t iteration) {
  std::vector<Tensor> scores;
  if (schedule_.growth == Growth::random) {
    for (const nn::Parameter* p : parameters_) scores.push_back(random_scores(p->leaf(), random_.derive(p->name()).derive(iteration)));  // (dyn.3)
    return scores;
  }
  net_.begin_step(iteration);  // random layers draw what they will draw in the step itself
  scores = dense_gradients(net_, parameters_, batches_(iteration));
  for (Tensor& g : scores) g = abs(g);  // (dyn.4)
  return scores;
}

void DynamicSparse::before_step(std::int64_t iteration) {
  if (!schedule_.due(iteration)) return;
  const std::vector<Tensor> growth = growth_scores(iteration);
  std::vector<Move> moves;  // all are found before any is made
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const nn::Parameter& p = *parameters_[i];
    const std::int64_t kept = p.kept();
    moves.push_back(kept == p.numel() ? Move{} : drop_and_grow(p.name(), p.leaf(), p.mask(), growth[i], count(schedule_.drop_fraction(iteration), kept)));
  }
  for (std::size_t i = 0; i < moves.size(); ++i) {
    if (!moves[i].kept.defined()) continue;
    parameters_[i]->set_mask(moves[i].kept);
    parameters_[i]->regrow(moves[i].grown);
  }
}

}  // namespace bonsai::prune
