// hint: One weight far out at either end stretches [min, max], and all others lie in the reach of one centroid. The library gives a value of its own to each that is different, where there are four or fewer.
// reference: prune/compress/kmeans.cpp (km.1)
#include <vector>

std::vector<float> layer() { return {0, 0, 0, 1, 1, 1, 10}; }
