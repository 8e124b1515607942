#!/usr/bin/env python3
"""Writes golden_layerwise.h: Wanda's masks, SparseGPT's and OBC's weights on one small layer, computed by PyTorch in f64 step by step as published.

  python3 tests/prune/golden_layerwise.py > tests/prune/golden_layerwise.h

Inputs are not stored: both sides make them of the same noise (tests/nn/support.h has the other half). W is (6, 16), X (40, 16) with
inputs that depend on each other; input 5 is always 0.

  wanda           |W| sqrt(mean of squares) compared within a row: a stable sort, the first int(16 ratio) go; "n:m" the lowest of each group
  sparsegpt       H = 2/N X^T X; dead inputs 1 in H and 0 in W; damping 0.01 mean(diag); upper Cholesky factor of the inverse; blocks of columns; errors
                  pushed to the right, in the block at once, behind it as a product. "published": weights <= the threshold at int(numel s) go.
                  "exact": the lowest of each block so that all blocks so far have lost round(s numel so far)
  obc             per row: the lowest w^2 / [H^-1]_jj goes, the others move; the inverse of what is left is computed anew each time. Over rows: always the
                  row whose next loss is lowest
"""
import torch

torch.set_default_dtype(torch.float64)
ROWS, IN, TOKENS, DEAD = 6, 16, 40, 5


def noise(k, shape, scale=1.0):
    values = []
    for i in range(1, shape[0] * shape[1] + 1):
        u = (i * 2654435761 + k * 40503) % 2**32
        u = (u ^ u >> 16) * 2246822519 % 2**32
        u = (u ^ u >> 13) * 3266489917 % 2**32
        values.append(scale * ((u ^ u >> 16) / 2147483648 - 1))
    return torch.tensor(values).reshape(shape)


W = noise(1, (ROWS, IN))
X = noise(2, (TOKENS, IN), 0.3) + noise(3, (TOKENS, 4))[:, torch.arange(IN) % 4] + noise(4, (TOKENS, 4), 0.5)[:, torch.arange(IN) // 4]
X[:, DEAD] = 0


def hessian(damping=0.01):
    h, w = 2 / TOKENS * X.T @ X, W.clone()
    dead = torch.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h += damping * torch.mean(torch.diag(h)) * torch.eye(IN)
    return h, w


def wanda(ratio=None, n=0, m=0):
    metric = W.abs() * torch.sqrt((X**2).mean(0))
    mask = torch.ones_like(W)
    if n:
        for i in range(0, IN, m):
            mask.scatter_(1, i + torch.topk(metric[:, i:i + m], m - n, dim=1, largest=False)[1], 0)
    else:
        mask.scatter_(1, torch.sort(metric, dim=1, stable=True)[1][:, :int(IN * ratio)], 0)
    return mask


def sparsegpt(sparsity=0.0, blocksize=128, exact=True, n=0, m=0):
    h, w = hessian()
    hinv = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    kept, gone = torch.ones_like(w), 0
    for i1 in range(0, IN, blocksize):
        i2 = min(i1 + blocksize, IN)
        w1, hinv1 = w[:, i1:i2].clone(), hinv[i1:i2, i1:i2]
        q1, err1 = torch.zeros_like(w1), torch.zeros_like(w1)
        prune = torch.zeros_like(w1, dtype=torch.bool)
        if not n:
            tmp = w1**2 / torch.diag(hinv1).reshape(1, -1)**2
            if exact:
                remove = round(sparsity * ROWS * i2) - gone
                prune.view(-1)[torch.sort(tmp.flatten(), stable=True)[1][:remove]] = True
                gone += remove
            else:
                prune = tmp <= torch.sort(tmp.flatten())[0][int(tmp.numel() * sparsity)]
        for i in range(i2 - i1):
            if n and i % m == 0:
                tmp = w1[:, i:i + m]**2 / torch.diag(hinv1)[i:i + m].reshape(1, -1)**2
                prune.scatter_(1, i + torch.topk(tmp, m - n, dim=1, largest=False)[1], True)
            q = w1[:, i].clone()
            q[prune[:, i]] = 0
            q1[:, i] = q
            err = (w1[:, i] - q) / hinv1[i, i]
            w1[:, i:] -= err.unsqueeze(1) @ hinv1[i, i:].unsqueeze(0)
            err1[:, i] = err
        w[:, i1:i2] = q1
        kept[:, i1:i2] = (~prune).double()
        w[:, i2:] -= err1 @ hinv[i1:i2, i2:]
    return kept, w


def obc(sparsity=None, n=0, m=IN, per_row=False):
    h, w0 = hessian()

    def step(w, left):
        """The next weight of a row, its loss, and the row without it."""
        free = [j for j in left if not n or len([k for k in left if k // m == j // m]) > n]
        if not free:
            return None
        inverse = torch.linalg.inv(h[left][:, left])
        place = {j: k for k, j in enumerate(left)}
        loss = {j: float(w[j]**2 / inverse[place[j], place[j]]) for j in free}
        q = min(free, key=lambda j: loss[j])
        moved = w.clone()
        moved[left] -= w[q] / inverse[place[q], place[q]] * inverse[:, place[q]]
        moved[q] = 0
        return loss[q], moved, [j for j in left if j != q]

    rows = [(w0[i], list(range(IN))) for i in range(ROWS)]
    following = [step(*r) for r in rows]
    taken = [0] * ROWS
    total = ROWS * IN if n else round(sparsity * ROWS * IN)
    for _ in range(total):
        ready = [i for i in range(ROWS) if following[i] and not (per_row and taken[i] == round(sparsity * IN))]
        if not ready:
            break
        i = min(ready, key=lambda r: following[r][0])
        rows[i] = following[i][1:]
        following[i] = step(*rows[i])
        taken[i] += 1
    kept = torch.zeros_like(w0)
    for i, (_, left) in enumerate(rows):
        kept[i, left] = 1
    return kept, torch.stack([r[0] for r in rows])


cases = {
    "wanda 0.5": [wanda(0.5)], "wanda 0.25": [wanda(0.25)], "wanda 2:4": [wanda(n=2, m=4)], "wanda 1:8": [wanda(n=1, m=8)],
    "sparsegpt 0.5": sparsegpt(0.5), "sparsegpt 0.3 in 5s": sparsegpt(0.3, blocksize=5), "sparsegpt 0.5 published in 8s": sparsegpt(0.5, blocksize=8, exact=False),
    "sparsegpt 2:4": sparsegpt(n=2, m=4), "sparsegpt 3:8 in 8s": sparsegpt(n=3, m=8, blocksize=8),
    "obc 0.5": obc(0.5), "obc 0.5 rows": obc(0.5, per_row=True), "obc 2:4": obc(n=2, m=4),
}  # fmt: skip

def wrapped(numbers):
    lines, line = [], "    "
    for word in numbers:
        if len(line) + len(word) > 150:
            lines.append(line.rstrip())
            line = "    "
        line += word + ", "
    return "\n".join(lines + [line.rstrip().rstrip(",")])


print("// Made by golden_layerwise.py with PyTorch " + torch.__version__.split("+")[0] + "; do not edit.")
print("#pragma once\n#include <map>\n#include <string>\n#include <vector>\n")
print("// The mask and, where weights move, the weights after it.")
print("inline const std::map<std::string, std::vector<double>> golden_layerwise = {")
for name, results in cases.items():
    numbers = [str(int(v)) for v in results[0].flatten()]
    if len(results) > 1:
        numbers += ["0" if v == 0 else f"{float(v):.12g}" for v in results[1].flatten()]
    print(f'  {{"{name}", {{\n{wrapped(numbers)}}}}},')
print("};")
