#include "experiments/common/company.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "experiments/common/one_training.h"
#include "nn/together.h"

namespace bonsai::experiments {

Training Trainings::Company::run(const TrainingId& id, const Start& start) {
  Waiting me{id, start};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&me);
  changed_.notify_all();
  for (std::size_t seen = 0; !me.taken;) {
    if (!running_ && (waiting_.size() >= most_ || seen == waiting_.size())) {
      lead(lock);
    } else {
      seen = waiting_.size();
      changed_.wait_for(lock, std::chrono::milliseconds(100));
    }
  }
  changed_.wait(lock, [&] { return me.done; });
  if (me.error) std::rethrow_exception(me.error);
  return std::move(me.result);
}

void Trainings::Company::lead(std::unique_lock<std::mutex>& lock) {
  const std::vector<Waiting*> group = std::exchange(waiting_, {});
  for (Waiting* w : group) w->taken = true;
  running_ = true;
  lock.unlock();
  std::exception_ptr error;
  try {
    train(group);
  } catch (...) { error = std::current_exception(); }
  lock.lock();
  running_ = false;
  for (Waiting* w : group) w->error = error, w->done = true;
  changed_.notify_all();
}

void Trainings::Company::train(const std::vector<Waiting*>& group) const {
  std::vector<std::unique_ptr<One>> ones;
  for (Waiting* w : group) ones.push_back(std::make_unique<One>(all_, w->id, w->start, false));
  std::map<std::pair<std::int64_t, bool>, std::vector<One*>> by_first;  // (some may have been taken up in the middle)
  for (auto& one : ones)
    if (!one->finished()) by_first[{one->options.first, one->options.evaluate_first}].push_back(one.get());
  for (auto& [first, together] : by_first) {
    std::vector<nn::Member> members;
    for (One* one : together) members.push_back({one->net.get(), one->optimizer.get(), one->batches, one->hooks()});
    nn::train_together(members, all_.recipe_.optimizer, together[0]->options,
                       [&](std::int64_t i) { return std::ranges::any_of(together, [i](const One* one) { return one->looks_at(i); }); });
  }
  for (std::size_t i = 0; i < group.size(); ++i) group[i]->result = ones[i]->finish();
}

}  // namespace bonsai::experiments
