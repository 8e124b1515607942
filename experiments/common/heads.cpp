#include "experiments/common/heads.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "nn/train.h"
#include "prune/scores/head_importance.h"
#include "prune/scores/head_norm.h"
#include "prune/structure/surgery.h"

namespace bonsai::experiments {
namespace {

constexpr std::int64_t batch = 100;  // examples at a time; decides nothing

HeadScores importance(nn::Module& net, const HeadsLeft& left, const Tensor& inputs, const Tensor& labels) {
  const nn::Evaluating mode(net);
  std::vector<prune::HeadImportance> layers(left.size());
  for (std::int64_t begin = 0; begin < inputs.size(0); begin += batch) {
    const std::int64_t end = std::min(begin + batch, inputs.size(0));
    const Tensor loss = sum(cross_entropy_each(net(slice(inputs, 0, begin, end)), slice(labels, 0, begin, end)));
    const Tensors outputs = head_outputs(loss);
    require(outputs.size() == left.size(), "heads: {} attention layers, but {} products of a softmax in the graph", left.size(), outputs.size());
    const Tensors gradients = grad(loss, outputs);
    for (std::size_t l = 0; l < left.size(); ++l) layers[l].add(outputs[l].detach(), gradients[l]);
  }
  HeadScores scores;
  for (const prune::HeadImportance& l : layers) scores.push_back(l.scores().to_vector<double>());
  return scores;
}

HeadScores norms(nn::Module& net, const HeadsLeft& left) {
  HeadScores scores;
  for (const HeadLayer& l : left)
    scores.push_back(prune::head_norm(net.parameter(l.name + ".v.weight").dense_values(), net.parameter(l.name + ".out.weight").dense_values(),
                                      static_cast<std::int64_t>(l.heads.size()))
                         .to_vector<double>());
  return scores;
}

// Without its columns of the output projection a head says nothing.
HeadScores losses_without(nn::Module& net, const HeadsLeft& left, const Tensor& inputs, const Tensor& labels) {
  const double whole = nn::evaluate(net, inputs, labels).loss;
  HeadScores scores;
  for (const HeadLayer& l : left) {
    nn::Parameter& out = net.parameter(l.name + ".out.weight");
    const Tensor values = out.dense_values();
    const std::int64_t columns = values.size(1), d = columns / static_cast<std::int64_t>(l.heads.size());
    std::vector<double> layer;
    for (std::int64_t h = 0; h < columns / d; ++h) {
      Tensor silent = clone(values);
      for (std::int64_t i = 0; i < silent.numel(); ++i)
        if (i % columns / d == h) silent.mutable_data<float>()[i] = 0;
      out.set(silent);
      layer.push_back(nn::evaluate(net, inputs, labels).loss - whole);
    }
    out.set(values);
    scores.push_back(layer);
  }
  return scores;
}

}  // namespace

HeadsLeft heads_of(nn::Module& net, std::int64_t head_size) {
  constexpr std::string_view ending = ".q.weight";
  HeadsLeft left;
  for (const nn::Parameter* p : net.parameters()) {
    if (!p->name().ends_with(ending)) continue;
    left.push_back({p->name().substr(0, p->name().size() - ending.size()), {}});
    for (int h = 0; h < p->shape()[0] / head_size; ++h) left.back().heads.push_back(h);
  }
  return left;
}

std::int64_t count(const HeadsLeft& left) {
  std::int64_t n = 0;
  for (const HeadLayer& l : left) n += static_cast<std::int64_t>(l.heads.size());
  return n;
}

HeadScores score_heads(const std::string& criterion, nn::Module& net, const HeadsLeft& left, const Tensor& inputs, const Tensor& labels, Random random) {
  if (criterion == "importance") return importance(net, left, inputs, labels);
  if (criterion == "norm") return norms(net, left);
  if (criterion == "loss") return losses_without(net, left, inputs, labels);
  require(criterion == "random", "heads: no criterion \"{}\"; there are importance, loss, norm and random", criterion);
  HeadScores scores;
  for (const HeadLayer& l : left) scores.push_back(random.uniform({static_cast<std::int64_t>(l.heads.size())}, 0, 1, DType::f64).to_vector<double>());
  return scores;
}

Tensors head_outputs(const Tensor& y) {
  Tensors found;
  std::set<const TensorBody*> met{y.body()};
  std::vector<std::pair<Tensor, std::size_t>> path{{y, 0}};  // and which input is next: inputs come before what is made of them
  while (!path.empty()) {
    auto& [t, next] = path.back();
    const Node* node = t.node();
    if (node && next < node->inputs.size()) {
      const Tensor input = node->inputs[next++];
      if (input.defined() && met.insert(input.body()).second) path.emplace_back(input, 0);
      continue;
    }
    if (node && node->op == std::string_view("matmul") && node->inputs[0].node() && node->inputs[0].node()->op == std::string_view("softmax")) found.push_back(t);
    path.pop_back();
  }
  return found;
}

Head lowest(const HeadScores& scores) {
  Head best{-1, -1};
  for (int l = 0; l < static_cast<int>(scores.size()); ++l)
    for (int h = 0; scores[l].size() > 1 && h < static_cast<int>(scores[l].size()); ++h)
      if (best.layer < 0 || scores[l][h] < scores[best.layer][best.place]) best = {l, h};
  require(best.layer >= 0, "heads: every layer is down to its last head");
  return best;
}

double remove_head(nn::Module& net, HeadsLeft& left, Head head, const Tensor& inputs) {
  HeadLayer& layer = left[head.layer];
  const prune::Channels channels(net, slice(inputs, 0, 0, 1));
  prune::mask_units(channels, {channels.layer(layer.name + ".q.weight").units[head.place]});
  const prune::CutResult result = prune::cut(net, inputs);
  require(result.units == 1, "heads: one was masked, {} units were cut", result.units);
  layer.heads.erase(layer.heads.begin() + head.place);
  return result.cut_minus_masked;
}

}  // namespace bonsai::experiments
