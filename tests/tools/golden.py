#!/usr/bin/env python3
"""Writes golden_values.h: the masks of torch.nn.utils.prune for what prune_checkpoint is asked for.

  /usr/bin/python3 tests/tools/golden.py > tests/tools/golden_values.h

Tensor k of a case is sin(1.3 i + k + 1) at index i, on both sides, in f32. No result hangs on a tie or on a last bit: the script stops when the
last score that goes and the first that stays are within a millionth of each other.
"""
import math

import torch
from torch.nn.utils import prune


def wave(k, shape):
    return torch.tensor([math.sin(1.3 * i + k + 1) for i in range(math.prod(shape))], dtype=torch.float64).float().reshape(shape)


def check_no_tie(scores, amount):
    scores = sorted(scores.tolist())
    count = round(amount * len(scores))
    assert 0 < count < len(scores) and scores[count] - scores[count - 1] > 1e-6 * scores[count], (scores[count - 1], scores[count])


def write(arguments, shapes, amount, make, scores):
    layers = [torch.nn.Module() for _ in shapes]
    for k, (layer, shape) in enumerate(zip(layers, shapes)):
        layer.weight = torch.nn.Parameter(wave(k, shape))
    for s in scores([layer.weight.detach() for layer in layers]):
        check_no_tie(s, amount)
    make(layers)
    masks = ", ".join('"' + "".join(str(int(m)) for m in layer.weight_mask.flatten()) + '"' for layer in layers)
    lists = ", ".join("{" + ", ".join(map(str, shape)) + "}" for shape in shapes)
    words = ", ".join(f'"{a}"' for a in arguments + ["--sparsity", str(amount)])
    print(f"    {{{{{words}}}, {{{lists}}}, {{{masks}}}}},")


print(f"// Made by golden.py with PyTorch {torch.__version__.split('+')[0]}; do not edit.\n#pragma once\n#include <string>\n#include <vector>\n")
print("struct GoldenCall {\n  std::vector<std::string> arguments;\n  std::vector<std::vector<std::int64_t>> shapes;\n  std::vector<std::string> masks;\n};")
print("inline const std::vector<GoldenCall> golden_calls{")
for amount in (0.3, 0.5, 0.9):
    for shapes in ([(7, 5)], [(4, 6), (3, 9)], [(4, 3, 3, 2)]):
        write([], shapes, amount, lambda ls: [prune.l1_unstructured(layer, "weight", amount) for layer in ls], lambda ws: [w.abs().flatten() for w in ws])
        write(["--scope", "global"], shapes, amount,
              lambda ls: prune.global_unstructured([(layer, "weight") for layer in ls], prune.L1Unstructured, amount=amount),
              lambda ws: [torch.cat([w.abs().flatten() for w in ws])])
for n in (1, 2, 3):
    for amount in (0.25, 0.5, 0.7):
        for shapes in ([(9, 5)], [(6, 7), (8, 3)], [(7, 3, 2, 2)]):
            write(["--criterion", "lp-filter", "--p", str(n)], shapes, amount, lambda ls: [prune.ln_structured(layer, "weight", amount, n, 0) for layer in ls],
                  lambda ws: [w.flatten(1).norm(p=n, dim=1) for w in ws])
print("};")
