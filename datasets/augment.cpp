#include "datasets/augment.h"

#include <algorithm>

#include "core/backend.h"

namespace bonsai::datasets {

void check(const Augmentation& a, const Tensor& images) {
  if (!a.any()) return;
  require(images.dtype() == DType::u8 && images.rank() == 4,
          "augmentation: inputs must be pictures, u8 (n, channels, height, width), got {} {}", name(images.dtype()),
          images.shape());
  require(a.pad >= 0 && a.pad < std::min(images.size(2), images.size(3)),
          "augmentation: pad {} on pictures {}; take 0 to {}", a.pad, images.shape(),
          std::min(images.size(2), images.size(3)) - 1);
}

Tensor augmented(const Tensor& images, const Tensor& numbers, const Augmentation& a, const Random& stream) {
  check(a, images);
  Tensor out = empty({numbers.numel(), images.size(1), images.size(2), images.size(3)}, DType::u8);
  if (numbers.device() == Device::cpu)  // (elsewhere the kernel checks)
    for (std::int64_t i : numbers.data<std::int64_t>()) require(i >= 0 && i < images.size(0), "augmentation: picture {} of {}", i, images.size(0));
  kernels(images, numbers).crop({stream.key(), a.pad, a.flip}, view(images), view(numbers), view_for_writing(out));
  return out;
}

}  // namespace bonsai::datasets
