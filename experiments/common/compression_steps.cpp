#include "experiments/common/compression_steps.h"

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "nn/network_file.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"

namespace bonsai::experiments {

std::unique_ptr<nn::Sequential> Weights::network() const {
  auto made = nn::network(net);
  prune::set_masks(made->parameters(), masks);
  prune::rewind(made->parameters(), values);
  return made;
}

Weights result_of(const std::string& net, const Training& t) { return {net, t.final_values, t.final_masks}; }

Weights prune_by_magnitude(const Weights& w, const std::vector<double>& densities, double power) {
  auto net = w.network();
  const auto weights = prune::prunable(*net);
  for (std::size_t i = 0; i < weights.size(); ++i) prune::prune_to(prune::method("magnitude"), {.parameters = {weights[i]}}, 1 - std::pow(densities[i], power));
  return {w.net, prune::snapshot(net->parameters()), prune::masks_of(net->parameters())};
}

std::vector<prune::Sharing> sharing(nn::Module& net, const std::vector<int>& bits, bool biases, prune::Centroids begin) {
  std::vector<prune::Sharing> all;
  std::size_t layer = 0;
  for (nn::Parameter* p : net.parameters()) {
    const bool weight = p->shape().rank() > 1;
    if (!weight && !biases) continue;
    const int b = weight ? bits[layer++] : bits[0];
    all.push_back({p, std::min<std::int64_t>((std::int64_t{1} << b) - 1, p->kept()), begin});
  }
  return all;
}

CodedNetwork code(const Weights& w, const std::vector<int>& bits, bool biases, int index_bits, const Examples& validation, const Examples& test, const RunFolder& folder, CodedNetwork c) {
  auto net = w.network();
  auto coding = [&](bool huffman) {
    return [&, huffman, layer = std::size_t{0}](const nn::Parameter& p) mutable {
      if (p.shape().rank() == 1) return prune::Coding{biases ? bits[0] : 0, -1, huffman};
      return prune::Coding{bits[layer++], index_bits, huffman};
    };
  };
  const Metadata about{{"network", w.net}, {"dataset", "mnist"}};
  const prune::Compressed file = prune::compress(*net, coding(true), about), fixed = prune::compress(*net, coding(false), about);
  write_whole(folder.file(c.file), file.bytes);
  const auto back = nn::network_of(prune::load_compressed(folder.file(c.file)));
  c.bytes = read_whole(folder.file(c.file)).size(), c.fixed_bytes = fixed.bytes.size();
  c.validation = nn::evaluate(*back, validation.inputs, validation.labels), c.test = nn::evaluate(*back, test.inputs, test.labels);
  c.tensors = file.tensors, c.fixed = fixed.tensors;
  return c;
}

CodedNetwork pruned_only(const Weights& w, const Training& t, std::int64_t level) {
  std::vector<prune::ToCompress> places;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < w.values.size(); ++i) {
    if (!w.masks[i].defined()) bytes += 4 * static_cast<std::uint64_t>(w.values[i].numel());
    else places.push_back({fmt::format("{}", i), cast(w.masks[i], DType::f32), w.masks[i], {.value_bits = 1}});
  }
  const prune::Compressed c = prune::compress(places, {});
  bytes += c.bytes.size();
  for (const prune::TensorSize& s : c.tensors) bytes += 4 * static_cast<std::uint64_t>(s.kept) - s.value_code_bits / 8;
  const nn::Evaluation& e = t.record.back();
  return {"ours", level, 32, "", bytes, bytes, e.validation, e.test};
}

CentroidsFound centroids_of(const CompressionPlan& p, std::int64_t paper_levels, prune::Centroids begin, const Random& random, const RunFolder& folder) {
  auto network_of = [&](const char* what, std::int64_t level) {
    return nn::network_of(load_safetensors(folder.file("checkpoints/" + TrainingId{0, p.net + "-paper-" + what, 0, level}.str() + ".safetensors")));
  };
  auto before = network_of("pruned", paper_levels), after = network_of("shared", paper_levels);
  const auto weights = prune::prunable(*before);
  const auto largest = static_cast<std::size_t>(std::ranges::max_element(weights, {}, &nn::Parameter::numel) - weights.begin());
  CentroidsFound found{weights[largest]->name(), {}, {}, prune::codebook(prune::prunable(*after)[largest]->dense_values())};
  const Tensor values = weights[largest]->dense_values();
  for (const float v : values.data<float>())
    if (v != 0) found.weights.push_back(v);
  std::vector<prune::Sharing> one{{weights[largest], std::min<std::int64_t>((1 << p.paper_bits[largest]) - 1, weights[largest]->kept()), begin}};
  const prune::SharedWeights shared(one, random);  // (sets the weights to their centroids)
  found.before = prune::codebook(weights[largest]->dense_values());
  return found;
}

}  // namespace bonsai::experiments
