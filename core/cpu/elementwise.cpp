// Elementwise kernels. The inner loops are written for the three layouts that matter (both operands contiguous, or one of them a
// repeated number) so that the compiler can vectorise them, and once more for any strides.
#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

namespace bonsai::BONSAI_ISA {
namespace {

// c = f(a, b) along one run.
template <class T, class R, class F>
void run2(const T* a, std::int64_t sa, const T* b, std::int64_t sb, R* c, std::int64_t sc, std::int64_t n, F f) {
  if (sc == 1 && sa == 1 && sb == 1)
    for (std::int64_t i = 0; i < n; ++i) c[i] = f(a[i], b[i]);
  else if (sc == 1 && sa == 1 && sb == 0)
    for (std::int64_t i = 0; i < n; ++i) c[i] = f(a[i], *b);
  else if (sc == 1 && sa == 0 && sb == 1)
    for (std::int64_t i = 0; i < n; ++i) c[i] = f(*a, b[i]);
  else
    for (std::int64_t i = 0; i < n; ++i) c[i * sc] = f(a[i * sa], b[i * sb]);
}

template <class T, class R, class F>
void zip(const View& a, const View& b, const View& out, F f) {
  const Loops<3> loops(out.shape, {&a.strides, &b.strides, &out.strides});
  const int inner = loops.rank - 1;
  loops.for_each_run([&](const std::int64_t (&at)[3], std::int64_t n) {
    run2(a.as<T>() + at[0], loops.stride[0][inner], b.as<T>() + at[1], loops.stride[1][inner], out.as<R>() + at[2],
         loops.stride[2][inner], n, f);
  });
}

// z = x where c, else y, along one run with y and x either contiguous (step 1) or one repeated number (step 0). Both are loaded
// before choosing: a branch on a random mask would be guessed wrong half the time.
template <int sx, int sy, class T>
void choose(const std::uint8_t* c, const T* x, const T* y, T* z, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T p = x[i * sx], q = y[i * sy];
    z[i] = c[i] ? p : q;
  }
}

// Integers know only these operators; real numbers all of them.
constexpr bool for_integers(Binary op) { return op != Binary::div && op != Binary::pow && op != Binary::gate; }

template <Binary op, class T>
struct Apply2 {
  T operator()(T a, T b) const { return static_cast<T>(apply<op>(a, b)); }
};
template <Compare op, class T>
struct ApplyCompare {
  std::uint8_t operator()(T a, T b) const { return apply<op>(a, b); }
};

}  // namespace

void unary(Unary op, View in, View out) {
  on_real(in.dtype, [&]<class T>() {
    visit(op, [&]<Unary u>() {
      const Loops<2> loops(out.shape, {&in.strides, &out.strides});
      const std::int64_t si = loops.stride[0][loops.rank - 1], so = loops.stride[1][loops.rank - 1];
      loops.for_each_run([&](const std::int64_t (&at)[2], std::int64_t n) {
        const T* x = in.as<T>() + at[0];
        T* y = out.as<T>() + at[1];
        if (si == 1 && so == 1)
          for (std::int64_t i = 0; i < n; ++i) y[i] = apply<u>(x[i]);
        else
          for (std::int64_t i = 0; i < n; ++i) y[i * so] = apply<u>(x[i * si]);
      });
    });
  });
}

void binary(Binary op, View a, View b, View out) {
  visit(op, [&]<Binary o>() {
    if (a.dtype == DType::f32) zip<float, float>(a, b, out, Apply2<o, float>{});
    else if (a.dtype == DType::f64) zip<double, double>(a, b, out, Apply2<o, double>{});
    else if constexpr (for_integers(o)) {
      if (a.dtype == DType::i64) zip<std::int64_t, std::int64_t>(a, b, out, Apply2<o, std::int64_t>{});
      else zip<std::uint8_t, std::uint8_t>(a, b, out, Apply2<o, std::uint8_t>{});
    }
  });
}

void where(View c, View a, View b, View out) {
  const auto run = [&]<class T>() {
    const Loops<4> loops(out.shape, {&c.strides, &a.strides, &b.strides, &out.strides});
    std::int64_t step[4];
    for (int v = 0; v < 4; ++v) step[v] = loops.stride[v][loops.rank - 1];
    loops.for_each_run([&](const std::int64_t (&at)[4], std::int64_t n) {
      const std::uint8_t* condition = c.as<std::uint8_t>() + at[0];
      const T *x = a.as<T>() + at[1], *y = b.as<T>() + at[2];
      T* z = out.as<T>() + at[3];
      if (step[0] == 1 && step[1] == 1 && step[2] == 1 && step[3] == 1) choose<1, 1>(condition, x, y, z, n);
      else if (step[0] == 1 && step[1] == 1 && step[2] == 0 && step[3] == 1) choose<1, 0>(condition, x, y, z, n);
      else if (step[0] == 1 && step[1] == 0 && step[2] == 1 && step[3] == 1) choose<0, 1>(condition, x, y, z, n);
      else
        for (std::int64_t i = 0; i < n; ++i) z[i * step[3]] = condition[i * step[0]] ? x[i * step[1]] : y[i * step[2]];
    });
  };
  switch (out.dtype) {
    case DType::f32: return run.template operator()<float>();
    case DType::f64: return run.template operator()<double>();
    case DType::i64: return run.template operator()<std::int64_t>();
    case DType::u8: return run.template operator()<std::uint8_t>();
  }
}

void compare(Compare op, View a, View b, View out) {
  visit(op, [&]<Compare o>() {
    if (a.dtype == DType::f32) zip<float, std::uint8_t>(a, b, out, ApplyCompare<o, float>{});
    else if (a.dtype == DType::f64) zip<double, std::uint8_t>(a, b, out, ApplyCompare<o, double>{});
    else if (a.dtype == DType::i64) zip<std::int64_t, std::uint8_t>(a, b, out, ApplyCompare<o, std::int64_t>{});
    else zip<std::uint8_t, std::uint8_t>(a, b, out, ApplyCompare<o, std::uint8_t>{});
  });
}

}  // namespace bonsai::BONSAI_ISA
