#include "nn/recorded_step.h"

namespace bonsai::nn {

bool RecordedStep::fits(Module& net) {
  const auto parameters = net.parameters();
  return !parameters.empty() && parameters[0]->leaf().device() != Device::cpu && !net.random();
}

std::vector<const void*> RecordedStep::places() const {
  std::vector<const void*> all;
  for (const Parameter* p : net_.parameters())
    for (const Tensor* t : {&p->leaf(), &p->mask(), &p->soft_mask()}) all.push_back(t->defined() ? view(*t).data : nullptr);
  for (Parameter* p : net_.parameters()) all.push_back(p->pattern().get());
  for (auto& [name, b] : net_.buffers()) all.push_back(view(*b).data);
  return all;
}

void RecordedStep::step() {
  const Tensor loss = loss_(net_(inputs_), labels_);
  backward(loss.numel() == 1 ? loss : sum(loss));
  optimizer_.apply();
  if (!value_.defined()) value_ = clone(loss);
  else copy_into(value_, loss.detach());
  std::size_t i = 0;
  for (auto& [name, b] : net_.buffers()) {  // layers put new tensors there; the next step looks where the first one did
    if (!b->shares_storage(buffers_[i])) copy_into(buffers_[i], *b), *b = buffers_[i];
    ++i;
  }
}

void RecordedStep::record(const Batch& batch) {
  recording_ = nullptr;
  inputs_ = clone(batch.inputs), labels_ = clone(batch.labels);
  value_ = {};
  buffers_.clear();
  for (auto& [name, b] : net_.buffers()) buffers_.push_back(*b);
  if (!fits(net_)) return step();
  recording_ = std::make_unique<Recording>(inputs_.device(), [this] { step(); });  // which takes the step itself
  places_ = places();
}

std::vector<double> RecordedStep::operator()(const Batch& batch, double rate) {
  optimizer_.prepare(rate);
  if (!recording_ || batch.inputs.shape() != inputs_.shape() || places() != places_) {
    record(batch);
  } else {
    copy_into(inputs_, batch.inputs), copy_into(labels_, batch.labels);
    recording_->play();
  }
  const Tensor losses = cast(value_, DType::f64);
  return losses.to_vector<double>();
}

}  // namespace bonsai::nn
