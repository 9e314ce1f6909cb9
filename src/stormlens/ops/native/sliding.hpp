// What one task of sliding windows' two operations computes: convolution with a max pool at every
// position, and a dense layer on every window.
//
// An image is looked at from (top, left), every `step` cells; cells beyond it count as zero.
// Letters: C channels, F filters, pool p x p of stride 1.

#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace stormlens {

constexpr int64_t kPanel = 32;  // filters whose weights lie together
constexpr int64_t kPlaces = 36;  // products of one tile of Winograd's F(4 x 4, 3 x 3)

struct Everywhere {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  int64_t top, left, step;
  int64_t kernel_rows, kernel_columns, filters;
  int64_t rows, columns;  // of the convolution, before the pool
  int64_t pool;
  bool relu, winograd;
  const float* weights;  // (panels, 36 or 1, C or taps, 32), zeros beyond the last filter
  const float* bias;     // (panels * 32)
  const float* blank;    // (C), a cell of an area without echo
  const float* reply;    // (F), what the convolution makes of such an area
  float* pooled;         // (rows - p + 1, columns - p + 1, F)

  int64_t panels() const { return (filters + kPanel - 1) / kPanel; }
  int64_t pooled_rows() const { return rows - pool + 1; }
  int64_t pooled_columns() const { return columns - pool + 1; }
};

// A dense layer on windows whose cells lie `dilation` apart: window (i, k) begins at cell
// (i * row_step, k * column_step).
struct DenseWindows {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  int64_t row_step, column_step, dilation;
  int64_t rows, columns;    // of windows
  int64_t down, across;     // cells of a window
  int64_t units;
  const float* weights;  // (panels, down, across * C, 32), zeros beyond the last unit
  const float* bias;     // (units)
  const float* blank;    // (C), a cell of an area without echo
  const float* replies;  // (panels, down, across, 32), what such a cell adds at each place
  uint8_t* echo;         // (height, width), whether a cell differs from `blank`
  float* outputs;        // (rows, columns, units)

  int64_t panels() const { return (units + kPanel - 1) / kPanel; }
};

struct SlidingCode {
  // Pooled rows from `first` to `last`.
  void (*everywhere)(const Everywhere&, int64_t first, int64_t last, Workspace&);
  // Notes the echo of image rows from `first` to `last`.
  void (*note_echo)(const DenseWindows&, int64_t first, int64_t last);
  // One panel of units for window rows from `first` to `last`.
  void (*dense_windows)(const DenseWindows&, int64_t panel, int64_t first, int64_t last,
                        Workspace&);
};

const SlidingCode& baseline_sliding();
#ifdef STORMLENS_AVX2
const SlidingCode& avx2_sliding();
#endif
#ifdef STORMLENS_AVX512
const SlidingCode& avx512_sliding();
#endif

// The newest that this processor runs.
inline const SlidingCode& sliding_code() {
#ifdef STORMLENS_AVX512
  static const bool newest = __builtin_cpu_supports("avx512f");
  if (newest) return avx512_sliding();
#endif
#ifdef STORMLENS_AVX2
  static const bool modern = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (modern) return avx2_sliding();
#endif
  return baseline_sliding();
}

}  // namespace stormlens
