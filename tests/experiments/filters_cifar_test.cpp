// filters_cifar from its command line to its report, on the real CIFAR-10: networks whose channels are gone, and what is said about them, recomputed
// from the files that they leave; that results depend on the settings alone, also after kills; and what it refuses.
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/safetensors.h"
#include "datasets/cifar10.h"
#include "nn/network_file.h"
#include "nn/train.h"
#include "tests/experiments/killing.h"

namespace bonsai::test {
namespace {

using Json = nlohmann::json;

Outcome filters(std::vector<std::string> args) { return run({.args = std::move(args), .program = "filters_cifar"}); }

// A run of a few seconds.
std::vector<std::string> tiny(std::vector<std::string> more = {}) {
  std::vector<std::string> args{"--quick",  "--checkpoint-every", "1", "--batch", "8", "--validation", "20", "--test", "20", "--score-examples", "8"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}
std::vector<std::string> two_by_two(std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--criteria", "l1,taylor", "--ratios", "0.3,0.6"});
  return tiny(more);
}

// "trial,arm,repeat,level,iteration" -> the test accuracy there, in the file's order.
std::vector<std::pair<std::string, double>> measured(const fs::path& results) {
  std::vector<std::pair<std::string, double>> all;
  std::istringstream lines(get(results));
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::vector<std::string> c;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) c.push_back(cell);
    EXPECT_EQ(c.size(), 10u) << line;
    all.emplace_back(fmt::format("{},{},{},{},{}", c[0], c[1], c[2], c[3], c[5]), std::stod(c[9]));
  }
  return all;
}
double at_place(const std::vector<std::pair<std::string, double>>& all, const std::string& place) {
  for (const auto& [name, value] : all)
    if (name == place) return value;
  ADD_FAILURE() << place << " is missing";
  return std::nan("");
}

SafeTensors checkpoint(const fs::path& run, const std::string& arm, int level) { return load_safetensors(run / fmt::format("checkpoints/trial00-{}0-level{:02}.safetensors", arm, level)); }

// ResNet-20 by its file alone: of every weight, how often it is used; a pixel of 32x32, 16x16 or 8x8 by the stage that it is in.
struct Size {
  double parameters = 0, macs = 0;
};
Size size_of(const SafeTensors& file) {
  Size s;
  for (const NamedTensor& t : file.tensors) {
    if (t.name.find("running") != std::string::npos || t.name.ends_with("shortcut.place")) continue;
    const auto n = static_cast<double>(t.value.numel());
    s.parameters += n;
    if (t.value.rank() == 4) s.macs += n * (t.name.starts_with("layer3") ? 64 : t.name.starts_with("layer2") ? 256 : 1024);
    if (t.value.rank() == 2) s.macs += n;
  }
  return s;
}
std::int64_t filters_of(const SafeTensors& file, const std::string& weight) { return file.at(weight).size(0); }

// The network of a file, measured anew on the first 20 test images.
double accuracy_of(const SafeTensors& file) {
  static const datasets::Normalization normalization = datasets::channel_normalization_of(datasets::load_cifar10(datasets::data_directory(""), true));
  datasets::Dataset test = datasets::load_cifar10(datasets::data_directory(""), false);
  test.inputs = slice(test.inputs, 0, 0, 20), test.labels = slice(test.labels, 0, 0, 20);
  return nn::evaluate(*nn::network_of(file), datasets::as_floats(test, normalization), test.labels).accuracy;
}

// All that the summary says is in the rows and in the files.
TEST(filters_cifar, a_cut_resnet_from_the_command_line_to_the_report) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  const fs::path out = at / "run";
  const Outcome o = filters(two_by_two({"--out", out}));
  ASSERT_EQ(o.status, 0) << o.err;
  for (const char* name : {"results.csv", "summary.json", "config.json", "report.html", "table.txt", "figures/accuracy.png", "figures/speed.png"}) EXPECT_TRUE(fs::exists(out / name)) << name;

  std::vector<std::string> planned{"0,dense,0,0,0", "0,fine-tuned,0,0,0", "0,fine-tuned,0,0,2"};
  for (const char* arm : {"l1", "taylor"})
    for (const int level : {1, 2})
      for (const int iteration : {0, 2}) planned.push_back(fmt::format("0,{},0,{},{}", arm, level, iteration));
  const auto rows = measured(out / "results.csv");
  std::vector<std::string> places;
  for (const auto& [place, accuracy] : rows) places.push_back(place);
  EXPECT_EQ(places, planned);
  EXPECT_EQ(at_place(rows, "0,fine-tuned,0,0,0"), at_place(rows, "0,dense,0,0,0"));
  EXPECT_GE(at_place(rows, "0,dense,0,0,0"), 75) << "the trained network has more than 90% right; 15 of these 20";

  const Json summary = Json::parse(get(out / "summary.json"));
  const SafeTensors dense = checkpoint(out, "dense", 0);
  const Size whole = size_of(dense);
  EXPECT_EQ(summary["ratio"], 0.6);
  EXPECT_EQ(summary["dense"]["parameters"], whole.parameters);
  EXPECT_EQ(summary["dense"]["macs"], whole.macs);
  EXPECT_EQ(filters_of(dense, "layer2.0.conv1.weight"), 32);

  for (const char* arm : {"l1", "taylor"})
    for (const int level : {1, 2}) {
      SCOPED_TRACE(fmt::format("{} {}", arm, level));
      const Json m = level == 2 ? summary["methods"][arm] : summary["methods"][arm]["ratios"]["0.3"];
      const SafeTensors file = checkpoint(out, arm, level);
      const double gone = level == 1 ? 0.3 : 0.6;
      for (const auto& [weight, filters] : std::vector<std::pair<std::string, double>>{{"layer1.1.conv1.weight", 16}, {"layer2.1.conv1.weight", 32}, {"layer3.2.conv1.weight", 64}})
        EXPECT_EQ(static_cast<double>(filters_of(file, weight)), filters - std::nearbyint(gone * filters)) << weight;
      EXPECT_LT(filters_of(file, "layer3.2.conv2.weight"), 64);
      EXPECT_EQ(m["accuracy_before"].get<double>(), at_place(rows, fmt::format("0,{},0,{},0", arm, level)));
      EXPECT_EQ(m["accuracy_after"].get<double>(), at_place(rows, fmt::format("0,{},0,{},2", arm, level)));
      const Size left = size_of(file);
      EXPECT_NEAR(m["macs_ratio"].get<double>(), whole.macs / left.macs, 1e-9);
      EXPECT_NEAR(m["parameters_ratio"].get<double>(), whole.parameters / left.parameters, 1e-9);
      EXPECT_GT(m["macs_ratio"].get<double>(), level == 1 ? 1.5 : 4.0);
      EXPECT_GT(m["speedup"].get<double>(), 0);
      EXPECT_GE(m["cut_minus_masked"].get<double>(), 0);
      EXPECT_LE(m["cut_minus_masked"].get<double>(), 1e-5);
      EXPECT_EQ(accuracy_of(file), m["accuracy_after"].get<double>());
    }
  const std::string small = out / "checkpoints/trial00-taylor0-level02.safetensors";
  const Outcome answer = run({.args = {small, "--example", "7"}, .program = "predict"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_NE(answer.out.find("test image 7 is frog"), std::string::npos) << answer.out;

  const auto before = contents(out);
  const Outcome again = filters(two_by_two({"--out", out, "--resume"}));
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(contents(out), before);
}

TEST(filters_cifar, results_do_not_depend_on_jobs) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  for (const char* jobs : {"1", "2"}) ASSERT_EQ(filters(tiny({"--criteria", "taylor,random", "--ratios", "0.5", "--out", at / jobs, "--jobs", jobs})).status, 0);
  EXPECT_EQ(get(at / "1/results.csv"), get(at / "2/results.csv"));
  EXPECT_EQ(contents(at / "1/checkpoints"), contents(at / "2/checkpoints"));
  Json summaries[2];
  for (int i = 0; i < 2; ++i) {
    summaries[i] = Json::parse(get(at / (i == 0 ? "1/summary.json" : "2/summary.json")));
    for (const char* arm : {"taylor", "random"}) EXPECT_EQ(summaries[i]["methods"][arm].erase("speedup"), 1u);
  }
  EXPECT_EQ(summaries[0], summaries[1]);
}

TEST(filters_cifar, resumes_cut_networks_after_kills) {
  NEEDS_CIFAR();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer; resume_test covers the same code";
  std::set<std::string> with_speeds{"timing.json", "summary.json", "table.txt", "report.html"};
  for (const char* figure : {"accuracy", "speed"})
    for (const char* ending : {".png", ".svg", ".gp", ".dat"}) with_speeds.insert(fmt::format("figures/{}{}", figure, ending));
  kill_and_compare(tiny({"--criteria", "l1,bn-gamma", "--ratios", "0.5", "--distill", "0.5"}), 6, "filters_cifar", with_speeds);
}

// The same share of all channels together takes more from some layers than from others; a block's inner channels alone leave the sums as wide as they were;
// and the dense network's answers change the tuning, not what it starts from.
TEST(filters_cifar, scope_channels_and_distillation) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  auto one = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), {"--criteria", "l2", "--ratios", "0.5", "--out", at / name});
    const Outcome o = filters(tiny(more));
    EXPECT_EQ(o.status, 0) << o.err;
    return checkpoint(at / name, "l2", 1);
  };
  const SafeTensors plain = one("plain", {}), global = one("global", {"--scope", "global"}), inner = one("inner", {"--channels", "inner"}), taught = one("taught", {"--distill", "0.5"});
  double lowest = 1, highest = 0;
  std::int64_t left = 0, all = 0;
  for (int stage = 1; stage <= 3; ++stage)
    for (int block = 0; block < 3; ++block) {
      const std::string at_block = fmt::format("layer{}.{}.", stage, block);
      const std::int64_t width = 8 << stage;
      EXPECT_EQ(filters_of(plain, at_block + "conv1.weight"), width / 2);
      EXPECT_EQ(filters_of(inner, at_block + "conv1.weight"), width / 2);
      EXPECT_EQ(filters_of(inner, at_block + "conv2.weight"), width);
      const std::int64_t kept = filters_of(global, at_block + "conv1.weight");
      left += kept, all += width;
      lowest = std::min(lowest, static_cast<double>(kept) / static_cast<double>(width)), highest = std::max(highest, static_cast<double>(kept) / static_cast<double>(width));
    }
  std::int64_t sums = 0;  // one set of channels a stage
  for (const char* last : {"layer1.2.conv2.weight", "layer2.2.conv2.weight", "layer3.2.conv2.weight"}) sums += filters_of(global, last);
  EXPECT_EQ(all, 3 * 112);
  EXPECT_EQ(left + sums, (all + 112) / 2) << "to the last channel, though two layers were spared theirs";
  EXPECT_NE(get(at / "global/table.txt").find("l2, 50%: layer \"layer3.0.conv2.weight\": the last of its 64 channels was spared"), std::string::npos);
  EXPECT_LT(lowest + 0.2, highest);
  const auto untaught = measured(at / "plain/results.csv"), with = measured(at / "taught/results.csv");
  EXPECT_EQ(at_place(untaught, "0,l2,0,1,0"), at_place(with, "0,l2,0,1,0"));
  EXPECT_EQ(plain.at("fc.weight").shape(), taught.at("fc.weight").shape());
  EXPECT_NE(plain.at("fc.weight").to_vector<float>(), taught.at("fc.weight").to_vector<float>());
}

// The soft protocol: after the last step the same share of every convolution's filters is 0 under a mask, shortcuts and all else are whole; and the training
// can be killed anywhere.
TEST(filters_cifar, soft_protocol) {
  NEEDS_CIFAR();
  const TemporaryFolder at;
  const Outcome o = filters(tiny({"--protocol", "soft", "--criteria", "l2,fpgm-mix", "--ratios", "0.3,0.4", "--jobs", "2", "--out", at / "run"}));
  ASSERT_EQ(o.status, 0) << o.err;
  const auto rows = measured(at / "run/results.csv");
  EXPECT_EQ(rows.size(), 3u + 2 * 4);
  const Json summary = Json::parse(get(at / "run/summary.json"));
  for (const char* arm : {"l2", "fpgm-mix"}) {
    const Json m = summary["methods"][arm];
    EXPECT_EQ(m["accuracy_before"].get<double>(), at_place(rows, fmt::format("0,{},0,2,0", arm)));
    EXPECT_EQ(m["accuracy_after"].get<double>(), at_place(rows, fmt::format("0,{},0,2,2", arm)));
    EXPECT_FALSE(m.contains("speedup")) << "zeros save nothing by themselves";
    const SafeTensors file = checkpoint(at / "run", arm, 2);
    EXPECT_EQ(accuracy_of(file), m["accuracy_after"].get<double>());
    int convolutions = 0;
    for (const NamedTensor& t : file.tensors) {
      if (t.name.ends_with(".mask") || t.value.rank() < 2) continue;
      const Tensor* mask = file.find(t.name + ".mask");
      ASSERT_EQ(mask != nullptr, t.value.rank() == 4 && t.name.find("shortcut") == std::string::npos) << t.name;
      if (!mask) continue;
      ++convolutions;
      const std::int64_t filters = t.value.size(0), size = t.value.numel() / filters;
      std::int64_t gone = 0;
      for (std::int64_t f = 0; f < filters; ++f) {
        std::int64_t kept = 0, zero = 0;
        for (std::int64_t i = f * size; i < (f + 1) * size; ++i) kept += mask->at(i) != 0, zero += t.value.at(i) == 0;
        EXPECT_TRUE(kept == size || (kept == 0 && zero == size)) << t.name << " " << f;
        gone += kept == 0;
      }
      EXPECT_EQ(static_cast<double>(gone), std::nearbyint(0.4 * static_cast<double>(filters))) << t.name;
    }
    EXPECT_EQ(convolutions, 19);
  }
  if (sanitized) return;
  kill_and_compare(tiny({"--protocol", "soft", "--criteria", "fpgm", "--ratios", "0.4", "--iterations", "5", "--every", "3"}), 7, "filters_cifar");
}

TEST(filters_cifar, trains_a_vgg_first) {
  NEEDS_CIFAR();
  if (sanitized) GTEST_SKIP() << "minutes under a sanitizer";
  const TemporaryFolder at;
  const Outcome o = filters(tiny({"--net", "vgg16", "--dense-iterations", "2", "--criteria", "l1", "--ratios", "0.5", "--out", at / "run"}));
  ASSERT_EQ(o.status, 0) << o.err;
  const auto rows = measured(at / "run/results.csv");
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[1].first, "0,dense,0,0,2");
  const SafeTensors file = checkpoint(at / "run", "l1", 1);
  EXPECT_EQ(filters_of(file, "conv1.weight"), 32);
  EXPECT_EQ(filters_of(file, "conv13.weight"), 256);
  EXPECT_EQ(file.at("conv13.weight").size(1), 256);
  const Json m = Json::parse(get(at / "run/summary.json"))["methods"]["l1"];
  EXPECT_GT(m["macs_ratio"].get<double>(), 3.8);
  EXPECT_LT(m["macs_ratio"].get<double>(), 4.0);
  EXPECT_LE(m["cut_minus_masked"].get<double>(), 1e-5);
  EXPECT_EQ(accuracy_of(file), m["accuracy_after"].get<double>());
}

TEST(filters_cifar, mistakes_get_one_line) {
  const TemporaryFolder at;
  auto refused = [&](std::vector<std::string> args, const std::string& fragment) {
    args.insert(args.end(), {"--out", at / "never"});
    expect_refused(filters(args), fragment, "filters_cifar");
    EXPECT_FALSE(fs::exists(at / "never"));
  };
  refused({"--criteria", "l1,taylr"}, "taylr");
  refused({"--criteria", "l1,l1"}, "l1");
  refused({"--ratios", "0.5,1"}, "--ratios: 1 does not come after 0.5; give rising shares between 0 and 1");
  refused({"--ratios", "0.5,0.3"}, "--ratios: 0.3 does not come after 0.5");
  refused({"--ratios", "0"}, "--ratios: 0 does not come after 0");
  refused({"--ratios", "a"}, "--ratios");
  refused({"--net", "vgg16", "--from", "trained"}, "there is no trained vgg16; take --from scratch");
  refused({"--net", "vgg7"}, "vgg7");
  refused({"--protocol", "soft", "--criteria", "taylor"}, "taylor");
  refused({"--protocol", "soft", "--scope", "global"}, "leave out --scope and --channels");
  refused({"--protocol", "soft", "--ratios", "0.99"}, "all 16 filters of \"conv1.weight\" would go; leave one");
  refused({"--criteria", "fpgm-mix"}, "fpgm-mix");
  refused({"--channels", "outer"}, "outer");
  refused({"--distill", "1.5"}, "--distill");
  refused({"--iterations", "0"}, "--iterations");
  refused({"--data-dir", at / "nowhere"}, "./bonsai data cifar-10");
}

}  // namespace
}  // namespace bonsai::test
