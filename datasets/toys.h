// Toy data: sets small enough to look at, which train in seconds and need no download. Inputs f32 (n, features), labels i64 (n).
#pragma once
#include "datasets/dataset.h"

namespace bonsai::datasets {

// The four corners of the unit square; the label is x xor y. No line separates them, so one hidden layer is the least that learns it.
Dataset xor_set();

// `arms` spirals wound into each other around the origin, one class an arm: 1.5 turns from radius 0.1 to 1, plus normal noise.
Dataset spirals(std::int64_t n_per_arm, int arms, double noise, Random stream);

// One normal cloud a class, centred on the unit circle. Features beyond the first two are noise without information: what prunes
// inputs should find them.
Dataset blobs(std::int64_t n_per_class, int classes, double deviation, Random stream, std::int64_t features = 2);

}  // namespace bonsai::datasets
