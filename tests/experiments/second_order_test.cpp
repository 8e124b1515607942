// saliency_faceoff and obs_monks from command line to summary: the claims of their chapters on networks of a few seconds, the same bytes
// however they are run, and what they refuse. And the brute-force truth they rest on, where it is known.
#include <nlohmann/json.hpp>

#include "experiments/common/small_nets.h"
#include "experiments/common/statistics.h"
#include "prune/scores/obs/inverse.h"
#include "tests/experiments/program.h"
#include "tests/refuses.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

// MONK's published files in a data directory of their own, or nothing.
std::vector<std::string> monks_args(const TemporaryFolder& at, std::vector<std::string> more) {
  const char* given = std::getenv("BONSAI_MONKS");
  fs::create_directories(fs::path(at / "data"));
  if (given && !fs::exists(fs::path(at / "data") / "monks")) fs::copy(given, fs::path(at / "data") / "monks");
  more.insert(more.end(), {"--data-dir", at / "data"});
  return more;
}

TEST(obs_monks, reaches_the_papers_table_on_the_published_data) {
  if (!std::getenv("BONSAI_MONKS")) GTEST_SKIP() << "BONSAI_MONKS does not name a folder with the published MONK's files";
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome o = run({.args = monks_args(at, {"--trials", "5", "--seed", "3", "--out", at / "a"}), .program = "obs_monks"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json p = json::parse(get(fs::path(at / "a") / "summary.json"))["problems"];
  const struct { const char* name; double weights, train, test; } paper[] = {{"monks-1", 14, 100, 100}, {"monks-2", 15, 100, 100}, {"monks-3", 4, 93.44, 97.22}};
  for (const auto& row : paper) {
    const json& obs = p[row.name]["obs"];
    EXPECT_EQ(p[row.name]["training_set"], "published");
    EXPECT_EQ(obs["weights"]["median"], row.weights) << row.name;
    EXPECT_NEAR(obs["train_accuracy"]["median"].get<double>(), row.train, 0.01) << row.name;
    EXPECT_NEAR(obs["test_accuracy"]["median"].get<double>(), row.test, 0.01) << row.name;
    for (const char* other : {"obd", "magnitude"}) EXPECT_GT(p[row.name][other]["weights"]["median"].get<double>(), row.weights) << row.name;
  }
  EXPECT_LE(p["monks-1"]["obs_retrained"]["weights"]["median"].get<double>(), 12);
}

TEST(saliency_faceoff, obs_tells_the_compensated_truth_and_obd_the_other) {
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const std::vector<std::string> args = monks_args(at, {"--nets", "monks-1,monks-3", "--criteria", "magnitude,random,obd,obs", "--out"});
  auto with_out = [&](const char* out, std::vector<std::string> more) {
    std::vector<std::string> all = args;
    all.insert(all.end() - 2, at / out);
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Outcome o = run({.args = with_out("a", {"--jobs", "1"}), .program = "saliency_faceoff"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json nets = json::parse(get(fs::path(at / "a") / "summary.json"))["nets"];
  for (const char* net : {"monks-1", "monks-3"}) {
    EXPECT_GT(nets[net]["obs"]["spearman_compensated"].get<double>(), 0.95) << net;
    EXPECT_GT(nets[net]["obd"]["spearman"].get<double>(), 0.95) << net;
    EXPECT_LT(std::abs(nets[net]["random"]["spearman"].get<double>()), 0.4) << net;
    EXPECT_GE(nets[net]["random"]["first_tenth_change"].get<double>(), nets[net]["random"]["least_tenth_change"].get<double>()) << net;
  }
  // The same bytes with two jobs, and after a kill.
  ASSERT_EQ(run({.args = with_out("b", {"--jobs", "2"}), .program = "saliency_faceoff"}).status, 0);
  const std::set<std::string> except{"timing.json", "config.json"};  // the second says how many jobs there were
  expect_same(at / "b", at / "a", except);
  EXPECT_TRUE(run({.args = with_out("c", {"--jobs", "1"}), .kill_after = 0.5 * o.seconds, .program = "saliency_faceoff"}).killed());
  ASSERT_EQ(run({.args = with_out("c", {"--jobs", "1", "--resume"}), .program = "saliency_faceoff"}).status, 0);
  expect_same(at / "c", at / "a", except);
}

TEST(refusals, of_the_second_order_experiments) {
  const TemporaryFolder at;
  const struct {
    const char* program;
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {"saliency_faceoff", {"--nets", "monks-4"}, "\"monks-4\" is not one of xor, monks-1"},
      {"saliency_faceoff", {"--nets", "xor,xor"}, "\"xor\" is named twice"},
      {"saliency_faceoff", {"--nets", ""}, "need at least one name"},
      {"saliency_faceoff", {"--criteria", "obd,best"}, "no criterion \"best\""},
      {"saliency_faceoff", {"--criteria", "movement"}, "movement scores a training"},
      {"saliency_faceoff", {"--minima", "0"}, "--minima: 0 is not between 1 and 40"},
      {"saliency_faceoff", {"--digits-hidden", "0"}, "--digits-hidden: 0 is not between 1 and 100"},
      {"saliency_faceoff", {"--nets", "digits"}, "./bonsai data mnist"},
      {"obs_monks", {"--trials", "0"}, "--trials"},
      {"obs_monks", {"--device", "cuda"}, "--device cuda"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "empty", "--out", at / "out"});
    expect_refused(run({.args = args, .program = c.program}), c.says, c.program);
    EXPECT_FALSE(fs::exists(fs::path(at / "out")));
  }
}

TEST(refusals, a_monks_file_that_is_not_the_published_one) {
  const TemporaryFolder at;
  fs::create_directories(fs::path(at / "data") / "monks");
  put(fs::path(at / "data") / "monks" / "monks-1.train", "1 1 1 1 1 3 1 data_5\n");
  expect_refused(run({.args = {"--data-dir", at / "data", "--out", at / "out"}, .program = "obs_monks"}), "./bonsai data monks", "obs_monks");
  EXPECT_FALSE(fs::exists(fs::path(at / "out")));
}

// A run of one training set is not gone on with on another.
TEST(obs_monks, a_run_on_drawn_examples_is_not_resumed_on_the_published_ones) {
  if (!std::getenv("BONSAI_MONKS")) GTEST_SKIP() << "BONSAI_MONKS does not name a folder with the published MONK's files";
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  ASSERT_EQ(run({.args = {"--quick", "--trials", "1", "--data-dir", at / "none", "--out", at / "a"}, .program = "obs_monks"}).status, 0);
  const Outcome o = run({.args = monks_args(at, {"--quick", "--trials", "1", "--resume", "--out", at / "a"}), .program = "obs_monks"});
  expect_refused(o, "monks-1 training set is \"drawn\" there, \"published\" here", "obs_monks");
}

// ---- the truth, where it is known: a linear network with squared error is a quadratic, and OBS is exact there

TEST(Truth, OfAQuadraticIsWhatObsSays) {
  using namespace experiments;
  SmallNet s{"line", std::make_unique<nn::Sequential>(), Random(1).normal({30, 4}, 0, 1, DType::f64), Random(2).normal({30, 1}, 0, 1, DType::f64), {}, {},
             half_squared_error, 1e-2};
  s.net->add<nn::Linear>("fc", 4, 1);
  s.net->to(DType::f64);
  EXPECT_TRUE(nn::minimise([&] { return s.objective(); }, s.net->parameters(), 1e-14).converged);
  const auto before = nn::Flat(s.net->parameters()).values().to_vector<double>();
  const Tensor h = nn::Flat(s.net->parameters()).hessian(s.objective()), inverse = prune::damped_inverse(h).inverse;
  for (std::int64_t q = 0; q < 5; ++q) {
    const double w = before[static_cast<std::size_t>(q)], obs = w * w / (2 * inverse.at(q * 6)), obd = 0.5 * h.at(q * 6) * w * w;
    EXPECT_NEAR(change_alone(s, q), obd, 1e-12);
    EXPECT_NEAR(change_compensated(s, q), obs, 1e-12);
    EXPECT_NEAR(change_settled(s, inverse, q), obs, 1e-12);
    EXPECT_GT(obd, obs * (1 - 1e-12));
    EXPECT_EQ(nn::Flat(s.net->parameters()).values().to_vector<double>(), before);  // and all is as it was
    for (const nn::Parameter* p : s.net->parameters()) EXPECT_FALSE(p->is_masked());
  }
}

TEST(Truth, TrainingToAMinimumIsRepeatedUntilItIsGood) {
  using namespace experiments;
  const datasets::Monks monks = datasets::load_monks("/nowhere", 1, 1);
  SmallNet s = monks_net(monks, "monks-1", 3, 1e-3);
  EXPECT_GE(train_to_minimum(s, Random(1), 100), 0);
  EXPECT_EQ(s.train_accuracy(), 100);
  const double one = s.objective().item();
  train_to_minimum(s, Random(1), 100, 5);
  EXPECT_LE(s.objective().item(), one);
  EXPECT_LT(max(abs(nn::Flat(s.net->parameters()).gradient(s.objective()))).item(), 1e-8);
  EXPECT_TRUE(refuses([&] { train_to_minimum(s, Random(1), 101); }, {"monks-1", "101.0%"}));
}

// ---- correlations

TEST(Statistics, OfKnownLists) {
  using namespace experiments;
  EXPECT_EQ(ranks({3, 1, 2, 1}), (std::vector<double>{4, 1.5, 3, 1.5}));
  EXPECT_NEAR(pearson({1, 2, 3, 4}, {2, 4, 6, 9}), 11.5 / std::sqrt(5 * 26.75), 1e-15);
  EXPECT_NEAR(spearman({1, 2, 3, 4}, {1, 10, 100, 1000}), 1, 1e-15);
  EXPECT_NEAR(spearman({1, 2, 3, 4}, {9, 7, 5, 1}), -1, 1e-15);
  EXPECT_TRUE(std::isnan(pearson({1, 1}, {1, 2})));
  EXPECT_EQ(median({5, 1, 3}), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

}  // namespace
}  // namespace bonsai::test
