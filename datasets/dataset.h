// A dataset: all its examples in memory, as published. Pixels stay bytes (a quarter of the size, and nothing is lost) and become
// floats when a batch is made.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"

namespace bonsai::datasets {

struct Dataset {
  std::string name;
  Tensor inputs;                     // u8 (n, channels, height, width) pixels, or f32 (n, features)
  Tensor labels;                     // i64 (n)
  std::vector<std::string> classes;  // what label 0, 1, ... is called

  std::int64_t size() const { return labels.numel(); }
};

// Refuses a dataset whose parts do not fit each other: types, counts, labels beyond the classes.
void check(const Dataset& d);

// The examples of these numbers (i64, any order, repeats allowed), copied.
Dataset take(const Dataset& d, const Tensor& indices);

// (train, validation): `validation` examples drawn at random without repeats, and all the others; each in the order of `d`. The same
// stream gives the same split.
std::pair<Dataset, Dataset> split(const Dataset& d, std::int64_t validation, Random stream);

// The numbers (i64, rising) of `per_class` examples of each class, drawn at random without repeats. Refused where a class has fewer.
Tensor balanced(const Dataset& d, std::int64_t per_class, Random stream);

// How a pixel x in 0..255 becomes a float: (x / 255 - mean) / deviation, with one mean and deviation a channel, or one for all;
// empty means 0 and 1, so x / 255.
struct Normalization {
  std::vector<double> mean, deviation;
};

// The mean and deviation of all pixels together; and of each channel's, as is usual for colours. Sums of whole numbers, so exact up to
// the last steps in f64.
Normalization normalization_of(const Dataset& d);
Normalization channel_normalization_of(const Dataset& d);

// Turns bytes into floats, as fast as the bytes arrive: x scale + shift, with scale = 1 / (255 deviation) and shift = -mean / deviation.
// The scale is kept as high + low, high having so few bits (16) that x high is exact: so x / 255 comes out as if divided.
class PixelScale {
 public:
  PixelScale(const Dataset& d, const Normalization& n);
  // The images (u8, of the dataset's shape but for their number) of these numbers (i64) as floats.
  Tensor take(const Tensor& images, const Tensor& numbers) const;

 private:
  Tensor scale_;  // (channels, 3): high, low, shift
};

// All inputs as f32, for evaluation.
Tensor as_floats(const Dataset& d, const Normalization& n = {});

}  // namespace bonsai::datasets
