// The GPU as a device: memory that the host can read too, one stream, recorded steps as CUDA graphs. In the emulator the same with the CPU's memory and a queue of closures.
//
// Memory is managed (cudaMallocManaged): a page lies where it was touched last, on the GPU after the first kernel, and comes to the host when the host reads it. So every line
// of bonsai that looks into a tensor works on a GPU as it stands, and a training step, which looks at one loss, moves one page. Where that can't be had (Windows, some sandboxes and
// virtual GPUs), tensors lie in the host's page-locked memory, which the GPU reads over the bus: right, and slow.
#include "cuda/device/plugin.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "cuda/backend/backend.h"
#include "cuda/backend/blas.h"
#include "cuda/backend/scratch.h"
#include "cuda/device/blocks.h"

namespace bonsai::cuda {
namespace {

Blocks* blocks = nullptr;  // never ended: tensors may outlive everything else

// ---- Misfits: one place an operation, in memory that both sides see.

struct Named {
  const char* op;
  Misfit* misfit;
};
Named named[16];
int names = 0;
std::mutex names_mutex;

void check_misfits() {
  for (int i = 0; i < names; ++i) {
    Misfit& m = *named[i].misfit;
    if (!std::exchange(m.happened, 0)) continue;
    fail("{}: index {} is not within 0..{}", named[i].op, m.index, m.size - 1);
  }
}

void release(void* block, std::size_t bytes) noexcept { blocks->release(block, bytes); }

void refuse_while_recording() {
  require(!Queue::recorder, "a step that reads a tensor on the host can't be recorded: the number would be that of the recording for ever");
}

// Whether anything was started since this thread waited last.
bool news(std::uint64_t now) {
  static thread_local std::uint64_t seen = ~std::uint64_t{0};
  return std::exchange(seen, now) != now;
}

#ifdef __CUDACC__

void check_device(cudaError_t e, const char* what) {
  if (e == cudaSuccess) return;
  std::string last;
  for (std::size_t i = 0; i < launched.last.size(); ++i)
    if (const char* name = launched.last[(launched.count + i) % launched.last.size()]) last += (last.empty() ? "" : ", ") + std::string(name);
  fail("the GPU stopped: {} (noticed in {}). Started last: {}; with BONSAI_SYNC=1 the one that failed is named", cudaGetErrorString(e), what, last);
}

// While a thread records, memory may be taken and given back only in this mode, since a graph would not repeat it; ours belongs to the recording's arena and need not be repeated.
class Relaxed {
 public:
  Relaxed() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~Relaxed() { cudaThreadExchangeStreamCaptureMode(&mode_); }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;  // and then the one before
};

bool managed = true;

void* take(std::size_t bytes) {
  const Relaxed relaxed;
  void* block = nullptr;
  if ((managed ? cudaMallocManaged(&block, bytes) : cudaMallocHost(&block, bytes)) != cudaSuccess) {
    cudaGetLastError();  // it was said; nothing is broken
    return nullptr;
  }
  if (!managed) return block;
#if CUDART_VERSION >= 13000
  cudaMemAdvise(block, bytes, cudaMemAdviseSetPreferredLocation, cudaMemLocation{cudaMemLocationTypeDevice, 0});
#else
  cudaMemAdvise(block, bytes, cudaMemAdviseSetPreferredLocation, 0);
#endif
  cudaGetLastError();  // (advice may be refused)
  return block;
}
void give(void* block) {  // waits for the GPU
  const Relaxed relaxed;
  managed ? cudaFree(block) : cudaFreeHost(block);
}

void wait() {
  refuse_while_recording();
  if (!news(launched.count)) return;
  const Queue queue = current_stream();
  check_device(cudaStreamSynchronize(Queue::stream), "wait");
  check_misfits();
}

// Through page-locked memory, since a copy from other memory would wait for the stream. Four pieces take turns.
class Staging {
 public:
  void* next(std::size_t bytes) {
    Piece& p = pieces_[turn_ = (turn_ + 1) % 4];
    if (!p.done) check_device(cudaEventCreateWithFlags(&p.done, cudaEventDisableTiming), "upload");
    else check_device(cudaEventSynchronize(p.done), "upload");
    if (p.bytes < bytes) {
      if (p.data) cudaFreeHost(p.data);
      p.data = nullptr, p.bytes = 0;
      check_device(cudaMallocHost(&p.data, bytes), "upload");
      p.bytes = bytes;
    }
    return p.data;
  }
  void sent() { check_device(cudaEventRecord(pieces_[turn_].done, Queue::stream), "upload"); }

 private:
  struct Piece {
    void* data = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t done = nullptr;
  } pieces_[4];
  int turn_ = 0;
};
Staging staging;
std::mutex staging_mutex;

void upload(void* to, const void* from, std::size_t bytes) {
  refuse_while_recording();
  constexpr std::size_t piece = std::size_t{16} << 20;
  const Queue queue = current_stream();
  std::lock_guard lock(staging_mutex);
  for (std::size_t done = 0; done < bytes; done += piece) {
    const std::size_t n = std::min(piece, bytes - done);
    void* between = staging.next(n);
    std::memcpy(between, static_cast<const char*>(from) + done, n);
    check_device(cudaMemcpyAsync(static_cast<char*>(to) + done, between, n, cudaMemcpyDefault, queue), "upload");
    staging.sent();
  }
  launched.note("upload");
}

void start_recording() { check_device(cudaStreamBeginCapture(Queue::stream, cudaStreamCaptureModeThreadLocal), "begin_recording"); }
void* stop_recording(bool keep) {
  cudaGraph_t graph = nullptr;
  const cudaError_t e = cudaStreamEndCapture(Queue::stream, &graph);
  cudaGraphExec_t ready = nullptr;
  if (keep && e == cudaSuccess) check_device(cudaGraphInstantiate(&ready, graph, 0), "end_recording");
  if (graph) cudaGraphDestroy(graph);
  if (keep) check_device(e, "end_recording");
  else cudaGetLastError();
  return ready;
}
void play(void* recording) {
  const Queue queue = current_stream();
  check_device(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), queue), "a recorded step");
  launched.note("a recorded step");
}
void forget(void* recording) noexcept { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording)); }

// The first GPU, its memory and its stream.
std::string open_device() {
  int count = 0;
  const cudaError_t e = cudaGetDeviceCount(&count);
  require(e == cudaSuccess && count > 0, "--device cuda: there is no GPU that CUDA can use ({}); leave the option out, or take --device emulator, which runs the same kernels slowly",
          e == cudaSuccess ? "none found" : cudaGetErrorString(e));
  cudaDeviceProp p;
  check_device(cudaGetDeviceProperties(&p, 0), "opening the GPU");
  require(p.major >= 8, "--device cuda: {} has compute capability {}.{}; these kernels need 8.0 (A100, RTX 30) or later", p.name, p.major, p.minor);
  void* probe = nullptr;  // (a sandbox may refuse what the device could do)
  managed = p.concurrentManagedAccess != 0 && cudaMallocManaged(&probe, 1) == cudaSuccess && std::getenv("BONSAI_HOST_MEMORY") == nullptr;
  cudaFree(probe);
  cudaGetLastError();
  std::size_t free = 0, total = 0;
  check_device(cudaMemGetInfo(&free, &total), "opening the GPU");
  check_device(cudaStreamCreateWithFlags(&Queue::stream, cudaStreamNonBlocking), "opening the GPU");
  blocks = new Blocks({take, give, free - free / 32, p.name});
  return fmt::format("{}, compute capability {}.{}, {:.0f} GiB{}", p.name, p.major, p.minor, static_cast<double>(total) / 0x1p30,
                     managed ? "" : "; tensors lie in the host's memory (no managed memory here): slow");
}

void poison(void*, std::size_t) {}

#else

void* take(std::size_t bytes) { return std::aligned_alloc(256, (bytes + 255) / 256 * 256); }
void give(void* block) {
  emulator::wait();
  std::free(block);
}

void wait() {
  refuse_while_recording();
  if (!news(launched.count)) return;
  const Queue queue = current_stream();
  emulator::wait();
  check_misfits();
}

void upload(void* to, const void* from, std::size_t bytes) {
  refuse_while_recording();
  const Queue queue = current_stream();
  launched.note("upload");
  const auto* first = static_cast<const std::byte*>(from);
  emulator::submit("upload", [to, copy = std::vector<std::byte>(first, first + bytes)] { std::memcpy(to, copy.data(), copy.size()); });
}

void start_recording() { emulator::begin_recording(); }
void* stop_recording(bool) { return new emulator::Recorded(emulator::end_recording()); }
void play(void* recording) {
  const Queue queue = current_stream();
  launched.note("a recorded step");
  for (const auto& [name, work] : *static_cast<emulator::Recorded*>(recording)) emulator::submit(name, work);
}
void forget(void* recording) noexcept { delete static_cast<emulator::Recorded*>(recording); }

std::string open_device() {
  blocks = new Blocks({take, give, std::size_t{4} << 30, "the emulated device"});
  emulator::queue_work(true);
  return "emulated";
}

// Memory comes back with NaN in it, in its turn: who reads what nobody has written sees it.
void poison(void* block, std::size_t bytes) {
  const Queue queue = current_stream();
  launched.note("poison");
  emulator::submit("poison", [=] { std::memset(block, 0xff, bytes); });
}

#endif

void* allocate(std::size_t bytes) {
  void* block = blocks->allocate(bytes);
  poison(block, bytes);
  return block;
}

struct Leave {
  ~Leave() {
    Queue::recorder = launched.recording = false;
    Queue::gate.unlock();
  }
};

// While this thread records, the others' work waits: it would be recorded too.
void begin_recording() {
  refuse_while_recording();
  {
    const std::lock_guard first(Queue::entrance);
    Queue::gate.lock();
  }
  Queue::recorder = launched.recording = true;
  try {
    start_recording();
  } catch (...) {
    const Leave leave;
    throw;
  }
}
void* end_recording() {
  const Leave leave;
  return stop_recording(true);
}
void abandon_recording() {
  const Leave leave;
  if (void* nothing = stop_recording(false)) forget(nothing);
}

void* new_arena() { return blocks->new_arena(); }
void use_arena(void* a) { blocks->use(static_cast<Blocks::Arena*>(a)); }
void end_arena(void* a, void* recording) noexcept {
  if (recording) forget(recording);  // (what is queued of it is still done)
  blocks->end(static_cast<Blocks::Arena*>(a));
}

}  // namespace

void* scratch_memory(std::size_t bytes) { return blocks ? allocate(bytes) : std::malloc(bytes); }  // (no device is opened when a test calls the kernels as they are)
void release_scratch(void* block, std::size_t bytes) noexcept {
  if (blocks) release(block, bytes);
  else std::free(block);
}

Misfit* misfit_of(const char* op) {
  std::lock_guard lock(names_mutex);
  for (int i = 0; i < names; ++i)
    if (std::strcmp(named[i].op, op) == 0) return named[i].misfit;
  auto* m = static_cast<Misfit*>(blocks ? take(sizeof(Misfit)) : std::malloc(sizeof(Misfit)));
  *m = {};
  named[names++] = {op, m};
  return m;
}

}  // namespace bonsai::cuda

void bonsai_open_device(bonsai::cuda::Plugin* plugin) {
  using namespace bonsai::cuda;
  plugin->description = open_device();
  launched.one_at_a_time = std::getenv("BONSAI_SYNC") != nullptr;
  plugin->backend = &backend();
  plugin->set = [](Option o, bool on) { return o == Option::tf32 ? allow_tf32(on) : use_blas(on); };
  plugin->functions = {.allocate = allocate, .release = release, .wait = wait, .upload = upload, .begin_recording = begin_recording, .end_recording = end_recording,
                       .abandon_recording = abandon_recording, .play = play, .new_arena = new_arena, .use_arena = use_arena, .end_arena = end_arena};
}
