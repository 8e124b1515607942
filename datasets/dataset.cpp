#include "datasets/dataset.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/backend.h"
#include "core/ops.h"

namespace bonsai::datasets {

void check(const Dataset& d) {
  require(d.inputs.defined() && d.labels.defined(), "dataset \"{}\": inputs or labels are undefined", d.name);
  require(d.inputs.dtype() == DType::u8 || d.inputs.dtype() == DType::f32,
          "dataset \"{}\": inputs must be u8 or f32, got {}", d.name, name(d.inputs.dtype()));
  require(d.inputs.rank() >= 2, "dataset \"{}\": inputs {} need an axis of examples and one of features", d.name,
          d.inputs.shape());
  require(d.labels.dtype() == DType::i64 && d.labels.rank() == 1, "dataset \"{}\": labels must be i64 (n), got {} {}",
          d.name, name(d.labels.dtype()), d.labels.shape());
  require(d.inputs.size(0) == d.labels.size(0),
          "dataset \"{}\": inputs {} and labels {} differ in their number of examples", d.name, d.inputs.shape(),
          d.labels.shape());
  const auto classes = static_cast<std::int64_t>(d.classes.size());
  for (std::int64_t label : d.labels.data<std::int64_t>())
    require(label >= 0 && (label < classes || classes == 0), "dataset \"{}\": label {} of {} classes", d.name, label,
            classes);
}

Dataset take(const Dataset& d, const Tensor& indices) {
  require(indices.dtype() == DType::i64 && indices.rank() == 1, "take: indices must be i64 (k), got {} {}",
          name(indices.dtype()), indices.shape());
  const std::int64_t n = d.size(), k = indices.numel();
  Shape shape = d.inputs.shape();
  shape[0] = k;
  Dataset out{d.name, empty(shape, d.inputs.dtype()), empty({k}, DType::i64), d.classes};
  const std::size_t row = n == 0 ? 0 : d.inputs.size_in_bytes() / n;
  const auto* from = static_cast<const std::byte*>(d.inputs.bytes());
  auto* to = static_cast<std::byte*>(out.inputs.mutable_bytes());
  const auto from_labels = d.labels.data<std::int64_t>();
  const auto to_labels = out.labels.mutable_data<std::int64_t>();
  std::int64_t at = 0;
  for (std::int64_t i : indices.data<std::int64_t>()) {
    require(i >= 0 && i < n, "take: example {} of a dataset with {}", i, n);
    std::memcpy(to + at * row, from + i * row, row);
    to_labels[at++] = from_labels[i];
  }
  return out;
}

std::pair<Dataset, Dataset> split(const Dataset& d, std::int64_t validation, Random stream) {
  const std::int64_t n = d.size();
  require(validation >= 0 && validation <= n, "split: {} validation examples of {}", validation, n);
  Tensor order = stream.permutation(n);
  auto first = order.mutable_data<std::int64_t>();
  std::sort(first.begin(), first.begin() + validation);  // each part in the dataset's own order
  std::sort(first.begin() + validation, first.end());
  auto part = [&](std::int64_t begin, std::int64_t end) {
    return take(d, tensor(std::span<const std::int64_t>(first.subspan(begin, end - begin)), {end - begin}));
  };
  return {part(validation, n), part(0, validation)};
}

Tensor balanced(const Dataset& d, std::int64_t per_class, Random stream) {
  check(d);
  require(per_class >= 1, "balanced: {} examples a class; take 1 or more", per_class);
  const auto labels = d.labels.data<std::int64_t>();
  std::vector<std::int64_t> missing(d.classes.size(), per_class), chosen;
  const Tensor order = stream.permutation(d.size());
  for (std::int64_t i : order.data<std::int64_t>())
    if (--missing[labels[i]] >= 0) chosen.push_back(i);
  for (std::size_t c = 0; c < missing.size(); ++c)
    require(missing[c] <= 0, "balanced: class \"{}\" of \"{}\" has {} examples, {} are asked for", d.classes[c], d.name,
            per_class - missing[c], per_class);
  std::sort(chosen.begin(), chosen.end());
  return tensor(std::span<const std::int64_t>(chosen), {static_cast<std::int64_t>(chosen.size())});
}

namespace {
// Of pixels whose channels lie `groups` to an example; groups = 1 takes all channels as one.
Normalization normalization(const Dataset& d, std::int64_t groups) {
  check(d);
  require(d.inputs.dtype() == DType::u8 && d.inputs.numel() > 0, "normalization of \"{}\": it has no pixels", d.name);
  const std::int64_t each = d.inputs.numel() / d.size() / groups;
  Normalization n;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::uint64_t sum = 0, squares = 0;  // exact: 2^64 / 255² is far more than any set's pixels
    for (std::int64_t i = 0; i < d.size(); ++i)
      for (std::uint64_t x : d.inputs.data<std::uint8_t>().subspan((i * groups + g) * each, each))
        sum += x, squares += x * x;
    const double count = static_cast<double>(d.size() * each), mean = static_cast<double>(sum) / count;
    n.mean.push_back(mean / 255);
    n.deviation.push_back(std::sqrt(std::max(0.0, static_cast<double>(squares) / count - mean * mean)) / 255);
  }
  return n;
}
}  // namespace

Normalization normalization_of(const Dataset& d) { return normalization(d, 1); }
Normalization channel_normalization_of(const Dataset& d) {
  check(d);
  return normalization(d, d.inputs.size(1));
}

PixelScale::PixelScale(const Dataset& d, const Normalization& n) {
  check(d);
  const std::size_t means = n.mean.size(), deviations = n.deviation.size();
  if (d.inputs.dtype() != DType::u8) {
    require(means == 0 && deviations == 0, "normalization of \"{}\": its inputs are floats already; it is for pixels",
            d.name);
    return;
  }
  const std::size_t channels = std::max<std::size_t>({means, deviations, 1});
  require((means <= 1 || means == channels) && (deviations <= 1 || deviations == channels) &&
              (channels == 1 || static_cast<std::int64_t>(channels) == d.inputs.size(1)),
          "normalization of \"{}\": {} means and {} deviations for inputs {}; give one a channel, or one for all",
          d.name, means, deviations, d.inputs.shape());
  scale_ = empty({static_cast<std::int64_t>(channels), 3});
  float* to = scale_.mutable_data<float>().data();
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = means == 0 ? 0 : n.mean[means == 1 ? 0 : c],
                 deviation = deviations == 0 ? 1 : n.deviation[deviations == 1 ? 0 : c];
    require(deviation > 0 && std::isfinite(deviation) && std::isfinite(mean),
            "normalization of \"{}\": mean {} and deviation {}; both must be finite, the deviation above 0", d.name,
            mean, deviation);
    const double scale = 1 / (255 * deviation);
    const float high =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(scale)) & 0xFFFFFF00);  // 16 of 24 bits
    *to++ = high;
    *to++ = static_cast<float>(scale - high);
    *to++ = static_cast<float>(-mean / deviation);
  }
}

Tensor PixelScale::take(const Tensor& images, const Tensor& numbers) const {
  Shape shape = images.shape();
  shape[0] = numbers.numel();
  Tensor out = empty(shape);
  const std::int64_t n = images.size(0), channels = scale_.size(0),
                     plane = images.numel() / std::max<std::int64_t>(1, n) / channels;
  kernels(images, numbers)
      .pixels(view(reshape(images, {n, channels, plane})), view(numbers), view(scale_), view_for_writing(out));
  return out;
}

Tensor as_floats(const Dataset& d, const Normalization& n) {
  const PixelScale scale(d, n);
  if (d.inputs.dtype() == DType::f32) return d.inputs;
  Tensor all = empty({d.size()}, DType::i64);
  std::iota(all.mutable_data<std::int64_t>().begin(), all.mutable_data<std::int64_t>().end(), 0);
  return scale.take(d.inputs, all);
}

}  // namespace bonsai::datasets
