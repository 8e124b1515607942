#!/usr/bin/env python3
"""PyTorch's dense and 2:4 products (cuBLAS, cuSPARSELt) at the sizes of cuda/race.cu, bf16. cuda/check.sh runs it right after ours.

  python3 tests/peers/sparse24.py
"""
import torch
from torch.sparse import to_sparse_semi_structured


def milliseconds(f, calls):
    f()
    times = []
    for _ in range(5):
        begin, end = torch.cuda.Event(True), torch.cuda.Event(True)
        begin.record()
        for _ in range(calls):
            f()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / calls)
    return sorted(times)[2]


print(f"\nPyTorch {torch.__version__}, {torch.cuda.get_device_name()}; dense TFLOP/s")
print(f"{'':>6} {'dense':>10} {'2:4':>10} {'times':>8}")
for s in (1024, 2048, 4096, 8192):
    a = torch.randn(s, s, device="cuda", dtype=torch.bfloat16)
    keep = torch.zeros(s * s // 4, 4, device="cuda", dtype=torch.bool)
    keep.scatter_(1, a.abs().reshape(-1, 4).topk(2, dim=1).indices, True)
    a = a * keep.reshape(s, s)
    b = torch.randn(s, s, device="cuda", dtype=torch.bfloat16)
    packed = to_sparse_semi_structured(a)
    bt = b.t()
    dense, sparse = milliseconds(lambda: torch.mm(a, bt), 10), milliseconds(lambda: torch.mm(packed, bt), 10)
    print(f"{s:>6} {2e-9 * s**3 / dense:>10.1f} {2e-9 * s**3 / sparse:>10.1f} {dense / sparse:>7.2f}x")
