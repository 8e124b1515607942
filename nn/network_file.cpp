#include "nn/network_file.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "core/files.h"
#include "core/sparse24/positions.h"
#include "nn/networks.h"

namespace bonsai::nn {
namespace {

constexpr std::int64_t most_columns = 65'536;                 // what U16 can count
constexpr std::int64_t most_entries = std::int64_t{1} << 28;  // of a network, unfolded: 1 GiB; a small packed file may promise more

constexpr std::size_t most_layers = 100;

const char* const parts[] = {".values", ".row_begin", ".column", ".positions", ".shape"};

Tensor as_tensor(std::span<const std::int32_t> v) {
  Tensor t = empty({static_cast<std::int64_t>(v.size())}, DType::i64);
  std::copy(v.begin(), v.end(), t.mutable_data<std::int64_t>().begin());
  return t;
}

// ---- Reading, with everything checked before anything is built.

// One parameter: its values in the dense shape, or those that a pattern keeps.
struct Stored {
  Shape shape;
  Tensor values, mask;  // mask undefined: there is none
  PatternRef pattern;   // null: dense
};

Tensor floats(const SafeTensors& file, const std::string& name) {
  const Tensor& t = file.at(name);
  require(is_floating(t.dtype()), "{}: \"{}\" is {}; weights are F32, F64, F16 or BF16", file.file, name, bonsai::name(t.dtype()));
  const Tensor values = cast(t, DType::f32);
  for (float v : values.data<float>())
    require(std::isfinite(v), "{}: \"{}\" holds {}, which is no weight to compute with", file.file, name, v);
  return values;
}

std::vector<std::int32_t> counts(const SafeTensors& file, const std::string& name) {
  const Tensor& t = file.at(name);
  require(t.dtype() == DType::i64 && t.rank() == 1, "{}: \"{}\" is {} {}; it must be a list of whole numbers, I32 or U16", file.file, name,
          bonsai::name(t.dtype()), t.shape());
  std::vector<std::int32_t> out;
  out.reserve(t.numel());
  for (std::int64_t v : t.data<std::int64_t>()) {
    require(v >= 0 && std::in_range<std::int32_t>(v), "{}: \"{}\" holds {}, which counts nothing", file.file, name, v);
    out.push_back(static_cast<std::int32_t>(v));
  }
  return out;
}

// Two of every four columns, by their positions (core/sparse24/FORMAT.md).
PatternRef read_24(const SafeTensors& file, const std::string& name, std::int64_t rows, std::int64_t columns, const Tensor& values) {
  const Tensor& t = file.at(name + ".positions");
  const Shape fits{rows, position_bytes(columns)};
  require(columns > 0 && columns % 4 == 0 && values.numel() == rows * columns / 2 && values.rank() == 1, "{}: \"{}.values\" {} are not two of every four of {} x {}", file.file, name,
          values.shape(), rows, columns);
  require(t.dtype() == DType::u8 && t.shape() == fits, "{}: \"{}.positions\" is {} {}; it must be U8 {}", file.file, name, bonsai::name(t.dtype()), t.shape(), fits);
  std::vector<std::int32_t> begin(rows + 1);
  for (std::int64_t r = 0; r <= rows; ++r) begin[r] = static_cast<std::int32_t>(r * columns / 2);
  try {
    const PatternRef p = make_pattern(rows, columns, begin, columns_of_24(rows, columns, t.data<std::uint8_t>()), name);
    require(std::ranges::equal(p->positions(), t.data<std::uint8_t>()), "\"{}.positions\" has bits set behind the last column", name);
    return p;
  } catch (const Error& e) { fail("{}: {}", file.file, e.what()); }
}

Stored read_packed(const SafeTensors& file, const std::string& name) {
  const std::vector<std::int32_t> shape = counts(file, name + ".shape");
  require(shape.size() == 2 || shape.size() == 4, "{}: \"{}.shape\" has {} axes; a Linear layer's weight has 2, a convolution's 4", file.file, name,
          shape.size());
  std::int64_t rows = shape[0], columns = 1;
  Shape dense{rows};
  for (std::size_t a = 1; a < shape.size(); ++a) {
    dense.push_back(shape[a]);
    columns *= shape[a];
    require(columns <= most_columns, "{}: \"{}.shape\" has {} columns; a packed file can count {}", file.file, name, columns, most_columns);
  }
  Stored out{dense, floats(file, name + ".values"), {}, {}};
  if (file.find(name + ".positions")) {
    out.pattern = read_24(file, name, rows, columns, out.values);
    return out;
  }
  std::vector<std::int32_t> column = counts(file, name + ".column");
  require(out.values.shape() == Shape{static_cast<std::int64_t>(column.size())},
          "{}: \"{}.values\" {} do not fit {} entries of \"{}.column\"", file.file, name, out.values.shape(), column.size(), name);
  try {
    out.pattern = make_pattern(rows, columns, counts(file, name + ".row_begin"), column, name);
  } catch (const Error& e) { fail("{}: {}", file.file, e.what()); }
  return out;
}

Stored read(const SafeTensors& file, const std::string& name) {
  for (const char* part : parts)
    if (!file.find(name) && file.find(name + part)) return read_packed(file, name);
  Stored out{{}, floats(file, name), {}, {}};
  out.shape = out.values.shape();
  if (const Tensor* mask = file.find(name + ".mask")) {
    require(mask->dtype() == DType::u8 && mask->shape() == out.shape, "{}: \"{}.mask\" is {} {}; it must be U8 {}", file.file, name,
            bonsai::name(mask->dtype()), mask->shape(), out.shape);
    for (std::uint8_t m : mask->data<std::uint8_t>())
      require(m <= 1, "{}: \"{}.mask\" holds {}; only 0 and 1 mean something", file.file, name, m);
    out.mask = *mask;
  }
  return out;
}

void put(Parameter& p, const Stored& s) {
  if (s.pattern) {
    p.set_mask(reshape(mask_of(*s.pattern), s.shape));
    p.set(reshape(unpack(s.values, *s.pattern), s.shape));
    return p.pack();
  }
  if (s.mask.defined()) p.set_mask(s.mask);
  p.set(s.values);
}

// Are there tensors of this layer or parameter?
bool has(const SafeTensors& file, const std::string& name) {
  for (const NamedTensor& t : file.tensors)
    if (t.name.starts_with(name + ".")) return true;
  return false;
}

std::string layer(std::size_t i) { return fmt::format("fc{}", i + 1); }

// Every tensor must be part of the network: what is left over would have been left out in silence.
void check_names(const SafeTensors& file, const std::vector<std::string>& parameters, const std::vector<std::string>& others, const std::string& network) {
  std::set<std::string> known(others.begin(), others.end());
  for (const std::string& name : parameters) {
    if (file.find(name)) known.insert({name, name + ".mask"});
    else if (file.find(name + ".positions")) known.insert({name + ".values", name + ".positions", name + ".shape"});
    else known.insert({name + ".values", name + ".row_begin", name + ".column", name + ".shape"});
  }
  for (const NamedTensor& t : file.tensors)
    require(known.contains(t.name), "{}: has \"{}\", which is not of {}", file.file, printable(t.name), network);
}

// ---- Which network is it?

// Of files that do not say so: the first of these tensors that is there, in whatever form, tells, beside a convolution "conv1".
constexpr std::pair<const char*, const char*> marks[] = {
    {"layer1.8.conv1", "resnet56"}, {"layer1.4.conv1", "resnet32"}, {"layer1.0.conv1", "resnet20"}, {"conv16", "vgg19"}, {"conv13", "vgg16"},
    {"conv6", "conv6"},             {"conv4", "conv4"},             {"fc3", "conv2"},               {"conv1", "lenet5"}};

// One of network()'s, with its buffers.
std::unique_ptr<Sequential> named_network(const SafeTensors& file, const std::string& name) {
  std::unique_ptr<Sequential> net;
  try {
    net = network(printable(name));
  } catch (const Error& e) { fail("{}: {}", file.file, e.what()); }
  std::vector<Stored> stored;
  std::vector<std::string> parameters, buffers;
  const bool cut = file.metadata.contains("cut");
  auto fits = [&](const std::string& tensor, const Shape& found, const Shape& expected) {
    bool smaller = cut && found.rank() == expected.rank();
    for (int a = 0; smaller && a < found.rank(); ++a) smaller = found[a] >= 1 && found[a] <= expected[a];
    require(found == expected || smaller, "{}: \"{}\" {} does not fit {}, which has {} there{}", file.file, tensor, found, name, expected,
            cut ? " before anything is cut out" : "");
  };
  for (const Parameter* p : net->parameters()) {
    parameters.push_back(p->name());
    fits(p->name(), stored.emplace_back(read(file, p->name())).shape, p->shape());
  }
  for (const auto& [buffer, value] : net->buffers()) {
    buffers.push_back(buffer);
    const Tensor t = floats(file, buffer);
    fits(buffer, t.shape(), value->shape());
    if (buffer.ends_with("running_var"))
      for (float v : t.data<float>()) require(v >= 0, "{}: \"{}\" holds {}, which is no variance", file.file, buffer, v);
    *value = t;
  }
  check_names(file, parameters, buffers, name);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    Parameter& p = *net->parameters()[i];
    for (int a = 0; a < p.shape().rank(); ++a) {
      std::vector<std::int64_t> first(stored[i].shape[a]);
      std::iota(first.begin(), first.end(), 0);
      p.cut(a, first);
    }
    put(p, stored[i]);
  }
  return net;
}

std::unique_ptr<Sequential> chain_of_linear(const SafeTensors& file) {
  std::vector<Stored> weights, biases;
  const bool with_biases = file.find("fc1.bias") != nullptr;
  std::int64_t entries = 0, features = 0;
  for (std::size_t i = 0; i == 0 || has(file, layer(i)); ++i) {
    require(i < most_layers, "{}: has more than {} layers", file.file, most_layers);
    const std::string weight = layer(i) + ".weight", bias = layer(i) + ".bias";
    const Shape s = weights.emplace_back(read(file, weight)).shape;
    require(s.rank() == 2 && s[0] > 0 && s[1] > 0, "{}: \"{}\" is {}; a Linear layer's weight is (out, in)", file.file, weight, s);
    require(i == 0 || s[1] == features, "{}: \"{}\" {} does not fit the {} outputs of the layer before", file.file, weight, s, features);
    require(s[0] <= most_entries / s[1] && (entries += s[0] * s[1]) <= most_entries,
            "{}: with \"{}\" {} the network unfolds to more than {} weights", file.file, weight, s, most_entries);
    features = s[0];
    const bool with_bias = file.find(bias) != nullptr;
    require(with_bias == with_biases, "{}: has {} but no {}", file.file, with_bias ? bias : "fc1.bias", with_bias ? "fc1.bias" : bias);
    if (!with_bias) continue;
    const Shape b = biases.emplace_back(read(file, bias)).shape;
    require(b == Shape{features}, "{}: \"{}\" {} does not fit \"{}\" {}", file.file, bias, b, weight, s);
  }
  std::vector<std::string> parameters, others;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    parameters.push_back(layer(i) + ".weight");
    if (with_biases) others.push_back(layer(i) + ".bias");
  }
  check_names(file, parameters, others, fmt::format("the chain of Linear layers that ends with {}", layer(weights.size() - 1)));

  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten");
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (i > 0) net->add<ReLU>(fmt::format("relu{}", i));
    net->add<Linear>(layer(i), weights[i].shape[1], weights[i].shape[0], with_biases);
    put(net->parameter(layer(i) + ".weight"), weights[i]);
    if (with_biases) put(net->parameter(layer(i) + ".bias"), biases[i]);
  }
  return net;
}

}  // namespace

std::vector<NamedTensor> packed_view(Module& net) {
  std::vector<NamedTensor> all;
  for (const Parameter* p : net.parameters()) {
    if (!p->is_packed()) {
      all.push_back({p->name(), p->dense_values()});
      continue;
    }
    const Pattern& s = *p->pattern();
    require(s.columns <= most_columns, "packed file: \"{}\" has {} columns; it can count {}", p->name(), s.columns, most_columns);
    all.push_back({p->name() + ".values", p->leaf().detach()});
    if (s.two_of_four()) all.push_back({p->name() + ".positions", tensor(std::span(s.positions()), {s.rows, position_bytes(s.columns)})});
    else all.push_back({p->name() + ".row_begin", as_tensor(s.begin()), "I32"});
    if (!s.two_of_four()) all.push_back({p->name() + ".column", as_tensor(s.column()), "U16"});
    Tensor shape = empty({p->shape().rank()}, DType::i64);
    std::copy(p->shape().begin(), p->shape().end(), shape.mutable_data<std::int64_t>().begin());
    all.push_back({p->name() + ".shape", shape, "I32"});
  }
  for (const auto& [name, buffer] : net.buffers()) all.push_back({name, *buffer});
  return all;
}

bool is_packed_file(const SafeTensors& file) {
  for (const NamedTensor& t : file.tensors)
    if (t.name.ends_with(".row_begin") || t.name.ends_with(".positions")) return true;
  return false;
}

std::unique_ptr<Sequential> network_of(const SafeTensors& file) {
  if (const auto said = file.metadata.find("network"); said != file.metadata.end()) return named_network(file, said->second);
  if (has(file, "block1.attention.q")) return named_network(file, "rows_transformer");
  if (has(file, "conv1"))
    for (const auto& [layer, network] : marks)
      if (has(file, layer)) return named_network(file, network);
  return chain_of_linear(file);
}

}  // namespace bonsai::nn
