// The report on a pruned network, against counting by hand and by the plainest loops.
#include "prune/report.h"

#include "nn/init.h"
#include "nn/networks.h"
#include "prune/registry.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

const ParameterReport& line(const Report& r, const std::string& name) {
  for (const ParameterReport& p : r.parameters)
    if (p.name == name) return p;
  throw std::runtime_error("no line " + name);
}

// A network given as a function of its parameters.
struct Net : nn::Module {
  std::vector<nn::Parameter*> p;
  std::function<Tensor(Net&, const Tensor&)> f;
  Net(std::vector<Shape> shapes, std::function<Tensor(Net&, const Tensor&)> function) : f(std::move(function)) {
    for (std::size_t i = 0; i < shapes.size(); ++i) p.push_back(&add_parameter(fmt::format("p{}", i), shapes[i]));
  }
  Tensor forward(const Tensor& x) override { return f(*this, x); }
  std::string describe() const override { return "a function"; }
};

TEST(Report, LenetDenseAndPrunedByHand) {
  auto net = nn::lenet_300_100();
  nn::initialize(*net, {}, Random(1));
  const Tensor x = Random(2).uniform({3, 1, 28, 28});
  Report r = report(*net, x);
  ASSERT_EQ(r.parameters.size(), 6u);
  EXPECT_EQ(r.all().size, 266610);
  EXPECT_EQ(r.all().kept, 266610);
  EXPECT_EQ(r.weights().size, 266200);
  EXPECT_EQ(r.all().macs, 784 * 300 + 300 * 100 + 100 * 10);  // of one example, though three were given
  EXPECT_EQ(r.compression(), 1);
  EXPECT_EQ(r.speed_up(), 1);
  EXPECT_TRUE(r.warnings.empty());
  EXPECT_EQ(line(r, "fc2.weight").units, 100);
  EXPECT_EQ(line(r, "fc2.weight").dead, 0);
  EXPECT_TRUE(line(r, "fc1.weight").is_weight);
  EXPECT_FALSE(line(r, "fc1.bias").is_weight);
  EXPECT_EQ(line(r, "fc1.bias").macs, 0);

  prune_step(method("magnitude"), {prunable(*net), Random(1)}, {0.9, 0.8, 0.5});
  r = report(*net, x);
  EXPECT_EQ(r.weights().kept, 23520 + 6000 + 500);
  EXPECT_EQ(r.all().kept_macs, 23520 + 6000 + 500);
  EXPECT_DOUBLE_EQ(r.compression(), 266610.0 / (30020 + 410));
  EXPECT_DOUBLE_EQ(r.speed_up(), 266200.0 / 30020);
  EXPECT_DOUBLE_EQ(line(r, "fc2.weight").density(), 0.2);
}

// Random chains with random masks, hard and soft, some weights packed: everything is counted again, the multiply-adds while computing.
TEST(Report, AgreesWithCountingInRandomNetworks) {
  Random random(3);
  for (int trial = 0; trial < 2000; ++trial) {
    SCOPED_TRACE(trial);
    const int layers = 1 + static_cast<int>(random.below(4));
    std::vector<std::int64_t> sizes;
    for (int l = 0; l <= layers; ++l) sizes.push_back(1 + static_cast<std::int64_t>(random.below(9)));
    nn::Sequential net;
    for (int l = 0; l < layers; ++l) {
      net.add<nn::Linear>(fmt::format("fc{}", l), sizes[l], sizes[l + 1], random.below(2) == 0);
      if (l + 1 == layers) break;
      const auto kind = random.below(4);
      if (kind == 0) net.add<nn::ReLU>(fmt::format("f{}", l));
      if (kind == 1) net.add<nn::GELU>(fmt::format("f{}", l));  // composed: its input goes three ways
      if (kind == 2) net.add<nn::Dropout>(fmt::format("f{}", l), 0.5, Random(1));
    }
    std::vector<std::vector<std::uint8_t>> kept;  // of each weight
    for (nn::Parameter* p : net.parameters()) {
      const double share = 0.2 + 0.6 * random.uniform();
      const Tensor hard = mask_of(p->shape(), [&](std::int64_t i) { return i == 0 || random.uniform() < share; });
      const Tensor soft = mask_of(p->shape(), [&](std::int64_t i) { return i == 0 || random.uniform() < 0.9; });
      const auto form = random.below(4);
      if (form & 1) p->set_mask(hard);
      if (form & 2) p->set_soft_mask(soft);
      if (p->shape().rank() < 2) continue;
      kept.emplace_back();
      for (std::int64_t i = 0; i < p->numel(); ++i)
        kept.back().push_back((!(form & 1) || hard.at(i) != 0) && (!(form & 2) || soft.at(i) != 0));
      if (!(form & 2) && random.below(3) == 0) p->pack();  // from there on examples are columns
    }
    const Report r = report(net, ones({2, sizes[0]}));
    std::int64_t all_macs = 0, all_kept = 0;
    for (int l = 0; l < layers; ++l) {
      const ParameterReport& p = line(r, fmt::format("fc{}.weight", l));
      auto keeps = [&](int layer, std::int64_t row, std::int64_t column) { return kept[layer][row * sizes[layer] + column]; };
      std::int64_t macs = 0, without_input = 0, without_output = 0, dead = 0;
      for (std::int64_t u = 0; u < sizes[l + 1]; ++u) {
        bool fed = false, read = l + 1 == layers;
        for (std::int64_t i = 0; i < sizes[l]; ++i) fed |= keeps(l, u, i), macs += keeps(l, u, i);
        for (std::int64_t o = 0; l + 1 < layers && o < sizes[l + 2]; ++o) read |= keeps(l + 1, o, u);
        without_input += !fed;
        without_output += !read;
        dead += !fed || !read;
      }
      EXPECT_EQ(p.size, sizes[l] * sizes[l + 1]);
      EXPECT_EQ(p.kept, macs);
      EXPECT_EQ(p.macs, p.size);
      EXPECT_EQ(p.kept_macs, macs);
      EXPECT_EQ(p.units, sizes[l + 1]);
      EXPECT_EQ(p.without_input, without_input);
      EXPECT_EQ(p.without_output, without_output);
      EXPECT_EQ(p.dead, dead);
      all_macs += p.size;
      all_kept += macs;
      const bool few = macs < sizes[l + 1], mute = l + 1 == layers && without_input > 0;
      std::size_t warned = 0;
      for (const std::string& w : r.warnings) warned += w.find(fmt::format("\"fc{}.weight\"", l)) != std::string::npos;
      EXPECT_EQ(warned, static_cast<std::size_t>(few) + mute);
    }
    EXPECT_DOUBLE_EQ(r.speed_up(), static_cast<double>(all_macs) / static_cast<double>(all_kept));
    for (const std::string& w : r.warnings) EXPECT_EQ(w.find('\n'), std::string::npos);
    EXPECT_TRUE(net.training());  // as it was
  }
}

// One weight used by two layers: it counts once in the size and twice in the work, and a unit that either use reads is alive.
TEST(Report, ASharedWeightIsMultipliedTwice) {
  Net net({{2, 2}}, [](Net& n, const Tensor& x) { return linear(tanh(linear(x, n.p[0]->value())), n.p[0]->value()); });
  net.p[0]->set_mask(
      tensor<std::uint8_t>({1, 0, 1, 0}, {2, 2}));  // nothing reads the second unit of the first use; we read that of the second
  const Report r = report(net, ones({1, 2}));
  EXPECT_EQ(r.all().size, 4);
  EXPECT_EQ(r.all().macs, 8);
  EXPECT_EQ(r.all().kept_macs, 4);
  EXPECT_EQ(r.parameters[0].without_output, 0);
}

// Where a unit goes two ways, it is alive if one of them reads it; what the graph does not show to be unread counts as read.
TEST(Report, AUnitThatIsReadByAnyoneIsAlive) {
  const auto first_column = [](nn::Parameter* p) {
    p->set_mask(mask_of(p->shape(), [&](std::int64_t i) { return i % p->shape()[1] == 0; }));
  };
  auto without_output = [&](std::function<Tensor(Net&, const Tensor&)> after) {
    Net net({{3, 2}, {2, 3}, {2, 3}}, [after](Net& n, const Tensor& x) { return after(n, relu(linear(x, n.p[0]->value()))); });
    for (int i = 1; i < 3; ++i) first_column(net.p[i]);
    net.p[2]->set_mask(mask_of({2, 3}, [](std::int64_t i) { return i % 3 == 1; }));
    return report(net, ones({1, 2})).parameters[0].without_output;
  };
  auto product = [](Net& n, int i, const Tensor& h) { return linear(h, n.p[i]->value()); };
  EXPECT_EQ(without_output([&](Net& n, const Tensor& h) { return product(n, 1, h) + product(n, 2, h); }), 1);  // the third unit
  EXPECT_EQ(without_output([&](Net& n, const Tensor& h) { return concat({product(n, 1, h), product(n, 2, h), h}, 1); }), 0);
  EXPECT_EQ(without_output([&](Net& n, const Tensor& h) { return product(n, 1, softmax(h)) + product(n, 2, h); }), 0);
  EXPECT_EQ(without_output([&](Net& n, const Tensor& h) {
              return product(n, 1, reshape(reshape(h, {3, 1}), {1, 3})) + product(n, 2, h);
            }),
            1);
}

TEST(Report, MatmulOnEitherSideAndProductsOfActivations) {
  // x (1, 3) W (3, 2), then V (5, 4) [y (1, 2) stretched to (4, 2)], then a product of two activations: (5, 2) (2, 5).
  Net net({{3, 2}, {5, 4}, {4, 1}}, [](Net& n, const Tensor& x) {
    const Tensor y = matmul(x, n.p[0]->value()), z = matmul(n.p[1]->value(), matmul(n.p[2]->value(), y));
    return matmul(z, z, {.b = true});
  });
  net.p[0]->set_mask(tensor<std::uint8_t>({1, 0, 1, 0, 1, 1}, {3, 2}));
  net.p[1]->set_mask(mask_of({5, 4}, [](std::int64_t i) { return i < 10; }));
  const Report r = report(net, ones({7, 3}));
  EXPECT_EQ(r.parameters[0].macs, 6);
  EXPECT_EQ(r.parameters[0].kept_macs, 4);
  EXPECT_EQ(r.parameters[1].macs, 5 * 4 * 2);  // each of its weights twice
  EXPECT_EQ(r.parameters[1].kept_macs, 10 * 2);
  EXPECT_EQ(r.parameters[2].macs, 4 * 1 * 2);
  EXPECT_EQ(r.fixed_macs, 5 * 2 * 5);
  EXPECT_EQ(r.all().macs, 6 + 40 + 8 + 50);
  EXPECT_EQ(r.all().kept_macs, 4 + 20 + 8 + 50);
  EXPECT_NE(table(r).find("products without a parameter"), std::string::npos);

  // As linear stores it, (out, in), matmul's rows are units.
  Net stored({{2, 3}}, [](Net& n, const Tensor& x) { return matmul(x, n.p[0]->value(), {.b = true}); });
  stored.p[0]->set_mask(tensor<std::uint8_t>({1, 1, 1, 0, 0, 0}, {2, 3}));
  EXPECT_EQ(report(stored, ones({1, 3})).parameters[0].without_input, 1);
}

TEST(Report, WarnsOfALayerThatIsCloseToCollapse) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 4, 3).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 3, 2);
  auto keep = [&](const char* name, std::initializer_list<std::int64_t> entries) {
    nn::Parameter& p = net->parameter(name);
    p.set_mask(mask_of(p.shape(), [&](std::int64_t i) { return std::find(entries.begin(), entries.end(), i) != entries.end(); }));
  };
  keep("fc1.weight", {0, 4, 8});
  EXPECT_TRUE(report(*net, ones({1, 4})).warnings.empty());  // three weights can serve three units
  keep("fc1.weight", {0, 4});
  auto warnings = report(*net, ones({1, 4})).warnings;
  ASSERT_EQ(warnings.size(), 1u);
  for (const char* part : {"\"fc1.weight\"", "(3, 4)", "2 kept weights for 3 units", "at least 1"})
    EXPECT_NE(warnings[0].find(part), std::string::npos) << warnings[0];
  keep("fc1.weight", {0, 4, 8});
  keep("fc2.weight", {0, 1, 2});  // enough, but all for the first output
  warnings = report(*net, ones({1, 4})).warnings;
  ASSERT_EQ(warnings.size(), 1u);
  for (const char* part : {"\"fc2.weight\"", "1 of the network's 2 outputs"})
    EXPECT_NE(warnings[0].find(part), std::string::npos) << warnings[0];
}

TEST(Report, RefusesWhatItCannotCount) {
  auto net = small_net(DType::f32);
  net->parameter("fc2.weight").set_mask(zeros({3, 5}, DType::u8));
  EXPECT_TRUE(refuses([&] { report(*net, small_inputs(DType::f32)); }, {"\"fc2.weight\"", "(3, 5)", "no weight at all"}));
  net = small_net(DType::f32);
  EXPECT_TRUE(refuses([&] { report(*net, {}); }, {"report", "example"}));
  EXPECT_TRUE(refuses([&] { report(*net, zeros({0, 4})); }, {"report", "example"}));
  EXPECT_TRUE(refuses([&] { report(*net, zeros({2, 5})); }, {"fc1", "(1, 5)", "(5, 4)"}));  // the layer says what does not fit
  EXPECT_TRUE(net->training());
  Net scaled({{1, 4}}, [](Net& n, const Tensor& x) { return x * n.p[0]->value(); });
  EXPECT_TRUE(refuses([&] { report(scaled, ones({1, 4})); }, {"\"p0\"", "(1, 4)", "no product", "linear, matmul"}));
}

TEST(Report, ReadsADeepGraph) {
  Net net({{2, 2}, {2, 2}}, [](Net& n, const Tensor& x) {
    Tensor y = linear(x, n.p[0]->value());
    for (int i = 0; i < 50000; ++i) y = tanh(y);
    return linear(y, n.p[1]->value());
  });
  net.p[1]->set_mask(tensor<std::uint8_t>({1, 0, 1, 0}, {2, 2}));
  EXPECT_EQ(report(net, ones({1, 2})).parameters[0].without_output, 1);
}

TEST(Report, PrintsAnAlignedTable) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 1200, 2).add<nn::Linear>("fc2", 2, 2);
  net.parameter("fc1.weight").set_mask(mask_of({2, 1200}, [](std::int64_t i) { return i < 600; }));
  EXPECT_EQ(table(report(net, ones({1, 1200}))),
            "parameter    kind    shape      kept     of  density   MACs  kept MACs  dead units  of\n"
            "fc1.weight   weight  (2, 1200)   600  2,400   25.00%  2,400        600           1   2\n"
            "fc1.bias     bias    (2)           2      2  100.00%\n"
            "fc2.weight   weight  (2, 2)        4      4  100.00%      4          4           0   2\n"
            "fc2.bias     bias    (2)           2      2  100.00%\n"
            "all weights                      604  2,404   25.12%  2,404        604\n"
            "all                              608  2,408   25.25%  2,404        604\n"
            "compression 3.96 (parameters, biases included, over kept ones; 3.98 over the weights alone)\n"
            "speed-up    3.98 in theory (multiply-adds of one example's forward pass, 2,404 over 604)\n");
}

}  // namespace
}  // namespace bonsai::prune
