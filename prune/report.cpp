#include "prune/report.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "prune/select.h"

namespace bonsai::prune {
namespace {

using Flags = std::vector<std::uint8_t>;

bool is(const Tensor& y, std::initializer_list<std::string_view> names) {
  return y.node() && std::find(names.begin(), names.end(), y.node()->op) != names.end();
}

// All results of operations below y, each before everything that it was made of.
std::vector<Tensor> outputs_first(const Tensor& y) {
  std::vector<Tensor> order;
  std::set<const Node*> seen;
  std::vector<std::pair<Tensor, std::size_t>> path{{y, 0}};  // and which of its inputs is next
  while (!path.empty()) {
    auto& [t, next] = path.back();
    if (next == 0 && (!t.node() || !seen.insert(t.node()).second))
      path.pop_back();
    else if (next < t.node()->inputs.size()) {
      const Tensor input = t.node()->inputs[next++];
      if (input.defined()) path.emplace_back(input, 0);
    } else {
      order.push_back(t);
      path.pop_back();
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

// How many multiply-adds one element of the result takes; 0: y is no product. (A convolution's: the numel of one of its filters.)
std::int64_t terms(const Tensor& y) {
  if (is(y, {"linear"})) return y.node()->inputs[0].size(1);
  if (is(y, {"matmul"})) return y.node()->inputs[0].size(std::get<Sides>(y.node()->attributes).a ? -2 : -1);
  if (is(y, {"sparse_matmul"})) return y.node()->inputs[1].size(0);  // as if nothing had been pruned
  return 0;
}

// Whether number i of the result is made of number i of x: functions of single numbers, and whatever only writes them in another shape.
bool by_number(const Tensor& y, const Tensor& x) {
  if (is(y, {"reshape"})) return true;
  if (is(y, {"permute", "to_columns", "to_rows"}) && x.numel() == y.numel())
    return std::count_if(x.shape().begin(), x.shape().end(), [](std::int64_t size) { return size > 1; }) <= 1;
  return x.shape() == y.shape() && is(y, {"relu", "tanh", "sigmoid", "softplus", "erf", "neg", "abs", "exp", "log", "sqrt", "clamp", "cast",
                                          "add", "sub", "mul", "div", "maximum"});
}

// A weight (out, in), seen through the graph: which of its entries are kept, and who reads its units.
struct Weight {
  nn::Parameter* parameter;
  Flags kept;
  bool placed = false;  // has been met as (out, in), so that its units are known
  Flags read = {};      // of each unit: does anyone use it?

  explicit Weight(nn::Parameter* p) : parameter(p), kept(p->numel(), 1) {
    for (const Tensor& mask : {p->dense_mask(), p->soft_mask()})
      for (std::int64_t i = 0; mask.defined() && i < p->numel(); ++i) kept[i] &= mask.data<std::uint8_t>()[i];
  }
  std::int64_t out() const { return parameter->shape()[0]; }
  std::int64_t in() const { return parameter->shape()[1]; }
  Flags rows() const {  // which of them keep anything
    Flags found(out(), 0);
    for (std::size_t i = 0; i < kept.size(); ++i) found[i / in()] |= kept[i];
    return found;
  }
  Flags columns() const {
    Flags found(in(), 0);
    for (std::size_t i = 0; i < kept.size(); ++i) found[i % in()] |= kept[i];
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

  // Backward through the graph, as a derivative goes, but with only the question: does anyone read this number?
  void walk(const Tensor& outputs) {
    mark(outputs, {});
    last_ = outputs;
    while (last_.node() && terms(last_) == 0) last_ = last_.node()->inputs[0];
    for (const Tensor& y : outputs_first(outputs)) {
      if (terms(y) > 0)
        product(y);
      else
        for (const Tensor& x : y.node()->inputs)
          if (x.defined()) mark(x, by_number(y, x) ? read_[y.body()] : Flags{});
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const ParameterReport& line = report_.parameters[i];
      require(!line.is_weight || line.size == 0 || line.macs > 0,
              "report: weight \"{}\" {} is in no product that the report knows (linear, matmul, sparse_matmul), so its MACs cannot be counted", line.name,
              line.shape);
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

  void mark(const Tensor& x, const Flags& read) {  // a flag a number; none: all of them are read
    Flags& known = read_.try_emplace(x.body(), x.numel(), 0).first->second;
    for (std::size_t k = 0; k < known.size(); ++k) known[k] |= read.empty() ? 1 : read[k];
  }

  // A product counts for the parameter in it. If that is a weight (out, in), as in x Wᵀ (a row an example) or W x (a column an example),
  // its rows are units, and its columns say which numbers of x are read.
  void product(const Tensor& y) {
    const Tensors& inputs = y.node()->inputs;
    const Sides t = is(y, {"matmul"}) ? std::get<Sides>(y.node()->attributes) : Sides{.a = false, .b = is(y, {"linear"})};
    const std::int64_t macs = terms(y) * y.numel();
    bool moved = false;
    int side = 1, i = parameter_under(inputs[1], moved);
    if (i < 0) side = 0, i = parameter_under(inputs[0], moved);
    const Tensor& x = inputs[1 - side];
    const bool rows = side == 1 && !t.a && t.b, columns = side == 0 && !t.a && !t.b;
    if (i >= 0 && !moved && (rows || columns) && x.rank() == 2 && weights_[i].parameter->shape().rank() == 2) read_through(weights_[i], y, x, rows);
    else
      for (const Tensor& input : inputs) mark(input, {});
    if (i < 0) {
      report_.fixed_macs += macs;
      return;
    }
    ParameterReport& line = report_.parameters[i];
    line.macs += macs;
    line.kept_macs += macs / line.size * line.kept;  // each of its numbers is used as often as any other
    if (y.body() == last_.body()) speaks_ = i;
  }

  // x is (n, in) and y (n, out), or both are the other way round.
  void read_through(Weight& w, const Tensor& y, const Tensor& x, bool rows) {
    const Flags& of_y = read_[y.body()];
    const Flags reads = w.columns();
    Flags of_x(x.numel());
    w.placed = true;
    w.read.resize(w.out(), 0);
    const std::size_t n = x.size(rows ? 0 : 1);
    for (std::size_t k = 0; k < of_y.size(); ++k) w.read[rows ? k % w.out() : k / n] |= of_y[k];
    for (std::size_t k = 0; k < of_x.size(); ++k) of_x[k] = reads[rows ? k % w.in() : k / n];
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
  reader.walk(net(slice(inputs, 0, 0, 1)));
  return r;
}

}  // namespace bonsai::prune
