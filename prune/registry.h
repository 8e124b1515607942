// The table of methods: from the name that --criterion takes to the parts of which the method is made.
//   method = score x granularity x scope x schedule x recovery
#pragma once
#include <string>
#include <vector>

#include "core/ops.h"
#include "core/random.h"
#include "nn/module.h"
#include "prune/granularity.h"
#include "prune/select.h"

namespace bonsai::prune {

enum class Scope { layer, global };
constexpr const char* name(Scope s) { return s == Scope::layer ? "layer" : "global"; }

// What a score may look at. A score that needs what is not there says so.
struct ScoreInputs {
  std::vector<nn::Parameter*> parameters;  // those that are to be scored
  Random random{0};
  // For scores that ask about a loss: the network they belong to, and examples. The objective is the mean of `loss` over the examples
  // plus weight_decay/2 |w|² over `parameters`.
  nn::Module* net = nullptr;
  Tensor inputs = {}, targets = {};
  Tensor (*loss)(const Tensor& outputs, const Tensor& targets) = cross_entropy;
  double weight_decay = 0;
  // For movement: what a fine-tuning has accumulated, one tensor a parameter (schedules/movement.h).
  std::vector<Tensor> accumulated = {};
  std::int64_t fisher_block = 128;  // WoodFisher's blocks
  double damping = 1e-5;            // added to the outer products' and the Fisher matrix's diagonal (λ)
};

// The objective as a graph on the parameters, with the outputs divided by `temperature`. Throws, naming the score, when there is no net
// or are no examples.
Tensor objective(const ScoreInputs& in, const char* score, double temperature = 1);

enum class Needs { weights, examples, training };  // what of ScoreInputs a method looks at
constexpr const char* name(Needs n) { return n == Needs::weights ? "weights" : n == Needs::examples ? "examples" : "training"; }

// A method that also moves the weights that stay returns both.
struct Surgery {
  std::vector<Tensor> masks, values;  // one each a parameter: u8, and the new weights
  double damping = 0;                 // what had to be added to the Hessian's diagonal before it had an inverse
};

struct Method {
  const char *name, *idea;
  std::vector<Tensor> (*score)(const ScoreInputs&);  // one tensor a parameter, higher = keep
  Scope scope;
  const char *schedule, *recovery, *paper;
  Needs needs = Needs::weights;
  int rounds = 1;  // of scoring and pruning, when it prunes all at once
  Surgery (*operate)(const ScoreInputs&, std::int64_t remove) = nullptr;  // removes the weights and makes the others make up for it
  Grouping grouping = {};  // what goes as one (granularity.h); weights, unless somebody says otherwise
};

const std::vector<Method>& methods();
const Method& method(const std::string& name);  // throws and lists the names there are

// The parameters that pruning is about: those with two or more axes (biases stay).
std::vector<nn::Parameter*> prunable(nn::Module& net);

// What a method would do: remove counts[i] weights, or groups where the method has some, of parameters[i] (scope layer), or counts[0] of all together (scope global). Changes nothing,
// and may leave a layer empty. `values` is empty when the method moves no weights. Throws on weights that are not finite.
Surgery propose(const Method& m, const ScoreInputs& inputs, const std::vector<std::int64_t>& counts);
void apply(const Surgery& s, const std::vector<nn::Parameter*>& parameters);

// One pruning step: removes the fraction rates[i] of what remains in parameters[i] (scope layer), or, with one rate for all, of what
// remains in all of them together (scope global). Sets the masks, and the values where the method moves them. Throws before a layer
// would be emptied, leaving all as it was.
void prune_step(const Method& m, const ScoreInputs& inputs, const std::vector<double>& rates);

// Prunes the parameters to `sparsity` in the method's own number of rounds and its own scope. After round k of n the density is
// (1 - sparsity)^(k/n), counted exactly. Throws EmptyLayer before a layer would be emptied, in whatever round, leaving all as it was.
void prune_to(const Method& m, const ScoreInputs& inputs, double sparsity);

}  // namespace bonsai::prune
