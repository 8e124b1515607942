// Batches: which examples training iteration i sees, as a pure function of i. So a run that was killed takes up at iteration i
// without replaying those before, and two trainings that share a stream see the same batches, whatever else they do.
//
//   Batches batches(train, 60, Random(seed).derive("batches"));
//   Batch b = batches(17);   // inputs (60, 1, 28, 28) f32, labels (60) i64
//
// Iteration i belongs to epoch i / (n / batch) (whole numbers). Epoch e visits the examples in the order
// stream.derive(e).permutation(n), `batch` at a time; the n % batch examples at its end are left out, others each epoch, so that all
// batches are of one size. Pictures may be flipped and cut anew in every epoch (datasets/augment.h), by the stream
// stream.derive("augmentation").derive(i): the order is the same with and without.
#pragma once
#include "core/batch.h"
#include "datasets/augment.h"
#include "datasets/dataset.h"

namespace bonsai::datasets {

// Fits bonsai::BatchSource. Copies are cheap and share the dataset; give each thread its own (the current epoch's order is kept in it).
class Batches {
 public:
  Batches(Dataset data, std::int64_t batch, Random stream, const Normalization& n = {}, const Augmentation& a = {});

  Batch operator()(std::int64_t iteration);

  std::int64_t per_epoch() const { return data_.size() / batch_; }  // iterations
  std::int64_t batch() const { return batch_; }

 private:
  Dataset data_;
  std::int64_t batch_;
  Random stream_;
  PixelScale scale_;
  Augmentation augmentation_;
  Tensor all_;  // 0 .. batch - 1
  std::int64_t epoch_ = -1;
  Tensor order_;  // (n) i64, of epoch_
};

}  // namespace bonsai::datasets
