#!/usr/bin/env python3
"""prune_checkpoint on a large file against copying it: global magnitude, 90%. Needs PyTorch to make the file, and twice the size on the disk.

  python3 tests/peers/prune_checkpoint.py [--gigabytes 2] [--folder /tmp] [--rounds 3]

Prints for each round the seconds of `cp IN OUT && sync OUT`, of prune_checkpoint (which syncs its output too) and of its dry run from a warm
cache, with the largest resident set of each; then the medians and the three targets: at most 1.5 times the copy, at least 1 GB/s, under half
the file.
"""
import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tool = os.path.join(root, "build", "bin", "prune_checkpoint")


def make(path, total):
    """Twelve layers of normal weights, f32, as wide as it takes."""
    import torch

    side = int((total / 4 / 12) ** 0.5)
    header, at = {}, 0
    for i in range(12):
        header[f"layer{i}.weight"] = {"dtype": "F32", "shape": [side, side], "data_offsets": [at, at + 4 * side * side]}
        at += 4 * side * side
    text = json.dumps(header).encode()
    torch.manual_seed(1)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for i in range(12):
            f.write((torch.randn(side, side) * (0.02 + 0.002 * i)).numpy().tobytes())
        f.flush()
        os.fsync(f.fileno())


def measure(command):
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - began, usage.ru_maxrss * 1024, output


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gigabytes", type=float, default=2)
    arguments.add_argument("--folder", default=None)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--make", help=argparse.SUPPRESS)
    a = arguments.parse_args()
    if a.make:
        return make(a.make, a.gigabytes * 1e9)
    folder = tempfile.mkdtemp(dir=a.folder)
    try:
        source, result = os.path.join(folder, "in.safetensors"), os.path.join(folder, "out.safetensors")
        # (By a process of its own: what this one has in memory would count as its children's.)
        subprocess.check_call([sys.executable, os.path.abspath(__file__), "--make", source, "--gigabytes", str(a.gigabytes)])
        size = os.path.getsize(source)
        ask = [tool, source, "--sparsity", "0.9", "--scope", "global"]
        times = {"copy": [], "prune": [], "dry run": []}
        peak = 0
        for _ in range(a.rounds):
            for name, command in (("copy", ["sh", "-c", f"cp {source} {result} && sync {result}"]), ("prune", ask[:2] + [result] + ask[2:]), ("dry run", ask + ["--dry-run"])):
                if os.path.exists(result):
                    os.remove(result)
                os.sync()
                seconds, resident, output = measure(command)
                times[name].append(seconds)
                peak = max(peak, resident if name != "copy" else 0)
                print(f"{name:8} {seconds:7.2f} s  {size / seconds / 1e9:5.2f} GB/s  {resident / 1e6:6.0f} MB resident", flush=True)
        print(output)
        copy, prune, dry = (statistics.median(times[name]) for name in ("copy", "prune", "dry run"))
        print(f"{size / 1e9:.2f} GB, medians of {a.rounds}: copy {copy:.2f} s, prune {prune:.2f} s, {prune / copy:.2f} times it (at most 1.5); "
              f"dry run {dry:.2f} s, {size / dry / 1e9:.2f} GB/s (at least 1); peak {peak / 1e6:.0f} MB, {100 * peak / size:.0f}% of the file (under 50%)")
    finally:
        shutil.rmtree(folder)


main()
