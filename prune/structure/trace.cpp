#include "prune/structure/trace.h"

namespace bonsai::prune {

std::map<std::string, Rule>& rules();  // rules.cpp

void declare_operation(const std::string& op, Rule rule) { rules()[op] = rule; }

Tensor leaf_below(Tensor x) {
  while (x.node() && (std::string_view(x.node()->op) == "masked" || std::string_view(x.node()->op) == "softly_masked" || std::string_view(x.node()->op) == "cast"))
    x = x.node()->inputs[0];
  return x.node() ? Tensor{} : x;
}

Trace::Trace(const Tensor& outputs) : outputs_(outputs) {}

void Trace::begin(const Tensor& leaf, AxisLabels labels) { labels_[leaf.body()] = std::move(labels); }

AxisLabels Trace::fresh(const Shape& shape) {
  AxisLabels all;
  for (const std::int64_t size : shape) {
    all.emplace_back();
    for (std::int64_t i = 0; i < size; ++i) {
      all.back().push_back(static_cast<Label>(parent_.size()));
      parent_.push_back(all.back().back());
      fixed_.push_back(nullptr);
    }
  }
  return all;
}

const AxisLabels& Trace::of(const Tensor& t) { return labels_.try_emplace(t.body(), AxisLabels(t.rank())).first->second; }  // (a constant has none)

Label Trace::root(Label a) {
  while (parent_[a] != a) a = parent_[a] = parent_[parent_[a]];
  return a;
}

const char* Trace::why_fixed(Label a) { return fixed_[root(a)]; }

void Trace::fix(Label a, const char* why) {
  if (a == no_channel) return;
  const char*& known = fixed_[root(a)];
  if (!known) known = why;
}

void Trace::fix(const std::vector<Label>& all, const char* why) {
  for (const Label a : all) fix(a, why);
}

void Trace::tie(Label a, Label b, const char* why) {
  if (a == no_channel || b == no_channel) return fix(std::max(a, b), why);  // one side cannot go, so neither can
  a = root(a), b = root(b);
  if (a == b) return;
  if (!fixed_[a]) fixed_[a] = fixed_[b];
  parent_[b] = a;
}

void Trace::tie(const std::vector<Label>& a, const std::vector<Label>& b, const char* why) {
  if (a.empty() || b.empty()) return fix(a.empty() ? b : a, why);
  for (std::size_t i = 0; i < a.size(); ++i) tie(a[i], b[i], why);
}

void Trace::walk() {
  std::vector<std::pair<Tensor, std::size_t>> path{{outputs_, 0}};  // and which of its inputs is next; a graph may be too deep for recursion
  while (!path.empty()) {
    auto& [y, next] = path.back();
    if (next == 0 && (!met_.insert(y.body()).second || !y.node())) {
      path.pop_back();
    } else if (next < y.node()->inputs.size()) {
      const Tensor input = y.node()->inputs[next++];
      if (input.defined()) path.emplace_back(input, 0);
    } else {
      const auto rule = rules().find(y.node()->op);
      require(rule != rules().end(), "structure: operation \"{}\" {} is not known, so what can be cut around it is not either; prune::declare_operation(\"{}\", rule) makes it known",
              y.node()->op, y.shape(), y.node()->op);
      labels_[y.body()] = rule->second(*this, y);
      path.pop_back();
    }
  }
  for (const auto& axis : of(outputs_)) fix(axis, "it is the network's output");
}

}  // namespace bonsai::prune
