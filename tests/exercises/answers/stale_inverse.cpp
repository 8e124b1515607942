// hint: The second step moves weight 0 by [H⁻¹]_01. When is that not 0?
// reference: prune/scores/obs/obs.cpp (obs.4)
#include <vector>

std::vector<double> a_hessian() { return {1, -2, 0, -2, 5, 0, 0, 0, 1}; }
