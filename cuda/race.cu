// The ladders on a GPU: every rung checked, element by element, against a product in f64 on the CPU, then timed beside cuBLAS. cuda/check.sh builds and runs it.
//
//   race            checks, then the table for m = n = k = 1024 to 8192, bf16
//   race check      the checks alone, on small sizes: for compute-sanitizer
//   race simple     both without Hopper's rungs: where these stop the GPU or never end, the others' numbers still count
#include <cublas_v2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/sparse24/hardware.h"
#include "core/sparse24/positions.h"
#include "cuda/gemm/gemm.h"
#include "cuda/sparse24/sparse24.h"

namespace {

using namespace bonsai;
using namespace bonsai::cuda;

template <class T>
struct Device {
  T* data = nullptr;
  std::size_t size;
  explicit Device(std::size_t n) : size(n) { check(cudaMalloc(&data, n * sizeof(T)), ("cudaMalloc of " + std::to_string(n * sizeof(T)) + " bytes").c_str()); }
  explicit Device(const std::vector<T>& from) : Device(from.size()) { check(cudaMemcpy(data, from.data(), size * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy"); }
  ~Device() { cudaFree(data); }
  Device(const Device&) = delete;
  std::vector<T> host() const {
    std::vector<T> h(size);
    check(cudaMemcpy(h.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return h;
  }
};

// Numbers in [-1, 1), the same on every machine.
template <class T>
std::vector<T> numbers(std::size_t n, std::uint32_t seed) {
  std::vector<T> v(n);
  for (T& x : v) {
    seed = seed * 1664525u + 1013904223u;
    from_float(static_cast<float>(seed >> 8) * 0x1p-23f - 1, x);
  }
  return v;
}

int failures = 0;

// c against a product in f64: |got - want| <= 8 u sqrt(k) (|A||B|) for every element, so that NaN fails.
template <class T>
void compare(const char* what, const std::vector<T>& a, const std::vector<T>& b, const std::vector<float>& c, int m, int n, int k) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double want = 0, size = 0;
      for (int x = 0; x < k; ++x) {
        const double p = static_cast<double>(to_float(a[static_cast<std::size_t>(i) * k + x])) * to_float(b[static_cast<std::size_t>(j) * k + x]);
        want += p, size += std::abs(p);
      }
      const double got = c[static_cast<std::size_t>(i) * n + j];
      if (!(std::abs(got - want) <= 8 * 0x1p-24 * std::sqrt(static_cast<double>(k)) * size)) {
        std::printf("\nFAILED %s %d x %d x %d: element %d, %d is %g, should be %g\n", what, m, n, k, i, j, got, want);
        ++failures;
        return;
      }
    }
  std::printf(" right\n");
}

template <class T>
using Dense = void (*)(const T*, const T*, float*, int, int, int, Stream);
template <class T>
using Sparse = void (*)(const Packed24<T>&, const T*, float*, int, Stream);

template <class T>
void poison(Device<T>& d) { check(cudaMemset(d.data, 0xff, d.size * sizeof(T)), "cudaMemset"); }

template <class T>
void check_dense(const char* what, Dense<T> f, int m, int n, int k) {
  const auto a = numbers<T>(static_cast<std::size_t>(m) * k, 1), b = numbers<T>(static_cast<std::size_t>(n) * k, 2);
  const Device<T> da(a), db(b);
  Device<float> c(static_cast<std::size_t>(m) * n);
  poison(c);
  std::printf("%s %d x %d x %d", what, m, n, k);  // (before: it may never end)
  f(da.data, db.data, c.data, m, n, k, nullptr);
  check(cudaDeviceSynchronize(), what);
  compare(what, a, b, c.host(), m, n, k);
}

// A pruned on the GPU; what it kept, and the words, are held against the CPU's own.
template <class T>
struct Pruned {
  int m, k;
  std::vector<T> dense;  // with zeros
  Device<T> values;
  Device<std::uint8_t> positions;
  Device<std::uint32_t> words;
  Pruned(int rows, int columns)
      : m(rows), k(columns), dense(numbers<T>(static_cast<std::size_t>(m) * k, 1)), values(static_cast<std::size_t>(m) * k / 2),
        positions(static_cast<std::size_t>(m) * position_bytes(k)), words(std::max<std::size_t>(1, static_cast<std::size_t>(m) * k / 32)) {
    const Device<T> w(dense);
    prune_and_pack_24(w.data, values.data, positions.data, m, k, nullptr);
    const bool tiles = m % 32 == 0 && k % 32 == 0;
    if (tiles) reorder_24(positions.data, words.data, m, k, nullptr);
    check(cudaDeviceSynchronize(), "packing");
  }
  void check_packing() {
    const auto p = positions.host();
    const auto v = values.host();
    for (int r = 0; r < m; ++r)
      for (int g = 0; g < k / 4; ++g) {
        T* four = &dense[static_cast<std::size_t>(r) * k + 4 * g];
        float kept = 0, gone = 0;
        for (int i = 0; i < 4; ++i) {
          const int first = position(&p[r * position_bytes(k)], g, 0), second = position(&p[r * position_bytes(k)], g, 1);
          const float size = std::abs(to_float(four[i]));
          if (i == first || i == second) {
            if (v[static_cast<std::size_t>(r) * (k / 2) + 2 * g + (i == second)].bits != four[i].bits) ++failures, std::printf("FAILED pack: a value\n");
            kept = kept == 0 ? size : std::min(kept, size);
          } else gone = std::max(gone, size), four[i].bits = 0;
        }
        if (gone > kept) ++failures, std::printf("FAILED pack: row %d, group %d keeps the smaller\n", r, g);
      }
    if (m % 32 != 0 || k % 32 != 0) return;
    const auto w = words.host();
    for (std::size_t i = 0; i < w.size(); ++i)
      for (int half = 0; half < 2; ++half) {
        const std::size_t tile = i / 32, row = tile % (m / 32) * 32, column = tile / (m / 32) * 32;
        const HalfWord at = half_word(static_cast<int>(i % 32), half);
        const std::uint8_t* two = &p[(row + at.row) * (k / 8) + (column + at.column) / 8];
        if ((w[i] >> (16 * half) & 0xffff) != static_cast<unsigned>(two[0] | two[1] << 8)) ++failures, std::printf("FAILED reorder: word %zu\n", i);
      }
  }
  Packed24<T> packed() const { return {m, k, values.data, positions.data, words.data}; }
};

template <class T>
void check_sparse(const char* what, Sparse<T> f, int m, int n, int k) {
  Pruned<T> a(m, k);
  a.check_packing();
  const auto b = numbers<T>(static_cast<std::size_t>(n) * k, 2);
  const Device<T> db(b);
  Device<float> c(static_cast<std::size_t>(m) * n);
  poison(c);
  std::printf("%s %d x %d x %d", what, m, n, k);
  f(a.packed(), db.data, c.data, n, nullptr);
  check(cudaDeviceSynchronize(), what);
  compare(what, a.dense, b, c.host(), m, n, k);
}

// hopper: whether this GPU has the instructions of the last rung.
template <class T>
void check_all(const std::string& type, bool hopper) {
  auto named = [&](const char* rung) { return rung + (" " + type); };
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {33, 19, 79}, {200, 130, 77}}) {
    check_dense<T>(named("gemm naive").c_str(), gemm_naive<T>, m, n, k);
    check_dense<T>(named("gemm tiled").c_str(), gemm_tiled<T>, m, n, k);
  }
  for (const auto& [m, n, k] : {std::tuple{1, 1, 8}, {33, 19, 80}, {130, 300, 488}}) {
    check_dense<T>(named("gemm mma").c_str(), gemm_mma<T>, m, n, k);
    check_dense<T>(named("gemm pipelined").c_str(), gemm_pipelined<T>, m, n, k);
  }
  for (const auto& [m, n, k] : {std::tuple{1, 1, 4}, {33, 19, 76}, {200, 130, 308}}) {
    check_sparse<T>(named("2:4 naive").c_str(), sparse24_naive<T>, m, n, k);
    check_sparse<T>(named("2:4 tiled").c_str(), sparse24_tiled<T>, m, n, k);
  }
  for (const auto& [m, n, k] : {std::tuple{32, 1, 32}, {32, 19, 96}, {288, 300, 480}}) {
    check_sparse<T>(named("2:4 mma").c_str(), sparse24_mma<T>, m, n, k);
    check_sparse<T>(named("2:4 pipelined").c_str(), sparse24_pipelined<T>, m, n, k);
  }
  if (!hopper) {
    std::printf("skipped gemm hopper and 2:4 hopper %s: not asked for, or no GPU of compute capability 9.0\n", type.c_str());
    return;
  }
  for (const auto& [m, n, k] : {std::tuple{1, 1, 8}, {33, 19, 80}, {130, 517, 328}, {600, 300, 488}}) check_dense<T>(named("gemm hopper").c_str(), gemm_hopper<T>, m, n, k);
  for (const auto& [m, n, k] : {std::tuple{32, 1, 32}, {288, 261, 544}, {544, 130, 160}, {1056, 300, 480}}) check_sparse<T>(named("2:4 hopper").c_str(), sparse24_hopper<T>, m, n, k);
}

// Milliseconds, the median of five runs of several calls.
double time_of(const std::function<void()>& f, int calls) {
  f();
  std::vector<float> all(5);
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "event"), check(cudaEventCreate(&end), "event");
  for (float& t : all) {
    check(cudaEventRecord(begin), "event");
    for (int i = 0; i < calls; ++i) f();
    check(cudaEventRecord(end), "event"), check(cudaEventSynchronize(end), "event");
    check(cudaEventElapsedTime(&t, begin, end), "event");
    t /= static_cast<float>(calls);
  }
  cudaEventDestroy(begin), cudaEventDestroy(end);
  std::sort(all.begin(), all.end());
  return all[2];
}

void race(bool hopper) {
  cublasHandle_t blas;
  if (cublasCreate(&blas) != CUBLAS_STATUS_SUCCESS) throw CudaError("cublasCreate failed");
  std::printf("\nbf16, f32 sums, m = n = k; dense TFLOP/s (2 m n k over time, for 2:4 too), and times cuBLAS\n%6s %10s", "", "cuBLAS");
  for (const char* name : {"naive", "tiled", "mma", "pipelined", "hopper", "2:4 naive", "2:4 tiled", "2:4 mma", "2:4 piped", "2:4 hopper"}) std::printf(" %16s", name);
  for (const int s : {1024, 2048, 4096, 8192}) {
    Pruned<Bf16> a(s, s);
    const Device<Bf16> dense(a.dense), b(numbers<Bf16>(static_cast<std::size_t>(s) * s, 2));
    Device<float> c(static_cast<std::size_t>(s) * s);
    const float one = 1, zero = 0;
    auto cublas = [&] {
      const auto status = cublasGemmEx(blas, CUBLAS_OP_T, CUBLAS_OP_N, s, s, s, &one, b.data, CUDA_R_16BF, s, dense.data, CUDA_R_16BF, s, &zero, c.data, CUDA_R_32F, s, CUBLAS_COMPUTE_32F,
                                       CUBLAS_GEMM_DEFAULT);
      if (status != CUBLAS_STATUS_SUCCESS) throw CudaError("cublasGemmEx failed");
    };
    const double flop = 2e-9 * s * s * s, reference = time_of(cublas, s > 4096 ? 5 : 20);
    std::printf("\n%6d %10.1f", s, flop / reference);
    for (const Dense<Bf16> f : {gemm_naive<Bf16>, gemm_tiled<Bf16>, gemm_mma<Bf16>, gemm_pipelined<Bf16>, gemm_hopper<Bf16>}) {
      const bool slow = f == gemm_naive<Bf16> || f == gemm_tiled<Bf16>, cannot = f == gemm_hopper<Bf16> && !hopper;
      const double t = cannot || (slow && s > 4096) ? NAN : time_of([&] { f(dense.data, b.data, c.data, s, s, s, nullptr); }, slow ? 1 : 5);
      std::printf(" %8.1f (%4.2fx)", flop / t, reference / t);
    }
    for (const Sparse<Bf16> f : {sparse24_naive<Bf16>, sparse24_tiled<Bf16>, sparse24_mma<Bf16>, sparse24_pipelined<Bf16>, sparse24_hopper<Bf16>}) {
      const bool slow = f == sparse24_naive<Bf16> || f == sparse24_tiled<Bf16>, cannot = f == sparse24_hopper<Bf16> && !hopper;
      const double t = cannot || (slow && s > 4096) ? NAN : time_of([&] { f(a.packed(), b.data, c.data, s, nullptr); }, slow ? 1 : 5);
      std::printf(" %8.1f (%4.2fx)", flop / t, reference / t);
    }
    check(cudaDeviceSynchronize(), "race");
  }
  std::printf("\n");
  cublasDestroy(blas);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    int count = 0;
    if (const cudaError_t e = cudaGetDeviceCount(&count); e != cudaSuccess || count == 0) {
      std::fprintf(stderr, "race: no GPU to run on (%s)\n", e == cudaSuccess ? "none was found" : cudaGetErrorString(e));
      return 2;
    }
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, 0), "device");
    if (p.major < 8) {
      std::fprintf(stderr, "race: %s is compute capability %d.%d; sparse tensor cores need 8.0\n", p.name, p.major, p.minor);
      return 2;
    }
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // what is known must be out before a hang
    std::printf("%s, compute capability %d.%d, %d multiprocessors\n", p.name, p.major, p.minor, p.multiProcessorCount);
    const std::string only = argc > 1 ? argv[1] : "";
    const bool hopper = p.major == 9 && p.minor == 0 && only != "simple";
    check_all<Bf16>("bf16", hopper);
    check_all<F16>("f16", hopper);
    if (failures == 0 && only != "check") race(hopper);
    std::printf(failures == 0 ? "all right\n" : "%d failures\n", failures);
    return failures == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "race: %s\n", e.what());
    return 1;
  }
}
