#include "tools/checkpoint/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bonsai::tools {
namespace {

struct Total {
  std::int64_t size = 0, kept = 0;
  double density() const { return static_cast<double>(kept) / static_cast<double>(std::max<std::int64_t>(size, 1)); }
};
Total total(const std::vector<Pruned>& all) {
  Total t;
  for (const Pruned& p : all) t.size += p.size, t.kept += p.kept;
  return t;
}
double density(const Pruned& p) { return static_cast<double>(p.kept) / static_cast<double>(p.size); }

}  // namespace

std::string table(const std::vector<Pruned>& all) {
  std::size_t name = 6, shape = 5;
  for (const Pruned& p : all) name = std::max(name, printable(p.tensor->name, 60).size()), shape = std::max(shape, str(p.tensor->shape).size());
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<5}  {:>12}  {:>12}  {:>8}  {:>9}  {:>8}\n", "tensor", name, "shape", shape, "dtype", "weights",
                                 "kept", "density", "norm kept", "seconds");
  for (const Pruned& p : all)
    text += fmt::format("{:<{}}  {:<{}}  {:<5}  {:>12}  {:>12}  {:>8.4f}  {:>9.4f}  {:>8.3f}{}\n", printable(p.tensor->name, 60), name,
                        str(p.tensor->shape), shape, p.tensor->type.name, p.size, p.kept, density(p), p.norm_kept, p.seconds,
                        p.kept == 0 ? "  empty" : "");
  const Total t = total(all);
  return text + fmt::format("{:<{}}  {:<{}}  {:<5}  {:>12}  {:>12}  {:>8.4f}\n", "all", name, "", shape, "", t.size, t.kept, t.density());
}

std::string json(const Request& r, const SafeTensorsFile& in, const std::vector<Pruned>& all, double seconds) {
  nlohmann::ordered_json j{{"input", printable(r.input, 4096)},
                           {"output", r.dry_run ? nlohmann::ordered_json() : nlohmann::ordered_json(printable(r.output, 4096))},
                           {"criterion", r.criterion},
                           {"granularity", r.granularity},
                           {"scope", r.scope},
                           {"sparsity", *r.sparsity},
                           {"seed", r.seed},
                           {"dry_run", r.dry_run},
                           {"tensors_in_file", in.tensors().size()}};
  const Total t = total(all);
  j["weights"] = t.size, j["kept"] = t.kept, j["density"] = t.density(), j["seconds"] = seconds;
  j["tensors"] = nlohmann::ordered_json::array();
  for (const Pruned& p : all) {
    j["tensors"].push_back({{"name", p.tensor->name},
                            {"dtype", p.tensor->type.name},
                            {"shape", std::vector<std::int64_t>(p.tensor->shape.begin(), p.tensor->shape.end())},
                            {"weights", p.size},
                            {"kept", p.kept},
                            {"density", density(p)},
                            {"norm_kept", p.norm_kept},
                            {"seconds", p.seconds},
                            {"empty", p.kept == 0}});
  }
  return j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";  // (a path may be any bytes)
}

}  // namespace bonsai::tools
