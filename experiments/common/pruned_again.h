// What the experiments share that prune a network of datasets/trained and train it on: its data, prepared as it was for the network, and how training goes on.
#pragma once
#include "datasets/batches.h"
#include "experiments/common/options.h"
#include "experiments/common/trained.h"
#include "experiments/common/trainings.h"

namespace bonsai::experiments {

struct TrainOn {
  std::string net;
  std::int64_t iterations, batch, checkpoint_every, validation, test;
  double lr;
  bool pictures() const { return net == "resnet20"; }
};

struct TrainedData {
  datasets::Dataset train;
  About about;
  Examples validation, test;
  Tensor some;  // a few of the first, to read a graph of, to compare networks on, to measure speeds on
  // Photographs are mirrored and shifted, digits are not.
  datasets::Batches batches(const TrainOn& s, const Random& stream) const;
};
// The first `validation` of 5,000 training images that are kept for it, the first `test` of the test images.
TrainedData load_trained(const TrainOn& s, const Options& o);

// Adam for digits, SGD with momentum 0.9 for photographs; the rate falls along a cosine; measured before the first step and after the last.
Recipe recipe_of(const TrainOn& s, const Options& o, const TrainedData& data);

}  // namespace bonsai::experiments
