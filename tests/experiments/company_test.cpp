// Trainings that are run at the same time and trained as one: what each computes, saves and returns is what it does alone, whoever keeps it company, also after a stop.
#include "datasets/batches.h"
#include "datasets/toys.h"
#include "experiments/common/jobs.h"
#include "experiments/common/trainings.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "prune/recovery/rewind.h"
#include "tests/experiments/arguments.h"
#include "tests/files_support.h"

namespace bonsai::experiments {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

std::unique_ptr<nn::Sequential> network() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 2, 8).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 8, 2);
  return net;
}

// Trainings 0 .. n-1 of 12 steps with other weights, masks and batches each; from iteration 0 or, the odd ones, 2. company 0: one after the other, by themselves.
std::vector<Training> train(const fs::path& out, std::int64_t n, std::size_t company, std::int64_t stops_at = -1) {
  Options o("toy", "", 1);
  test::parse(o, {"--out", out.string(), "--resume"});
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
                      .sparse_threshold = 0};
  std::vector<TrainingId> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back({i, "ticket", 0, 1});
  Progress progress("trainings", n, 12 * n);
  Trainings trainings(recipe, folder, progress, ids);
  if (company > 0) trainings.together(company);
  std::vector<Training> results(n);
  Jobs jobs(company > 0 ? static_cast<int>(company) : 1, 1);
  for (std::int64_t i = 0; i < n; ++i)
    jobs.chain([&, i] {
      auto net = network();
      const Random random = Random(2).derive(static_cast<std::uint64_t>(i));
      nn::initialize(*net, {}, random);
      std::vector<Tensor> masks;
      for (nn::Parameter* p : net->parameters())
        masks.push_back(p->shape().rank() == 2 && i > 0 ? cast(random.derive(p->name()).bernoulli(p->shape(), 0.7), DType::u8) : Tensor());
      const BatchSource batches = [=, all = datasets::Batches(data, 10, random.derive("batches"))](std::int64_t step) mutable {
        if (step == stops_at) throw std::out_of_range("stopped");
        return all(step);
      };
      jobs.run([&] {
        results[i] = trainings.run(ids[i], {.values = prune::snapshot(net->parameters()), .masks = masks, .batches = batches, .iteration = i % 2 * 2, .keep_values_at = 5, .keep_final = true});
      });
    });
  jobs.wait();
  return results;
}

void expect_same(const std::vector<Training>& a, const std::vector<Training>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].record.size(), b[i].record.size());
    for (std::size_t k = 0; k < a[i].record.size(); ++k) {
      EXPECT_EQ(a[i].record[k].iteration, b[i].record[k].iteration);
      EXPECT_NEAR(a[i].record[k].test.loss, b[i].record[k].test.loss, tolerance) << i << " " << k;
    }
    for (const auto& [x, y] : {std::pair{&a[i].final_values, &b[i].final_values}, std::pair{&a[i].kept_values, &b[i].kept_values}}) {
      ASSERT_EQ(x->size(), y->size());
      ASSERT_FALSE(x->empty());
      for (std::size_t k = 0; k < x->size(); ++k)
        for (std::int64_t e = 0; e < (*x)[k].numel(); ++e) EXPECT_NEAR((*x)[k].at(e), (*y)[k].at(e), tolerance) << i << " " << k << " " << e;
    }
  }
}

std::string bytes(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void expect_same_files(const fs::path& a, const fs::path& b) {
  std::size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(a))
    if (entry.is_regular_file() && (entry.path().extension() == ".safetensors" || entry.path().extension() == ".csv")) {
      ++seen;
      EXPECT_EQ(bytes(entry.path()), bytes(b / fs::relative(entry.path(), a))) << entry.path();
    }
  EXPECT_GT(seen, 8u);
}

TEST(company, each_learns_what_it_learns_alone) {
  const TemporaryFolder at;
  expect_same(train(at / "together", 5, 5), train(at / "alone", 5, 0), 1e-5);
}

TEST(company, whoever_keeps_it_the_bytes_are_the_same) {
  const TemporaryFolder at;
  expect_same(train(at / "five", 5, 5), train(at / "two", 5, 2), 0);
  train(at / "one", 5, 1);
  expect_same_files(at / "five", at / "two");
  expect_same_files(at / "five", at / "one");
}

TEST(company, a_stopped_run_goes_on_to_the_same_bytes) {
  const TemporaryFolder at;
  const std::vector<Training> whole = train(at / "whole", 4, 4);
  EXPECT_THROW(train(at / "stopped", 4, 4, 8), std::out_of_range);
  expect_same(train(at / "stopped", 4, 4), whole, 0);
  expect_same_files(at / "whole", at / "stopped");
}

}  // namespace
}  // namespace bonsai::experiments
