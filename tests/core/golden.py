#!/usr/bin/env python3
"""Writes golden_values.h: values and gradients of every operation, and five steps of each optimizer, computed by PyTorch in f64.

  python3 tests/core/golden.py > tests/core/golden_values.h

Inputs are not stored: element i of input k is scale * sin(1.3 i + k) + shift, on both sides (golden_test.cpp has the other half).
For each case the value comes first, then the gradient of sum(value * cos(0.7 i)) with respect to each input, all end to end.
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(k, shape, scale=1.0, shift=0.0):
    n = math.prod(shape)
    return torch.tensor([scale * math.sin(1.3 * i + k) + shift for i in range(n)]).reshape(shape).requires_grad_()


def weigh(y):
    return (y * torch.tensor([math.cos(0.7 * i) for i in range(y.numel())]).reshape(y.shape)).sum()


def case(name, f, *xs):
    y = f(*xs)
    parts = [y] + list(torch.autograd.grad(weigh(y), xs))
    write(name, torch.cat([p.reshape(-1) for p in parts]).tolist())


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

for name, f in {
    "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu,
    "softplus": F.softplus, "erf": torch.erf, "gelu": F.gelu, "reciprocal": torch.reciprocal,
    "square": lambda x: x.pow(2), "cube": lambda x: x.pow(3),
}.items():
    case(name, f, wave(1, (7,), 2.5))
for name, f in {"log": torch.log, "sqrt": torch.sqrt, "pow_1_7": lambda x: x.pow(1.7), "pow_minus_half": lambda x: x.pow(-0.5)}.items():
    case(name, f, wave(1, (7,), 1, 1.5))
leaf = lambda *v: torch.tensor(v, requires_grad=True)
case("relu_at_0", torch.relu, leaf(-1.0, 0.0, 1.0))
case("abs_at_0", torch.abs, leaf(-1.0, 0.0, 1.0))
case("clamp_edges", lambda x: x.clamp(-1, 2), leaf(-1.5, -1.0, 0.0, 2.0, 2.5))
case("maximum_ties", torch.maximum, leaf(1.0, 2.0, 3.0), leaf(1.0, 3.0, 2.0))
case("minimum_ties", torch.minimum, leaf(1.0, 2.0, 3.0), leaf(1.0, 3.0, 2.0))
case("max_ties", lambda x: x.amax(1), leaf(3.0, 1.0, 3.0, 2.0, 2.0, 2.0).detach().reshape(2, 3).requires_grad_())
case("min_ties", lambda x: x.amin(0), leaf(3.0, 1.0, 3.0, 2.0, 1.0, 3.0).detach().reshape(2, 3).requires_grad_())
case("pow_at_0", torch.pow, leaf(0.0, 0.0, 0.0, 2.0), leaf(0.0, 1.0, 2.0, 0.0))

two = lambda: (wave(1, (3, 4)), wave(2, (4,), 1, 2.5))
for name, f in {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": lambda a, b: torch.maximum(a, b - 2.2),
                "minimum": lambda a, b: torch.minimum(a, b - 2.2)}.items():
    case(name, f, *two())
case("pow", torch.pow, wave(1, (3, 1), 1, 1.5), wave(2, (1, 4)))
case("where", lambda a, b: torch.where(a > 0.3, a, b), *two())

cube = lambda: wave(3, (2, 3, 4))
case("sum", lambda x: x.sum(), cube())
case("sum_axes", lambda x: x.sum((0, -1)), cube())
case("mean_axes", lambda x: x.mean((0, 2)), cube())
case("max_axes", lambda x: x.amax((0, 2)), cube())
case("permute", lambda x: x.permute(2, 0, 1), cube())
case("slice_concat", lambda x: torch.cat([x[:, 1:3], x[:, :1] * 2], 1), cube())
case("index_select", lambda x: x.index_select(1, torch.tensor([2, 0, 2])), cube())
case("gather", lambda x: x.gather(1, torch.tensor([[2, 0], [1, 1], [3, 2]])), wave(1, (3, 4)))
case("matmul", torch.matmul, wave(1, (2, 3, 4)), wave(2, (4, 5)))
case("matmul_ab", lambda a, b: a.transpose(0, 1) @ b.transpose(0, 1), wave(1, (4, 3)), wave(2, (5, 4)))
case("linear", F.linear, wave(1, (3, 4)), wave(2, (5, 4)), wave(3, (5,)))
case("softmax", lambda x: x.softmax(-1), wave(1, (3, 5), 3))
case("log_softmax", lambda x: x.log_softmax(-1), wave(1, (3, 5), 3))
case("cross_entropy", lambda x: F.cross_entropy(x, torch.tensor([4, 0, 2])), wave(1, (3, 5), 3))
case("cross_entropy_each", lambda x: F.cross_entropy(x, torch.tensor([4, 0, 2]), reduction="none"), wave(1, (3, 5), 3))
case("mse", F.mse_loss, wave(1, (3, 4)), wave(2, (3, 4)))

picture, kernel = lambda: wave(1, (1, 4, 5, 4)), lambda *shape: wave(2, shape)
case("conv2d", F.conv2d, picture(), kernel(3, 4, 3, 2), wave(3, (3,)))
case("conv2d_stride", lambda x, w: F.conv2d(x, w, stride=2, padding=1), picture(), kernel(3, 4, 3, 3))
case("conv2d_dilation", lambda x, w: F.conv2d(x, w, padding=2, dilation=2), picture(), kernel(3, 4, 3, 3))
case("conv2d_groups", lambda x, w: F.conv2d(x, w, stride=3, padding=1, groups=2), picture(), kernel(6, 2, 2, 3))
case("max_pool2d", lambda x: F.max_pool2d(x, 2), picture())
case("max_pool2d_overlapping", lambda x: F.max_pool2d(x, 3, 2, 1), picture())
case("average_pool2d", lambda x: F.avg_pool2d(x, 3, 2, 1), picture())
case("global_average_pool", lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), picture())
normal = lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=1e-3)
case("batch_norm", normal, picture(), wave(2, (4,), 1, 1.5), wave(3, (4,)))
case("batch_norm_rows", normal, wave(1, (5, 4)), wave(2, (4,), 1, 1.5), wave(3, (4,)))
case("batch_norm_shortcut_relu", lambda x, g, b, s: F.relu(normal(x, g, b) + s), picture(), wave(2, (4,), 1, 1.5), wave(3, (4,)), wave(4, (1, 4, 5, 4)))
case("layer_norm", lambda x, g, b: F.layer_norm(x, (4,), g, b, 1e-3), picture(), wave(2, (4,), 1, 1.5), wave(3, (4,)))

# Five steps on w (7) with gradient sin(1.3 i + 10 + step) + w; the weights after every step.
for name, make in {
    "sgd": lambda w: torch.optim.SGD(w, 0.1),
    "sgd_decay": lambda w: torch.optim.SGD(w, 0.1, weight_decay=0.05),
    "sgd_momentum": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9),
    "sgd_momentum_decay": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9, weight_decay=0.05),
    "sgd_nesterov_decay": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9, weight_decay=0.05, nesterov=True),
    "adam": lambda w: torch.optim.Adam(w, 0.02),
    "adam_decay": lambda w: torch.optim.Adam(w, 0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05),
    "adamw": lambda w: torch.optim.AdamW(w, 0.02, weight_decay=0.05),
}.items():
    w = wave(1, (7,))
    optimizer, steps = make([w]), []
    for step in range(5):
        w.grad = (wave(10 + step, (7,)) + w).detach()
        optimizer.step()
        steps.append(w.detach().clone())
    write(name, torch.cat(steps).tolist())
print("};")
