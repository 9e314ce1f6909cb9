#include "threads.hpp"

namespace stormlens {
namespace {

Workspace spaces[kMostThreads];

#ifdef __wasm_atomics__

constexpr int kPatience = 2000;  // looks at a number before a thread sleeps

// One word says which job runs, how many tasks it has, and which is next, so that a helper that
// comes late either gets a task of the job that runs now or none.
constexpr int kBits = 20;
constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;
uint64_t job = 0;  // number << 40 | count << 20 | next
Task job_task = nullptr;
const void* job_body = nullptr;
int32_t done = 0, begun = 0;  // tasks done of the job; jobs begun

void wait_while(int32_t* place, int32_t value) {
  for (int i = 0; i < kPatience; ++i)
    if (__atomic_load_n(place, __ATOMIC_SEQ_CST) != value) return;
  __builtin_wasm_memory_atomic_wait32(place, value, -1);
}

void work(Workspace& space) {
  for (;;) {
    const uint64_t now = __atomic_fetch_add(&job, 1, __ATOMIC_SEQ_CST);
    const uint64_t count = now >> kBits & kMask, task = now & kMask;
    if (task >= count) return;
    job_task(job_body, static_cast<int32_t>(task), space);
    const int32_t finished = __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    if (finished == static_cast<int32_t>(count)) __builtin_wasm_memory_atomic_notify(&done, 1);
  }
}

#endif

}  // namespace

#ifdef __wasm_atomics__

void run_tasks(int32_t count, Task task, const void* body) {
  if (count <= 1) {
    if (count == 1) task(body, 0, spaces[0]);
    return;
  }
  job_task = task;
  job_body = body;
  __atomic_store_n(&done, 0, __ATOMIC_SEQ_CST);
  const auto number = static_cast<uint64_t>(static_cast<uint32_t>(begun + 1) & 0xffffff);
  __atomic_store_n(&job, number << 2 * kBits | static_cast<uint64_t>(count) << kBits,
                   __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
  __builtin_wasm_memory_atomic_notify(&begun, kMostThreads);
  work(spaces[0]);
  for (int32_t seen; (seen = __atomic_load_n(&done, __ATOMIC_SEQ_CST)) != count;)
    wait_while(&done, seen);
}

void help(int32_t index) {
  for (int32_t seen = 0;;) {
    wait_while(&begun, seen);
    seen = __atomic_load_n(&begun, __ATOMIC_SEQ_CST);
    work(spaces[index]);
  }
}

#else

void run_tasks(int32_t count, Task task, const void* body) {
  for (int32_t i = 0; i < count; ++i) task(body, i, spaces[0]);
}

void help(int32_t) {}

#endif

}  // namespace stormlens
