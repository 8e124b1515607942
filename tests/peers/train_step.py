#!/usr/bin/env python3
"""PyTorch beside bench_training and bench_step_time: one training step of LeNet-300-100, batch 60, Adam, f32, on the CPU.

    train_step.py            every arm in turn, seven times: the medians, in milliseconds a step
    train_step.py --serve    answers each line "ARM SECONDS" with what one step took of about so many seconds of them (bench_step_time asks)

The images of a batch are picked at random from 60,000, as ours are. The arms:

    dense/adam/1_thread       Adam as it comes, or with foreach=True, on 1 and 2 threads. The fastest of the four is PyTorch's best,
    dense/foreach/2_threads   and is what the masked arms use
    masked/prune/0.036        as its users prune: torch.nn.utils.prune, which multiplies the masks in at each forward pass
    masked/multiply/0.036     the cheapest by hand: all masks multiplied into the weights after each step, in one call

BONSAI_ISA=avx2 or baseline holds PyTorch to what it holds ours to. Else OpenBLAS is tried with the kernels that it takes by itself and with
its AVX2 ones, and the faster are taken; an OPENBLAS_CORETYPE that the environment happens to set does not count.

bench: train_step/lenet_300_100/dense
"""
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time

# What each library reads, before it is loaded: OpenBLAS, PyTorch's own kernels, oneDNN.
held = {
    "baseline": {"OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}


def has_avx512():
    with open("/proc/cpuinfo") as info:
        return " avx512f " in info.read()


def settle():
    """Starts this program again with the environment it is to run in, unless it has it."""
    if "BONSAI_PEER_SETTLED" in os.environ:
        return
    isa = os.environ.get("BONSAI_ISA")
    if isa in ("baseline", "avx2"):
        tries = [held[isa]]
    else:
        tries = [{}, {"OPENBLAS_CORETYPE": "Haswell"}] if has_avx512() else [{}]
    inherited = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environments = [{**inherited, **t, "BONSAI_PEER_SETTLED": isa or ""} for t in tries]
    if len(environments) > 1:
        trials = [subprocess.run([sys.executable, __file__, "--trial"], env=e, stdout=subprocess.PIPE) for e in environments]
        if any(t.returncode for t in trials):
            sys.exit(1)  # it has said why
        seconds = [float(t.stdout) for t in trials]
        environments = [environments[seconds.index(min(seconds))]]
    os.execve(sys.executable, [sys.executable, *sys.argv], environments[0])


settle()
import torch
from torch.nn.utils import prune

torch.manual_seed(1)
torch.ones(64, 64) @ torch.ones(64, 64)  # loads the BLAS
images, labels = torch.rand(60000, 784), torch.randint(0, 10, (60000,))
optimizers = {"adam": {}, "foreach": {"foreach": True}}
settings = [f"{o}/{t}" for t in ("1_thread", "2_threads") for o in optimizers]
fastest = settings[0]


class Training:
    """One network in training. `density` None: dense."""

    def __init__(self, setting, density=None, by_hand=False):
        optimizer, threads = setting.split("/")
        self.threads = int(threads[0])
        layers = [torch.nn.Linear(i, o) for i, o in ((784, 300), (300, 100), (100, 10))]
        self.net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
        self.masks, self.weights = [], []
        for layer in layers:
            torch.nn.init.xavier_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
            if density is None:
                continue
            mask = (torch.rand_like(layer.weight) < density).float()
            if by_hand:
                layer.weight.data.mul_(mask)
                self.masks.append(mask)
                self.weights.append(layer.weight)
            else:
                prune.custom_from_mask(layer, "weight", mask)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1.2e-3, **optimizers[optimizer])

    def steps(self, n):
        for batch in torch.randint(0, 60000, (n, 60)):
            loss = torch.nn.functional.cross_entropy(self.net(images.index_select(0, batch)), labels.index_select(0, batch))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            if self.masks:
                with torch.no_grad():
                    torch._foreach_mul_(self.weights, self.masks)

    def time(self, seconds):
        """Seconds a step, once the caches have this network."""
        torch.set_num_threads(self.threads)
        self.steps(10)
        clock = time.thread_time if self.threads == 1 else time.perf_counter  # of one thread, what others run meanwhile does not count
        began, steps, passed = clock(), 0, 0
        while passed < seconds:
            self.steps(10)
            steps += 10
            passed = clock() - began
        return passed / steps


trainings = {}


def ask(arm, seconds):
    if arm not in trainings:
        kind, a, b = arm.split("/")
        trainings[arm] = Training(f"{a}/{b}") if kind == "dense" else Training(fastest, float(b), by_hand=a == "multiply")
    return trainings[arm].time(seconds)


def find_fastest():
    global fastest
    medians = {s: statistics.median(ask(f"dense/{s}", 0.1) for _ in range(3)) for s in settings}
    fastest = min(medians, key=medians.get)
    return medians[fastest]


def libraries():
    """What multiplies, and the instruction sets in use. The BLAS written to be read rather than run would be no race, and is refused."""
    with open("/proc/self/maps") as maps:
        paths = sorted({line.split()[-1] for line in maps if "blas" in os.path.basename(line.split()[-1])})
    aten = next((line.split(": ")[1] for line in torch.__config__.show().splitlines() if "CPU capability" in line), "own")
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            return f"OpenBLAS with its {library.openblas_get_corename().decode()} kernels, ATen's {aten}"
    if any(os.path.basename(path).startswith("libblas.so") for path in paths):
        sys.exit(f"train_step.py: PyTorch multiplies with {paths[0]}, at a tenth of its speed; install libopenblas0-openmp")
    return f"{os.path.basename(paths[0]) if paths else 'a BLAS of its own'}, ATen's {aten}"


blas = libraries()
best = find_fastest()
if "--trial" in sys.argv:
    print(best)
    sys.exit()
about = {"version": torch.__version__, "libraries": blas, "masked_with": fastest, "settings": settings}
if "--serve" in sys.argv:
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        arm, seconds = line.split()
        print(ask(arm, float(seconds)), flush=True)
else:
    arms = [f"dense/{s}" for s in settings] + [f"masked/{kind}/0.036" for kind in ("prune", "multiply")]
    times = {arm: [] for arm in arms}
    for _ in range(7):
        for arm in arms:
            times[arm].append(ask(arm, 0.15))
    print(f"PyTorch {torch.__version__}: {blas}; BONSAI_ISA={os.environ['BONSAI_PEER_SETTLED'] or 'unset'}; masked with {fastest}")
    for arm in arms:
        print(f"train_step/lenet_300_100/{arm} {1000 * statistics.median(times[arm]):.3f} ms")
