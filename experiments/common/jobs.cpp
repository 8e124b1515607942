#include "experiments/common/jobs.h"

#include "core/parallel.h"

namespace bonsai::experiments {

Jobs::Jobs(int jobs, int threads_inside) {
  for (int i = 0; i < jobs; ++i)
    workers_.emplace_back([this, n = jobs == 1 ? threads_inside : 1](std::stop_token stop) { work(stop, n); });
}

Jobs::~Jobs() {
  {
    std::lock_guard lock(mutex_);
    queue_.clear();  // a chain that waits for one of these gets a broken promise, and ends
  }
  chain_threads_.clear();
  workers_.clear();
}

void Jobs::failed(std::exception_ptr e) {
  std::lock_guard lock(mutex_);
  if (!error_) error_ = e;
  queue_.clear();
  changed_.notify_all();
}

std::future<void> Jobs::submit(int priority, std::function<void()> f) {
  std::packaged_task<void()> task([this, f = std::move(f)] {
    try {
      f();
    } catch (...) {
      failed(std::current_exception());
      throw;
    }
  });
  std::future<void> result = task.get_future();
  std::lock_guard lock(mutex_);
  if (!error_) queue_.emplace(std::pair{priority, submitted_++}, std::move(task));
  changed_.notify_all();
  return result;
}

void Jobs::work(std::stop_token stop, int threads) {
  set_threads(threads);
  for (;;) {
    std::packaged_task<void()> task;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !queue_.empty(); })) return;
      task = std::move(queue_.extract(queue_.begin()).mapped());
      ++running_;
    }
    task();
    std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
}

void Jobs::chain(std::function<void()> f) {
  std::lock_guard lock(mutex_);
  ++chains_;
  chain_threads_.emplace_back([this, f = std::move(f)] {
    try {
      f();
    } catch (...) {
      failed(std::current_exception());  // (a broken promise, because another's failure dropped its job, comes after
                                         // that failure)
    }
    std::lock_guard done(mutex_);
    --chains_;
    changed_.notify_all();
  });
}

void Jobs::wait() {
  std::unique_lock lock(mutex_);
  // After an error, too, nothing may still run: it would use what its caller is about to leave.
  changed_.wait(lock, [&] { return running_ == 0 && chains_ == 0 && queue_.empty(); });
  if (error_) std::rethrow_exception(error_);
}

}  // namespace bonsai::experiments
