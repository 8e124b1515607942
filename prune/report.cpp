#include "prune/report.h"

#include <algorithm>
#include <map>
#include <set>

#include "prune/select.h"
#include "prune/who_reads.h"

namespace bonsai::prune {
namespace {

std::int64_t of_a_filter(const Shape& weight) { return contiguous_strides(weight)[0]; }

// How many multiply-adds one element of the result takes; 0: y is no product. Of a convolution it is a filter's numel, positions over the padding
// included, as everybody counts.
std::int64_t terms(const Tensor& y) {
  if (is(y, {"linear"})) return y.node()->inputs[0].size(1);
  if (is(y, {"matmul"})) return y.node()->inputs[0].size(std::get<Sides>(y.node()->attributes).a ? -2 : -1);
  if (is(y, {"sparse_matmul"})) return y.node()->inputs[1].size(0);  // as if nothing had been pruned
  if (is(y, {"conv2d"})) return of_a_filter(y.node()->inputs[1].shape());
  if (is(y, {"sparse_conv2d"})) return of_a_filter(std::get<SparseConvolution>(y.node()->attributes).weight);
  return 0;
}

// A weight (out, in) or (out, in / groups, height, width), seen through the graph: which of its entries are kept, and who reads its units.
struct Weight {
  nn::Parameter* parameter;
  Flags kept;
  bool placed = false;  // has been met where its rows are units
  Flags read = {};      // of each unit: does anyone use it?

  explicit Weight(nn::Parameter* p) : parameter(p), kept(p->numel(), 1) {
    for (const Tensor& mask : {p->dense_mask(), p->soft_mask()})
      for (std::int64_t i = 0; mask.defined() && i < p->numel(); ++i) kept[i] &= mask.data<std::uint8_t>()[i];
  }
  std::int64_t out() const { return parameter->shape()[0]; }
  Flags rows() const {  // which of them keep anything
    const auto row = static_cast<std::size_t>(contiguous_strides(parameter->shape())[0]);
    Flags found(out(), 0);
    for (std::size_t i = 0; i < kept.size(); ++i) found[i / row] |= kept[i];
    return found;
  }
  Flags inputs(std::int64_t groups) const {  // which of them it reads; a group's filters see the inputs of their group alone
    const Shape steps = contiguous_strides(parameter->shape());
    const std::int64_t of_group = parameter->shape()[1];
    Flags found(of_group * groups, 0);
    for (std::int64_t i = 0; i < parameter->numel(); ++i)
      found[i / steps[0] / (out() / groups) * of_group + i / steps[1] % of_group] |= kept[i];
    return found;
  }
};

class Reader {
 public:
  Reader(nn::Module& net, Report& r) : report_(r) {
    std::vector<Candidate> names;
    std::vector<Tensor> masks;
    for (nn::Parameter* p : net.parameters()) {
      const Weight& w = weights_.emplace_back(p);
      ParameterReport line;
      line.name = p->name();
      line.shape = p->shape();
      line.is_weight = p->shape().rank() >= 2;
      line.size = p->numel();
      line.kept = p->kept();
      r.parameters.push_back(line);
      if (!line.is_weight) continue;
      names.push_back({p->name(), {}, {}});
      masks.push_back(tensor(std::span<const std::uint8_t>(w.kept), p->shape()));
    }
    require_no_empty_layer(names, masks);
  }

  // Backward through the graph, with only the question: does anyone read this number? `example` is what the network was given.
  void walk(const Tensor& outputs, const Tensor& example) {
    const std::vector<Tensor> order = outputs_first(outputs);
    find_activations(order, example);
    mark(outputs, {});
    last_ = outputs;
    while (last_.node() && terms(last_) == 0) last_ = last_.node()->inputs[0];
    for (const Tensor& y : order) {
      if (terms(y) > 0) product(y);
      else pass_on(y);
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const ParameterReport& line = report_.parameters[i];
      require(!line.is_weight || line.size == 0 || line.macs > 0 || added_.contains(static_cast<int>(i)),
              "report: weight \"{}\" {} is in no product that the report knows (linear, matmul, sparse_matmul, conv2d, sparse_conv2d), so its MACs cannot be counted",
              line.name, line.shape);
      if (weights_[i].placed) count_dead(weights_[i], report_.parameters[i]);
    }
    warn();
  }

 private:
  // Which parameter x is, through masks and changes of shape; -1: none, x is an activation. `moved`: its numbers lie in other places.
  int parameter_under(Tensor x, bool& moved) const {
    moved = false;
    for (; is(x, {"masked", "softly_masked", "cast", "reshape", "permute"}); x = x.node()->inputs[0]) moved |= is(x, {"reshape", "permute"});
    for (std::size_t i = 0; i < weights_.size(); ++i)
      if (weights_[i].parameter->leaf().body() == x.body()) return static_cast<int>(i);
    return -1;
  }

  // What is made of the example, directly or not, and how much memory that takes: a storage that several share counts once.
  void find_activations(const std::vector<Tensor>& outputs_first, const Tensor& example) {
    std::set<const void*> storages;
    for (auto y = outputs_first.rbegin(); y != outputs_first.rend(); ++y) {
      bool made_of_it = false;
      for (const Tensor& x : y->node()->inputs)
        made_of_it |= x.defined() && (x.body() == example.body() || activations_.contains(x.body()) || x.dtype() == DType::i64);
      if (!made_of_it) continue;
      activations_.insert(y->body());
      if (y->bytes() != example.bytes() && storages.insert(y->bytes()).second) report_.activation_bytes += static_cast<std::int64_t>(y->size_in_bytes());
    }
  }

  void pass_on(const Tensor& y) {
    const Tensors& inputs = y.node()->inputs;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!inputs[k].defined()) continue;
      const bool constant = inputs.size() == 2 && inputs[1 - k].defined() && !activations_.contains(inputs[1 - k].body());
      mark(inputs[k], who_reads(y, k, read_[y.body()], constant));
      bool moved = false;  // an embedding is looked up, or added: no multiplication
      if (is(y, {"index_select", "gather", "add", "concat"})) added_.insert(parameter_under(inputs[k], moved));
    }
  }

  void mark(const Tensor& x, const Flags& read) {  // a flag a number; none: all of them are read
    Flags& known = read_.try_emplace(x.body(), x.numel(), 0).first->second;
    for (std::size_t k = 0; k < known.size(); ++k) known[k] |= read.empty() ? 1 : read[k];
  }

  // A product counts for the parameter in it. If that is a weight (out, in, ...), as in x Wᵀ (a row an example), W x (a column an example) or a
  // convolution, its rows are units, and its columns say which numbers of x are read.
  void product(const Tensor& y) {
    const Tensors& inputs = y.node()->inputs;
    const std::int64_t macs = terms(y) * y.numel();
    bool moved = false;
    int side = 1, i = parameter_under(inputs[1], moved);
    if (i < 0) side = 0, i = parameter_under(inputs[0], moved);
    const Tensor& x = inputs[1 - side];
    const int axis = channel_axis(y, side);
    if (i >= 0 && !moved && axis >= 0 && x.rank() == y.rank()) read_through(weights_[i], y, x, axis);
    else
      for (const Tensor& input : inputs)
        if (input.defined()) mark(input, {});
    if (i < 0) {
      report_.fixed_macs += macs;
      return;
    }
    ParameterReport& line = report_.parameters[i];
    line.macs += macs;
    line.kept_macs += macs / line.size * line.kept;  // each of its numbers is used as often as any other
    line.output_bytes += static_cast<std::int64_t>(y.size_in_bytes());
    if (y.body() == last_.body()) speaks_ = i;
  }

  // Along which axis of y (and x) the units of the weight on this side lie; -1: its rows are no units.
  static int channel_axis(const Tensor& y, int side) {
    if (is(y, {"conv2d", "sparse_conv2d", "linear"})) return 1;
    if (is(y, {"sparse_matmul"})) return 0;
    const Sides t = std::get<Sides>(y.node()->attributes);
    if (y.rank() != 2 || t.a) return -1;
    return side == 1 && t.b ? 1 : side == 0 && !t.b ? 0 : -1;
  }

  void read_through(Weight& w, const Tensor& y, const Tensor& x, int axis) {
    const Flags& of_y = read_[y.body()];
    const std::int64_t groups = x.size(axis) / w.parameter->shape()[1], step_y = contiguous_strides(y.shape())[axis], step_x = contiguous_strides(x.shape())[axis];
    const Flags reads = w.inputs(groups);
    Flags of_x(x.numel());
    w.placed = true;
    w.read.resize(w.out(), 0);
    for (std::int64_t k = 0; k < y.numel(); ++k) w.read[k / step_y % w.out()] |= of_y[k];
    for (std::int64_t k = 0; k < x.numel(); ++k) of_x[k] = reads[k / step_x % x.size(axis)];
    mark(x, of_x);
  }

  static void count_dead(const Weight& w, ParameterReport& line) {
    const Flags fed = w.rows();
    line.units = w.out();
    for (std::size_t u = 0; u < fed.size(); ++u) {
      line.without_input += !fed[u];
      line.without_output += !w.read[u];
      line.dead += !fed[u] || !w.read[u];
    }
  }

  void warn() {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const ParameterReport& p = report_.parameters[i];
      if (p.units > p.kept)
        report_.warnings.push_back(fmt::format(
            "layer \"{}\" {} is close to collapse: {} kept weights for {} units leave at least {} of them with nothing; prune less there",
            p.name, p.shape, p.kept, p.units, p.units - p.kept));
      if (static_cast<int>(i) == speaks_ && p.without_input > 0)
        report_.warnings.push_back(
            fmt::format("layer \"{}\" {} is close to collapse: {} of the network's {} outputs get nothing and say the same of every "
                        "example; prune less there",
                        p.name, p.shape, p.without_input, p.units));
    }
  }

  Report& report_;
  std::vector<Weight> weights_;  // all parameters, biases too, in the report's order
  std::map<const TensorBody*, Flags> read_;
  std::set<const TensorBody*> activations_;
  std::set<int> added_;  // parameters that are looked up or added
  Tensor last_;      // the product that makes the network's outputs,
  int speaks_ = -1;  // and its parameter
};

void add(Share& sum, const Share& part) {
  sum.size += part.size;
  sum.kept += part.kept;
  sum.macs += part.macs;
  sum.kept_macs += part.kept_macs;
}

double ratio(std::int64_t before, std::int64_t after) { return static_cast<double>(before) / static_cast<double>(after); }

}  // namespace

Share Report::weights() const {
  Share sum;
  for (const ParameterReport& p : parameters)
    if (p.is_weight) add(sum, p);
  return sum;
}

Share Report::all() const {
  Share sum{0, 0, fixed_macs, fixed_macs};
  for (const ParameterReport& p : parameters) add(sum, p);
  return sum;
}

double Report::compression() const { return ratio(all().size, all().kept); }    // (rep.1)
double Report::speed_up() const { return ratio(all().macs, all().kept_macs); }  // (rep.2)

Report report(nn::Module& net, const Tensor& inputs) {
  require(inputs.defined() && inputs.rank() > 0 && inputs.size(0) > 0,
          "report: needs an example to read the graph of; pass inputs (n, ...)");
  Report r;
  Reader reader(net, r);
  const nn::Evaluating mode(net);
  const NoGrad on(false);
  Tensor example = slice(inputs, 0, 0, 1).detach();
  if (is_floating(example.dtype())) example.requires_grad(true);  // so that all that is made of it is recorded
  reader.walk(net(example), example);
  return r;
}

}  // namespace bonsai::prune
