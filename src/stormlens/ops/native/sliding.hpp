// What one task of sliding windows' two operations computes: convolution with a max pool, at every
// position or where windows look, and a dense layer on every window by Fourier transforms.
//
// Shift-and-stitch (OverFeat, Sermanet et al. 2014, ICLR; Long, Shelhamer and Darrell 2015, CVPR,
// section 3.2): a window counts its pools from its own first cell, so a network with pools is
// computed once for each shift of that cell, and the results are put together. Here a pool of
// stride 1 gives the maxima of all shifts at once, and a later layer looks at every `step`-th of
// them from (top, left).
//
// An image is looked at from (top, left), every `step` cells; cells beyond it count as zero.
// Letters: C channels, F filters, pool p x p of stride 1.

#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "convolution.hpp"

namespace stormlens {

constexpr int64_t kSide = 16;       // cells along a tile of spectra
constexpr int64_t kSpectrum = 382;  // products of one such tile

// Windows along one axis: cell u of window i is cell step * i + dilation * u of an image.
struct Windows {
  int64_t step, dilation, count, cells;

  int64_t extent() const { return step * (count - 1) + dilation * (cells - 1) + 1; }
};

struct ShiftAndStitch {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  int64_t top, left, step;
  int64_t kernel_rows, kernel_columns, filters;
  Windows down, across;  // of pooled cells
  int64_t pool;
  bool relu, winograd;
  const float* weights;  // (panels, 64 or 1, C or taps, 32), zeros beyond the last filter
  const float* bias;     // (panels * 32)
  const float* blank;    // (C), a cell of an area without echo
  const float* reply;    // (F), what the convolution makes of such an area
  float* pooled;         // (windows down, windows across, cells down, cells across, F)

  int64_t panels() const { return (filters + kPanel - 1) / kPanel; }
  int64_t rows() const { return down.extent() + pool - 1; }  // of the convolution
  int64_t columns() const { return across.extent() + pool - 1; }
};

// Windows and tiles of spectra along one axis. With u = between * a + b and i = residues * q + r,
// a window's cells lie at step * residues * (q + a), b and r apart: for one b and r a correlation
// over q. Its weights are taken `taps` at a time, in as many parts as cost least. A tile of 16
// cells, `apart` from each other in the image, gives `kept` windows.
struct Along : Windows {
  int64_t residues, between, parts, taps, kept, tiles;

  explicit Along(const Windows& windows) : Windows(windows) {
    const int64_t shared = std::gcd(step, dilation);
    residues = dilation / shared;
    between = step / shared;
    const int64_t all = (cells + between - 1) / between;
    const auto taps_of = [&](int64_t n) { return (all + n - 1) / n; };
    const auto costs_less = [&](int64_t n, int64_t m) {  // n / (17 - taps) windows a part
      return taps_of(n) <= kSide && n * (kSide + 1 - taps_of(m)) < m * (kSide + 1 - taps_of(n));
    };
    for (parts = (all + kSide - 1) / kSide; costs_less(parts + 1, parts);) ++parts;
    taps = taps_of(parts);
    kept = kSide + 1 - taps;
    tiles = ((count + residues - 1) / residues + kept - 1) / kept;
  }
  int64_t phases() const { return parts * between; }
  // First cell of a phase: its part's first a, and its b.
  int64_t first_cell(int64_t phase) const {
    return phase / between * taps * between + phase % between;
  }
  // Behind the last cell of its part.
  int64_t last_cell(int64_t phase) const {
    return std::min(cells, (phase / between + 1) * taps * between);
  }
  int64_t apart() const { return step * residues; }
  int64_t window(int64_t residue, int64_t q) const { return q * residues + residue; }
};

// Some tiles, units and phases of a dense layer on windows; a phase is one part and b of each axis.
struct DenseWindows {
  const float* image;  // (height, width, channels)
  int64_t height, width, channels;
  Along down, across;
  int64_t units;
  const float* kernel;  // (cells down, cells across, C, units)
  const float* bias;    // (units)
  float* outputs;       // (windows down, windows across, units)

  int64_t first_tile, tiles;  // a multiple of DenseCode::held; those beyond the last are idle
  int64_t first_unit, panels;
  int64_t first_phase, phases;
  float* image_spectra;   // (382, tiles, depth)
  float* kernel_spectra;  // (382, panels, depth, 32)
  float* sums;            // (382, panels, tiles, 32), over the phases so far

  int64_t all_tiles() const {
    return down.residues * across.residues * down.tiles * across.tiles;
  }
  int64_t all_phases() const { return down.phases() * across.phases(); }
  int64_t lanes() const { return (channels + 15) / 16 * 16; }  // channels in whole vectors
  int64_t depth() const { return phases * lanes(); }
  // Floats from one place to the next, not a multiple of 4 KiB.
  int64_t image_place() const { return tiles * depth() + 16; }
  int64_t kernel_place() const { return panels * depth() * kPanel + 16; }
  int64_t sums_place() const { return panels * tiles * kPanel + 16; }
};

struct DenseCode {
  int64_t held;  // tiles whose sums are held in registers
  void (*spread_image)(const DenseWindows&, int64_t tile);
  void (*spread_kernel)(const DenseWindows&, int64_t depth);  // of one phase and channel
  void (*add_products)(const DenseWindows&, int64_t place);
  void (*gather_windows)(const DenseWindows&, int64_t tile);
};

// All that is compiled for the newest instruction sets too.
struct SlidingCode {
  // Rows of pooled cells from `first` to `last`.
  void (*shift_and_stitch)(const ShiftAndStitch&, int64_t first, int64_t last, Workspace&);
  DenseCode dense;
  ConvolutionCode convolution;
};

const SlidingCode& baseline_sliding();
#ifdef STORMLENS_X86
const SlidingCode& avx2_sliding();
const SlidingCode& avx512_sliding();
#endif

inline const SlidingCode& sliding_code() { return STORMLENS_CHOSEN(sliding); }

}  // namespace stormlens
