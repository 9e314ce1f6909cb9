// What one task of sliding windows' operations computes: convolution with a max pool at every
// position, and a dense layer on every window, directly or by Fourier transforms.
//
// An image is looked at from (top, left), every `step` cells; cells beyond it count as zero.
// Letters: C channels, F filters, pool p x p of stride 1.

#pragma once

#include <cstdint>
#include <numeric>

#include "kernels.hpp"

namespace stormlens {

constexpr int64_t kPanel = 32;  // filters whose weights lie together
constexpr int64_t kPlaces = 64;  // products of one tile of Winograd's F(6 x 6, 3 x 3)
constexpr int64_t kSide = 16;  // cells of a tile of spectra along each axis
constexpr int64_t kSpectrum = 382;  // products of one such tile

struct Everywhere {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  int64_t top, left, step;
  int64_t kernel_rows, kernel_columns, filters;
  int64_t rows, columns;  // of the convolution, before the pool
  int64_t pool;
  bool relu, winograd;
  const float* weights;  // (panels, 64 or 1, C or taps, 32), zeros beyond the last filter
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

// Windows and tiles of spectra along one axis. Window i looks at cells step * i + dilation * u, and
// where u = between * a + b and i = residues * q + r, that is at step * residues * (q + a), b and r
// apart: for one b and r a correlation over q with `taps` weights. A tile of 16 cells, `apart` from
// each other in the image, gives `kept` windows.
struct Along {
  int64_t step, dilation, windows, cells;  // cells of a window
  int64_t residues, between, taps, kept, tiles;

  Along(int64_t step, int64_t dilation, int64_t windows, int64_t cells)
      : step(step), dilation(dilation), windows(windows), cells(cells) {
    const int64_t shared = std::gcd(step, dilation);
    residues = dilation / shared;
    between = step / shared;
    taps = (cells + between - 1) / between;
    kept = kSide + 1 - taps;
    const int64_t each = (windows + residues - 1) / residues;
    tiles = kept < 1 ? 0 : (each + kept - 1) / kept;
  }
  int64_t apart() const { return step * residues; }
  int64_t window(int64_t residue, int64_t q) const { return q * residues + residue; }
};

// The same layer by spectra: some tiles, units and phases of it, a phase being one b of each axis.
struct SpectralWindows {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  Along down, across;
  int64_t units;
  const float* kernel;  // (down, across, C, units), cells of a window
  const float* bias;    // (units), with what a blank window gives
  const float* blank;   // (C), taken from every cell
  float* outputs;       // (rows, columns, units)

  int64_t first_tile, tiles;  // a multiple of SpectraCode::held; those beyond the last are idle
  int64_t first_unit, panels;
  int64_t first_phase, phases;
  float* image_spectra;   // (382, tiles, phases * C)
  float* kernel_spectra;  // (382, panels, phases * C, 32)
  float* sums;            // (382, panels, tiles, 32), over the phases so far

  int64_t all_tiles() const {
    return down.residues * across.residues * down.tiles * across.tiles;
  }
  int64_t all_phases() const { return down.between * across.between; }
  int64_t depth() const { return phases * channels; }
  // Floats from one place to the next, not a multiple of 4 KiB.
  int64_t image_place() const { return tiles * depth() + 16; }
  int64_t kernel_place() const { return panels * depth() * kPanel + 16; }
  int64_t sums_place() const { return panels * tiles * kPanel + 16; }
};

struct SpectraCode {
  int64_t held;  // tiles whose sums are held in registers
  void (*spread_image)(const SpectralWindows&, int64_t tile);
  void (*spread_kernel)(const SpectralWindows&, int64_t depth);  // of one phase and channel
  void (*add_products)(const SpectralWindows&, int64_t place);
  void (*gather_windows)(const SpectralWindows&, int64_t tile);
};

struct SlidingCode {
  // Pooled rows from `first` to `last`.
  void (*everywhere)(const Everywhere&, int64_t first, int64_t last, Workspace&);
  // Notes the echo of image rows from `first` to `last`.
  void (*note_echo)(const DenseWindows&, int64_t first, int64_t last);
  // One panel of units for window rows from `first` to `last`.
  void (*dense_windows)(const DenseWindows&, int64_t panel, int64_t first, int64_t last,
                        Workspace&);
  SpectraCode spectra;
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
