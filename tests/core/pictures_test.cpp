// Where kernels of pooling and normalisation go wrong first: means far larger than the deviation, channels that do not vary, planes about
// as long as a vector, NaN and infinity, ties. The oracle is `reference`, which sums in double precision, or is written here.
#include <cmath>
#include <limits>

#include "core/backend.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/core/check.h"

namespace bonsai::check {
namespace {

struct Results {
  Tensor y, statistics, dx, dgamma, dbeta, dshortcut;
};
// Value and gradient straight from a table of kernels, on the same numbers; dy is of x's shape.
Results batch_normalized(const Backend& b, const Tensor& x, const Tensor& dy, const Tensor& shortcut, bool relu) {
  const DType t = x.dtype();
  const std::int64_t channels = x.size(1);
  const Tensor gamma = sample({channels}, t, {0.5, 1.5}), beta = sample({channels}, t, {-1, 1}, 1);
  Results r{empty_like(x), empty({2, channels}, DType::f64), empty_like(x), empty_like(gamma), empty_like(beta), empty_like(x)};
  b.batch_norm({1e-5, relu}, view(x), view(gamma), view(beta), shortcut.defined() ? view(shortcut) : View{}, view_for_writing(r.y), view_for_writing(r.statistics));
  b.batch_norm_gradient({1e-5, relu}, view(x), view(gamma), view(r.statistics), view(r.y), view(dy), view_for_writing(r.dx), view_for_writing(r.dgamma),
                        view_for_writing(r.dbeta), view_for_writing(r.dshortcut));
  return r;
}
Results layer_normalized(const Backend& b, const Tensor& x, const Tensor& dy) {
  const std::int64_t features = x.size(1);
  const Tensor gamma = sample({features}, x.dtype(), {0.5, 1.5}), beta = sample({features}, x.dtype(), {-1, 1}, 1);
  Results r{empty_like(x), empty({2, x.size(0)}, DType::f64), empty_like(x), empty_like(gamma), empty_like(beta), {}};
  b.layer_norm(1e-5, view(x), view(gamma), view(beta), view_for_writing(r.y), view_for_writing(r.statistics));
  b.layer_norm_gradient(1e-5, view(x), view(gamma), view(r.statistics), view(dy), view_for_writing(r.dx), view_for_writing(r.dgamma), view_for_writing(r.dbeta));
  return r;
}
void expect_close(const Results& got, const Results& want, double tolerance, const std::string& what) {
  for (auto [name, part] : {std::pair{"y", &Results::y}, {"statistics", &Results::statistics}, {"dx", &Results::dx}, {"dgamma", &Results::dgamma},
                            {"dbeta", &Results::dbeta}, {"dshortcut", &Results::dshortcut}})
    if ((want.*part).defined()) {
      EXPECT_TRUE(close(got.*part, want.*part, tolerance, tolerance)) << name << " of " << what;
    }
}

// f32 numbers near 1000 are 6e-5 apart: x - mean is exact, a x + b would be off by several of these gaps.
TEST(BatchNorm, OfNumbersFarFromZero) {
  for (const Shape& s : {Shape{128, 3, 8, 8}, Shape{16, 2, 32, 32}, Shape{7, 5, 3, 3}, Shape{200, 4}})
    for (const double mean : {1000.0, -30000.0}) {
      const Tensor x = Random(1).normal(s, mean, 1), dy = Random(2).normal(s);
      expect_close(batch_normalized(cpu_backend(), x, dy, {}, false), batch_normalized(reference_backend(), x, dy, {}, false), 2e-5, fmt::format("{} about {}", s, mean));
    }
}
TEST(LayerNorm, OfNumbersFarFromZero) {
  for (const Shape& s : {Shape{30, 784}, Shape{5, 17}})
    for (const double mean : {1000.0, -30000.0}) {
      const Tensor x = Random(1).normal(s, mean, 1), dy = Random(2).normal(s);
      expect_close(layer_normalized(cpu_backend(), x, dy), layer_normalized(reference_backend(), x, dy), 2e-5, fmt::format("{} about {}", s, mean));
    }
}

// 1 / √ε is 316: what rounding leaves of x - mean grows by that much. y must be β, and β alone.
TEST(BatchNorm, OfAChannelThatDoesNotVary) {
  for (const float value : {0.0f, 0.1f, 1000.1f, -12345.6f})
    for (const Shape& s : {Shape{64, 2, 8, 8}, Shape{9, 3, 5, 5}, Shape{33, 2}}) {
      const Results r = batch_normalized(cpu_backend(), full(s, value), full(s, 0), {}, false);
      const std::int64_t plane = s.numel() / (s[0] * s[1]);
      for (std::int64_t i = 0; i < r.y.numel(); ++i)
        ASSERT_NEAR(r.y.at(i), sample({s[1]}, DType::f32, {-1, 1}, 1).at(i / plane % s[1]), 1e-5) << value << " at " << i;
      for (std::int64_t c = 0; c < s[1]; ++c) EXPECT_LT(r.statistics.at(s[1] + c), 1e-12);
    }
}

// Planes about as long as vectors of 4, 8 and 16, and as the short runs that are summed in f32; one example, and one channel.
TEST(BatchNorm, OfPlanesOfEveryLength) {
  std::vector<Shape> shapes = {{1, 1, 5000}, {1, 3, 129}, {2, 1, 1025}, {1, 2, 40000}};
  for (std::int64_t plane : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 100, 255, 1023, 1024, 1027}) shapes.push_back({3, 5, plane});
  for (std::int64_t examples : {2, 63, 64, 65, 131}) shapes.push_back({examples, 9, 2, 2});
  for (const DType t : {DType::f32, DType::f64})
    for (const Shape& s : shapes) {
      const Tensor x = sample(s, t, {-1, 3}), dy = sample(s, t, {-1, 1}, 2), shortcut = sample(s, t, {-1, 1}, 3);
      const double tolerance = t == DType::f32 ? 1e-4 : 1e-11;  // dγ and dβ are sums of up to 40,000 numbers
      for (const bool relu : {false, true})
        expect_close(batch_normalized(cpu_backend(), x, dy, shortcut, relu), batch_normalized(reference_backend(), x, dy, shortcut, relu), tolerance, fmt::format("{} {}", name(t), s));
    }
}
TEST(LayerNorm, OfRowsOfEveryLength) {
  for (const DType t : {DType::f32, DType::f64})
    for (std::int64_t features : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 784, 1025}) {
      const Tensor x = sample({37, features}, t, {-1, 3}), dy = sample({37, features}, t, {-1, 1}, 2);
      expect_close(layer_normalized(cpu_backend(), x, dy), layer_normalized(reference_backend(), x, dy), t == DType::f32 ? 2e-5 : 1e-11, fmt::format("{} {}", name(t), features));
    }
}

// The same bits whoever computes which tile: few channels and large planes, many and small ones.
TEST(BatchNorm, SameBitsAtAnyNumberOfThreads) {
  for (const Shape& s : {Shape{1, 4, 200, 200}, Shape{64, 3, 32, 32}, Shape{65, 130, 2, 2}, Shape{300, 70}}) {
    const Tensor x = sample(s, DType::f32, {-1, 3}), dy = sample(s, DType::f32, {-1, 1}, 2);
    const Results want = batch_normalized(cpu_backend(), x, dy, x, true);
    for (int n : {2, 3, 8}) {
      set_threads(n);
      const Results got = batch_normalized(cpu_backend(), x, dy, x, true);
      set_threads(1);
      for (auto part : {&Results::y, &Results::statistics, &Results::dx, &Results::dgamma, &Results::dbeta, &Results::dshortcut})
        EXPECT_TRUE(same_bits(got.*part, want.*part)) << n << " threads, " << str(s);
    }
  }
}

// What max_pool2d must do, said once more: the first NaN, else the first of the largest.
void expect_pooled(const Tensor& x, const Pool& p) {
  const std::int64_t height = x.size(2), width = x.size(3), rows = positions(height, p.size, p.stride, p.padding), columns = positions(width, p.size, p.stride, p.padding);
  for (const Backend* b : {&cpu_backend(), &reference_backend()}) {
    Tensor y = empty({x.size(0), x.size(1), rows, columns}, x.dtype()), taps = empty(y.shape(), DType::u8), back = empty_like(x), again = empty_like(y);
    b->max_pool2d(p, view(x), view_for_writing(y), view_for_writing(taps));
    Tensor ones_back = zeros(x.shape(), DType::f64);
    for (std::int64_t k = 0; k < y.numel(); ++k) {
      const std::int64_t plane = k / (rows * columns), top = k / columns % rows * p.stride - p.padding, left = k % columns * p.stride - p.padding;
      double best = 0;
      std::int64_t tap = -1, place = -1;
      for (std::int64_t t = 0; t < p.size * p.size; ++t) {
        const std::int64_t row = top + t / p.size, column = left + t % p.size;
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const std::int64_t here = (plane * height + row) * width + column;
        const double v = x.at(here);
        if (tap >= 0 && (std::isnan(best) || !(std::isnan(v) || v > best))) continue;
        best = v, tap = t, place = here;
      }
      ASSERT_EQ(taps.at(k), static_cast<double>(tap)) << b->name << " " << str(x.shape()) << " window " << k;
      ASSERT_TRUE(std::isnan(best) ? std::isnan(y.at(k)) : y.at(k) == best) << b->name << " " << str(x.shape()) << " window " << k << ": " << y.at(k) << " for " << best;
      ones_back.mutable_data<double>()[place] += 1;
    }
    const Tensor one = ones(y.shape(), x.dtype());
    b->pool_scatter(p, view(one), view(taps), view_for_writing(back));
    EXPECT_TRUE(close(back, cast(ones_back, x.dtype()), 0, 0)) << b->name << " " << str(x.shape());
    b->pool_gather(p, view(x), view(taps), view_for_writing(again));
    for (std::int64_t k = 0; k < y.numel(); ++k)
      ASSERT_TRUE(again.at(k) == y.at(k) || (std::isnan(again.at(k)) && std::isnan(y.at(k)))) << b->name << " " << str(x.shape()) << " window " << k;
  }
}
TEST(MaxPool, NaNInfinityAndTies) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const double values[] = {0, -1, 1, 1, -inf, inf, nan, -0.0};
  for (const DType t : {DType::f32, DType::f64})
    for (const auto& [height, width] : {std::pair{2, 2}, {3, 3}, {4, 30}, {6, 32}, {2, 34}, {4, 62}, {5, 67}, {8, 130}})
      for (const Pool p : {Pool{}, Pool{3, 2, 1}, Pool{3, 3, 0}, Pool{2, 1, 0}, Pool{2, 3, 1}, Pool{2, 2, 1}}) {
        if (p.size > std::min(height, width) + 2 * p.padding) continue;
        const Tensor which = sample({3, 2, height, width}, t, {0, 8, false, DType::i64}, height);
        Tensor x = empty(which.shape(), t);
        dispatch(t, [&]<class T>() {
          for (std::int64_t i = 0; i < x.numel(); ++i) x.mutable_data<T>()[i] = static_cast<T>(values[static_cast<int>(which.at(i))]);
        });
        expect_pooled(x, p);
        expect_pooled(full(which.shape(), -inf, t), p);  // the first of equals, and it must win against nothing
        expect_pooled(full(which.shape(), nan, t), p);
      }
}

}  // namespace
}  // namespace bonsai::check
