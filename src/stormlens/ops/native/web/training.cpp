// Adam and the affine warp, as a page calls them, and its memory and threads.

#include <algorithm>

#include "adam.hpp"
#include "layout.hpp"
#include "memory.hpp"
#include "threads.hpp"

namespace stormlens {
namespace {

constexpr int64_t kValuesOfTask = 1 << 16;

}  // namespace

STORMLENS_EXPORT(allocate)
void* web_allocate(int32_t bytes) { return std::malloc(static_cast<size_t>(bytes)); }

STORMLENS_EXPORT(release)
void web_release(void* memory) { std::free(memory); }

STORMLENS_EXPORT(memory_in_use)
int32_t web_memory_in_use() { return static_cast<int32_t>(memory_in_use()); }

STORMLENS_EXPORT(help)
void web_help(int32_t index) { help(index); }

STORMLENS_EXPORT(adam_step)
void web_adam_step(const AdamNumbers* adam, const float* gradient, float* weight, float* mean,
                   float* square, int32_t count) {
  const Adam op = adam->on(weight, mean, square);
  parallel_for((count + kValuesOfTask - 1) / kValuesOfTask, [&](int32_t task, Workspace&) {
    kernels().adam(op, gradient, task * kValuesOfTask,
                   std::min<int64_t>(count, (task + 1) * kValuesOfTask));
  });
}

STORMLENS_EXPORT(warp)
void web_warp(int32_t images, int32_t height, int32_t width, const uint8_t* bytes,
              const float* matrices, int32_t fill, float cval, float* warped) {
  const Warp op{height, width, nullptr, bytes, matrices, static_cast<Fill>(fill), cval, warped};
  parallel_for(images, [&](int32_t n, Workspace& space) { kernels().warp(op, n, space); });
}

}  // namespace stormlens
