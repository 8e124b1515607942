// The plane of two weights, the contours of a quadratic loss in it, and what becomes of the minimum when a weight is deleted: one arrow a
// method. A third weight stands at right angles to the plane; who deletes it leaves the picture, and a ring at the minimum says so.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace bonsai::experiments {

struct Deletion {
  std::vector<double> scores;  // of each weight, higher = keep
  std::int64_t weight;         // the one that goes
  double predicted, cost;      // what the method believes (NaN: it has no opinion), and what is so
  std::vector<double> after;   // the weights
};

// A number to read: four digits, and no trace of rounding.
std::string shown(double v);
std::string shown(const std::vector<double>& v);

// figures/obs_picture.png. h (n, n) positive definite and w (n), both f64, n = 2 or 3; methods: magnitude, OBD and OBS, as their deletions;
// source: the command, for the title.
void draw_deletions(const std::filesystem::path& figures, const Tensor& h, const Tensor& w, const std::vector<std::string>& methods,
                    const std::vector<Deletion>& deletions, const std::string& source);

}  // namespace bonsai::experiments
