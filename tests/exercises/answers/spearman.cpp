// hint: A value's rank is 1 + how many are smaller + half of how many others are equal.
// reference: experiments/common/statistics.cpp double spearman(
#include "experiments/common/statistics.h"

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) { return bonsai::experiments::spearman(a, b); }
