// The mask interface where PyTorch gives no answer to compare with: ties, what is not a number, warnings, and that a refused call leaves
// everything as it was. Long sequences of calls go against a slow oracle on small whole numbers, where every count and norm is exact.
#include "prune/interface.h"

#include <algorithm>
#include <limits>

#include "nn/layers.h"
#include "prune/warning.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Mask = std::vector<std::uint8_t>;
constexpr double infinity = std::numeric_limits<double>::infinity();

static_assert(std::is_constructible_v<Amount, double> && std::is_constructible_v<Amount, int> && std::is_constructible_v<Amount, std::size_t>);
static_assert(!std::is_constructible_v<Amount, float> && !std::is_constructible_v<Amount, bool>);

nn::Parameter slot(const Tensor& values, const char* name = "fc1.weight") {
  nn::Parameter p(name, values.shape(), values.dtype());
  p.set(values);
  return p;
}
Mask mask(const nn::Parameter& p) { return p.mask().to_vector<std::uint8_t>(); }

// What warnings say while this object lives.
struct Heard {
  std::vector<std::string> lines;
  WarningSink before = set_warning_sink([this](const std::string& line) { lines.push_back(line); });
  ~Heard() { set_warning_sink(before); }
};

// f is refused with `parts` in its message, and p is as it was, to the last bit.
::testing::AssertionResult refused(nn::Parameter& p, const std::function<void()>& f, const std::vector<std::string>& parts) {
  const Tensor values = clone(p.leaf()), before = p.is_masked() ? clone(p.mask()) : Tensor();
  if (auto result = refuses(f, parts); !result) return result;
  if (!same_bits(p.leaf(), values)) return ::testing::AssertionFailure() << "the weights have changed";
  if (p.is_masked() != before.defined()) return ::testing::AssertionFailure() << "the mask has come or gone";
  return before.defined() ? same_bits(p.mask(), before) : ::testing::AssertionSuccess();
}

TEST(Interface, TiesGoLowestIndexFirst) {
  Heard heard;
  nn::Parameter p = slot(tensor({2.f, -1.f, 1.f, -2.f, 1.f}));
  l1_unstructured(p, 2);
  EXPECT_EQ(mask(p), (Mask{1, 0, 0, 1, 1}));
  nn::Parameter rows = slot(tensor({3.f, 4.f, 1.f, 9.f, 0.f, 5.f, -4.f, 3.f}, {4, 2}));  // 2-norms 5, 9.06, 5, 5
  ln_structured(rows, 2, 2, 0);
  EXPECT_EQ(mask(rows), (Mask{0, 0, 1, 1, 0, 0, 1, 1}));
  nn::Parameter a = slot(ones({2}), "a"), b = slot(ones({2}), "b");
  global_unstructured({&b, &a}, 3);  // in the order given
  EXPECT_EQ(mask(a), (Mask{0, 1}));
  EXPECT_EQ(mask(b), (Mask{0, 0}));
}

TEST(Interface, WholeNumbersCountAndFractionsMeasure) {
  Heard heard;
  nn::Parameter p = slot(ones({10})), q = slot(ones({10}));
  l1_unstructured(p, 1);
  l1_unstructured(q, 1.0);
  EXPECT_EQ(p.kept(), 9);
  EXPECT_EQ(q.kept(), 0);
  l1_unstructured(p, 0.5);  // 4.5 of the 9 that remain: 4
  EXPECT_EQ(p.kept(), 5);
  EXPECT_TRUE(refused(p, [&] { l1_unstructured(p, 90.0); }, {"l1_unstructured \"fc1.weight\"", "90", "did you mean 0.9?"}));
  EXPECT_TRUE(refused(p, [&] { l1_unstructured(p, 90); }, {"l1_unstructured \"fc1.weight\"", "90 of the 5 entries that remain"}));
  EXPECT_TRUE(refused(p, [&] { l1_unstructured(p, std::size_t{3} - std::size_t{5}); }, {"cannot remove -2 entries"}));
  nn::Parameter rows = slot(ones({4, 3}));
  ln_structured(rows, 1, 2, 0);
  EXPECT_TRUE(refused(rows, [&] { ln_structured(rows, 4, 2, -2); }, {"ln_structured \"fc1.weight\"", "4 of the 3 channels of axis 0"}));
  EXPECT_TRUE(refused(rows, [&] { random_structured(rows, 1, 2, Random(1)); }, {"random_structured \"fc1.weight\"", "2 axes"}));
  EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, 2, 0); }, {"ln_structured \"fc1.weight\"", "(10) has no channels"}));
}

TEST(Interface, ANaNIsRefusedByTensorAndIndexAndAnInfinityIsTheLargest) {
  for (const DType t : {DType::f32, DType::f64}) {
    nn::Parameter p = slot(cast(tensor({1.0, infinity, -2.0, std::nan(""), -infinity, 0.5}, {3, 2}), t)), good = slot(ones({3}, t), "good");
    EXPECT_TRUE(refused(p, [&] { l1_unstructured(p, 1); }, {"\"fc1.weight\"", "index 3", "NaN"}));
    EXPECT_TRUE(refused(good, [&] { global_unstructured({&good, &p}, 1); }, {"\"fc1.weight\"", "index 3", "NaN"}));
    for (const double n : {0.0, 1.0, 2.0, 0.5, 3.0, -1.0, infinity, -infinity}) {
      EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, n, 0); }, {"\"fc1.weight: channels of axis 0\"", "index 1", "NaN"})) << n;
      EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, n, 1); }, {"\"fc1.weight: channels of axis 1\"", "index 1", "NaN"})) << n;
    }
    custom_from_mask(p, tensor({1.f, 1.f, 1.f, 0.f, 1.f, 1.f}, {3, 2}));  // where it is pruned, nobody looks
    nn::Parameter rows = slot(cast(tensor({infinity, 0.0, 3.0, 4.0, -1.0, infinity}, {3, 2}), t));
    l1_unstructured(p, 3);
    EXPECT_EQ(mask(p), (Mask{0, 1, 0, 0, 1, 0}));
    ln_structured(rows, 1, 2, 0);
    EXPECT_EQ(mask(rows), (Mask{1, 1, 0, 0, 1, 1}));
    ln_structured(rows, 1, -infinity, 0);
    EXPECT_EQ(mask(rows), (Mask{0, 0, 0, 0, 1, 1}));
    const Tensor importance = cast(tensor({1.0, 2.0, std::nan(""), 1.0, 5.0, 1.0}, {3, 2}), t);
    EXPECT_TRUE(refused(good, [&] { global_unstructured({&good, &p}, 1, {{}, cast(tensor({1.0, std::nan(""), 1.0, 1.0, 1.0, 1.0}, {3, 2}), t)}); },
                        {"\"fc1.weight\"", "index 1", "NaN"}));
    nn::Parameter dense = slot(ones({3, 2}, t));
    EXPECT_TRUE(refused(dense, [&] { ln_structured(dense, 1, 2, 0, importance); }, {"index 1", "NaN"}));
  }
}

// Where PyTorch lets through what cannot be meant.
TEST(Interface, RefusesWhatCannotBeMeant) {
  nn::Parameter p = slot(ones({2, 3})), q = slot(ones({2}), "fc2.weight");
  const Tensor i64 = cast(ones({2, 3}), DType::i64);
  EXPECT_TRUE(refused(p, [&] { custom_from_mask(p, full({2, 3}, 0.5)); }, {"\"fc1.weight\"", "0.5 at index 0"}));
  EXPECT_TRUE(refused(p, [&] { custom_from_mask(p, full({2, 3}, std::nan(""))); }, {"\"fc1.weight\"", "nan at index 0"}));
  EXPECT_TRUE(refused(p, [&] { custom_from_mask(p, ones({3, 2})); }, {"\"fc1.weight\"", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refused(p, [&] { l1_unstructured(p, 1, i64); }, {"\"fc1.weight\"", "i64"}));
  EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, std::nan(""), 0); }, {"\"fc1.weight\"", "n is NaN"}));
  EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, 1e-4, 0); }, {"0.0001", "range"}));
  EXPECT_TRUE(refused(p, [&] { ln_structured(p, 1, -1e-4, 0); }, {"-0.0001", "range"}));
  EXPECT_TRUE(refused(p, [&] { global_unstructured({&q, &p, &q}, 1); }, {"\"fc2.weight\"", "twice"}));
  EXPECT_TRUE(refused(p, [&] { global_unstructured({&p, &p}, 1, Random(1)); }, {"\"fc1.weight\"", "twice"}));
  EXPECT_TRUE(refused(p, [&] { global_unstructured({&q, &p}, 1, {ones({2})}); }, {"1 tensors", "2 parameters"}));
  EXPECT_TRUE(refused(p, [&] { global_unstructured({&q, &p}, 1, {{}, ones({6})}); }, {"\"fc1.weight\"", "(6)", "(2, 3)"}));
  EXPECT_FALSE(is_pruned(q));
  identity(q);  // and a tensor of one axis has no channels the second time either
  EXPECT_TRUE(refused(q, [&] { ln_structured(q, 1, 2, 0); }, {"\"fc2.weight\"", "no channels"}));
}

TEST(Interface, AnEmptiedTensorIsNamedInAWarning) {
  Heard heard;
  nn::Parameter a = slot(full({2, 3}, 0.1f), "a"), b = slot(ones({4}), "b"), c = slot(ones({2, 2}), "c"), none = slot(ones({0, 3}), "none");
  l1_unstructured(a, 5);
  custom_from_mask(b, ones({4}, DType::u8));
  identity(none);
  l1_unstructured(none, 0.5);
  EXPECT_TRUE(heard.lines.empty());
  global_unstructured({&b, &a}, 0.1);  // 0.5 of 5 entries, to even: none
  EXPECT_TRUE(heard.lines.empty());
  global_unstructured({&b, &a}, 1);
  ln_structured(c, 1.0, 2, 1);
  custom_from_mask(b, zeros({4}));
  l1_unstructured(a, 0.5);  // there was nothing left before
  EXPECT_EQ(heard.lines, (std::vector<std::string>{"warning: global_unstructured \"a\" (2, 3) leaves no weight at all",
                                                   "warning: ln_structured \"c\" (2, 2) leaves no weight at all",
                                                   "warning: custom_from_mask \"b\" (4) leaves no weight at all"}));
  for (const nn::Parameter* p : {&a, &b, &c}) EXPECT_EQ(p->kept(), 0);
}

TEST(Interface, AWarningThatThrowsRefusesTheWholeCall) {
  nn::Parameter a = slot(ones({3}), "a"), b = slot(full({3}, 0.5), "b");
  const WarningSink before = set_warning_sink([](const std::string& line) { fail("{}", line); });
  EXPECT_TRUE(refused(a, [&] { l1_unstructured(a, 1.0); }, {"\"a\""}));
  EXPECT_TRUE(refused(a, [&] { global_unstructured({&a, &b}, 4); }, {"\"b\""}));
  EXPECT_FALSE(is_pruned(b));
  set_warning_sink(before);
}

TEST(Interface, WarningsGoToStderrOnOneLine) {
  const WarningSink before = set_warning_sink({});
  nn::Parameter p = slot(ones({3}));
  ::testing::internal::CaptureStderr();
  l1_unstructured(p, 3);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "warning: l1_unstructured \"fc1.weight\" (3) leaves no weight at all\n");
  set_warning_sink(before);
}

TEST(Interface, ACustomMaskMayBeOfAnyType) {
  for (const DType t : {DType::f32, DType::f64, DType::i64, DType::u8}) {
    nn::Parameter p = slot(ones({4}));
    custom_from_mask(p, cast(tensor({1.0, 0.0, 1.0, 1.0}), t));
    custom_from_mask(p, cast(tensor({1.0, 1.0, 0.0, 1.0}), t));
    EXPECT_EQ(mask(p), (Mask{1, 0, 0, 1})) << name(t);
  }
}

TEST(Interface, MasksAreHardUntilTheyAreRemoved) {
  nn::Parameter p = slot(tensor({1.0, 2.0, 3.0}));
  backward(sum(p.value() * p.value()));
  l1_unstructured(p, 2);
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{0, 0, 6}));
  p.set(tensor({7.0, 8.0, 9.0}));
  EXPECT_EQ(p.leaf().to_vector<double>(), (std::vector<double>{0, 0, 9}));
  remove(p);
  EXPECT_EQ(p.leaf().to_vector<double>(), (std::vector<double>{0, 0, 9}));
  p.leaf().clear_grad();
  backward(sum(p.value() * 2.0));
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{2, 2, 2}));  // the zeros learn again
  EXPECT_TRUE(refused(p, [&] { remove(p); }, {"remove \"fc1.weight\"", "not pruned"}));
}

TEST(Interface, ASoftMaskGoesItsOwnWay) {
  Heard heard;
  nn::Parameter p = slot(tensor({4.f, 3.f, 2.f, 1.f}, {2, 2}));
  p.set_soft_mask(tensor<std::uint8_t>({0, 0, 0, 1}, {2, 2}));
  EXPECT_FALSE(is_pruned(p));
  l1_unstructured(p, 0.5);  // of four
  EXPECT_EQ(mask(p), (Mask{1, 1, 0, 0}));
  EXPECT_EQ(p.soft_mask().to_vector<std::uint8_t>(), (Mask{0, 0, 0, 1}));
  EXPECT_TRUE(heard.lines.empty());  // the hard mask has left something
}

TEST(Interface, ANetworkIsPrunedWhenAnyParameterHasAMask) {
  auto net = small_net();
  EXPECT_FALSE(is_pruned(*net));
  identity(net->parameter("fc2.bias"));
  EXPECT_TRUE(is_pruned(*net));
  EXPECT_EQ(net->parameter("fc2.bias").kept(), 3);
  remove(net->parameter("fc2.bias"));
  EXPECT_FALSE(is_pruned(*net));
}

TEST(Interface, ImportanceTakesThePlaceOfTheWeights) {
  nn::Parameter p = slot(tensor({1.f, 2.f, 3.f, 4.f}), "p"), q = slot(tensor({0.5, 2.5}), "q");
  l1_unstructured(p, 1, tensor({5.0, -1.0, 2.0, -3.0}));  // its size counts, as in PyTorch; f64 for an f32 parameter
  EXPECT_EQ(mask(p), (Mask{1, 0, 1, 1}));
  global_unstructured({&p, &q}, 2);  // f32 and f64 together: 0.5, 1
  EXPECT_EQ(mask(p), (Mask{0, 0, 1, 1}));
  EXPECT_EQ(mask(q), (Mask{0, 1}));
  Tensor learned = tensor({1.f, 1.f, 9.f, 8.f});
  learned.requires_grad(true);
  l1_unstructured(p, 1, learned);
  EXPECT_EQ(mask(p), (Mask{0, 0, 1, 0}));
}

TEST(Interface, ChanceIsReproducibleBelongsToANameAndIsFair) {
  auto masks = [](std::uint64_t seed, const char* name) {
    nn::Parameter p = slot(ones({6, 8}), name), rows = slot(ones({64, 2}), name), both = slot(ones({6, 8}), name), other = slot(ones({5}), "other");
    random_unstructured(p, 0.5, Random(seed));
    random_structured(rows, 0.5, 0, Random(seed));
    global_unstructured({&other, &both}, 0.5, Random(seed));
    return std::array{mask(p), mask(rows), mask(both)};
  };
  const auto first = masks(1, "a"), again = masks(1, "a"), seed = masks(2, "a"), name = masks(1, "b");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(again[i], first[i]);
    EXPECT_NE(seed[i], first[i]);
    EXPECT_NE(name[i], first[i]);
  }
  int entries[8] = {}, rows[8] = {};  // 3 of 8 go: each 1500 times of 4000, give or take 31
  for (std::uint64_t s = 0; s < 4000; ++s) {
    nn::Parameter p = slot(ones({8})), q = slot(ones({8, 2}));
    random_unstructured(p, 3, Random(s));
    random_structured(q, 3, 0, Random(s));
    for (int i = 0; i < 8; ++i) entries[i] += !mask(p)[i], rows[i] += !mask(q)[2 * i];
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_NEAR(entries[i], 1500, 155);
    EXPECT_NEAR(rows[i], 1500, 155);
  }
}

}  // namespace
}  // namespace bonsai::prune
