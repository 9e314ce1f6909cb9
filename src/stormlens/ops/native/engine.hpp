// A network's forward pass: what one step of it makes of the maps of some images.
//
// Maps are dense and row-major, (images, height, width, channels). Weights lie as the pack
// functions leave them, in panels of 32 filters or units. Nothing here knows of threads; shapes
// have been checked, and memory for all that is written is there.

#pragma once

#include "convolution.hpp"

namespace stormlens {

struct Shape {
  int64_t height, width, channels;

  int64_t cells() const { return height * width; }
  int64_t size() const { return cells() * channels; }
  bool operator==(const Shape& other) const {
    return height == other.height && width == other.width && channels == other.channels;
  }
};

// The numbers of stormlens.engine's ACTIVATIONS, in its order.
enum class Activation : int64_t {
  kLinear,
  kRelu,  // slope a below the threshold c, b at most
  kTanh,
  kSigmoid,
  kElu,  // a times as low
  kSelu,
  kSoftplus,
  kSoftsign,
  kSilu,
  kExponential,
  kHardSigmoid,
  kGelu,  // by the error function
  kSoftmax,
  kCount
};

struct Curve {
  Activation kind;
  float a, b, c;
};

// How windows lie on a map.
struct Look {
  int64_t rows, columns, row_stride, column_stride, row_dilation, column_dilation;
  int64_t top, left;  // cells before the first row and column
};

// A convolution and what follows it at once: bias, another map, the lowest value, a max pool.
struct Convolved {
  Shape in, out, pooled;  // `out` is before the pool
  Look look;
  int64_t groups;
  int64_t pool;   // side of its windows, 1 for none
  float lowest;   // minus infinity for any value
  const float* weights;
  const float* bias;  // (filters)

  int64_t taps() const { return look.rows * look.columns * (in.channels / groups); }
  int64_t group_filters() const { return out.channels / groups; }
  int64_t group_panels() const { return (group_filters() + kPanel - 1) / kPanel; }
  int64_t panels() const { return (out.channels + kPanel - 1) / kPanel; }
  // Floats from one place of a tile to the next, not a multiple of 4 KiB.
  int64_t weights_place() const { return in.channels * kPanel + 16; }
};

struct Pooled {
  Shape in, out;
  Look look;
};

struct EngineCode {
  const char* name;
  // By tiles of 6 x 6 outputs; 3 x 3 kernels of one group whose windows lie side by side.
  void (*pack_tiles)(const Convolved&, const float* kernel, float* weights);
  void (*convolve_tiles)(const Convolved&, const float* in, const float* add, int64_t images,
                         float* out, Workspace&);
  // By patches put side by side: all other kernels; without a pool.
  void (*convolve_patches)(const Convolved&, const float* in, const float* add, int64_t images,
                           float* out, Workspace&);
  // (count, depth) rows, `apart` from one to the next, by a panel: added to sums (count, 32).
  void (*add_products)(const float* rows, int64_t apart, const float* panel, int64_t count,
                       int64_t depth, int64_t width, float* sums);
  void (*pool_highest)(const Pooled&, const float* in, int64_t images, float* out);
  void (*pool_mean)(const Pooled&, const float* in, int64_t images, float* out);
  // In place, on rows of so many values.
  void (*activate)(const Curve&, float* values, int64_t rows, int64_t width);
  void (*scale)(const float* factor, const float* offset, float* values, int64_t rows,
                int64_t width);
  // Each row less its mean, divided by its deviation, which `epsilon` is added to the square of.
  void (*normalise)(float epsilon, float* values, int64_t rows, int64_t width);
  // Each value divided by (k + alpha * squares of so many neighbours) ** beta.
  void (*divide_by_neighbours)(int64_t size, float k, float alpha, float beta, const float* in,
                               int64_t rows, int64_t width, float* out);
};

EngineCode baseline_engine();
#ifdef STORMLENS_X86
EngineCode avx2_engine();
EngineCode avx512_engine();
#endif

inline const EngineCode& engine_code() {
  static const EngineCode code = STORMLENS_CHOSEN(engine);
  return code;
}

// A matrix (rows, columns) in panels of 32 columns, zeros beyond the last; they take
// parts of 32 * rows floats.
void pack_panels(const float* matrix, int64_t rows, int64_t columns, int64_t apart, float* panels);

}  // namespace stormlens
