// A product whose sums stay in registers: what products and convolutions are made of where no library does them. C (m, n) = Σ_k A(row, k) B(k, column): a block computes a
// tile of C, `depth` of k at a time. It brings that much of A and B to shared memory, and each thread multiplies what its own rows and columns, 4 or 8 of each, meet there:
// with 8 x 8, four loads of 16 bytes for 64 multiply-adds. Where TF32 is allowed, warps do it on tensor cores. While one step is multiplied, the next one's numbers are on their
// way to registers; two stages of shared memory take turns, so one barrier a step is enough.
//
// Where A and B come from is the Source's business (a matrix with strides, the pixels under a kernel): what is the same for a whole row or column of the tile is
// worked out once a tile (a Line), what is the same for a k once a step, by one thread, and left in shared memory for the others (a Note). So an element costs a comparison or
// two and an addition, not the divisions that find its place.
//
// Limit: f32 multiply-adds, 2 x 128 x clock a multiprocessor (H200: 132 at 1.98 GHz, 67 TFLOP/s); a step loads (rows + columns) numbers for rows x columns
// multiply-adds, so 128 x 128 of f32 want 1/64 of a FLOP's time in bytes: 1 TB/s at full speed, mostly from L2. Expected of such a kernel, without tensor cores: a third to a
// half of the limit. Not yet run on a GPU.
//
// The order: a sum begins with the part's first k and goes up; parts are added in their order (add_parts). Which tile and how many parts depends on m, n and k alone.
#pragma once
#include "cuda/backend/backend.h"
#include "cuda/backend/scratch.h"
#include "cuda/mma/tf32.h"

namespace bonsai::cuda {

constexpr int depth = 8;  // of k a step

template <class T>
struct alignas(16) Four {
  T x[4];
};

template <int Rows, int Columns, int OwnRows, int OwnColumns>
struct Tile {
  static constexpr int rows = Rows, columns = Columns, own_rows = OwnRows, own_columns = OwnColumns;
  static constexpr int across = Columns / OwnColumns, threads = Rows / OwnRows * across;
  static constexpr int blocks = 512 / threads;  // at once on a multiprocessor, at least: 16 warps, each thread with 128 registers
  // A thread's rows (columns) come in fours, so that neighbouring threads read neighbouring 16 bytes.
  BONSAI_HOST_DEVICE static int row(int thread, int i) { return i / 4 * (4 * Rows / OwnRows) + thread / across * 4 + i % 4; }
  BONSAI_HOST_DEVICE static int column(int thread, int j) { return j / 4 * (4 * Columns / OwnColumns) + thread % across * 4 + j % 4; }
  // In shared memory a k's numbers lie side by side, with four more, so that eight k's of a row lie in different banks.
  static constexpr int a_stride = Rows + 4, b_stride = Columns + 4, stage = depth * (a_stride + b_stride);
  template <class T>
  BONSAI_DEVICE static T stored(T x) { return x; }
  template <class T>
  BONSAI_DEVICE static void step(T (&sums)[OwnRows][OwnColumns], const T* as, const T* bs, int thread) {
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      alignas(16) T own_a[OwnRows], own_b[OwnColumns];
#pragma unroll
      for (int i = 0; i < OwnRows; i += 4) *reinterpret_cast<Four<T>*>(own_a + i) = *reinterpret_cast<const Four<T>*>(as + k * a_stride + row(thread, i));
#pragma unroll
      for (int j = 0; j < OwnColumns; j += 4) *reinterpret_cast<Four<T>*>(own_b + j) = *reinterpret_cast<const Four<T>*>(bs + k * b_stride + column(thread, j));
#pragma unroll
      for (int i = 0; i < OwnRows; ++i)
#pragma unroll
        for (int j = 0; j < OwnColumns; ++j) sums[i][j] += own_a[i] * own_b[j];
    }
  }
};

// The same for tensor cores and TF32: a warp computes 32 x 64, sixteen products of 16 x 8 a step, for which a lane loads 8 numbers of A and 16 of B. Eight numbers of padding, so
// that the four k's and eight lines that a warp loads at once lie in 32 banks.
template <int Rows, int Columns>
struct TensorTile {
  static constexpr int rows = Rows, columns = Columns, own_rows = 4, own_columns = 16, across = Columns / 64, threads = Rows / 32 * across * 32, blocks = 512 / threads;
  BONSAI_HOST_DEVICE static int row(int thread, int i) { return thread / 32 / across * 32 + i / 2 * 16 + i % 2 * 8 + thread % 32 / 4; }
  BONSAI_HOST_DEVICE static int column(int thread, int j) { return thread / 32 % across * 64 + j / 2 * 8 + thread % 4 * 2 + j % 2; }
  static constexpr int a_stride = Rows + 8, b_stride = Columns + 8, stage = depth * (a_stride + b_stride);
  BONSAI_DEVICE static float stored(float x) { return to_tf32(x); }
  BONSAI_DEVICE static void step(float (&sums)[4][16], const float* as, const float* bs, int thread) {
    const int line = thread % 32 / 4, k = thread % 4;
    float a[2][4];
#pragma unroll
    for (int x = 0; x < 2; ++x)
#pragma unroll
      for (int i = 0; i < 4; ++i) a[x][i] = as[(k + i / 2 * 4) * a_stride + thread / 32 / across * 32 + x * 16 + i % 2 * 8 + line];
#pragma unroll
    for (int y = 0; y < 8; ++y) {
      const float* from = bs + thread / 32 % across * 64 + y * 8 + line;
      const float b[2] = {from[k * b_stride], from[(k + 4) * b_stride]};
#pragma unroll
      for (int x = 0; x < 2; ++x) mma_tf32(sums[2 * x][2 * y], sums[2 * x][2 * y + 1], sums[2 * x + 1][2 * y], sums[2 * x + 1][2 * y + 1], a[x], b);
    }
  }
};

// Which of a tile's `Lines` x depth numbers a thread brings: neighbours along k, or along the lines.
template <int Lines, int Threads, bool AlongK>
struct Share {
  static_assert(Lines * depth % Threads == 0);
  static constexpr int count = Lines * depth / Threads, lines = AlongK ? count : Lines > Threads ? Lines / Threads : 1;
  BONSAI_HOST_DEVICE static int line(int thread, int i) { return AlongK ? thread / depth + i * (Threads / depth) : (thread + i * Threads) % Lines; }
  BONSAI_HOST_DEVICE static int k(int thread, int i) { return AlongK ? thread % depth : (thread + i * Threads) / Lines; }
};

// sums += what k = begin .. end - 1 give, for the tile whose corner is at (row, column). By all threads of the block. A Source has
//   Note note(k, end), ALine a_line(row), BLine b_line(column), T a(ALine, Note), T b(BLine, Note); and a_along_k, b_along_k
// and gives 0 for rows, columns and ks that do not exist.
template <class T, class Tile, class Source>
BONSAI_DEVICE void multiply(const Source& source, int row, int column, int begin, int end, T (&sums)[Tile::own_rows][Tile::own_columns]) {
  using A = Share<Tile::rows, Tile::threads, Source::a_along_k>;
  using B = Share<Tile::columns, Tile::threads, Source::b_along_k>;
  T* tiles = shared<T>();
  auto* notes = reinterpret_cast<typename Source::Note*>(tiles + 2 * Tile::stage);
  const int t = static_cast<int>(threadIdx.x), steps = (end - begin + depth - 1) / depth;
  auto take_notes = [&](int s) {
    if (t < depth && s < steps) notes[s % 2 * depth + t] = source.note(begin + s * depth + t, end);
  };

  typename Source::ALine a_lines[A::lines];
  typename Source::BLine b_lines[B::lines];
#pragma unroll
  for (int i = 0; i < A::lines; ++i) a_lines[i] = source.a_line(row + A::line(t, i));
#pragma unroll
  for (int i = 0; i < B::lines; ++i) b_lines[i] = source.b_line(column + B::line(t, i));
  T next_a[A::count], next_b[B::count];
  auto fetch = [&](int s) {
    const auto* now = notes + s % 2 * depth;
#pragma unroll
    for (int i = 0; i < A::count; ++i) next_a[i] = source.a(a_lines[i % A::lines], now[A::k(t, i)]);
#pragma unroll
    for (int i = 0; i < B::count; ++i) next_b[i] = source.b(b_lines[i % B::lines], now[B::k(t, i)]);
  };

  take_notes(0);
  __syncthreads();
  if (steps > 0) fetch(0);
  take_notes(1);
  for (int s = 0; s < steps; ++s) {
    T *as = tiles + s % 2 * Tile::stage, *bs = as + depth * Tile::a_stride;
#pragma unroll
    for (int i = 0; i < A::count; ++i) as[A::k(t, i) * Tile::a_stride + A::line(t, i)] = Tile::stored(next_a[i]);
#pragma unroll
    for (int i = 0; i < B::count; ++i) bs[B::k(t, i) * Tile::b_stride + B::line(t, i)] = Tile::stored(next_b[i]);
    __syncthreads();  // the step's numbers are there, and the next one's notes; and all are done with step s - 1, whose place the next one takes
    if (s + 1 < steps) fetch(s + 1);
    take_notes(s + 2);
    Tile::step(sums, as, bs, t);
  }
}
template <class T, class Tile, class Source>
constexpr std::size_t shared_bytes() { return 2 * Tile::stage * sizeof(T) + 2 * depth * sizeof(typename Source::Note); }

// f(a Tile) for a product with m rows: with as little as may be outside of C, and few sizes, since each is compiled.
template <class T, class F>
void with_tile(std::int64_t m, F f) {
  if constexpr (sizeof(T) == 8) f(Tile<32, 64, 4, 4>{});
  else if (tf32_allowed() && m > 32) {
    if (m <= 64 || (m + 63) / 64 % 2 == 1) f(TensorTile<64, 128>{});
    else f(TensorTile<128, 128>{});
  }
  else if (m <= 16) f(Tile<16, 256, 4, 8>{});
  else if (m <= 32) f(Tile<32, 128, 4, 8>{});
  else if (m <= 64 || (m + 63) / 64 % 2 == 1) f(Tile<64, 128, 8, 8>{});
  else f(Tile<128, 128, 8, 8>{});
}
constexpr std::int64_t blocks_for(std::int64_t n, std::int64_t each) { return (n + each - 1) / each; }

// Few tiles with a long k each would leave most of a GPU idle: then k is cut into parts, of at least 128, for about so many blocks as two a multiprocessor are. A number by
// shape, not by machine: the same bits on every GPU.
constexpr std::int64_t enough_blocks = 264;
inline int parts_for(std::int64_t tiles, std::int64_t k) {
  const std::int64_t wanted = tiles == 0 ? 1 : enough_blocks / tiles, most = k / 128;
  return static_cast<int>(wanted < 1 || most < 1 ? 1 : wanted < most ? wanted : most);
}
// Part `part` of k, in whole steps.
struct Part {
  int begin, end;
};
BONSAI_HOST_DEVICE inline Part part_of(int k, int part, int parts) {
  const int length = ((k + parts - 1) / parts + depth - 1) / depth * depth, begin = part * length;
  return {begin < k ? begin : k, begin + length < k ? begin + length : k};
}

// out_i = Σ parts in their order, in double precision
template <class T>
BONSAI_HOST_DEVICE inline double add_parts(const T* sums, std::int64_t i, std::int64_t n, int parts) {
  double total = static_cast<double>(sums[i]);
  for (int p = 1; p < parts; ++p) total += static_cast<double>(sums[p * n + i]);
  return total;
}

}  // namespace bonsai::cuda
