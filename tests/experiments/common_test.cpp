// What the experiments share, piece by piece: jobs, options, rows of results, durations, pictures.
#include <atomic>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "experiments/common/figures.h"
#include "experiments/common/jobs.h"
#include "experiments/common/lottery.h"
#include "experiments/common/options.h"
#include "experiments/common/progress.h"
#include "experiments/common/trainings.h"
#include "tests/experiments/arguments.h"
#include "tests/files_support.h"

namespace bonsai::test {
namespace {

using namespace bonsai::experiments;

// ---- Jobs
// --------------------------------------------------------------------------------------------------------------------------

TEST(jobs, what_a_chain_waits_for_goes_first) {
  Jobs jobs(1, 1);
  std::vector<int> order;
  std::atomic<bool> asking = false;
  jobs.chain([&] {
    jobs.run([&] {
      for (int i = 1; i <= 3; ++i)
        jobs.later([&, i] {
          while (!asking) std::this_thread::yield();
          if (i == 1)
            std::this_thread::sleep_for(std::chrono::milliseconds(300));  // ample time for run() to queue its job
          order.push_back(10 * i);
        });
    });
    asking = true;
    jobs.run([&] { order.push_back(1); });
  });
  jobs.wait();
  EXPECT_TRUE((order == std::vector<int>{10, 1, 20, 30} || order == std::vector<int>{1, 10, 20, 30}))
      << order[0] << order[1];
}

TEST(jobs, many_chains_and_jobs) {
  for (int workers : {1, 2, 7}) {
    std::atomic<int> sum = 0, running = 0, most = 0;
    Jobs jobs(workers, 1);
    auto work = [&] {
      const int now = ++running;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
      ++sum;
      --running;
    };
    for (int c = 0; c < 20; ++c)
      jobs.chain([&] {
        for (int i = 0; i < 20; ++i) {
          jobs.run(work);
          jobs.later(work);
        }
      });
    jobs.wait();
    EXPECT_EQ(sum, 800);
    EXPECT_LE(most, workers);
  }
}

TEST(jobs, threads_inside_count_with_one_job_only) {
  for (auto [workers, inside, expected] : {std::array{1, 3, 3}, std::array{2, 3, 1}}) {
    Jobs jobs(workers, inside);
    int seen = 0;
    jobs.chain([&] { jobs.run([&] { seen = threads(); }); });
    jobs.wait();
    EXPECT_EQ(seen, expected);
  }
}

TEST(jobs, an_error_drops_the_rest_and_reaches_the_caller) {
  for (int workers : {1, 4})
    for (int place : {0, 1, 2}) {  // thrown by what is waited for, by what is left for later, by the chain itself
      std::atomic<int> done = 0;
      Jobs jobs(workers, 1);
      for (int c = 0; c < 5; ++c)
        jobs.chain([&, c] {
          for (int i = 0; i < 1000; ++i) {
            jobs.run([&, i] {
              if (place == 0 && c == 2 && i == 3) fail("place {}", place);
              ++done;
            });
            jobs.later([&, i] {
              if (place == 1 && c == 2 && i == 3) fail("place {}", place);
            });
            if (place == 2 && c == 2 && i == 3) fail("place {}", place);
          }
        });
      EXPECT_EQ(message_of([&] { jobs.wait(); }), fmt::format("place {}", place));
      EXPECT_TRUE(place == 1 || done < 5000);  // (jobs left for later come last, after all that is waited for)
      const int at_the_end = done;
      EXPECT_EQ(done, at_the_end) << "nothing runs after wait()";
    }
}

TEST(jobs, left_without_waiting) {
  std::atomic<int> done = 0;
  {
    Jobs jobs(2, 1);
    jobs.chain([&] {
      for (int i = 0; i < 100; ++i) jobs.run([&] { ++done; });
    });
  }
  EXPECT_LE(done, 100);
}

// ---- rows of results.csv
// ----------------------------------------------------------------------------------------------------------

TEST(csv, numbers_read_back_exactly) {
  const TrainingId id{3, "reinit", 2, 17};
  const double infinity = std::numeric_limits<double>::infinity();
  Random random(5);
  std::vector<nn::Evaluation> record{{0, {0.1, 100.0 / 3}, {1e-300, 0}}, {100, {infinity, -0.0}, {1.0 / 3, 97.05}}};
  for (int i = 2; i < 500; ++i)
    record.push_back(
        {100 * i, {random.normal(), random.uniform()}, {std::exp(50 * random.normal()), random.uniform()}});
  const std::string rows = to_csv(id, 1.0 / 7, record);
  const Rows back = from_csv(id, rows);
  EXPECT_EQ(back.density, 1.0 / 7);
  ASSERT_EQ(back.record.size(), record.size());
  for (std::size_t i = 0; i < record.size(); ++i) {
    EXPECT_EQ(back.record[i].iteration, record[i].iteration);
    for (auto member : {&nn::Measure::loss, &nn::Measure::accuracy}) {
      EXPECT_EQ(back.record[i].validation.*member, record[i].validation.*member);
      EXPECT_EQ(back.record[i].test.*member, record[i].test.*member);
    }
  }
  EXPECT_EQ(to_csv(id, back.density, back.record), rows);
  const std::string not_a_number =
      to_csv(id, 1, {{7, {std::nan(""), 1}, {2, 3}}});  // a loss may be that after the last step
  EXPECT_TRUE(std::isnan(from_csv(id, not_a_number).record[0].validation.loss));
}

TEST(csv, damage_is_noticed) {
  const TrainingId id{0, "ticket", 0, 1};
  std::vector<nn::Evaluation> record;
  for (int i = 0; i < 4; ++i) record.push_back({100 * i, {0.5 / (i + 1), 90.5 + i}, {0.25, 91.25}});
  const std::string good = to_csv(id, 0.8, record);
  EXPECT_MESSAGE(from_csv({0, "ticket", 0, 2}, good), "damaged");
  EXPECT_MESSAGE(from_csv({0, "reinit", 0, 1}, good), "damaged");
  Random random(11);
  const std::int64_t tries = fuzz_count();
  for (std::int64_t i = 0; i < tries; ++i) {  // never a crash; and what is accepted says exactly what the bytes say
    const std::string bytes = mutate(good, random);
    try {
      const Rows rows = from_csv(id, bytes);
      EXPECT_EQ(to_csv(id, rows.density, rows.record), bytes);
    } catch (const Error&) {}
  }
}

// ---- options
// ------------------------------------------------------------------------------------------------------------------------

struct Parsed {
  std::int64_t n = 0;
  double x = 0;
  std::string s;
  Options o{"prog", "about", {1, 2, 5}};
  explicit Parsed(std::vector<std::string> args) {
    o.integer("--number", n, {10, 20, 30}, "a number", 1, 100);
    o.real("--rate", x, 0.25, "a rate", 0, 1);
    o.text("--word", s, "alpha", "a word", {"alpha", "beta"});
    parse(o, std::move(args));
  }
  std::string setting(const std::string& name) const {
    for (const Setting& t : o.settings())
      if (t.name == name) return t.value + (t.is_default ? "" : " given");
    return "none";
  }
};

TEST(options, sizes_and_what_was_given) {
  const Parsed standard({}), quick({"--quick"}), paper({"--paper", "--number", "7", "--seed", "3", "--word", "beta"});
  EXPECT_EQ(standard.n, 20);
  EXPECT_EQ(standard.o.trials, 2);
  EXPECT_EQ(standard.o.command_line(), "");
  EXPECT_GE(standard.o.jobs, 1);
  EXPECT_EQ(quick.n, 10);
  EXPECT_EQ(quick.o.command_line(), " --quick");
  EXPECT_EQ(paper.n, 7);
  EXPECT_EQ(paper.o.trials, 5);
  EXPECT_EQ(paper.o.command_line(), " --paper --seed 3 --number 7 --word beta");
  EXPECT_EQ(paper.setting("number"), "7 given");
  EXPECT_EQ(paper.setting("rate"), "0.25");
  EXPECT_EQ(paper.setting("size"), "\"paper\"");
  EXPECT_EQ(paper.setting("program"), "\"prog\"");
  EXPECT_EQ(paper.setting("jobs"), "none") << "results do not depend on it";
  EXPECT_EQ(Parsed({"--number", "20"}).setting("number"), "20") << "given, but the size's own";
  const Parsed dense({"--sparse-threshold", "0.50"}), table({"--sparse-threshold", "table"});
  EXPECT_EQ(dense.o.sparse_threshold, 0.5);
  EXPECT_EQ(dense.setting("sparse-threshold"), "0.5 given");
  EXPECT_EQ(dense.setting("sparse-table"), "none") << "no table was used";
  EXPECT_EQ(dense.o.command_line(), " --sparse-threshold 0.5");
  EXPECT_EQ(table.o.sparse_threshold, std::nullopt);
  EXPECT_EQ(table.setting("sparse-threshold"), "\"table\"");
  EXPECT_TRUE(table.setting("sparse-table").starts_with("[{\"weights_from\":0,\"packed_below\":")) << table.setting("sparse-table");
  EXPECT_EQ(table.o.command_line(), "");
}

TEST(options, refusals) {
  EXPECT_MESSAGE(Parsed({"--number", "101"}), "--number: 101 is not between 1 and 100");
  EXPECT_MESSAGE(Parsed({"--rate", "90"}), "did you mean 0.9?");
  EXPECT_MESSAGE(Parsed({"--word", "gamma"}), "--word: \"gamma\" is not one of alpha|beta");
  EXPECT_MESSAGE(Parsed({"--wrod", "alpha"}), "--help lists the options");
  EXPECT_MESSAGE(Parsed({"--quick", "--paper"}), "excludes");
}

TEST(progress, durations) {
  EXPECT_EQ(duration(0), "0 s");
  EXPECT_EQ(duration(0.2), "1 s");
  EXPECT_EQ(duration(45), "45 s");
  EXPECT_EQ(duration(59.5), "1 min 00 s");
  EXPECT_EQ(duration(100), "1 min 40 s");
  EXPECT_EQ(duration(3599.5), "1 h 00 min");
  EXPECT_EQ(duration(7500), "2 h 05 min");
}

// ---- the lottery
// --------------------------------------------------------------------------------------------------------------------

TEST(lottery, statistics_by_hand) {
  Lottery l{.arms = {"ticket", "reinit"},
            .rounds = 1,
            .iterations = 300,
            .paper = {{1, {.early_stop_over_dense = 0.5, .gain_over_reinit = 1.0}}},
            .dataset = "toy",
            .command = "",
            .seeds = ""};
  auto record = [](double stop_at, double accuracy) {
    std::vector<nn::Evaluation> r;
    for (int i = 0; i <= 300; i += 100)
      r.push_back({i, {std::abs(i - stop_at), i >= 200 ? 97.0 : 50.0}, {0, accuracy + i / 100.0}});
    return r;
  };
  auto add = [&](std::int64_t trial, const char* arm, std::int64_t level, double stop_at, double accuracy) {
    l.runs.push_back({TrainingId{trial, arm, 0, level}, level == 0 ? 1.0 : 0.8, record(stop_at, accuracy)});
  };
  for (std::int64_t trial : {0, 1}) {
    add(trial, "ticket", 0, 200, 90);
    add(trial, "ticket", 1, trial == 0 ? 100 : 300, trial == 0 ? 92 : 94);
    add(trial, "reinit", 1, 300, 88);
  }
  const Cell c = l.cell("ticket", 1);
  EXPECT_EQ(c.density, 0.8);
  EXPECT_EQ(c.early_stop.mean, 200);
  EXPECT_EQ(c.early_stop.min, 100);
  EXPECT_EQ(c.early_stop.max, 300);
  EXPECT_EQ(c.accuracy_at_early_stop.mean, (93 + 97) / 2.0);
  EXPECT_EQ(c.accuracy_final.mean, 96);
  EXPECT_EQ(c.iterations_to_target.mean, 200);
  EXPECT_EQ(c.curve.front(), std::pair(std::int64_t{0}, 93.0));
  EXPECT_TRUE(l.cell("reinit", 0).empty());
  const std::string json = l.summary_json();
  EXPECT_NE(json.find("\"here\": 1.0\n"), std::string::npos) << json;  // 200 / 200
  EXPECT_NE(l.table().find("same mask, new weights"), std::string::npos);
  EXPECT_NE(l.table().find(" 80.00%"), std::string::npos) << l.table();
}

TEST(lottery, surviving_inputs) {
  const Tensor mask = tensor<std::uint8_t>({1, 0, 0, 1, 1, 0, 0, 1}, {2, 4});
  const Tensor picture = surviving_inputs(mask, 2, 2);
  const double expected[] = {2, 0, 0, 2};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(picture.at(i), expected[i]);
  const TemporaryFolder at;
  heat_maps(at / "p.png", {picture, picture}, 3);
  EXPECT_TRUE(get(at / "p.png").starts_with("\x89PNG"));
  EXPECT_MESSAGE(heat_maps(at / "p.png", {}, 3), "nothing to draw");
}

}  // namespace
}  // namespace bonsai::test
