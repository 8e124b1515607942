#!/usr/bin/env python3
"""PyTorch beside bench_selection: torch.nn.utils.prune.global_unstructured over 50 million weights. Prints its time.

bench: select/global/50M/0.9
"""
import time

import torch
from torch.nn.utils import prune

torch.set_num_threads(2)
torch.manual_seed(1)
layers = [torch.nn.Linear(5000, 5000, bias=False) for _ in range(2)]
began = time.perf_counter()
prune.global_unstructured([(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=0.9)
print(f"select/global/50M/0.9 {1000 * (time.perf_counter() - began):.1f} ms (PyTorch {torch.__version__}, {torch.get_num_threads()} threads)")
