// The network of small_net() once more, written without anything of ours: loops over std::vector, backpropagation by hand, update
// rules straight from the papers, and pruned weights set to 0 after every step. What the framework does under a mask must be this.
#pragma once
#include <cmath>
#include <vector>

namespace bonsai::test {

using Numbers = std::vector<double>;

struct SlowMlp {
  static constexpr int in = 4, hidden = 5, out = 3;
  Numbers p[4];                 // w1 (5, 4), b1 (5), w2 (3, 5), b2 (3)
  std::vector<char> keep[4];    // empty: all
  Numbers g[4];

  // The mean cross-entropy of a batch; leaves its gradient in g.
  double loss(const Numbers& x, const std::vector<std::int64_t>& labels) {
    for (int k = 0; k < 4; ++k) g[k].assign(p[k].size(), 0);
    const int n = static_cast<int>(labels.size());
    double total = 0;
    for (int e = 0; e < n; ++e) {
      double h[hidden], z[out], biggest = -1e300, sum = 0;
      for (int j = 0; j < hidden; ++j) {
        double a = p[1][j];
        for (int i = 0; i < in; ++i) a += p[0][j * in + i] * x[e * in + i];
        h[j] = std::tanh(a);
      }
      for (int o = 0; o < out; ++o) {
        z[o] = p[3][o];
        for (int j = 0; j < hidden; ++j) z[o] += p[2][o * hidden + j] * h[j];
        biggest = std::max(biggest, z[o]);
      }
      for (double v : z) sum += std::exp(v - biggest);
      total += std::log(sum) + biggest - z[labels[e]];
      double dh[hidden] = {};
      for (int o = 0; o < out; ++o) {
        const double dz = (std::exp(z[o] - biggest) / sum - (o == labels[e])) / n;
        g[3][o] += dz;
        for (int j = 0; j < hidden; ++j) {
          g[2][o * hidden + j] += dz * h[j];
          dh[j] += dz * p[2][o * hidden + j];
        }
      }
      for (int j = 0; j < hidden; ++j) {
        const double da = dh[j] * (1 - h[j] * h[j]);
        g[1][j] += da;
        for (int i = 0; i < in; ++i) g[0][j * in + i] += da * x[e * in + i];
      }
    }
    return total / n;
  }

  void hold_pruned_at_zero() {
    for (int k = 0; k < 4; ++k)
      for (std::size_t i = 0; i < keep[k].size(); ++i)
        if (!keep[k][i]) p[k][i] = 0;
  }
};

// One weight's update. s1 and s2 are its state; t counts the steps from 1.
using Rule = void (*)(double& w, double g, double& s1, double& s2, double rate, int t);

inline void slow_sgd(double& w, double g, double&, double&, double rate, int) { w -= rate * (g + 0.05 * w); }
inline void slow_momentum(double& w, double g, double& v, double&, double rate, int) {
  v = 0.9 * v + (g + 0.05 * w);
  w -= rate * v;
}
inline void slow_nesterov(double& w, double g, double& v, double&, double rate, int) {
  g += 0.05 * w;
  v = 0.9 * v + g;
  w -= rate * (g + 0.9 * v);
}
inline void slow_adam(double& w, double g, double& m, double& v, double rate, int t) {
  g += 0.05 * w;
  m = 0.9 * m + 0.1 * g;
  v = 0.999 * v + 0.001 * g * g;
  w -= rate * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
}
inline void slow_adamw(double& w, double g, double& m, double& v, double rate, int t) {
  w -= rate * 0.05 * w;
  m = 0.9 * m + 0.1 * g;
  v = 0.999 * v + 0.001 * g * g;
  w -= rate * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
}

}  // namespace bonsai::test
