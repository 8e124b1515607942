// The choice of forms: by the committed table or a given density, of hard-masked weights whose layer knows patterns, and of no others.
#include "nn/forms.h"

#include <cmath>
#include <map>

#include "nn/layers.h"
#include "nn/networks.h"
#include "tests/nn/support.h"
#include "tests/refuses.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

// Keeps the first so many entries.
Tensor keeping(const Shape& shape, std::int64_t n) { return mask_of(shape, [n](std::int64_t i) { return i < n; }); }

std::map<std::string, Form> forms_of(const std::vector<ChosenForm>& chosen) {
  std::map<std::string, Form> m;
  for (const ChosenForm& c : chosen) m[c.parameter] = c.form;
  return m;
}

// A layer that computes with dense weights only.
struct Scale : Module {
  Parameter& weight;
  Scale() : weight(add_parameter("weight", {4, 5})) {}
  Tensor forward(const Tensor& x) override { return matmul(x, weight.value()); }
  std::string describe() const override { return "Scale"; }
};

TEST(Forms, TheTableRisesFromZeroAndHoldsDensities) {
  const auto table = packing_table();
  ASSERT_FALSE(table.empty());
  EXPECT_EQ(table[0].entries, 0);
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_TRUE(table[i].threshold >= 0 && table[i].threshold <= 1) << i;
    if (i > 0) { EXPECT_GT(table[i].entries, table[i - 1].entries); }
  }
}

TEST(Forms, AShapeTakesTheThresholdOfItsRow) {
  const auto table = packing_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(packing_threshold({table[i].entries, 1}), table[i].threshold);
    if (i > 0) { EXPECT_EQ(packing_threshold({1, table[i].entries - 1}), table[i - 1].threshold); }
  }
  EXPECT_EQ(packing_threshold({1 << 20, 1 << 20}), table.back().threshold);
  EXPECT_EQ(packing_threshold({100, 30, 10}), packing_threshold({100, 300}));
  EXPECT_EQ(packing_threshold({16, 3, 3, 3}), packing_threshold({512, 512, 3, 3}));
  EXPECT_LT(packing_threshold({16, 3, 3, 3}), packing_threshold({16, 27}));
  EXPECT_EQ(packing_threshold({300}), 0);
  EXPECT_EQ(packing_threshold({}), 0);
}

// One kept entry fewer than threshold · entries packs; as many as that do not.
TEST(Forms, PacksBelowTheTablesThresholdAndNotAtIt) {
  auto net = lenet_300_100();
  for (Parameter* p : net->parameters()) {
    if (p->shape().rank() < 2) continue;
    const auto edge = static_cast<std::int64_t>(std::ceil(packing_threshold(p->shape()) * static_cast<double>(p->numel()) - 1e-9));
    p->set_mask(keeping(p->shape(), edge));
    const auto at = forms_of(choose_forms(*net));
    EXPECT_EQ(at.at(p->name()), Form::masked) << p->name();
    p->set_mask(keeping(p->shape(), edge - 1));
    const std::vector<ChosenForm> below = choose_forms(*net);
    EXPECT_EQ(forms_of(below).at(p->name()), Form::packed) << p->name();
    EXPECT_TRUE(p->is_packed());
    for (const ChosenForm& c : below)
      if (c.parameter == p->name()) {
        EXPECT_EQ(c.density, static_cast<double>(edge - 1) / static_cast<double>(p->numel()));
        EXPECT_EQ(c.threshold, packing_threshold(p->shape()));
      }
  }
}

TEST(Forms, AGivenDensityStandsForTheWholeTable) {
  auto masked_net = [] {
    auto net = lenet_300_100();
    for (Parameter* p : net->parameters())
      if (p->shape().rank() == 2) p->set_mask(keeping(p->shape(), p->name() == "fc3.weight" ? p->numel() : p->numel() / 2));
    return net;
  };
  const auto none = masked_net(), half = masked_net(), more = masked_net(), all = masked_net();
  using Map = std::map<std::string, Form>;
  const Map stay{{"fc1.weight", Form::masked}, {"fc2.weight", Form::masked}, {"fc3.weight", Form::masked}};
  const Map pruned{{"fc1.weight", Form::packed}, {"fc2.weight", Form::packed}, {"fc3.weight", Form::masked}};  // fc3's mask prunes nothing
  EXPECT_EQ(forms_of(choose_forms(*none, 0)), stay);
  EXPECT_EQ(forms_of(choose_forms(*half, 0.5)), stay);
  EXPECT_EQ(forms_of(choose_forms(*more, 0.51)), pruned);
  EXPECT_EQ(forms_of(choose_forms(*all, 1)), pruned);
  EXPECT_EQ(forms_of(choose_forms(*all, 0)), pruned) << "none is unpacked";
  auto empty = lenet_300_100();
  empty->parameter("fc2.weight").set_mask(zeros({100, 300}, DType::u8));
  EXPECT_EQ(forms_of(choose_forms(*empty, 0)).at("fc2.weight"), Form::masked) << "0 packs none, not even an empty one";
}

TEST(Forms, LeavesWhatCannotBePackedAlone) {
  Sequential net;
  net.add<Linear>("dense", 3, 4).add<Linear>("hard", 4, 4).add<Linear>("soft", 4, 4).add<Linear>("both", 4, 4).add<Scale>("other");
  const Tensor mask = keeping({4, 4}, 2);
  net.parameter("hard.weight").set_mask(mask);
  net.parameter("hard.bias").set_mask(keeping({4}, 1));
  net.parameter("soft.weight").set_soft_mask(mask);
  net.parameter("both.weight").set_mask(mask);
  net.parameter("both.weight").set_soft_mask(mask);
  net.parameter("other.weight").set_mask(keeping({4, 5}, 2));
  const std::map<std::string, Form> want{{"dense.weight", Form::dense},         {"hard.weight", Form::packed}, {"soft.weight", Form::softly_masked},
                                         {"both.weight", Form::softly_masked}, {"other.weight", Form::masked}};
  EXPECT_EQ(forms_of(choose_forms(net, 1)), want);
  EXPECT_TRUE(net.parameter("hard.bias").is_masked());
  net(ones({2, 3}));  // and it still computes
}

TEST(Forms, RefusesWhatIsNoDensity) {
  auto net = lenet_300_100();
  for (const double bad : {-0.1, 1.5, std::nan("")}) EXPECT_TRUE(refuses([&] { choose_forms(*net, bad); }, {"choose_forms", "between 0 and 1"}));
}

TEST(Forms, TwoOfEveryFourIsPackedWhateverTheTableSays) {
  Linear large(1000, 1000);
  large.weight().set_mask(mask_of({1000, 1000}, [](std::int64_t i) { return i % 4 % 3 == 0; }));
  ASSERT_FALSE(large.weight().density() < packing_threshold({1000, 1000}));
  EXPECT_EQ(choose_forms(large, 0.0)[0].form, Form::masked);  // a threshold that was asked for is kept to
  EXPECT_EQ(choose_forms(large)[0].form, Form::packed);
  EXPECT_TRUE(large.weight().pattern()->two_of_four());
  Linear half(1000, 1000);
  half.weight().set_mask(mask_of({1000, 1000}, [](std::int64_t i) { return i % 8 < 4; }));
  EXPECT_EQ(choose_forms(half)[0].form, Form::masked);
}

}  // namespace
}  // namespace bonsai::nn
