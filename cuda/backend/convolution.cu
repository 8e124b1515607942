// Convolutions as products that are never written down (implicit GEMM), in tiles.h's frame:
//
//   y    (outputs, pixels of y)  = w (outputs, taps)   x under each pixel's taps            taps: (input, row, column of the kernel)
//   dx   (inputs, pixels of x)   = wᵀ (inputs, taps)   dy at each pixel's taps              taps: (output, row, column)
//   dw   (outputs, taps)         = dy (outputs, pixels of y)   x under each pixel's taps, turned
//
// The first two are one kernel: a pixel gives a place in the picture that is read, a tap a displacement. With a stride, an input pixel meets only some of the taps, and
// which ones depends on its row and column modulo the stride: so the pixels of dx are cut into stride² phases, each with its own taps and no wasted multiply-adds.
//
// Work: 2 · outputs · pixels · taps FLOP each; at a third to a half of 67 TFLOP/s, ResNet-20's step at batch 128 (31 GFLOP) takes 1 to 1.5 ms on an H200, VGG-19's at batch 64
// (153 GFLOP) 5 to 7. Bytes: x, w and y once, if the tiles of a picture find it in L2. What of it runs how fast: not yet run on a GPU.
// A long k with few tiles is cut into parts, whose sums are added in their order. Groups of under four channels go to direct_convolution.cu.
#include "cuda/backend/convolution.h"
#include "cuda/backend/tiles.h"

namespace bonsai::cuda {
namespace {

constexpr int none = -(1 << 30);  // a row of pixels that is in no picture, whatever is added

// What a pixel and a tap mean, for one group and phase. Everything in elements.
struct Map {
  int rows, pixels, taps;                    // m, n and k of the product
  int grid_plane, grid_columns;              // pixels are (picture, row, column) of a grid,
  int scale, row, column;                    // that begin at (scale row + .., scale column + ..) of what is read
  int tap_rows, tap_columns, down, right;    // a tap is (channel, i, j): i down, j right of there
  int h, w;                                  // of what is read,
  std::int64_t from, picture;                // its first picture's first channel of the group, and how far it is from a picture to the next
  std::int64_t weight;                       // the group's first weight,
  int weight_line, weight_channel, weight_tap, weight_row, weight_column;  // and its neighbours: of C's next row, of the next channel; the first tap, the next one down, right
  std::int64_t to, to_picture;               // where C's first row begins, and how far it is to the next picture
  int to_line, to_row, to_column;            // and to the next row of C; of the grid; column of it
};

struct Problem {
  ConvolutionSizes z;
  std::int64_t batch;
  bool gradient;  // of the input
  BONSAI_HOST_DEVICE int phases() const { return gradient ? static_cast<int>(z.v.stride * z.v.stride) : 1; }
};

// The taps that rows `first`, first + stride, ... of x meet: i = start, start + step, ..., and row r of x lies under tap i of y's row (r + padding - i dilation) / stride.
struct Meeting {
  int start, step, count, origin, move;  // the first of these rows meets, by its first tap, row `origin` of y; the next tap's is `move` further
};
BONSAI_HOST_DEVICE inline Meeting meeting(int first, int kernel, const Window& v) {
  const int stride = static_cast<int>(v.stride), dilation = static_cast<int>(v.dilation), reach = first + static_cast<int>(v.padding);
  int step = 1, start = 0;
  while (step * dilation % stride != 0) ++step;
  while (start < step && (reach - start * dilation) % stride != 0) ++start;
  if (start == step || start >= kernel) return {0, step, 0, 0, 0};
  return {start, step, (kernel - start + step - 1) / step, (reach - start * dilation) / stride, -(step * dilation / stride)};
}

BONSAI_HOST_DEVICE inline Map map_of(const Problem& p, int group, int phase) {
  const ConvolutionSizes& z = p.z;
  const int c = static_cast<int>(z.c), h = static_cast<int>(z.h), w = static_cast<int>(z.w), inputs = static_cast<int>(z.inputs), kh = static_cast<int>(z.kh), kw = static_cast<int>(z.kw);
  const int o = static_cast<int>(z.o), rows = static_cast<int>(z.p), columns = static_cast<int>(z.q), outputs = o / static_cast<int>(z.v.groups), batch = static_cast<int>(p.batch);
  const int stride = static_cast<int>(z.v.stride), padding = static_cast<int>(z.v.padding), dilation = static_cast<int>(z.v.dilation), kernel = kh * kw;
  const std::int64_t weight = static_cast<std::int64_t>(group) * outputs * inputs * kernel, x = static_cast<std::int64_t>(group) * inputs * h * w,
                     y = static_cast<std::int64_t>(group) * outputs * rows * columns;
  if (!p.gradient)
    return {outputs, batch * rows * columns, inputs * kernel, rows * columns, columns, stride, -padding, -padding, kh, kw, dilation, dilation, h, w, x, static_cast<std::int64_t>(c) * h * w,
            weight, inputs * kernel, kernel, 0, kw, 1, y, static_cast<std::int64_t>(o) * rows * columns, rows * columns, columns, 1};
  const int a = phase / stride, b = phase % stride, grid_rows = a < h ? (h - a + stride - 1) / stride : 0, grid_columns = b < w ? (w - b + stride - 1) / stride : 0;
  const Meeting i = meeting(a, kh, z.v), j = meeting(b, kw, z.v);
  return {inputs, batch * grid_rows * grid_columns, outputs * i.count * j.count, grid_rows * grid_columns, grid_columns, 1, i.origin, j.origin, i.count, j.count, i.move, j.move,
          rows, columns, y, static_cast<std::int64_t>(o) * rows * columns, weight, kernel, inputs * kernel, i.start * kw + j.start, i.step * kw, j.step,
          x + a * w + b, static_cast<std::int64_t>(c) * h * w, h * w, stride * w, stride};
}

template <class T>
struct Gathered {
  Map m;
  const T *x, *w;
  static constexpr bool a_along_k = true, b_along_k = false;
  struct Note {  // of a tap
    int offset, down, right, weight;
  };
  struct ALine {
    const T* weights;
  };
  struct BLine {  // of a pixel
    std::int64_t offset;
    int row, column;
  };
  BONSAI_DEVICE Note note(int k, int end) const {
    if (k >= end) return {0, none, 0, 0};
    const int kernel = m.tap_rows * m.tap_columns, channel = k / kernel, i = k % kernel / m.tap_columns, j = k % kernel % m.tap_columns;
    return {(channel * m.h + i * m.down) * m.w + j * m.right, i * m.down, j * m.right, channel * m.weight_channel + m.weight_tap + i * m.weight_row + j * m.weight_column};
  }
  BONSAI_DEVICE ALine a_line(int row) const { return {row < m.rows ? w + m.weight + static_cast<std::int64_t>(row) * m.weight_line : nullptr}; }
  BONSAI_DEVICE BLine b_line(int pixel) const {
    if (pixel >= m.pixels) return {0, none, 0};
    const int picture = pixel / m.grid_plane, in_picture = pixel % m.grid_plane;
    const int row = in_picture / m.grid_columns * m.scale + m.row, column = in_picture % m.grid_columns * m.scale + m.column;
    return {m.from + picture * m.picture + static_cast<std::int64_t>(row) * m.w + column, row, column};
  }
  BONSAI_DEVICE T a(const ALine& l, const Note& n) const { return l.weights && n.down != none ? l.weights[n.weight] : T(0); }
  BONSAI_DEVICE T b(const BLine& l, const Note& n) const {
    const int row = l.row + n.down, column = l.column + n.right;
    return static_cast<unsigned>(row) < static_cast<unsigned>(m.h) && static_cast<unsigned>(column) < static_cast<unsigned>(m.w) ? x[l.offset + n.offset] : T(0);
  }
};

template <class T>
struct Run {
  Problem p;
  int tiles_m, tiles_n, parts;
  std::int64_t size;  // of the result
  const T *x, *w, *bias;
  T* out;  // or the parts, one result after the other
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) gather_kernel(Run<T> r) {
  int b = static_cast<int>(blockIdx.x);
  const int tile_n = b % r.tiles_n, tile_m = (b /= r.tiles_n) % r.tiles_m, part = (b /= r.tiles_m) % r.parts, phase = (b /= r.parts) % r.p.phases(), group = b / r.p.phases();
  const Gathered<T> source{map_of(r.p, group, phase), r.x, r.w};
  const Map& m = source.m;
  const int row = tile_m * Tile::rows, column = tile_n * Tile::columns;
  if (column >= m.pixels) return;
  const Part k = part_of(m.taps, part, r.parts);
  T sums[Tile::own_rows][Tile::own_columns] = {};
  multiply<T, Tile>(source, row, column, k.begin, k.end, sums);
  const int t = static_cast<int>(threadIdx.x);
  T* out = r.out + part * r.size;
#pragma unroll
  for (int j = 0; j < Tile::own_columns; ++j) {
    const int pixel = column + Tile::column(t, j);
    if (pixel >= m.pixels) continue;
    const int picture = pixel / m.grid_plane, in_picture = pixel % m.grid_plane;
    const std::int64_t place = m.to + picture * m.to_picture + static_cast<std::int64_t>(in_picture / m.grid_columns) * m.to_row + in_picture % m.grid_columns * m.to_column;
#pragma unroll
    for (int i = 0; i < Tile::own_rows; ++i) {
      const int line = row + Tile::row(t, i);
      if (line < m.rows) out[place + static_cast<std::int64_t>(line) * m.to_line] = sums[i][j] + (r.bias ? r.bias[group * m.rows + line] : T(0));
    }
  }
}

// The parts' sums to where they belong; with the bias of the channel.
template <class T>
void gather_parts(const char* name, const T* sums, T* out, std::int64_t n, int parts, const T* bias, std::int64_t plane, std::int64_t channels) {
  each(name, n, [=] BONSAI_DEVICE(std::int64_t i) { out[i] = static_cast<T>(add_parts(sums, i, n, parts) + (bias ? static_cast<double>(bias[i / plane % channels]) : 0)); });
}

void require_int(const char* name, const Shape& a, const Shape& b, const Shape& c) {
  for (const Shape* s : {&a, &b, &c}) require(s->numel() < none * -1ll, "{}: {} has more elements than the 2^30 that the kernel counts to; cut the batch", name, *s);
}

template <class T>
void gather(const char* name, const Problem& p, const T* x, const T* w, const T* bias, T* out, std::int64_t size, std::int64_t plane, std::int64_t channels) {
  if (size == 0) return;
  const Map first = map_of(p, 0, 0);  // phase 0 has the most pixels
  with_tile<T>(first.rows, [&]<class Tile>(Tile) {
    const std::int64_t groups = p.z.v.groups, tiles_m = blocks_for(first.rows, Tile::rows), tiles_n = blocks_for(first.pixels, Tile::columns), tiles = tiles_m * tiles_n * p.phases() * groups;
    int longest = 0;
    for (int phase = 0; phase < p.phases(); ++phase) longest = std::max(longest, map_of(p, 0, phase).taps);
    const int parts = parts_for(tiles, longest);
    const DeviceScratch<T> sums(parts > 1 ? parts * size : 0);
    const Run<T> r{p, static_cast<int>(tiles_m), static_cast<int>(tiles_n), parts, size, x, w, parts > 1 ? nullptr : bias, parts > 1 ? sums.data() : out};
    launch(name, gather_kernel<T, Tile>, dim3(static_cast<unsigned>(tiles * parts)), dim3(Tile::threads), shared_bytes<T, Tile, Gathered<T>>(), current_stream(), r);
    if (parts > 1) gather_parts(name, sums.data(), out, size, parts, bias, plane, channels);
  });
}

void conv2d(Window v, View x, View w, View bias, View y) {
  if (v.groups > 1 && w.shape[0] / v.groups < 4) return direct_conv2d(v, x, w, bias, y);
  require_int("conv2d", x.shape, w.shape, y.shape);
  dispatch_floating("conv2d", x.dtype, [&]<class T>() {
    gather("conv2d", {sizes(v, x.shape, w.shape, y.shape), x.shape[0], false}, x.as<T>(), w.as<T>(), bias.as<T>(), y.as<T>(), y.shape.numel(), y.shape[2] * y.shape[3], y.shape[1]);
  });
}
void conv2d_input_gradient(Window v, View dy, View w, View dx) {
  if (v.groups > 1 && w.shape[1] < 4) return direct_conv2d_input_gradient(v, dy, w, dx);
  require_int("conv2d_input_gradient", dy.shape, w.shape, dx.shape);
  dispatch_floating("conv2d_input_gradient", dy.dtype, [&]<class T>() {
    gather<T>("conv2d_input_gradient", {sizes(v, dx.shape, w.shape, dy.shape), dx.shape[0], true}, dy.as<T>(), w.as<T>(), nullptr, dx.as<T>(), dx.shape.numel(), 1, 1);
  });
}

// ---- The weight's gradient: a sum over all pixels of all pictures, so k is long and C is small, and the parts do the work.

template <class T>
struct Correlated {
  ConvolutionSizes z;
  const T *x, *dy;  // of the group
  int outputs, taps;
  static constexpr bool a_along_k = true, b_along_k = true;
  struct Note {  // of a pixel of y
    int dy, x, row, column;
  };
  struct ALine {
    const T* dy;
  };
  struct BLine {  // of a tap
    const T* x;
    int offset, down, right;
  };
  BONSAI_DEVICE Note note(int k, int end) const {
    if (k >= end) return {0, 0, none, 0};
    const int plane = static_cast<int>(z.p * z.q), picture = k / plane, in_picture = k % plane, stride = static_cast<int>(z.v.stride), padding = static_cast<int>(z.v.padding);
    const int row = in_picture / static_cast<int>(z.q) * stride - padding, column = in_picture % static_cast<int>(z.q) * stride - padding;
    return {picture * static_cast<int>(z.o) * plane + in_picture, (picture * static_cast<int>(z.c) * static_cast<int>(z.h) + row) * static_cast<int>(z.w) + column, row, column};
  }
  BONSAI_DEVICE ALine a_line(int output) const { return {output < outputs ? dy + output * z.p * z.q : nullptr}; }
  BONSAI_DEVICE BLine b_line(int tap) const {
    if (tap >= taps) return {x, 0, none, 0};
    const int kernel = static_cast<int>(z.kh * z.kw), i = tap % kernel / static_cast<int>(z.kw) * static_cast<int>(z.v.dilation), j = tap % kernel % static_cast<int>(z.kw) * static_cast<int>(z.v.dilation);
    return {x, (tap / kernel * static_cast<int>(z.h) + i) * static_cast<int>(z.w) + j, i, j};
  }
  BONSAI_DEVICE T a(const ALine& l, const Note& n) const { return l.dy && n.row != none ? l.dy[n.dy] : T(0); }
  BONSAI_DEVICE T b(const BLine& l, const Note& n) const {
    const int row = l.down + n.row, column = l.right + n.column;
    return static_cast<unsigned>(row) < static_cast<unsigned>(z.h) && static_cast<unsigned>(column) < static_cast<unsigned>(z.w) ? l.x[l.offset + n.x] : T(0);
  }
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) correlate_kernel(ConvolutionSizes z, int pixels, int tiles_m, int tiles_n, int parts, const T* x, const T* dy, T* out) {
  int b = static_cast<int>(blockIdx.x);
  const int tile_n = b % tiles_n, tile_m = (b /= tiles_n) % tiles_m, part = (b /= tiles_m) % parts, group = b / parts;
  const int outputs = static_cast<int>(z.o / z.v.groups), taps = static_cast<int>(z.inputs * z.kh * z.kw), row = tile_m * Tile::rows, column = tile_n * Tile::columns;
  const Correlated<T> source{z, x + group * z.inputs * z.h * z.w, dy + group * outputs * z.p * z.q, outputs, taps};
  const Part k = part_of(pixels, part, parts);
  T sums[Tile::own_rows][Tile::own_columns] = {};
  multiply<T, Tile>(source, row, column, k.begin, k.end, sums);
  const int t = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < Tile::own_rows; ++i)
#pragma unroll
    for (int j = 0; j < Tile::own_columns; ++j) {
      const int output = row + Tile::row(t, i), tap = column + Tile::column(t, j);
      if (output < outputs && tap < taps) out[(part * z.o + group * outputs + output) * taps + tap] = sums[i][j];
    }
}

void conv2d_weight_gradient(Window v, View x, View dy, View dw) {
  const char* name = "conv2d_weight_gradient";
  const std::int64_t outputs = dw.shape[0] / v.groups, size = dw.shape.numel(), pixels = dy.shape[0] * dy.shape[2] * dy.shape[3];
  if (v.groups > 1 && outputs < 4) return direct_conv2d_weight_gradient(v, x, dy, dw);
  require_int(name, x.shape, dy.shape, dw.shape);
  if (size == 0) return;
  dispatch_floating(name, x.dtype, [&]<class T>() {
    with_tile<T>(outputs, [&]<class Tile>(Tile) {
      const std::int64_t tiles_m = blocks_for(outputs, Tile::rows), tiles_n = blocks_for(size / dw.shape[0], Tile::columns), tiles = tiles_m * tiles_n * v.groups;
      const int parts = parts_for(tiles, pixels);
      const DeviceScratch<T> sums(parts > 1 ? parts * size : 0);
      T* out = dw.as<T>();
      launch(name, correlate_kernel<T, Tile>, dim3(static_cast<unsigned>(tiles * parts)), dim3(Tile::threads), shared_bytes<T, Tile, Correlated<T>>(), current_stream(),
             sizes(v, x.shape, dw.shape, dy.shape), static_cast<int>(pixels), static_cast<int>(tiles_m), static_cast<int>(tiles_n), parts, x.as<T>(), dy.as<T>(), parts > 1 ? sums.data() : out);
      if (parts > 1) gather_parts<T>(name, sums.data(), out, size, parts, nullptr, 1, 1);
    });
  });
}

}  // namespace

void add_convolutions(Backend& b) {
  b.conv2d.run = conv2d;
  b.conv2d_input_gradient.run = conv2d_input_gradient;
  b.conv2d_weight_gradient.run = conv2d_weight_gradient;
}

}  // namespace bonsai::cuda
