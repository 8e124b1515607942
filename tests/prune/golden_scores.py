#!/usr/bin/env python3
"""Writes golden_scores.h: SNIP's, GraSP's and SynFlow's scores on two small networks, computed by PyTorch in f64 as the papers' own codes do.

  python3 tests/prune/golden_scores.py > tests/prune/golden_scores.h

Inputs are not stored: element i of tensor k is scale * sin(1.3 i + k) on both sides (tests/nn/support.h has the other half). The weights'
scores stand end to end, layer after layer; biases are there and are not scored.

  snip     |dL/dc| at c = 1 with a gate c on each weight, divided by its sum
  grasp    w (H g) as the mean over the batch: the gradients of two halves are added, and so are the halves' products with that sum,
           so what comes out is four times H g; the paper's sign turned round, higher = keep
  synflow  |theta dR/dtheta|, R the sum of the outputs for one input of ones, every parameter made positive
  synflow_mask  what is left after 100 rounds down to 30%
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(k, shape, scale=1.0):
    return torch.tensor([scale * math.sin(1.3 * i + k) for i in range(math.prod(shape))]).reshape(shape)


class Net:
    """Layers with sizes[0] -> sizes[1] -> ..., an activation between; parameter k of weight, bias, weight, ... is a wave."""

    def __init__(self, sizes, activation, k):
        self.activation = activation
        self.weights, self.biases = [], []
        for i, o in zip(sizes, sizes[1:]):
            self.weights.append(wave(k, (o, i), 0.5).requires_grad_())
            self.biases.append(wave(k + 1, (o,), 0.5).requires_grad_())
            k += 2

    def __call__(self, x, weights=None, biases=None):
        weights, biases = weights or self.weights, biases or self.biases
        for n, (w, b) in enumerate(zip(weights, biases)):
            x = F.linear(self.activation(x) if n > 0 else x, w, b)
        return x


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def snip(net, x, y):
    gates = [torch.ones_like(w, requires_grad=True) for w in net.weights]
    loss = F.cross_entropy(net(x, [w * c for w, c in zip(net.weights, gates)]), y)
    s = flat(torch.autograd.grad(loss, gates)).abs()
    return s / s.sum()


def grasp(net, x, y, temperature=200):
    half = len(y) // 2
    halves = [(x[:half], y[:half]), (x[half:], y[half:])]
    g = [torch.zeros_like(w) for w in net.weights]
    for a, b in halves:
        for total, part in zip(g, torch.autograd.grad(F.cross_entropy(net(a) / temperature, b), net.weights)):
            total += part
    product = [torch.zeros_like(w) for w in net.weights]
    for a, b in halves:
        own = torch.autograd.grad(F.cross_entropy(net(a) / temperature, b), net.weights, create_graph=True)
        z = sum((u * v).sum() for u, v in zip(g, own))
        for total, part in zip(product, torch.autograd.grad(z, net.weights)):
            total += part
    removed_first = flat([-w * p for w, p in zip(net.weights, product)])
    return -removed_first / 4


def synflow(net, mask):
    sizes = [w.numel() for w in net.weights]
    masks = [m.reshape(w.shape) for m, w in zip(torch.split(mask, sizes), net.weights)]
    weights = [(w.detach().abs() * m).requires_grad_() for w, m in zip(net.weights, masks)]
    total = net(torch.ones(1, weights[0].shape[1]), weights, [b.detach().abs() for b in net.biases]).sum()
    return flat([w * g for w, g in zip(weights, torch.autograd.grad(total, weights))]).abs()


def synflow_mask(net, density, rounds=100):
    n = sum(w.numel() for w in net.weights)
    mask = torch.ones(n)
    for k in range(1, rounds + 1):
        s = synflow(net, mask)
        s[mask == 0] = -1  # they stay away
        gone = round((1 - density ** (k / rounds)) * n)
        mask = torch.ones(n)
        mask[torch.argsort(s, stable=True)[:gone]] = 0
    return mask


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


print("// Made by golden_scores.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n#include <map>\n#include <string>\n#include <vector>\n")
print("inline const std::map<std::string, std::vector<double>> golden_scores = {")
x, y = wave(7, (6, 4)), torch.arange(6) % 3
for name, net in {"tanh": Net([4, 5, 3], torch.tanh, 1), "relu": Net([4, 6, 5, 3], torch.relu, 11)}.items():
    write(name + " snip", snip(net, x, y).tolist())
    write(name + " grasp", grasp(net, x, y).tolist())
    write(name + " synflow", synflow(net, torch.ones(sum(w.numel() for w in net.weights))).tolist())
    write(name + " synflow_mask", synflow_mask(net, 0.3).tolist())
print("};")
