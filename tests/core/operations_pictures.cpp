// Rows of the table of operations: convolutions, pooling and normalisation.
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

struct Convolved {
  Shape x, w;
  Window window;
};

// Kernels of one and several entries, even and odd, with and without every option; then the edges of the fast kernels: widths at, below and
// beyond a vector's 8 or 16, rows of outputs at a group's 4 or 6 and beyond, images that fill a panel, a part of it or several, and phases of
// a stride that some entries of the kernel never meet.
const std::vector<Convolved> convolutions = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 1, 3, 3}, {1, 1, 2, 2}, {}},
    {{1, 2, 3, 4}, {2, 2, 2, 3}, {}},
    {{1, 1, 3, 3}, {2, 1, 3, 3}, {.padding = 1}},
    {{1, 1, 5, 4}, {1, 1, 3, 2}, {.stride = 2, .padding = 1}},
    {{1, 1, 5, 5}, {1, 1, 2, 2}, {.stride = 3}},
    {{1, 1, 5, 5}, {1, 1, 3, 2}, {.padding = 2, .dilation = 2}},
    {{1, 4, 3, 2}, {4, 2, 2, 1}, {.groups = 2}},
    {{1, 3, 3, 3}, {3, 1, 2, 2}, {.padding = 1, .groups = 3}},
    {{1, 2, 4, 4}, {4, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 2}},
    {{1, 1, 7, 5}, {1, 1, 2, 2}, {.stride = 2, .padding = 3, .dilation = 3}},
    {{1, 2, 4, 4}, {3, 2, 1, 1}, {.stride = 2}},
    {{0, 2, 4, 4}, {3, 2, 3, 3}, {.padding = 1}},
    {{2, 0, 4, 4}, {3, 0, 3, 3}, {.padding = 1}},
    {{2, 3, 4, 4}, {0, 3, 3, 3}, {.padding = 1}},
    {{2, 1, 28, 28}, {20, 1, 5, 5}, {}},
    {{3, 20, 12, 12}, {50, 20, 5, 5}, {}},
    {{2, 3, 32, 32}, {16, 3, 3, 3}, {.padding = 1}},
    {{3, 16, 32, 32}, {17, 16, 3, 3}, {.padding = 1}},
    {{3, 16, 32, 32}, {32, 16, 3, 3}, {.stride = 2, .padding = 1}},
    {{2, 16, 32, 32}, {32, 16, 1, 1}, {.stride = 2}},
    {{5, 33, 16, 16}, {31, 33, 3, 3}, {.padding = 1}},
    {{9, 64, 8, 8}, {65, 64, 3, 3}, {.padding = 1}},
    {{19, 24, 4, 4}, {7, 24, 3, 3}, {.padding = 1}},
    {{70, 9, 2, 2}, {13, 9, 3, 3}, {.padding = 1}},
    {{67, 5, 1, 1}, {6, 5, 3, 3}, {.padding = 1}},
    {{2, 4, 19, 48}, {6, 4, 3, 3}, {.padding = 1}},
    {{2, 4, 17, 33}, {6, 4, 5, 3}, {.padding = 2, .dilation = 2}},
    {{2, 6, 18, 32}, {6, 1, 3, 3}, {.padding = 1, .groups = 6}},
    {{2, 12, 16, 16}, {21, 4, 3, 3}, {.stride = 2, .padding = 1, .groups = 3}},
    {{1, 2, 40, 40}, {3, 2, 7, 7}, {.stride = 4, .padding = 3}},
    {{1, 3, 21, 70}, {5, 3, 2, 2}, {.stride = 2, .padding = 1, .dilation = 5}},
    {{1, 2, 9, 80}, {3, 2, 3, 3}, {.padding = 7}},
};

// Rows that call f with the window of each case; `shapes` gives the inputs' shapes. Which case it is is read off the shapes.
using Call = Tensor (*)(const Tensors& x, const Convolved& c);
Row convolution(std::string name, Call f, std::vector<Domain> domains, Shapes (*shapes)(const Convolved&)) {
  Row r{std::move(name), [f, shapes](const Tensors& x) {
          for (const Convolved& c : convolutions) {
            const Shapes want = shapes(c);
            bool same = true;
            for (std::size_t i = 0; i < want.size(); ++i) same = same && want[i] == x[i].shape();
            if (same) return f(x, c);
          }
          fail("no convolution of these shapes");
        },
        std::move(domains), {}, true, 16};
  for (const Convolved& c : convolutions) r.shapes.push_back(shapes(c));
  return r;
}
Shape output(const Convolved& c) {
  const auto& [stride, padding, dilation, groups] = c.window;
  return {c.x[0], c.w[0], positions(c.x[2], c.w[2], stride, padding, dilation), positions(c.x[3], c.w[3], stride, padding, dilation)};
}
PatternRef pattern(const Convolved& c) { return a_third(c.w[0], c.w[1] * c.w[2] * c.w[3]); }

}  // namespace

std::vector<Row> picture_rows() {
  std::vector<Row> rows = {
      convolution("conv2d", [](const Tensors& x, const Convolved& c) { return conv2d(x[0], x[1], {}, c.window); }, {{-1, 1}, {-1, 1}},
                  [](const Convolved& c) { return Shapes{c.x, c.w}; }),
      convolution("conv2d_bias", [](const Tensors& x, const Convolved& c) { return conv2d(x[0], x[1], x[2], c.window); }, {{-1, 1}, {-1, 1}, {-1, 1}},
                  [](const Convolved& c) { return Shapes{c.x, c.w, {c.w[0]}}; }),
      // (the last input of these two only names the case)
      convolution("conv2d_input_gradient",
                  [](const Tensors& x, const Convolved& c) { return conv2d_input_gradient(x[0], x[1], c.window, c.x[2], c.x[3]) + x[2]; }, {{-1, 1}, {-1, 1}, {-1, 1}},
                  [](const Convolved& c) { return Shapes{output(c), c.w, c.x}; }),
      convolution("conv2d_weight_gradient",
                  [](const Tensors& x, const Convolved& c) { return conv2d_weight_gradient(x[0], x[1], c.window, c.w[2], c.w[3]) + x[2]; }, {{-1, 1}, {-1, 1}, {-1, 1}},
                  [](const Convolved& c) { return Shapes{c.x, output(c), c.w}; }),
  };
  // With the third of the weight that a pattern keeps; the last input names the case.
  for (Row& r : std::vector<Row>{
           convolution("sparse_conv2d",
                       [](const Tensors& x, const Convolved& c) { return sparse_conv2d(pattern(c), x[0], c.w, x[1], x[2], c.window) + sum(x[3]); },
                       {{-1, 1}, {-1, 1}, {-1, 1}, {-1, 1}}, [](const Convolved& c) { return Shapes{{pattern(c)->kept()}, c.x, {c.w[0]}, c.w}; }),
           convolution("sparse_conv2d_input_gradient",
                       [](const Tensors& x, const Convolved& c) { return sparse_conv2d_input_gradient({pattern(c), c.window, c.w, c.x[2], c.x[3]}, x[0], x[1]) + x[2]; },
                       {{-1, 1}, {-1, 1}, {-1, 1}}, [](const Convolved& c) { return Shapes{{pattern(c)->kept()}, output(c), c.x}; }),
           convolution("sparse_conv2d_weight_gradient",
                       [](const Tensors& x, const Convolved& c) { return sparse_conv2d_weight_gradient({pattern(c), c.window, c.w, c.x[2], c.x[3]}, x[0], x[1]) + sum(x[2]); },
                       {{-1, 1}, {-1, 1}, {-1, 1}}, [](const Convolved& c) { return Shapes{c.x, output(c), c.w}; })})
    rows.push_back(std::move(r));
  const std::vector<Shapes> pictures = {{{1, 1, 4, 4}}, {{1, 2, 5, 4}}, {{2, 1, 3, 5}}, {{0, 3, 6, 6}}, {{3, 5, 32, 32}}, {{2, 3, 17, 33}}, {{2, 20, 24, 24}}, {{300, 3, 8, 8}}};
  using Pooling = Tensor (*)(const Tensor&, const Pool&);
  for (auto [name, f] : {std::pair<const char*, Pooling>{"max_pool2d", max_pool2d}, {"average_pool2d", average_pool2d}})
    for (const Pool p : {Pool{}, Pool{3, 2, 1}, Pool{3, 1, 0}, Pool{2, 3, 1}})
      rows.push_back({fmt::format("{}_{}_{}_{}", name, p.size, p.stride, p.padding), [f, p](const Tensors& x) { return pow(f(x[0], p), 2); }, {{-3, 3}}, pictures, true, 4});
  rows.push_back({"global_average_pool", [](const Tensors& x) { return global_average_pool(x[0]); }, {{}}, {{{1, 2, 3, 2}}, {{2, 3, 1, 1}}, {{9, 64, 8, 8}}}, true, 4});

  const std::vector<Domain> affine = {{-2, 2}, {0.5, 1.5}, {-1, 1}}, with_shortcut = {{-2, 2}, {0.5, 1.5}, {-1, 1}, {-1, 1}};
  const std::vector<Shape> batches = {{5, 2}, {2, 3, 2, 2}, {3, 1, 1, 3}, {2, 2, 4}, {9, 16, 32, 32}, {5, 33, 7, 9}, {40, 64, 8, 8}, {300, 70}, {17, 3, 5, 16}};
  Row plain{"batch_norm", [](const Tensors& x) { return batch_norm(x[0], x[1], x[2], 1e-5).y; }, affine, {}, true, 16}, rectified = plain, residual = plain;
  rectified.name = "batch_norm_relu";
  rectified.f = [](const Tensors& x) { return pow(batch_norm(x[0], x[1], x[2], 1e-3, true).y, 2); };
  residual.name = "batch_norm_shortcut_relu";
  residual.f = [](const Tensors& x) { return pow(batch_norm(x[0], x[1], x[2], 1e-5, true, x[3]).y, 2); };
  residual.domains = with_shortcut;
  for (const Shape& s : batches) {
    plain.shapes.push_back({s, {s[1]}, {s[1]}});
    rectified.shapes.push_back(plain.shapes.back());
    residual.shapes.push_back({s, {s[1]}, {s[1]}, s});
  }
  for (const Row* r : {&plain, &rectified, &residual}) rows.push_back(*r);
  Row layer{"layer_norm", [](const Tensors& x) { return pow(layer_norm(x[0], x[1], x[2], 1e-5), 2); }, affine, {}, true, 16};
  for (const Shape& s : {Shape{7}, Shape{3, 5}, Shape{2, 3, 4}, Shape{0, 3}, Shape{5, 2}, Shape{64, 28, 64}, Shape{3, 1000}, Shape{300, 17}})
    layer.shapes.push_back({s, {s[s.rank() - 1]}, {s[s.rank() - 1]}});
  rows.push_back(layer);
  return rows;
}

}  // namespace bonsai::check
