#include "prune/compress/sharing.h"

#include <algorithm>

namespace bonsai::prune {
namespace {

std::vector<std::int64_t> kept_places(const nn::Parameter& p) {
  const std::uint8_t* mask = p.is_masked() ? p.mask().data<std::uint8_t>().data() : nullptr;
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < p.numel(); ++i)
    if (!mask || mask[i]) kept.push_back(i);
  return kept;
}

}  // namespace

SharedWeights::SharedWeights(const std::vector<Sharing>& sharing, const Random& random) {
  std::vector<Clusters> found;
  for (const Sharing& s : sharing) {
    const nn::Parameter& p = *s.parameter;
    const std::string who = fmt::format("sharing \"{}\"", p.name());
    require(!p.is_packed() && p.leaf().dtype() == DType::f32, "{}: must be dense or masked, in f32; unpack() it first", who);
    require(s.clusters >= 1 && s.clusters <= 256, "{}: {} clusters; an index has 8 bits, so 1 to 256", who, s.clusters);
    Tied t{s.parameter, 0, kept_places(p), {}};
    std::vector<float> values;
    for (const std::int64_t i : t.kept) values.push_back(p.leaf().data<float>()[i]);
    found.push_back(kmeans(who, values, s.clusters, s.begin, random.derive(p.name())));
    t.clusters = found.back().centroids.size();
    t.of.assign(found.back().of.begin(), found.back().of.end());
    all_.push_back(std::move(t));
  }
  for (std::size_t k = 0; k < all_.size(); ++k) {
    const Tied& t = all_[k];
    float* w = t.parameter->leaf().mutable_data<float>().data();
    for (std::size_t i = 0; i < t.kept.size(); ++i) w[t.kept[i]] = static_cast<float>(found[k].centroids[t.of[i]]);
  }
}

void SharedWeights::after_backward(std::int64_t) {
  for (const Tied& t : all_) {
    Tensor gradient = t.parameter->gradient();
    if (!gradient.defined()) continue;
    float* g = gradient.mutable_data<float>().data();
    std::vector<double> sum(t.clusters, 0.0);
    for (std::size_t i = 0; i < t.kept.size(); ++i) sum[t.of[i]] += g[t.kept[i]];  // (share.1)
    for (std::size_t i = 0; i < t.kept.size(); ++i) g[t.kept[i]] = static_cast<float>(sum[t.of[i]]);
  }
}

void SharedWeights::after_update(std::int64_t, double) {
  for (const Tied& t : all_) {
    float* w = t.parameter->leaf().mutable_data<float>().data();
    std::vector<const float*> first(t.clusters, nullptr);
    for (std::size_t i = 0; i < t.kept.size(); ++i) {
      const float*& f = first[t.of[i]];
      if (!f) f = &w[t.kept[i]];
      else w[t.kept[i]] = *f;
    }
  }
}

std::vector<std::pair<std::string, Tensor>> SharedWeights::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const Tied& t : all_) {
    Tensor of = zeros(t.parameter->shape(), DType::u8);
    std::uint8_t* to = of.mutable_data<std::uint8_t>().data();
    for (std::size_t i = 0; i < t.kept.size(); ++i) to[t.kept[i]] = t.of[i];
    all.emplace_back("shared." + t.parameter->name() + ".of", of);
  }
  return all;
}

void SharedWeights::load_state(const std::vector<std::pair<std::string, Tensor>>& state) {
  std::vector<Tied> loaded = all_;  // all is looked at before anything is changed
  for (Tied& t : loaded) {
    const std::string name = "shared." + t.parameter->name() + ".of";
    const auto found = std::ranges::find(state, name, [](const auto& s) { return s.first; });
    require(found != state.end() && found->second.dtype() == DType::u8 && found->second.shape() == t.parameter->shape(),
            "sharing: the state has no \"{}\" (u8, of shape {})", name, t.parameter->shape());
    const std::uint8_t* of = found->second.data<std::uint8_t>().data();
    t.kept = kept_places(*t.parameter);
    t.of.clear(), t.clusters = 0;
    for (const std::int64_t i : t.kept) t.of.push_back(of[i]), t.clusters = std::max<std::size_t>(t.clusters, of[i] + 1u);
  }
  all_ = std::move(loaded);
}

std::vector<float> codebook(const Tensor& values) {
  std::vector<float> all;
  for (const float v : values.data<float>())
    if (v != 0) all.push_back(v);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace bonsai::prune
