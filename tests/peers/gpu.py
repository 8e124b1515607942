#!/usr/bin/env python3
"""PyTorch's training steps on a GPU, at the sizes of tests/gpu/train_race.cpp. cuda/check.sh runs it right after ours.

  python3 tests/peers/gpu.py [--json]

LeNet-300-100, batch 60, Adam: one, and ten at once by torch.baddbmm. ResNet-20, batch 128, and VGG-19, batch 64, SGD with momentum. Each eager and as a CUDA graph, with f32
products and with TF32. Median of five runs by CUDA events, milliseconds a step (of all ten networks for x10). Optimizers are the fused ones, which are PyTorch's fastest.
"""
import json
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

device = "cuda"
results = []


def milliseconds(step, calls):
    for _ in range(5):
        step()
    times = []
    for _ in range(5):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(calls):
            step()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / calls)
    return sorted(times)[2]


def recorded(step):
    """The step as a CUDA graph, after three rounds on a side stream, as PyTorch's notes on graphs ask for."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def race(name, tf32, step, calls):
    for mode, f in (("eager", step), ("graph", None)):
        f = f or recorded(step)
        t = milliseconds(f, calls)
        results.append({"name": name, "mode": mode, "tf32": tf32, "ms": t})
        if "--json" not in sys.argv:
            print(f"{name:<24} {mode:<6} {t:9.4f}", flush=True)


def lenet(tf32):
    net = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)).to(device)
    optimizer = torch.optim.Adam(net.parameters(), 1.2e-3, fused=True, capturable=True)
    x, y = torch.rand(60, 784, device=device), torch.randint(0, 10, (60,), device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    race("lenet_300_100 x1", tf32, step, 100)


def lenets(tf32, count=10):
    sizes = ((784, 300), (300, 100), (100, 10))
    weights = [torch.randn(count, i, o, device=device) * i**-0.5 for i, o in sizes]
    biases = [torch.zeros(count, 1, o, device=device) for _, o in sizes]
    for p in weights + biases:
        p.requires_grad_()
    optimizer = torch.optim.Adam(weights + biases, 1.2e-3, fused=True, capturable=True)
    x, y = torch.rand(count, 60, 784, device=device), torch.randint(0, 10, (count * 60,), device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        h = x
        for i in range(3):
            h = torch.baddbmm(biases[i], h, weights[i])
            h = torch.relu(h) if i < 2 else h
        (F.cross_entropy(h.reshape(-1, 10), y) * count).backward()  # the sum of the networks' means
        optimizer.step()

    race(f"lenet_300_100 x{count}", tf32, step, 100)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for outputs in (16, 32, 64):
        for i in range(3):
            layers.append(Block(channels, outputs, 2 if i == 0 and outputs > 16 else 1))
            channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vgg19():
    layers, channels = [], 3
    for outputs in (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512):
        if outputs == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def pictures(name, make, batch, tf32):
    net = make().to(device)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, fused=True)
    x, y = torch.rand(batch, 3, 32, 32, device=device), torch.randint(0, 10, (batch,), device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    race(name, tf32, step, 50)


torch.manual_seed(0)
torch.backends.cudnn.benchmark = True
if "--json" not in sys.argv:
    print(f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {torch.cuda.get_device_name()}")
for tf32 in (False, True):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    if "--json" not in sys.argv:
        print("TF32 allowed" if tf32 else "f32")
    lenet(tf32)
    lenets(tf32)
    pictures("resnet20", resnet20, 128, tf32)
    pictures("vgg19", vgg19, 64, tf32)
if "--json" in sys.argv:
    print(json.dumps({"torch": torch.__version__, "gpu": torch.cuda.get_device_name(), "steps": results}))
