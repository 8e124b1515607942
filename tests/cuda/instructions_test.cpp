// Every instruction of the tensor cores that a kernel uses: simulated threads fill registers and shared memory through the layout functions (cuda/mma), the emulator
// multiplies as the manual says, and the sums are held against a plain product. The same with one thing wrong must not come out right. And what goes on by itself is late.
#include <cmath>
#include <set>
#include <vector>

#include "core/random.h"
#include "core/sparse24/hardware.h"
#include "core/sparse24/positions.h"
#include "cuda/mma/instructions.h"
#include "cuda/mma/ring.h"
#include "cuda/mma/tensor_map.h"
#include "cuda/mma/tile.h"
#include "tests/cuda/support.h"

namespace bonsai::cuda {
namespace {

// A (rows, depth), of which every four columns may keep two, and B (columns, depth), with their exact product.
template <class T>
struct Case {
  int rows, columns, depth;
  bool sparse;
  std::vector<T> a, b;
  std::vector<std::uint8_t> positions;
  std::vector<std::uint32_t> words;
  std::vector<double> want, size;
  Case(int rows, int columns, int depth, bool sparse)
      : rows(rows), columns(columns), depth(depth), sparse(sparse), b(static_cast<std::size_t>(columns) * depth), want(static_cast<std::size_t>(rows) * columns), size(want.size()) {
    const Random random(7);
    const Tensor left = random.derive("a").normal({rows, depth}), right = random.derive("b").normal({columns, depth});
    for (std::size_t i = 0; i < b.size(); ++i) from_float(right.data<float>()[i], b[i]);
    if (sparse) positions.resize(static_cast<std::size_t>(rows) * depth / 8);
    constexpr int pairs[6][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    for (int r = 0; r < rows; ++r)
      for (int x = 0; x < depth; ++x) {
        const int group = r * depth / 4 + x / 4, *pair = pairs[(static_cast<std::uint32_t>(group) * 2654435761u >> 16) % 6];
        if (sparse && x % 4 != pair[0] && x % 4 != pair[1]) continue;
        if (sparse) positions[group / 2] |= static_cast<std::uint8_t>(x % 4 << (4 * (group % 2) + 2 * (x % 4 == pair[1])));
        T kept;
        from_float(left.data<float>()[r * depth + x], kept);
        a.push_back(kept);
        for (int c = 0; c < columns; ++c) {
          const double p = static_cast<double>(to_float(kept)) * to_float(b[static_cast<std::size_t>(c) * depth + x]);
          want[static_cast<std::size_t>(r) * columns + c] += p, size[static_cast<std::size_t>(r) * columns + c] += std::abs(p);
        }
      }
    if (sparse) words = hardware_positions(rows, depth, positions);
  }
  bool right(const std::vector<float>& c) const {
    for (std::size_t i = 0; i < want.size(); ++i)
      if (!(std::abs(c[i] - want[i]) <= 8 * 0x1p-24 * std::sqrt(static_cast<double>(depth)) * size[i])) return false;
    return true;
  }
};

// A warp, C (16, 8) += A (16, 16) B (16, 8).
template <class T>
void one_mma(const T* a, const T* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x);
  std::uint32_t fa[4], fb[2];
  float sums[4] = {};
  load_a(fa, a, 16, lane), load_b(fb, b, 16, lane);
  mma_m16n8k16<T>(sums, fa, fb);
  for (int i = 0; i < 4; ++i) c[8 * c_place(lane, i).row + c_place(lane, i).column] = sums[i];
}
// C (32, 8) += A (32, 32) B (32, 8), two instructions; First is 0, or 1 for exchanged selectors.
template <class T, int First>
void two_sparse_mma(const T* a, const std::uint32_t* words, const T* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x);
  std::uint32_t fa[2][4], fb[4];
  float sums[2][4] = {};
  load_a(fa[0], a, 16, lane), load_a(fa[1], a + 16 * 16, 16, lane), load_b(fb, b, 32, lane);
  mma_sp_m16n8k32<T, First>(sums[0], fa[0], fb, words[lane]);
  mma_sp_m16n8k32<T, 1 - First>(sums[1], fa[1], fb, words[lane]);
  for (int i = 0; i < 8; ++i) c[8 * (c_place(lane, i % 4).row + i / 4 * 16) + c_place(lane, i % 4).column] = sums[i / 4][i % 4];
}

template <class T>
void check_warp() {
  const Case<T> dense(16, 8, 16, false), sparse(32, 8, 32, true);
  std::vector<float> c(128, std::nanf("")), d(256, std::nanf(""));
  launch("mma", one_mma<T>, dim3(1), dim3(32), 0, Stream{}, dense.a.data(), dense.b.data(), c.data());
  EXPECT_TRUE(dense.right(c));
  launch("mma.sp", two_sparse_mma<T, 0>, dim3(1), dim3(32), 0, Stream{}, sparse.a.data(), sparse.words.data(), sparse.b.data(), d.data());
  EXPECT_TRUE(sparse.right(d));
  launch("mma.sp", two_sparse_mma<T, 1>, dim3(1), dim3(32), 0, Stream{}, sparse.a.data(), sparse.words.data(), sparse.b.data(), d.data());
  EXPECT_FALSE(sparse.right(d)) << "with exchanged selectors";
}
TEST(Instructions, MmaOfAWarp) { NEEDS_EMULATOR(); check_warp<F16>(), check_warp<Bf16>(); }

enum class Wrong { nothing, swizzle, selectors, words, wait, fence };

// Rows of 64 numbers of a matrix that is `stride` wide to shared memory at `address`, as a bulk copy would put them.
template <class T>
void put(std::uint32_t address, const T* matrix, int rows, int stride, Wrong wrong) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * 64; i += warpgroup) {
    const std::uint32_t at = address + static_cast<std::uint32_t>(i / 64 * 128 + i % 64 * 2);
    *reinterpret_cast<T*>(shared<unsigned char>() + (wrong == Wrong::swizzle ? at : swizzled(at))) = matrix[i / 64 * stride + i % 64];
  }
}
template <int N>
void take(const float (&sums)[N / 2], float* c) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = 0; i < N / 2; ++i) c[d_place(thread, i).row * N + d_place(thread, i).column] = sums[i];
}

// A warpgroup, C (64, 256) += A (64, 64) B (64, 256), four instructions.
template <class T, Wrong wrong>
void dense_wgmma(const T* a, const T* b, float* c) {
  put(0, a, 64, 64, wrong), put(8192, b, 256, 64, wrong);
  __syncthreads();
  float sums[128] = {};
  if (wrong != Wrong::fence) products_fence();
  for (int i = 0; i < 4; ++i) wgmma_m64n256k16<T>(sums, matrix_descriptor(0) + 2 * i, matrix_descriptor(8192) + 2 * i);
  products_commit();
  products_wait<wrong == Wrong::wait ? 1 : 0>();
  take<256>(sums, c);
}
// C (64, 128) += A (64, 128) B (128, 128), A's 64 kept columns: four instructions, of which two share a word.
template <class T, Wrong wrong>
void sparse_wgmma(const T* a, const std::uint32_t* words, const T* b, float* c) {
  put(0, a, 64, 64, wrong), put(8192, b, 128, 128, wrong), put(8192 + 16384, b + 64, 128, 128, wrong);
  __syncthreads();
  const WordPlace place = word_place(static_cast<int>(threadIdx.x));
  std::uint32_t now[2];
  for (int half = 0; half < 2; ++half) now[half] = words[((2 * half + place.tile_column) * 2 + place.tile_row) * 32 + (wrong == Wrong::words ? place.lane ^ 2 : place.lane)];
  float sums[64] = {};
  constexpr int first = wrong == Wrong::selectors;
  if (wrong != Wrong::fence) products_fence();
  for (int half = 0; half < 2; ++half) {
    const std::uint64_t as = matrix_descriptor(0) + 4 * half, bs = matrix_descriptor(8192 + static_cast<std::uint32_t>(16384 * half));
    wgmma_sp_m64n128k32<T, first>(sums, as, bs, now[half]);
    wgmma_sp_m64n128k32<T, 1 - first>(sums, as + 2, bs + 4, now[half]);
  }
  products_commit();
  products_wait<wrong == Wrong::wait ? 1 : 0>();
  take<128>(sums, c);
}

template <class T, Wrong wrong>
bool dense_right() {
  const Case<T> x(64, 256, 64, false);
  std::vector<float> c(x.want.size(), std::nanf(""));
  launch("wgmma", dense_wgmma<T, wrong>, dim3(1), dim3(warpgroup), 40 << 10, Stream{}, x.a.data(), x.b.data(), c.data());
  return x.right(c);
}
template <class T, Wrong wrong>
bool sparse_right() {
  const Case<T> x(64, 128, 128, true);
  std::vector<float> c(x.want.size(), std::nanf(""));
  launch("wgmma.sp", sparse_wgmma<T, wrong>, dim3(1), dim3(warpgroup), 40 << 10, Stream{}, x.a.data(), x.words.data(), x.b.data(), c.data());
  return x.right(c);
}
TEST(Instructions, WgmmaOfAWarpgroup) {
  NEEDS_EMULATOR();
  EXPECT_TRUE((dense_right<F16, Wrong::nothing>()));
  EXPECT_TRUE((dense_right<Bf16, Wrong::nothing>()));
  EXPECT_FALSE((dense_right<Bf16, Wrong::swizzle>()));
  EXPECT_FALSE((dense_right<Bf16, Wrong::wait>()));
  EXPECT_TRUE(test::refuses([] { dense_right<Bf16, Wrong::fence>(); }, {"wgmma.fence"}));
}
TEST(Instructions, SparseWgmmaOfAWarpgroup) {
  NEEDS_EMULATOR();
  EXPECT_TRUE((sparse_right<F16, Wrong::nothing>()));
  EXPECT_TRUE((sparse_right<Bf16, Wrong::nothing>()));
  EXPECT_FALSE((sparse_right<Bf16, Wrong::swizzle>()));
  EXPECT_FALSE((sparse_right<Bf16, Wrong::selectors>()));
  EXPECT_FALSE((sparse_right<Bf16, Wrong::words>()));
  EXPECT_FALSE((sparse_right<Bf16, Wrong::wait>()));
}

TEST(Instructions, EveryElementOfAWarpgroupHasOnePlace) {
  std::set<std::pair<int, int>> seen;
  for (int thread = 0; thread < warpgroup; ++thread)
    for (int i = 0; i < 128; ++i) {
      const Place p = d_place(thread, i);
      EXPECT_TRUE(p.row >= 0 && p.row < 64 && p.column >= 0 && p.column < 256 && seen.insert({p.row, p.column}).second) << thread << " " << i;
    }
  std::set<std::uint32_t> addresses;
  for (std::uint32_t i = 0; i < 4096; ++i) EXPECT_TRUE(swizzled(i) / 128 == i / 128 && swizzled(i) % 16 == i % 16 && addresses.insert(swizzled(i)).second) << i;
  // The words that a warpgroup loads are those of 64 x 64 of A, each once; and a thread's own rows lie in its own word.
  std::set<int> words;
  for (int thread = 0; thread < warpgroup; ++thread) {
    const WordPlace p = word_place(thread);
    EXPECT_TRUE(words.insert((p.tile_column * 2 + p.tile_row) * 32 + p.lane).second) << thread;
    for (int half = 0; half < 2; ++half) EXPECT_EQ(32 * p.tile_row + half_word(p.lane, half).row, 16 * (thread / 32) + thread % 32 / 4 + 8 * half) << thread;
  }
  EXPECT_EQ(*words.rbegin(), 127);
}

TEST(Instructions, TheDescriptorByHand) {
  // at 0x1d800: 0x1d80; leading 1; 1024 bytes from eight rows to the next: 64; mode 1 in the two highest bits
  EXPECT_EQ(matrix_descriptor(0x1d800), 0x4000'0040'0001'1d80u);
  EXPECT_EQ(swizzled(0x1000 + 3 * 128 + 5 * 16 + 2), 0x1000u + 3 * 128 + (5 ^ 3) * 16 + 2);
}

TEST(Instructions, EveryTileHasItsTurn) {
  for (const auto& [down, across, height] : {std::array{1, 1, 16}, {5, 3, 2}, {64, 32, 16}, {33, 7, 8}}) {
    std::set<std::pair<int, int>> seen;
    for (int turn = 0; turn < down * across; ++turn) {
      const Place p = tile_of(turn, down, across, height);
      EXPECT_TRUE(p.row >= 0 && p.row < down && p.column >= 0 && p.column < across && seen.insert({p.row, p.column}).second) << turn;
    }
  }
}

// A box of 3 x 64 from row 1, column 32 of a matrix of 3 x 72: read before the barrier's phase is over, then after.
void copy_a_box(TensorMap map, float* early, F16* out) {
  auto* tile = shared<F16>();
  auto* barrier = reinterpret_cast<Barrier*>(shared<unsigned char>() + 1024);
  barrier_init(barrier, 1);
  barrier_wait(barrier, 1);  // the phase before the first is over
  tile[0] = F16{0};
  copy_box(tile, map, 1, 32, barrier);
  *early = to_float(tile[0]);
  barrier_arrive_and_expect(barrier, 3 * 64 * 2);
  barrier_wait(barrier, 0);
  for (int i = 0; i < 3 * 64; ++i) out[i] = tile[i];
}
TEST(Emulator, BulkCopiesAreLateAndEndWithTheMatrix) {
  NEEDS_EMULATOR();
  std::vector<F16> matrix(3 * 72), out(3 * 64);
  for (std::size_t i = 0; i < matrix.size(); ++i) from_float(static_cast<float>(i + 1), matrix[i]);
  float early = 0;
  launch("copy", copy_a_box, dim3(1), dim3(1), 2048, Stream{}, tensor_map("copy", matrix.data(), 3, 72, 3, 64, true), &early, out.data());
  EXPECT_TRUE(std::isnan(early));
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 64; ++c)
      EXPECT_EQ(to_float(out[swizzled(static_cast<std::uint32_t>(r * 128 + c * 2)) / 2]), r + 1 < 3 && c + 32 < 72 ? static_cast<float>((r + 1) * 72 + c + 32 + 1) : 0.f) << r << " " << c;
}

// A pair of blocks: each brings one of a matrix's two rows to both. A block that touches the other's barrier when it may have ended is refused.
void share_rows(TensorMap map, float* out, bool late) {
  auto* rows = shared<F16>();
  auto* barrier = reinterpret_cast<Barrier*>(shared<unsigned char>() + 1024);
  const int rank = cluster_rank();
  barrier_init(barrier, 2);  // this block's arrival, which says what will come, and the other's
  sync_cluster();
  barrier_arrive_and_expect(barrier, 2 * 128);
  copy_box_to(both, rows + 64 * rank, map, rank, 0, barrier);
  barrier_arrive(barrier, 1 - rank);
  barrier_wait(barrier, 0);
  for (int i = 0; i < 128; ++i) out[128 * static_cast<int>(blockIdx.x) + i] = to_float(rows[i]);
  if (late && rank == 0) barrier_arrive(barrier, 1);
}
TEST(Emulator, BlocksOfAPairShare) {
  NEEDS_EMULATOR();
  std::vector<F16> matrix(128);
  for (std::size_t i = 0; i < matrix.size(); ++i) from_float(static_cast<float>(i), matrix[i]);
  std::vector<float> out(4 * 128, std::nanf(""));
  const TensorMap map = tensor_map("share", matrix.data(), 2, 64, 1, 64, false);
  launch_pairs("share", share_rows, dim3(4), dim3(1), 2048, Stream{}, map, out.data(), false);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<float>(i % 128)) << i;
  EXPECT_TRUE(test::refuses([&] { launch_pairs("share", share_rows, dim3(4), dim3(1), 2048, Stream{}, map, out.data(), true); }, {"has ended"}));
  EXPECT_TRUE(test::refuses([&] { launch_pairs("share", share_rows, dim3(3), dim3(1), 2048, Stream{}, map, out.data(), false); }, {"clusters of 2"}));
}

enum class Misuse { not_initialised, too_many, too_few_bytes, misplaced };
void misuse(TensorMap map, Misuse how) {
  auto* barrier = reinterpret_cast<Barrier*>(shared<unsigned char>() + 1024);
  if (how != Misuse::not_initialised) barrier_init(barrier, 1);
  if (how == Misuse::too_many) barrier_arrive_and_expect(barrier, 256), barrier_arrive_and_expect(barrier, 256);
  if (how == Misuse::misplaced) copy_box(shared<unsigned char>() + 128, map, 0, 0, barrier);
  else copy_box(shared<unsigned char>(), map, 0, 0, barrier);
  barrier_arrive_and_expect(barrier, how == Misuse::too_few_bytes ? 128 : 256);
  barrier_wait(barrier, 0);
}
TEST(Emulator, RefusesMisuseOfBarriers) {
  NEEDS_EMULATOR();
  const std::vector<F16> matrix(128);
  auto says = [&](Misuse how, const char* what) {
    return test::refuses([&] { launch("misuse", misuse, dim3(1), dim3(1), 2048, Stream{}, tensor_map("misuse", matrix.data(), 2, 64, 2, 64, true), how); }, {what});
  };
  EXPECT_TRUE(says(Misuse::not_initialised, "not initialised"));
  EXPECT_TRUE(says(Misuse::too_many, "more arrivals"));
  EXPECT_TRUE(says(Misuse::too_few_bytes, "waits at a barrier"));
  EXPECT_TRUE(says(Misuse::misplaced, "no multiple of 1024"));
}

}  // namespace
}  // namespace bonsai::cuda
