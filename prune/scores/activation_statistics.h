// Activation statistics: what a channel says, looked at without asking whether anybody cares. Baselines, and cheap ones.
//
//   APoZ_c = share of zeros among a_c      score 1 - APoZ       after ReLU: a channel that is mostly silent goes first   (Hu et al.)
//   mean a_c                                                    after ReLU: one that says little                          (Molchanov et al.)
//   mean |a_c|                                                  the same where activations have signs
//   deviation of a_c,  √(mean (a_c - mean a_c)²)                one that says the same of everything, however loudly      (Molchanov et al.)
//
// All over the examples and positions of activations (n, channels, ...). Higher = keep. Without a ReLU hardly anything is exactly 0, and
// APoZ calls all channels equal.
// Assumes that what is said is heard: the layers behind are not looked at. Cost: forward passes alone.
// Hu et al., "Network trimming", 2016; Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017.
#pragma once
#include "prune/scores/activations.h"

namespace bonsai::prune {

// Adds batch to batch, number by number in their order: the results do not depend, to the last bit, on how a set is cut into batches.
class ActivationStatistics {
 public:
  void add(const Tensor& a) {
    const Activations x = activations("activation statistics", "activations", a, numbers_ == 0 ? -1 : static_cast<std::int64_t>(of_.size()));
    of_.resize(x.channels);
    for (std::int64_t c = 0; c < x.channels; ++c) {
      Sums& s = of_[c];
      double seen = static_cast<double>(numbers_);
      for (std::int64_t e = 0; e < x.n; ++e)
        for (std::int64_t p = 0; p < x.positions; ++p) {
          const double v = x.of(e, c)[p], off = v - s.centre;
          s.total += v, s.size += std::abs(v), s.zeros += v == 0;
          s.centre += off / ++seen;
          s.squares += off * (v - s.centre);  // Welford's: Σ v² - n mean² would lose all digits of a small deviation from a large mean
        }
    }
    numbers_ += x.n * x.positions;
  }

  Tensor activity() const { return each([](const Sums& s, double n) { return 1 - static_cast<double>(s.zeros) / n; }); }  // (apoz.1)
  Tensor mean() const { return each([](const Sums& s, double n) { return s.total / n; }); }                               // (act.1)
  Tensor mean_size() const { return each([](const Sums& s, double n) { return s.size / n; }); }                           // (act.2)
  Tensor deviation() const { return each([](const Sums& s, double n) { return std::sqrt(s.squares / n); }); }             // (act.3)

 private:
  struct Sums {
    double total = 0, size = 0, centre = 0, squares = 0;
    std::int64_t zeros = 0;
  };
  template <class F>
  Tensor each(F f) const {  // (channels) f64
    require(numbers_ > 0, "activation statistics: nothing was added; call add(activations) first");
    Tensor scores = empty({static_cast<std::int64_t>(of_.size())}, DType::f64);
    for (std::size_t c = 0; c < of_.size(); ++c) scores.mutable_data<double>()[c] = f(of_[c], static_cast<double>(numbers_));
    return scores;
  }
  std::vector<Sums> of_;      // the channels
  std::int64_t numbers_ = 0;  // of each
};

}  // namespace bonsai::prune
