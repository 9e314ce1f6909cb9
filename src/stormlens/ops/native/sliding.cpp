// Convolution with a max pool at every position, and a dense layer on every window, in vectors.
//
// Convolution kernels of 3 x 3 go by Winograd's F(4 x 4, 3 x 3) (Lavin and Gray 2016, section 4.1): patches
// of 6 x 6 cells become 36 places, each place is a product of patches x C by C x F, and 36 sums
// become 4 x 4 outputs. Others are one product of patches x taps by taps x F. Either way some
// tens of patches go together, few enough for the second-level cache. A patch that is blank
// throughout is not computed: its reply is known.

#include <algorithm>
#include <cstring>

#include "vectors.hpp"

namespace stormlens {
namespace {

constexpr int64_t kTogether = 24;  // patches of one batch, a multiple of each kHeld
constexpr int64_t kTile = 6, kSpan = 8;  // outputs and inputs along a tile

// Floats from one place of a batch to the next: the same patch at all places must not fall into
// one set of the first-level cache, as it would where the distance is a multiple of 4 KiB.
inline int64_t apart(int64_t depth) { return kTogether * depth + 16; }

// Some rows of the convolution, the first being `first`, of which those before `pooled` have gone
// into a pool.
struct Strip {
  float* at;
  int64_t first, rows, pooled;
  float* highest;  // room for a row
};

struct Place {
  int64_t y, x;
};

// Cell (y, x) of the image as looked at, or null beyond it.
inline const float* cell(const Everywhere& op, int64_t y, int64_t x) {
  const int64_t row = op.top + op.step * y, column = op.left + op.step * x;
  if (row >= op.height || column >= op.width) return nullptr;
  return op.image + (row * op.width + column) * op.channels;
}

// The cells of a patch from (y, x) on; those beyond the image are `zeros`. Whether all are blank.
bool look(const Everywhere& op, Place place, int64_t rows, int64_t columns, const float* zeros,
          const float** cells) {
  bool blank = true;
  const size_t bytes = static_cast<size_t>(op.channels) * sizeof(float);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const float* found = cell(op, place.y + i, place.x + j);
      if (found == nullptr) found = zeros;
      blank = blank && std::memcmp(found, op.blank, bytes) == 0;
      cells[i * columns + j] = found;
    }
  return blank;
}

// Filters [first, first + 32) of one position, unless it lies outside the strip.
inline void put(const Everywhere& op, const Strip& strip, int64_t y, int64_t x, int64_t first,
                const Reals* sums) {
  if (y >= strip.first + strip.rows || x >= op.columns) return;
  float* to = strip.at + ((y - strip.first) * op.columns + x) * op.filters + first;
  float values[kPanel];
  const int64_t count = std::min(kPanel, op.filters - first);
  float* aim = count == kPanel ? to : values;
  for (int v = 0; v < V; ++v) {
    Reals sum = sums[v] + load(op.bias + first + v * L);
    if (op.relu) sum = larger(sum, Reals{});
    store(aim + v * L, sum);
  }
  if (aim == values) std::copy(values, values + count, to);
}

void put_blank(const Everywhere& op, const Strip& strip, Place place, int64_t side) {
  const int64_t last_y = std::min(place.y + side, strip.first + strip.rows);
  const int64_t last_x = std::min(place.x + side, op.columns);
  for (int64_t y = place.y; y < last_y; ++y)
    for (int64_t x = place.x; x < last_x; ++x)
      std::copy(op.reply, op.reply + op.filters,
                strip.at + ((y - strip.first) * op.columns + x) * op.filters);
}

// out[i] = max over j < pool of from[i + j * stride].
void slide_max(const float* from, int64_t stride, int64_t pool, int64_t count, float* to) {
  constexpr int kAtOnce = 4;  // vectors
  int64_t i = 0;
  for (; i + kAtOnce * L <= count; i += kAtOnce * L) {
    Reals best[kAtOnce];
    for (int v = 0; v < kAtOnce; ++v) best[v] = load(from + i + v * L);
    for (int64_t j = 1; j < pool; ++j)
      for (int v = 0; v < kAtOnce; ++v)
        best[v] = larger(load(from + i + v * L + j * stride), best[v]);
    for (int v = 0; v < kAtOnce; ++v) store(to + i + v * L, best[v]);
  }
  for (; i < count; ++i) {
    float best = from[i];
    for (int64_t j = 1; j < pool; ++j) best = std::max(best, from[i + j * stride]);
    to[i] = best;
  }
}

// Pools what the rows before `below` suffice for, while the cache has them.
void pool_below(const Everywhere& op, Strip& strip, int64_t below) {
  if (op.pool == 1) return;
  const int64_t line = op.columns * op.filters, out = op.pooled_columns() * op.filters;
  for (; strip.pooled + op.pool <= below; ++strip.pooled) {
    slide_max(strip.at + (strip.pooled - strip.first) * line, line, op.pool, line, strip.highest);
    slide_max(strip.highest, op.filters, op.pool, out, op.pooled + strip.pooled * out);
  }
}

// ---------------------------------------------------------------- Winograd

// B^T of eight.
inline void spread_eight(const Reals* d, Reals* out) {
  const Reals even = d[2] + d[6] - 4.25f * d[4], odd = d[1] + d[5] - 4.25f * d[3];
  const Reals low_even = 0.25f * d[2] - 1.25f * d[4] + d[6];
  const Reals low_odd = 0.5f * d[1] - 2.5f * d[3] + 2.0f * d[5];
  const Reals high_even = 4.0f * d[2] - 5.0f * d[4] + d[6];
  const Reals high_odd = 2.0f * d[1] - 2.5f * d[3] + 0.5f * d[5];
  out[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = low_even + low_odd;
  out[4] = low_even - low_odd;
  out[5] = high_even + high_odd;
  out[6] = high_even - high_odd;
  out[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}

// A^T of eight.
inline void gather_eight(const Reals* m, Reals* out) {
  const Reals one = m[1] + m[2], two = m[3] + m[4], half = m[5] + m[6];
  const Reals one_odd = m[1] - m[2], two_odd = m[3] - m[4], half_odd = m[5] - m[6];
  out[0] = m[0] + one + two + half;
  out[1] = one_odd + 2.0f * two_odd + 0.5f * half_odd;
  out[2] = one + 4.0f * two + 0.25f * half;
  out[3] = one_odd + 8.0f * two_odd + 0.125f * half_odd;
  out[4] = one + 16.0f * two + 0.0625f * half;
  out[5] = one_odd + 32.0f * two_odd + 0.03125f * half_odd + m[7];
}

// Patch `t` of a batch at its 64 places; each holds (kTogether, C).
void spread_patch(int64_t channels, const float* const* cells, int64_t t, float* places) {
  for (int64_t c = 0; c < channels; c += L) {
    Reals columns[kSpan][kSpan];  // by row of the result, then column
    for (int j = 0; j < kSpan; ++j) {
      Reals d[kSpan], out[kSpan];
      for (int i = 0; i < kSpan; ++i) d[i] = load(cells[i * kSpan + j] + c);
      spread_eight(d, out);
      for (int i = 0; i < kSpan; ++i) columns[i][j] = out[i];
    }
    for (int i = 0; i < kSpan; ++i) {
      Reals out[kSpan];
      spread_eight(columns[i], out);
      for (int j = 0; j < kSpan; ++j)
        store(places + (i * kSpan + j) * apart(channels) + t * channels + c, out[j]);
    }
  }
}

// Outputs of patch `t` for one panel of filters.
void gather_patch(const Everywhere& op, const Strip& strip, Place place, int64_t t,
                  const float* products, int64_t first) {
  Reals outputs[kTile * kTile][V];
  for (int v = 0; v < V; ++v) {
    Reals rows[kTile][kSpan];
    for (int j = 0; j < kSpan; ++j) {
      Reals m[kSpan], out[kTile];
      for (int i = 0; i < kSpan; ++i)
        m[i] = load(products + (i * kSpan + j) * apart(kPanel) + t * kPanel + v * L);
      gather_eight(m, out);
      for (int i = 0; i < kTile; ++i) rows[i][j] = out[i];
    }
    for (int i = 0; i < kTile; ++i) {
      Reals out[kTile];
      gather_eight(rows[i], out);
      for (int j = 0; j < kTile; ++j) outputs[i * kTile + j][v] = out[j];
    }
  }
  for (int i = 0; i < kTile; ++i)
    for (int j = 0; j < kTile; ++j)
      put(op, strip, place.y + i, place.x + j, first, outputs[i * kTile + j]);
}

inline int64_t whole(int64_t count) { return (count + kHeld - 1) / kHeld * kHeld; }

void tiles(const Everywhere& op, const Strip& strip, const Place* found, int64_t count,
           const float* places, float* products) {
  for (int64_t panel = 0; panel < op.panels(); ++panel) {
    for (int64_t e = 0; e < kPlaces; ++e)
      multiply<false>(places + e * apart(op.channels),
               op.weights + (panel * kPlaces + e) * op.channels * kPanel, whole(count),
               op.channels, products + e * apart(kPanel));
    for (int64_t t = 0; t < count; ++t)
      gather_patch(op, strip, found[t], t, products, panel * kPanel);
  }
}

void convolve_tiles(const Everywhere& op, Strip& strip, const float* zeros,
                    Workspace& space) {
  float* places = space.image.room<float>(kPlaces * apart(op.channels));
  float* products = space.weights.room<float>(kPlaces * apart(kPanel));
  std::fill(places, places + kPlaces * apart(op.channels), 0.0f);
  Place found[kTogether];
  int64_t count = 0;
  for (int64_t y = strip.first; y < strip.first + strip.rows; y += kTile)
    for (int64_t x = 0; x < op.columns; x += kTile) {
      const float* cells[kSpan * kSpan];
      if (look(op, {y, x}, kSpan, kSpan, zeros, cells)) {
        put_blank(op, strip, {y, x}, kTile);
        continue;
      }
      spread_patch(op.channels, cells, count, places);
      found[count++] = {y, x};
      if (count < kTogether) continue;
      tiles(op, strip, found, count, places, products);
      count = 0;
      pool_below(op, strip, y);
    }
  if (count > 0) tiles(op, strip, found, count, places, products);
}

// ---------------------------------------------------------------- any kernel

void positions(const Everywhere& op, const Strip& strip, const Place* found, int64_t count,
               const float* patches, int64_t taps, float* products) {
  for (int64_t panel = 0; panel < op.panels(); ++panel) {
    multiply<false>(patches, op.weights + panel * taps * kPanel, whole(count), taps, products);
    for (int64_t t = 0; t < count; ++t) {
      Reals sums[V];
      for (int v = 0; v < V; ++v) sums[v] = load(products + t * kPanel + v * L);
      put(op, strip, found[t].y, found[t].x, panel * kPanel, sums);
    }
  }
}

void convolve_positions(const Everywhere& op, Strip& strip, const float* zeros,
                        Workspace& space) {
  const int64_t cells_a_patch = op.kernel_rows * op.kernel_columns;
  const int64_t taps = cells_a_patch * op.channels;
  float* patches = space.image.room<float>(kTogether * taps);
  float* products = space.weights.room<float>(kTogether * kPanel);
  const float** cells = space.places.room<const float*>(cells_a_patch);
  std::fill(patches, patches + kTogether * taps, 0.0f);
  Place found[kTogether];
  int64_t count = 0;
  for (int64_t y = strip.first; y < strip.first + strip.rows; ++y)
    for (int64_t x = 0; x < op.columns; ++x) {
      if (look(op, {y, x}, op.kernel_rows, op.kernel_columns, zeros, cells)) {
        put_blank(op, strip, {y, x}, 1);
        continue;
      }
      float* to = patches + count * taps;
      for (int64_t i = 0; i < cells_a_patch; ++i)
        for (int64_t c = 0; c < op.channels; ++c) *to++ = cells[i][c];
      found[count++] = {y, x};
      if (count < kTogether) continue;
      positions(op, strip, found, count, patches, taps, products);
      count = 0;
      pool_below(op, strip, y);
    }
  if (count > 0) positions(op, strip, found, count, patches, taps, products);
}

void everywhere(const Everywhere& op, int64_t first, int64_t last, Workspace& space) {
  float* zeros = space.filters.room<float>(op.channels);
  std::fill(zeros, zeros + op.channels, 0.0f);
  const int64_t line = op.columns * op.filters, rows = last - first + op.pool - 1;
  Strip strip{op.pooled + first * line, first, rows, first, nullptr};
  if (op.pool > 1) {
    strip.at = space.best.room<float>(rows * line + line);
    strip.highest = strip.at + rows * line;
  }
  if (op.winograd)
    convolve_tiles(op, strip, zeros, space);
  else
    convolve_positions(op, strip, zeros, space);
  pool_below(op, strip, first + rows);
}

// ---------------------------------------------------------------- dense layer on windows

void note_echo(const DenseWindows& op, int64_t first, int64_t last) {
  const size_t bytes = static_cast<size_t>(op.channels) * sizeof(float);
  for (int64_t i = first * op.width; i < last * op.width; ++i)
    op.echo[i] = std::memcmp(op.image + i * op.channels, op.blank, bytes) != 0;
}

// Adds to the sums (N, 32) of N windows, the first of which begins at cell `from`, what one row
// of their cells gives: cells that are blank in all of them by their reply.
template <int N>
void add_row(const DenseWindows& op, int64_t from, const float* weights, const float* replies,
             float* to) {
  const int64_t stride = op.column_step * op.channels;
  Reals sums[N][V];
  for (int i = 0; i < N; ++i)
    for (int v = 0; v < V; ++v) sums[i][v] = load(to + i * kPanel + v * L);
  for (int64_t cell = 0; cell < op.across; ++cell, from += op.dilation, replies += kPanel) {
    const float* row = weights + cell * op.channels * kPanel;
    uint8_t echo = 0;
    for (int i = 0; i < N; ++i) echo |= op.echo[from + i * op.column_step];
    if (!echo) {
      for (int v = 0; v < V; ++v) {
        const Reals reply = load(replies + v * L);
        for (int i = 0; i < N; ++i) sums[i][v] += reply;
      }
      continue;
    }
    const float* values = op.image + from * op.channels;
    for (int64_t c = 0; c < op.channels; ++c, row += kPanel) {
      Reals w[V];
      for (int v = 0; v < V; ++v) w[v] = load(row + v * L);
      for (int i = 0; i < N; ++i) {
        const float value = values[i * stride + c];
        for (int v = 0; v < V; ++v) sums[i][v] += value * w[v];
      }
    }
  }
  for (int i = 0; i < N; ++i)
    for (int v = 0; v < V; ++v) store(to + i * kPanel + v * L, sums[i][v]);
}

// The same for `count` windows, as many at a time as registers hold, then half as many.
template <int N>
void add_windows(const DenseWindows& op, int64_t from, const float* weights, const float* replies,
                 int64_t count, float* to) {
  for (; count >= N; count -= N, from += N * op.column_step, to += N * kPanel)
    add_row<N>(op, from, weights, replies, to);
  if constexpr (N > 1) add_windows<N / 2>(op, from, weights, replies, count, to);
}

// Weights of one row of cells stay in the cache while all of the task's windows take them.
void dense_windows(const DenseWindows& op, int64_t panel, int64_t first, int64_t last,
                   Workspace& space) {
  const int64_t windows = (last - first) * op.columns;
  const int64_t line = op.across * kPanel;
  float* sums = space.best.room<float>(windows * kPanel);
  std::fill(sums, sums + windows * kPanel, 0.0f);
  for (int64_t r = 0; r < op.down; ++r) {
    const float* weights = op.weights + (panel * op.down + r) * line * op.channels;
    const float* replies = op.replies + (panel * op.down + r) * line;
    for (int64_t i = first; i < last; ++i)
      add_windows<kHeld>(op, (i * op.row_step + r * op.dilation) * op.width, weights, replies,
                         op.columns, sums + (i - first) * op.columns * kPanel);
  }
  const int64_t from = panel * kPanel, count = std::min(kPanel, op.units - from);
  for (int64_t window = 0; window < windows; ++window)
    for (int64_t unit = 0; unit < count; ++unit)
      op.outputs[(first * op.columns + window) * op.units + from + unit] =
          sums[window * kPanel + unit] + op.bias[from + unit];
}

}  // namespace

SpectraCode STORMLENS_NAMED(spectra)();

const SlidingCode& STORMLENS_NAMED(sliding)() {
  static const SlidingCode code{everywhere, note_echo, dense_windows, STORMLENS_NAMED(spectra)()};
  return code;
}

}  // namespace stormlens
