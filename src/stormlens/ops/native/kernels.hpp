// The vector code's interface: what one task of an operation computes.
//
// kernels.cpp is compiled once for each instruction set, and `kernels()` picks
// the newest that the processor runs. Nothing here knows of XLA or of threads;
// shapes have been checked before anything below is called.
//
// Letters: N images of (height, width, C), kernels of (rows, columns, C, F),
// pool p x p, pooled maps of (h, w, F). All arrays are dense and row-major.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "instruction_set.hpp"

namespace stormlens {

// Pooling keeps one of p x p values and a byte that says which: its argmax, row by row from 0. This
// byte stands for a value that is switched off (by ReLU or dropout) and so has no gradient. It is
// outside every pool that is compiled, so a table of 256 entries tells both without a branch.
constexpr uint8_t kOff = 255;

// From `first` to before `last`.
struct Range {
  int64_t first, last;
};

struct Geometry {
  int64_t height, width, channels;
  int64_t rows, columns, filters;
  int64_t pool, h, w;
  int64_t top, left;  // zeros put before the first row and column
  bool relu;

  int64_t cells() const { return h * w; }
  int64_t pixels() const { return height * width; }
  int64_t taps() const { return rows * columns * channels; }
  // Rows and columns that whole pool windows look at; those beyond are never read.
  int64_t staged_height() const { return h * pool + rows - 1; }
  int64_t staged_width() const { return w * pool + columns - 1; }
};

// Images as stored: reals, or else bytes that become (byte - low) / span.
struct Images {
  const float* reals;
  const uint8_t* bytes;
  float low, span;
};

// Where memory runs out: an exception, or in a module that has none, as in a browser, its end.
[[noreturn]] inline void out_of_memory() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

// Memory that a thread keeps from task to task, so that no task waits for fresh pages.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::free(memory_); }

  // Room for `count` values, aligned to 64 bytes; it replaces what was there before.
  template <typename T>
  T* room(int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T) + 128;
    if (bytes > size_) {
      std::free(std::exchange(memory_, nullptr));
      size_ = 0;
      memory_ = std::malloc(bytes);
      if (memory_ == nullptr) out_of_memory();
      size_ = bytes;
    }
    const auto address = (reinterpret_cast<uintptr_t>(memory_) + 63) & ~uintptr_t{63};
    return reinterpret_cast<T*>(address);
  }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
};

struct Workspace {
  Scratch image, weights, best, places, lists, counts, filters, channels;
};

struct Forward {
  Geometry geometry;
  Images images;
  const float* kernel;
  const float* bias;
  const float* mask;  // (N, F) factors, or null for 1
  const float* keep;  // (N, C), 0 where an input channel is switched off, or null
  float* pooled;
  uint8_t* argmax;  // null where nobody asks
  const float* packed;  // the kernel as `pack` leaves it, or null if each image needs its own
};

struct Backward {
  Geometry geometry;
  Images images;
  const float* mask;
  const float* keep;
  const uint8_t* argmax;
  const float* gradient;  // of the pooled maps
};

// The numbers of ops._warp.FILL_MODES, in its order.
enum class Fill : int64_t { kReflect, kNearest, kConstant, kWrap };

struct Warp {
  int64_t height, width;
  const float* reals;    // one of the two is null
  const uint8_t* bytes;
  const float* matrices;  // (N, 2, 3)
  Fill fill;
  float cval;
  float* warped;
};

// A step of Adam on one array; corrections are 1 / (1 - decay^step) for mean and square, and
// `kept` is what weight decay leaves of the weight.
struct Adam {
  const float *weight, *mean, *square;
  float *new_weight, *new_mean, *new_square;  // may be the arrays above
  float decay_mean, decay_square, epsilon;
  float correction_mean, correction_square, rate, kept;
};

// A dense layer on N samples: (N, rows) inputs, (rows, columns) kernel, (N, columns) outputs.
struct Dense {
  int64_t n, rows, columns;
  const float* kernel;
};

// The way back through a dense layer, with Adam's step on its kernel: the outputs' gradients lie in
// panels, and transposed in panels.
struct DenseStep {
  Adam adam;
  int64_t n, rows, columns;
  const float *inputs, *panels, *transposed;
  float* gradient;  // of the inputs
};

// One instruction set's functions. "Size" is a number of floats.
struct Kernels {
  const char* name;

  // The kernel in groups of filters that fill the registers.
  int64_t (*packed_size)(const Geometry&);
  void (*pack)(const Geometry&, const float* kernel, float* packed);
  // Whether it pays to leave out what is switched off, and so to pack for each image.
  bool (*compacts)(const Forward&);
  // Pooled rows [first, last) of image n.
  void (*forward)(const Forward&, int64_t n, int64_t first, int64_t last, Workspace&);

  // Sum over some images for some filters: for each filter its taps and its bias, each in whole
  // vectors, at the filter's place in `partial`. Filters begin at a multiple of 16.
  int64_t (*partial_size)(const Geometry&);
  void (*weight_gradient)(const Backward&, Range images, Range filters, float* partial, Workspace&);
  // Sum of `count` partials for filters [first, last), in the layout of kernel and bias.
  void (*gather)(const Geometry&, float* partials, int64_t count, int64_t first, int64_t last,
                 float* kernel, float* bias);

  // The kernel filter by filter, and the gradient of image n with it.
  int64_t (*spread_size)(const Geometry&);
  void (*spread)(const Geometry&, const float* kernel, float* spread);
  void (*image_gradient)(const Backward&, const float* spread, int64_t n, float* gradient,
                         Workspace&);

  void (*warp)(const Warp&, int64_t n, Workspace&);

  // Values [first, last).
  void (*adam)(const Adam&, const float* gradient, int64_t first, int64_t last);

  // A (rows, columns) matrix in panels of some columns, or its transpose; they take
  // rows * padded(columns) floats, or columns * padded(rows).
  int64_t (*padded)(int64_t count);
  void (*make_panels)(const float* matrix, int64_t rows, int64_t columns, float* panels);
  void (*transposed_panels)(const float* matrix, int64_t rows, int64_t columns, float* panels);

  // Adds what some rows of the kernel give to some columns of sums (N, padded(columns)). Columns
  // begin at a multiple of `panel`.
  int64_t panel;
  void (*dense)(const Dense&, const float* inputs, Range rows, Range columns, float* sums,
                Workspace&);
  // Gradient of inputs [first, last) of every sample, by the outputs' in transposed panels.
  void (*dense_input_gradient)(const Dense&, const float* panels, int64_t first, int64_t last,
                               float* gradient, Workspace&);
  // The same, and the step on rows [first, last) of the kernel.
  void (*dense_step)(const DenseStep&, int64_t first, int64_t last, Workspace&);
};

const Kernels& baseline_kernels();
#ifdef STORMLENS_X86
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
#endif

inline const Kernels& kernels() { return STORMLENS_CHOSEN(kernels); }

}  // namespace stormlens
