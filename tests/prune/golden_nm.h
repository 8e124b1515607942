// Made by golden_nm.py, PyTorch 1.13.0a0. Bit i of digit i / 4 (from the left, its highest bit first) is entry i of the mask.
#pragma once
#include <cstdint>
#include <vector>

namespace bonsai::golden {

struct NmMask {
  int n, m;
  std::vector<std::int64_t> shape;
  const char* bits;
};
// Of the weights sin(1.3 i + 2).
inline const std::vector<NmMask> nm_masks = {
    {2, 4, {6, 16}, "a56a56a56a56a5695a95a95a"},
    {1, 4, {6, 16}, "214214812812842842842842"},
    {4, 8, {5, 24}, "a56a56a56a56a52b5a95a95a95a95a"},
    {2, 8, {5, 24}, "210a50810a50842842842842142142"},
    {1, 2, {4, 6}, "a56a56"},
    {2, 4, {3, 8, 3, 3}, "ad6a54a56b52b52b5295a95a95ad4ad4ad4a56a52a56b5295ab5a9"},
    {3, 5, {4, 10, 2, 2}, "ad7a54bd6bd6b5aa5eb52f5ad5ad7a97ad6ad6b5"},
};

}  // namespace bonsai::golden
