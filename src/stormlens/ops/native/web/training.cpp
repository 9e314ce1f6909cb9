// Dense layers, Adam and the affine warp, as a page calls them, and its memory and threads.

#include <algorithm>

#include "layout.hpp"
#include "memory.hpp"
#include "threads.hpp"

namespace stormlens {
namespace {

constexpr int64_t kValuesOfTask = 1 << 16;
constexpr int64_t kDenseParts = 16;  // partial sums of a dense layer
constexpr int64_t kRowsOfPart = 16;  // the fewest

// What the tasks of one call share.
Scratch panel_scratch, partial_scratch;

int64_t rows_of_task(int64_t rows, int64_t columns) {
  return std::clamp<int64_t>(kValuesOfTask / columns, 1, rows);
}

// Calls body(first, last, space) for ranges of a kernel's rows.
template <typename Body>
void by_rows(int64_t rows, int64_t columns, const Body& body) {
  const int64_t each = rows_of_task(rows, columns);
  parallel_for((rows + each - 1) / each, [&](int32_t task, Workspace& space) {
    body(task * each, std::min(rows, (task + 1) * each), space);
  });
}

void dense_forward(const Dense& op, const float* inputs, const float* bias, float* outputs) {
  const Kernels& code = kernels();
  const int64_t stride = code.padded(op.columns), size = op.n * stride;
  const int64_t parts = std::clamp<int64_t>(op.rows / kRowsOfPart, 1, kDenseParts);
  float* partials = partial_scratch.room<float>(parts * size);
  parallel_for(parts, [&](int32_t part, Workspace& space) {
    float* sums = partials + part * size;
    std::fill(sums, sums + size, 0.0f);
    code.dense(op, inputs, part * op.rows / parts, (part + 1) * op.rows / parts, sums, space);
  });
  for (int64_t n = 0; n < op.n; ++n)
    for (int64_t j = 0; j < op.columns; ++j) {
      float sum = 0.0f;
      for (int64_t part = 0; part < parts; ++part) sum += partials[part * size + n * stride + j];
      outputs[n * op.columns + j] = sum + bias[j];
    }
}

}  // namespace

// Adam's constants, and what a step multiplies by; network/adam.js writes them.
struct AdamNumbers {
  float decay_mean, decay_square, epsilon, correction_mean, correction_square, rate;

  Adam on(float* weight, float* mean, float* square) const {
    return {weight,       mean,    square,          weight,            mean, square, decay_mean,
            decay_square, epsilon, correction_mean, correction_square, rate, 1.0f};
  }
};

STORMLENS_EXPORT(allocate)
void* web_allocate(int32_t bytes) { return std::malloc(static_cast<size_t>(bytes)); }

STORMLENS_EXPORT(release)
void web_release(void* memory) { std::free(memory); }

STORMLENS_EXPORT(memory_in_use)
int32_t web_memory_in_use() { return static_cast<int32_t>(memory_in_use()); }

STORMLENS_EXPORT(help)
void web_help(int32_t index) { help(index); }

STORMLENS_EXPORT(dense_forward)
void web_dense_forward(int32_t n, int32_t rows, int32_t columns, const float* inputs,
                       const float* kernel, const float* bias, float* outputs) {
  dense_forward({n, rows, columns, kernel}, inputs, bias, outputs);
}

STORMLENS_EXPORT(dense_input_gradient)
void web_dense_input_gradient(int32_t n, int32_t rows, int32_t columns, const float* kernel,
                              const float* gradient, float* to) {
  const Kernels& code = kernels();
  const Dense op{n, rows, columns, kernel};
  float* panels = panel_scratch.room<float>(columns * code.padded(n));
  code.transposed_panels(gradient, n, columns, panels);
  by_rows(rows, columns, [&](int64_t first, int64_t last, Workspace& space) {
    code.dense_input_gradient(op, panels, first, last, to, space);
  });
}

// The gradient of the inputs, and a step of Adam on the kernel, whose own gradient is not stored.
STORMLENS_EXPORT(dense_step)
void web_dense_step(const AdamNumbers* adam, int32_t n, int32_t rows, int32_t columns,
                    const float* inputs, const float* gradient, float* kernel, float* mean,
                    float* square, float* to) {
  const Kernels& code = kernels();
  const int64_t across = n * code.padded(columns);
  float* panels = panel_scratch.room<float>(across + columns * code.padded(n));
  code.make_panels(gradient, n, columns, panels);
  code.transposed_panels(gradient, n, columns, panels + across);
  const DenseStep op{adam->on(kernel, mean, square), n, rows, columns, inputs, panels,
                     panels + across, to};
  by_rows(rows, columns, [&](int64_t first, int64_t last, Workspace& space) {
    code.dense_step(op, first, last, space);
  });
}

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
