// Sums and maxima over any axes. An output's elements are shared out among the 256 threads of a block, element e to thread e % 256; each adds up its own in double
// precision, and the threads' sums are added in a tree: an order that depends on the shape alone. Few elements: a thread does it all.
#include <cmath>
#include <limits>

#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

constexpr int threads = 256;

template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

struct Add {
  template <class A>
  BONSAI_HOST_DEVICE static A of(A a, A b) { return a + b; }
};
struct Larger {  // NaN wins
  template <class A>
  BONSAI_HOST_DEVICE static A of(A a, A b) { return apply<Binary::maximum>(a, b); }
};

// `in` once more, its axes in two groups: those that stay (as out has them) and those that are reduced.
struct Reduced {
  Strided kept, gone;  // of in; kept.at(o) + gone.at(e) is element e of output o
};
Reduced split(const View& in, const View& out) {
  Reduced r{strided(in), strided(in)};
  r.kept.numel = r.gone.numel = 1;
  for (int a = 0; a < r.kept.rank; ++a) {
    const bool stays = out.shape[a] == in.shape[a] && in.shape[a] != 1;
    (stays ? r.gone : r.kept).shape[a] = 1;
    r.kept.numel *= r.kept.shape[a], r.gone.numel *= r.gone.shape[a];
  }
  return r;
}

template <class T, class A, class F>
__global__ void by_blocks(Reduced r, Strided out, A start) {
  A* sums = shared<A>();
  const std::int64_t base = r.kept.at(blockIdx.x);
  A mine = start;
  for (std::int64_t e = threadIdx.x; e < r.gone.numel; e += threads) mine = F::of(mine, static_cast<A>(r.kept.template as<T>()[base + r.gone.at(e)]));
  sums[threadIdx.x] = mine;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] = F::of(sums[threadIdx.x], sums[threadIdx.x + half]);
  }
  if (threadIdx.x == 0) out.as<T>()[out.at(blockIdx.x)] = static_cast<T>(sums[0]);
}

template <class T, class A, class F>
void by_threads(Reduced r, Strided out, A start) {
  each("reduce", out.numel, [=] BONSAI_DEVICE(std::int64_t o) {
    const std::int64_t base = r.kept.at(o);
    A total = start;
    for (std::int64_t e = 0; e < r.gone.numel; ++e) total = F::of(total, static_cast<A>(r.kept.template as<T>()[base + r.gone.at(e)]));
    out.as<T>()[out.at(o)] = static_cast<T>(total);
  });
}

template <class T, class A, class F>
void reduce(View in, View out, A start) {
  Reduced r = split(in, out);
  if (in.shape.numel() == 0) r.gone.numel = 0;
  const Strided to = strided(out);
  if (to.numel == 0) return;
  if (r.gone.numel < 4 * threads) by_threads<T, A, F>(r, to, start);
  else launch("reduce", by_blocks<T, A, F>, dim3(static_cast<unsigned>(to.numel)), dim3(threads), threads * sizeof(A), current_stream(), r, to, start);
}

void sum(View in, View out) {
  dispatch(in.dtype, [&]<class T>() { reduce<T, Wide<T>, Add>(in, out, Wide<T>(0)); });
}
void max(View in, View out) {
  dispatch(in.dtype, [&]<class T>() { reduce<T, T, Larger>(in, out, std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest()); });
}

template <class T>
void argmax_as(const T* x, std::int64_t* out, std::int64_t rows, std::int64_t n) {
  each("argmax", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    std::int64_t best = 0;
    for (std::int64_t j = 1; j < n; ++j)
      if (x[r * n + best] < x[r * n + j]) best = j;
    out[r] = best;
  });
}
void argmax(View in, View out) {
  const std::int64_t n = in.shape[in.shape.rank() - 1];
  dispatch(in.dtype, [&]<class T>() { argmax_as(in.as<T>(), out.as<std::int64_t>(), n == 0 ? 0 : in.shape.numel() / n, n); });
}

}  // namespace

void add_reductions(Backend& b) {
  b.sum.run = sum;
  b.max.run = max;
  b.argmax.run = argmax;
}

}  // namespace bonsai::cuda
