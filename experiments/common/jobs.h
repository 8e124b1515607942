// Trainings side by side. A chain is a piece of an experiment whose trainings need each other's results, one after the
// other (train, prune, train, ...); trainings that nobody waits for are left to be done later. At most N run at a time,
// each in one thread.
#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace bonsai::experiments {

class Jobs {
 public:
  Jobs(int jobs, int threads_inside);  // threads_inside counts only with one job
  ~Jobs();

  // Starts a chain; its own code may call run() and later().
  void chain(std::function<void()> f);
  // Queues f ahead of everything that is left for later, and waits for it.
  void run(std::function<void()> f) { submit(0, std::move(f)).get(); }
  // Queues f and goes on.
  void later(std::function<void()> f) { submit(1, std::move(f)); }
  // Waits for all chains and all jobs. Throws what the first of them threw; what had not started by then is dropped.
  void wait();

 private:
  std::future<void> submit(int priority, std::function<void()> f);
  void work(std::stop_token stop, int threads);
  void failed(std::exception_ptr e);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::pair<int, std::size_t>, std::packaged_task<void()>> queue_;  // by priority, then by age
  std::size_t submitted_ = 0;
  int running_ = 0, chains_ = 0;
  std::exception_ptr error_;
  std::vector<std::jthread> workers_, chain_threads_;
};

}  // namespace bonsai::experiments
