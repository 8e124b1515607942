// Hopper's instructions without a GPU, as the PTX manual defines them, spelled out apart from the layout functions that the kernels use (cuda/mma/warpgroup.h). What goes on by
// itself is done as late as it may be. From the moment a bulk copy has begun its place holds NaN; the numbers come when a thread finds the barrier's phase over. A wgmma
// reads its operands and adds to its sums at the wait. So a kernel that reads too early, or gives a place free too early, gets NaN.
// A shared address is the distance from the beginning of the block's shared memory.
#pragma once
#include <functional>
#include <map>
#include <vector>

#include "core/error.h"
#include "cuda/emulator/emulator.h"
#include "cuda/mma/number.h"

namespace bonsai::cuda {

struct TensorMap {
  const std::byte* data;
  int element_bytes;
  std::int64_t rows, columns;
  int box_rows, box_columns;
  bool swizzle;
};
using Barrier = std::uint64_t;

inline std::uint32_t shared_address(const void* p) { return static_cast<std::uint32_t>(static_cast<const std::byte*>(p) - emulator::shared_memory()); }

namespace detail {

struct BarrierState {
  int count, missing;  // arrivals of a phase, and those still to come
  std::int64_t bytes = 0;  // said to come, less those under way
  unsigned parity = 0;  // of the phase that is not over
  std::vector<std::function<void()>> copies;
};
struct Products {  // of a thread
  std::vector<std::function<void()>> open;
  std::vector<std::vector<std::function<void()>>> batches;
  bool fenced = false;
};
struct BlockState {
  std::uint64_t block = 0;
  std::map<const Barrier*, BarrierState> barriers;
  std::map<std::pair<int, int>, Products> products;
};
inline BlockState& block_state() {
  static thread_local BlockState state;
  if (state.block != emulator::blocks_begun()) state = {}, state.block = emulator::blocks_begun();
  return state;
}
inline Products& products() {
  const emulator::Thread& t = emulator::thread();
  return block_state().products[{t.rank, t.warp * 32 + t.lane}];
}
template <class P>
P* same_place(P* mine, int rank) {  // in another block of the cluster
  return reinterpret_cast<P*>(emulator::shared_memory(rank) + shared_address(mine));
}
inline BarrierState& at(const Barrier* b) {
  const auto found = block_state().barriers.find(b);
  require(found != block_state().barriers.end(), "mbarrier: the one at {} was not initialised", shared_address(b));
  return found->second;
}
inline void settle(BarrierState& s) {  // ends the phase if it may be
  if (s.missing != 0 || s.bytes != 0) return;
  for (const auto& copy : s.copies) copy();
  s.copies.clear(), s.missing = s.count, s.parity ^= 1;
}

}  // namespace detail

inline void barrier_init(Barrier* b, int count) { detail::block_state().barriers[b] = {.count = count, .missing = count, .copies = {}}; }
inline void barriers_ready() {}
inline void barrier_arrive_and_expect(Barrier* b, int bytes) {
  detail::BarrierState& s = detail::at(b);
  detail::settle(s);
  require(s.missing > 0, "mbarrier: more arrivals in a phase than the {} of its beginning", s.count);
  --s.missing, s.bytes += bytes;
}
inline void barrier_arrive(Barrier* b, int rank) { barrier_arrive_and_expect(detail::same_place(b, rank), 0); }
inline void barrier_wait(Barrier* b, std::uint32_t parity) {
  emulator::wait_until([&] {
    detail::settle(detail::at(b));
    return detail::at(b).parity != parity;
  });
}

// "cp.async.bulk.tensor", tile mode. 128-byte swizzle exchanges the 16-byte pieces of a 128-byte row: the piece's number xor the row's, mod 8.
inline void copy_box_to(int ranks, void* first, const TensorMap& map, int row, int column, Barrier* barrier) {
  const std::uint32_t start = shared_address(first), width = static_cast<std::uint32_t>(map.box_columns * map.element_bytes), bytes = width * static_cast<std::uint32_t>(map.box_rows);
  require(start % (map.swizzle ? 1024 : 128) == 0, "cp.async.bulk.tensor: shared address {} is no multiple of {}", start, map.swizzle ? 1024 : 128);
  require(start + bytes <= emulator::shared_bytes(), "cp.async.bulk.tensor: {} bytes at {} leave the block's {} of shared memory", bytes, start, emulator::shared_bytes());
  for (int rank = 0; ranks >> rank != 0; ++rank) {
    if ((ranks >> rank & 1) == 0) continue;
    std::byte* place = detail::same_place(static_cast<std::byte*>(first), rank);
    std::memset(place, 0xff, bytes);
    detail::BarrierState& s = detail::at(detail::same_place(barrier, rank));
    s.bytes -= bytes;
    s.copies.push_back([=] {
      for (int r = 0; r < map.box_rows; ++r)
        for (int c = 0; c < map.box_columns; ++c) {
          const std::uint32_t byte = static_cast<std::uint32_t>(c * map.element_bytes), piece = byte / 16;
          std::byte* put = place + static_cast<std::size_t>(r) * width + (map.swizzle ? (piece ^ static_cast<unsigned>(r % 8)) * 16 : piece * 16) + byte % 16;
          if (row + r < map.rows && column + c < map.columns) std::memcpy(put, map.data + ((row + r) * map.columns + column + c) * map.element_bytes, map.element_bytes);
          else std::memset(put, 0, map.element_bytes);
        }
    });
  }
}
inline void copy_box(void* to, const TensorMap& map, int row, int column, Barrier* b) { copy_box_to(1 << emulator::thread().rank, to, map, row, column, b); }

inline int cluster_rank() { return emulator::thread().rank; }
inline void sync_cluster() { emulator::sync_cluster(); }

template <int>
void fewer_registers() {}
template <int>
void more_registers() {}

inline void products_fence() { detail::products().fenced = true; }
inline void products_commit() {
  detail::products().batches.push_back(std::move(detail::products().open));
  detail::products().open.clear();
}
template <int Pending>
void products_wait() {
  detail::Products& p = detail::products();
  while (p.batches.size() > Pending) {
    for (const auto& product : p.batches.front()) product();
    p.batches.erase(p.batches.begin());
  }
  if (p.batches.empty()) p.fenced = false;  // now the thread may touch its sums
}

namespace detail {

// Element k of row `row` of an operand: 8 rows of 128 bytes are an atom, the next lies a stride further, and in the address bits 4 - 6 are exchanged with bits 7 - 9
// ("Canonical Layouts": K-major, 128B swizzling, Swizzle<3, 4, 3>).
template <class T>
float operand(std::uint64_t descriptor, int row, int k) {
  const std::uint32_t start = (descriptor & 0x3fff) * 16, stride = (descriptor >> 32 & 0x3fff) * 16;
  std::uint32_t address = start + static_cast<std::uint32_t>(row / 8) * stride + static_cast<std::uint32_t>(row % 8 * 128 + 2 * k);
  address ^= (address >> 7 & 7) << 4;
  T number;
  std::memcpy(&number, emulator::shared_memory() + address, sizeof number);
  return to_float(number);
}
inline void check_operand(std::uint64_t descriptor, int rows) {
  require(descriptor >> 62 == 1, "wgmma: the descriptor's mode is {}; only 1, 128-byte swizzle, is emulated", descriptor >> 62);
  require((descriptor >> 49 & 7) == 0 && (descriptor >> 3 & 7) == 0, "wgmma: the tile's pattern begins at {}, no multiple of 1024", (descriptor & 0x3fff) * 16);
  const std::uint64_t first = (descriptor & 0x3fff) * 16 / 1024 * 1024, stride = (descriptor >> 32 & 0x3fff) * 16;
  require(first + (static_cast<unsigned>(rows) / 8 - 1) * stride + 1024 <= emulator::shared_bytes(), "wgmma: an operand of {} rows at {} leaves the block's {} bytes of shared memory", rows, first,
          emulator::shared_bytes());
}

// This thread's part of C (64, N) += A B, where its rows, g and g + 8 of its warp's 16, have `Kept` numbers at a and meet rows columns[0 or 1][..] of B.
template <class T, int N, int Kept>
void add_products(float* d, std::uint64_t a, std::uint64_t b, const int (&columns)[2][Kept]) {
  const int group = emulator::thread().lane >> 2, thread = emulator::thread().lane & 3, first = emulator::thread().warp % 4 * 16 + group;
  float rows[2][Kept];
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < Kept; ++i) rows[half][i] = operand<T>(a, first + 8 * half, i);
  for (int j = 0; j < N / 8; ++j)
    for (int h = 0; h < 4; ++h) {  // the manual's figure: d0 d1 in row g, d2 d3 in row g + 8, columns 2 t and 2 t + 1, and so on for every 8 columns
      const int half = h >> 1, column = 8 * j + 2 * thread + (h & 1);
      for (int i = 0; i < Kept; ++i) d[4 * j + h] += rows[half][i] * operand<T>(b, column, columns[half][i]);
    }
}

template <class T, int N, int Kept>
void begin_product(float* d, std::uint64_t a, std::uint64_t b, const int (&columns)[2][Kept]) {
  require(products().fenced, "wgmma: no wgmma.fence since the sums were last free to be touched");
  check_operand(a, 64), check_operand(b, N);
  struct Columns {
    int of[2][Kept];
  } c;
  std::memcpy(c.of, columns, sizeof c.of);
  products().open.push_back([=] { add_products<T, N, Kept>(d, a, b, c.of); });
}

}  // namespace detail

template <class T>
void wgmma_m64n256k16(float (&d)[128], std::uint64_t a, std::uint64_t b) {
  int columns[2][16];
  for (int i = 0; i < 16; ++i) columns[0][i] = columns[1][i] = i;
  detail::begin_product<T, 256, 16>(d, a, b, columns);
}

template <class T, int Selector>
void wgmma_sp_m64n128k32(float (&d)[64], std::uint64_t a, std::uint64_t b, std::uint32_t positions) {
  std::uint32_t words[2];  // columns 0 - 15 come from the first of the two threads of the quad, 16 - 31 from the second; row g in the low half, g + 8 in the high
  for (int i = 0; i < 2; ++i) words[i] = __shfl_sync(~0u, positions, (emulator::thread().lane & ~3) + 2 * Selector + i);
  int columns[2][16];
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 16; i += 2) {
      const std::uint32_t bits = words[i / 8] >> (16 * half + i % 8 * 2);
      const int first = bits & 3, second = bits >> 2 & 3;
      require(first < second, "wgmma.sp: the positions {} and {} of columns {} to {} do not rise", first, second, 2 * i, 2 * i + 3);
      columns[half][i] = 2 * i + first, columns[half][i + 1] = 2 * i + second;
    }
  detail::begin_product<T, 128, 16>(d, a, b, columns);
}

}  // namespace bonsai::cuda
