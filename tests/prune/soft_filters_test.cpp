// Soft filter pruning beside a training that is pruned by hand: which filters, when, that they train on and come back, what becomes hard, stopping and
// going on, and what it refuses.
#include "prune/schedules/soft_filters.h"

#include <algorithm>
#include <cmath>

#include "prune/scores/fpgm_mix.h"
#include "tests/prune/during_support.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

constexpr std::int64_t steps = 11, every = 4;  // pruned after steps 3, 7 and 10

std::vector<std::vector<double>> filters_of(const Tensor& w) {
  std::vector<std::vector<double>> all(w.size(0));
  for (std::int64_t i = 0; i < w.numel(); ++i) all[i / (w.numel() / w.size(0))].push_back(cast(w, DType::f64).at(i));
  return all;
}
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(total);
}

// Which go, by a plain sort: (score, index), the lowest first, among those that are left.
void remove(std::vector<bool>& stays, const std::vector<double>& scores, int how_many) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (stays[i]) order.emplace_back(scores[i], i);
  std::sort(order.begin(), order.end());
  for (int k = 0; k < how_many; ++k) stays[order[k].second] = false;
}
std::vector<double> norms(const std::vector<std::vector<double>>& filters) {
  std::vector<double> all;
  for (const auto& f : filters) all.push_back(distance(f, std::vector<double>(f.size(), 0)));
  return all;
}
std::vector<double> sums_of_distances(const std::vector<std::vector<double>>& filters, const std::vector<bool>& among) {
  std::vector<double> all;
  for (const auto& f : filters) {
    double total = 0;
    for (std::size_t j = 0; j < filters.size(); ++j) total += among[j] ? distance(f, filters[j]) : 0;
    all.push_back(total);
  }
  return all;
}
int nearest(double x) { return static_cast<int>(std::nearbyint(x)); }

struct Rule {
  const char* name;
  FiltersKept kept;
  std::function<std::vector<bool>(const std::vector<std::vector<double>>& filters)> slow;
};
const Rule rules[] = {
    {"l2", keep_by_l2(0.4),
     [](const std::vector<std::vector<double>>& f) {
       std::vector<bool> stays(f.size(), true);
       remove(stays, norms(f), nearest(0.4 * static_cast<double>(f.size())));
       return stays;
     }},
    {"fpgm", keep_by_fpgm(0.4),
     [](const std::vector<std::vector<double>>& f) {
       std::vector<bool> stays(f.size(), true);
       remove(stays, sums_of_distances(f, stays), nearest(0.4 * static_cast<double>(f.size())));
       return stays;
     }},
    {"mix", keep_by_fpgm_mix(0.6),  // 15% and 45%
     [](const std::vector<std::vector<double>>& f) {
       std::vector<bool> stays(f.size(), true);
       const int all = nearest(0.6 * static_cast<double>(f.size())), small = nearest(0.15 * static_cast<double>(f.size()));
       remove(stays, norms(f), small);
       remove(stays, sums_of_distances(f, stays), all - small);
       return stays;
     }},
};

std::unique_ptr<SoftFilters> soft(nn::Module& net, const FiltersKept& kept) { return std::make_unique<SoftFilters>(prunable(net), kept, every, steps); }

// A twin is trained without it, and its filters are set to 0 by hand: the same bits at every step, with every optimizer, and at the end
// masks on what went last.
TEST(SoftFilters, DoesWhatATrainingPrunedByHandDoes) {
  for (const NamedOptimizer& o : every_optimizer)
    for (const Rule& rule : rules) {
      auto net = three_layers(), twin = three_layers();
      auto optimizer = o.make(net->parameters()), twins = o.make(twin->parameters());
      auto during = soft(*net, rule.kept);
      During nothing;
      std::vector<std::vector<bool>> last;
      int came_back = 0;
      for (std::int64_t t = 0; t < steps; ++t) {
        train_with(*net, *optimizer, *during, t, t + 1, o.rate);
        train_with(*twin, *twins, nothing, t, t + 1, o.rate);
        if (t == 3 || t == 7 || t == 10) {
          last.clear();
          for (nn::Parameter* p : prunable(*twin)) {
            const auto filters = filters_of(p->leaf());
            last.push_back(rule.slow(filters));
            std::vector<double> values;
            for (std::size_t i = 0; i < filters.size(); ++i)
              for (const double v : filters[i]) values.push_back(last.back()[i] ? v : 0);
            p->set(tensor(std::span<const double>(values), p->shape()));
          }
        } else if (t == 6) {
          for (const auto& f : filters_of(prunable(*net)[0]->leaf())) came_back += std::ranges::all_of(f, [](double v) { return v != 0; });
          EXPECT_EQ(came_back, 8) << o.name << " " << rule.name << ": all train on";
        }
        for (std::size_t i = 0; i < net->parameters().size(); ++i) {
          ASSERT_TRUE(same_bits(net->parameters()[i]->leaf(), twin->parameters()[i]->leaf())) << o.name << " " << rule.name << " step " << t << " parameter " << i;
          EXPECT_FALSE(net->parameters()[i]->is_masked());
        }
      }
      EXPECT_TRUE(during->state().empty());
      during->finish();
      for (std::size_t l = 0; l < last.size(); ++l) {
        const nn::Parameter &p = *prunable(*net)[l], &q = *prunable(*twin)[l];
        EXPECT_TRUE(same_bits(p.leaf(), q.leaf())) << "finishing changes no value";
        ASSERT_TRUE(p.is_masked());
        for (std::int64_t i = 0; i < p.numel(); ++i) EXPECT_EQ(p.mask().at(i), last[l][i / (p.numel() / p.shape()[0])]) << o.name << " " << rule.name;
      }
      EXPECT_FALSE(net->parameter("fc1.bias").is_masked());
    }
}

// A filter that was set to 0, and that the loss then wants most, stays at the next choice, and another goes.
TEST(SoftFilters, AFilterComesBackAndAnotherGoes) {
  nn::Parameter w("conv.weight", {4, 2, 1, 1}, DType::f64);
  w.set(tensor({0.1, 0.1, 1.0, 0.0, 0.0, 1.5, 2.0, 2.0}, {4, 2, 1, 1}));
  nn::SGD optimizer({&w});
  SoftFilters during({&w}, keep_by_l2(0.25), 1, 3);
  std::vector<int> gone;
  for (std::int64_t t = 0; t < 3; ++t) {
    const double pull = t == 1 ? -3.0 : 0.0;
    backward(sum(tensor({pull, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, {4, 2, 1, 1}) * w.value()));
    optimizer.step(1);
    during.after_update(t, 1);
    for (int i = 0; i < 4; ++i)
      if (w.leaf().at(2 * i) == 0 && w.leaf().at(2 * i + 1) == 0) gone.push_back(i);
  }
  EXPECT_EQ(gone, (std::vector<int>{0, 1, 1}));
  during.finish();
  EXPECT_EQ(w.mask().to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{1, 1, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(w.leaf().to_vector<double>(), (std::vector<double>{3, 0, 0, 0, 0, 1.5, 2, 2}));
}

TEST(SoftFilters, CanBeTakenUpAnywhere) {
  for (const Rule& rule : rules)
    for (const std::int64_t stop : {1, 3, 4, 5, 8, 10}) expect_resumable({}, [&](nn::Module& net) { return soft(net, rule.kept); }, steps, stop);
}

TEST(SoftFilters, RefusesAndLeavesEverythingAsItWas) {
  auto net = three_layers();
  const auto weights = prunable(*net);
  auto make = [&](std::vector<nn::Parameter*> p, FiltersKept kept, std::int64_t k = 2, std::int64_t n = 5) { return [=] { SoftFilters(p, kept, k, n); }; };
  EXPECT_TRUE(refuses(make({}, keep_by_l2(0.5)), {"no weights"}));
  EXPECT_TRUE(refuses(make(weights, {}), {"which filters stay"}));
  EXPECT_TRUE(refuses(make(weights, keep_by_l2(0.5), 0), {"every 0 of 5"}));
  EXPECT_TRUE(refuses(make(weights, keep_by_l2(0.5), 1, 0), {"every 1 of 0"}));
  EXPECT_TRUE(refuses(make({&net->parameter("fc1.bias")}, keep_by_l2(0.5)), {"\"fc1.bias\"", "(8)"}));
  EXPECT_TRUE(refuses(make({weights[0], weights[0]}, keep_by_l2(0.5)), {"\"fc1.weight\"", "twice"}));
  EXPECT_TRUE(refuses([] { keep_by_l2(1.5); }, {"1.5"}));
  EXPECT_TRUE(refuses([] { keep_by_fpgm(-0.1); }, {"-0.1"}));
  EXPECT_TRUE(refuses([] { keep_by_fpgm_mix(std::nan("")); }, {"nan"}));
  EXPECT_TRUE(refuses(make(weights, keep_by_l2(0.9)), {"\"fc3.weight\"", "3 filters"})) << "2.7 of 3 are all";
  EXPECT_TRUE(refuses(make(weights, [](const Tensor&) { return ones({7}, DType::u8); }), {"\"fc1.weight\"", "8 filters", "u8 (7)"}));
  EXPECT_TRUE(refuses(make(weights, [](const Tensor& w) { return ones({w.size(0)}); }), {"\"fc1.weight\"", "f32 (8)"}));

  SoftFilters early(weights, keep_by_l2(0.5), 2, 5);
  const std::vector<Tensor> before = snapshot(weights);
  auto unchanged = [&](std::size_t from) {
    for (std::size_t k = from; k < weights.size(); ++k)
      if (!same_bits(weights[k]->leaf(), before[k]) || weights[k]->is_masked()) return false;
    return true;
  };
  early.after_update(0, 0.1);
  EXPECT_TRUE(refuses([&] { early.finish(); }, {"before step 4", "5"}));
  EXPECT_TRUE(unchanged(0));
  weights[2]->leaf().mutable_data<double>()[0] = std::nan("");  // the last one: the others must be left alone, too
  EXPECT_TRUE(refuses([&] { early.after_update(1, 0.1); }, {"\"fc3.weight\"", "after step 1"}));
  EXPECT_TRUE(same_bits(weights[0]->leaf(), before[0]) && same_bits(weights[1]->leaf(), before[1]));
  rewind(weights, before);
  weights[1]->set_mask(ones(weights[1]->shape(), DType::u8));
  EXPECT_TRUE(refuses(make(weights, keep_by_l2(0.5)), {"\"fc2.weight\"", "pruned already"}));
}

}  // namespace
}  // namespace bonsai::prune
