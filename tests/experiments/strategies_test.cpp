// lth_mnist's strategies and controls, held against the files that a run leaves: what each training started from, and whose weights its
// mask was chosen by.
#include <cmath>
#include <functional>
#include <sstream>

#include "core/safetensors.h"
#include "datasets/mnist.h"
#include "nn/forms.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "prune/recovery/random_masks.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

constexpr const char* layers[] = {"fc1.weight", "fc2.weight", "fc3.weight"};

struct Row {
  std::string arm;
  int level;
  double density;
  std::int64_t iteration;
  double test_loss;
};

std::vector<Row> rows_of(const std::string& csv) {
  std::vector<Row> rows;
  std::istringstream lines(csv);
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::istringstream cells(line);
    std::vector<std::string> c;
    for (std::string cell; std::getline(cells, cell, ',');) c.push_back(cell);
    rows.push_back({c[1], std::stoi(c[3]), std::stod(c[4]), std::stoll(c[5]), std::stod(c[8])});
  }
  return rows;
}

SafeTensors checkpoint(const fs::path& run, const std::string& name) { return load_safetensors(run / "checkpoints" / (name + ".safetensors")); }

// Prunes by sorting: of the weights that `before` keeps, those with the smallest magnitudes go, until `left` are left.
std::vector<std::uint8_t> largest(const Tensor& trained, const Tensor* before, std::int64_t left) {
  const auto w = trained.data<float>();
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < trained.numel(); ++i)
    if (!before || before->at(i) == 1) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return std::abs(w[i]) < std::abs(w[j]); });
  std::vector<std::uint8_t> mask(w.size(), 0);
  for (std::size_t k = order.size() - left; k < order.size(); ++k) mask[order[k]] = 1;
  return mask;
}

// A network's masks, in the order of its parameters.
std::vector<Tensor> masks_in(const SafeTensors& file) {
  std::vector<Tensor> masks;
  const auto net = nn::lenet_300_100();
  for (nn::Parameter* p : net->parameters()) {
    const Tensor* m = file.find(p->name() + ".mask");
    masks.push_back(m ? *m : Tensor());
  }
  return masks;
}

// The loss on the test set of such a network with the weights set by `fill`, under these masks, in the form that the program chooses.
double test_loss(const std::vector<Tensor>& masks, const datasets::Dataset& test, const std::function<void(nn::Sequential&)>& fill) {
  auto net = nn::lenet_300_100();
  fill(*net);
  const std::vector<nn::Parameter*> parameters = net->parameters();
  for (std::size_t i = 0; i < masks.size(); ++i)
    if (masks[i].defined()) parameters[i]->set_mask(masks[i]);
  nn::choose_forms(*net);
  return nn::evaluate(*net, datasets::as_floats(test), test.labels).loss;
}

void run_with(const std::string& strategy, const fs::path& out) {
  const Outcome o = run({.args = {"--iterations", "60", "--rounds", "2", "--evaluate-every", "60", "--validation", "500", "--rewind", "20", "--strategy",
                                  strategy, "--arms", "ticket,random,reinit", "--reinits", "2", "--out", out}});
  ASSERT_EQ(o.status, 0) << o.err;
}

// The chain that finds the masks: the tickets themselves, or, with continue, trainings of their own from level 1 on.
void check(const fs::path& run, bool goes_on) {
  const datasets::Dataset test = datasets::load_mnist(datasets::data_directory(""), false);
  auto chain = [&](int level) { return fmt::format("trial00-{}0-level{:02}", goes_on && level > 0 ? "continued" : "ticket", level); };
  auto ticket = [&](int level) { return checkpoint(run, fmt::format("trial00-ticket0-level{:02}", level)); };
  auto weights_of = [](const SafeTensors& file) {
    return [&file](nn::Sequential& net) {
      for (nn::Parameter* p : net.parameters()) p->set(file.at(p->name()));
    };
  };
  const Random random = Random(1).derive("trial").derive(0);
  const SafeTensors at_rewind = checkpoint(run, "trial00-ticket0-level00-step20");
  std::map<std::string, Row> first;  // of each arm and level
  for (const Row& r : rows_of(get(run / "results.csv"))) first.try_emplace(fmt::format("{} {}", r.arm, r.level), r);
  EXPECT_EQ(first.contains("continued 1"), goes_on);
  EXPECT_EQ(first.at("ticket 0").iteration, 0);

  const std::int64_t ladder[3][3] = {{235200, 30000, 1000}, {188160, 24000, 900}, {150528, 19200, 810}};
  for (int level : {1, 2}) {
    SCOPED_TRACE(level);
    const SafeTensors trained = checkpoint(run, chain(level - 1)), masks = ticket(level);
    for (int l = 0; l < 3; ++l) {
      const Tensor* before = trained.find(std::string(layers[l]) + ".mask");
      EXPECT_EQ(before != nullptr, level > 1);
      EXPECT_EQ(masks.at(std::string(layers[l]) + ".mask").to_vector<std::uint8_t>(), largest(trained.at(layers[l]), before, ladder[level][l])) << layers[l];
    }
    // A ticket starts from the weights of step 20, its own ones under its mask, to the last digit.
    const Row& start = first.at(fmt::format("ticket {}", level));
    EXPECT_EQ(start.iteration, 20);
    EXPECT_EQ(start.test_loss, test_loss(masks_in(masks), test, weights_of(at_rewind)));
    // Going on is going on: from the weights that the link before ended with, less those that were pruned.
    if (goes_on) {
      const Row& on = first.at(fmt::format("continued {}", level));
      EXPECT_EQ(on.iteration, 0);
      EXPECT_EQ(on.test_loss, test_loss(masks_in(masks), test, weights_of(trained)));
      EXPECT_EQ(on.density, start.density);
    }
    // A random mask keeps as many and starts from the ticket's weights; new weights start from nothing.
    const Row &elsewhere = first.at(fmt::format("random {}", level)), &reinit = first.at(fmt::format("reinit {}", level));
    EXPECT_EQ(elsewhere.iteration, 20);
    EXPECT_EQ(elsewhere.density, start.density);
    const std::vector<Tensor> drawn = prune::random_masks(masks_in(masks), random.derive("random").derive(level).derive(0));
    EXPECT_EQ(elsewhere.test_loss, test_loss(drawn, test, weights_of(at_rewind)));
    EXPECT_EQ(reinit.iteration, 0);
    EXPECT_EQ(reinit.density, start.density);
    EXPECT_EQ(reinit.test_loss, test_loss(masks_in(masks), test, [&](nn::Sequential& net) {
                nn::initialize(net, {nn::Fan::glorot, nn::Distribution::normal}, random.derive("reinit").derive(level).derive(0));
              }));
  }
}

TEST(strategies, reset) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  run_with("reset", at / "a");
  if (!testing::Test::HasFailure()) check(at / "a", false);
}

TEST(strategies, go_on) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  run_with("continue", at / "a");
  if (!testing::Test::HasFailure()) check(at / "a", true);
  for (const char* name : {"accuracy", "density"}) EXPECT_TRUE(fs::exists(at / "a/figures" / (std::string(name) + ".png")));
  EXPECT_NE(get(at / "a/table.txt").find("trained on, never reset"), std::string::npos);
  EXPECT_NE(get(at / "a/table.txt").find("random mask, same weights"), std::string::npos);
}

// The dense network and the first ticket's mask do not depend on the strategy; from then on they differ.
TEST(strategies, share_the_first_round) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  auto lth = [&](const char* strategy, const char* jobs) {
    const fs::path out = at / (std::string(strategy) + jobs);
    const Outcome o = run({.args = small({"--strategy", strategy, "--arms", "ticket,random", "--jobs", jobs, "--out", out})});
    EXPECT_EQ(o.status, 0) << o.err;
    return out;
  };
  const fs::path reset = lth("reset", "1"), on = lth("continue", "1"), on_two = lth("continue", "2");
  expect_same(on_two, on, {"timing.json", "config.json"});
  for (const char* same : {"parts/trial00-ticket0-level00.csv", "parts/trial00-ticket0-level01.csv", "parts/trial00-random0-level02.csv"})
    EXPECT_EQ(get(reset / same), get(on / same)) << same;
  EXPECT_NE(get(reset / "parts/trial00-ticket0-level02.csv"), get(on / "parts/trial00-ticket0-level02.csv"));
}

// A score that looks at the loss of a thousand training examples: other masks than magnitude's, as many weights, the same at any number of jobs.
TEST(lth_mnist, a_criterion_that_asks_for_examples) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const struct {
    const char *folder, *criterion, *jobs;
  } runs[] = {{"taylor", "taylor", "1"}, {"again", "taylor", "2"}, {"magnitude", "magnitude", "2"}, {"global", "magnitude-global", "2"}};
  for (const auto& r : runs)
    ASSERT_EQ(run({.args = small({"--criterion", r.criterion, "--jobs", r.jobs, "--arms", "ticket", "--out", at / r.folder})}).status, 0) << r.folder;
  auto results = [&](const char* folder) { return get(fs::path(at / folder) / "results.csv"); };
  EXPECT_EQ(results("taylor"), results("again"));
  EXPECT_NE(results("taylor"), results("magnitude"));
  EXPECT_EQ(results("global"), results("magnitude"));  // a ticket is pruned layer by layer, whatever the criterion's own scope
  const std::string rows = results("taylor");
  EXPECT_NE(rows.find(",ticket,0,2,0.640"), std::string::npos) << rows.substr(0, 200);  // 64.06%: two rounds
}

}  // namespace
}  // namespace bonsai::test
