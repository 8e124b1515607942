#include "datasets/image_file.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/files.h"
#include "core/ops.h"
#include "datasets/unpack_picture.h"

namespace bonsai::datasets {
namespace {

// For each output its first input, and the weights of those from there on.
struct Taps {
  std::int64_t in;
  std::vector<std::int64_t> first;
  std::vector<std::vector<float>> weights;
};
Taps taps(std::int64_t in, std::int64_t out) {
  Taps t{in, {}, {}};
  const double scale = static_cast<double>(in) / static_cast<double>(out), reach = std::max(scale, 1.0);
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - reach)));
    const auto end = std::min(in, static_cast<std::int64_t>(std::ceil(centre + reach)));
    auto weight = [&](std::int64_t j) {
      return std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - centre) / reach);
    };
    double total = 0;
    for (std::int64_t j = begin; j < end; ++j) total += weight(j);
    t.first.push_back(begin);
    t.weights.emplace_back();
    for (std::int64_t j = begin; j < end; ++j) t.weights.back().push_back(static_cast<float>(weight(j) / total));
  }
  return t;
}

// (outer, in, inner) to (outer, out, inner).
template <class T>
std::vector<float> scale_axis(const T* x, std::int64_t outer, const Taps& t, std::int64_t inner) {
  const auto out = static_cast<std::int64_t>(t.first.size());
  std::vector<float> y(static_cast<std::size_t>(outer * out * inner));
  float* to = y.data();
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < out; ++i, to += inner) {
      const T* from = x + (o * t.in + t.first[i]) * inner;
      for (float w : t.weights[i])
        for (std::int64_t k = 0; k < inner; ++k) to[k] += w * static_cast<float>(*from++);
    }
  return y;
}

}  // namespace

Tensor decode_picture(std::string_view bytes, std::string_view file, std::int64_t channels) {
  require(channels == 1 || channels == 3, "{}: a picture has 1 channel (grey) or 3 (RGB), not {}", file, channels);
  const Unpacked p = unpack_picture(bytes, file, static_cast<int>(channels) + 1);  // and alpha
  Tensor picture = empty({p.height, p.width, channels}, DType::u8);
  std::uint8_t* to = picture.mutable_data<std::uint8_t>().data();
  const unsigned char* from = p.bytes.get();
  for (std::int64_t i = 0; i < p.height * p.width; ++i, from += channels + 1)
    for (std::int64_t c = 0; c < channels; ++c)
      *to++ = static_cast<std::uint8_t>((from[c] * from[channels] + 127) / 255);
  return picture;
}

Tensor scale_picture(const Tensor& picture, std::int64_t height, std::int64_t width) {
  require(picture.dtype() == DType::u8 && picture.rank() == 3 && picture.numel() > 0,
          "scale_picture: a picture is u8 (height, width, channels), got {} {}", name(picture.dtype()),
          picture.shape());
  require(height >= 1 && width >= 1 && height <= most_picture_pixels / width &&
              std::max(height, width) <= most_picture_side,
          "scale_picture: to {} x {} pixels; take at least 1 x 1 and at most {} pixels", width, height,
          most_picture_pixels);
  const std::int64_t rows = picture.size(0), columns = picture.size(1), channels = picture.size(2);
  const Taps across = taps(columns, width), down = taps(rows, height);
  const std::uint8_t* in = picture.data<std::uint8_t>().data();
  // The axis first that leaves less between: so at most as much as the larger of the two pictures.
  const std::vector<float> scaled =
      rows * width <= height * columns
          ? scale_axis(scale_axis(in, rows, across, channels).data(), 1, down, width * channels)
          : scale_axis(scale_axis(in, 1, down, columns * channels).data(), height, across, channels);
  Tensor out = empty({channels, height, width}, DType::u8);
  std::uint8_t* to = out.mutable_data<std::uint8_t>().data();
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < height * width; ++i)
      *to++ = static_cast<std::uint8_t>(std::lround(std::clamp(scaled[i * channels + c], 0.0f, 255.0f)));
  return out;
}

Tensor load_image(const std::filesystem::path& path, std::int64_t channels, std::int64_t height, std::int64_t width) {
  const Tensor picture = decode_picture(read_whole(path, most_picture_bytes), printable(path.string(), 4096), channels);
  return reshape(scale_picture(picture, height, width), {1, channels, height, width});
}

}  // namespace bonsai::datasets
