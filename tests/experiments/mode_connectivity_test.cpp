// mode_connectivity from its command line to its files, on the real MNIST: that the copies are copies, that the lines lie between them, and
// that the summary says what the lines say.
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/ops.h"
#include "core/safetensors.h"
#include "datasets/batches.h"
#include "datasets/cifar10.h"
#include "datasets/mnist.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;
using Cells = std::vector<std::string>;

std::vector<Cells> rows_of(const std::string& csv) {
  std::vector<Cells> rows;
  std::istringstream lines(csv);
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

// 60 iterations, copies at 0 and 30, two rounds, of which the second is compared: 11 trainings and 5 lines.
Outcome start(const fs::path& out, std::vector<std::string> more = {}, double kill_after = 0) {
  std::vector<std::string> args{"--iterations", "60", "--orders", "2",  "--copy-at", "0,0.5", "--rounds", "2", "--every", "2", "--points", "4",
                                "--rewind",     "30", "--validation", "500", "--evaluate-every", "60", "--checkpoint-every", "20", "--out", out.string()};
  args.insert(args.end(), more.begin(), more.end());
  return run({.args = args, .kill_after = kill_after, .program = "mode_connectivity"});
}

SafeTensors trained(const fs::path& run, const std::string& id) { return load_safetensors(run / "checkpoints" / ("trial00-" + id + ".safetensors")); }

TEST(mode_connectivity, copies_lines_and_summary) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const fs::path a = at / "a";
  const Outcome o = start(a);
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_TRUE(o.out.starts_with("mode_connectivity: 11 trainings of 60 iterations on mnist and 5 lines")) << o.out;
  EXPECT_NE(o.out.find(get(a / "table.txt")), std::string::npos);
  EXPECT_NE(o.out.find("Next: ./bonsai run mode_connectivity"), std::string::npos);
  EXPECT_NE(o.err.find("dense, copied at step 30, order 1: test accuracy"), std::string::npos) << o.err;

  // Copies start alike and end apart.
  std::map<std::string, std::vector<Cells>> trainings;
  for (const Cells& r : rows_of(get(a / "results.csv"))) trainings[r[1] + r[2] + " " + r[3]].push_back(r);
  EXPECT_EQ(trainings.size(), 11u);
  const std::pair<const char*, const char*> start_at[] = {{"k0-dense", "0"}, {"k30-dense", "30"}, {"ticket", "30"}, {"reinit", "0"}, {"random", "30"}};
  for (auto [arm, iteration] : start_at) {
    SCOPED_TRACE(arm);
    const std::string level = std::string(arm).ends_with("dense") ? " 0" : " 2";
    const auto &one = trainings.at(arm + std::string("0") + level), &two = trainings.at(arm + std::string("1") + level);
    EXPECT_EQ(one[0][5], iteration);
    for (int column = 4; column < 10; ++column) EXPECT_EQ(one[0][column], two[0][column]);
    EXPECT_NE(one.back()[8], two.back()[8]);
  }
  EXPECT_TRUE(trainings.contains("ticket0 1") && !trainings.contains("ticket1 1"));

  // Masks: both copies of a network have one; the reinitialised has the ticket's, the random one another with as many weights in every layer.
  for (const char* layer : {"fc1.weight.mask", "fc2.weight.mask", "fc3.weight.mask"}) {
    auto mask = [&](const std::string& id) { return trained(a, id + "-level02").at(layer).to_vector<std::uint8_t>(); };
    const auto ticket = mask("ticket0"), random = mask("random0");
    EXPECT_EQ(mask("ticket1"), ticket);
    EXPECT_EQ(mask("reinit0"), ticket);
    EXPECT_EQ(mask("random1"), random);
    EXPECT_NE(random, ticket);
    EXPECT_EQ(std::count(random.begin(), random.end(), 1), std::count(ticket.begin(), ticket.end(), 1));
  }

  // Every point of two lines again, from the checkpoints.
  const datasets::Dataset test = datasets::load_mnist(datasets::data_directory(""), false);
  const Tensor images = datasets::as_floats(test);
  const auto points = rows_of(get(a / "lines.csv"));
  ASSERT_EQ(points.size(), 20u);
  auto net = nn::lenet_300_100();
  for (auto [arm, id, level] : {std::array{"dense", "k0-dense", "00"}, std::array{"ticket", "ticket", "02"}}) {
    const SafeTensors from = trained(a, fmt::format("{}0-level{}", id, level)), to = trained(a, fmt::format("{}1-level{}", id, level));
    int seen = 0;
    for (const Cells& r : points) {
      if (r[1] != arm || (arm == std::string("dense") && r[2] != "0")) continue;
      const double alpha = seen++ / 3.0;
      EXPECT_EQ(std::stod(r[7]), alpha);
      for (nn::Parameter* p : net->parameters()) {
        Tensor w = clone(from.at(p->name()));
        const Tensor end = to.at(p->name());
        auto values = w.mutable_data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(1 - alpha) * values[i] + static_cast<float>(alpha) * end.data<float>()[i];
        p->set(w);
      }
      EXPECT_NEAR(std::stod(r[8]), 100 - nn::evaluate(*net, images, test.labels).accuracy, 0.02) << "two images may lie on the edge";
    }
    EXPECT_EQ(seen, 4);
  }

  // The summary, from the lines.
  const json summary = json::parse(get(a / "summary.json"));
  auto check = [&](const json& said, const std::string& arm, const std::string& step) {
    std::vector<double> e;
    for (const Cells& r : points)
      if (r[1] == arm && r[2] == step) e.push_back(std::stod(r[8]));
    ASSERT_EQ(e.size(), 4u);
    const double ends = (e[0] + e[3]) / 2, highest = *std::max_element(e.begin(), e.end());
    EXPECT_NEAR(said["error_ends"].get<double>(), ends, 1e-9);
    EXPECT_NEAR(said["error_sup"].get<double>(), highest, 1e-9);
    EXPECT_NEAR(said["instability"].get<double>(), highest - ends, 1e-9);
    EXPECT_GE(highest - ends, 0);
  };
  for (const char* step : {"0", "30"}) check(summary["dense"][step], "dense", step);
  EXPECT_EQ(summary["tickets"].size(), 1u);
  for (const char* arm : {"ticket", "reinit", "random"}) check(summary["tickets"]["0.6406"][arm], arm, "30");
  EXPECT_EQ(summary["paper"]["dense_lenet_is_stable_from_step"], 0);
  for (const char* name : {"line", "instability"}) EXPECT_TRUE(get(a / "figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
}

TEST(mode_connectivity, same_bytes_with_any_jobs_and_after_kills) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome one = start(at / "reference", {"--jobs", "1"});
  ASSERT_EQ(one.status, 0) << one.err;
  ASSERT_EQ(start(at / "two", {"--jobs", "2"}).status, 0);
  expect_same(at / "two", at / "reference", {"timing.json", "config.json"});
  for (double part : {0.4, 0.6, 0.8}) {
    if (sanitized && part != 0.6) continue;
    const Outcome killed = start(at / "killed", {"--jobs", "1", "--resume"}, part * one.seconds);
    ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
  }
  ASSERT_EQ(start(at / "killed", {"--jobs", "1", "--resume"}).status, 0);
  expect_same(at / "killed", at / "reference");
  // A line that is damaged is not believed, and one that is missing is measured again.
  const fs::path line = at / "killed/parts/trial00-ticket0-level02-lines.csv";
  const std::string rows = get(line);
  fs::remove(at / "killed/summary.json");
  put(line, rows.substr(0, rows.size() - 3));
  expect_refused(start(at / "killed", {"--jobs", "1", "--resume"}), "level02-lines.csv: cannot be taken over (its rows are damaged)", "mode_connectivity");
  fs::remove(line);
  ASSERT_EQ(start(at / "killed", {"--jobs", "1", "--resume"}).status, 0);
  expect_same(at / "killed", at / "reference");
}

// ResNet-20: its BatchNorms get their statistics anew at every place of a line, here computed again; shortcuts and the output layer stay whole.
TEST(mode_connectivity, resnet20) {
  if (!fs::exists(datasets::data_directory("") / "cifar-10/test_batch.bin")) GTEST_SKIP() << "CIFAR-10 is not there; ./bonsai data cifar-10 fetches it";
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  auto start = [&](const std::string& out, const char* jobs, const char* statistics) {
    return run({.args = {"--net", "resnet20", "--quick", "--iterations", "4", "--copy-at", "0", "--batch", "8", "--validation", "20", "--test", "100", "--statistics", statistics,
                         "--jobs", jobs, "--out", at / out},
                .program = "mode_connectivity"});
  };
  const Outcome o = start("a", "1", "10");
  ASSERT_EQ(o.status, 0) << o.err;
  ASSERT_EQ(start("b", "2", "1").status, 0);
  EXPECT_EQ(get(at / "b/results.csv"), get(at / "a/results.csv"));
  EXPECT_NE(get(at / "b/lines.csv"), get(at / "a/lines.csv"));
  EXPECT_NE(get(at / "a/report.html").find("Linear mode connectivity: ResNet-20 on cifar-10"), std::string::npos);

  const SafeTensors ticket = trained(at / "a", "ticket0-level01");
  std::int64_t kept = 0, all = 0;
  for (const NamedTensor& t : ticket.tensors) {
    if (!t.name.ends_with(".mask")) continue;
    EXPECT_EQ(t.name.find("shortcut"), std::string::npos) << t.name;
    EXPECT_FALSE(t.name.starts_with("fc")) << t.name;
    for (std::uint8_t m : t.value.data<std::uint8_t>()) kept += m, ++all;
  }
  EXPECT_EQ(all, 267'696) << "all 3x3 convolutions";
  EXPECT_EQ(kept, all - all / 2);

  const datasets::Dataset train_all = datasets::load_cifar10(datasets::data_directory(""), true), test = datasets::load_cifar10(datasets::data_directory(""), false);
  const datasets::Normalization n = datasets::channel_normalization_of(train_all);
  const auto train = datasets::split(train_all, 20, Random(1).derive("split")).first;
  const Tensor images = slice(datasets::as_floats(test, n), 0, 0, 100), labels = slice(test.labels, 0, 0, 100);
  auto net = nn::network("resnet20");
  const SafeTensors from = trained(at / "a", "k0-dense0-level00"), to = trained(at / "a", "k0-dense1-level00");
  const auto points = rows_of(get(at / "a/lines.csv"));
  for (int i = 0; i < 3; ++i) {
    const float alpha = static_cast<float>(i) / 2;
    for (nn::Parameter* p : net->parameters()) {
      Tensor w = clone(from.at(p->name()));
      auto values = w.mutable_data<float>();
      for (std::size_t k = 0; k < values.size(); ++k) values[k] = (1 - alpha) * values[k] + alpha * to.at(p->name()).data<float>()[k];
      p->set(w);
    }
    net->reset_buffers();
    net->train();
    datasets::Batches batches(train, 8, Random(1).derive("statistics"), n, {.flip = true, .pad = 4});
    for (int b = 0; b < 10; ++b) {
      const NoGrad off;
      (*net)(batches(b).inputs);
    }
    EXPECT_NEAR(std::stod(points[i][8]), 100 - nn::evaluate(*net, images, labels).accuracy, 1.01) << "an image may lie on the edge";
  }
}

TEST(mode_connectivity, refusals) {
  const TemporaryFolder at;
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--copy-at", "0,half"}, "--copy-at: \"half\" is not a number"},
      {{"--copy-at", "0,1"}, "--copy-at: 1 is not a part of the training"},
      {{"--copy-at", "25"}, "did you mean 0.25?"},
      {{"--copy-at", "-0.1"}, "--copy-at: -0.1 is not a part"},
      {{"--copy-at", "nan"}, "--copy-at: nan is not a part"},
      {{"--orders", "1"}, "--orders: 1 is not between 2 and"},
      {{"--points", "1"}, "--points: 1 is not between 2 and"},
      {{"--every", "0"}, "--every"},
      {{"--rewind", "4000"}, "--rewind 4000: a training has only 4000 iterations"},
      {{"--prune-rate", "0.9"}, "15 rounds leave nothing of fc"},
      {{"--net", "vgg16"}, "--net: \"vgg16\" is not one of lenet_300_100|lenet5|resnet20"},
      {{"--net", "resnet20", "--dataset", "mnist"}, "--dataset: \"mnist\" is not one of cifar-10"},
      {{"--net", "resnet20", "--statistics", "0"}, "--statistics 0: ResNet's BatchNorm needs some batches"},
      {{"--net", "resnet20", "--prune-rate-output", "0.1"}, "of ResNet the output layer is not pruned"},
      {{"--net", "resnet20", "--data-dir", at / "none"}, "./bonsai data cifar-10"},
      {{"--data-dir", at / "none"}, "is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& [args, says] : cases) {
    SCOPED_TRACE(args[0] + " " + args[1]);
    std::vector<std::string> all = args;
    all.insert(all.end(), {"--out", at / "out"});
    expect_refused(run({.args = all, .program = "mode_connectivity"}), says, "mode_connectivity");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
