// Tasks spread over a pool's threads, XLA's or our own, with the caller working too.

#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "kernels.hpp"

namespace stormlens {

inline Workspace& workspace() {
  static thread_local Workspace space;
  return space;
}

// Calls body(task, workspace) for each task from 0 to count - 1 and returns when all are done.
// The caller may be one of the pool's threads, so it never waits for a task that has not begun:
// helpers that come late find nothing left, and touch no more than the counter, which they own a
// share of. `Pool` has num_threads() and Schedule(callable). Where memory runs out, it returns
// false.
template <typename Pool, typename Body>
bool parallel_for(Pool& pool, int64_t count, const Body& body) {
  struct Progress {
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::condition_variable finished;
    int64_t done = 0;
  };
  const auto progress = std::make_shared<Progress>();
  const auto work = [progress, count, &body] {
    int64_t mine = 0;
    for (int64_t task; (task = progress->next.fetch_add(1)) < count; ++mine) {
      try {
        body(task, workspace());
      } catch (const std::bad_alloc&) {
        progress->failed = true;
      }
    }
    if (mine == 0) return;
    const std::lock_guard<std::mutex> lock(progress->mutex);
    progress->done += mine;
    if (progress->done == count) progress->finished.notify_one();
  };
  const int64_t helpers = std::min(pool.num_threads(), count) - 1;
  for (int64_t i = 0; i < helpers; ++i) {
    auto helper = work;
    pool.Schedule(std::move(helper));
  }
  work();
  std::unique_lock<std::mutex> lock(progress->mutex);
  progress->finished.wait(lock, [&] { return progress->done == count; });
  return !progress->failed;
}

}  // namespace stormlens
