// hint: Which number is neither larger than the tolerance nor smaller?
// hint: std::max(a, b) is a < b ? b : a.
// reference: tests/exercises/exercise.cpp if (g == w || std::abs(g - w) <= tolerance) continue;
#include <cmath>
#include <vector>

std::vector<double> a_wrong_result() { return {NAN, NAN, NAN}; }
