// What is in a tensor of a file, found by windows: how much of it is 0, how large the rest is, and whether it keeps to a pattern.
#pragma once
#include <array>
#include <vector>

#include "core/safetensors_file.h"
#include "prune/nm/nm.h"

namespace bonsai::tools {

inline const std::vector<prune::NM> patterns{{2, 4}, {4, 8}, {1, 4}};

struct Look {
  const FileTensor* tensor = nullptr;
  std::int64_t size = 0, zeros = 0, nans = 0, infinities = 0;
  double min = 0, max = 0, norm = 0;      // of the finite numbers
  std::array<std::int64_t, 96> counts{};  // of those that are not 0, from -largest to +largest
  std::vector<double> conformity;         // to each of the patterns: the fraction of groups that keep at most N; -1: no such groups
  double largest() const { return std::max(max, -min); }
  double density() const { return size == 0 ? 1 : 1 - static_cast<double>(zeros) / static_cast<double>(size); }
  bool is_weight() const { return is_floating(tensor->type.becomes) && tensor->shape.rank() >= 2; }
};

Look look(const SafeTensorsFile& in, const FileTensor& t);  // two passes

std::string table(const std::vector<Look>& all);
std::string bars(const Look& l);  // the histogram as a line of text, 0 in its middle

// Histograms of the largest weights, a panel each, as FILE.png and .svg, with the script and the data that drew them.
void draw(const std::filesystem::path& file, const SafeTensorsFile& in, const std::vector<Look>& all);

}  // namespace bonsai::tools
