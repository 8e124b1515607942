#include "datasets/batches.h"

#include "core/ops.h"

namespace bonsai::datasets {

Batches::Batches(Dataset data, std::int64_t batch, Random stream, const Normalization& n)
    : data_(std::move(data)), batch_(batch), stream_(stream), scale_(data_, n) {
  require(batch >= 1 && batch <= data_.size(), "batches: {} examples a batch of a dataset with {}; take 1 to {}", batch,
          data_.size(), data_.size());
}

Batch Batches::operator()(std::int64_t iteration) {
  require(iteration >= 0, "batches: iteration {}; they count from 0", iteration);
  if (const std::int64_t epoch = iteration / per_epoch(); epoch != epoch_) {
    order_ = stream_.derive(static_cast<std::uint64_t>(epoch)).permutation(data_.size());
    epoch_ = epoch;
  }
  const Tensor numbers = slice(order_, 0, iteration % per_epoch() * batch_, (iteration % per_epoch() + 1) * batch_);
  const Tensor inputs = data_.inputs.dtype() == DType::u8 ? scale_.take(data_, numbers) : index_select(data_.inputs, numbers);
  return {inputs, index_select(data_.labels, numbers)};
}

}  // namespace bonsai::datasets
