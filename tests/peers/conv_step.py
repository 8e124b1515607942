#!/usr/bin/env python3
"""PyTorch beside bench_training: one training step of LeNet-5, Conv-2 and ResNet-20 (1x1 projection shortcuts with BatchNorm), SGD with
momentum 0.9, on noise. Prints the median of nine steps at one and at two threads.

bench: train_step/lenet5/dense
bench: train_step/conv2/dense
bench: train_step/resnet20/dense
bench: train_step/lenet5/dense/two_threads
bench: train_step/conv2/dense/two_threads
bench: train_step/resnet20/dense/two_threads
"""
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def conv_bn(i, o, kernel, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(o))


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        stride = 1 if i == o else 2
        self.first, self.second = conv_bn(i, o, 3, stride), conv_bn(o, o, 3)
        self.shortcut = nn.Identity() if i == o else conv_bn(i, o, 1, stride)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


def resnet20():
    widths = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(i, o) for i, o in zip(widths, widths[1:])]
    return nn.Sequential(conv_bn(3, 16, 3), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def conv2():
    return nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(16384, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def lenet5():
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


torch.manual_seed(1)
for name, net, batch, shape in (("lenet5", lenet5(), 64, (1, 28, 28)), ("conv2", conv2(), 60, (3, 32, 32)), ("resnet20", resnet20(), 128, (3, 32, 32))):
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    x, labels = torch.rand(batch, *shape), torch.randint(10, (batch,))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        times = []
        for step in range(11):  # the first two warm up
            began = time.perf_counter()
            loss = F.cross_entropy(net(x), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            times.append(1000 * (time.perf_counter() - began))
        print(f"train_step/{name}/dense{'/two_threads' if threads == 2 else ''} {statistics.median(times[2:]):.1f} ms (PyTorch {torch.__version__})")
