// The report as text.
#include <algorithm>
#include <map>

#include "prune/report.h"

namespace bonsai::prune {
namespace {

std::string grouped(std::int64_t n) {  // 235,200
  return n < 1000 ? fmt::format("{}", n) : fmt::format("{},{:03}", grouped(n / 1000), n % 1000);
}

// Columns as wide as their widest entry: the first `words` of them begin at the left, numbers end at the right.
std::string aligned(const std::vector<std::vector<std::string>>& lines, std::size_t words) {
  std::vector<std::size_t> width(lines[0].size(), 0);
  for (const auto& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t c = 0; c < line.size(); ++c)
      row += c < words ? fmt::format("{:<{}}  ", line[c], width[c]) : fmt::format("{:>{}}  ", line[c], width[c]);
    text += fmt::format("{}\n", row.substr(0, row.find_last_not_of(' ') + 1));
  }
  return text;
}

// What a layer's parameters come to: those whose path is the same up to the last dot.
struct Layer {
  std::string name, shape;  // of its weight
  std::int64_t parameters = 0, macs = 0, bytes = 0;
};

std::vector<Layer> layers(const Report& r) {
  std::vector<Layer> all;
  std::map<std::string, std::size_t> known;
  for (const ParameterReport& p : r.parameters) {
    const std::string name = p.name.find('.') == std::string::npos ? p.name : p.name.substr(0, p.name.rfind('.'));
    const auto [at, is_new] = known.try_emplace(name, all.size());
    if (is_new) all.push_back({.name = name, .shape = {}});
    Layer& l = all[at->second];
    if (l.shape.empty()) l.shape = str(p.shape);
    l.parameters += p.kept, l.macs += p.kept_macs, l.bytes += p.output_bytes;
  }
  return all;
}

std::string times(double before, double after) { return after > 0 ? fmt::format("{:.2f}x", before / after) : ""; }

}  // namespace

std::string table(const Report& r) {
  std::vector<std::vector<std::string>> lines{
      {"parameter", "kind", "shape", "kept", "of", "density", "MACs", "kept MACs", "dead units", "of"}};
  auto add_line = [&](const std::string& name, const char* kind, const std::string& shape, const Share& s) {
    const bool macs = s.macs > 0;
    lines.push_back({name, kind, shape, grouped(s.kept), grouped(s.size), fmt::format("{:.2f}%", 100 * s.density()),
                     macs ? grouped(s.macs) : "", macs ? grouped(s.kept_macs) : "", "", ""});
  };
  for (const ParameterReport& p : r.parameters) {
    add_line(p.name, p.is_weight ? "weight" : "bias", str(p.shape), p);
    if (p.units > 0) lines.back()[8] = grouped(p.dead), lines.back()[9] = grouped(p.units);
  }
  if (r.fixed_macs > 0)
    lines.push_back({"products without a parameter", "", "", "", "", "", grouped(r.fixed_macs), grouped(r.fixed_macs), "", ""});
  add_line("all weights", "", "", r.weights());
  add_line("all", "", "", r.all());

  std::string text = aligned(lines, 3);
  text += fmt::format("compression {:.2f} (parameters, biases included, over kept ones; {:.2f} over the weights alone)\n", r.compression(),
                      1 / r.weights().density());
  text += fmt::format("speed-up    {:.2f} in theory (multiply-adds of one example's forward pass, {} over {})\n", r.speed_up(),
                      grouped(r.all().macs), grouped(r.all().kept_macs));
  for (const std::string& warning : r.warnings) text += fmt::format("warning: {}\n", warning);
  return text;
}

std::string comparison(const Report& before, const Report& after, const std::vector<Speeds>& speeds) {
  std::vector<std::vector<std::string>> lines{{"layer", "shape", "parameters", "after", "", "MACs", "after", "", "output bytes", "after", ""}};
  auto add_line = [&](const Layer& b, const Layer& a, bool gone = false) {
    std::vector<std::string> line{b.name, gone ? b.shape + ", gone" : b.shape == a.shape ? b.shape : b.shape + " -> " + a.shape};
    for (const auto what : {&Layer::parameters, &Layer::macs, &Layer::bytes}) {
      const bool any = b.*what > 0 || a.*what > 0;
      line.push_back(any ? grouped(b.*what) : "");
      line.push_back(any && !gone ? grouped(a.*what) : "");
      line.push_back(any && !gone ? times(static_cast<double>(b.*what), static_cast<double>(a.*what)) : "");
    }
    lines.push_back(std::move(line));
  };
  std::map<std::string, Layer> left;
  for (const Layer& l : layers(after)) left[l.name] = l;
  Layer all_before{.name = "all", .shape = {}}, all_after = all_before;
  for (const Layer& l : layers(before)) {
    const auto a = left.find(l.name);
    add_line(l, a == left.end() ? Layer{} : a->second, a == left.end());
    all_before.bytes += l.bytes;
    if (a != left.end()) left.erase(a);
  }
  require(left.empty(), "comparison: \"{}\" is in the network after, but not in the one before; are they the same network?",
          left.empty() ? "" : left.begin()->first);
  if (before.fixed_macs > 0 || after.fixed_macs > 0)
    add_line({.name = "products without a parameter", .shape = {}, .macs = before.fixed_macs}, {.name = {}, .shape = {}, .macs = after.fixed_macs});
  for (const Layer& l : layers(after)) all_after.bytes += l.bytes;
  const Share b = before.all(), a = after.all();
  all_before.parameters = b.kept, all_before.macs = b.kept_macs, all_after.parameters = a.kept, all_after.macs = a.kept_macs;
  add_line(all_before, all_after);

  std::string text = aligned(lines, 2);
  text += fmt::format("activations  {} -> {} bytes ({}): every result that one example's recorded forward pass leaves in memory\n", grouped(before.activation_bytes),
                      grouped(after.activation_bytes), times(static_cast<double>(before.activation_bytes), static_cast<double>(after.activation_bytes)));
  for (const Speeds& s : speeds) {
    require(s.before.batch == s.after.batch, "comparison: a latency at batch {} against one at batch {}; measure both at one size", s.before.batch, s.after.batch);
    text += fmt::format("latency      {:.3f} -> {:.3f} ms ({}) at batch {}: median of {} calls in evaluation mode\n", 1e3 * s.before.median, 1e3 * s.after.median,
                        times(s.before.median, s.after.median), s.before.batch, s.before.repeats);
  }
  return text;
}

}  // namespace bonsai::prune
