// prune_checkpoint as a user starts it: its masks against a stable sort, its bytes against the input's, its answers to bad input.
#include <numeric>

#include "core/ops.h"
#include "core/parallel.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/layerwise/wanda.h"
#include "prune/scores/random.h"
#include "prune/select.h"
#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

using Masks = std::map<std::string, std::vector<std::uint8_t>>;

// The first `remove` of a stable sort go.
std::vector<std::uint8_t> lowest(const std::vector<double>& scores, std::int64_t remove) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  std::vector<std::uint8_t> mask(scores.size(), 1);
  for (std::int64_t i = 0; i < remove; ++i) mask[order[i]] = 0;
  return mask;
}
std::int64_t part_of(double sparsity, std::size_t n) { return static_cast<std::int64_t>(std::nearbyint(sparsity * static_cast<double>(n))); }

std::vector<double> sizes(const Tensor& w) {
  std::vector<double> all(w.numel());
  for (std::int64_t i = 0; i < w.numel(); ++i) all[i] = std::abs(w.at(i));
  return all;
}

// Two layers of every type, a convolution, more than a window of numbers with ties; and what must not be touched.
const std::vector<std::string> pruned_names{"a.f32", "b.f64", "c.f16", "d.bf16", "e.conv", "f.large"};
void store_all(const fs::path& path) {
  store(path,
        {{"ids", "U8", {3}, {1, 0, 2}},  // (all that follows is not aligned)
         normal("a.f32", "F32", {8, 12}, 1),
         normal("b.f64", "F64", {6, 8}, 2, true),
         normal("c.f16", "F16", {5, 16}, 3),
         normal("bias", "F32", {7}, 4),
         normal("d.bf16", "BF16", {12, 4}, 5, true),
         normal("e.conv", "F32", {6, 8, 3, 3}, 6),
         {"none", "F32", {0, 4}, {}},
         {"steps", "I64", {2, 2}, {1, -1, 7, 9}},
         normal("f.large", "F16", {601, 700}, 7, true)},
        {{"who", "a test"}, {"empty", ""}});
}

// Output and masks file against the masks that must come out.
void expect_pruned(const fs::path& in, const fs::path& out, const fs::path& masks_file, const Masks& want) {
  const SafeTensorsFile a(in), b(out);
  ASSERT_EQ(a.header(), b.header());
  const SafeTensors masks = load_safetensors(masks_file);
  ASSERT_EQ(masks.tensors.size(), want.size());
  for (const FileTensor& t : a.tensors()) {
    std::string before((t.end - t.begin), '?'), after = before;
    a.read_bytes(t, 0, t.shape.numel(), before.data());
    b.read_bytes(t, 0, t.shape.numel(), after.data());
    if (want.contains(t.name)) {
      const auto& mask = want.at(t.name);
      ASSERT_EQ(masks.at(t.name + ".mask").shape(), t.shape);
      const auto got = masks.at(t.name + ".mask").to_vector<std::uint8_t>();
      ASSERT_EQ(got, mask) << t.name;
      for (std::size_t i = 0; i < mask.size(); ++i)
        if (!mask[i]) std::fill_n(before.begin() + static_cast<std::ptrdiff_t>(i * t.type.bytes), t.type.bytes, '\0');
    }
    ASSERT_TRUE(before == after) << t.name;
  }
}

class PruneCheckpoint : public ::testing::Test {
 protected:
  const TemporaryFolder at;
  const fs::path in = at / "in", out = at / "out", masks = at / "masks";
  SafeTensors all;
  void SetUp() override {
    store_all(in);
    all = load_safetensors(in);
  }
  void prune(std::vector<std::string> args) {
    args.insert(args.begin(), {in, out, "--masks", masks});
    const Outcome o = prune_checkpoint(args);
    ASSERT_EQ(o.status, 0) << o.err;
    const std::string bytes = get(out), bits = get(masks);
    args.insert(args.end(), {"--threads", "1"});
    ASSERT_EQ(prune_checkpoint(args).status, 0);
    ASSERT_TRUE(get(out) == bytes && get(masks) == bits);  // whatever the threads
  }
};

TEST_F(PruneCheckpoint, MagnitudeOfALayerOfAllAndOfARow) {
  prune({"--sparsity", "0.7"});
  Masks want;
  for (const std::string& n : pruned_names) want[n] = lowest(sizes(all.at(n)), part_of(0.7, all.at(n).numel()));
  expect_pruned(in, out, masks, want);

  prune({"--sparsity", "0.35", "--scope", "global"});
  std::vector<double> scores;
  for (const std::string& n : pruned_names) {
    const auto s = sizes(all.at(n));
    scores.insert(scores.end(), s.begin(), s.end());
  }
  auto mask = lowest(scores, part_of(0.35, scores.size()));
  for (std::size_t begin = 0; const std::string& n : pruned_names) {
    want[n].assign(mask.begin() + static_cast<std::ptrdiff_t>(begin), mask.begin() + static_cast<std::ptrdiff_t>(begin + all.at(n).numel()));
    begin += all.at(n).numel();
  }
  expect_pruned(in, out, masks, want);

  prune({"--sparsity", "0.4", "--scope", "row", "--exclude", "f.large|conv"});
  want.erase("f.large"), want.erase("e.conv");
  for (auto& [n, m] : want) {
    const auto s = sizes(all.at(n));
    const std::size_t columns = all.at(n).size(1);
    m.clear();
    for (std::size_t i = 0; i < s.size(); i += columns) {
      const auto row =
          lowest({s.begin() + static_cast<std::ptrdiff_t>(i), s.begin() + static_cast<std::ptrdiff_t>(i + columns)}, part_of(0.4, columns));
      m.insert(m.end(), row.begin(), row.end());
    }
  }
  expect_pruned(in, out, masks, want);
}

TEST_F(PruneCheckpoint, OnlyF32AllTogether) {  // where keys of 32 bits do
  prune({"--sparsity", "0.9", "--scope", "global", "--include", "f32|bf16"});
  auto scores = sizes(all.at("a.f32"));
  const auto more = sizes(all.at("d.bf16"));
  scores.insert(scores.end(), more.begin(), more.end());
  const auto mask = lowest(scores, part_of(0.9, scores.size()));
  expect_pruned(in, out, masks, {{"a.f32", {mask.begin(), mask.begin() + 96}}, {"d.bf16", {mask.begin() + 96, mask.end()}}});
}

TEST_F(PruneCheckpoint, NOfEveryM) {
  for (const auto& [text, n, m] : {std::tuple("2:4", 2, 4), std::tuple("1:4", 1, 4), std::tuple("3:4", 3, 4)}) {
    prune({"--granularity", text});
    Masks want;
    for (const std::string& name : pruned_names) {
      const Tensor w = all.at(name);
      const auto s = sizes(w);
      const std::int64_t columns = w.size(1), places = w.rank() == 4 ? 9 : 1;
      want[name].assign(s.size(), 1);
      for (std::int64_t o = 0; o < w.size(0); ++o)
        for (std::int64_t g = 0; g < columns; g += m)
          for (std::int64_t k = 0; k < places; ++k) {
            std::vector<double> group;
            for (std::int64_t j = 0; j < m; ++j) group.push_back(s[(o * columns + g + j) * places + k]);
            const auto kept = lowest(group, m - n);
            for (std::int64_t j = 0; j < m; ++j) want[name][(o * columns + g + j) * places + k] = kept[j];
          }
    }
    expect_pruned(in, out, masks, want);
  }
}

// The p-norm of every row, and what FPGM says of it; a block's sum.
TEST_F(PruneCheckpoint, FiltersAndBlocks) {
  auto rows = [&](const std::string& name) {
    const Tensor w = all.at(name);
    std::vector<std::vector<double>> r(w.size(0));
    for (std::int64_t i = 0; i < w.numel(); ++i) r[i / (w.numel() / w.size(0))].push_back(w.at(i));
    return r;
  };
  auto spread = [&](const std::string& name, const std::vector<std::uint8_t>& kept) {
    std::vector<std::uint8_t> mask;
    for (const std::uint8_t k : kept) mask.insert(mask.end(), all.at(name).numel() / static_cast<std::int64_t>(kept.size()), k);
    return mask;
  };
  for (const auto& [args, p] : {std::pair(std::vector<std::string>{"--criterion", "lp-filter"}, 2.0),
                                std::pair(std::vector<std::string>{"--criterion", "lp-filter", "--p", "3"}, 3.0),
                                std::pair(std::vector<std::string>{"--granularity", "filter"}, 1.0)}) {
    auto with = args;
    with.insert(with.end(), {"--sparsity", "0.5", "--exclude", "bf16|f64"});
    prune(with);
    Masks want;
    for (const std::string n : {"a.f32", "c.f16", "e.conv", "f.large"}) {
      std::vector<double> scores;
      for (const auto& r : rows(n)) {
        double sum = 0;
        for (const double x : r) sum += std::pow(std::abs(x), p);
        scores.push_back(std::pow(sum, 1 / p));
      }
      want[n] = spread(n, lowest(scores, part_of(0.5, scores.size())));
    }
    expect_pruned(in, out, masks, want);
  }

  prune({"--criterion", "fpgm", "--sparsity", "0.25", "--include", "f32|conv"});
  Masks want;
  for (const std::string n : {"a.f32", "e.conv"}) {
    const auto r = rows(n);
    std::vector<double> scores(r.size());
    for (std::size_t i = 0; i < r.size(); ++i)
      for (std::size_t j = 0; j < r.size(); ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < r[i].size(); ++k) sum += (r[i][k] - r[j][k]) * (r[i][k] - r[j][k]);
        scores[i] += std::sqrt(sum);
      }
    want[n] = spread(n, lowest(scores, part_of(0.25, scores.size())));
  }
  expect_pruned(in, out, masks, want);

  // Blocks of 3 x 5, smaller at the edges; those of both tensors compared together.
  prune({"--granularity", "block", "--block", "3x5", "--scope", "global", "--sparsity", "0.6", "--include", "f32|c.f16"});
  std::vector<double> scores;
  std::vector<std::size_t> blocks_before{0};
  for (const std::string n : {"a.f32", "c.f16"}) {
    const auto r = rows(n);
    for (std::size_t y = 0; y < r.size(); y += 3)
      for (std::size_t x = 0; x < r[0].size(); x += 5) {
        double sum = 0;
        for (std::size_t i = y; i < std::min(y + 3, r.size()); ++i)
          for (std::size_t j = x; j < std::min(x + 5, r[0].size()); ++j) sum += std::abs(r[i][j]);
        scores.push_back(sum);
      }
    blocks_before.push_back(scores.size());
  }
  const auto kept = lowest(scores, part_of(0.6, scores.size()));
  want.clear();
  for (std::size_t k = 0; const std::string n : {"a.f32", "c.f16"}) {
    const std::size_t columns = all.at(n).size(1), across = (columns + 4) / 5, first = blocks_before[k++];
    for (std::size_t i = 0; i < static_cast<std::size_t>(all.at(n).numel()); ++i)
      want[n].push_back(kept[first + i / columns / 3 * across + i % columns / 5]);
  }
  expect_pruned(in, out, masks, want);
}

TEST_F(PruneCheckpoint, Random) {
  auto stream = [](const std::string& n, int seed) { return Random(seed).derive("prune_checkpoint").derive(n); };
  for (const int seed : {1, 5}) {
    prune({"--criterion", "random", "--sparsity", "0.3", "--seed", std::to_string(seed)});
    Masks want;
    for (const std::string& n : pruned_names) {
      const Tensor s = prune::random_scores(all.at(n), stream(n, seed));
      std::vector<double> scores;
      for (std::int64_t i = 0; i < s.numel(); ++i) scores.push_back(s.at(i));
      want[n] = lowest(scores, part_of(0.3, scores.size()));
    }
    expect_pruned(in, out, masks, want);
  }
}

// What goes into each layer decides; Wanda keeps what it keeps bit for bit, SparseGPT moves it and rounds to the file's type.
TEST_F(PruneCheckpoint, WithActivations) {
  const fs::path calibration = at / "inputs";
  std::vector<Stored> inputs;
  for (const std::string n : {"a.f32", "b.f64", "c.f16", "d.bf16", "e.conv"}) {
    const Tensor w = all.at(n);
    Stored x = normal(std::string(n) + ".input", n == std::string("b.f64") ? "F64" : "F32", {200, w.numel() / w.size(0)}, 11 + inputs.size());
    for (std::size_t i = 0; i + 1 < x.values.size(); ++i) x.values[i + 1] += 0.7 * x.values[i];  // correlated
    inputs.push_back(x);
  }
  store(calibration, inputs);
  const SafeTensors seen = load_safetensors(calibration);
  const std::vector<std::string> small{"--calibration", calibration, "--exclude", "large"};
  auto problem = [&](const std::string& n) {
    prune::InputStatistics s(seen.at(n + ".input").size(1));
    s.add(seen.at(n + ".input"));
    return s;
  };
  for (const auto& [more, amount] : {std::pair(std::vector<std::string>{"--sparsity", "0.5"}, prune::LayerAmount{0.5, {}}),
                                     std::pair(std::vector<std::string>{"--granularity", "2:4"}, prune::LayerAmount{0.5, prune::NM{2, 4}})}) {
    std::vector<std::string> args{"--criterion", "wanda"};
    args.insert(args.end(), small.begin(), small.end());
    args.insert(args.end(), more.begin(), more.end());
    prune(args);
    Masks want;
    for (const std::string& n : pruned_names)
      if (n != "f.large") want[n] = prune::keep_by_row(n, prune::wanda_scores(all.at(n), problem(n).norms()), amount).to_vector<std::uint8_t>();
    expect_pruned(in, out, masks, want);

    args[1] = "sparsegpt";
    prune(args);
    const SafeTensors got = load_safetensors(out), got_masks = load_safetensors(masks);
    for (const auto& [n, unused] : want) {
      const auto c = prune::sparsegpt(n, all.at(n), problem(n).second_moments(), amount);
      ASSERT_EQ(got_masks.at(n + ".mask").to_vector<std::uint8_t>(), c.mask.to_vector<std::uint8_t>()) << n;
      std::int64_t moved = 0;
      for (std::int64_t i = 0; i < c.values.numel(); ++i) {
        const double v = c.values.at(i), x = got.at(n).at(i);
        const double step = n == "c.f16"    ? 0x1p-11 * std::abs(v) + 0x1p-25
                            : n == "d.bf16" ? 0x1p-8 * std::abs(v)
                                            : 0;  // half of the last place, or less
        ASSERT_TRUE(std::abs(x - v) <= step) << n << " " << i << ": " << x << " for " << v;
        ASSERT_EQ(x == 0, v == 0) << n;
        moved += x != 0 && x != all.at(n).at(i);
      }
      EXPECT_GT(moved, 10) << n;
    }
    EXPECT_EQ(got.at("f.large").to_vector<float>(), all.at("f.large").to_vector<float>());
  }
}

TEST_F(PruneCheckpoint, ReportsAndDryRuns) {
  prune({"--sparsity", "0.7"});
  const std::string bytes = get(out);
  fs::remove(out), fs::remove(masks);
  const Outcome o = prune_checkpoint({in, out, "--masks", masks, "--sparsity", "0.7", "--dry-run", "--report", at / "report.json"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(masks));
  const std::string report = get(at / "report.json");
  const auto w = sizes(all.at("a.f32"));
  const auto mask = lowest(w, 67);
  double squares = 0, kept = 0;
  for (std::size_t i = 0; i < w.size(); ++i) squares += w[i] * w[i], kept += mask[i] * w[i] * w[i];
  const std::string line = fmt::format("{:>12}  {:>12}  {:>8.4f}  {:>9.4f}", 96, 29, 29.0 / 96, std::sqrt(kept / squares));
  EXPECT_NE(o.out.find(line), std::string::npos) << line << "\n" << o.out;
  EXPECT_NE(report.find("\"kept\": 29"), std::string::npos) << report;
  EXPECT_NE(report.find("\"dry_run\": true"), std::string::npos);
  EXPECT_NE(report.find("\"norm_kept\""), std::string::npos);
  EXPECT_EQ(prune_checkpoint({in, "--sparsity", "0.7", "--dry-run"}).status, 0);  // needs no output's name
  EXPECT_EQ(prune_checkpoint({in, out, "--sparsity", "0.7"}).status, 0);
  EXPECT_TRUE(get(out) == bytes);
  EXPECT_EQ(prune_checkpoint({out, out.string() + "2", "--sparsity", "0.7"}).status, 0);  // zeros count, and go first
  EXPECT_TRUE(get(out.string() + "2") == bytes);
}

}  // namespace
}  // namespace bonsai::test
