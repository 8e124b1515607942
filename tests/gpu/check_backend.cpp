// The kernels on a GPU against `reference` on the CPU: every row of core's table of operations with its derivatives, every kernel case (tests/cuda/kernel_cases.h), fresh memory
// filled with NaN, each row twice for the same bits; with cuBLAS and, where that matters, without; and TF32 with its own roundoff. cuda/check.sh builds and runs it.
//
//   check_backend [cuda|emulator] [small]          small: the kernel cases alone, for compute-sanitizer
//   check_backend [cuda|emulator] from NUMBER      goes on behind the check that stopped the GPU (exit code 3)
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "tests/cuda/kernel_cases.h"

namespace {

using namespace bonsai;
using namespace bonsai::check;

int failures = 0, count = 0, first = 0;
std::string now;  // the check that runs, for the message when it never ends

void name_it(int) {
  [[maybe_unused]] auto ignored = write(1, "never ended: ", 13);
  ignored = write(1, now.data(), now.size());
  ignored = write(1, "\n", 1);
  _exit(124);
}

// A GPU that has stopped does nothing more in this process; the next one may go on behind the check that stopped it.
constexpr int stopped = 3;

template <class F>
void run(const std::string& what, F f) {
  if (count++ < first) return;
  now = what;
  std::string wrong;
  try {
    wrong = f();
    device_functions(Device::cuda).wait();
  } catch (const std::exception& e) {
    wrong = e.what();
  }
  if (wrong.empty()) return;
  if (++failures <= 20) std::printf("FAILED %s: %.400s\n", what.c_str(), wrong.c_str());
  try {
    Tensor t = ones({1});
    if ((t + 1).item() == 2) return;
  } catch (const std::exception&) {
  }
  std::printf("the GPU has stopped: go on with check_backend cuda from %d\n", count);
  std::fflush(stdout);
  std::_Exit(stopped);
}

// Fresh memory holds NaN, so that an element that nobody writes is seen. (The emulator does so by itself.)
DeviceFunctions plain;
void* poisoned_memory(std::size_t bytes) {
  static const std::vector<unsigned char> nan(std::size_t{1} << 20, 0xff);
  void* block = plain.allocate(bytes);
  for (std::size_t done = 0; done < bytes; done += nan.size()) plain.upload(static_cast<char*>(block) + done, nan.data(), std::min(nan.size(), bytes - done));
  return block;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string device = argc > 1 ? argv[1] : "cuda";
    const bool small = argc > 2 && std::strcmp(argv[2], "small") == 0;
    if (argc > 3 && std::strcmp(argv[2], "from") == 0) first = std::stoi(argv[3]);
    std::signal(SIGTERM, name_it);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what is known must be out before a hang
    std::printf("%s\n", cuda::use_device(device).c_str());
    plain = device_functions(Device::cuda);
    DeviceFunctions poisoning = plain;
    poisoning.allocate = poisoned_memory;
    register_device(Device::cuda, kernels(Device::cuda), poisoning);

    const double begin = seconds();
    for (const bool blas : {true, false}) {
      cuda::set_option(cuda::Option::blas, blas);
      for (const KernelCase& c : kernel_cases()) run(c.name + (blas ? "" : ", without cuBLAS"), c.run);
      for (const Row& row : operations())
        if (!small && (blas || row.name.find("matmul") == 0 || row.name.find("linear") == 0))
          for (const DType t : {DType::f32, DType::f64}) run(row.name + (blas ? " " : " without cuBLAS, ") + name(t), [&] { return row_agrees(row, t, true); });
    }
    cuda::set_option(cuda::Option::blas, true);
    cuda::set_option(cuda::Option::tf32, true);
    run("TF32", [] { return tf32_products(); });
    cuda::set_option(cuda::Option::tf32, false);
    std::printf("%d of %d checks failed, %.0f s\n", failures, count, seconds() - begin);
    return failures == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "check_backend: %s\n", e.what());
    return 2;
  }
}
