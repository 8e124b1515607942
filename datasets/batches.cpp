#include "datasets/batches.h"

#include <cstring>

namespace bonsai::datasets {
namespace {

// Asks for a row that is needed soon. Rows drawn at random come from memory, not from the cache, and waiting for them would cost more
// than converting them.
void prefetch(const std::uint8_t* row, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i);
}

}  // namespace

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
  const std::int64_t* numbers = order_.data<std::int64_t>().data() + iteration % per_epoch() * batch_;

  Shape shape = data_.inputs.shape();
  shape[0] = batch_;
  Batch out{empty(shape), empty({batch_}, DType::i64)};
  const auto labels = data_.labels.data<std::int64_t>();
  const auto to_labels = out.labels.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < batch_; ++i) to_labels[i] = labels[numbers[i]];

  float* to = out.inputs.mutable_data<float>().data();
  const std::int64_t row = out.inputs.numel() / batch_;
  if (data_.inputs.dtype() == DType::u8) {
    const std::uint8_t* from = data_.inputs.data<std::uint8_t>().data();
    for (std::int64_t i = 0; i < batch_; ++i) {
      if (i + 2 < batch_) prefetch(from + numbers[i + 2] * row, row);
      scale_.apply(from + numbers[i] * row, to + i * row);
    }
  } else {
    const float* from = data_.inputs.data<float>().data();
    for (std::int64_t i = 0; i < batch_; ++i) std::memcpy(to + i * row, from + numbers[i] * row, row * sizeof(float));
  }
  return out;
}

}  // namespace bonsai::datasets
