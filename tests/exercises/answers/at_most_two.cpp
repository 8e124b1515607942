// hint: How many positions are stored for a group that has one weight?
// reference: core/sparse24/positions.cpp std::vector<std::uint8_t> positions_24(
#include <cstdint>
#include <vector>

std::vector<std::uint8_t> row_of_eight() { return {1, 0, 0, 0, 0, 1, 1, 0}; }
