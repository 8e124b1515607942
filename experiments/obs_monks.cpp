// Optimal Brain Surgeon on the MONK's problems: how many weights does each criterion leave before a network that knows its training
// set makes its first new mistake? Hassibi and Stork, NIPS 1992, table 1: 58 -> 14, 39 -> 15 and 39 -> 4 weights.
//
//   ./bonsai run obs_monks              11 seeds a problem, as many minimisations; the published training sets if they are there
//   ./bonsai run obs_monks --quick      2 seeds
//
// Networks with tanh hidden units and one sigmoid output, half mean squared error and weight decay, trained to a minimum with Newton's
// method; weights and biases are both counted and both pruned, as in the paper.
#include <fmt/format.h>

#include "datasets/published.h"
#include "experiments/common/figures.h"
#include "experiments/common/parts.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/small_nets.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"
#include "prune/recovery/rewind.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Problem {
  const char* name;
  int number;
  std::int64_t hidden;
  double decay, wanted;                              // percent of the training set that a network must know to be pruned
  int paper_before, paper_after;                     // weights
  double paper_train, paper_test;                    // percent, of the pruned network
};
const Problem problems[] = {{"monks-1", 1, 3, 1e-3, 100, 58, 14, 100, 100},
                            {"monks-2", 2, 2, 1e-3, 100, 39, 15, 100, 100},
                            {"monks-3", 3, 2, 1e-2, 93, 39, 4, 93.4, 97.2}};

struct Arm {
  const char *name, *criterion, *label;
  bool retrain;
};
const Arm arms[] = {{"obs", "obs", "OBS", false},
                    {"obs_retrained", "obs", "OBS, retrained", true},
                    {"obd", "obd", "OBD", false},
                    {"magnitude", "magnitude-global", "magnitude", false}};

const std::string header = "problem,seed,restarts,arm,weights,train_accuracy,test_accuracy,loss,damping";

std::int64_t kept(const SmallNet& s) {
  std::int64_t n = 0;
  for (const nn::Parameter* p : s.net->parameters()) n += p->kept();
  return n;
}

// clang-format off
// the experiment
// One problem and seed: a row for the trained network and one for each network on the way down, as long as it knows its training set.
std::string prune_until_it_fails(const Problem& problem, const datasets::Monks& data, std::int64_t seed) {
  SmallNet s = monks_net(data, problem.name, problem.hidden, problem.decay);
  const int restarts = train_to_minimum(s, Random(seed).derive(problem.name), problem.wanted);  // 1. train a network to minimum error
  const std::vector<nn::Parameter*> parameters = s.net->parameters();
  const std::vector<Tensor> trained = prune::snapshot(parameters);
  const double dense = s.train_accuracy();
  std::string rows;
  for (const Arm& arm : arms) {
    for (nn::Parameter* p : parameters) p->clear_mask();
    prune::rewind(parameters, trained);
    double damping = 0;
    while (s.train_accuracy() >= dense) {                                    // 5. until no weight can go without large increase in error
      rows += fmt::format("{},{},{},{},{},{},{},{},{}\n", problem.name, seed, restarts, arm.name, kept(s), s.train_accuracy(),
                          s.test_accuracy(), s.objective().item(), damping);
      if (kept(s) == 1) break;
      const prune::Surgery step = prune::propose(prune::method(arm.criterion), s.score_inputs(), {1});  // 2., 3. H⁻¹, and the q of least s_q
      prune::apply(step, parameters);                                        // 4. delete it and, if OBS says so, move the others
      damping = step.damping;
      if (arm.retrain) s.minimise();
    }
  }
  return rows;
}
// end
// clang-format on

// What the smallest network of each seed is, over the seeds.
struct Smallest {
  std::vector<double> weights, train, test;
};

Smallest smallest(const std::vector<Cells>& rows, const std::string& problem, const std::string& arm) {
  Smallest s;
  std::string seed;
  for (const Cells& r : rows) {
    if (r[0] != problem || r[3] != arm) continue;
    if (r[1] != seed)
      for (auto* v : {&s.weights, &s.train, &s.test}) v->push_back(0);
    seed = r[1];
    s.weights.back() = to_number(r[4]);  // (the last row of a seed is its smallest network)
    s.train.back() = to_number(r[5]);
    s.test.back() = to_number(r[6]);
  }
  return s;
}

// Of the seed with the fewest weights, the better one on the test set among equals.
std::size_t best(const Smallest& s) {
  std::size_t b = 0;
  for (std::size_t i = 1; i < s.weights.size(); ++i)
    if (s.weights[i] < s.weights[b] || (s.weights[i] == s.weights[b] && s.test[i] > s.test[b])) b = i;
  return b;
}

std::string summary_of(const std::vector<Cells>& rows, const std::string& command, const std::vector<datasets::Monks>& data) {
  Summary summary;
  summary.put({"command"}, command);
  for (const Problem& p : problems) {
    const Summary::Path at{"problems", p.name};
    auto path = [&](std::initializer_list<std::string> more) {
      Summary::Path all = at;
      all.insert(all.end(), more);
      return all;
    };
    summary.put(path({"training_set"}), std::string(data[p.number - 1].published ? "published" : "drawn"));
    double restarts = 0;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (rows[i][0] == p.name && (i == 0 || rows[i - 1][1] != rows[i][1] || rows[i - 1][0] != rows[i][0])) restarts += to_number(rows[i][2]);
    summary.put(path({"restarts"}), restarts);
    for (const Arm& arm : arms) {
      const Smallest s = smallest(rows, p.name, arm.name);
      summary.put(path({arm.name, "weights", "median"}), median(s.weights));
      summary.put(path({arm.name, "weights", "best"}), s.weights[best(s)]);
      summary.put(path({arm.name, "train_accuracy", "median"}), median(s.train));
      summary.put(path({arm.name, "train_accuracy", "best"}), s.train[best(s)]);
      summary.put(path({arm.name, "test_accuracy", "median"}), median(s.test));
      summary.put(path({arm.name, "test_accuracy", "best"}), s.test[best(s)]);
    }
    summary.put(path({"paper", "weights_before"}), p.paper_before);
    summary.put(path({"paper", "obs", "weights"}), p.paper_after);
    summary.put(path({"paper", "obs", "train_accuracy"}), p.paper_train);
    summary.put(path({"paper", "obs", "test_accuracy"}), p.paper_test);
  }
  return summary.json();
}

std::string table_of(const std::vector<Cells>& rows, std::int64_t seeds) {
  std::string out = fmt::format("weights left, training and test accuracy in percent; median over {} seeds (in brackets the fewest weights)\n\n", seeds);
  out += fmt::format("{:<16}", "");
  for (const Problem& p : problems) out += fmt::format(" | {:^28}", fmt::format("{} ({} weights)", p.name, p.paper_before));
  out += fmt::format("\n{:<16}", "the paper's OBS");
  for (const Problem& p : problems) out += fmt::format(" | {:>4}      {:>6.1f} / {:>6.1f}   ", p.paper_after, p.paper_train, p.paper_test);
  for (const Arm& arm : arms) {
    out += fmt::format("\n{:<16}", arm.label);
    for (const Problem& p : problems) {
      const Smallest s = smallest(rows, p.name, arm.name);
      out += fmt::format(" | {:>4} {:>4} {:>6.1f} / {:>6.1f}   ", median(s.weights), fmt::format("({})", s.weights[best(s)]), median(s.train), median(s.test));
    }
  }
  return out + "\n";
}

// The way down: the objective against the weights left, a line a seed, which ends where the next deletion would be a mistake too many.
void draw(const std::vector<Cells>& rows, const RunFolder& folder, const std::string& source) {
  const char* colours[] = {"#1f5fbf", "#7a3fb0", "#2f8f4e", "#d9651a"};
  std::string data, panels, left[std::size(arms)];
  int index = 0;
  for (const Problem& p : problems) {
    std::string plots, labels;
    for (std::size_t a = 0; a < std::size(arms); ++a) {
      std::string lines, ends, last;
      for (const Cells& r : rows) {
        if (r[0] != p.name || r[3] != arms[a].name) continue;
        const std::string point = r[4] + " " + r[7] + "\n";
        if (to_number(r[4]) == p.paper_before) {  // the whole network: a new seed
          ends += last;
          lines += lines.empty() ? "" : "\n";
        }
        lines += point;
        last = point;
      }
      data += fmt::format("# {} {}: weights left, objective; a block a seed; then where each ends\n{}\n\n{}{}\n\n", p.name, arms[a].name, lines, ends, last);
      plots += fmt::format("{}data index {} using 1:2 with lines linewidth 1.3 linecolor rgb '{}', data index {} using 1:2 with points pointtype 7 pointsize 0.9 linecolor rgb '{}'",
                           a == 0 ? "plot " : ", ", index, colours[a], index + 1, colours[a]);
      index += 2;
      labels += fmt::format("set label '{}: {} weights' at graph 0.04, graph {:.2f} left textcolor rgb '{}'\n", arms[a].label,
                            median(smallest(rows, p.name, arms[a].name).weights), 0.36 - 0.06 * static_cast<double>(a), colours[a]);
    }
    labels += fmt::format("set arrow from {0}, graph 0 to {0}, graph 1 nohead dashtype 3 linecolor rgb '#000000'\n", p.paper_after);
    labels += fmt::format("set label 'the paper: {} ' at {}, graph 0.06 right\n", p.paper_after, p.paper_after + 0.5);
    panels += fmt::format("set title '{}'\nset xrange [{}:0]\nset yrange [0:*]\nset ylabel 'objective'\nset rmargin 3\nunset label\nunset arrow\n{}{}\n", p.name,
                          p.paper_before + 1, labels, plots);
    for (std::size_t a = 0; a < std::size(arms); ++a)
      left[a] += fmt::format("{}{}", left[a].empty() ? "" : ", ", median(smallest(rows, p.name, arms[a].name).weights));
  }
  const std::string script = fmt::format(R"gp(set multiplot layout 1,3 title "Weights left before the first new mistake: OBS {}; OBD {}; magnitude {}\n{{/*0.8 medians; {}}}"
set xlabel 'weights left'
set grid linecolor rgb '#dddddd'
unset key
)gp",
                                         left[0], left[2], left[3], source);
  plot(folder.file("figures"), "monks", data, script + panels + "unset multiplot\n", 1500, 520);
}

void run(int argc, char** argv) {
  Options o("obs_monks",
            "Optimal Brain Surgeon on the MONK's problems, after Hassibi and Stork (NIPS 1992): a network at a minimum loses one weight\n"
            "after the other, by OBS, OBD or magnitude, until it makes its first new mistake on the training set.",
            {2, 11, 11});
  if (!o.parse(argc, argv)) return;
  std::vector<datasets::Monks> data;
  for (const Problem& p : problems) {
    data.push_back(datasets::load_monks(datasets::data_directory(o.data_dir), p.number, o.seed));
    o.fact(fmt::format("{} training set", p.name), data.back().published ? "published" : "drawn", data.back().published);
  }
  RunFolder folder(o, "monks");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  folder.begin();
  for (const datasets::Monks& m : data) fmt::print("{}\n", m.origin);

  std::vector<Part> parts;
  for (const Problem& p : problems)
    for (std::int64_t trial = 0; trial < o.trials; ++trial) {
      const std::int64_t seed = o.seed + trial;
      parts.push_back({fmt::format("{}-{:04}", p.name, trial), [&, seed] { return prune_until_it_fails(p, data[p.number - 1], seed); },
                       fmt::format("{}, seed {}", p.name, seed)});
    }
  compute_parts(folder, o, header, parts, "networks", 2.0 * static_cast<double>(parts.size()));

  std::vector<Cells> rows;
  for (const Part& p : parts)
    for (Cells& r : cells(folder, header, p.id)) rows.push_back(std::move(r));
  const std::string command = "./bonsai run obs_monks" + o.command_line();
  const std::string source = fmt::format("seeds {} to {}; {}", o.seed, o.seed + o.trials - 1, command);
  draw(rows, folder, gnuplot_text(source));
  present(folder, {"Optimal Brain Surgeon on the MONK's problems",
                   {{"monks.svg", "The objective as weights go, one line a seed; each ends before its first new mistake on the training set. " + source}},
                   table_of(rows, o.trials), summary_of(rows, command, data)});
  fmt::print("Next: ./bonsai run saliency_faceoff\n");
}

}  // namespace

int main(int argc, char** argv) {
  return program("obs_monks", [&] { run(argc, argv); });
}
