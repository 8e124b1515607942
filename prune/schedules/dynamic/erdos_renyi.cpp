#include "prune/schedules/dynamic/erdos_renyi.h"

#include <algorithm>
#include <cmath>

#include "prune/scores/random.h"
#include "prune/select.h"

namespace bonsai::prune {
namespace {

// A layer's density without its ε.
double raw_density(const Shape& s, ErdosRenyi kind) {
  require(s.rank() >= 2 && s.numel() > 0, "erdos-renyi: a layer's weight is (out, in, ...) with at least one entry, not {}", s);
  const auto out = static_cast<double>(s[0]), in = static_cast<double>(s[1]);
  if (kind == ErdosRenyi::plain) return (in + out) / (in * out);  // (er.1)
  double total = 0, product = 1;
  for (int i = 0; i < s.rank(); ++i) total += static_cast<double>(s[i]), product *= static_cast<double>(s[i]);
  return total / product;  // (er.2)
}

std::int64_t total_kept(const std::vector<Shape>& weights, double sparsity) {
  require(sparsity >= 0 && sparsity < 1, "erdos-renyi: the sparsity {} is not at least 0 and below 1{}", sparsity,
          sparsity > 1 && sparsity < 100 ? fmt::format("; did you mean {}?", sparsity / 100) : "");
  std::int64_t n = 0;
  for (const Shape& s : weights) n += s.numel();
  return n - count(sparsity, n);
}

}  // namespace

std::vector<double> erdos_renyi_densities(const std::vector<Shape>& weights, double sparsity, ErdosRenyi kind) {
  std::vector<double> raw;
  for (const Shape& s : weights) raw.push_back(raw_density(s, kind));
  std::vector<double> density(weights.size(), 0);  // 1: found to be dense
  for (bool again = true; again;) {
    auto left = static_cast<double>(total_kept(weights, sparsity));
    double edges = 0;  // Σ raw n over the layers that are not dense: what one unit of ε gives
    for (std::size_t l = 0; l < weights.size(); ++l) {
      const auto n = static_cast<double>(weights[l].numel());
      if (density[l] == 1) left -= n;
      else edges += raw[l] * n;
    }
    const double epsilon = edges > 0 ? left / edges : 0;
    again = false;
    for (std::size_t l = 0; l < weights.size(); ++l) {
      if (density[l] == 1) continue;
      density[l] = std::min(1.0, epsilon * raw[l]);  // (er.3)
      again |= density[l] == 1;                      // it takes less than ε gave it, so the others get more
    }
  }
  return density;
}

std::vector<std::int64_t> erdos_renyi(const std::vector<Shape>& weights, double sparsity, ErdosRenyi kind) {
  const std::vector<double> density = erdos_renyi_densities(weights, sparsity, kind);
  std::vector<std::int64_t> kept;
  std::vector<std::pair<double, std::size_t>> remainders;  // the largest first, and the earlier layer among equals
  std::int64_t missing = total_kept(weights, sparsity);
  for (std::size_t l = 0; l < weights.size(); ++l) {
    const double wanted = density[l] * static_cast<double>(weights[l].numel());
    kept.push_back(static_cast<std::int64_t>(std::floor(wanted)));
    remainders.emplace_back(static_cast<double>(kept[l]) - wanted, l);
    missing -= kept[l];
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; missing > 0; ++i, --missing) ++kept[remainders.at(i).second];
  for (std::size_t l = 0; l < weights.size(); ++l)
    require(kept[l] > 0, "erdos-renyi: at a sparsity of {} layer {} of shape {} would keep no weight at all; take a lower sparsity", sparsity, l, weights[l]);
  return kept;
}

std::vector<Tensor> random_masks(const std::vector<nn::Parameter*>& parameters, const std::vector<std::int64_t>& kept, const Random& random) {
  require(parameters.size() == kept.size(), "random masks: {} parameters and {} counts", parameters.size(), kept.size());
  std::vector<Tensor> masks;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const nn::Parameter& p = *parameters[i];
    require(kept[i] >= 0 && kept[i] <= p.numel(), "random masks: cannot keep {} of the {} entries of \"{}\"", kept[i], p.numel(), p.name());
    masks.push_back(remove_lowest({{p.name(), random_scores(p.leaf(), random.derive(p.name())), {}}}, p.numel() - kept[i])[0]);
  }
  return masks;
}

}  // namespace bonsai::prune
