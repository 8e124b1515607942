// Hopper's instructions (compute capability 9.0): barriers in shared memory, bulk copies of tiles that arrive at them, clusters of blocks, and wgmma, the product of a
// warpgroup. Without a GPU: cuda/emulator/hopper.h. Sections of the PTX manual: "mbarrier", "cp.async.bulk.tensor", "barrier.cluster", "wgmma.mma_async",
// "wgmma.mma_async.sp", "setmaxnreg".
#pragma once
#include "cuda/launch.h"
#include "cuda/mma/number.h"

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)  // where a kernel may have a body that uses them: not in code for other GPUs
#define BONSAI_HOPPER
#endif

#ifndef __CUDACC__
#include "cuda/emulator/hopper.h"
#else
#include <cuda.h>

namespace bonsai::cuda {

using TensorMap = CUtensorMap;  // where a matrix lies in memory, and in what boxes it is copied: tensor_map.h
using Barrier = std::uint64_t;

__device__ __forceinline__ std::uint32_t shared_address(const void* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }

// A barrier's phase is over when `count` threads have arrived and all bytes have that they said would come; then the next begins. Phases are told apart by their
// parity, 0 for the first.
__device__ __forceinline__ void barrier_init(Barrier* b, int count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory"); }
__device__ __forceinline__ void barriers_ready() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }  // after init, for copies and the other block; then sync_cluster()
// At the barrier that lies at the same place in block `rank` of the cluster.
__device__ __forceinline__ void barrier_arrive(Barrier* b, int rank) {
  asm volatile("{\n.reg .b32 there;\nmapa.shared::cluster.u32 there, %0, %1;\nmbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n}" ::"r"(shared_address(b)), "r"(rank) : "memory");
}
__device__ __forceinline__ void barrier_arrive_and_expect(Barrier* b, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes) : "memory");
}
// Until the phase of this parity is over. On a new barrier parity 1 is: the phase before the first.
__device__ __forceinline__ void barrier_wait(Barrier* b, std::uint32_t parity) {
  asm volatile(
      "{\n.reg .pred over;\n"
      "again:\nmbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
      "@over bra done;\nbra again;\ndone:\n}" ::"r"(shared_address(b)), "r"(parity) : "memory");
}

// The map's box whose first element is (row, column) to shared memory, by one thread; zeros where the matrix has ended. Its bytes arrive at b.
__device__ __forceinline__ void copy_box(void* to, const TensorMap& map, int row, int column, Barrier* b) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(to)), "l"(&map), "r"(column), "r"(row),
               "r"(shared_address(b))
               : "memory");
}

// The same, to the same place in every block of the cluster whose bit is set in `ranks`, and its bytes arrive at each one's barrier.
__device__ __forceinline__ void copy_box_to(int ranks, void* to, const TensorMap& map, int row, int column, Barrier* b) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(shared_address(to)), "l"(&map),
               "r"(column), "r"(row), "r"(shared_address(b)), "h"(static_cast<std::uint16_t>(ranks))
               : "memory");
}

// Which of the cluster's blocks this is, and a barrier for all threads of the cluster.
__device__ __forceinline__ int cluster_rank() {
  std::uint32_t rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}
__device__ __forceinline__ void sync_cluster() { asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory"); }

// A warpgroup gives registers back, or takes more: Count a thread, a multiple of 8.
template <int Count>
__device__ __forceinline__ void fewer_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count)); }
template <int Count>
__device__ __forceinline__ void more_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count)); }

// Around wgmma: a fence before the first of a batch, which lets it see the sums; a commit after the last; a wait until at most so many batches are under way.
__device__ __forceinline__ void products_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int Pending>
__device__ __forceinline__ void products_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory"); }

#define BONSAI_SUMS_8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define BONSAI_SUMS_64(d, i) \
  BONSAI_SUMS_8(d, i), BONSAI_SUMS_8(d, i + 8), BONSAI_SUMS_8(d, i + 16), BONSAI_SUMS_8(d, i + 24), BONSAI_SUMS_8(d, i + 32), BONSAI_SUMS_8(d, i + 40), BONSAI_SUMS_8(d, i + 48), BONSAI_SUMS_8(d, i + 56)
#define BONSAI_NAMES_64                                                                                                                                            \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41," \
  "%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define BONSAI_NAMES_128                                                                                                                                         \
  BONSAI_NAMES_64                                                                                                                                                \
  ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101," \
  "%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

// C (64, 256) += A (64, 16) B (16, 256), both through descriptors (warpgroup.h)
template <class T>
__device__ __forceinline__ void wgmma_m64n256k16(float (&d)[128], std::uint64_t a, std::uint64_t b) {
  if constexpr (__is_same(T, Bf16))
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" BONSAI_NAMES_128 "}, %128, %129, 1, 1, 1, 0, 0;" : BONSAI_SUMS_64(d, 0), BONSAI_SUMS_64(d, 64) : "l"(a), "l"(b));
  else
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {" BONSAI_NAMES_128 "}, %128, %129, 1, 1, 1, 0, 0;" : BONSAI_SUMS_64(d, 0), BONSAI_SUMS_64(d, 64) : "l"(a), "l"(b));
}

// C (64, 128) += A (64, 32) B (32, 128), A's 16 kept columns a row at `a`. Selector 0: threads 0 and 1 of each quad hold the positions, 1: threads 2 and 3.
template <class T, int Selector>
__device__ __forceinline__ void wgmma_sp_m64n128k32(float (&d)[64], std::uint64_t a, std::uint64_t b, std::uint32_t positions) {
  if constexpr (__is_same(T, Bf16))
    asm volatile("wgmma.mma_async.sp.sync.aligned.m64n128k32.f32.bf16.bf16 {" BONSAI_NAMES_64 "}, %64, %65, %66, %67, 1, 1, 1, 0, 0;"
                 : BONSAI_SUMS_64(d, 0)
                 : "l"(a), "l"(b), "r"(positions), "n"(Selector));
  else
    asm volatile("wgmma.mma_async.sp.sync.aligned.m64n128k32.f32.f16.f16 {" BONSAI_NAMES_64 "}, %64, %65, %66, %67, 1, 1, 1, 0, 0;"
                 : BONSAI_SUMS_64(d, 0)
                 : "l"(a), "l"(b), "r"(positions), "n"(Selector));
}

#undef BONSAI_SUMS_8
#undef BONSAI_SUMS_64
#undef BONSAI_NAMES_64
#undef BONSAI_NAMES_128

}  // namespace bonsai::cuda
#endif
