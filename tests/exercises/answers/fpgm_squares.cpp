// hint: Put four filters around one place, and one at minus that place. Where do the five lie once they are squared?
// reference: prune/scores/fpgm.h (fpgm.1)
#include <vector>

std::vector<double> five_filters() { return {-3, 0, 3, 0, 3.5, 0, 2.5, 0, 3, 1}; }
