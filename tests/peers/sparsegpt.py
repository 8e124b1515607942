#!/usr/bin/env python3
"""PyTorch beside bench_layerwise: SparseGPT on one layer of 4096 x 4096 with 2,048 tokens at 50%, the steps as published and in f32 as there: second
moments, factors, blocks of 128 columns. Prints its median time.

bench: sparsegpt/4096x4096/2048
"""
import time

import torch

torch.set_num_threads(2)
torch.manual_seed(1)
torch.set_grad_enabled(False)
N, TOKENS, BLOCK = 4096, 2048, 128
weight, x = torch.randn(N, N), torch.randn(TOKENS, N)


def sparsegpt(w, x, sparsity=0.5, damping=0.01):
    w = w.clone()
    x = x.t() * (2 / TOKENS) ** 0.5
    h = x.matmul(x.t())
    dead = torch.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h.diagonal().add_(damping * torch.mean(torch.diag(h)))
    h = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    for i1 in range(0, N, BLOCK):
        i2 = min(i1 + BLOCK, N)
        w1, h1 = w[:, i1:i2].clone(), h[i1:i2, i1:i2]
        q1, e1 = torch.zeros_like(w1), torch.zeros_like(w1)
        score = w1**2 / torch.diag(h1).reshape(1, -1) ** 2
        prune = score <= torch.sort(score.flatten())[0][int(score.numel() * sparsity)]
        for i in range(i2 - i1):
            q = w1[:, i].clone()
            q[prune[:, i]] = 0
            q1[:, i] = q
            error = (w1[:, i] - q) / h1[i, i]
            w1[:, i:] -= error.unsqueeze(1).matmul(h1[i, i:].unsqueeze(0))
            e1[:, i] = error
        w[:, i1:i2] = q1
        w[:, i2:] -= e1.matmul(h[i1:i2, i2:])
    return w


times = []
for _ in range(3):
    began = time.perf_counter()
    sparsegpt(weight, x)
    times.append(time.perf_counter() - began)
print(f"sparsegpt/4096x4096/2048 {1000 * sorted(times)[1]:.1f} ms (PyTorch {torch.__version__}, {torch.get_num_threads()} threads)")
