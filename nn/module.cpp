#include "nn/module.h"

#include <algorithm>

namespace bonsai::nn {

std::vector<Parameter*> Module::collect(const std::string& prefix) {
  std::vector<Parameter*> all;
  for (auto& [name, p] : parameters_) {
    p->set_name(prefix + name);
    all.push_back(p.get());
  }
  for (auto& [name, m] : children_)
    for (Parameter* p : m->collect(prefix + name + ".")) all.push_back(p);
  return all;
}

Parameter& Module::parameter(const std::string& path) {
  std::string known;
  for (Parameter* p : parameters()) {
    if (p->name() == path) return *p;
    known += " " + p->name();
  }
  fail("no parameter \"{}\"; this network has{}", path, known);
}

bool Module::any_packed() const {
  return std::ranges::any_of(parameters_, [](const auto& p) { return p.second->is_packed(); }) ||
         std::ranges::any_of(children_, [](const auto& m) { return m.second->any_packed(); });
}

std::vector<std::pair<std::string, Tensor*>> Module::buffers(const std::string& prefix) {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (auto& [name, b] : buffers_) all.emplace_back(prefix + name, b.get());
  for (auto& [name, m] : children_)
    for (auto& b : m->buffers(prefix + name + ".")) all.push_back(b);
  return all;
}

void Module::reset_buffers() {
  reset();
  for (auto& [name, m] : children_) m->reset_buffers();
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, m] : children_) m->train(on);
}

void Module::begin_step(std::int64_t iteration) {
  for (auto& [name, m] : children_) m->begin_step(iteration);
}

bool Module::random() const {
  return std::ranges::any_of(children_, [](const auto& m) { return m.second->random(); });
}

void Module::to(DType t) {
  for (Parameter* p : parameters()) p->to(t);
  for (auto& [name, b] : buffers())
    if (is_floating(b->dtype())) *b = cast(*b, t);
}

Parameter& Module::add_parameter(std::string name, const Shape& shape) {
  parameters_.emplace_back(name, std::make_unique<Parameter>(name, shape));
  return *parameters_.back().second;
}

Tensor& Module::add_buffer(std::string name, Tensor value) {
  buffers_.emplace_back(std::move(name), std::make_unique<Tensor>(std::move(value)));
  return *buffers_.back().second;
}

void Module::add_child(std::string name, std::unique_ptr<Module> m) {
  for (auto& [other, ignored] : children_) require(other != name, "module: two children are called \"{}\"", name);
  children_.emplace_back(std::move(name), std::move(m));
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  bool columns = false;
  const std::int64_t n = x.rank() == 0 ? 1 : x.size(0);
  for (auto& [name, m] : children()) {
    try {
      if (!columns && m->wants_columns()) {
        y = to_columns(y);
        columns = true;
      } else if (columns && !m->takes_columns()) {
        y = to_rows(y, n);
        columns = false;
      }
      y = columns ? m->forward_columns(y) : m->forward(y);
    } catch (const Error& e) {  // which layer was it?
      fail("layer \"{}\" ({}): {}", name, m->describe(), e.what());
    }
  }
  return columns ? to_rows(y, n) : y;
}

std::vector<std::pair<std::string, Module*>> Sequential::layers() const {
  std::vector<std::pair<std::string, Module*>> all;
  for (auto& [name, m] : children()) all.emplace_back(name, m.get());
  return all;
}

std::string Sequential::describe() const {
  std::string out;
  for (auto& [name, m] : children()) out += (out.empty() ? "" : ", ") + m->describe();
  return out;
}

}  // namespace bonsai::nn
