// How well one list of numbers says what another says.
#pragma once
#include <vector>

namespace bonsai::experiments {

double median(std::vector<double> v);  // of an even number the mean of the middle two; NaN of nothing
double mean(const std::vector<double>& v);
double pearson(const std::vector<double>& a, const std::vector<double>& b);   // correlation; NaN when one side is constant
double spearman(const std::vector<double>& a, const std::vector<double>& b);  // correlation of the ranks; equal values share theirs
std::vector<double> ranks(const std::vector<double>& v);                      // 1 for the smallest

}  // namespace bonsai::experiments
