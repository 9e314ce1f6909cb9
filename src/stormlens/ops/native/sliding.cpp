// Convolution with a max pool, at every position or where windows look, in vectors.
//
// Kernels of 3 x 3 go by Winograd's F(6 x 6, 3 x 3) (Lavin and Gray 2016, section 4.1): patches of
// 8 x 8 cells become 64 places, each place is a product of patches x C by C x F, and 64 sums
// become 6 x 6 outputs. Others are one product of patches x taps by taps x F. Either way some
// patches go together, few enough for the second-level cache. A patch that is blank throughout is
// not computed: its reply is known.

#include <algorithm>
#include <cstring>

#include "winograd.hpp"

namespace stormlens {
namespace {

struct Place {
  int64_t y, x;
};

// Some rows of the convolution, the first being `first`.
struct Strip {
  const ShiftAndStitch& op;
  int64_t first, rows, columns;
  int64_t width;       // cells looked at along a row, whole tiles
  float* values;       // (rows, columns, F)
  float* highest;      // room for a row
  int64_t pooled;      // rows of pooled cells before this one have been handed out
  const float* zeros;  // a cell beyond the image
  uint8_t* echo;       // (cells looked at down, width), whether a cell differs from `blank`

  int64_t end() const { return first + rows; }
  float* at(Place place) const {
    return values + ((place.y - first) * columns + place.x) * op.filters;
  }

  // Cell (y, x) of the image as looked at.
  const float* cell(int64_t y, int64_t x) const {
    const int64_t row = op.top + op.step * y, column = op.left + op.step * x;
    const bool inside = row < op.height && column < op.width;
    return inside ? op.image + (row * op.width + column) * op.channels : zeros;
  }
};

Strip strip_of(const ShiftAndStitch& op, int64_t first, int64_t last, Workspace& space) {
  const int64_t rows = last - first + op.pool - 1, columns = op.columns();
  const int64_t height = rows + kTile - 1 + op.kernel_rows - 1;
  const int64_t width = columns + kTile - 1 + op.kernel_columns - 1;
  float* zeros = space.filters.room<float>(op.channels);
  std::fill(zeros, zeros + op.channels, 0.0f);
  float* values = space.best.room<float>((rows + 1) * columns * op.filters);
  const Strip strip{op,
                    first,
                    rows,
                    columns,
                    width,
                    values,
                    values + rows * columns * op.filters,
                    first,
                    zeros,
                    space.counts.room<uint8_t>(height * width)};
  const size_t bytes = static_cast<size_t>(op.channels) * sizeof(float);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      strip.echo[y * width + x] = std::memcmp(strip.cell(first + y, x), op.blank, bytes) != 0;
  return strip;
}

bool is_blank(const Strip& strip, Place place, int64_t rows, int64_t columns) {
  const uint8_t* echo = strip.echo + (place.y - strip.first) * strip.width + place.x;
  uint8_t any = 0;
  for (int64_t i = 0; i < rows; ++i, echo += strip.width)
    for (int64_t j = 0; j < columns; ++j) any |= echo[j];
  return any == 0;
}

// One panel of filters and what is done to their sums. All that a store could seem to change is
// held here, apart from memory.
struct Finish {
  Reals bias[V];
  int64_t count;  // filters
  bool relu;

  Finish(const ShiftAndStitch& op, int64_t panel)
      : count(std::min(kPanel, op.filters - panel * kPanel)), relu(op.relu) {
    for (int v = 0; v < V; ++v) bias[v] = load(op.bias + panel * kPanel + v * L);
  }
  void put(const Reals* sums, float* to) const {
    for (int v = 0; v < V; ++v) {
      Reals sum = sums[v] + bias[v];
      if (relu) sum = larger(sum, Reals{});
      store_some(to + v * L, sum, count - v * L);
    }
  }
};

void put_blank(const Strip& strip, Place place, int64_t side) {
  const ShiftAndStitch& op = strip.op;
  const int64_t last_y = std::min(place.y + side, strip.end());
  const int64_t last_x = std::min(place.x + side, strip.columns);
  for (int64_t y = place.y; y < last_y; ++y)
    for (int64_t x = place.x; x < last_x; ++x)
      std::copy(op.reply, op.reply + op.filters, strip.at({y, x}));
}

// ---------------------------------------------------------------- pool

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

// Row y of pooled cells, from the highest of each column, to a row of windows as their cells u.
void hand_out(const Strip& strip, int64_t window, int64_t u) {
  const ShiftAndStitch& op = strip.op;
  const Windows& across = op.across;
  const int64_t line = across.cells * op.filters, each = op.down.cells * line;
  float* to = op.pooled + window * across.count * each + u * line;
  if (each == op.filters && across.step == 1)
    return slide_max(strip.highest, op.filters, op.pool, across.count * each, to);
  for (int64_t k = 0; k < across.count; ++k)
    for (int64_t v = 0; v < across.cells; ++v)
      slide_max(strip.highest + (across.step * k + across.dilation * v) * op.filters, op.filters,
                op.pool, op.filters, to + k * each + v * op.filters);
}

// Pools what the rows before `below` suffice for, while the cache has them.
void pool_below(Strip& strip, int64_t below) {
  const ShiftAndStitch& op = strip.op;
  const int64_t line = strip.columns * op.filters;
  for (; strip.pooled + op.pool <= below; ++strip.pooled) {
    bool wanted = false;
    for (int64_t u = 0; u < op.down.cells; ++u) {
      const int64_t from = strip.pooled - op.down.dilation * u;
      if (from < 0 || from % op.down.step != 0 || from / op.down.step >= op.down.count) continue;
      if (!wanted) slide_max(strip.at({strip.pooled, 0}), line, op.pool, line, strip.highest);
      wanted = true;
      hand_out(strip, from / op.down.step, u);
    }
  }
}

// ---------------------------------------------------------------- Winograd

// Patch `t` of a batch, from `place` on, at its 64 places; each holds (kTogether, C).
void spread_patch(const Strip& strip, Place place, int64_t t, float* places) {
  const int64_t channels = strip.op.channels;
  const float* cells[kSpan][kSpan];
  for (int i = 0; i < kSpan; ++i)
    for (int j = 0; j < kSpan; ++j) cells[i][j] = strip.cell(place.y + i, place.x + j);
  for (int64_t c = 0; c < channels; c += L) {
    Reals d[kSpan][kSpan], out[kSpan][kSpan];
    for (int i = 0; i < kSpan; ++i)
      for (int j = 0; j < kSpan; ++j) d[i][j] = load(cells[i][j] + c);
    along_both<kSpan, kSpan>(spread_eight, d, out);
    put_places(out, places + t * channels + c, apart(channels));
  }
}

// Outputs of patch `t` for one panel of filters, those that lie in the strip.
void gather_patch(const Strip& strip, Place place, int64_t t, const float* products,
                  int64_t panel) {
  Reals outputs[kTile][kTile][V];
  for (int v = 0; v < V; ++v) {
    Reals m[kSpan][kSpan], out[kTile][kTile];
    get_places(products + t * kPanel + v * L, apart(kPanel), m);
    along_both<kSpan, kTile>(gather_eight, m, out);
    for (int i = 0; i < kTile; ++i)
      for (int j = 0; j < kTile; ++j) outputs[i][j][v] = out[i][j];
  }
  const Finish finish(strip.op, panel);
  float* to = strip.at(place) + panel * kPanel;
  const int64_t rows = std::min(kTile, strip.end() - place.y), filters = strip.op.filters;
  const int64_t columns = std::min(kTile, strip.columns - place.x), line = strip.columns * filters;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) finish.put(outputs[i][j], to + i * line + j * filters);
}

void tiles(const Strip& strip, const Place* found, int64_t count, const float* places,
           float* products) {
  const ShiftAndStitch& op = strip.op;
  for (int64_t panel = 0; panel < op.panels(); ++panel) {
    for (int64_t e = 0; e < kPlaces; ++e)
      multiply<false>(places + e * apart(op.channels),
                      op.weights + (panel * kPlaces + e) * op.channels * kPanel, whole(count),
                      op.channels, products + e * apart(kPanel));
    for (int64_t t = 0; t < count; ++t) gather_patch(strip, found[t], t, products, panel);
  }
}

void convolve_tiles(Strip& strip, Workspace& space) {
  const int64_t channels = strip.op.channels;
  float* places = space.image.room<float>(kPlaces * apart(channels));
  float* products = space.weights.room<float>(kPlaces * apart(kPanel));
  std::fill(places, places + kPlaces * apart(channels), 0.0f);
  Place found[kTogether];
  int64_t count = 0;
  for (int64_t y = strip.first; y < strip.end(); y += kTile)
    for (int64_t x = 0; x < strip.columns; x += kTile) {
      if (is_blank(strip, {y, x}, kSpan, kSpan)) {
        put_blank(strip, {y, x}, kTile);
        continue;
      }
      spread_patch(strip, {y, x}, count, places);
      found[count++] = {y, x};
      if (count < kTogether) continue;
      tiles(strip, found, count, places, products);
      count = 0;
      pool_below(strip, y);
    }
  if (count > 0) tiles(strip, found, count, places, products);
}

// ---------------------------------------------------------------- any kernel

void positions(const Strip& strip, const Place* found, int64_t count, const float* patches,
               int64_t taps, float* products) {
  for (int64_t panel = 0; panel < strip.op.panels(); ++panel) {
    multiply<false>(patches, strip.op.weights + panel * taps * kPanel, whole(count), taps,
                    products);
    const Finish finish(strip.op, panel);
    for (int64_t t = 0; t < count; ++t) {
      Reals sums[V];
      for (int v = 0; v < V; ++v) sums[v] = load(products + t * kPanel + v * L);
      finish.put(sums, strip.at(found[t]) + panel * kPanel);
    }
  }
}

// The cells of a patch from `place` on, side by side.
void copy_patch(const Strip& strip, Place place, float* to) {
  const ShiftAndStitch& op = strip.op;
  const int64_t line = op.kernel_columns * op.channels, channels = op.channels;
  const bool together = op.step == 1 && op.left + place.x + op.kernel_columns <= op.width;
  for (int64_t i = 0; i < op.kernel_rows; ++i) {
    const float* row = strip.cell(place.y + i, place.x);
    if (together && row != strip.zeros) {
      to = std::copy_n(row, line, to);
      continue;
    }
    for (int64_t j = 0; j < op.kernel_columns; ++j) {
      const float* cell = strip.cell(place.y + i, place.x + j);
      to = std::copy_n(cell, channels, to);
    }
  }
}

void convolve_positions(Strip& strip, Workspace& space) {
  const ShiftAndStitch& op = strip.op;
  const int64_t taps = op.kernel_rows * op.kernel_columns * op.channels;
  float* patches = space.image.room<float>(kTogether * taps);
  float* products = space.weights.room<float>(kTogether * kPanel);
  std::fill(patches, patches + kTogether * taps, 0.0f);
  Place found[kTogether];
  int64_t count = 0;
  for (int64_t y = strip.first; y < strip.end(); ++y)
    for (int64_t x = 0; x < strip.columns; ++x) {
      if (is_blank(strip, {y, x}, op.kernel_rows, op.kernel_columns)) {
        put_blank(strip, {y, x}, 1);
        continue;
      }
      copy_patch(strip, {y, x}, patches + count * taps);
      found[count++] = {y, x};
      if (count < kTogether) continue;
      positions(strip, found, count, patches, taps, products);
      count = 0;
      pool_below(strip, y);
    }
  if (count > 0) positions(strip, found, count, patches, taps, products);
}

void shift_and_stitch(const ShiftAndStitch& op, int64_t first, int64_t last, Workspace& space) {
  Strip strip = strip_of(op, first, last, space);
  if (op.winograd)
    convolve_tiles(strip, space);
  else
    convolve_positions(strip, space);
  pool_below(strip, strip.end());
}

}  // namespace

DenseCode STORMLENS_NAMED(dense)();
ConvolutionCode STORMLENS_NAMED(convolution)();

const SlidingCode& STORMLENS_NAMED(sliding)() {
  static const SlidingCode code{shift_and_stitch, STORMLENS_NAMED(dense)(),
                                STORMLENS_NAMED(convolution)()};
  return code;
}

}  // namespace stormlens
