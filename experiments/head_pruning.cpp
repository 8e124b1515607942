// Attention heads: how many does a transformer need, and which? Train, score the heads, cut the least one out of q, k, v and out for good, and again.
// Michel, Levy and Neubig, "Are sixteen heads really better than one?", NeurIPS 2019, whose importance is the loss's reaction to a gate on a head.
//
//   ./bonsai run head_pruning               MNIST's rows as 28 tokens, 2 blocks of 8 heads; and 20 networks with planted heads
//   ./bonsai run head_pruning --quick       a first look
//   ./bonsai run head_pruning --paper       a longer training, three trials (the paper's own networks are BERT and WMT's, of 144 and 288 heads)
//
// On MNIST nobody knows which heads are needed; leaving each one out in turn (criterion "loss") measures it, at many times the cost. In the planted
// task (common/planted_heads.h) it is known. Read `experiment` first. The chapter is README.md, in this folder.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/head_report.h"
#include "experiments/common/heads.h"
#include "experiments/common/parts.h"
#include "experiments/common/planted_heads.h"
#include "experiments/common/program.h"
#include "experiments/common/progress.h"
#include "experiments/common/report.h"
#include "experiments/common/trained.h"
#include "experiments/common/trainings.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "prune/latency.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

constexpr std::int64_t rows = 28, model = 64, hidden = 128;

struct Settings {
  std::int64_t iterations, fine_tune, batch, examples, test, blocks, heads, seeds;
  double lr, fine_tune_lr;
  std::string dataset, criteria_text;
  std::vector<std::string> criteria;
};

void declare(Options& o, Settings& s) {
  o.text("--dataset", s.dataset, "mnist", "whose rows to learn", {"mnist", "fashion-mnist"});
  o.text("--criteria", s.criteria_text, "importance,loss,norm,random", "what decides which head goes: importance, loss, norm, random");
  o.integer("--iterations", s.iterations, {150, 2000, 10000}, "of the training", 1, 100'000'000);
  o.integer("--fine-tune", s.fine_tune, {5, 50, 200}, "steps after each head that goes, where there is fine-tuning", 1, 1'000'000);
  o.integer("--batch", s.batch, 64, "examples a step", 1, 60000);
  o.real("--lr", s.lr, 1e-3, "Adam's learning rate; it falls to 0 along a cosine", 1e-12, 1e3);
  o.real("--fine-tune-lr", s.fine_tune_lr, 3e-4, "the same of fine-tuning, where it stays", 1e-12, 1e3);
  o.integer("--examples", s.examples, {200, 1000, 5000}, "of the training set, to score heads by", 1, 60000);
  o.integer("--test", s.test, {500, 5000, 10000}, "examples of the test set, to measure on", 64, 10000);
  o.integer("--blocks", s.blocks, 2, "of the transformer", 1, 12);
  o.integer("--heads", s.heads, {4, 8, 8}, "of each block; they share its 64 numbers a token", 1, 64);
  o.integer("--planted-seeds", s.seeds, {3, 20, 20}, "networks with planted heads", 1, 1000);
}

void check(Settings& s) {
  s.criteria = words_in("--criteria", s.criteria_text, head_criteria);
  require(model % s.heads == 0, "--heads {}: does not divide the {} numbers of a token", s.heads, model);
  require(s.heads > 1, "--heads 1: of each block one head stays, so there is nothing to prune; take 2 or more");
}

struct Data {
  datasets::Dataset train;
  Examples test;
};

Data load(const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  const datasets::Dataset train = load_pictures(s.dataset, folder, true), test = load_pictures(s.dataset, folder, false);
  require(s.batch <= train.size(), "--batch {}: there are only {} training examples", s.batch, train.size());
  return {train, {slice(datasets::as_floats(test), 0, 0, s.test), slice(test.labels, 0, 0, s.test)}};
}

// A network, what to score and what to test it by.
struct Task {
  std::string name;
  std::int64_t trial;
  std::unique_ptr<nn::Sequential> net;
  std::int64_t head_size;
  Batch examples;
  Tensor test_inputs, test_labels;
  BatchSource batches;         // to fine-tune with
  std::vector<int> needed = {};  // heads; empty: nobody knows
};

// The transformer of each trial: trained when it is first asked for, and once, whoever asks.
class Trained {
 public:
  Trained(const Settings& s, const Options& o, const Data& data) : s_(s), seed_(o.seed), data_(data), trials_(o.trials) {}

  Task rows_task(std::int64_t trial) {
    Trial& t = trials_[trial];
    std::call_once(t.once, [&] { t.values = train(trial); });
    Task task{"rows", trial, network(), model / s_.heads, datasets::Batches(data_.train, s_.examples, stream(trial, "examples"))(0), data_.test.inputs, data_.test.labels,
              datasets::Batches(data_.train, s_.batch, stream(trial, "fine-tuning"))};
    for (std::size_t i = 0; i < t.values.size(); ++i) task.net->parameters()[i]->set(t.values[i]);
    return task;
  }
  std::unique_ptr<nn::Sequential> network() const {
    return nn::transformer({.tokens = rows, .features = rows, .model = model, .heads = s_.heads, .hidden = hidden, .blocks = s_.blocks, .classes = 10});
  }

 private:
  Random stream(std::int64_t trial, const char* purpose) const { return Random(seed_).derive("trial").derive(trial).derive(purpose); }
  std::vector<Tensor> train(std::int64_t trial) const {
    auto net = network();
    nn::initialize(*net, {}, stream(trial, "init"));
    nn::Adam adam(net->parameters());
    nn::train(*net, adam, datasets::Batches(data_.train, s_.batch, stream(trial, "batches")),
              {.iterations = s_.iterations, .rate = nn::warmup(std::min<std::int64_t>(100, s_.iterations), nn::cosine(s_.lr, s_.iterations))});
    std::vector<Tensor> values;
    for (const nn::Parameter* p : net->parameters()) values.push_back(p->dense_values());
    return values;
  }

  struct Trial {
    std::once_flag once;
    std::vector<Tensor> values;
  };
  const Settings& s_;
  std::int64_t seed_;
  const Data& data_;
  std::vector<Trial> trials_;
};

Task planted_task(std::int64_t seed, const Options& o) {
  const Random random = Random(o.seed).derive("planted").derive(seed);
  PlantedHeads p = plant_heads(random);
  const Batch test = marked_values(500, random.derive("test"));
  return {"planted", seed, std::move(p.net), PlantedHeads::head_size, marked_values(500, random.derive("examples")), test.inputs, test.labels, {}, p.planted};
}

// Heads go one by one, by a criterion that is asked anew each time; `fine_tune` steps of training after each.
std::string remove_heads(Task task, const std::string& criterion, const Settings& s, const Options& o, std::int64_t fine_tune) {
  std::string text;
  auto measured = [&](const HeadsLeft& left, int block, int head, double cut_minus_masked) {
    const int needed = task.needed.empty() || head < 0 ? -1 : std::ranges::binary_search(task.needed, head);
    std::int64_t parameters = 0;
    for (const nn::Parameter* p : task.net->parameters()) parameters += p->numel();
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", task.name, task.trial, criterion, fine_tune, count(left), block, head, needed,
                        nn::evaluate(*task.net, task.test_inputs, task.test_labels).accuracy, parameters, cut_minus_masked);
  };
  const Random random = Random(o.seed).derive(criterion).derive(task.name).derive(task.trial);
  // clang-format off
  // the experiment
  HeadsLeft left = heads_of(*task.net, task.head_size);                                                   // 1. a trained network
  measured(left, -1, -1, 0);
  for (std::int64_t round = 0; count(left) > static_cast<std::int64_t>(left.size()); ++round) {
    const HeadScores scores = score_heads(criterion, *task.net, left, task.examples.inputs, task.examples.labels, random.derive(round));
    const Head least = lowest(scores);                                                                    // 2. the head with the least score
    const int block = least.layer, head = left[block].heads[least.place];
    const double difference = remove_head(*task.net, left, least, slice(task.test_inputs, 0, 0, 64));     // 3. is cut out: smaller weights
    if (fine_tune > 0) {
      nn::Adam adam(task.net->parameters());
      nn::train(*task.net, adam, task.batches, {.first = round * fine_tune, .iterations = (round + 1) * fine_tune, .rate = nn::constant(s.fine_tune_lr)});
    }
    measured(left, block, head, difference);                                                              // 4. test, and again
  }
  // end
  // clang-format on
  return text;
}

std::vector<Part> parts_of(Trained& trained, const Settings& s, const Options& o) {
  std::vector<Part> parts;
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    for (const std::int64_t fine_tune : {std::int64_t{0}, s.fine_tune})
      for (const std::string& c : s.criteria)
        parts.push_back({rows_part(trial, c, fine_tune), [&, trial, fine_tune, c] { return remove_heads(trained.rows_task(trial), c, s, o, fine_tune); },
                         c + (fine_tune ? ", fine-tuned" : "")});
  for (const std::string& c : s.criteria)
    parts.push_back({planted_part(c),
                     [&, c] {
                       std::string text;
                       for (std::int64_t seed = 0; seed < s.seeds; ++seed) text += remove_heads(planted_task(seed, o), c, s, o, 0);
                       return text;
                     },
                     c + ", planted"});
  return parts;
}

// How long all of it would take in one thread, from a few steps and a test of a network that is thrown away.
double seconds_for(const Trained& trained, const Settings& s, const Options& o, const Data& data) {
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  auto net = trained.network();
  nn::initialize(*net, {}, Random(0));
  nn::Adam adam(net->parameters());
  const datasets::Batches batches(data.train, s.batch, Random(0));
  nn::train(*net, adam, batches, {.iterations = 3, .rate = nn::constant(s.lr)});
  const auto t0 = Clock::now();
  nn::train(*net, adam, batches, {.first = 3, .iterations = 13, .rate = nn::constant(s.lr)});
  const double step = since(t0) / 10;
  const std::int64_t few = std::min<std::int64_t>(500, s.test);
  const auto t1 = Clock::now();
  nn::evaluate(*net, slice(data.test.inputs, 0, 0, few), slice(data.test.labels, 0, 0, few));
  const double example = since(t1) / static_cast<double>(few);
  const double rounds = static_cast<double>(s.blocks * (s.heads - 1)), all = static_cast<double>(s.blocks * s.heads);
  double seconds = static_cast<double>(s.iterations) * step;
  for (const std::string& c : s.criteria) {
    const double score = c == "loss" ? all / 2 * static_cast<double>(s.examples) : c == "importance" ? 3 * static_cast<double>(s.examples) : 0;
    seconds += 2 * rounds * example * (score + static_cast<double>(s.test)) + rounds * static_cast<double>(s.fine_tune) * step;
  }
  return static_cast<double>(o.trials) * seconds + 0.15 * static_cast<double>(s.seeds * static_cast<std::int64_t>(s.criteria.size()));
}

// How much faster the first criterion's networks are, half of the way and at its end. A time is no result: it goes onto the screen and into timing.json.
void measure(const HeadRuns& result, const Trained& trained, const Data& data, RunFolder& folder) {
  const HeadRuns::Curve& curve = result.rows.at({result.criteria.front(), false});
  const std::vector<std::size_t> gone{0, curve.gone.size() / 2, curve.gone.size()};
  std::vector<std::unique_ptr<nn::Sequential>> nets;
  std::vector<nn::Module*> modules;
  for (const std::size_t g : gone) {
    nets.push_back(trained.network());
    nn::initialize(*nets.back(), {}, Random(0));
    modules.push_back(nets.back().get());
    HeadsLeft left = heads_of(*nets.back(), model / result.heads);
    for (std::size_t k = 0; k < g; ++k) {
      const auto [block, head] = curve.gone[k];
      const auto place = std::ranges::find(left[block].heads, head) - left[block].heads.begin();
      remove_head(*nets.back(), left, {block, static_cast<int>(place)}, slice(data.test.inputs, 0, 0, 1));
    }
  }
  set_threads(hardware_threads());
  for (const std::int64_t batch : {64, 1}) {
    const auto times = prune::latencies(modules, data.test.inputs, batch);
    std::string line = fmt::format("measured, batch {}:", batch);
    for (std::size_t i = 0; i < gone.size(); ++i) {
      line += fmt::format(" {} heads {:.2f} ms{}", curve.left[gone[i]], 1e3 * times[i].median, i == 0 ? ";" : fmt::format(", {:.2f} times as fast;", times[0].median / times[i].median));
      folder.add_time(fmt::format("forward, batch {}, {} heads", batch, curve.left[gone[i]]), times[i].median);
    }
    line.back() = '\n';
    fmt::print("{}", line);
  }
}

void run(int argc, char** argv) {
  Options o("head_pruning",
            "How many attention heads does a transformer need, and which? After Michel, Levy and Neubig (NeurIPS 2019): on MNIST read row by row, and\n"
            "on a task of which it is known which heads are needed. Heads are really cut out.",
            {1, 1, 3});
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s);
  RunFolder folder(o, s.dataset);
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  const Data data = load(s, o);
  folder.begin();

  const auto began = std::chrono::steady_clock::now();
  Trained trained(s, o, data);
  const std::vector<Part> parts = parts_of(trained, s, o);
  compute_parts(folder, o, head_pruning_header, parts, "removals", seconds_for(trained, s, o, data));
  HeadRuns result{.criteria = s.criteria,
                  .trials = o.trials,
                  .seeds = s.seeds,
                  .fine_tuning = s.fine_tune,
                  .blocks = s.blocks,
                  .heads = s.heads,
                  .command = "./bonsai run head_pruning" + o.command_line(),
                  .about = fmt::format("seed {}{}", o.seed, o.trials > 1 ? fmt::format(", {} trials", o.trials) : "")};
  result.read(folder);
  measure(result, trained, data, folder);
  result.show(folder);
  fmt::print("took {}. Next: ./bonsai run head_pruning --dataset {} --seed {}\n",
             duration(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()), s.dataset == "mnist" ? "fashion-mnist" : "mnist", o.seed + 1);
}

}  // namespace

int main(int argc, char** argv) {
  return program("head_pruning", [&] { run(argc, argv); });
}
