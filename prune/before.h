// Parameters as they were when this was made, to put them back when something fails half way.
#pragma once
#include <vector>

#include "nn/parameter.h"

namespace bonsai::prune {

class Before {
 public:
  explicit Before(const std::vector<nn::Parameter*>& parameters) : parameters_(parameters) {
    for (const nn::Parameter* p : parameters) masks_.push_back(p->mask()), values_.push_back(clone(p->leaf().detach()));
  }
  void restore() const {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (masks_[i].defined()) parameters_[i]->set_mask(masks_[i]);
      else parameters_[i]->clear_mask();
      parameters_[i]->set(values_[i]);
    }
  }

 private:
  std::vector<nn::Parameter*> parameters_;
  std::vector<Tensor> masks_, values_;
};

}  // namespace bonsai::prune
