// Filling, copying, and one element at a time: the operators are core/scalar_math.h's own.
#include "core/crop.h"
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

template <class T>
void fill_as(Strided out, T value) {
  each("fill", out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<T>()[out.at(i)] = value; });
}
void fill(View out, double value) {
  dispatch(out.dtype, [&]<class T>() { fill_as<T>(strided(out), static_cast<T>(value)); });
}

template <class From, class To>
void copy_as(Strided in, Strided out) {
  each("copy", out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<To>()[out.at(i)] = static_cast<To>(in.as<From>()[in.at(i)]); });
}
void copy(View in, View out) {
  dispatch(in.dtype, [&]<class From>() { dispatch(out.dtype, [&]<class To>() { copy_as<From, To>(strided(in), strided(out)); }); });
}

template <Unary op, class T>
void unary_as(Strided in, Strided out) {
  each(name(op), out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<T>()[out.at(i)] = apply<op>(in.as<T>()[in.at(i)]); });
}
void unary(Unary op, View in, View out) {
  dispatch_floating(name(op), in.dtype, [&]<class T>() { visit(op, [&]<Unary u>() { unary_as<u, T>(strided(in), strided(out)); }); });
}

template <Binary op, class T>
void binary_as(Strided a, Strided b, Strided out) {
  each(name(op), out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<T>()[out.at(i)] = static_cast<T>(apply<op>(a.as<T>()[a.at(i)], b.as<T>()[b.at(i)])); });
}
void binary(Binary op, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() { visit(op, [&]<Binary o>() { binary_as<o, T>(strided(a), strided(b), strided(out)); }); });
}

template <Compare op, class T>
void compare_as(Strided a, Strided b, Strided out) {
  each(name(op), out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<std::uint8_t>()[out.at(i)] = apply<op>(a.as<T>()[a.at(i)], b.as<T>()[b.at(i)]); });
}
void compare(Compare op, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() { visit(op, [&]<Compare o>() { compare_as<o, T>(strided(a), strided(b), strided(out)); }); });
}

template <class T>
void where_as(Strided c, Strided a, Strided b, Strided out) {
  each("where", out.numel, [=] BONSAI_DEVICE(std::int64_t i) { out.as<T>()[out.at(i)] = c.as<std::uint8_t>()[c.at(i)] ? a.as<T>()[a.at(i)] : b.as<T>()[b.at(i)]; });
}
void where(View c, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() { where_as<T>(strided(c), strided(a), strided(b), strided(out)); });
}

void pixels(View bytes, View numbers, View scale, View out) {
  const std::int64_t channels = bytes.shape[1], plane = bytes.shape[2];
  const auto* from = bytes.as<std::uint8_t>();
  const auto* which = numbers.as<std::int64_t>();
  const auto* scales = scale.as<float>();
  auto* to = out.as<float>();
  const std::int64_t pictures = bytes.shape[0];
  Misfit* m = misfit_of("pixels");
  each("pixels", out.shape.numel(), [=] BONSAI_DEVICE(std::int64_t i) {
    const std::int64_t c = i / plane % channels, picture = i / plane / channels;
    const float* s = scales + 3 * c;
    const float x = from[(checked(m, which[picture], pictures) * channels + c) * plane + i % plane];
    to[i] = x * s[0] + (x * s[1] + s[2]);
  });
}

void crop(Cropping how, View pictures, View numbers, View out) {
  const std::int64_t n = pictures.shape[0], channels = out.shape[1], height = out.shape[2], width = out.shape[3];
  const auto* from = pictures.as<std::uint8_t>();
  const auto* which = numbers.as<std::int64_t>();
  auto* to = out.as<std::uint8_t>();
  Misfit* m = misfit_of("crop");
  each("crop", out.shape.numel(), [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t x = at % width, y = at / width % height, channel = at / width / height % channels, i = at / width / height / channels;
    const Crop c = crop_at(how, i);
    const std::int64_t row = y + c.dy - how.padding, column = (c.flip ? width - 1 - x : x) + c.dx - how.padding;
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    to[at] = inside ? from[((checked(m, which[i], n) * channels + channel) * height + row) * width + column] : 0;
  });
}

}  // namespace

void add_elementwise(Backend& b) {
  b.fill.run = fill;
  b.copy.run = copy;
  b.unary.run = unary;
  b.binary.run = binary;
  b.compare.run = compare;
  b.where.run = where;
  b.pixels.run = pixels;
  b.crop.run = crop;
}

}  // namespace bonsai::cuda
