#!/usr/bin/env python3
"""Writes golden_pictures.h: pictures' layers, their networks, and fifty steps of Conv-2 and of ResNet-20, computed by PyTorch in f64.

  python3 tests/nn/golden_pictures.py > tests/nn/golden_pictures.h      (a minute)

Neither weights nor pictures are stored: noise(k, i) below is a number between -1 and 1 (support.h has the other half; sines would make filters
so alike that f32 goes astray at once). Parameter number k (from 1) holds sqrt(6 / fan in) noise(k, i) if it has two axes or more, 1 + 0.1
noise(k, i) if it is a normalisation's gamma, else 0.1 noise(k, i); inputs are noise(300 + s, i), labels (i + s) mod 10.

Layers and networks: in training mode the values of inputs 0 (of a network the loss), then for them and for every parameter the digest of its
gradient: Σ g_i noise(900, i) and Σ g_i². After another pass, over inputs 1, the running statistics' digests; then, in evaluation mode,
the same for inputs 2 (of a network the loss alone).

Fifty steps: projection shortcuts, batch 8, SGD with momentum 0.9 and rate 0.0002, at which even f32 keeps to the path (at 0.001 PyTorch's own is
1% astray after fifty steps of ResNet-20; and with other pictures a ReLU whose input is 0 up to rounding falls to the other side). For each
network: the loss before each of the fifty steps; then, in evaluation mode, the loss of the pictures of step 50, for which BatchNorm uses what it
has learned of mean and variance.
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
    def __init__(self, i, o, projection=True):
        super().__init__()
        stride = 1 if i == o else 2
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        if i == o:
            self.shortcut = nn.Identity()
        elif projection:
            self.shortcut = nn.Sequential(nn.Conv2d(i, o, 1, 2, bias=False), nn.BatchNorm2d(o))
        else:
            self.shortcut = lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, (o - i) // 2, o - i - (o - i) // 2))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


def lenet5(relu):
    after = [nn.ReLU()] if relu else []
    return nn.Sequential(nn.Conv2d(1, 20, 5), *after, nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), *after, nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def conv(convolutions):
    layers, channels = [], 3
    for i in range(convolutions):
        layers += [nn.Conv2d(channels, 64 << i // 2, 3, padding=1), nn.ReLU()] + ([nn.MaxPool2d(2)] if i % 2 else [])
        channels = 64 << i // 2
    features = channels * (32 >> convolutions // 2) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def resnet(depth, projection=True):
    n = (depth - 2) // 6
    widths = [16] * (n + 1) + [32] * n + [64] * n
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *(Block(i, o, projection) for i, o in zip(widths, widths[1:])),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vgg(deep):
    layers, channels = [], 3
    for out, convolutions in zip((64, 128, 256, 512, 512), (2, 2, deep, deep, deep)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def fill(net):
    gammas = {id(m.weight) for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm))}
    with torch.no_grad():
        for k, p in enumerate(net.parameters(), 1):
            scale = math.sqrt(6 / p[0].numel()) if p.dim() > 1 else 0.1
            p.copy_(noise(k, p.shape, scale) + (1 if id(p) in gammas else 0))


def digest(g):
    return [(g * noise(900, g.shape)).sum().item(), g.square().sum().item()]


# Of a network the value is the loss. A layer's gradient is that of sum(value * noise(901)).
def passes(net, shape, network=False):
    fill(net)
    out = []

    def measure(s):
        x = noise(300 + s, shape).requires_grad_()
        y = F.cross_entropy(net(x), (torch.arange(shape[0]) + s) % 10) if network else net(x)
        out.extend(y.detach().reshape(-1).tolist())
        if network and not net.training:
            return
        for g in torch.autograd.grad(y if network else (y * noise(901, y.shape)).sum(), [x, *net.parameters()]):
            out.extend(digest(g))

    measure(0)
    net(noise(301, shape))
    for b in net.buffers():
        if b.dim() == 1:
            out.extend(digest(b))
    net.eval()
    measure(2)
    return out


def fifty_steps(net):
    fill(net)
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


def write(name, numbers):
    lines, line = [], "    "
    for v in numbers:
        word = repr(v) + ", "
        if len(line) + len(word) > 140:
            lines.append(line.rstrip())
            line = "    "
        line += word
    lines.append(line.rstrip().rstrip(","))
    print(f'  {{"{name}", {{\n' + "\n".join(lines) + "}},")


print("// Made by golden_pictures.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n#include <map>\n#include <string>\n#include <vector>\n")
print("inline const std::map<std::string, std::vector<double>> golden_pictures = {")
write("conv_strided", passes(nn.Conv2d(4, 6, 3, stride=2, padding=1), (2, 4, 6, 5)))
write("conv_dilated_groups", passes(nn.Conv2d(4, 6, (3, 3), padding=2, dilation=2, groups=2, bias=False), (2, 4, 5, 5)))
write("batch_norm", passes(nn.BatchNorm2d(4), (2, 4, 3, 2)))
write("batch_norm_rows", passes(nn.BatchNorm1d(4, momentum=0.3, eps=1e-2), (6, 4)))
write("batch_norm_relu", passes(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), (2, 4, 3, 2)))
write("layer_norm", passes(nn.LayerNorm(5, eps=1e-2), (3, 2, 5)))
write("max_pool", passes(nn.MaxPool2d(3, 2, 1), (2, 2, 5, 5)))
write("average_pool", passes(nn.AvgPool2d(3, 2, 1), (2, 2, 5, 5)))
write("block", passes(Block(4, 4), (2, 4, 4, 4)))
write("block_projection", passes(Block(4, 8), (2, 4, 6, 5)))
write("block_padding", passes(Block(4, 8, projection=False), (2, 4, 6, 5)))
write("lenet5", passes(lenet5(False), (2, 1, 28, 28), True))
write("lenet5_relu", passes(lenet5(True), (2, 1, 28, 28), True))
for k in 2, 4, 6:
    write(f"conv{k}", passes(conv(k), (2, 3, 32, 32), True))
for depth in 20, 32, 56:
    write(f"resnet{depth}", passes(resnet(depth), (3, 3, 8, 8), True))
write("resnet20_padding", passes(resnet(20, projection=False), (3, 3, 8, 8), True))
write("vgg16", passes(vgg(3), (2, 3, 32, 32), True))
write("vgg19", passes(vgg(4), (2, 3, 32, 32), True))
write("conv2_steps", fifty_steps(conv(2)))
write("resnet20_steps", fifty_steps(resnet(20)))
print("};")
