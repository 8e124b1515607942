#!/usr/bin/env python3
"""N:M masks by PyTorch's topk, as hexadecimal numbers: prints tests/prune/golden_nm.h.

  /usr/bin/python3 tests/prune/golden_nm.py > tests/prune/golden_nm.h
"""
import torch

print("// Made by golden_nm.py, PyTorch " + torch.__version__ + ". Bit i of digit i / 4 (from the left, its highest bit first) is entry i of the mask.")
print("#pragma once\n#include <cstdint>\n#include <vector>\n\nnamespace bonsai::golden {\n")
print("struct NmMask {\n  int n, m;\n  std::vector<std::int64_t> shape;\n  const char* bits;\n};")
print("// Of the weights sin(1.3 i + 2).")
print("inline const std::vector<NmMask> nm_masks = {")
for n, m, shape in [(2, 4, (6, 16)), (1, 4, (6, 16)), (4, 8, (5, 24)), (2, 8, (5, 24)), (1, 2, (4, 6)), (2, 4, (3, 8, 3, 3)), (3, 5, (4, 10, 2, 2))]:
    count = int(torch.tensor(shape).prod())
    w = torch.sin(1.3 * torch.arange(count, dtype=torch.float64) + 2).reshape(shape)
    last = w.abs().movedim(1, -1)                       # the input dimension last, then groups of m
    groups = last.reshape(-1, m)
    mask = torch.zeros_like(groups).scatter_(1, groups.topk(n, dim=1).indices, 1.0)
    mask = mask.reshape(last.shape).movedim(-1, 1).reshape(-1).int().tolist()
    mask += [0] * (-len(mask) % 4)
    digits = "".join("%x" % int("".join(map(str, mask[i:i + 4])), 2) for i in range(0, len(mask), 4))
    print("    {%d, %d, {%s}, \"%s\"}," % (n, m, ", ".join(map(str, shape)), digits))
print("};\n\n}  // namespace bonsai::golden")
