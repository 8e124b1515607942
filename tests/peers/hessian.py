#!/usr/bin/env python3
"""PyTorch beside bench_hessians: the exact Hessian of 820 parameters in f64. Prints its median time.

bench: hessian/16-30-10/1000
"""
import time

import torch

torch.set_num_threads(2)
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
x, y = torch.randn(1000, 16), torch.randint(0, 10, (1000,))
sizes = [(30, 16), (30,), (10, 30), (10,)]
start = torch.cat([0.1 * torch.randn(s).reshape(-1) for s in sizes])


def loss(w):
    w1, b1, w2, b2 = (p.reshape(s) for p, s in zip(torch.split(w, [torch.Size(s).numel() for s in sizes]), sizes))
    return torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T + b1) @ w2.T + b2, y)


times = []
for _ in range(3):
    began = time.perf_counter()
    torch.autograd.functional.hessian(loss, start)
    times.append(time.perf_counter() - began)
print(f"hessian/16-30-10/1000 {1000 * sorted(times)[1]:.1f} ms (PyTorch {torch.__version__}, {torch.get_num_threads()} threads)")
