// Trainings in packed form: what they compute is what masked ones do, and what they save and return is the dense view; masks that are still
// to change are left masked. On a toy set, and lth_mnist as a program.
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "datasets/batches.h"
#include "datasets/toys.h"
#include "experiments/common/trainings.h"
#include "nn/forms.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "prune/recovery/rewind.h"
#include "tests/experiments/arguments.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using namespace bonsai::experiments;
using nlohmann::json;

std::unique_ptr<nn::Sequential> network() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 2, 8).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 8, 2);
  return net;
}

// Keeps 6 of 16 weights of fc1 and 12 of fc2.
std::vector<Tensor> masks() {
  Tensor one = zeros({8, 2}, DType::u8), two = ones({2, 8}, DType::u8);
  for (const int i : {0, 3, 5, 6, 12, 15}) one.mutable_data<std::uint8_t>()[i] = 1;
  for (const int i : {1, 2, 9, 14}) two.mutable_data<std::uint8_t>()[i] = 0;
  return {one, {}, two, {}};
}

// One training of 12 steps, rewound to step 2 and saved at every third; its folder is `out`. It throws when it asks for batch `stops_at`.
Training train(const fs::path& out, double threshold, const std::function<std::unique_ptr<prune::During>(nn::Module&)>& during = {}, std::int64_t stops_at = -1) {
  Options o("toy", "", 1);
  parse(o, {"--out", out.string(), "--resume"});
  RunFolder folder(o, "toy");
  folder.begin();
  const datasets::Dataset data = datasets::spirals(20, 2, 0.05, Random(1));
  const Recipe recipe{.network = network,
                      .optimizer = [](std::vector<nn::Parameter*> p) { return std::make_unique<nn::Adam>(std::move(p)); },
                      .rate = nn::constant(0.01),
                      .iterations = 12,
                      .evaluate_every = 4,
                      .checkpoint_every = 3,
                      .validation = {data.inputs, data.labels},
                      .test = {data.inputs, data.labels},
                      .sparse_threshold = threshold};
  const TrainingId id{0, "ticket", 0, 1};
  Progress progress("trainings", 1, 10);
  const Trainings trainings(recipe, folder, progress, {id});
  auto net = network();
  nn::initialize(*net, {}, Random(2));
  const BatchSource batches = [&, all = datasets::Batches(data, 10, Random(3))](std::int64_t i) mutable {
    if (i == stops_at) throw std::out_of_range("stopped");
    return all(i);
  };
  return trainings.run(id, {.values = prune::snapshot(net->parameters()), .masks = masks(), .batches = batches, .iteration = 2,
                            .keep_values_at = 5, .keep_final = true, .during = during});
}

void expect_close(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    ASSERT_EQ(a[k].shape(), b[k].shape());
    for (std::int64_t i = 0; i < a[k].numel(); ++i) EXPECT_NEAR(a[k].at(i), b[k].at(i), 1e-5) << k << " " << i;
  }
}

TEST(forms, what_a_packed_training_saves_is_the_dense_view) {
  const TemporaryFolder at;
  const Training masked = train(at / "masked", 0), packed = train(at / "packed", 0.5);  // fc1 is packed, fc2 too dense for it
  ASSERT_EQ(packed.record.size(), masked.record.size());
  for (std::size_t i = 0; i < masked.record.size(); ++i) {
    EXPECT_EQ(packed.record[i].iteration, masked.record[i].iteration);
    EXPECT_NEAR(packed.record[i].test.loss, masked.record[i].test.loss, 1e-5);
  }
  expect_close(packed.final_values, masked.final_values);
  expect_close(packed.kept_values, masked.kept_values);
  const std::vector<Tensor> given = masks();
  for (std::size_t k = 0; k < given.size(); ++k) {
    ASSERT_EQ(packed.final_masks[k].defined(), given[k].defined());
    if (!given[k].defined()) continue;
    EXPECT_EQ(packed.final_masks[k].to_vector<std::uint8_t>(), given[k].to_vector<std::uint8_t>());
    for (std::int64_t i = 0; i < given[k].numel(); ++i) EXPECT_TRUE(given[k].at(i) == 1 || packed.final_values[k].at(i) == 0);
  }
  for (const char* name : {"checkpoints/trial00-ticket0-level01.safetensors", "checkpoints/trial00-ticket0-level01-step5.safetensors"}) {
    const SafeTensors a = load_safetensors(at / "packed" / name), b = load_safetensors(at / "masked" / name);
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (std::size_t k = 0; k < a.tensors.size(); ++k) {
      EXPECT_EQ(a.tensors[k].name, b.tensors[k].name);
      EXPECT_EQ(a.tensors[k].value.shape(), b.tensors[k].value.shape());
      EXPECT_EQ(a.tensors[k].value.dtype(), b.tensors[k].value.dtype());
    }
  }
  auto packed_layers = [&](const char* run) { return load_safetensors(at / run / "checkpoints/trial00-ticket0-level01.safetensors").metadata.at("packed"); };
  EXPECT_EQ(packed_layers("packed"), "fc1.weight");
  EXPECT_EQ(packed_layers("masked"), "");
}

// Stopped at step 10, after the partial save of step 9. That save is the dense view, optimizer's state included; and from it on everything
// comes out as if nothing had happened.
TEST(forms, a_packed_training_is_taken_up_where_it_was) {
  const TemporaryFolder at;
  train(at / "whole", 1);
  EXPECT_THROW(train(at / "stopped", 1, {}, 10), std::out_of_range);
  EXPECT_THROW(train(at / "masked", 0, {}, 10), std::out_of_range);
  const char* partial = "parts/trial00-ticket0-level01.safetensors";
  const SafeTensors packed = load_safetensors(at / "stopped" / partial), masked = load_safetensors(at / "masked" / partial);
  EXPECT_EQ(packed.metadata.at("iteration"), "9");
  ASSERT_EQ(packed.tensors.size(), masked.tensors.size());
  for (std::size_t k = 0; k < packed.tensors.size(); ++k) {
    EXPECT_EQ(packed.tensors[k].name, masked.tensors[k].name);
    expect_close({packed.tensors[k].value}, {masked.tensors[k].value});
  }
  EXPECT_NE(packed.find("fc1.weight.mask"), nullptr);
  EXPECT_NE(packed.find("optimizer.fc1.weight.m"), nullptr);
  train(at / "stopped", 1);
  expect_same(at / "stopped", at / "whole");
}

// Watches the network that it is given, and prunes nothing.
struct Watch : prune::During {
  nn::Module& net;
  bool& was_packed;
  Watch(nn::Module& n, bool& p) : net(n), was_packed(p) {}
  void before_step(std::int64_t) override { was_packed |= net.any_packed(); }
};

TEST(forms, masks_that_may_change_are_not_packed) {
  const TemporaryFolder at;
  bool was_packed = false;
  const Training t = train(at / "during", 1, [&](nn::Module& net) { return std::make_unique<Watch>(net, was_packed); });
  EXPECT_FALSE(was_packed);
  const Training masked = train(at / "masked", 0);
  for (std::size_t k = 0; k < t.final_values.size(); ++k) EXPECT_EQ(t.final_values[k].to_vector<float>(), masked.final_values[k].to_vector<float>());
}

// The program: the table by default, another threshold is another setting. Both come out close by.
TEST(forms, lth_mnist_with_and_without) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  auto lth = [&](const char* out, std::vector<std::string> more) {
    std::vector<std::string> args = small({"--arms", "ticket", "--prune-rate", "0.6", "--out", at / out});
    args.insert(args.end(), more.begin(), more.end());
    return run({.args = args});
  };
  ASSERT_EQ(lth("table", {}).status, 0);
  ASSERT_EQ(lth("never", {"--sparse-threshold", "0"}).status, 0);
  const json table = json::parse(get(at / "table/config.json"))["settings"], never = json::parse(get(at / "never/config.json"))["settings"];
  EXPECT_EQ(table["sparse-threshold"], "table");
  EXPECT_EQ(table["sparse-table"].size(), nn::packing_table().size());
  EXPECT_EQ(table["sparse-table"].back()["packed_below"], nn::packing_table().back().threshold);
  EXPECT_EQ(never["sparse-threshold"], 0);
  EXPECT_FALSE(never.contains("sparse-table"));
  auto packed_layers = [&](const std::string& run, int level) {
    return load_safetensors(at / run / fmt::format("checkpoints/trial00-ticket0-level{:02}.safetensors", level)).metadata.at("packed");
  };
  EXPECT_EQ(packed_layers("table", 0), "");
  EXPECT_EQ(packed_layers("table", 2), "fc1.weight fc2.weight");  // 16% and, of fc3, 81%
  EXPECT_EQ(packed_layers("never", 2), "");
  const json a = json::parse(get(at / "table/summary.json"))["levels"], b = json::parse(get(at / "never/summary.json"))["levels"];
  EXPECT_EQ(a[0], b[0]) << "a dense network is computed as ever";
  for (int level = 1; level <= 2; ++level)
    EXPECT_NEAR(a[level]["ticket"]["test_accuracy_final"]["mean"].get<double>(), b[level]["ticket"]["test_accuracy_final"]["mean"].get<double>(), 1) << level;
}

}  // namespace
}  // namespace bonsai::test
