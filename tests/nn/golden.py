#!/usr/bin/env python3
"""Writes golden_values.h: ten steps of each optimizer on a small network, and its Hessian, computed by PyTorch in f64.

  python3 tests/nn/golden.py > tests/nn/golden_values.h

Inputs are not stored: element i of tensor k is scale * sin(1.3 i + k) on both sides (support.h has the other half). For each
optimizer: the loss before each of the ten steps, then all parameters after the last, end to end. The Hessian: row by row.
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(k, shape, scale=1.0):
    return torch.tensor([scale * math.sin(1.3 * i + k) for i in range(math.prod(shape))]).reshape(shape)


def ten_steps(make):
    w1, b1, w2, b2 = (wave(k + 1, s, 0.5).requires_grad_() for k, s in enumerate([(5, 4), (5,), (3, 5), (3,)]))
    parameters = [w1, b1, w2, b2]
    x, y = wave(7, (6, 4)), torch.arange(6) % 3
    optimizer = make(parameters)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses + torch.cat([p.detach().reshape(-1) for p in parameters]).tolist()


def hessian():
    shapes = [(5, 4), (5,), (3, 5), (3,)]
    start = torch.cat([wave(k + 1, s, 0.5).reshape(-1) for k, s in enumerate(shapes)])
    x, y = wave(7, (6, 4)), torch.arange(6) % 3

    def loss(all):
        w1, b1, w2, b2 = (p.reshape(s) for p, s in zip(torch.split(all, [math.prod(s) for s in shapes]), shapes))
        return F.cross_entropy(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), y)

    return torch.autograd.functional.hessian(loss, start).reshape(-1).tolist()


def write(name, numbers):
    lines, line = [], "    "
    for v in numbers:
        word = repr(v) + ", "
        if len(line) + len(word) > 130:
            lines.append(line.rstrip())
            line = "    "
        line += word
    lines.append(line.rstrip().rstrip(","))
    print(f'  {{"{name}", {{\n' + "\n".join(lines) + "}},")


print("// Made by golden.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n#include <map>\n#include <string>\n#include <vector>\n")
print("inline const std::map<std::string, std::vector<double>> golden_values = {")
write("sgd", ten_steps(lambda p: torch.optim.SGD(p, lr=0.3)))
write("momentum", ten_steps(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)))
write("nesterov_decay", ten_steps(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.02)))
write("sgd_decay", ten_steps(lambda p: torch.optim.SGD(p, lr=0.3, weight_decay=0.05)))
write("adam", ten_steps(lambda p: torch.optim.Adam(p, lr=0.05)))
write("adam_decay", ten_steps(lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1)))
write("adamw", ten_steps(lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1)))
write("hessian", hessian())
print("};")
