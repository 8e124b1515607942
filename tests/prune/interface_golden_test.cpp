// The mask interface against PyTorch's own masks and refusals (golden_values.h, made by golden.py).
#include "tests/nn/support.h"
#include "tests/prune/golden_values.h"

#include "prune/warning.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// The tensors of a case as parameters, and the calls on them.
struct Slots {
  std::vector<std::unique_ptr<nn::Parameter>> all;
  DType t;
  explicit Slots(const GoldenCase& c) : t(c.f32 ? DType::f32 : DType::f64) {
    for (const auto& shape : c.shapes) {
      const int k = static_cast<int>(all.size());
      all.push_back(std::make_unique<nn::Parameter>(fmt::format("t{}", k), Shape(shape), t));
      all.back()->set(start(k));
    }
  }
  Tensor start(int k) const { return wave(k + 1, all[k]->shape(), 1, t); }
  std::string digits(int k) const {
    std::string text;
    if (all[k]->is_masked())
      for (std::uint8_t m : all[k]->mask().data<std::uint8_t>()) text += m ? '1' : '0';
    return text;
  }

  void perform(const GoldenCall& c) {
    std::vector<nn::Parameter*> on;
    for (int i : c.on) on.push_back(all[i].get());
    std::vector<Tensor> importance(c.importance.size());
    for (std::size_t i = 0; i < importance.size(); ++i)
      if (c.importance[i]) importance[i] = wave(c.importance[i], c.importance_shape.empty() ? on[i]->shape() : Shape(c.importance_shape), 1, t);
    const Tensor first = importance.empty() ? Tensor() : importance[0];
    if (c.call == "l1_unstructured") l1_unstructured(*on[0], c.amount, first);
    else if (c.call == "random_unstructured") random_unstructured(*on[0], c.amount, Random(1));
    else if (c.call == "ln_structured") ln_structured(*on[0], c.amount, c.n, c.dim, first);
    else if (c.call == "random_structured") random_structured(*on[0], c.amount, c.dim, Random(1));
    else if (c.call == "global_unstructured") global_unstructured(on, c.amount, importance);
    else if (c.call == "global_random") global_unstructured(on, c.amount, Random(1));
    else if (c.call == "custom_from_mask") custom_from_mask(*on[0], mask_of(c.mask_shape.empty() ? on[0]->shape() : Shape(c.mask_shape),
                                                                            [&](std::int64_t i) { return c.mask[i] == '1'; }));
    else if (c.call == "identity") identity(*on[0]);
    else if (c.call == "remove") remove(*on[0]);
    else FAIL() << "no call " << c.call;
  }
};

struct Golden : ::testing::Test {  // some cases empty a tensor on purpose
  WarningSink before = set_warning_sink([](const std::string&) {});
  ~Golden() override { set_warning_sink(before); }
};
using InterfaceGolden = Golden;

std::string place(std::size_t number, const GoldenCase& c, std::size_t call) {
  return fmt::format("case {}, call {}: {}", number, call, c.calls[call].call);
}

TEST_F(InterfaceGolden, TheSameMasksAsPyTorch) {
  EXPECT_GE(golden_cases.size(), 40u);
  for (std::size_t n = 0; n < golden_cases.size(); ++n) {
    const GoldenCase& c = golden_cases[n];
    Slots slots(c);
    std::vector<Tensor> values;
    for (std::size_t k = 0; k < slots.all.size(); ++k) values.push_back(slots.start(static_cast<int>(k)));
    for (std::size_t i = 0; i < c.calls.size(); ++i) {
      slots.perform(c.calls[i]);
      ASSERT_EQ(c.calls[i].after.size(), slots.all.size());
      for (std::size_t k = 0; k < slots.all.size(); ++k) {
        const std::string digits = slots.digits(static_cast<int>(k));
        EXPECT_EQ(digits, c.calls[i].after[k]) << place(n, c, i) << ", tensor " << k;
        for (std::size_t e = 0; e < digits.size(); ++e)  // what a mask has pruned is 0, also after remove()
          if (digits[e] == '0') dispatch_floating("test", slots.t, [&]<class T>() { values[k].mutable_data<T>()[e] = 0; });
        EXPECT_TRUE(same_bits(slots.all[k]->leaf(), values[k])) << place(n, c, i) << ", tensor " << k;
      }
    }
  }
}

// How many channels along `dim` keep an entry.
std::int64_t living(const std::string& digits, const std::vector<std::int64_t>& shape, int dim) {
  const Shape s(shape);
  const int axis = dim < 0 ? dim + s.rank() : dim;
  std::vector<bool> alive(s[axis]);
  for (std::int64_t i = 0; i < s.numel(); ++i)
    if (digits[i] == '1') alive[i / contiguous_strides(s)[axis] % s[axis]] = true;
  return std::count(alive.begin(), alive.end(), true);
}

TEST_F(InterfaceGolden, ByChanceAsManyAsPyTorchLeaves) {
  EXPECT_GE(golden_counts.size(), 15u);
  for (std::size_t n = 0; n < golden_counts.size(); ++n) {
    const GoldenCase& c = golden_counts[n];
    Slots slots(c);
    for (std::size_t i = 0; i < c.calls.size(); ++i) {
      slots.perform(c.calls[i]);
      std::int64_t got = 0, want = 0;
      for (std::size_t k = 0; k < slots.all.size(); ++k) {
        const std::string ours = slots.digits(static_cast<int>(k)), theirs = c.calls[i].after[k];
        EXPECT_EQ(ours.size(), theirs.size());
        got += std::count(ours.begin(), ours.end(), '1');
        want += std::count(theirs.begin(), theirs.end(), '1');
        if (c.calls[i].call == "random_structured") {
          EXPECT_EQ(living(ours, c.shapes[k], c.calls[i].dim), living(theirs, c.shapes[k], c.calls[i].dim)) << place(n, c, i);
        }
      }
      EXPECT_EQ(got, want) << place(n, c, i);
    }
  }
}

TEST_F(InterfaceGolden, WhatPyTorchRefusesIsRefusedAndChangesNothing) {
  EXPECT_GE(golden_refusals.size(), 60u);
  for (std::size_t n = 0; n < golden_refusals.size(); ++n) {
    const GoldenCase& c = golden_refusals[n];
    Slots slots(c);
    for (std::size_t i = 0; i + 1 < c.calls.size(); ++i) slots.perform(c.calls[i]);
    std::vector<std::string> masks;
    std::vector<Tensor> values;
    for (std::size_t k = 0; k < slots.all.size(); ++k) {
      masks.push_back(slots.digits(static_cast<int>(k)));
      values.push_back(clone(slots.all[k]->leaf()));
    }
    const GoldenCall& last = c.calls.back();
    const std::string who = last.call.starts_with("global") ? "global_unstructured" : last.call + " \"t0\"";
    EXPECT_TRUE(refuses([&] { slots.perform(last); }, {who})) << place(n, c, c.calls.size() - 1) << "; PyTorch says " << c.error;
    for (std::size_t k = 0; k < slots.all.size(); ++k) {
      EXPECT_EQ(slots.digits(static_cast<int>(k)), masks[k]) << place(n, c, c.calls.size() - 1);
      EXPECT_TRUE(same_bits(slots.all[k]->leaf(), values[k])) << place(n, c, c.calls.size() - 1);
    }
  }
}

}  // namespace
}  // namespace bonsai::prune
