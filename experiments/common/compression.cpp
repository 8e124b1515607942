#include "experiments/common/compression.h"

#include <algorithm>
#include <tuple>

#include "core/error.h"
#include "experiments/common/report.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// The paper's tables 2 and 3, a line a layer and the total: kept %, bits a weight, the same with Huffman, bits an index, the same with Huffman, rate % without and with Huffman.
struct PaperRow {
  double kept, weight, weight_huffman, index, index_huffman, rate, rate_huffman;
};
struct Paper {
  const char *net, *words;
  double dense_error, error, times;
  std::vector<PaperRow> rows;
};
const std::vector<Paper> papers{
    {"lenet_300_100", "LeNet-300-100", 1.64, 1.58, 40,
     {{8, 6, 4.4, 5, 3.7, 3.1, 2.32}, {9, 6, 4.4, 5, 4.3, 3.8, 3.04}, {26, 6, 4.3, 5, 3.2, 15.7, 12.70}, {8, 6, 5.1, 5, 3.7, 3.1, 2.49}}},
    {"lenet5", "LeNet-5", 0.80, 0.74, 39,
     {{66, 8, 7.2, 5, 1.5, 78.5, 67.45}, {12, 8, 7.2, 5, 3.9, 6.0, 5.28}, {8, 5, 4.5, 5, 4.5, 2.7, 2.45}, {19, 5, 5.2, 5, 3.7, 6.9, 6.13}, {8, 5.3, 4.1, 5, 4.4, 3.05, 2.55}}}};
const Paper& paper_of(const std::string& net) {
  const auto p = std::ranges::find(papers, net, &Paper::net);
  require(p != papers.end(), "deep compression: the paper has no table of \"{}\"", net);
  return *p;
}

double error(const nn::Measure& m) { return 100 - m.accuracy; }

// Bits a stored entry (a kept weight or a filler), on the average.
double each(std::uint64_t bits, std::int64_t entries) { return entries == 0 ? 0 : static_cast<double>(bits) / static_cast<double>(entries); }

struct Sum {
  std::int64_t size = 0, kept = 0, steps = 0;
  std::uint64_t value_bits = 0, step_bits = 0, bytes = 0, fixed_value_bits = 0, fixed_step_bits = 0, fixed_bytes = 0;
  std::int64_t fixed_steps = 0, shared_kept = 0;  // (of what is coded; biases may be dense)
  void add(const prune::TensorSize& t, const prune::TensorSize& f) {
    size += t.size, kept += t.kept, bytes += t.bytes, fixed_bytes += f.bytes;
    if (t.coding.value_bits == 0) return;
    shared_kept += t.kept, steps += t.steps, value_bits += t.value_code_bits, step_bits += t.step_code_bits;
    fixed_steps += f.steps, fixed_value_bits += f.value_code_bits, fixed_step_bits += f.step_code_bits;
  }
  std::string row(const std::string& name, const PaperRow* p) const {
    auto rate = [&](std::uint64_t b) { return 25 * static_cast<double>(b) / static_cast<double>(size); };
    std::string out = fmt::format("{:<8} {:>7} {:6.2f}% {:5.1f}% {:7.2f} {:5.2f} {:7.2f} {:5.2f} {:7.2f}% {:6.2f}%", name, size,
                                  100 * each(static_cast<std::uint64_t>(kept), size),
                                  100 * each(static_cast<std::uint64_t>(std::max<std::int64_t>(0, steps - shared_kept)), steps), each(fixed_value_bits, fixed_steps), each(value_bits, steps),
                                  each(fixed_step_bits, fixed_steps), each(step_bits, steps), rate(fixed_bytes), rate(bytes));
    if (p) out += fmt::format("  | {:3.0f}% {:4.1f} {:4.1f} {:3.0f} {:4.1f} {:6.2f}% {:6.2f}%", p->kept, p->weight, p->weight_huffman, p->index, p->index_huffman, p->rate, p->rate_huffman);
    return out + "\n";
  }
};

std::string size_table(const CodedNetwork& c, const Paper& p, std::uint64_t dense_bytes) {
  std::string out = fmt::format("{:<8} {:>7} {:>7} {:>6} {:>13} {:>13} {:>16}  | the paper's\n", "", "", "", "", "bits a weight", "bits an index", "rate") +
                    fmt::format("{:<8} {:>7} {:>7} {:>6} {:>7} {:>5} {:>7} {:>5} {:>8} {:>7}  | kept    w   +H idx   +H    rate      +H\n", "layer", "weights", "kept", "fill",
                                "P+Q", "+H", "P+Q", "+H", "P+Q", "+H");
  Sum biases, all;
  std::size_t layer = 0;
  for (std::size_t i = 0; i < c.tensors.size(); ++i) {
    const prune::TensorSize &t = c.tensors[i], &f = c.fixed[i];
    if (t.name.ends_with(".bias")) {
      biases.add(t, f);
      continue;
    }
    Sum one;
    one.add(t, f), all.add(t, f);
    out += one.row(t.name.substr(0, t.name.find('.')), layer < p.rows.size() - 1 ? &p.rows[layer] : nullptr);
    ++layer;
  }
  out += biases.row("biases", nullptr);
  all.size = static_cast<std::int64_t>(dense_bytes / 4), all.kept += biases.kept, all.bytes = c.bytes, all.fixed_bytes = c.fixed_bytes;
  return out + all.row("total", &p.rows.back());
}

}  // namespace

std::string in_words(const std::string& net) { return paper_of(net).words; }

void CompressionRuns::add(const std::string& net, CodedNetwork c) {
  const std::lock_guard lock(adding);
  nets[net].coded.push_back(std::move(c));
}

void CompressionRuns::sort() {
  for (auto& [name, n] : nets) std::ranges::sort(n.coded, {}, [](const CodedNetwork& c) { return std::tuple(c.arm, c.level, c.bits); });
}

const CodedNetwork& CompressionRuns::paper(const std::string& net) const {
  const auto& all = nets.at(net).coded;
  return *std::ranges::find_if(all, [](const CodedNetwork& c) { return c.arm == "paper" && !c.file.empty(); });
}

CompressionRuns::Choice CompressionRuns::chosen(const std::string& net) const {
  const OfNet& n = nets.at(net);
  const CodedNetwork *best = nullptr, *lowest = nullptr;
  for (const CodedNetwork& c : n.coded) {
    if (c.arm != "ours" || c.file.empty()) continue;
    const bool good = error(c.validation) <= error(n.validation) + points + 1e-9 && c.validation.loss <= n.validation.loss * (1 + loss_share);
    if (good && (!best || c.bytes < best->bytes)) best = &c;
    if (!lowest || c.validation.loss < lowest->validation.loss) lowest = &c;
  }
  return {best ? best : lowest, best != nullptr};
}

double CompressionRuns::times(const std::string& net, const CodedNetwork& c) const { return static_cast<double>(nets.at(net).dense_bytes) / static_cast<double>(c.bytes); }

std::string CompressionRuns::finding() const {
  std::string out;
  for (const CompressionPlan& p : plans) {
    const CodedNetwork& c = *chosen(p.net).coded;
    out += fmt::format("{}{} in {:.1f} kB, {:.0f} times smaller, with {:.2f}% wrong (dense: {:.2f}%)", out.empty() ? "" : "; ", in_words(p.net),
                       static_cast<double>(c.bytes) / 1000, times(p.net, c), error(c.test), error(nets.at(p.net).test));
  }
  return out;
}

std::string CompressionRuns::table() const {
  std::string out;
  for (const CompressionPlan& plan : plans) {
    const OfNet& n = nets.at(plan.net);
    const Paper& p = paper_of(plan.net);
    auto headline = [&](const CodedNetwork& c) {
      return fmt::format("test error {:.2f}% (dense {:.2f}%), {} bytes of {}: {:.1f} times smaller; without Huffman {:.1f} times\n", error(c.test), error(n.test), c.bytes,
                         n.dense_bytes, times(plan.net, c), static_cast<double>(n.dense_bytes) / static_cast<double>(c.fixed_bytes));
    };
    const CodedNetwork& theirs = paper(plan.net);
    out += fmt::format("{}, the paper's densities and bits: {}the paper: {:.2f}% (dense {:.2f}%), {:g} times smaller\n\n{}\n", p.words, headline(theirs), p.error, p.dense_error, p.times,
                       size_table(theirs, p, n.dense_bytes));
    const Choice choice = chosen(plan.net);
    const CodedNetwork& ours = *choice.coded;
    out += fmt::format("{}, {}: {}level {}, {} bits a weight; validation error {:.2f}% (dense {:.2f}%), loss {:.4f} (dense {:.4f})\n\n{}\n", p.words,
                       choice.good ? "ours, the smallest that is good by validation" : "ours; by validation none is good enough, so the best", headline(ours), ours.level, ours.bits,
                       error(ours.validation), error(n.validation), ours.validation.loss, n.validation.loss, size_table(ours, p, n.dense_bytes));
  }
  return out + "P pruned, Q shared values, H Huffman. Bits a stored entry, that is a kept weight or a filler zero (fill: how many of the entries are those). Rates: everything that a\n"
               "layer takes in the file, name, codebook and code lengths too, of 32 bits a weight; the total has the header besides.\n";
}

std::string CompressionRuns::sizes_csv() const {
  std::string out = "net,arm,level,bits,file,bytes,bytes_without_huffman,val_loss,val_accuracy,test_loss,test_accuracy\n";
  for (const CompressionPlan& p : plans)
    for (const CodedNetwork& c : nets.at(p.net).coded)
      out += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", p.net, c.arm, c.level, c.bits, c.file, c.bytes, c.fixed_bytes, c.validation.loss, c.validation.accuracy,
                         c.test.loss, c.test.accuracy);
  return out;
}

std::string CompressionRuns::summary_json() const {
  Summary s;
  for (const CompressionPlan& plan : plans) {
    const OfNet& n = nets.at(plan.net);
    const Paper& p = paper_of(plan.net);
    s.put({plan.net, "dense", "error"}, error(n.test));
    s.put({plan.net, "dense", "validation_error"}, error(n.validation));
    s.put({plan.net, "dense", "bytes"}, static_cast<std::int64_t>(n.dense_bytes));
    auto put = [&](const std::string& arm, const CodedNetwork& c) {
      s.put({plan.net, arm, "error"}, error(c.test));
      s.put({plan.net, arm, "validation_error"}, error(c.validation));
      s.put({plan.net, arm, "bytes"}, static_cast<std::int64_t>(c.bytes));
      s.put({plan.net, arm, "times_smaller"}, times(plan.net, c));
      s.put({plan.net, arm, "times_smaller_without_huffman"}, static_cast<double>(n.dense_bytes) / static_cast<double>(c.fixed_bytes));
      s.put({plan.net, arm, "file"}, c.file);
    };
    put("papers_densities", paper(plan.net));
    put("ours", *chosen(plan.net).coded);
    s.put({plan.net, "ours", "good_by_validation"}, chosen(plan.net).good ? 1 : 0);
    s.put({plan.net, "paper", "dense_error"}, p.dense_error);
    s.put({plan.net, "paper", "error"}, p.error);
    s.put({plan.net, "paper", "times_smaller"}, p.times);
  }
  return s.json();
}

void CompressionRuns::show(const RunFolder& folder) const {
  folder.write("sizes.csv", sizes_csv());
  draw(folder.file("figures"));
  const std::string source = " " + seeds + "; " + command;
  present(folder, {"Deep Compression of the LeNets on MNIST",
                   {{"compression.svg", finding() + ". Test error against how much smaller the network is: pruned only, shared only, both." + source},
                    {"centroids.svg", "The kept weights of a layer, and the values that they share before and after fine-tuning." + source}},
                   table(),
                   summary_json()});
}

}  // namespace bonsai::experiments
