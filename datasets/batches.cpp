#include "datasets/batches.h"

#include <algorithm>

#include "core/ops.h"

namespace bonsai::datasets {

Batches::Batches(Dataset data, std::int64_t batch, Random stream, const Normalization& n, const Augmentation& a)
    : data_(std::move(data)), batch_(batch), stream_(stream), scale_(data_, n), augmentation_(a), all_(arange(std::max<std::int64_t>(batch, 0))) {
  require(batch >= 1 && batch <= data_.size(), "batches: {} examples a batch of a dataset with {}; take 1 to {}", batch,
          data_.size(), data_.size());
  check(a, data_.inputs);
}

Batch Batches::operator()(std::int64_t iteration) {
  require(iteration >= 0, "batches: iteration {}; they count from 0", iteration);
  if (const std::int64_t epoch = iteration / per_epoch(); epoch != epoch_) {
    order_ = stream_.derive(static_cast<std::uint64_t>(epoch)).permutation(data_.size());
    epoch_ = epoch;
  }
  const Tensor numbers = slice(order_, 0, iteration % per_epoch() * batch_, (iteration % per_epoch() + 1) * batch_);
  const Tensor labels = index_select(data_.labels, numbers);
  if (data_.inputs.dtype() != DType::u8) return {index_select(data_.inputs, numbers), labels};
  if (!augmentation_.any()) return {scale_.take(data_.inputs, numbers), labels};
  const Random draws = stream_.derive("augmentation").derive(static_cast<std::uint64_t>(iteration));
  return {scale_.take(augmented(data_.inputs, numbers, augmentation_, draws), all_), labels};
}

}  // namespace bonsai::datasets
