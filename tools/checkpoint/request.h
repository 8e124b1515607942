// What prune_checkpoint is asked for: which criterion decides, over what, how much, and about which tensors of a file. What does not go
// together is refused here, before a weight is read.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/safetensors_file.h"
#include "prune/granularity.h"
#include "prune/nm/nm.h"

namespace bonsai::tools {

struct Request {
  std::string input, output, masks, report, calibration;
  std::string criterion = "magnitude", granularity, scope;  // empty: the criterion's own
  std::string block = "4x4", include, exclude;
  std::optional<double> sparsity, p;
  std::uint64_t seed = 1;
  bool allow_empty = false, dry_run = false;

  // settle() fills these in.
  std::optional<prune::NM> pattern;
  prune::Grouping grouping;
  std::string amount;  // in words, for messages: "2:4", "a sparsity of 0.9"

  void settle();
};

// Those that are asked for, in the file's order: floating, two axes or more, not empty, a name that `include` is found in and `exclude` is not.
std::vector<const FileTensor*> selected(const Request& r, const SafeTensorsFile& in);

// No output may be an input or another output, by whatever path or link.
void require_apart(const Request& r);

}  // namespace bonsai::tools
