#include "prune/structure/group_lasso.h"

#include <algorithm>
#include <cmath>

namespace bonsai::prune {
namespace {

// A family's place in a row-major weight: the weight is (outer, groups, inner), and a group is one index in the middle.
struct Family {
  std::int64_t outer, groups, inner;
  double size;  // weights a group
};

Family family(const std::string& what, const Shape& s, Groups groups) {
  require(s.rank() >= 2, "group lasso: \"{}\" {} has no filters and channels; groups are of weights (out, in) or (out, in, height, width)", what, s);
  require(s.numel() > 0, "group lasso: \"{}\" {} has no weights", what, s);
  const std::int64_t n = s.numel(), out = s[0], in = s[1], columns = n / out;
  const Family f = groups == Groups::filters    ? Family{1, out, columns, 0}
                   : groups == Groups::channels ? Family{out, in, columns / in, 0}
                   : groups == Groups::shapes   ? Family{out, columns, 1, 0}
                                                : Family{1, 1, n, 0};
  return {f.outer, f.groups, f.inner, static_cast<double>(f.outer * f.inner)};
}

// Calls f(group, first, last) for each run of neighbours in one group.
template <class F>
void runs(const Family& at, F f) {
  for (std::int64_t o = 0, i = 0; o < at.outer; ++o)
    for (std::int64_t g = 0; g < at.groups; ++g, i += at.inner) f(static_cast<std::size_t>(g), i, i + at.inner);
}

void check_bias(const Tensor& w, Groups groups, const Tensor& bias) {
  if (!bias.defined()) return;
  require(groups == Groups::filters || groups == Groups::layer, "group lasso: a bias belongs to its filter's group or to the layer's, not to {}", name(groups));
  require(bias.shape() == Shape{w.size(0)} && bias.dtype() == w.dtype(), "group lasso: the bias {} does not fit the weight {}; it needs ({})", bias.shape(),
          w.shape(), w.size(0));
}

// λ_g, the same for all groups of a family.
double lambda_of(const Family& at, const Penalty& p, const Tensor& bias) {
  require(std::isfinite(p.lambda) && p.lambda >= 0, "group lasso: λ must be 0 or more, got {}", p.lambda);
  const auto biases = static_cast<double>(bias.defined() ? bias.numel() / at.groups : 0);
  return p.by_size ? p.lambda * std::sqrt(at.size + biases) : p.lambda;
}

}  // namespace

const char* name(Groups groups) {
  static constexpr const char* names[] = {"filters", "channels", "shapes", "layer"};
  return names[static_cast<int>(groups)];
}

std::vector<double> group_norms(const std::string& what, const Tensor& w, Groups groups, const Tensor& bias) {
  const Family at = family(what, w.shape(), groups);
  check_bias(w, groups, bias);
  std::vector<double> norms(static_cast<std::size_t>(at.groups), 0.0);
  dispatch_floating("group lasso", w.dtype(), [&]<class T>() {
    const T* v = w.data<T>().data();
    runs(at, [&](std::size_t g, std::int64_t i, std::int64_t end) {
      double total = 0;
      for (; i < end; ++i) total += static_cast<double>(v[i]) * static_cast<double>(v[i]);
      norms[g] += total;
    });
    if (bias.defined())
      for (std::int64_t o = 0; o < w.size(0); ++o) {
        const auto b = static_cast<double>(bias.data<T>()[o]);
        norms[groups == Groups::layer ? 0 : static_cast<std::size_t>(o)] += b * b;
      }
  });
  for (std::size_t g = 0; g < norms.size(); ++g) {
    norms[g] = std::sqrt(norms[g]);
    require(std::isfinite(norms[g]), "group lasso: \"{}\" has a norm of {} in {} {}; a smaller learning rate may help", what, norms[g], name(groups), g);
  }
  return norms;
}

double group_lasso(const Tensor& w, const Penalty& p, const Tensor& bias) {
  const std::vector<double> norms = group_norms("w", w, p.groups, bias);
  const double lambda = lambda_of(family("w", w.shape(), p.groups), p, bias);
  double total = 0;
  for (const double norm : norms) total += lambda * norm;  // (ssl.1)
  return total;
}

void proximal_step(Tensor& w, const Penalty& p, double eta, Tensor bias) {
  require(std::isfinite(eta) && eta >= 0, "group lasso: the step must be 0 or more, got {}", eta);
  std::vector<double> scale = group_norms("w", w, p.groups, bias);
  const Family at = family("w", w.shape(), p.groups);
  const double threshold = eta * lambda_of(at, p, bias);
  if (threshold == 0) return;
  for (double& s : scale) s = s > threshold ? 1 - threshold / s : 0;  // (ssl.2): from their norms to what is left of them
  dispatch_floating("group lasso", w.dtype(), [&]<class T>() {
    T* v = w.mutable_data<T>().data();
    runs(at, [&](std::size_t g, std::int64_t i, std::int64_t end) {
      for (; i < end; ++i) v[i] = scale[g] == 0 ? T(0) : static_cast<T>(scale[g] * static_cast<double>(v[i]));  // (0, and not -0)
    });
    if (bias.defined())
      for (std::int64_t o = 0; o < w.size(0); ++o) {
        T& b = bias.mutable_data<T>()[static_cast<std::size_t>(o)];
        const double s = scale[p.groups == Groups::layer ? 0 : static_cast<std::size_t>(o)];
        b = s == 0 ? T(0) : static_cast<T>(s * static_cast<double>(b));
      }
  });
}

ZeroGroups zero_groups(const Tensor& w) {
  ZeroGroups zero{.mask = ones(w.shape(), DType::u8), .filters = {}, .channels = {}, .shapes = {}};
  std::uint8_t* mask = zero.mask.mutable_data<std::uint8_t>().data();
  for (auto [groups, indices] : {std::pair{Groups::filters, &zero.filters}, {Groups::channels, &zero.channels}, {Groups::shapes, &zero.shapes}}) {
    const Family at = family("w", w.shape(), groups);
    std::vector<bool> alive(static_cast<std::size_t>(at.groups), false);
    dispatch_floating("group lasso", w.dtype(), [&]<class T>() {
      const T* v = w.data<T>().data();
      runs(at, [&](std::size_t g, std::int64_t i, std::int64_t end) {
        for (; i < end && !alive[g]; ++i) alive[g] = v[i] != T(0);  // (NaN is not 0)
      });
    });
    for (std::size_t g = 0; g < alive.size(); ++g)
      if (!alive[g]) indices->push_back(static_cast<std::int64_t>(g));
    runs(at, [&](std::size_t g, std::int64_t i, std::int64_t end) {
      if (!alive[g]) std::fill(mask + i, mask + end, std::uint8_t{0});
    });
  }
  return zero;
}

}  // namespace bonsai::prune
