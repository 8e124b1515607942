// hint: x̂ is hardly ever above 5. Which β makes 3 x̂ + β negative even then?
// reference: prune/scores/bn_gamma.h (slim.1)
#include <vector>

std::vector<double> gammas() { return {3, 1, 1, 1}; }
std::vector<double> betas() { return {-90, 0, 0, 0}; }
