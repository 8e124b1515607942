#!/usr/bin/env python3
"""Writes golden_values.h: masks that torch.nn.utils.prune makes, and calls that it refuses.

  python3 tests/prune/golden.py > tests/prune/golden_values.h

A case is some tensors and calls on them, one after the other; after each call the masks of all the tensors are written down, as the
digits of their entries, "" where a tensor has none. Tensor k of a case is wave(k), sin(1.3 i + k) at index i, on both sides
(tests/nn/support.h has the other half); an importance is wave(number). No result hangs on a tie or on a last bit: the script stops
when the last score that goes and the first that stays are within a millionth of each other.
"""
import math

import torch
from torch.nn.utils import prune

torch.manual_seed(1)
inf, nan, f32 = math.inf, math.nan, torch.float32


def wave(k, shape, dtype):
    return torch.tensor([math.sin(1.3 * i + k) for i in range(math.prod(shape))], dtype=torch.float64).to(dtype).reshape(shape)


class Slot(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def mask(self):
        return self.weight_mask if hasattr(self, "weight_mask") else torch.ones_like(self.weight)

    def digits(self):
        return "".join(str(int(m)) for m in self.weight_mask.flatten()) if hasattr(self, "weight_mask") else ""


def check_no_tie(scores, count):
    """The count-th smallest score and the next must be clearly apart."""
    scores = sorted(scores.tolist())
    if 0 < count < len(scores):
        low, high = scores[count - 1], scores[count]
        assert high - low > 1e-6 * max(abs(high), 1e-3), f"a tie: {low} and {high}"


def whole(amount, remaining):
    return amount if isinstance(amount, int) else round(amount * remaining)


def perform(slots, call, check):
    """One call on PyTorch. What is not given takes the first tensor, no importance, and PyTorch's meaning."""
    kind, on, amount = call["call"], [slots[i] for i in call.get("on", [0])], call.get("amount")
    first = on[0] if on else None
    scores = [None] * len(on)
    for i, number in enumerate(call.get("importance", [])):
        if number:
            scores[i] = wave(number, call.get("importance_shape", on[i].weight.shape), on[i].weight.dtype)
    judged = [s if s is not None else slot.weight.detach() for s, slot in zip(scores, on)]
    if kind in ("l1_unstructured", "global_unstructured") and check:
        left = torch.cat([j.abs()[slot.mask() == 1] for j, slot in zip(judged, on)])
        check_no_tie(left, whole(amount, len(left)))
    if kind == "ln_structured" and check:
        others = [d for d in range(judged[0].dim()) if d != call["dim"] % judged[0].dim()]
        norms = torch.norm(judged[0], p=call["n"], dim=others)[first.mask().sum(others) != 0]
        check_no_tie(norms, whole(amount, len(norms)))
    if kind == "l1_unstructured":
        prune.l1_unstructured(first, "weight", amount, importance_scores=scores[0])
    elif kind == "random_unstructured":
        prune.random_unstructured(first, "weight", amount)
    elif kind == "ln_structured":
        prune.ln_structured(first, "weight", amount, call["n"], call["dim"], importance_scores=scores[0])
    elif kind == "random_structured":
        prune.random_structured(first, "weight", amount, call["dim"])
    elif kind in ("global_unstructured", "global_random"):
        method = prune.L1Unstructured if kind == "global_unstructured" else prune.RandomUnstructured
        given = {(slot, "weight"): s for slot, s in zip(on, scores) if s is not None}
        prune.global_unstructured([(slot, "weight") for slot in on], method, importance_scores=given, amount=amount)
    elif kind == "custom_from_mask":
        digits = torch.tensor([int(d) for d in call["mask"]])
        prune.custom_from_mask(first, "weight", digits.reshape(call.get("mask_shape", first.weight.shape)))
    elif kind == "identity":
        prune.identity(first, "weight")
    elif kind == "remove":
        prune.remove(first, "weight")


def literal(value):
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(literal(v) for v in value) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        return "double(NAN)" if math.isnan(value) else ("" if value > 0 else "-") + "double(INFINITY)"
    return repr(value)


def fields(values):
    values = {name: value for name, value in values.items() if (name, value) != ("on", [0])}
    return "{" + ", ".join(f".{name} = {literal(value)}" for name, value in values.items()) + "}"


def write(shapes, calls, dtype=torch.float64, refused=False):
    slots = [Slot(wave(k + 1, shape, dtype)) for k, shape in enumerate(shapes)]
    lines, error = [], ""
    for i, call in enumerate(calls):
        last = refused and i == len(calls) - 1
        try:
            perform(slots, call, not last)
        except Exception as e:
            assert last, f"{call}: {e}"
            error = " ".join(f"{type(e).__name__}: {e}".split())[:40]
        lines.append(fields(call | ({} if last else {"after": [slot.digits() for slot in slots]})))
    assert bool(error) == refused, f"PyTorch accepts {calls[-1]}"
    head = "  {" + (".f32 = true, " if dtype == f32 else "") + f".shapes = {literal(shapes)}, .calls = {{"
    tail = "}" + (f", .error = {literal(error)}" if refused else "") + "},"
    in_one = head + ", ".join(lines) + tail
    print(in_one if len(in_one) <= 170 else head + "\n    " + ",\n    ".join(lines) + tail)


def l1(amount, **more):
    return {"call": "l1_unstructured", "amount": amount, **more}


def ln(amount, n, dim, on=[0], **more):
    return {"call": "ln_structured", "on": on, "amount": amount, "n": n, "dim": dim, **more}


def over_all(amount, on, **more):
    return {"call": "global_unstructured", "on": on, "amount": amount, **more}


def custom(mask, **more):
    return {"call": "custom_from_mask", "mask": mask, **more}


def chance(amount, dim=None):
    if dim is None:
        return {"call": "random_unstructured", "amount": amount}
    return {"call": "random_structured", "amount": amount, "dim": dim}


identity, remove = {"call": "identity"}, {"call": "remove"}

print(f"// Made by golden.py with PyTorch {torch.__version__.split('+')[0]}; do not edit.")
print('#pragma once\n#include <cmath>\n#include <string>\n#include <vector>\n\n#include "prune/interface.h"\n')
print("""struct GoldenCall {
  std::string call;
  std::vector<int> on = {0};  // which tensors
  bonsai::prune::Amount amount = 0;
  double n = 2;
  int dim = 0;
  std::vector<int> importance = {};  // its number; 0: none
  std::vector<std::int64_t> importance_shape = {};
  std::string mask = "";
  std::vector<std::int64_t> mask_shape = {};
  std::vector<std::string> after = {};  // the masks
};
struct GoldenCase {
  bool f32 = false;
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<GoldenCall> calls;
  std::string error = "";  // what PyTorch says to the last call
};
""")

print("inline const std::vector<GoldenCase> golden_cases = {")
for amount in (0, 0.0, 1, 1.0, 3, 7, 0.3, 0.5):  # 0.5 of 7 is 4
    write([[7]], [l1(amount)])
write([[5]], [l1(0.5)], f32)  # 2
write([[1]], [l1(0.5)])  # 0
write([[3, 5]], [l1(0.4)], f32)
write([[2, 3, 4]], [l1(11)])
write([[3, 2, 3, 2]], [l1(0.77)], f32)
write([[4, 5]], [l1(0.5), l1(0.5), l1(0.5)])  # 10, 5, 2 of what remains
write([[4, 5]], [l1(4), l1(0.25), l1(12)])
write([[4, 5]], [l1(1.0), l1(0.5), l1(0), l1(0.9)])
write([[6]], [l1(0.5, importance=[9])])
write([[3, 4]], [l1(5, importance=[9]), l1(0.5), l1(0.5, importance=[11])], f32)
for n, dim in ((1, 0), (2, 1), (inf, 0), (-inf, 1), (0.5, -1), (3, -2), (1.5, 0), (-1, 1), (-0.5, 0)):
    write([[6, 5]], [ln(0.5, n, dim)])
write([[5, 3]], [ln(0.5, 2, 0)])  # 2.5 is 2
write([[7, 2]], [ln(0.5, 1, 0)], f32)  # 3.5 is 4
for amount, n, dim in ((1, 1, 0), (0.5, 2, 1), (2, inf, 2), (0.3, 2.5, -3)):
    write([[4, 3, 5]], [ln(amount, n, dim)], f32)
for amount, n, dim in ((0.5, 1, 0), (0.34, 2, 1), (1, -inf, 2), (2, 0.7, -1), (0.6, inf, -4)):
    write([[4, 3, 2, 3]], [ln(amount, n, dim)])
write([[1, 4]], [ln(1.0, 2, 0), ln(0.5, 2, 0)])
write([[8, 3]], [ln(0.5, 2, 0), ln(0.5, 2, 0), ln(1, 1, 0)])
write([[6, 6]], [ln(2, 1, 0), ln(0.5, 2, -1), ln(0.25, inf, 0)], f32)
write([[6, 4]], [l1(0.5), ln(0.5, 2, 0), l1(0.5)])
write([[4, 3, 3]], [ln(1, 2, 1), l1(0.3), ln(0.5, 1, -1), l1(2)])
write([[4, 4]], [custom("1100110011001111"), ln(0.5, 1, 1), l1(0.25), custom("0111011101110111")])
write([[3, 4]], [custom("111100011100"), ln(1, 0, 0), ln(1, 0, 0)])  # n = 0: how many are left in each row
write([[4, 3]], [custom("000111111111"), ln(0.5, 2, 0), identity, l1(0.5)])  # a row that is gone does not count
write([[4, 3]], [ln(2, 2, 0, importance=[9]), ln(1, 1, 1, importance=[12])])
write([[4, 3]], [custom("111100111100"), ln(2, 2, 0, importance=[9])], f32)  # importance counts where weights are gone
write([[2, 3]], [identity, identity, l1(0.5)])
write([[2, 3]], [custom("000000")])
write([[2, 3]], [custom("101101"), custom("110110"), l1(1)], f32)
write([[10]], [l1(0.3), remove, l1(0.5)])  # of all ten again: the zeros go first
write([[4, 3]], [ln(1, 2, 0), remove, ln(0.5, 2, 0)])
write([[3, 4], [5], [2, 2, 2]], [over_all(0.4, [0, 1, 2])])
write([[3, 4], [5], [2, 2, 2]], [over_all(7, [2, 0]), over_all(0.5, [1, 0, 2]), over_all(3, [0, 1])], f32)
write([[3, 4], [2, 3, 2, 2]], [l1(0.5), ln(1, 2, 1, on=[1]), over_all(0.5, [0, 1]), over_all(4, [1, 0]), ln(0.5, 1, 0, on=[1])])
write([[3, 4], [5]], [custom("111000111000"), over_all(0.3, [0, 1], importance=[9, 12]), over_all(2, [0, 1], importance=[0, 15])])
write([[6], [6]], [over_all(1.0, [0, 1])])
write([[6], [6]], [over_all(0, [0, 1]), over_all(1, [0, 1]), l1(0.5), over_all(0.5, [1, 0])])
print("};\n\n// By chance: only how many are left can agree.\ninline const std::vector<GoldenCase> golden_counts = {")
for amount in (0, 0.0, 1, 1.0, 3, 7, 0.5):
    write([[7]], [chance(amount)])
write([[3, 5]], [chance(0.5), chance(0.5), chance(2)], f32)
write([[4, 5]], [chance(0.3), l1(0.5), chance(5)])
for amount, dim in ((2, 0), (0.5, 1), (0.7, -1), (0.4, 2), (1.0, -4), (2, -3)):
    write([[3, 2, 4, 2]], [chance(amount, dim)])
write([[7, 4]], [chance(0.5, 0), chance(0.5, 0), chance(0.5, 1), l1(0.5)], f32)
write([[5, 4]], [custom("11100000011111011011"), chance(0.5, 0)])
write([[3, 4], [5], [2, 2, 2]], [{"call": "global_random", "on": [2, 0, 1], "amount": a} for a in (0.3, 9, 0.5)])
print("};\n\n// The last call of each is refused.\ninline const std::vector<GoldenCase> golden_refusals = {")
for amount in (-1, -0.1, 1.5, 90.0, inf, -inf, nan, 13, 10**12):
    for call in (l1(amount), chance(amount), ln(amount, 2, 0), chance(amount, 1), over_all(amount, [0])):
        write([[3, 4]], [call], refused=True)
write([[3, 4]], [l1(0.5), l1(7)], refused=True)
write([[3, 4]], [ln(1, 2, 0), chance(9)], refused=True)
write([[3, 4]], [ln(1, 2, 0), ln(3, 2, 0)], refused=True)
write([[3, 4]], [custom("000011111111"), chance(3, 0)], refused=True)
write([[3, 4], [5]], [l1(0.5), over_all(12, [0, 1])], refused=True)
for shape in ([5], []):
    write([shape], [ln(1, 2, 0)], refused=True)
    write([shape], [chance(1, 0)], refused=True)
for dim in (2, -3, 7):
    write([[3, 4]], [ln(1, 2, dim)], refused=True)
    write([[3, 4]], [chance(1, dim)], refused=True)
    write([[3, 4]], [identity, ln(1, 2, dim)], refused=True)
write([[3, 4]], [custom("1" * 12, mask_shape=[4, 3])], refused=True)
write([[3, 4]], [l1(2), custom("1" * 4, mask_shape=[4])], refused=True)
write([[3, 4]], [l1(2, importance=[9], importance_shape=[4, 3])], refused=True)
write([[3, 4]], [ln(1, 2, 0, importance=[9], importance_shape=[3])], refused=True)
write([[3, 4], [5]], [over_all(2, [0, 1], importance=[9, 0], importance_shape=[3])], refused=True)
write([[3, 4]], [over_all(0.5, [])], refused=True)
write([[3, 4]], [remove], refused=True)
write([[3, 4]], [l1(2), remove, remove], refused=True)
print("};")
