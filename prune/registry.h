// The table of methods: from the name that --criterion takes to the parts of which the method is made.
//   method = score x granularity x scope x schedule x recovery
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/random.h"
#include "nn/module.h"
#include "prune/select.h"

namespace bonsai::prune {

enum class Granularity { weight };
enum class Scope { layer, global };
constexpr const char* name(Granularity) { return "weight"; }
constexpr const char* name(Scope s) { return s == Scope::layer ? "layer" : "global"; }

// What a score may look at. A score that needs what is not there says so.
struct ScoreInputs {
  std::vector<nn::Parameter*> parameters;  // the prunable ones
  Random random{0};
  // The mean loss on the score's examples, as a graph on the parameters, with the logits divided by `temperature`. May be empty.
  std::function<Tensor(double temperature)> loss = {};
  // Σ of the outputs for an input of ones, as a graph (SynFlow). May be empty.
  std::function<Tensor()> output_sum = {};
};

struct Method {
  const char *name, *idea;
  std::vector<Tensor> (*score)(const ScoreInputs&);  // one tensor a parameter, higher = keep
  Granularity granularity;
  Scope scope;
  const char *schedule, *recovery, *paper;
  const char* needs = "weights";  // "weights", "loss" or "outputs": what of ScoreInputs it looks at
};

const std::vector<Method>& methods();
const Method& method(const std::string& name);  // throws and lists the names there are

// The parameters that pruning is about: those with two or more axes (biases stay).
std::vector<nn::Parameter*> prunable(nn::Module& net);

// One pruning step: removes the fraction rates[i] of what remains in parameters[i] (scope layer), or, with one rate for all, of what
// remains in all of them together (scope global). Sets the masks. Throws before a layer would be emptied, leaving all as it was.
void prune_step(const Method& m, const ScoreInputs& inputs, const std::vector<double>& rates);

}  // namespace bonsai::prune
