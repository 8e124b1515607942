// How much of one layer's weight goes: a fraction of it, or the rest of an N:M pattern.
#pragma once
#include <optional>

#include "prune/nm/nm.h"

namespace bonsai::prune {

struct LayerAmount {
  double sparsity = 0;               // the fraction to be 0 in the end, what is pruned already counted in
  std::optional<NM> pattern = {};    // where given, instead of the fraction
  std::string str() const { return pattern ? pattern->str() : fmt::format("{}", sparsity); }
};

}  // namespace bonsai::prune
