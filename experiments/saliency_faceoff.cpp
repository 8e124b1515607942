// Which score tells the truth? On networks small enough, every weight is deleted for real and the change of the objective measured: once
// with the others left alone, once after they have settled in the nearest minimum without it. Then each score is asked what it had said.
// LeCun, Denker and Solla (NIPS 1989) drew predicted against actual change for OBD; Hassibi and Stork (NIPS 1992) argued with XOR.
//
//   ./bonsai run saliency_faceoff             five networks, up to 2,410 weights
//   ./bonsai run saliency_faceoff --quick     smaller digits
//
// Read `face_off` first. What the truth is stands in common/small_nets.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/derivatives.h"
#include "datasets/mnist.h"
#include "datasets/published.h"
#include "datasets/toys.h"
#include "experiments/common/figures.h"
#include "experiments/common/parts.h"
#include "experiments/common/program.h"
#include "experiments/common/report.h"
#include "experiments/common/small_nets.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"
#include "prune/recovery/rewind.h"
#include "prune/scores/obs/inverse.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::string nets_text, criteria_text;
  std::vector<std::string> nets, criteria;
  std::int64_t minima, digits_hidden, digits_examples, digits_refitted;
};

const std::vector<std::string> all_nets{"xor", "monks-1", "monks-1-wd1e-4", "monks-3", "digits"};

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string w; std::getline(in, w, ',');) words.push_back(w);
  return words;
}

void check(Settings& s) {
  s.nets = listed(s.nets_text);
  s.criteria = listed(s.criteria_text);
  require(!s.nets.empty() && !s.criteria.empty(), "--nets and --criteria need at least one name each");
  for (const std::string& n : s.nets)
    require(std::count(all_nets.begin(), all_nets.end(), n) == 1, "--nets: \"{}\" is not one of xor, monks-1, monks-1-wd1e-4, monks-3, digits", n);
  for (const std::string& c : s.criteria)
    require(prune::method(c).needs != prune::Needs::training, "--criteria: {} scores a training, and there is none here", c);
  for (const auto* names : {&s.nets, &s.criteria})
    for (const std::string& n : *names) require(std::count(names->begin(), names->end(), n) == 1, "\"{}\" is named twice", n);
}

SmallNet network(const std::string& name, const Settings& s, const Options& o) {
  const auto folder = datasets::data_directory(o.data_dir);
  if (name == "xor") {
    const datasets::Dataset d = datasets::xor_set();
    return sigmoid_net(name, 2, 1e-4, d.inputs, d.labels);
  }
  if (name == "digits") return digits_net(datasets::load_mnist(folder, true), s.digits_examples, s.digits_hidden, 1e-3);
  if (name == "monks-3") return monks_net(datasets::load_monks(folder, 3, o.seed), name, 2, 1e-2);
  return monks_net(datasets::load_monks(folder, 1, o.seed), name, 3, name == "monks-1" ? 1e-3 : 1e-4);
}

// What a network must know of its training set before it is worth asking.
double wanted(const std::string& name) { return name == "monks-3" ? 93 : name == "digits" ? 95 : 100; }

// One row a weight and criterion ("score"), and one a criterion and number of weights deleted together ("curve").
const std::string header = "net,trial,kind,criterion,index,value,truth,truth_compensated";
std::vector<double> sparsities(const std::string& net) {
  if (net == "digits") return {0.2, 0.4, 0.6, 0.8, 0.9};
  return {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
}

double value(const SmallNet& s) {
  NoGrad off;
  return s.objective().item();
}

Tensor flat_scores(const prune::Method& m, const prune::ScoreInputs& in) {
  Tensors all;
  for (const Tensor& t : m.score(in)) all.push_back(cast(t.detach(), DType::f64));
  return join(all);
}

// The weights whose truth after settling is asked for: all of a small network, a seeded sample of a large one.
std::vector<char> asked(std::int64_t n, std::int64_t sample, Random random) {
  std::vector<char> yes(static_cast<std::size_t>(n), n <= sample);
  const Tensor order = random.permutation(n);
  for (std::int64_t i = 0; n > sample && i < sample; ++i) yes[static_cast<std::size_t>(order.data<std::int64_t>()[i])] = 1;
  return yes;
}

// clang-format off
// the experiment
std::string face_off(const std::string& name, std::int64_t trial, const Settings& settings, const Options& o) {
  const Random random = Random(o.seed).derive(name).derive(static_cast<std::uint64_t>(trial));
  SmallNet s = network(name, settings, o);
  train_to_minimum(s, random.derive("init"), wanted(name), name == "digits" ? 1 : static_cast<int>(settings.minima));  // 1. train to a minimum
  nn::Flat weights(s.net->parameters());
  const std::vector<Tensor> trained = prune::snapshot(s.net->parameters());
  const Tensor inverse = prune::damped_inverse(weights.hessian(s.objective())).inverse;
  const std::vector<char> settle = asked(weights.size(), name == "digits" ? settings.digits_refitted : weights.size(), random.derive("sample"));

  std::vector<double> alone, compensated;                                     // 2. delete each weight for real
  for (std::int64_t q = 0; q < weights.size(); ++q) {
    alone.push_back(change_alone(s, q));
    compensated.push_back(!settle[q] ? std::nan("") : name == "digits" ? change_settled(s, inverse, q) : change_compensated(s, q));
  }
  std::string rows;
  for (const std::string& criterion : settings.criteria) {
    const prune::Method& m = prune::method(criterion);
    prune::ScoreInputs in = s.score_inputs();
    in.random = random.derive("scores");
    const Tensor scores = flat_scores(m, in);                                 // 3. what does the score say?
    for (std::int64_t q = 0; q < weights.size(); ++q)
      rows += fmt::format("{},{},score,{},{},{},{},{}\n", name, trial, criterion, q, scores.at(q), alone[q], compensated[q]);
    for (double sparsity : sparsities(name)) {                                // 4. delete its lowest together, others moving if it says so
      const std::int64_t remove = prune::count(sparsity, weights.size());
      if (m.operate) {  // from where the last deletions have left the network, with the curvature there
        std::int64_t kept = 0;
        for (const nn::Parameter* p : in.parameters) kept += p->kept();
        prune::apply(m.operate(in, kept - (weights.size() - remove)), in.parameters);
      } else {
        const Tensor mask = prune::remove_lowest({{name, scores, {}}}, remove)[0];
        weights.set(join(Tensors(trained.begin(), trained.end())) * cast(mask, DType::f64));
      }
      rows += fmt::format("{},{},curve,{},{},{},nan,nan\n", name, trial, criterion, remove, value(s));
    }
    for (nn::Parameter* p : in.parameters) p->clear_mask();
    prune::rewind(in.parameters, trained);
  }
  return rows;
}
// end
// clang-format on

// What one criterion said about one network, trial after trial.
struct Verdict {
  std::vector<double> spearman, pearson, spearman_compensated, first, best;  // first, best: mean true change of the first tenth, and of the least tenth
};

Verdict verdict(const std::vector<Cells>& rows, const std::string& net, const std::string& criterion, std::int64_t trials) {
  Verdict v;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    std::vector<double> score, truth, score_c, truth_c;
    for (const Cells& r : rows) {
      if (r[0] != net || r[1] != std::to_string(trial) || r[2] != "score" || r[3] != criterion) continue;
      score.push_back(to_number(r[5]));
      truth.push_back(to_number(r[6]));
      if (const double c = to_number(r[7]); !std::isnan(c)) score_c.push_back(score.back()), truth_c.push_back(c);
    }
    v.spearman.push_back(spearman(score, truth));
    v.pearson.push_back(pearson(score, truth));
    v.spearman_compensated.push_back(spearman(score_c, truth_c));
    const std::size_t k = std::max<std::size_t>(1, score.size() / 10);
    std::vector<std::pair<double, double>> order;
    for (std::size_t i = 0; i < score.size(); ++i) order.emplace_back(score[i], truth[i]);
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first < b.first; });
    std::sort(truth.begin(), truth.end());
    double first = 0, best = 0;
    for (std::size_t i = 0; i < k; ++i) first += order[i].second / static_cast<double>(k), best += truth[i] / static_cast<double>(k);
    v.first.push_back(first);
    v.best.push_back(best);
  }
  return v;
}

std::int64_t weights_of(const std::vector<Cells>& rows, const std::string& net, const Settings& s) {
  return std::count_if(rows.begin(), rows.end(), [&](const Cells& r) { return r[0] == net && r[1] == "0" && r[2] == "score" && r[3] == s.criteria[0]; });
}

std::string summary_of(const std::vector<Cells>& rows, const Settings& s, const Options& o, const std::string& command) {
  Summary summary;
  summary.put({"command"}, command);
  for (const std::string& net : s.nets)
    for (const std::string& c : s.criteria) {
      const Verdict v = verdict(rows, net, c, o.trials);
      summary.put({"nets", net, c, "spearman"}, mean(v.spearman));
      summary.put({"nets", net, c, "pearson"}, mean(v.pearson));
      summary.put({"nets", net, c, "spearman_compensated"}, mean(v.spearman_compensated));
      summary.put({"nets", net, c, "first_tenth_change"}, mean(v.first));
      summary.put({"nets", net, c, "least_tenth_change"}, mean(v.best));
    }
  return summary.json();
}

std::string table_of(const std::vector<Cells>& rows, const Settings& s, const Options& o) {
  std::string out;
  for (const std::string& net : s.nets) {
    const std::int64_t n = weights_of(rows, net, s);
    const double best = mean(verdict(rows, net, s.criteria[0], o.trials).best);
    out += fmt::format("{} ({} weights); the true change of its least tenth is {:.2e} each\n", net, n, best);
    out += fmt::format("  {:<18} {:>9} {:>9} {:>12} {:>22}\n", "score", "Spearman", "Pearson", "compensated", "change of its first 10%");
    for (const std::string& c : s.criteria) {
      const Verdict v = verdict(rows, net, c, o.trials);
      out += fmt::format("  {:<18} {:>9.3f} {:>9.3f} {:>12.3f} {:>22.2e}\n", c, mean(v.spearman), mean(v.pearson), mean(v.spearman_compensated), mean(v.first));
    }
  }
  return out + "Spearman and Pearson: with the change when the others stay; compensated: Spearman with the change after they have settled.\n";
}

// Predicted against true change, a column a network: OBD above, against the change alone; OBS below, against the compensated one.
void draw_scatter(const std::vector<Cells>& rows, const Settings& s, const RunFolder& folder, const Options& o, const std::string& source) {
  std::string data, panels, found;
  int index = 0;
  for (const std::string criterion : {"obd", "obs"}) {
    for (const std::string& net : s.nets) {
      const bool obs = criterion == "obs";
      const Verdict v = verdict(rows, net, criterion, o.trials);
      double low = 1e300, high = 0;
      std::string points;
      for (const Cells& r : rows) {
        if (r[0] != net || r[1] != "0" || r[2] != "score" || r[3] != criterion) continue;
        const double predicted = to_number(r[5]), truth = to_number(r[obs ? 7 : 6]);
        if (!(predicted > 1e-14 && truth > 1e-14)) continue;  // a logarithm shows what is above 0
        low = std::min({low, predicted, truth});
        high = std::max({high, predicted, truth});
        points += fmt::format("{} {}\n", predicted, truth);
      }
      const double rank = mean(obs ? v.spearman_compensated : v.spearman);
      data += fmt::format("# {} {}: predicted, true\n{}\n\n", net, criterion, points.empty() ? "1e-9 1e-9\n" : points);
      panels += fmt::format("set title '{}'\nset xlabel 'predicted by {}'\n{}set xrange [{}:{}]\nset yrange [{}:{}]\nunset label\nset label 'Spearman {:.3f}' at graph 0.05, graph 0.92\n", net,
                            obs ? "OBS" : "OBD", net == s.nets[0] ? fmt::format("set ylabel '{}'\n", obs ? "true, others settled" : "true, others stay") : "unset ylabel\n",
                            low / 2, high * 2, low / 2, high * 2, rank);
      panels += fmt::format("plot data index {} using 1:2 with points pointtype 7 pointsize 0.35 linecolor rgb '{}', x with lines linecolor rgb '#000000' dashtype 3\n", index++,
                            obs ? "#1f5fbf" : "#2f8f4e");
      if (net == "monks-1") found += fmt::format("{}{} {:.3f}", found.empty() ? "" : ", ", obs ? "OBS" : "OBD", rank);
    }
  }
  const std::string script = fmt::format(R"gp(set multiplot layout 2,{} title "Predicted against true change of the objective{}\n{{/*0.8 {}}}"
set logscale xy
set format xy '10^{{%L}}'
set xtics 100
set ytics 100
unset key
set tics font ',8'
)gp",
                                         s.nets.size(), found.empty() ? "" : "; rank correlation on monks-1: " + found, source);
  plot(folder.file("figures"), "scatter", data, script + panels + "unset multiplot\n", 300 * static_cast<int>(s.nets.size()), 640);
}

// The objective as the lowest scores go together, a panel a network, a line a criterion.
void draw_curves(const std::vector<Cells>& rows, const Settings& s, const RunFolder& folder, const std::string& source) {
  static const std::vector<const char*> shades{"#d9651a", "#999999", "#c9a400", "#2f8f4e", "#7fbf7f", "#0f5f2e", "#1f5fbf", "#7fb0f0", "#7a3fb0", "#b3202c", "#5f3f1f", "#00a0a0"};
  std::string data, panels;
  int index = 0;
  for (const std::string& net : s.nets) {
    std::string plots;
    const std::int64_t n = weights_of(rows, net, s);
    for (std::size_t c = 0; c < s.criteria.size(); ++c) {
      data += fmt::format("# {} {}: sparsity, objective\n", net, s.criteria[c]);
      for (const Cells& r : rows)
        if (r[0] == net && r[1] == "0" && r[2] == "curve" && r[3] == s.criteria[c]) data += fmt::format("{} {}\n", to_number(r[4]) / static_cast<double>(n), r[5]);
      data += "\n\n";
      plots += fmt::format("{}data index {} using 1:2 with linespoints pointtype 7 pointsize 0.3 linewidth 1.6 linecolor rgb '{}' notitle", c == 0 ? "plot " : ", ", index++,
                           shades[c % shades.size()]);
    }
    panels += fmt::format("set title '{}'\n{}\n{}\nunset label\n", net, net == s.nets[0] ? "set ylabel 'objective'" : "unset ylabel", plots);
  }
  std::string names;  // one column for all panels, beside the last
  for (std::size_t c = 0; c < s.criteria.size(); ++c)
    names += fmt::format("set label '{}' at screen 0.9, screen {:.3f} left textcolor rgb '{}' font ',10'\n", s.criteria[c], 0.8 - 0.055 * static_cast<double>(c),
                         shades[c % shades.size()]);
  const std::string script = fmt::format(R"gp(set multiplot layout 1,{} margins 0.065,0.88,0.14,0.8 spacing 0.035 title "The objective as the lowest scores go together, without retraining (obs, obs-1993 and woodfisher move the others)\n{{/*0.8 {}}}"
set logscale y
set xlabel 'fraction deleted'
set xrange [0:1]
set grid linecolor rgb '#dddddd'
set tics font ',8'
)gp",
                                         s.nets.size(), source);
  plot(folder.file("figures"), "curves", data, script + names + panels + "unset multiplot\n", 320 * static_cast<int>(s.nets.size()), 480);
}

void run(int argc, char** argv) {
  Options o("saliency_faceoff",
            "Every score against the truth: networks at a minimum lose each weight for real, and the change of the objective, with the others\n"
            "left alone and after they have settled, is compared with what each criterion had said.",
            {1, 1, 5});
  Settings s;
  o.text("--nets", s.nets_text, "xor,monks-1,monks-1-wd1e-4,monks-3,digits", "the networks");
  o.text("--criteria", s.criteria_text, "magnitude,random,taylor,obd,obd-1990,obd-1990-positive,obs,obs-1993,woodfisher,synflow", "the scores, by their names in the registry");
  o.integer("--minima", s.minima, 10, "trainings of a small network, of which the lowest minimum is asked", 1, 40);
  o.integer("--digits-hidden", s.digits_hidden, {5, 40, 40}, "hidden units of the 49-h-10 network", 1, 100);
  o.integer("--digits-examples", s.digits_examples, {300, 1000, 1000}, "training images", 100, 60000);
  o.integer("--digits-refitted", s.digits_refitted, {40, 200, 2410}, "weights whose compensated truth is measured", 10, 10000);
  if (!o.parse(argc, argv)) return;
  check(s);
  for (const std::string& n : s.nets) {
    network(n, s, o);  // are the data there?
    if (n == "xor" || n == "digits") continue;
    const bool published = datasets::load_monks(datasets::data_directory(o.data_dir), n == "monks-3" ? 3 : 1, o.seed).published;
    o.fact(n + " training set", published ? "published" : "drawn", published);
  }
  RunFolder folder(o, "toys");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  folder.begin();

  const double weights = 60.0 * static_cast<double>(s.digits_hidden);  // of the digits; the Hessian and its inverses take their square
  auto seconds = [&](const std::string& net) { return net == "digits" ? 2 + 180 * (weights / 2400) * (weights / 2400) : 2.0; };
  std::vector<Part> parts;
  for (std::int64_t trial = 0; trial < o.trials; ++trial)
    for (const std::string& net : s.nets)
      parts.push_back({fmt::format("{}-{:04}", net, trial), [&, net, trial] { return face_off(net, trial, s, o); }, fmt::format("{}, trial {}", net, trial), seconds(net)});
  compute_parts(folder, o, header, parts, "networks");

  std::vector<Cells> rows;
  for (const Part& p : parts)
    for (Cells& r : cells(folder, header, p.id)) rows.push_back(std::move(r));
  const std::string command = "./bonsai run saliency_faceoff" + o.command_line();
  const std::string source = fmt::format("seed {}{}; {}", o.seed, o.trials > 1 ? ", first of several trials" : "", command);
  std::vector<Figure> figures;
  const auto has = [&](const char* c) { return std::count(s.criteria.begin(), s.criteria.end(), c) > 0; };
  if (has("obd") && has("obs")) {
    draw_scatter(rows, s, folder, o, gnuplot_text(source));
    figures.push_back({"scatter.svg", "Predicted against true change of the objective, a point a weight: OBD with the others left alone, OBS after they have settled. " + source});
  }
  draw_curves(rows, s, folder, gnuplot_text(source));
  figures.push_back({"curves.svg", "The objective as the lowest scores are deleted together, without retraining. " + source});
  present(folder, {"Every score against the truth", figures, table_of(rows, s, o), summary_of(rows, s, o, command)});
  fmt::print("Next: ./bonsai run obs_monks\n");
}

}  // namespace

int main(int argc, char** argv) {
  return program("saliency_faceoff", [&] { run(argc, argv); });
}
