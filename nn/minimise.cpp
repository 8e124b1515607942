#include "nn/minimise.h"

#include <cmath>
#include <optional>

#include "core/cholesky.h"

namespace bonsai::nn {
namespace {

double largest(const Tensor& g) { return g.numel() == 0 ? 0 : max(abs(g)).item(); }
double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }
Tensor times(const Tensor& matrix, const Tensor& v) { return reshape(matmul(matrix, reshape(v, {v.numel(), 1})), {matrix.size(0)}); }

double value_of(const std::function<Tensor()>& loss) {
  NoGrad off;
  return loss().item();
}

// d with (H + λI) d = -g, and H d; nothing when H + λI has shown itself not to be positive definite.
struct Step {
  Tensor d, hd;
};
using Solver = std::function<std::optional<Step>(double lambda)>;

Solver by_cholesky(const Tensor& h, const Tensor& g) {
  return [=](double lambda) -> std::optional<Step> {
    const auto c = cholesky(h + eye(g.numel()) * lambda);
    if (!c) return {};
    const Tensor d = -times(transpose(c->inverse), times(c->inverse, g));
    return Step{d, times(h, d)};
  };
}

// Conjugate gradients on the quadratic model, to a residual that is small beside the gradient, the smaller the nearer the minimum.
Solver by_conjugate_gradients(const std::function<Tensor()>& loss, const Flat& flat, const Tensor& g) {
  return [&, g](double lambda) -> std::optional<Step> {
    NoGrad on(false);
    const auto product = flat.hessian_products(loss());  // (of the weights as they are now: a graph does not outlive a step that is taken back)
    NoGrad off;
    const double gg = dot(g, g), wanted = gg * std::min(1e-2, std::sqrt(gg)) * 1e-2;
    Tensor d = zeros_like(g), hd = zeros_like(g), r = -g, p = r;
    double rr = gg;
    for (std::int64_t i = 0; i < 2 * g.numel() && rr > wanted; ++i) {
      const Tensor hp = product(p), ap = hp + p * lambda;
      const double curvature = dot(p, ap);
      if (!(curvature > 0)) return {};
      const double length = rr / curvature;
      d = d + p * length;
      hd = hd + hp * length;
      r = r - ap * length;
      const double before = rr;
      rr = dot(r, r);
      p = r + p * (rr / before);
    }
    return Step{d, hd};
  };
}

}  // namespace

Minimum minimise(const std::function<Tensor()>& loss, const std::vector<Parameter*>& parameters, double tolerance, int most_steps) {
  Flat flat(parameters);
  const std::int64_t n = flat.size();
  double lambda = 1e-2;
  Minimum m{value_of(loss), 0, 0, false};
  for (;; ++m.steps) {
    require(std::isfinite(m.loss), "minimise: the loss is {} after {} steps", m.loss, m.steps);
    NoGrad on(false);
    const Tensor graph = loss();
    const Tensor g = flat.gradient(graph);
    m.gradient = largest(g);
    m.converged = m.gradient < tolerance;
    if (m.converged || m.steps == most_steps) return m;
    const Solver solve = n <= 300 ? by_cholesky(flat.hessian(graph), g) : by_conjugate_gradients(loss, flat, g);
    NoGrad off;
    const Tensor here = flat.values();
    for (bool moved = false; !moved;) {
      if (lambda > 1e12) return m;  // nothing goes downhill any more
      const auto step = solve(lambda);
      if (!step) {
        lambda *= 4;
        continue;
      }
      flat.set(here + step->d);
      const double predicted = -dot(g, step->d) - 0.5 * dot(step->d, step->hd), after = value_of(loss), gained = m.loss - after;
      // Near the minimum the loss no longer shows what is gained, being rounded; the model is right there, so believe it.
      const bool rounded = std::abs(predicted) < 1e-13 * std::abs(m.loss) && std::abs(gained) < 1e-12 * std::abs(m.loss);
      moved = rounded || gained > 1e-4 * predicted;
      if (moved) {
        if (rounded || gained > 0.75 * predicted) lambda = std::max(lambda / 8, 1e-14);
        else if (gained < 0.25 * predicted) lambda *= 2;
        m.loss = after;
      } else {
        flat.set(here);
        lambda *= 4;
      }
    }
  }
}

Minimum settle(const std::function<Tensor()>& loss, const std::vector<Parameter*>& parameters, const Tensor& inverse, double tolerance, int most_steps) {
  Flat flat(parameters);
  require(inverse.shape() == Shape{flat.size(), flat.size()}, "settle: the inverse Hessian {} does not fit {} kept weights", inverse.shape(), flat.size());
  Minimum m{value_of(loss), 0, 0, false};
  for (;; ++m.steps) {
    NoGrad on(false);
    const Tensor g = flat.gradient(loss());
    NoGrad off;
    m.gradient = largest(g);
    m.converged = m.gradient < tolerance;
    if (m.converged || m.steps == most_steps) return m;
    const Tensor here = flat.values(), d = -times(inverse, g);
    double after = 0, length = 1;
    for (;; length /= 2) {  // shorter steps until the loss falls
      flat.set(here + d * length);
      after = value_of(loss);
      if (after <= m.loss + 1e-4 * length * dot(g, d) + 1e-14 * std::abs(m.loss)) break;
      if (length < 1e-6) {
        flat.set(here);
        return m;
      }
    }
    m.loss = after;
  }
}

}  // namespace bonsai::nn
