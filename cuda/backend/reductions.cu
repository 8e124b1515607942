// Sums and maxima over any axes. An output's elements are cut into parts of at most 8192, a block each; in a part, element e goes to thread e % 256 (or fewer, for few elements), each
// thread adds up its own in double precision, the threads' sums are added in a tree, and the parts' sums, where there are several, by a second kernel in the same way: an order that depends
// on the shape alone, and as many blocks as there are elements to keep busy. Few elements an output: a thread does it all.
//
// Double precision: for f32 the result is right to its last place or two, at any length. On an H200 it is half as fast as f32, and a reduction waits for memory; a consumer GPU
// has a 32nd or 64th of it, and there a long sum waits for arithmetic.
#include <cmath>
#include <limits>

#include "cuda/backend/scratch.h"

namespace bonsai::cuda {
namespace {

constexpr std::int64_t part_size = 8192;

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
  Shape kept = in.shape, gone = in.shape;
  for (int a = 0; a < in.shape.rank(); ++a) (out.shape[a] == in.shape[a] && in.shape[a] != 1 ? gone : kept)[a] = 1;
  return {strided(in.data, kept, in.strides), strided(in.data, gone, in.strides)};
}

// Block (output, part). To out, or, where there are several parts, their results to `results` (output, part).
template <class In, class A, class Out, class F>
__global__ void by_blocks(Reduced r, Strided out, A start, int parts, A* results) {
  A* sums = shared<A>();
  const std::int64_t output = blockIdx.x / parts, base = r.kept.at(output), first = blockIdx.x % parts * part_size;
  const std::int64_t end = first + part_size < r.gone.numel ? first + part_size : r.gone.numel;
  A mine = start;
  for (std::int64_t e = first + threadIdx.x; e < end; e += blockDim.x) mine = F::of(mine, static_cast<A>(r.kept.template as<In>()[base + r.gone.at(e)]));
  sums[threadIdx.x] = mine;
  for (int half = static_cast<int>(blockDim.x) / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] = F::of(sums[threadIdx.x], sums[threadIdx.x + half]);
  }
  if (threadIdx.x != 0) return;
  if (results) results[blockIdx.x] = sums[0];
  else out.as<Out>()[out.at(output)] = static_cast<Out>(sums[0]);
}

template <class In, class A, class Out, class F>
void by_threads(const Reduced& r, const Strided& out, A start) {
  each("reduce", out.numel, [=] BONSAI_DEVICE(std::int64_t o) {
    const std::int64_t base = r.kept.at(o);
    A total = start;
    for (std::int64_t e = 0; e < r.gone.numel; ++e) total = F::of(total, static_cast<A>(r.kept.template as<In>()[base + r.gone.at(e)]));
    out.as<Out>()[out.at(o)] = static_cast<Out>(total);
  });
}

template <class In, class A, class Out, class F>
void reduce(const Reduced& r, const Strided& out, A start) {
  if (out.numel == 0) return;
  // Outputs enough to keep a GPU busy, or little to add: a thread an output.
  if (r.gone.numel < 32 || (r.gone.numel < 1024 && out.numel >= 2048) || out.numel >= (1 << 16)) return by_threads<In, A, Out, F>(r, out, start);
  const std::int64_t parts = (r.gone.numel + part_size - 1) / part_size;
  require(out.numel * parts < (std::int64_t{1} << 31), "reduce: {} outputs of {} elements are too many for one launch; cut the tensor", out.numel, r.gone.numel);
  const DeviceScratch<A> results(parts > 1 ? out.numel * parts : 0);
  unsigned threads = 32;
  while (threads < 256 && threads < r.gone.numel) threads *= 2;
  launch("reduce", by_blocks<In, A, Out, F>, dim3(static_cast<unsigned>(out.numel * parts)), dim3(threads), threads * sizeof(A), current_stream(), r, out, start, static_cast<int>(parts),
         parts > 1 ? results.data() : nullptr);
  if (parts > 1) reduce<A, A, Out, F>({strided(results.data(), {out.numel}, {parts}), strided(results.data(), {parts}, {1})}, out, start);
}

void sum(View in, View out) {
  dispatch(in.dtype, [&]<class T>() { reduce<T, Wide<T>, T, Add>(split(in, out), strided(out), Wide<T>(0)); });
}
void max(View in, View out) {
  dispatch(in.dtype, [&]<class T>() {
    reduce<T, T, T, Larger>(split(in, out), strided(out), std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest());
  });
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
