// Convolution with max pooling, its gradients, the affine warp, dense layers and Adam, in vectors.
//
// GCC's and Clang's vector types, without intrinsics: STORMLENS_LANES floats a vector, compiled
// once for each instruction set (STORMLENS_ISA names it).
//
// How arrays lie in memory, and why:
//
// - Images (N, H, W, C) have a pixel's channels side by side. The patch under a kernel is then
//   `rows` runs of columns * channels adjacent floats, and every inner loop runs over adjacent
//   memory.
//
// - Forward, vectors hold filters. A kernel is packed in groups of kGroup filters; in a group, tap
//   by tap, the weights of its filters side by side:
//
//       kernel (taps, F)              packed: group 0            group 1
//       tap 0: f0 f1 ... f63          tap 0: f0 ... f31          tap 0: f32 ... f63
//       tap 1: f0 f1 ... f63    ->    tap 1: f0 ... f31          tap 1: f32 ... f63
//
//   Each step loads kVectors vectors of weights and multiplies them by a pixel of each position
//   that is computed. All sums stay in registers, and the weights are read as one stream.
//
// - Backward, vectors hold taps, filter by filter, each row of a patch filled up to whole vectors.
//   The gradient of a convolution behind a max pool is zero but for one position of each window, so
//   it is kept as a list (SparseGradient): where a patch begins, and a number. The kernel's
//   gradient adds number * patch to one filter, the images' gradient adds number * filter to one
//   patch. Both touch adjacent floats, and no multiplication by zero is made.
//
// - Except that a patch of 3 x 3 on one channel has runs of three floats, which fill no vector.
//   There vectors hold filters in both directions (best_of_row, add_windows).
//
// - Matrices of dense layers are copied into panels of kGroup columns, a few rows at a time: what
//   one tile of sums reads is then one stream, which stays in the first-level cache.

#include "kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "vectors.hpp"

// Before a loop: a turn never reads what an earlier turn wrote, even where arrays are the same.
// Clang does not know GCC's pragma, and passes over it without a word, so each gets its own.
#ifdef __clang__
#define STORMLENS_APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define STORMLENS_APART _Pragma("GCC ivdep")
#endif

namespace stormlens {
namespace {

constexpr int kVectors = STORMLENS_VECTORS;  // of filters, held at a time
constexpr int kGroup = L * kVectors;
// Vectors of taps held at a time: eight sums and what they are made of fit 16 registers.
constexpr int kMostBlocks = 8;
// Taps from which it pays to pack the kernel for each image, without the filters and channels that
// dropout switched off: below, packing takes longer than what it saves.
constexpr int64_t kWorthCompacting = 64;

typedef int32_t Whole __attribute__((vector_size(4 * L)));

inline int64_t whole_vectors(int64_t count) { return (count + L - 1) / L; }

// ---------------------------------------------------------------- staging

// Which channels or filters of one sample are looked at: all, or those in a list.
struct Channels {
  const int32_t* list;  // null for all
  int64_t count;
};

// Pixels of one row of an image, as floats.
template <typename Value>
void stage_pixels(const Value& value, int64_t pixels, int64_t all, const Channels& channels,
                  float* to) {
  if (channels.list == nullptr) {
    for (int64_t i = 0; i < pixels * all; ++i) to[i] = value(i);
    return;
  }
  for (int64_t i = 0; i < pixels; ++i, to += channels.count)
    for (int64_t c = 0; c < channels.count; ++c) to[c] = value(i * all + channels.list[c]);
}

void stage_row(const Images& images, int64_t from, int64_t pixels, int64_t all,
               const Channels& channels, float* to) {
  if (images.reals != nullptr) {
    const float* reals = images.reals + from;
    stage_pixels([reals](int64_t i) { return reals[i]; }, pixels, all, channels, to);
  } else {
    const uint8_t* bytes = images.bytes + from;
    const float low = images.low, span = images.span;
    const auto scaled = [=](int64_t i) { return (static_cast<float>(bytes[i]) - low) / span; };
    stage_pixels(scaled, pixels, all, channels, to);
  }
}

// Rows [first, first + count) of padded image n, as floats. A vector of zeros follows, as the last
// patch's last vector of taps reaches beyond the image.
float* stage(const Geometry& g, const Images& images, int64_t n, int64_t first, int64_t count,
             const Channels& channels, Scratch& scratch) {
  const int64_t stride = g.staged_width() * channels.count;
  float* staged = scratch.room<float>(count * stride + L);
  const int64_t before = std::min(g.left, g.staged_width());
  const int64_t inside = std::min(g.width, g.staged_width() - before);
  for (int64_t r = 0; r < count; ++r) {
    float* row = staged + r * stride;
    const int64_t source = first + r - g.top;
    if (source < 0 || source >= g.height) {
      std::fill(row, row + stride, 0.0f);
      continue;
    }
    std::fill(row, row + before * channels.count, 0.0f);
    const int64_t from = ((n * g.height + source) * g.width) * g.channels;
    stage_row(images, from, inside, g.channels, channels, row + before * channels.count);
    std::fill(row + (before + inside) * channels.count, row + stride, 0.0f);
  }
  std::fill(staged + count * stride, staged + count * stride + L, 0.0f);
  return staged;
}

// Make channels of sample n that are switched off zero.
void zero_dropped(const float* keep, int64_t n, int64_t channels, int64_t pixels, float* image) {
  if (keep == nullptr) return;
  for (int64_t c = 0; c < channels; ++c)
    if (keep[n * channels + c] == 0.0f)
      for (int64_t i = 0; i < pixels; ++i) image[i * channels + c] = 0.0f;
}

// The channels or filters of sample n that are on.
Channels kept(const float* factors, int64_t n, int64_t count, Scratch& scratch) {
  if (factors == nullptr) return {nullptr, count};
  int32_t* list = scratch.room<int32_t>(count);
  int64_t found = 0;
  for (int64_t c = 0; c < count; ++c)
    if (factors[n * count + c] != 0.0f) list[found++] = static_cast<int32_t>(c);
  return {list, found};
}

// ---------------------------------------------------------------- forward

int64_t packed_floats(int64_t taps, int64_t filters) { return taps * whole_vectors(filters) * L; }

int64_t packed_size(const Geometry& g) { return packed_floats(g.taps(), g.filters); }

// For each group of filters and each tap, the group's weights side by side.
void pack_kept(const Geometry& g, const float* kernel, const Channels& channels,
               const Channels& filters, float* packed) {
  for (int64_t f0 = 0; f0 < filters.count; f0 += kGroup) {
    const int64_t here = std::min<int64_t>(kGroup, filters.count - f0);
    const int64_t wide = whole_vectors(here) * L;
    for (int64_t tap = 0; tap < g.rows * g.columns; ++tap)
      for (int64_t c = 0; c < channels.count; ++c, packed += wide) {
        const int64_t channel = channels.list == nullptr ? c : channels.list[c];
        const float* from = kernel + (tap * g.channels + channel) * g.filters;
        for (int64_t f = 0; f < here; ++f)
          packed[f] = from[filters.list == nullptr ? f0 + f : filters.list[f0 + f]];
        std::fill(packed + here, packed + wide, 0.0f);
      }
  }
}

void pack(const Geometry& g, const float* kernel, float* packed) {
  pack_kept(g, kernel, {nullptr, g.channels}, {nullptr, g.filters}, packed);
}

bool compacts(const Forward& op) {
  return (op.mask != nullptr || op.keep != nullptr) && op.geometry.taps() >= kWorthCompacting;
}

// What the innermost loops need, for one group of filters.
struct Tile {
  const float* weights;
  int64_t row_stride, pixel_stride;  // of the staged image, in floats
  int64_t rows, run;                 // runs of adjacent floats in a patch, and their length
};

// Maxima over `Cells` adjacent P x P windows for V vectors of filters, one cell after the other.
//
// A row of a window's positions is summed at a time: P * Cells positions share each load of
// weights, and their sums fill the registers. Then they are compared with the highest so far. A
// position must be higher, not equal, to take its place: so the first of equals is the argmax, as
// in Keras. No unpooled map is ever stored.
template <int P, int Cells, int V, bool WithArgmax>
inline void best_of_windows(const Tile& tile, const float* image, float* best, int32_t* argmax) {
  constexpr int kPositions = P * Cells;
  Reals highest[Cells * V];
  Whole place[Cells * V];
  for (int a = 0; a < P; ++a) {
    Reals sums[kPositions][V] = {};
    const float* weights = tile.weights;
    for (int64_t i = 0; i < tile.rows; ++i) {
      const float* x = image + (a + i) * tile.row_stride;
      for (int64_t t = 0; t < tile.run; ++t, ++x, weights += V * L) {
        Reals w[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) w[v] = load(weights + v * L);
#pragma GCC unroll 16
        for (int p = 0; p < kPositions; ++p) {
          const float value = x[p * tile.pixel_stride];
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) sums[p][v] += value * w[v];
        }
      }
    }
#pragma GCC unroll 8
    for (int at = 0; at < Cells * V; ++at)
#pragma GCC unroll 4
      for (int b = 0; b < P; ++b) {
        const Reals sum = sums[at / V * P + b][at % V];
        if (a == 0 && b == 0) {
          highest[at] = sum;
          if (WithArgmax) place[at] = Whole{};
        } else {
          const Whole higher = sum > highest[at];
          highest[at] = higher ? sum : highest[at];
          if (WithArgmax) place[at] = higher ? Whole{} + (a * P + b) : place[at];
        }
      }
  }
#pragma GCC unroll 8
  for (int at = 0; at < Cells * V; ++at) {
    store(best + at * L, highest[at]);
    if (WithArgmax) __builtin_memcpy(argmax + at * L, &place[at], sizeof place[at]);
  }
}

constexpr int kTaps = 3;  // a side of the kernels whose weights all stay in the registers

// Whether each window of a row looks at anything but zeros: most of a radar image is blank.
template <int P>
void find_lit(int64_t row_stride, const float* image, int64_t cells, uint32_t* columns,
              uint8_t* lit) {
  constexpr int kLook = P + kTaps - 1;  // rows and columns that one window looks at
  const int64_t wide = cells * P + kTaps - 1;
  // Bits, not numbers: a float of 0 or -0 would need a comparison, and bits can be joined by or. (A
  // window of -0 counts as lit and is computed: slower, and still right.)
  std::memcpy(columns, image, sizeof(float) * static_cast<size_t>(wide));
  for (int i = 1; i < kLook; ++i)
    for (int64_t c = 0; c < wide; ++c) {
      uint32_t bits;
      std::memcpy(&bits, image + i * row_stride + c, sizeof bits);
      columns[c] |= bits;
    }
  for (int64_t cell = 0; cell < cells; ++cell, columns += P) {
    uint32_t any = 0;
#pragma GCC unroll 5
    for (int c = 0; c < kLook; ++c) any |= columns[c];
    lit[cell] = any != 0;
  }
}

// The highest sum of one window's positions for one vector of filters, and where it is.
template <int P, bool WithArgmax>
inline void best_of_window(const Reals* w, const float* image, int64_t row_stride, float* best,
                           int32_t* argmax) {
  Reals highest{};
  Whole place{};
#pragma GCC unroll 3
  for (int a = 0; a < P; ++a) {
    Reals sums[P] = {};
#pragma GCC unroll 3
    for (int i = 0; i < kTaps; ++i)
#pragma GCC unroll 5
      for (int c = 0; c < P + kTaps - 1; ++c) {
        const float value = image[(a + i) * row_stride + c];
#pragma GCC unroll 3
        for (int b = 0; b < P; ++b)
          if (b <= c && c < b + kTaps) sums[b] += value * w[i * kTaps + c - b];
      }
#pragma GCC unroll 3
    for (int b = 0; b < P; ++b) {
      const Whole higher = a + b == 0 ? ~Whole{} : Whole(sums[b] > highest);
      highest = higher ? sums[b] : highest;
      if (WithArgmax) place = higher ? Whole{} + (a * P + b) : place;
    }
  }
  store(best, highest);
  if (WithArgmax) __builtin_memcpy(argmax, &place, sizeof place);
}

// The same for a row of windows and one vector of filters of 3 x 3 taps on one channel, the
// chapter's first layer and that of most networks on radar images; `stride` of the weights and of
// the results. What a window of zeros gives is computed once, as others are, and copied.
template <int P, bool WithArgmax>
void best_of_row(const Tile& tile, const float* image, const uint8_t* lit, int64_t cells,
                 int stride, const float* weights, float* best, int32_t* argmax) {
  constexpr int kLook = P + kTaps - 1;
  constexpr float kBlank[kLook * kLook] = {};
  Reals w[kTaps * kTaps];
#pragma GCC unroll 9
  for (int t = 0; t < kTaps * kTaps; ++t) w[t] = load(weights + t * stride);
  float blank[L];
  int32_t place[L];
  best_of_window<P, WithArgmax>(w, kBlank, kLook, blank, place);
  for (int64_t cell = 0; cell < cells; ++cell, image += P, best += stride, argmax += stride) {
    if (lit[cell]) {
      best_of_window<P, WithArgmax>(w, image, tile.row_stride, best, argmax);
      continue;
    }
    std::memcpy(best, blank, sizeof blank);
    if (WithArgmax) std::memcpy(argmax, place, sizeof place);
  }
}

// Maxima over a row of windows.
template <int P, int V, bool WithArgmax, bool First>
void best_of_windows_of_row(const Tile& tile, const float* image, int64_t cells, float* best,
                            int32_t* argmax, Workspace& space) {
  // Six positions at a time, of two vectors of filters each, are twelve sums: with two vectors of
  // weights and a pixel they fill 16 registers. Three vectors leave room for one window's row.
  constexpr int kCells = kVectors == 3 ? 1 : 6 / P;
  constexpr int kLanes = V * L;
  if constexpr (First) {
    uint32_t* columns = space.lists.room<uint32_t>(cells * (P + 1) + kTaps);
    uint8_t* lit = reinterpret_cast<uint8_t*>(columns + cells * P + kTaps);
    find_lit<P>(tile.row_stride, image, cells, columns, lit);
    for (int v = 0; v < V; ++v)
      best_of_row<P, WithArgmax>(tile, image, lit, cells, kLanes, tile.weights + v * L,
                                 best + v * L, argmax + v * L);
  } else {
    const int64_t step = P * tile.pixel_stride;
    int64_t cell = 0;
    for (; cell + kCells <= cells; cell += kCells)
      best_of_windows<P, kCells, V, WithArgmax>(tile, image + cell * step, best + cell * kLanes,
                                            argmax + cell * kLanes);
    for (; cell < cells; ++cell)
      best_of_windows<P, 1, V, WithArgmax>(tile, image + cell * step, best + cell * kLanes,
                                       argmax + cell * kLanes);
  }
}

// Where the results of one group of filters go, and what is applied to them, by place in the
// group.
struct Target {
  const int32_t* list;  // filters of the group, or null where they are adjacent
  int64_t count;        // filters in the group
  int64_t first;        // the group's first filter, where adjacent
  float bias[kGroup], factors[kGroup];
  float lowest;         // what the activation lets through
  float limits[kGroup];  // values above pass a gradient on
};

Target make_target(const Forward& op, int64_t n, const Channels& filters, int64_t first) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool relu = op.geometry.relu;
  Target target{};
  target.list = filters.list == nullptr ? nullptr : filters.list + first;
  target.count = std::min<int64_t>(kGroup, filters.count - first);
  target.first = first;
  target.lowest = relu ? 0.0f : -kInfinity;
  for (int64_t i = 0; i < target.count; ++i) {
    const int64_t f = target.list == nullptr ? first + i : target.list[i];
    target.bias[i] = op.bias[f];
    target.factors[i] = op.mask == nullptr ? 1.0f : op.mask[n * op.geometry.filters + f];
    target.limits[i] = target.factors[i] == 0.0f ? kInfinity : target.lowest;
  }
  return target;
}

typedef uint8_t Bytes __attribute__((vector_size(L)));

// Bias, activation and factors for the cells of a row, put where `apart` values lie between one
// cell and the next.
template <int V, bool WithArgmax>
inline void finish(const Target& target, int64_t cells, const float* best, const int32_t* argmax,
                   int64_t apart, float* pooled, uint8_t* places) {
  const Reals lowest = Reals{} + target.lowest;
  for (int64_t cell = 0; cell < cells; ++cell)
    for (int v = 0; v < V; ++v, best += L, argmax += L) {
      Reals value = load(best) + load(target.bias + v * L);
      value = (value > lowest ? value : lowest) * load(target.factors + v * L);
      store(pooled + cell * apart + v * L, value);
      if (!WithArgmax) continue;
      Whole place;
      __builtin_memcpy(&place, argmax, sizeof place);
      place = value > load(target.limits + v * L) ? place : Whole{} + kOff;
      const Bytes bytes = __builtin_convertvector(place, Bytes);
      __builtin_memcpy(places + cell * apart + v * L, &bytes, sizeof bytes);
    }
}

// Values of a cell's filters to where those filters lie.
template <typename Value>
inline void put(const Target& target, const Value* values, Value* to) {
  for (int64_t i = 0; i < target.count; ++i)
    to[target.list == nullptr ? target.first + i : target.list[i]] = values[i];
}

template <int P, int V, bool WithArgmax, bool First>
void group_of_filters(const Forward& op, const Tile& tile, const Target& target,
                      const float* staged, int64_t n, int64_t first, int64_t last,
                      Workspace& space) {
  constexpr int kLanes = V * L;
  const Geometry& g = op.geometry;
  const bool whole = target.list == nullptr && target.count == kLanes;
  float* best = space.best.room<float>(2 * g.w * kLanes);
  int32_t* argmax = space.places.room<int32_t>(2 * g.w * kLanes);
  float* values = best + g.w * kLanes;
  uint8_t* places = reinterpret_cast<uint8_t*>(argmax + g.w * kLanes);
  for (int64_t row = first; row < last; ++row) {
    const float* image = staged + (row - first) * P * tile.row_stride;
    best_of_windows_of_row<P, V, WithArgmax, First>(tile, image, g.w, best, argmax, space);
    const int64_t out = (n * g.h + row) * g.w * g.filters;
    float* pooled = op.pooled + out;
    uint8_t* argmax_bytes = WithArgmax ? op.argmax + out : nullptr;
    if (whole) {
      finish<V, WithArgmax>(target, g.w, best, argmax, g.filters, pooled + target.first,
                        WithArgmax ? argmax_bytes + target.first : nullptr);
      continue;
    }
    finish<V, WithArgmax>(target, g.w, best, argmax, kLanes, values, places);
    for (int64_t column = 0; column < g.w; ++column) {
      put(target, values + column * kLanes, pooled + column * g.filters);
      if (WithArgmax) put(target, places + column * kLanes, argmax_bytes + column * g.filters);
    }
  }
}

template <int P, bool WithArgmax, int V = kVectors>
void choose_width(int vectors, const Forward& op, const Tile& tile, const Target& target,
                  const float* staged, int64_t n, int64_t first, int64_t last,
                  Workspace& space) {
  if constexpr (V > 1) {
    if (vectors < V)
      return choose_width<P, WithArgmax, V - 1>(vectors, op, tile, target, staged, n, first, last,
                                            space);
  }
  const bool first_layer = tile.rows == kTaps && tile.run == kTaps && tile.pixel_stride == 1;
  const auto run = first_layer ? group_of_filters<P, V, WithArgmax, true>
                               : group_of_filters<P, V, WithArgmax, false>;
  run(op, tile, target, staged, n, first, last, space);
}

void switch_off(const Forward& op, int64_t n, int64_t first, int64_t last) {
  const Geometry& g = op.geometry;
  const int64_t from = (n * g.h + first) * g.w * g.filters;
  const int64_t count = (last - first) * g.w * g.filters;
  std::fill(op.pooled + from, op.pooled + from + count, 0.0f);
  if (op.argmax != nullptr) std::memset(op.argmax + from, kOff, static_cast<size_t>(count));
}

struct View {
  const float* pixels;
  int64_t row_stride;  // in floats
};

// The rows of image n that pooled rows [first, last) look at: where they lie if they can be used
// so, else staged. Only whole patches are read, so no room is needed behind them.
View look_at(const Forward& op, int64_t n, int64_t first, int64_t last, const Channels& channels,
             Scratch& scratch) {
  const Geometry& g = op.geometry;
  const bool padded = g.staged_height() > g.height || g.staged_width() > g.width || g.top || g.left;
  if (op.images.reals != nullptr && op.keep == nullptr && !padded) {
    const int64_t stride = g.width * g.channels;
    return {op.images.reals + (n * g.height + first * g.pool) * stride, stride};
  }
  const int64_t rows = (last - first) * g.pool + g.rows - 1;
  float* staged = stage(g, op.images, n, first * g.pool, rows, channels, scratch);
  if (channels.list == nullptr)
    zero_dropped(op.keep, n, g.channels, rows * g.staged_width(), staged);
  return {staged, g.staged_width() * channels.count};
}

void forward(const Forward& op, int64_t n, int64_t first, int64_t last, Workspace& space) {
  const Geometry& g = op.geometry;
  const bool compact = compacts(op);
  const Channels channels = kept(compact ? op.keep : nullptr, n, g.channels, space.channels);
  const Channels filters = kept(compact ? op.mask : nullptr, n, g.filters, space.filters);
  const View view = look_at(op, n, first, last, channels, space.image);
  const float* weights = op.packed;
  if (compact) {
    const int64_t taps = g.rows * g.columns * channels.count;
    float* packed = space.weights.room<float>(packed_floats(taps, filters.count));
    pack_kept(g, op.kernel, channels, filters, packed);
    weights = packed;
  }
  if (filters.list != nullptr) switch_off(op, n, first, last);
  Tile tile{weights, view.row_stride, channels.count, g.rows, g.columns * channels.count};
  for (int64_t f0 = 0; f0 < filters.count; f0 += kGroup) {
    const Target target = make_target(op, n, filters, f0);
    const int vectors = static_cast<int>(whole_vectors(target.count));
    const bool argmax = op.argmax != nullptr;
    const auto run = g.pool == 2 ? (argmax ? choose_width<2, true> : choose_width<2, false>)
                                 : (argmax ? choose_width<3, true> : choose_width<3, false>);
    run(vectors, op, tile, target, view.pixels, n, first, last, space);
    tile.weights += tile.rows * tile.run * vectors * L;
  }
}

// ---------------------------------------------------------------- backward

// One value of the pooled gradient: where the patch of its argmax begins in the staged image.
struct Entry {
  int32_t offset;
  float gradient;
};

// The taps of a filter in whole vectors: each of its rows is padded at the end.
struct Blocks {
  int64_t row_vectors, count;
  const int64_t* offsets;  // in the staged image, relative to the patch
};

int64_t blocks_of(const Geometry& g) { return g.rows * whole_vectors(g.columns * g.channels); }

Blocks make_blocks(const Geometry& g, Scratch& scratch) {
  const int64_t row_vectors = whole_vectors(g.columns * g.channels);
  int64_t* offsets = scratch.room<int64_t>(g.rows * row_vectors);
  const int64_t stride = g.staged_width() * g.channels;
  for (int64_t i = 0; i < g.rows; ++i)
    for (int64_t v = 0; v < row_vectors; ++v) offsets[i * row_vectors + v] = i * stride + v * L;
  return {row_vectors, g.rows * row_vectors, offsets};
}

// The gradient of the convolution as a list: for one filter and a strip of cells, the values that
// the pool passed on and that are not zero.
class SparseGradient {
 public:
  SparseGradient(const Backward& op, Workspace& space) : op_(op) {
    const Geometry& g = op.geometry;
    const int64_t stride = g.staged_width() * g.channels;
    for (int64_t p = 0; p < g.pool * g.pool; ++p) {
      places_[p] = static_cast<int32_t>(p / g.pool * stride + p % g.pool * g.channels);
      passes_[p] = 1;
    }
    entries = space.lists.room<Entry>(kStrip + 1);  // one is written before it is known to count
    corners_ = space.counts.room<int32_t>(g.cells());
    for (int64_t row = 0, cell = 0; row < g.h; ++row)
      for (int64_t column = 0; column < g.w; ++column, ++cell)
        corners_[cell] =
            static_cast<int32_t>(row * g.pool * stride + column * g.pool * g.channels);
  }

  // Calls run(filter, number of entries, sum of their gradients) for each of some filters and each
  // strip of cells of image n.
  template <typename Run>
  void each(int64_t n, Range filters, const Run& run) {
    const Geometry& g = op_.geometry;
    for (int64_t first = 0; first < g.cells(); first += kStrip) {
      const int64_t last = std::min(first + kStrip, g.cells());
      // In its order, as each filter jumps from cell to cell.
      fetch(op_.gradient + (n * g.cells() + first) * g.filters, (last - first) * g.filters);
      for (int64_t f = filters.first; f < filters.last; ++f) {
        const float factor = op_.mask == nullptr ? 1.0f : op_.mask[n * g.filters + f];
        if (factor == 0.0f) continue;
        float total = 0.0f;
        const int64_t at = (n * g.cells() + first) * g.filters + f;
        const int64_t count = list(at, factor, first, last, total);
        run(f, count, total);
      }
    }
  }

  Entry* entries;

 private:
  static constexpr int64_t kStrip = 128;  // cells whose argmax and gradients stay in cache

  int64_t list(int64_t at, float factor, int64_t first, int64_t last, float& total) const {
    int64_t count = 0;
    for (int64_t cell = first; cell < last; ++cell, at += op_.geometry.filters) {
      const uint8_t place = op_.argmax[at];
      const float gradient = op_.gradient[at] * factor;
      uint32_t bits;
      std::memcpy(&bits, &gradient, sizeof bits);
      entries[count] = {corners_[cell] + places_[place], gradient};
      count += passes_[place] & (bits << 1 != 0);  // neither zero
    }
    for (int64_t e = 0; e < count; ++e) total += entries[e].gradient;
    return count;
  }

  const Backward& op_;
  int32_t* corners_;
  int32_t places_[256] = {};
  uint8_t passes_[256] = {};
};

template <int N>
void add_patches(const Entry* entries, int64_t count, const float* image, const int64_t* offsets,
                 float* sum) {
  // A multiply-add takes some four cycles, and two can begin in each. With four sums or fewer each
  // would wait for its last one, so every other entry has sums of its own, added at the end.
  constexpr int kTwice = N <= 4 ? 2 : 1;
  Reals sums[kTwice][N] = {};
  int64_t e = 0;
  for (; e + kTwice <= count; e += kTwice)
#pragma GCC unroll 2
    for (int t = 0; t < kTwice; ++t)
#pragma GCC unroll 8
      for (int b = 0; b < N; ++b)
        sums[t][b] +=
            entries[e + t].gradient * load(image + entries[e + t].offset + offsets[b]);
  for (; e < count; ++e)
#pragma GCC unroll 8
    for (int b = 0; b < N; ++b)
      sums[0][b] += entries[e].gradient * load(image + entries[e].offset + offsets[b]);
#pragma GCC unroll 8
  for (int b = 0; b < N; ++b)
    store(sum + b * L,
          load(sum + b * L) + (sums[0][b] + (kTwice > 1 ? sums[kTwice - 1][b] : Reals{})));
}

template <int N>
void add_kernel(const Entry* entries, int64_t count, float* image, const int64_t* offsets,
                const float* weights) {
  Reals w[N];
#pragma GCC unroll 8
  for (int b = 0; b < N; ++b) w[b] = load(weights + b * L);
  for (int64_t e = 0; e < count; ++e) {
    float* patch = image + entries[e].offset;
    const float gradient = entries[e].gradient;
#pragma GCC unroll 8
    for (int b = 0; b < N; ++b)
      store(patch + offsets[b], load(patch + offsets[b]) + gradient * w[b]);
  }
}

// Calls `run` with the number of blocks from `first` on, at most kMostBlocks, until all are done.
// The number is a constant to the compiler, so that the sums are registers and not an array.
template <int N = kMostBlocks, typename Run>
void by_blocks(int64_t first, int64_t last, const Run& run) {
  for (; last - first >= N; first += N) run(std::integral_constant<int, N>{}, first);
  if constexpr (N > 1) by_blocks<N - 1>(first, last, run);
}

int64_t filter_size(const Geometry& g) { return (blocks_of(g) + 1) * L; }

int64_t partial_size(const Geometry& g) { return g.filters * filter_size(g); }

// Adds what the windows of one image give to sums (10, F), of nine taps and the bias, for kernels
// of 3 x 3 on one channel. Vectors hold filters: each place of a window adds its patch where it
// is the argmax, and a window that looks at zeros alone has a gradient of the bias only.
template <int P>
void add_windows(const Backward& op, int64_t n, Range filters, const float* image,
                 uint32_t* columns, uint8_t* lit, int32_t* places, float* sums) {
  constexpr int kAll = kTaps * kTaps;
  const Geometry& g = op.geometry;
  const int64_t stride = g.staged_width();
  for (int64_t row = 0; row < g.h; ++row) {
    const float* from = image + row * P * stride;
    find_lit<P>(stride, from, g.w, columns, lit);
    const int64_t begin = (n * g.cells() + row * g.w) * g.filters;
    for (int64_t i = 0; i < g.w * g.filters; ++i) places[i] = op.argmax[begin + i];
    for (int64_t f = filters.first; f < filters.last; f += L) {
      const Reals factor = op.mask == nullptr ? Reals{} + 1.0f : load(op.mask + n * g.filters + f);
      Reals taps[kAll] = {}, total{};
      for (int64_t cell = 0; cell < g.w; ++cell) {
        Whole place;
        __builtin_memcpy(&place, places + cell * g.filters + f, sizeof place);
        const Reals gradient = load(op.gradient + begin + cell * g.filters + f) * factor;
        total += place < P * P ? gradient : Reals{};
        if (!lit[cell]) continue;
        // A row of places at a time, not unrolled: nine sums and the gradients of three places fill
        // 16 registers, and those of nine places would push the sums out.
#pragma GCC unroll 1
        for (int a = 0; a < P; ++a) {
          const float* patch = from + cell * P + a * stride;
          Reals passed[P];
#pragma GCC unroll 3
          for (int b = 0; b < P; ++b) passed[b] = place == a * P + b ? gradient : Reals{};
#pragma GCC unroll 3
          for (int i = 0; i < kTaps; ++i)
#pragma GCC unroll 5
            for (int c = 0; c < P + kTaps - 1; ++c) {
              const float value = patch[i * stride + c];
#pragma GCC unroll 3
              for (int b = 0; b < P; ++b)
                if (b <= c && c < b + kTaps) taps[i * kTaps + c - b] += passed[b] * value;
            }
        }
      }
      for (int t = 0; t < kAll; ++t)
        store(sums + t * g.filters + f, load(sums + t * g.filters + f) + taps[t]);
      store(sums + kAll * g.filters + f, load(sums + kAll * g.filters + f) + total);
    }
  }
}

// Whether windows are taken one by one with filters in vectors. A vector of 4 floats holds a run of
// three taps well enough, and the list skips what is zero.
bool takes_windows(const Geometry& g) {
  return L > 4 && g.channels == 1 && g.rows == kTaps && g.columns == kTaps &&
         (g.pool == 2 || g.pool == 3) && g.filters % L == 0;
}

void windows_gradient(const Backward& op, Range images, Range filters, float* partial,
                      Workspace& space) {
  const Geometry& g = op.geometry;
  const int64_t all = kTaps * kTaps * g.filters;
  float* sums = space.best.room<float>(all + g.filters);
  std::fill(sums, sums + all + g.filters, 0.0f);
  uint32_t* columns = space.lists.room<uint32_t>(g.staged_width());
  uint8_t* lit = space.counts.room<uint8_t>(g.w);
  int32_t* places = space.places.room<int32_t>(g.w * g.filters);
  for (int64_t n = images.first; n < images.last; ++n) {
    float* image = stage(g, op.images, n, 0, g.staged_height(), {nullptr, 1}, space.image);
    zero_dropped(op.keep, n, 1, g.staged_height() * g.staged_width(), image);
    if (g.pool == 2)
      add_windows<2>(op, n, filters, image, columns, lit, places, sums);
    else
      add_windows<3>(op, n, filters, image, columns, lit, places, sums);
  }
  for (int64_t f = filters.first; f < filters.last; ++f) {
    float* sum = partial + f * filter_size(g);
    for (int t = 0; t < kTaps * kTaps; ++t)
      sum[t / kTaps * whole_vectors(kTaps) * L + t % kTaps] = sums[t * g.filters + f];
    sum[blocks_of(g) * L] = sums[all + f];
  }
}

void weight_gradient(const Backward& op, Range images, Range filters, float* partial,
                     Workspace& space) {
  const Geometry& g = op.geometry;
  std::fill(partial + filters.first * filter_size(g), partial + filters.last * filter_size(g),
            0.0f);
  if (takes_windows(g)) return windows_gradient(op, images, filters, partial, space);
  const Blocks blocks = make_blocks(g, space.weights);
  SparseGradient sparse(op, space);
  for (int64_t n = images.first; n < images.last; ++n) {
    float* image =
        stage(g, op.images, n, 0, g.staged_height(), {nullptr, g.channels}, space.image);
    zero_dropped(op.keep, n, g.channels, g.staged_height() * g.staged_width(), image);
    sparse.each(n, filters, [&](int64_t f, int64_t count, float total) {
      float* sum = partial + f * filter_size(g);
      by_blocks(0, blocks.count, [&](auto width, int64_t block) {
        add_patches<width>(sparse.entries, count, image, blocks.offsets + block,
                           sum + block * L);
      });
      sum[blocks.count * L] += total;
    });
  }
}

void gather(const Geometry& g, float* partials, int64_t count, int64_t first, int64_t last,
            float* kernel, float* bias) {
  const int64_t size = filter_size(g), run = g.columns * g.channels;
  const int64_t row = whole_vectors(run) * L;
  for (int64_t f = first; f < last; ++f) {
    float* sum = partials + f * size;
    for (int64_t part = 1; part < count; ++part) {
      const float* other = partials + part * partial_size(g) + f * size;
      for (int64_t i = 0; i < size; ++i) sum[i] += other[i];
    }
    for (int64_t i = 0; i < g.rows; ++i)
      for (int64_t t = 0; t < run; ++t) kernel[(i * run + t) * g.filters + f] = sum[i * row + t];
    bias[f] = sum[size - L];
  }
}

int64_t spread_size(const Geometry& g) { return g.filters * blocks_of(g) * L; }

void spread(const Geometry& g, const float* kernel, float* to) {
  const int64_t run = g.columns * g.channels, row = whole_vectors(run) * L;
  std::fill(to, to + spread_size(g), 0.0f);
  for (int64_t f = 0; f < g.filters; ++f)
    for (int64_t i = 0; i < g.rows; ++i)
      for (int64_t t = 0; t < run; ++t)
        to[(f * g.rows + i) * row + t] = kernel[(i * run + t) * g.filters + f];
}

// The inside of a padded gradient, without what is switched off.
void unstage(const Backward& op, int64_t n, const float* staged, float* gradient) {
  const Geometry& g = op.geometry;
  const int64_t stride = g.staged_width() * g.channels;
  const int64_t inside =
      std::max<int64_t>(0, std::min(g.width, g.staged_width() - g.left)) * g.channels;
  for (int64_t r = 0; r < g.height; ++r) {
    float* row = gradient + (n * g.height + r) * g.width * g.channels;
    int64_t copied = 0;
    if (r + g.top < g.staged_height()) {
      std::memcpy(row, staged + (r + g.top) * stride + g.left * g.channels,
                  static_cast<size_t>(inside) * sizeof(float));
      copied = inside;
    }
    std::fill(row + copied, row + g.width * g.channels, 0.0f);
  }
  zero_dropped(op.keep, n, g.channels, g.pixels(), gradient + n * g.pixels() * g.channels);
}

void image_gradient(const Backward& op, const float* weights, int64_t n, float* gradient,
                    Workspace& space) {
  const Geometry& g = op.geometry;
  const int64_t size = g.staged_height() * g.staged_width() * g.channels + L;
  float* staged = space.image.room<float>(size);
  std::fill(staged, staged + size, 0.0f);
  const Blocks blocks = make_blocks(g, space.weights);
  SparseGradient sparse(op, space);
  sparse.each(n, {0, g.filters}, [&](int64_t f, int64_t count, float) {
    const float* of_filter = weights + f * blocks.count * L;
    by_blocks(0, blocks.count, [&](auto width, int64_t block) {
      add_kernel<width>(sparse.entries, count, staged, blocks.offsets + block,
                        of_filter + block * L);
    });
  });
  unstage(op, n, staged, gradient);
}

// ---------------------------------------------------------------- warp

// Where each pixel of one output row comes from: its upper left neighbour, and how far it lies
// below and to the right of that.
struct RowPlan {
  int32_t* corner;
  float *down, *across;
};

inline Reals lower_of(Reals a, Reals b) { return a < b ? a : b; }

// Largest whole number below. There is no vector floor without intrinsics, so it goes through
// integers: first kept to what 32 bits hold, and 0 for what is no number, as converting either is
// undefined.
inline Reals floor_of(Reals value) {
  const Reals limit = Reals{} + 1e9f;
  value = value == value ? value : Reals{};
  value = value > -limit ? lower_of(value, limit) : -limit;
  const Reals whole = __builtin_convertvector(__builtin_convertvector(value, Whole), Reals);
  return whole > value ? whole - 1.0f : whole;
}

// Coordinates brought into [0, last]; what is no number becomes 0, so that it can be an index.
template <Fill F>
inline Reals fold(Reals coordinate, float size) {
  const float last = size - 1.0f, period = std::max(last, 1.0f);
  Reals folded = coordinate;
  if (F == Fill::kWrap) {
    // As in SciPy, whole periods before the first row give the last one.
    const Reals before = coordinate + period * (floor_of(-coordinate / period) + 1.0f);
    const Reals beyond = coordinate - period * floor_of(coordinate / period);
    folded = coordinate < 0.0f ? before : (coordinate <= last ? coordinate : beyond);
  } else if (F == Fill::kReflect) {
    const Reals shifted = coordinate + 0.5f;
    const Reals cycle = shifted - 2.0f * size * floor_of(shifted / (2.0f * size));
    folded = lower_of(cycle, 2.0f * size - cycle) - 0.5f;
  }
  return folded > 0.0f ? lower_of(folded, Reals{} + last) : Reals{};
}

template <Fill F>
void plan_row(const Warp& op, const float* m, int64_t row, const RowPlan& plan) {
  const auto height = static_cast<float>(op.height), width = static_cast<float>(op.width);
  const Reals lowest = Reals{} + std::max(height - 2.0f, 0.0f);
  const Reals rightmost = Reals{} + std::max(width - 2.0f, 0.0f);
  const auto r = static_cast<float>(row);
  const auto stride = static_cast<int32_t>(op.width);
  Reals column;
  for (int i = 0; i < L; ++i) column[i] = static_cast<float>(i);
  for (int64_t i = 0; i < op.width; i += L, column += static_cast<float>(L)) {
    const Reals y = fold<F>(m[0] * r + m[1] * column + m[2], height);
    const Reals x = fold<F>(m[3] * r + m[4] * column + m[5], width);
    const Reals top = lower_of(floor_of(y), lowest), left = lower_of(floor_of(x), rightmost);
    store(plan.down + i, y - top);
    store(plan.across + i, x - left);
    const Whole corner = __builtin_convertvector(top, Whole) * stride +
                         __builtin_convertvector(left, Whole);
    __builtin_memcpy(plan.corner + i, &corner, sizeof corner);
  }
}

inline float between(float a, float b, float c, float d, float across, float down) {
  const float upper = a + (b - a) * across, lower = c + (d - c) * across;
  return upper + (lower - upper) * down;
}

// Each pixel with its right, lower and lower right neighbours in one word, so that a sample is
// one look-up.
uint32_t* neighbours(const Warp& op, const uint8_t* image, Scratch& scratch) {
  uint32_t* words = scratch.room<uint32_t>(op.height * op.width);
  const int64_t below = op.height > 1 ? op.width : 0, right = op.width > 1 ? 1 : 0;
  for (int64_t row = 0; row < std::max<int64_t>(op.height - 1, 1); ++row) {
    const uint8_t* from = image + row * op.width;
    uint32_t* to = words + row * op.width;
    for (int64_t i = 0; i < std::max<int64_t>(op.width - 1, 1); ++i)
      to[i] = from[i] | uint32_t{from[i + right]} << 8 | uint32_t{from[i + below]} << 16 |
              uint32_t{from[i + below + right]} << 24;
  }
  return words;
}

void sample_row(const Warp& op, const uint32_t* words, const RowPlan& plan, uint32_t* found,
                float* to) {
  // Look-ups alone, so that the arithmetic below is free of them and becomes vectors.
  for (int64_t i = 0; i < op.width; ++i) found[i] = words[plan.corner[i]];
  const auto value = [](uint32_t word, int shift) {
    return static_cast<float>(static_cast<int32_t>(word >> shift & 255));
  };
  STORMLENS_APART
  for (int64_t i = 0; i < op.width; ++i)
    to[i] = between(value(found[i], 0), value(found[i], 8), value(found[i], 16),
                    value(found[i], 24), plan.across[i], plan.down[i]);
}

void sample_row(const Warp& op, const float* image, const RowPlan& plan, float* to) {
  const int64_t below = op.height > 1 ? op.width : 0, right = op.width > 1 ? 1 : 0;
  for (int64_t i = 0; i < op.width; ++i) {
    const float* at = image + plan.corner[i];
    to[i] = between(at[0], at[right], at[below], at[below + right], plan.across[i], plan.down[i]);
  }
}

// Pixels of an output row that lie beyond the image.
void fill_outside(const Warp& op, const float* m, int64_t row, float* to) {
  const auto bottom = static_cast<float>(op.height - 1), edge = static_cast<float>(op.width - 1);
  const auto r = static_cast<float>(row);
  for (int64_t i = 0; i < op.width; ++i) {
    const auto c = static_cast<float>(i);
    const float y = m[0] * r + m[1] * c + m[2], x = m[3] * r + m[4] * c + m[5];
    const bool inside = y >= 0.0f && y <= bottom && x >= 0.0f && x <= edge;
    to[i] = inside ? to[i] : op.cval;
  }
}

void warp(const Warp& op, int64_t n, Workspace& space) {
  const auto plan_it = op.fill == Fill::kReflect ? plan_row<Fill::kReflect>
                       : op.fill == Fill::kWrap  ? plan_row<Fill::kWrap>
                                                 : plan_row<Fill::kNearest>;
  const int64_t vectors = whole_vectors(op.width) * L;
  float* fractions = space.weights.room<float>(2 * vectors);
  const RowPlan plan{space.lists.room<int32_t>(vectors), fractions, fractions + vectors};
  uint32_t* found = space.places.room<uint32_t>(op.width);
  const int64_t from = n * op.height * op.width;
  const uint32_t* words =
      op.bytes == nullptr ? nullptr : neighbours(op, op.bytes + from, space.image);
  const float* m = op.matrices + n * 6;
  for (int64_t row = 0; row < op.height; ++row) {
    float* to = op.warped + from + row * op.width;
    plan_it(op, m, row, plan);
    if (words != nullptr)
      sample_row(op, words, plan, found, to);
    else
      sample_row(op, op.reals + from, plan, to);
    if (op.fill == Fill::kConstant) fill_outside(op, m, row, to);
  }
}

// ---------------------------------------------------------------- matrix products

constexpr int kTileRows = 6;     // with kVectors of columns, as many sums as the registers hold
constexpr int64_t kBlock = 64;   // rows of a large matrix that are worked on at a time
// Of a long product that is added up at a time: a panel of so many rows takes 16 KiB at most, half
// of a first-level cache.
constexpr int64_t kDepth = 128;

// Columns in whole panels of kGroup.
int64_t padded(int64_t count) { return (count + kGroup - 1) / kGroup * kGroup; }

// Memory that is needed soon, asked for one cache line at a time while something else is computed.
// A core can wait for only some twenty lines at once; asked for all together, the rest would stall
// it.
class Soon {
 public:
  // `count` floats of each array.
  Soon(std::initializer_list<const float*> arrays, int64_t count) : count_(count) {
    for (const float* array : arrays)
      if (count > 0) arrays_[all_++] = array;
  }

  void next() {
    if (array_ == all_) return;
    __builtin_prefetch(arrays_[array_] + at_);
    at_ += kLine;
    if (at_ >= count_) at_ = 0, ++array_;
  }

  void rest() {
    while (array_ < all_) next();
  }

 private:
  static constexpr int64_t kLine = 16;  // floats of a cache line
  const float* arrays_[3] = {};
  int64_t count_, at_ = 0;
  int array_ = 0, all_ = 0;
};

constexpr int64_t kPace = 4;  // steps of a product in which memory delivers another line

// Rows x kGroup sums over k of a[r * row + k * step] b[k], added to c.
template <int Rows>
void tile(const float* a, int64_t row, int64_t step, const float* b, int64_t depth, float* c,
          int64_t stride, Soon& soon) {
  Reals sums[Rows][kVectors] = {};
  for (int64_t start = 0; start < depth; start += kPace) {
    soon.next();
    const int64_t here = std::min(kPace, depth - start);
    for (int64_t k = 0; k < here; ++k, a += step, b += kGroup) {
      Reals values[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) values[v] = load(b + v * L);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const float factor = a[r * row];
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[r][v] += factor * values[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + r * stride + v * L;
      store(to, load(to) + sums[r][v]);
    }
}

template <int Rows = kTileRows>
void column_of_tiles(const float* a, int64_t row, int64_t step, int64_t rows, const float* b,
                     int64_t depth, float* c, int64_t stride, Soon& soon) {
  for (; rows >= Rows; rows -= Rows, a += Rows * row, c += Rows * stride)
    tile<Rows>(a, row, step, b, depth, c, stride, soon);
  if constexpr (Rows > 1)
    column_of_tiles<Rows - 1>(a, row, step, rows, b, depth, c, stride, soon);
}

// c += a b, where a(r, k) = a[r * row + k * step] and b lies in panels of kGroup columns, `columns`
// of them in all; rows of c lie `stride` apart.
void add_product(const float* a, int64_t row, int64_t step, int64_t rows, const float* panels,
                 int64_t depth, float* c, int64_t columns, int64_t stride, Soon& soon) {
  for (int64_t column = 0; column < columns; column += kGroup)
    column_of_tiles(a, row, step, rows, panels + column * depth, depth, c + column, stride, soon);
}

// A (depth, columns) matrix in panels: columns of kGroup, padded with zeros. It is read in the
// order in which it lies, as memory is faster than the processor only in that.
void panels_of(const float* matrix, int64_t apart, int64_t depth, int64_t columns, float* panels) {
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t column = 0; column < columns; column += kGroup) {
      const float* from = matrix + k * apart + column;
      float* to = panels + column * depth + k * kGroup;
      if (column + kGroup <= columns) {
        std::memcpy(to, from, sizeof(float) * kGroup);
      } else {
        std::copy(from, from + columns - column, to);
        std::fill(to + columns - column, to + kGroup, 0.0f);
      }
    }
}

void make_panels(const float* matrix, int64_t depth, int64_t columns, float* panels) {
  panels_of(matrix, columns, depth, columns, panels);
}

void transposed_panels(const float* matrix, int64_t rows, int64_t columns, float* panels) {
  std::fill(panels, panels + columns * padded(rows), 0.0f);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < columns; ++k)
      panels[(r / kGroup * columns + k) * kGroup + r % kGroup] = matrix[r * columns + k];
}

void dense(const Dense& op, const float* inputs, Range rows, Range columns, float* sums,
           Workspace& space) {
  const int64_t stride = padded(op.columns), here = columns.last - columns.first;
  float* panels = space.weights.room<float>(kDepth * padded(here));
  for (int64_t start = rows.first; start < rows.last; start += kDepth) {
    const int64_t depth = std::min(kDepth, rows.last - start), next = start + kDepth;
    const int64_t coming = std::clamp<int64_t>(rows.last - next, 0, kDepth);
    for (int64_t n = 0; n < op.n; ++n) fetch(inputs + n * op.rows + next, coming);
    panels_of(op.kernel + start * op.columns + columns.first, op.columns, depth, here, panels);
    // Some of the columns are no stretch of memory: the processor's own prefetcher follows them.
    const bool whole = here == op.columns;
    Soon soon({op.kernel + next * op.columns}, whole ? coming * op.columns : 0);
    add_product(inputs + start, op.rows, 1, op.n, panels, depth, sums + columns.first,
                padded(here), stride, soon);
  }
}

// Where the gradients of a block of rows go, from one row a line to one sample a line.
void spread_rows(const float* products, int64_t stride, int64_t n, int64_t rows, float* gradient,
                 int64_t apart) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < rows; ++r) gradient[i * apart + r] = products[r * stride + i];
}

void dense_input_gradient(const Dense& op, const float* panels, int64_t first, int64_t last,
                          float* gradient, Workspace& space) {
  const int64_t stride = padded(op.n);
  float* products = space.best.room<float>(kBlock * stride);
  for (int64_t start = first; start < last; start += kBlock) {
    const int64_t rows = std::min(kBlock, last - start), next = start + kBlock;
    std::fill(products, products + rows * stride, 0.0f);
    Soon soon({op.kernel + next * op.columns},
              std::clamp<int64_t>(last - next, 0, kBlock) * op.columns);
    add_product(op.kernel + start * op.columns, op.columns, 1, rows, panels, op.columns, products,
                stride, stride, soon);
    for (int64_t n = 0; n < op.n; ++n) fetch<true>(gradient + n * op.rows + start, rows);
    spread_rows(products, stride, op.n, rows, gradient + start, op.rows);
  }
}

// ---------------------------------------------------------------- Adam

// `gradient` begins at value `first`.
void adam_range(const Adam& op, const float* gradient, int64_t first, int64_t count) {
  // A copy: of a reference, the compiler would have to read each constant again after every store.
  const Adam a = op;
  const float *weight = a.weight + first, *mean = a.mean + first, *square = a.square + first;
  float *new_weight = a.new_weight + first, *new_mean = a.new_mean + first;
  float* new_square = a.new_square + first;
  // What is read and written may be one array, value by value. Without this promise neither
  // compiler makes vectors of the loop: it is four times slower then.
  STORMLENS_APART
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m = a.decay_mean * mean[i] + (1.0f - a.decay_mean) * g;
    const float s = a.decay_square * square[i] + (1.0f - a.decay_square) * (g * g);
    new_mean[i] = m;
    new_square[i] = s;
    const float change = a.rate * (m * a.correction_mean) /
                         (std::sqrt(s * a.correction_square) + a.epsilon);
    new_weight[i] = a.kept * weight[i] - change;
  }
}

void adam(const Adam& op, const float* gradient, int64_t first, int64_t last) {
  adam_range(op, gradient + first, first, last - first);
}

// The gradient of the inputs, and the step of Adam on the kernel, kTileRows rows of it at a time.
// The kernel's gradient is the product of two small factors, inputs^T and the outputs' gradient, so
// some rows of it are multiplied out in the cache, used and forgotten. Kernel and moments are read
// from memory once and written once; the gradient, as large as the kernel, never leaves the cache.
void dense_step(const DenseStep& op, int64_t first, int64_t last, Workspace& space) {
  const int64_t stride = padded(op.columns), across = padded(op.n);
  float* gradient = space.best.room<float>(kTileRows * stride);
  float* inputs = space.image.room<float>(op.n * kBlock);
  float* products = space.weights.room<float>(kBlock * across);
  for (int64_t start = first; start < last; start += kBlock) {
    const int64_t rows = std::min(kBlock, last - start);
    for (int64_t n = 0; n < op.n; ++n) {
      const float* from = op.inputs + n * op.rows + start;
      fetch(from + kBlock, std::clamp<int64_t>(last - start - kBlock, 0, kBlock));
      fetch<true>(op.gradient + n * op.rows + start, rows);
      std::copy(from, from + rows, inputs + n * kBlock);
    }
    std::fill(products, products + rows * across, 0.0f);
    for (int64_t row = 0; row < rows; row += kTileRows) {
      const int64_t here = std::min<int64_t>(kTileRows, rows - row), at = start + row;
      const int64_t next = (at + kTileRows) * op.columns;
      const float* kernel = op.adam.weight + at * op.columns;
      Soon soon({op.adam.weight + next, op.adam.mean + next, op.adam.square + next},
                std::clamp<int64_t>(last - at - kTileRows, 0, kTileRows) * op.columns);
      add_product(kernel, op.columns, 1, here, op.transposed, op.columns, products + row * across,
                  across, across, soon);
      std::fill(gradient, gradient + here * stride, 0.0f);
      add_product(inputs + row, 1, kBlock, here, op.panels, op.n, gradient, stride, stride, soon);
      soon.rest();
      for (int64_t r = 0; r < here; ++r)
        adam_range(op.adam, gradient + r * stride, (at + r) * op.columns, op.columns);
    }
    spread_rows(products, across, op.n, rows, op.gradient + start, op.rows);
  }
}

}  // namespace

const Kernels& STORMLENS_NAMED(kernels)() {
  static const Kernels table{STORMLENS_TEXT(STORMLENS_ISA),
                             packed_size,
                             pack,
                             compacts,
                             forward,
                             partial_size,
                             weight_gradient,
                             gather,
                             spread_size,
                             spread,
                             image_gradient,
                             warp,
                             adam,
                             padded,
                             make_panels,
                             transposed_panels,
                             kGroup,
                             dense,
                             dense_input_gradient,
                             dense_step};
  return table;
}

}  // namespace stormlens
