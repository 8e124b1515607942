// Normalisation. These are fused: a kernel for the value, another for the first derivative. When the derivative itself is to be
// differentiated, it is written in operations instead; a test holds the two equal.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

// g = dy through what follows the normalisation of x over `axes`, γ and β already stretched over x:
//   x^ = (x - mean) r,  r = 1 / √(variance + ε)
//   dβ = Σ g        dγ = Σ g x^        dx = γ r (g - mean(g) - x^ mean(g x^)),  means and r over the group, γ inside where it varies there
struct Gradients {
  Tensor x, g_times_normal;  // dx, g x^
};
Gradients normalization_gradient(const Tensor& x, const Tensor& gamma, const Tensor& g, const AxisList& axes, std::int64_t members, double epsilon) {
  auto mean = [&](const Tensor& v) { return sum(v, axes, true) * (1.0 / static_cast<double>(members)); };  // (of no group, too)
  const Tensor centred = x - mean(x);
  const Tensor r = reciprocal(sqrt(mean(centred * centred) + epsilon));
  const Tensor normal = centred * r, scaled = g * gamma;
  return {r * (scaled - mean(scaled) - normal * mean(scaled * normal)), g * normal};  // (bn.2)
}

void check_affine(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, std::int64_t size, const char* what) {
  require(is_floating(x.dtype()) && gamma.dtype() == x.dtype() && beta.dtype() == x.dtype(), "{}: input {}, gamma {} and beta {} must all be f32 or all f64", op,
          name(x.dtype()), name(gamma.dtype()), name(beta.dtype()));
  require(gamma.shape() == Shape{size} && beta.shape() == Shape{size}, "{}: gamma {} and beta {} do not fit input {}; they must be ({}), one {}", op, gamma.shape(),
          beta.shape(), x.shape(), size, what);
}

}  // namespace

// y = γ (x - mean) / √(variance + ε) + β [+ shortcut] [ReLU]       dx, dγ, dβ as above with g = dy where y > 0; dshortcut = g
BatchNormalized batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon, bool relu, const Tensor& shortcut) {
  require(x.rank() >= 2 && x.numel() > 0, "batch_norm: needs (n, channels, ...) that is not empty, got {}", x.shape());
  check_affine("batch_norm", x, gamma, beta, x.shape()[1], "number a channel");
  require(x.numel() > x.shape()[1], "batch_norm: input {} has one number a channel, which has no variance; take a larger batch, or evaluate", x.shape());
  require(!shortcut.defined() || (shortcut.shape() == x.shape() && shortcut.dtype() == x.dtype()), "batch_norm: shortcut {} does not fit input {}",
          shortcut.defined() ? shortcut.shape() : Shape{}, x.shape());
  const Normalized how{epsilon, relu};
  Tensor y = empty_like(x), statistics = empty({2, x.shape()[1]}, DType::f64, x.device());
  // (bn.1)
  kernels(x, gamma).batch_norm(how, view(x), view(gamma), view(beta), shortcut.defined() ? view(shortcut) : View{}, view_for_writing(y), view_for_writing(statistics));
  Tensors inputs{x, gamma, beta, statistics};
  if (shortcut.defined()) inputs.push_back(shortcut);
  y = record({"batch_norm", std::move(inputs), how}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const auto [epsilon, relu] = at.get<Normalized>();
    const Tensor &x = at.input(0), &gamma = at.input(1);
    const bool with_shortcut = at.input_count() == 5;
    Tensors out(at.input_count());
    if (!gradients_enabled()) {
      for (int i : {0, 1, 2}) out[i] = empty_like(at.input(i));
      if (with_shortcut) out[4] = empty_like(x);
      kernels(x, dy).batch_norm_gradient({epsilon, relu}, view(x), view(gamma), view(at.input(3)), view(at.output()), view(dy), view_for_writing(out[0]),
                                         view_for_writing(out[1]), view_for_writing(out[2]), with_shortcut ? view_for_writing(out[4]) : View{});
      return out;
    }
    const Tensor g = relu ? gate(dy, at.output().detach()) : dy;
    Shape channel, over;  // (1, channels, 1, ...), and all axes but the channels'
    for (int a = 0; a < x.rank(); ++a) {
      channel.push_back(a == 1 ? x.shape()[1] : 1);
      if (a != 1) over.push_back(a);
    }
    const Gradients d = normalization_gradient(x, reshape(gamma, channel), g, over, x.numel() / x.shape()[1], epsilon);
    out[0] = d.x;
    out[1] = sum(d.g_times_normal, over);
    out[2] = sum(g, over);
    if (with_shortcut) out[4] = g;
    return out;
  });
  return {y, statistics};
}

// y = γ (x - mean) / √(variance + ε) + β over the last axis        dx, dγ, dβ as above with g = dy
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  require(x.rank() >= 1 && x.size(-1) > 0, "layer_norm: needs (..., features), got {}", x.shape());
  check_affine("layer_norm", x, gamma, beta, x.size(-1), "number a feature");
  Tensor y = empty_like(x), statistics = empty({2, x.numel() / x.size(-1)}, DType::f64, x.device());
  kernels(x, gamma).layer_norm(epsilon, view(x), view(gamma), view(beta), view_for_writing(y), view_for_writing(statistics));
  return record({"layer_norm", {x, gamma, beta, statistics}, Normalized{epsilon}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const double epsilon = at.get<Normalized>().epsilon;
    const Tensor &x = at.input(0), &gamma = at.input(1);
    Tensors out(4);
    if (!gradients_enabled()) {
      for (int i : {0, 1, 2}) out[i] = empty_like(at.input(i));
      kernels(x, dy).layer_norm_gradient(epsilon, view(x), view(gamma), view(at.input(3)), view(dy), view_for_writing(out[0]), view_for_writing(out[1]),
                                         view_for_writing(out[2]));
      return out;
    }
    const Gradients d = normalization_gradient(x, gamma, dy, {-1}, x.size(-1), epsilon);
    out[0] = d.x;
    out[1] = sum_to(d.g_times_normal, gamma.shape());
    out[2] = sum_to(dy, gamma.shape());
    return out;
  });
}

}  // namespace bonsai
