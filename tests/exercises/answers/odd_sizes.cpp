// hint: Which of the three sizes says how many entries there are, and which how many terms an entry has?
// reference: cuda/gemm/tiled.cu __global__ void
#include <vector>

std::vector<int> left_unwritten() { return {33, 32, 32}; }
std::vector<int> silently_wrong() { return {32, 32, 19}; }
