// Tasks spread over web workers that share this module's memory; without shared memory the caller
// does them all. Tasks are cut the same way for any number of threads, so the bits are the same.

#pragma once

#include <cstdint>

#include "../kernels.hpp"

namespace stormlens {

constexpr int32_t kMostThreads = 16;

using Task = void (*)(const void* body, int32_t task, Workspace& space);

void run_tasks(int32_t count, Task task, const void* body);

// Calls body(task, workspace) for each task from 0 to count - 1, and returns when all are done.
template <typename Body>
void parallel_for(int64_t count, const Body& body) {
  run_tasks(
      static_cast<int32_t>(count),
      [](const void* given, int32_t task, Workspace& space) {
        (*static_cast<const Body*>(given))(task, space);
      },
      &body);
}

// Does tasks of others until the page is closed.
void help(int32_t index);

}  // namespace stormlens
