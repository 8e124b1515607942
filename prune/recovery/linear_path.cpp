#include "prune/recovery/linear_path.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "nn/train.h"
#include "prune/recovery/rewind.h"

namespace bonsai::prune {

Weights between(const Weights& a, const Weights& b, double alpha) {
  require(a.size() == b.size(), "linear path: from {} tensors to {}; both ends must be of one network", a.size(), b.size());
  NoGrad off;
  Weights w;
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(a[i].shape() == b[i].shape(), "linear path: tensor {} is {} at one end and {} at the other", i, a[i].shape(), b[i].shape());
    w.push_back((1 - alpha) * a[i] + alpha * b[i]);  // (lmc.1)
  }
  return w;
}

std::vector<double> along_line(const Weights& a, const Weights& b, int n, const std::function<double(const Weights&)>& f) {
  require(n >= 2, "linear path: {} points; a line needs its two ends", n);
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(f(between(a, b, static_cast<double>(i) / (n - 1))));
  return values;
}

double instability(const std::vector<double>& errors) {
  require(!errors.empty(), "linear path: no errors were measured");
  for (std::size_t i = 0; i < errors.size(); ++i) require(!std::isnan(errors[i]), "linear path: the error at point {} of {} is NaN", i, errors.size());
  return *std::max_element(errors.begin(), errors.end()) - (errors.front() + errors.back()) / 2;  // (lmc.2)
}

std::vector<double> errors_along_line(const Weights& a, const Weights& b, const std::function<std::unique_ptr<nn::Sequential>()>& network,
                                      const Tensor& inputs, const Tensor& labels, int n, const std::function<void(nn::Module&)>& settle) {
  const auto net = network();
  return along_line(a, b, n, [&](const Weights& w) {
    rewind(net->parameters(), w);
    if (settle) settle(*net);
    const auto examples = static_cast<double>(labels.numel());
    const double wrong = std::round((100 - nn::evaluate(*net, inputs, labels).accuracy) / 100 * examples);  // a whole number again
    return 100 * wrong / examples;
  });
}

}  // namespace bonsai::prune
