// Options as a command line would set them.
#pragma once
#include <string>
#include <vector>

#include "experiments/common/options.h"

namespace bonsai::test {

inline void parse(experiments::Options& o, std::vector<std::string> words) {
  words.insert(words.begin(), "toy");
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  o.parse(static_cast<int>(words.size()), argv.data());
}

}  // namespace bonsai::test
