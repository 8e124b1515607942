// The report as text.
#include <algorithm>

#include "prune/report.h"

namespace bonsai::prune {
namespace {

std::string grouped(std::int64_t n) {  // 235,200
  return n < 1000 ? fmt::format("{}", n) : fmt::format("{},{:03}", grouped(n / 1000), n % 1000);
}

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

  std::vector<std::size_t> width(lines[0].size(), 0);
  for (const auto& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t c = 0; c < line.size(); ++c)
      row += c < 3 ? fmt::format("{:<{}}  ", line[c], width[c]) : fmt::format("{:>{}}  ", line[c], width[c]);
    text += fmt::format("{}\n", row.substr(0, row.find_last_not_of(' ') + 1));
  }
  text += fmt::format("compression {:.2f} (parameters, biases included, over kept ones; {:.2f} over the weights alone)\n", r.compression(),
                      1 / r.weights().density());
  text += fmt::format("speed-up    {:.2f} in theory (multiply-adds of one example's forward pass, {} over {})\n", r.speed_up(),
                      grouped(r.all().macs), grouped(r.all().kept_macs));
  for (const std::string& warning : r.warnings) text += fmt::format("warning: {}\n", warning);
  return text;
}

}  // namespace bonsai::prune
