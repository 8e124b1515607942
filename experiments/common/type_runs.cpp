#include "experiments/common/type_runs.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "experiments/common/figures.h"
#include "experiments/common/report.h"
#include "experiments/common/summary.h"
#include "nn/network_file.h"
#include "prune/report.h"

namespace bonsai::experiments {

void TypeRuns::measure(const RunFolder& folder, const Tensor& examples, int repeats) {
  set_threads(1);
  std::vector<std::unique_ptr<nn::Sequential>> nets;
  std::vector<nn::Module*> all;
  for (TypeRow& row : rows) {
    const auto record = from_csv({0, row.arm}, folder.part(TrainingId{0, row.arm}.str())).record;
    row.before = record.front().test.accuracy, row.after = record.back().test.accuracy;
    nets.push_back(row.network());
    all.push_back(nets.back().get());
    const prune::Share share = prune::report(*nets.back(), examples).all();
    row.parameters = share.size, row.kept = share.kept, row.macs = share.kept_macs;
  }
  for (const std::int64_t batch : {1, 64}) {
    const auto times = prune::latencies(all, examples, batch, {.warm_up = 2, .repeats = batch == 1 ? 5 * repeats : repeats});
    for (std::size_t i = 0; i < rows.size(); ++i) (batch == 1 ? rows[i].speedup1 : rows[i].speedup64) = times[0].median / times[i].median;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (nn::Parameter* p : nets[i]->parameters())
      if (rows[i].packed && p->is_masked() && p->packable()) p->pack();  // smaller in a file, whether it is faster or not
    rows[i].bytes = safetensors_size(nn::packed_view(*nets[i]));
  }
}

std::string TypeRuns::finding() const {
  const TypeRow& best = *std::ranges::max_element(rows, {}, &TypeRow::speedup64);
  return fmt::format("{}: fastest with {}, {:.1f} times, at {:.2f}% (all weights: {:.2f}%)", net, best.words, best.speedup64, best.after, rows[0].after);
}

std::string TypeRuns::table() const {
  const TypeRow& dense = rows[0];
  std::size_t width = 0;
  for (const TypeRow& r : rows) width = std::max(width, r.words.size());
  std::string out = fmt::format("{} on {}: {} parameters, {} multiply-adds, {} bytes; {} steps of training on\n\n{:<{}} {:>17} {:>12} {:>8} {:>16} {:>9} {:>9}\n", net, dataset, dense.parameters, dense.macs,
                                dense.bytes, iterations, "", width, "test accuracy, %", "parameters", "MACs", "file", "speed, 1", "speed, 64");
  for (const TypeRow& r : rows)
    out += fmt::format("{:<{}} {:>17} {:>11.1f}% {:>7.1f}% {:>16} {:>8.2f}x {:>8.2f}x\n", r.words, width, fmt::format("{:.2f} -> {:.2f}", r.before, r.after),
                       100 * static_cast<double>(r.kept) / static_cast<double>(dense.parameters), 100 * static_cast<double>(r.macs) / static_cast<double>(dense.macs),
                       fmt::format("{} ({:.1f}x)", r.bytes, static_cast<double>(dense.bytes) / static_cast<double>(r.bytes)), r.speedup1, r.speedup64);
  return out + fmt::format("\naccuracy: as pruned, and after training on. parameters, MACs: what is left of the network's. file: to predict with, f32, and how many times smaller.\n"
                           "speed: measured at batch 1 and 64 on one thread, the dense network's time over its own, all networks by turns;\n"
                           "packed layers by the table of nn/forms.h: those that are faster so\n");
}

std::string TypeRuns::summary_json() const {
  Summary s;
  s.put({"net"}, net);
  for (const TypeRow& r : rows) {
    const std::string& at = r.words;
    s.put({"types", at, "accuracy_pruned"}, r.before);
    s.put({"types", at, "accuracy_trained_on"}, r.after);
    s.put({"types", at, "parameters_left"}, r.kept);
    s.put({"types", at, "macs_left"}, r.macs);
    s.put({"types", at, "file_bytes"}, static_cast<std::int64_t>(r.bytes));
    s.put({"types", at, "speedup_batch_1"}, r.speedup1);
    s.put({"types", at, "speedup_batch_64"}, r.speedup64);
  }
  return s.json();
}

void TypeRuns::draw(const std::filesystem::path& figures) const {
  const char* colours[] = {"#222222", "#888888", "#d9651a", "#a0522d", "#1f5fbf", "#2a9048", "#7a3fb0", "#c03a6b"};
  std::string panels, data = "# measured speed at batch 64, file: times smaller, test accuracy in percent; rows as in the table\n";
  double low = 100, high = 0;
  for (const TypeRow& r : rows) {
    data += fmt::format("{:.4f} {:.4f} {:.4f} \"{}\"\n", r.speedup64, static_cast<double>(rows[0].bytes) / static_cast<double>(r.bytes), r.after, r.words);
    low = std::min(low, r.after), high = std::max(high, r.after);
  }
  const double margin = std::max((1 - (high - low)) / 2, 0.08 * (high - low));  // a point at least: a hundredth of one should look small
  for (const bool file : {false, true}) {
    double right = 1;
    std::vector<std::pair<double, std::string>> labels;
    std::string plots, text;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double x = file ? static_cast<double>(rows[0].bytes) / static_cast<double>(rows[i].bytes) : rows[i].speedup64;
      right = std::max(right, x);
      plots += fmt::format("{}data every ::{}::{} using {}:3 with points pointtype 7 pointsize 1.6 linecolor rgb '{}' notitle", i ? ", \\\n  " : "plot ", i, i, file ? 2 : 1, colours[i % 8]);
      labels.emplace_back(rows[i].after, rows[i].words);
    }
    std::ranges::stable_sort(labels, {}, &std::pair<double, std::string>::first);
    spread(labels, (high - low + 2 * margin) / 16, high + margin, low - margin);
    if (file)
      for (const auto& [y, name] : labels) {
        const auto i = static_cast<std::size_t>(std::ranges::find(rows, name, &TypeRow::words) - rows.begin());
        text += fmt::format("set label '{}' at graph 1.03, first {:.4f} left textcolor rgb '{}'\n", name, y, colours[i % 8]);
      }
    panels += fmt::format("unset label\n{}set rmargin {}\nset xlabel '{}'\nset xrange [{}:{:g}]\nset yrange [{:.4f}:{:.4f}]\n{}\n", text, file ? 34 : 3,
                          file ? "file: times smaller" : "measured speed, batch 64: times as fast", file ? "0.5" : "0.5", std::ceil(right * 1.1 * 2) / 2, low - margin, high + margin, plots);
  }
  plot(figures, "types", data,
       fmt::format("set multiplot layout 1,2 title \"{}\"\nset grid linecolor rgb '#dddddd'\nset lmargin 10\nset bmargin 4\nset ylabel 'test accuracy (%)'\n{}unset multiplot\n",
                   gnuplot_text(fmt::format("{}\\n{{/*0.8 {}; {}}}", finding(), seeds, command)), panels),
       1350, 520);
}

void TypeRuns::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  present(folder, {"Kinds of pruning: " + net, {{"types.svg", finding() + ". Accuracy against measured speed, and against the size of the file. " + seeds + "; " + command}}, table(), summary_json()});
}

}  // namespace bonsai::experiments
