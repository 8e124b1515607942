#!/usr/bin/env python3
"""Writes golden_attention.h: attention, encoder blocks, embeddings and a small transformer, computed by PyTorch in f64.

  python3 tests/nn/golden_attention.py > tests/nn/golden_attention.h

Nothing is stored: noise and digest are golden_pictures.py's (support.h has the other half). Parameter number k (from 1) in the order of bonsai's
layers, in which q, k, v and out are weights and biases of their own, holds sqrt(6 / fan in) noise(k, i) if it has two axes or more, 1 + 0.1 noise(k, i) if
it is a LayerNorm's gamma, else 0.1 noise(k, i). Of each case: the values for inputs noise(300) (tokens: i mod vocabulary), of the network the loss
with labels i mod 3; then the digests of the gradients of the input (not of tokens) and of every parameter, for sum(value * noise(901)) or the loss.
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


def digest(g):
    return [(g * noise(900, g.shape)).sum().item(), g.square().sum().item()]


# A parameter of ours: PyTorch's that it lies in, from which row to which; of q, k and v three share one.
def whole(p, gamma=False):
    return [(p, 0, p.shape[0], gamma)]


def attention(m):
    e = m.embed_dim
    out = []
    for i in range(3):
        out += [(m.in_proj_weight, i * e, (i + 1) * e, False), (m.in_proj_bias, i * e, (i + 1) * e, False)]
    return out + whole(m.out_proj.weight) + whole(m.out_proj.bias)


def block(m):
    norms = [whole(n.weight, True) + whole(n.bias) for n in (m.norm1, m.norm2)]
    mlp = sum((whole(p) for p in (m.linear1.weight, m.linear1.bias, m.linear2.weight, m.linear2.bias)), [])
    return norms[0] + attention(m.self_attn) + norms[1] + mlp


def encoder(activation):
    return nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation=activation, batch_first=True, norm_first=True)


def measure(parameters, f, x, labels=None):
    with torch.no_grad():
        for k, (p, begin, end, gamma) in enumerate(parameters, 1):
            piece = p[begin:end]
            piece.copy_(noise(k, piece.shape, math.sqrt(6 / piece[0].numel()) if piece.dim() > 1 else 0.1) + (1 if gamma else 0))
    y = f(x)
    loss = (y * noise(901, y.shape)).sum() if labels is None else F.cross_entropy(y, labels)
    loss.backward()
    out = (y if labels is None else loss).detach().reshape(-1).tolist()
    if x.requires_grad:
        out += digest(x.grad)
    for p, begin, end, _ in parameters:
        out += digest(p.grad[begin:end])
    return out


class Transformer(nn.Module):  # 4 tokens of 5 features, model 8, 2 heads, 12 hidden, 2 blocks, 3 classes
    def __init__(self):
        super().__init__()
        self.embedding, self.position = nn.Linear(5, 8), nn.Parameter(torch.zeros(4, 8))
        self.blocks = nn.ModuleList(encoder("gelu") for _ in range(2))
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 3)

    def ours(self):
        out = whole(self.embedding.weight) + whole(self.embedding.bias) + whole(self.position)
        for b in self.blocks:
            out += block(b)
        return out + whole(self.norm.weight, True) + whole(self.norm.bias) + whole(self.fc.weight) + whole(self.fc.bias)

    def forward(self, x):
        x = self.embedding(x) + self.position
        for b in self.blocks:
            x = b(x)
        return self.fc(self.norm(x).mean(1))


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


print("// Made by golden_attention.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n#include <map>\n#include <string>\n#include <vector>\n")
print("inline const std::map<std::string, std::vector<double>> golden_attention = {")
rows = lambda *shape: noise(300, shape).requires_grad_()
embedding = nn.Embedding(7, 3)
write("embedding", measure(whole(embedding.weight), embedding, torch.arange(10).reshape(2, 5) % 7))
for heads in 1, 2, 8:
    m = nn.MultiheadAttention(8, heads, batch_first=True)
    write(f"attention_{heads}", measure(attention(m), lambda x: m(x, x, x, need_weights=False)[0], rows(2, 5, 8)))
for activation in "relu", "gelu":
    m = encoder(activation)
    write(f"block_{activation}", measure(block(m), m, rows(2, 5, 8)))
net = Transformer()
write("transformer", measure(net.ours(), net, rows(3, 4, 5), torch.arange(3) % 3))
print("};")
