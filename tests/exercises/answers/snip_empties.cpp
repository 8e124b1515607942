// hint: A layer of many weights shares the same Σ g w among all of them. So let one layer be much larger than the others, and what is kept fewer than the others' weights.
// hint: Two widths of 300 in a row make a layer of 90,000 weights, of which 90 would be a fair share. How many weights have the layers around it?
// reference: prune/scores/snip.h (snip.1)
#include <cstdint>
#include <vector>

std::vector<std::int64_t> hidden_widths() { return {300, 300, 10}; }
