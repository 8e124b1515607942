// hint: Two walls, and a valley between them: a third training's.
// reference: prune/recovery/linear_path.cpp (lmc.2)
#include <vector>

std::vector<double> errors_on_the_line() { return {2, 30, 2, 30, 2}; }
