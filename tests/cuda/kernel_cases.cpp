#include "tests/cuda/kernel_cases.h"

#include <cmath>
#include <cstring>
#include <limits>


namespace bonsai::check {
namespace {

const Backend* under_test = nullptr;

const Backend& kernels_under_test() { return under_test ? *under_test : kernels(default_device()); }

// Same numbers, in the memory of the side that is running.
Tensor here(const Tensor& x) { return to(x, default_device()); }
Tensor nan_like(const Shape& s, DType t) { return full(s, std::numeric_limits<double>::quiet_NaN(), t); }
Tensor poisoned(const Shape& s, DType t) { return is_floating(t) ? nan_like(s, t) : full(s, 77, t); }

// |got - want| <= bound_i for every element: bound(i).
template <class F>
std::string within(const std::string& what, const Tensor& got, const Tensor& want, F bound) {
  if (got.shape() != want.shape()) return fmt::format("{}: shape {}, should be {}", what, got.shape(), want.shape());
  for (std::int64_t i = 0; i < got.numel(); ++i)
    if (!(std::abs(got.at(i) - want.at(i)) <= bound(i)))
      return fmt::format("{}: element {} of {} is {:.9g}, should be {:.9g}, at most {:.2g} away", what, i, got.shape(), got.at(i), want.at(i), bound(i));
  return "";
}
std::string same(const std::string& what, const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape() && std::memcmp(a.bytes(), b.bytes(), a.size_in_bytes()) == 0) return "";
  return what + ": other bits";
}

double roundoff(DType t) { return t == DType::f32 ? 0x1p-24 : 0x1p-53; }

// want and Σ |a| |b| come in f64 from the same numbers.
std::string product_within(const std::string& what, const Tensor& got, const Tensor& want, const Tensor& sizes, std::int64_t k, double u) {
  return within(what, got, want, [&](std::int64_t i) { return 8 * u * std::sqrt(static_cast<double>(std::max<std::int64_t>(k, 1))) * sizes.at(i); });
}

// ---- Products

struct Sizes {
  std::int64_t m, n, k;
};
const std::vector<Sizes> product_sizes = {{1, 1, 1}, {5, 3, 7}, {33, 19, 79}, {60, 300, 784}, {300, 100, 60}, {1, 10, 1000}, {10, 1, 9}, {129, 130, 67}, {260, 20, 131}, {64, 128, 8}, {65, 129, 9}};

// Both sides as they are stored (t: transposed there); leading axes `batch`.
std::string product_case(DType real, Sides t, const Shape& batch, Sizes z, double u) {
  const auto& [m, n, k] = z;
  auto shape = [&](bool turned, std::int64_t rows, std::int64_t columns) {
    Shape s = batch;
    s.push_back(turned ? columns : rows), s.push_back(turned ? rows : columns);
    return s;
  };
  Tensor a, b, want, size;
  {
    OnReference reference;
    a = sample(shape(t.a, m, k), real, {-1, 1}, 1), b = sample(shape(t.b, k, n), real, {-1, 1}, 2);
    const Tensor wide_a = cast(a, DType::f64), wide_b = cast(b, DType::f64);
    want = matmul(wide_a, wide_b, t), size = matmul(abs(wide_a), abs(wide_b), t);
  }
  UnderTest gpu;
  const Tensor on_a = here(a), on_b = here(b);
  Tensor got = nan_like(want.shape(), real);
  const View va = t.a ? transposed(view(on_a)) : view(on_a), vb = t.b ? transposed(view(on_b)) : view(on_b);
  kernels_under_test().matmul(va, vb, view_for_writing(got));
  const std::string what = fmt::format("{} ({}, {}) x ({}, {}) {}{} batch {}", name(real), m, k, k, n, t.a ? "a turned " : "", t.b ? "b turned" : "", batch);
  if (std::string wrong = product_within(what, got, want, size, k, u); !wrong.empty()) return wrong;
  // Cᵀ, written through its strides
  Shape turned_shape = batch;
  turned_shape.push_back(n), turned_shape.push_back(m);
  Tensor turned = nan_like(turned_shape, real);
  kernels_under_test().matmul(va, vb, transposed(view_for_writing(turned)));
  return product_within(what + " into a transposed one", transpose(turned), want, size, k, u);
}

std::string products(DType real, double u) {
  for (const Sizes& z : product_sizes)
    for (const Sides& t : {Sides{}, Sides{.a = true}, Sides{.b = true}, Sides{.a = true, .b = true}})
      if (std::string wrong = product_case(real, t, {}, z, u); !wrong.empty()) return wrong;
  for (const Shape& batch : {Shape{3}, Shape{2, 2}})
    if (std::string wrong = product_case(real, {.b = true}, batch, {21, 35, 300}, u); !wrong.empty()) return wrong;
  return "";
}

std::string products_of(DType real) { return products(real, roundoff(real)); }

// One row for all of A's, and one matrix for all products of a batch: strides of 0.
std::string repeated_operands(DType real) {
  Tensor a, b, want, size;
  {
    OnReference reference;
    a = sample({1, 33}, real, {-1, 1}, 1), b = sample({3, 33, 20}, real, {-1, 1}, 2);
    const Tensor rows = broadcast_to(cast(a, DType::f64), {3, 9, 33}), wide = cast(b, DType::f64);
    want = matmul(rows, wide), size = matmul(abs(rows), abs(wide));
  }
  UnderTest gpu;
  const Tensor on_a = here(a), on_b = here(b);
  Tensor got = nan_like(want.shape(), real);
  kernels_under_test().matmul(broadcast_view(view(on_a), {3, 9, 33}), view(on_b), view_for_writing(got));
  return product_within("a row for all", got, want, size, 33, roundoff(real));
}

std::string linear_layers(DType real) {
  for (const auto& [n, out, in] : product_sizes)
    for (const bool with_bias : {false, true}) {
      Tensor x, w, bias, want, size;
      {
        OnReference reference;
        x = sample({n, in}, real, {-1, 1}, 1), w = sample({out, in}, real, {-1, 1}, 2), bias = sample({out}, real, {-1, 1}, 3);
        auto wide = [](const Tensor& t) { return cast(t, DType::f64); };
        want = linear(wide(x), wide(w), with_bias ? wide(bias) : Tensor{}), size = linear(abs(wide(x)), abs(wide(w)), with_bias ? abs(wide(bias)) : Tensor{});
      }
      UnderTest gpu;
      const Tensor on_x = here(x), on_w = here(w), on_bias = here(bias);
      Tensor got = nan_like({n, out}, real);
      kernels_under_test().linear(view(on_x), view(on_w), with_bias ? view(on_bias) : View{}, view_for_writing(got));
      if (std::string wrong = product_within(fmt::format("{} linear ({}, {}) ({}, {}){}", name(real), n, in, out, in, with_bias ? " with bias" : ""), got, want, size, in, roundoff(real)); !wrong.empty())
        return wrong;
    }
  return "";
}

// ---- Convolutions: sizes that divide no tile, all four tiles of f32, long sums in parts, strides that leave taps out, groups.

struct Convolved {
  Shape x, w;
  Window window;
};
const std::vector<Convolved> convolutions = {
    {{2, 5, 13, 15}, {130, 5, 3, 3}, {.padding = 1}},
    {{3, 33, 17, 19}, {65, 33, 3, 3}, {.stride = 2, .padding = 1}},
    {{2, 7, 23, 21}, {19, 7, 4, 2}, {.stride = 3, .padding = 5, .dilation = 2}},
    {{2, 6, 9, 10}, {9, 6, 3, 3}, {.stride = 4, .padding = 2, .dilation = 2}},
    {{3, 10, 11, 12}, {36, 5, 3, 3}, {.padding = 1, .groups = 2}},
    {{2, 40, 10, 10}, {24, 40, 1, 1}, {.stride = 2}},
    {{40, 8, 9, 9}, {20, 8, 3, 3}, {.padding = 1}},
    {{2, 64, 2, 2}, {70, 64, 3, 3}, {.padding = 1}},
    {{2, 6, 8, 8}, {6, 1, 3, 3}, {.padding = 1, .groups = 6}},
};

std::string convolve(DType real, const Convolved& c, double u) {
  Tensor x, w, bias, dy, y, dx, dw, y_size, dx_size, dw_size;
  {
    OnReference reference;
    const auto& [stride, padding, dilation, groups] = c.window;
    x = sample(c.x, real, {-1, 1}, 1), w = sample(c.w, real, {-1, 1}, 2), bias = sample({c.w[0]}, real, {-1, 1}, 3);
    dy = sample({c.x[0], c.w[0], positions(c.x[2], c.w[2], stride, padding, dilation), positions(c.x[3], c.w[3], stride, padding, dilation)}, real, {-1, 1}, 4);
    const auto wide = [](const Tensor& t) { return cast(t, DType::f64); };
    y = conv2d(wide(x), wide(w), wide(bias), c.window), y_size = conv2d(abs(wide(x)), abs(wide(w)), abs(wide(bias)), c.window);
    dx = conv2d_input_gradient(wide(dy), wide(w), c.window, c.x[2], c.x[3]), dx_size = conv2d_input_gradient(abs(wide(dy)), abs(wide(w)), c.window, c.x[2], c.x[3]);
    dw = conv2d_weight_gradient(wide(x), wide(dy), c.window, c.w[2], c.w[3]), dw_size = conv2d_weight_gradient(abs(wide(x)), abs(wide(dy)), c.window, c.w[2], c.w[3]);
  }
  UnderTest gpu;
  const Backend& k = kernels_under_test();
  const Tensor on_x = here(x), on_w = here(w), on_bias = here(bias), on_dy = here(dy);
  Tensor got_y = nan_like(y.shape(), real), got_dx = nan_like(c.x, real), got_dw = nan_like(c.w, real);
  k.conv2d(c.window, view(on_x), view(on_w), view(on_bias), view_for_writing(got_y));
  k.conv2d_input_gradient(c.window, view(on_dy), view(on_w), view_for_writing(got_dx));
  k.conv2d_weight_gradient(c.window, view(on_x), view(on_dy), view_for_writing(got_dw));
  const std::string what = fmt::format("{} x {} w {}", name(real), c.x, c.w);
  const std::int64_t taps = c.w[1] * c.w[2] * c.w[3], taps_back = c.w[0] / c.window.groups * c.w[2] * c.w[3], pixels = dy.numel() / c.w[0];
  for (const std::string& wrong : {product_within("conv2d " + what, got_y, y, y_size, taps, u), product_within("conv2d_input_gradient " + what, got_dx, dx, dx_size, taps_back, u),
                                   product_within("conv2d_weight_gradient " + what, got_dw, dw, dw_size, pixels, u)})
    if (!wrong.empty()) return wrong;
  return "";
}
std::string convolutions_of(DType real) {
  for (const Convolved& c : convolutions)
    if (std::string wrong = convolve(real, c, roundoff(real)); !wrong.empty()) return wrong;
  return "";
}

// ---- Long sums, whose parts are shared out among blocks: right to the last place, since they are added in double precision.

std::string long_sums() {
  for (const auto& [shape, axes] : std::vector<std::pair<Shape, Shape>>{{{100003}, {0}}, {{3, 50001}, {1}}, {{20001, 3}, {0}}, {{2, 3, 9001}, {0, 2}}, {{40, 3000}, {0}}, {{8193, 2}, {0}}}) {
    Tensor x, want, largest;
    {
      OnReference reference;
      x = sample(shape, DType::f32, {-1, 1}, 1);
      want = sum(cast(x, DType::f64), axes), largest = max(cast(x, DType::f64), axes);
    }
    UnderTest gpu;
    const Tensor on = here(x);
    if (std::string wrong = within(fmt::format("sum of {}", shape), sum(on, axes), want, [&](std::int64_t i) { return 0x1p-23 * std::abs(want.at(i)) + 1e-12; }); !wrong.empty()) return wrong;
    if (std::string wrong = within(fmt::format("max of {}", shape), max(on, axes), largest, [](std::int64_t) { return 0.0; }); !wrong.empty()) return wrong;
  }
  return "";
}

// ---- Normalisation of many pictures: channels in parts.

std::string large_batch_norm() {
  const Shape shape{20, 3, 31, 33};
  Tensor x, dy, gamma, beta, y, statistics, dx, dgamma, dbeta, shortcut, dshortcut;
  const Normalized how{1e-5, true};
  auto all = [&](const Backend& k, const Tensor& x, const Tensor& dy, const Tensor& gamma, const Tensor& beta, const Tensor& shortcut) {
    Tensors r{poisoned(shape, DType::f32), poisoned({2, 3}, DType::f64), poisoned(shape, DType::f32), poisoned({3}, DType::f32), poisoned({3}, DType::f32), poisoned(shape, DType::f32)};
    k.batch_norm(how, view(x), view(gamma), view(beta), view(shortcut), view_for_writing(r[0]), view_for_writing(r[1]));
    k.batch_norm_gradient(how, view(x), view(gamma), view(r[1]), view(r[0]), view(dy), view_for_writing(r[2]), view_for_writing(r[3]), view_for_writing(r[4]), view_for_writing(r[5]));
    return r;
  };
  Tensors want;
  {
    OnReference reference;
    x = sample(shape, DType::f32, {999, 1001}, 1), dy = sample(shape, DType::f32, {-1, 1}, 2), gamma = sample({3}, DType::f32, {0.5, 1.5}, 3), beta = sample({3}, DType::f32, {-1, 1}, 4);
    shortcut = sample(shape, DType::f32, {-1, 1}, 5);
    want = all(reference_backend(), x, dy, gamma, beta, shortcut);
  }
  UnderTest gpu;
  const Tensors got = all(kernels_under_test(), here(x), here(dy), here(gamma), here(beta), here(shortcut));
  const char* names[] = {"y", "statistics", "dx", "dgamma", "dbeta", "dshortcut"};
  for (std::size_t i = 0; i < got.size(); ++i)
    if (std::string wrong = within(std::string("batch_norm: ") + names[i], got[i], want[i], [&](std::int64_t j) { return (i == 1 ? 1e-11 : 4e-7) * std::max(std::abs(want[i].at(j)), 1.0); }); !wrong.empty())
      return wrong;
  return "";
}

// ---- What the table of operations has no row for

std::string random_numbers() {
  for (const DType t : {DType::f32, DType::f64})
    for (const std::int64_t n : {1, 3, 1000}) {
      Tensor uniform, normal;
      {
        OnReference reference;
        uniform = empty({n}, t), normal = empty({n}, t);
        reference_backend().uniform(12, 34, view_for_writing(uniform)), reference_backend().normal(12, 34, view_for_writing(normal));
      }
      UnderTest gpu;
      Tensor got = poisoned({n}, t);
      kernels_under_test().uniform(12, 34, view_for_writing(got));
      if (std::string wrong = same("uniform", got, uniform); !wrong.empty()) return wrong;
      got = poisoned({n}, t);
      kernels_under_test().normal(12, 34, view_for_writing(got));
      if (std::string wrong = within("normal", got, normal, [&](std::int64_t i) { return 4 * roundoff(t) * std::abs(normal.at(i)); }); !wrong.empty()) return wrong;
    }
  return "";
}

std::string pixels() {
  Tensor bytes, numbers, scale, want;
  {
    OnReference reference;
    bytes = cast(sample({5, 3, 17}, DType::f64, {0, 256}, 1), DType::u8), numbers = sample({4}, DType::f64, {0, 5, false, DType::i64}, 2), scale = sample({3, 3}, DType::f32, {-1, 1}, 3);
    want = empty({4, 3, 17});
    reference_backend().pixels(view(bytes), view(numbers), view(scale), view_for_writing(want));
  }
  UnderTest gpu;
  const Tensor on_bytes = here(bytes), on_numbers = here(numbers), on_scale = here(scale);
  Tensor got = poisoned({4, 3, 17}, DType::f32);
  kernels_under_test().pixels(view(on_bytes), view(on_numbers), view(on_scale), view_for_writing(got));
  return within("pixels", got, want, [](std::int64_t) { return 1e-4; });
}

// Mirrored and cut: the very bytes.
std::string crops() {
  const Cropping how{7, 2, true};
  Tensor pictures, numbers, want;
  {
    OnReference reference;
    pictures = cast(sample({5, 3, 6, 9}, DType::f64, {0, 256}, 1), DType::u8), numbers = sample({40}, DType::f64, {0, 5, false, DType::i64}, 2);
    want = empty({40, 3, 6, 9}, DType::u8);
    reference_backend().crop(how, view(pictures), view(numbers), view_for_writing(want));
  }
  UnderTest gpu;
  const Tensor on_pictures = here(pictures), on_numbers = here(numbers);
  Tensor got = full({40, 3, 6, 9}, 255, DType::u8);
  kernels_under_test().crop(how, view(on_pictures), view(on_numbers), view_for_writing(got));
  return within("crop", got, want, [](std::int64_t) { return 0.0; });
}

// Three steps of each, with and without a mask; a mask leaves zeros.
std::string optimizers() {
  for (const DType t : {DType::f32, DType::f64})
    for (const std::int64_t n : {1, 300, 5000})
      for (int option = 0; option < 8; ++option) {
        const bool masked = option & 1, second = option & 2, adam = option & 4;
        auto steps = [&](const Backend& k, const Tensor& w0, const Tensor& g, const Tensor& mask) {
          Tensors r{here(w0) * 1.0, zeros({n}, t), zeros({n}, t)};
          for (std::int64_t step = 1; step <= 3; ++step) {
            const Tensor rate = full({1}, 0.1 / static_cast<double>(step), DType::f64), number = full({1}, static_cast<double>(step), DType::i64);
            const View m = masked ? view(mask) : View{};
            if (adam) k.adam({0.9, 0.999, 1e-8, 0.01, second}, view_for_writing(r[0]), view(g), view_for_writing(r[1]), view_for_writing(r[2]), m, view(rate), view(number));
            else k.sgd({0.9, 0.01, second}, view_for_writing(r[0]), view(g), view_for_writing(r[1]), m, view(rate));
          }
          return r;
        };
        Tensor w, g, mask;
        Tensors want;
        {
          OnReference reference;
          w = sample({n}, t, {-1, 1}, 1), g = sample({n}, t, {-1, 1}, 2), mask = sample({n}, t, {0, 1, false, DType::u8}, 3);
          want = steps(reference_backend(), w, g, mask);
        }
        UnderTest gpu;
        const Tensors got = steps(kernels_under_test(), w, here(g), here(mask));
        for (std::size_t i = 0; i < got.size(); ++i)
          if (std::string wrong = within(fmt::format("{} {}{}{} of {}: {}", name(t), adam ? "adam" : "sgd", second ? ", decoupled or nesterov" : "", masked ? ", masked" : "", n, i), got[i], want[i],
                                         [&](std::int64_t j) { return 8 * roundoff(t) * std::abs(want[i].at(j)) + 8 * roundoff(t) * (masked && !mask.at(j) ? 0 : 1); });
              !wrong.empty())
            return wrong;
      }
  return "";
}

}  // namespace

void test_kernels(const Backend* b) { under_test = b; }

OnReference::OnReference() : before_(default_device()), use_(reference_backend()) { set_default_device(Device::cpu); }
OnReference::~OnReference() { set_default_device(before_); }
UnderTest::UnderTest() {
  if (under_test) use_.emplace(*under_test);
}

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> all;
  for (const DType t : {DType::f32, DType::f64}) {
    auto add = [&](const char* what, std::string (*f)(DType)) { all.push_back({fmt::format("{}_{}", what, name(t)), [f, t] { return f(t); }}); };
    add("products", products_of), add("repeated_operands", repeated_operands), add("linear_layers", linear_layers), add("convolutions", convolutions_of);
  }
  all.push_back({"long_sums", long_sums});
  all.push_back({"large_batch_norm", large_batch_norm});
  all.push_back({"random_numbers", random_numbers});
  all.push_back({"pixels", pixels});
  all.push_back({"crop", crops});
  all.push_back({"optimizers", optimizers});
  return all;
}

std::string tf32_products() {
  if (std::string wrong = products(DType::f32, 0x1p-11); !wrong.empty()) return wrong;
  for (const Convolved& c : convolutions)
    if (std::string wrong = convolve(DType::f32, c, 0x1p-11); !wrong.empty()) return wrong;
  return "";
}

std::string row_agrees(const Row& row, DType real, bool twice) {
  const double atol = row.tolerance * (real == DType::f32 ? 3e-6 : 1e-14), rtol = row.tolerance * (real == DType::f32 ? 1e-5 : 1e-13);
  for (const Shapes& shapes : row.shapes)
    for (bool second : {false, true}) {
      Tensors want, got, again;
      {
        OnReference reference;
        want = evaluate(row, shapes, real, second);
      }
      {
        UnderTest gpu;
        got = evaluate(row, shapes, real, second);
        if (twice) again = evaluate(row, shapes, real, second);
      }
      if (got.size() != want.size()) return row.name + ": another number of results";
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double longer = i == 0 ? 1 : 8;  // a derivative that sums over many elements may differ by as many roundings
        const std::string what = fmt::format("{} of {}, result {}{}", row.name, shapes[0], i, second ? ", second" : "");
        if (got[i].dtype() != want[i].dtype()) return what + ": another type";
        for (std::int64_t j = 0; j < got[i].numel(); ++j)
          if (const double g = got[i].at(j), w = want[i].at(j); !(std::abs(g - w) <= longer * (atol + rtol * std::abs(w))) && !(std::isinf(w) && g == w))
            return fmt::format("{}: element {} of {} is {:.17g}, should be {:.17g}, off by {:.3g}", what, j, got[i].shape(), g, w, g - w);
        if (twice)
          if (std::string wrong = same(what + ", once more", again[i], got[i]); !wrong.empty()) return wrong;
      }
    }
  return "";
}

}  // namespace bonsai::check
