#!/usr/bin/env python3
"""Writes golden_pictures.h: fifty steps of Conv-2 and of ResNet-20 (projection shortcuts), computed by PyTorch in f64.

  python3 tests/nn/golden_pictures.py > tests/nn/golden_pictures.h      (a minute)

Neither weights nor pictures are stored: noise(k, i) below is a number between -1 and 1 (networks_test.cpp has the other half; sines would make
filters so alike that f32 goes astray at once). Parameter number k (from 1) holds sqrt(6 / fan in) noise(k, i) if it has two axes or more,
1 + 0.1 noise(k, i) if it is a BatchNorm's gamma, else 0.1 noise(k, i); the pictures of step s are noise(300 + s, i), their labels (i + s) mod 10.
Batch 8, SGD with momentum 0.9 and rate 0.0002, at which even f32 keeps to the path (at 0.001 PyTorch's own is 1% astray after fifty steps of
ResNet-20; and with other pictures a ReLU whose input is 0 up to rounding falls to the other side). For each network: the loss before each of the
fifty steps; then, in evaluation mode, the loss of the pictures of step 50, for which BatchNorm uses what it has learned of mean and variance.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)


def noise(k, shape, scale=1.0):
    u = ((torch.arange(math.prod(shape)) + 1) * 2654435761 + k * 40503) & 0xFFFFFFFF
    u = ((u ^ u >> 16) * 2246822519) & 0xFFFFFFFF
    u = ((u ^ u >> 13) * 3266489917) & 0xFFFFFFFF
    return (scale * ((u ^ u >> 16).double() / 2**31 - 1)).reshape(shape)


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        stride = 1 if i == o else 2
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential() if i == o else nn.Sequential(nn.Conv2d(i, o, 1, 2, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


def conv2():
    return nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(16384, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def resnet20():
    widths = [16] * 4 + [32] * 3 + [64] * 3
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *(Block(i, o) for i, o in zip(widths, widths[1:])),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def fifty_steps(net):
    gammas = {id(m.weight) for m in net.modules() if isinstance(m, nn.BatchNorm2d)}
    with torch.no_grad():
        for k, p in enumerate(net.parameters(), 1):
            scale = math.sqrt(6 / p[0].numel()) if p.dim() > 1 else 0.1
            p.copy_(noise(k, p.shape, scale) + (1 if id(p) in gammas else 0))
    optimizer = torch.optim.SGD(net.parameters(), 0.0002, momentum=0.9)
    batch = lambda s: (noise(300 + s, (8, 3, 32, 32)), (torch.arange(8) + s) % 10)
    losses = []
    for step in range(50):
        x, y = batch(step)
        loss = F.cross_entropy(net(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    x, y = batch(50)
    return losses + [F.cross_entropy(net(x), y).item()]


print("// Made by golden_pictures.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n")
for name, net in ("conv2", conv2()), ("resnet20", resnet20()):
    print(f"inline constexpr double golden_{name}[] = {{")
    numbers = [repr(v) for v in fifty_steps(net)]
    for i in range(0, len(numbers), 6):
        print("    " + ", ".join(numbers[i:i + 6]) + ("," if i + 6 < len(numbers) else "};"))
