// cuBLAS behind matmul and linear. One handle a thread, with a workspace that is its own and stays where it is: so that a product can be recorded in a graph, and gives the same
// bits from run to run (cuBLAS promises that on one architecture and number of multiprocessors, as long as streams don't share a workspace). A thread's first product makes the
// handle, which a stream that records can't: a step runs once before it is recorded (core/recording.h). f32 is computed in f32 unless
// allow_tf32(true) has been called.
//
// cuBLAS counts matrices by columns: C by rows is Cᵀ by columns, so what is computed is Cᵀ = Bᵀ Aᵀ.
// Batches of products don't come here: cuBLAS may take another kernel for ten products than for one, and what a network computes must not depend on its company (nn/together.h).
#include "cuda/backend/blas.h"

#include <atomic>

#include "cuda/backend/backend.h"
#include "cuda/backend/each.h"

#ifdef BONSAI_CUBLAS
#include <cublas_v2.h>
#endif

namespace bonsai::cuda {
namespace {

std::atomic<bool> tf32{false}, in_use{true};

}  // namespace

bool allow_tf32(bool allow) { return tf32.exchange(allow); }
bool tf32_allowed() { return tf32; }
bool use_blas(bool use) { return in_use.exchange(use); }

#ifdef BONSAI_CUBLAS
namespace {

void check_blas(cublasStatus_t s, const char* what) {
  if (s != CUBLAS_STATUS_SUCCESS) throw CudaError(std::string(what) + ": " + cublasGetStatusString(s));
}

constexpr std::size_t workspace_bytes = 32 << 20;  // what cuBLAS asks for on sm_90

class Handle {
 public:
  Handle() {
    check_blas(cublasCreate(&handle_), "cublasCreate");
    check(cudaMalloc(&workspace_, workspace_bytes), "cuBLAS's workspace, 32 MiB");
    use(Queue::stream);
  }
  ~Handle() {
    const Queue queue = current_stream();  // it waits for the whole device, which nobody may do while another thread records
    cublasDestroy(handle_);
    cudaFree(workspace_);
  }
  cublasHandle_t ready() {
    if (stream_ != Queue::stream) use(Queue::stream);
    if (tf32_ != tf32) {
      tf32_ = tf32;
      check_blas(cublasSetMathMode(handle_, tf32_ ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH), "cublasSetMathMode");
    }
    return handle_;
  }

 private:
  void use(Stream s) {
    check_blas(cublasSetStream(handle_, s), "cublasSetStream");
    check_blas(cublasSetWorkspace(handle_, workspace_, workspace_bytes), "cublasSetWorkspace");  // (a new stream brings the handle's own back)
    stream_ = s;
  }
  cublasHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  Stream stream_{};
  bool tf32_ = false;
};

cublasHandle_t handle() {
  static thread_local Handle h;
  return h.ready();
}

// A matrix (rows, columns) of a batch as cuBLAS wants it.
struct Operand {
  cublasOperation_t op;       // N: neighbours of a row lie side by side; T: those of a column
  std::int64_t ld;  // from one such row or column to the next
  bool fits = true;
};
Operand operand(const View& v) {
  const std::int64_t rows = v.shape[0], columns = v.shape[1], row = v.strides[0], column = v.strides[1];
  Operand o{CUBLAS_OP_N, row};
  if (!(column == 1 || columns == 1) || !(row >= columns || rows == 1)) o = {CUBLAS_OP_T, column}, o.fits = (row == 1 || rows == 1) && (column >= rows || columns == 1);
  const std::int64_t least = o.op == CUBLAS_OP_N ? columns : rows, lines = o.op == CUBLAS_OP_N ? rows : columns;
  if (lines == 1) o.ld = std::max(least, std::int64_t{1});  // there is no next one
  o.fits = o.fits && o.ld < (std::int64_t{1} << 31);
  return o;
}

}  // namespace

bool blas_product(const View& a, const View& b, const View& c, const View& bias) {
  if (!in_use || c.shape.rank() != 2) return false;
  const std::int64_t m = c.shape[0], n = c.shape[1], k = a.shape[1];
  const Operand x = operand(a), y = operand(b), z = operand(c);
  if (k == 0 || !x.fits || !y.fits || !z.fits || z.op != CUBLAS_OP_N) return false;
  for (const std::int64_t s : {m, n, k})
    if (s >= (std::int64_t{1} << 31)) return false;
  const Queue queue = current_stream();
  if (bias.data) backend().copy(broadcast_view(bias, c.shape), c);
  return dispatch_floating("matmul", a.dtype, [&]<class T>() {
    const T one = 1, start = bias.data ? 1 : 0;
    const auto ints = [](std::int64_t i) { return static_cast<int>(i); };
    cublasStatus_t status;
    if constexpr (sizeof(T) == 4)
      status = cublasSgemm(handle(), y.op, x.op, ints(n), ints(m), ints(k), &one, b.as<T>(), ints(y.ld), a.as<T>(), ints(x.ld), &start, c.as<T>(), ints(z.ld));
    else
      status = cublasDgemm(handle(), y.op, x.op, ints(n), ints(m), ints(k), &one, b.as<T>(), ints(y.ld), a.as<T>(), ints(x.ld), &start, c.as<T>(), ints(z.ld));
    check_blas(status, "matmul");
    launched.note("cuBLAS");
    return true;
  });
}
#else
bool blas_product(const View&, const View&, const View&, const View&) { return false; }
#endif

}  // namespace bonsai::cuda
