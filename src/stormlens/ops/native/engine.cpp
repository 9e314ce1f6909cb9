// A network's forward pass in vectors.

#include "engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "patches.hpp"
#include "winograd.hpp"

namespace stormlens {
namespace {

constexpr int64_t kDepth = 128;              // of a panel that stays in the first-level cache
constexpr int64_t kPatchFloats = 48 * 1024;  // of patches put side by side at a time

// ---------------------------------------------------------------- products

// kRows rows by kWide vectors of a panel, added to their sums.
template <int kRows, int kWide>
inline void add_block(const float* rows, int64_t apart, const float* panel, int64_t depth,
                      float* sums) {
  Reals held[kRows][kWide];
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kWide; ++v) held[i][v] = load(sums + i * kPanel + v * L);
  for (int64_t k = 0; k < depth; ++k) {
    // As in products.hpp: read the fewer of values and weights first.
    if constexpr (kRows < kWide) {
      Reals values[kRows];
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) values[i] = repeat(rows[i * apart + k]);
#pragma GCC unroll 8
      for (int v = 0; v < kWide; ++v) {
        const Reals w = load(panel + k * kPanel + v * L);
#pragma GCC unroll 24
        for (int i = 0; i < kRows; ++i) held[i][v] += values[i] * w;
      }
    } else {
      Reals w[kWide];
#pragma GCC unroll 8
      for (int v = 0; v < kWide; ++v) w[v] = load(panel + k * kPanel + v * L);
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) {
        const float value = rows[i * apart + k];
#pragma GCC unroll 8
        for (int v = 0; v < kWide; ++v) held[i][v] += value * w[v];
      }
    }
  }
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kWide; ++v) store(sums + i * kPanel + v * L, held[i][v]);
}

// As many rows at a time as fit, then a third as many, to the last.
template <int kRows, int kWide>
void add_rows(const float* rows, int64_t apart, const float* panel, int64_t count, int64_t depth,
              float* sums) {
  int64_t t = 0;
  for (; t + kRows <= count; t += kRows)
    add_block<kRows, kWide>(rows + t * apart, apart, panel, depth, sums + t * kPanel);
  if constexpr (kRows > 1)
    add_rows<(kRows + 2) / 3, kWide>(rows + t * apart, apart, panel, count - t, depth,
                                     sums + t * kPanel);
}

template <int kWide>
void add_wide(const float* rows, int64_t apart, const float* panel, int64_t count, int64_t depth,
              float* sums) {
  // As many sums as the registers hold.
  constexpr int kRows = std::max(1, (L == 16 ? 24 : 12) / kWide);
  for (int64_t first = 0; first < depth; first += kDepth)
    add_rows<kRows, kWide>(rows + first, apart, panel + first * kPanel, count,
                           std::min(kDepth, depth - first), sums);
}

template <int kWide = V>
void choose_width(int64_t vectors, const float* rows, int64_t apart, const float* panel,
                  int64_t count, int64_t depth, float* sums) {
  if constexpr (kWide > 1)
    if (vectors < kWide)
      return choose_width<kWide - 1>(vectors, rows, apart, panel, count, depth, sums);
  add_wide<kWide>(rows, apart, panel, count, depth, sums);
}

void add_products(const float* rows, int64_t apart, const float* panel, int64_t count,
                  int64_t depth, int64_t width, float* sums) {
  choose_width((width + L - 1) / L, rows, apart, panel, count, depth, sums);
}

// ---------------------------------------------------------------- convolution by tiles

// The tiles of all images, one behind the other, and where one begins.
struct Tiles {
  int64_t down, across, count;

  Tiles(const Convolved& op, int64_t images)
      : down((op.pooled.height * op.pool + kTile - 1) / kTile),
        across((op.pooled.width * op.pool + kTile - 1) / kTile),
        count(images * down * across) {}
};

struct Place {
  int64_t image, y, x;

  Place(const Tiles& tiles, int64_t tile)
      : image(tile / (tiles.down * tiles.across)),
        y(tile / tiles.across % tiles.down * kTile),
        x(tile % tiles.across * kTile) {}
};

void pack_tiles(const Convolved& op, const float* kernel, float* weights) {
  const int64_t channels = op.in.channels, filters = op.out.channels;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t f = 0; f < op.panels() * kPanel; f += L) {
      Reals g[3][3] = {}, out[kSpan][kSpan];
      if (f < filters)
        for (int64_t i = 0; i < 9; ++i)
          g[i / 3][i % 3] = load_some(kernel + (i * channels + c) * filters + f, filters - f);
      along_both<3, kSpan>(spread_three, g, out);
      put_places(out,
                 weights + f / kPanel * kPlaces * op.weights_place() + c * kPanel + f % kPanel,
                 op.weights_place());
    }
}

void spread(const Convolved& op, const float* in, const Place& at, const float* zeros, float* to,
            int64_t place) {
  const int64_t channels = op.in.channels;
  const float* cells[kSpan][kSpan];
  for (int64_t i = 0; i < kSpan; ++i)
    for (int64_t j = 0; j < kSpan; ++j) {
      const int64_t row = at.y + i - op.look.top, column = at.x + j - op.look.left;
      const bool inside =
          row >= 0 && column >= 0 && row < op.in.height && column < op.in.width;
      const int64_t cell = (at.image * op.in.height + row) * op.in.width + column;
      cells[i][j] = inside ? in + cell * channels : zeros;
    }
  for (int64_t c = 0; c < channels; c += L) {
    const int64_t left = channels - c;
    Reals d[kSpan][kSpan], out[kSpan][kSpan];
    for (int64_t i = 0; i < kSpan; ++i)
      for (int64_t j = 0; j < kSpan; ++j) d[i][j] = load_some(cells[i][j] + c, left);
    along_both<kSpan, kSpan>(spread_eight, d, out);
    for (int64_t i = 0; i < kSpan; ++i)
      for (int64_t j = 0; j < kSpan; ++j)
        store_some(to + (i * kSpan + j) * place + c, out[i][j], left);
  }
}

// The outputs of one tile for L filters or fewer: bias, another map, lowest value, pool.
template <int kPool>
void put_outputs(const Convolved& op, const Place& at, int64_t f, const Reals (*tile)[kTile],
                 const float* add, float* out) {
  const int64_t filters = op.out.channels, left = filters - f;
  const Shape& result = op.pooled;
  const Reals bias = load_some(op.bias + f, left), lowest = Reals{} + op.lowest;
  const int64_t y = at.y / kPool, x = at.x / kPool;
  const int64_t rows = std::min(kTile / kPool, result.height - y);
  const int64_t columns = std::min(kTile / kPool, result.width - x);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      Reals value = tile[i * kPool][j * kPool];
      for (int p = 1; p < kPool * kPool; ++p)
        value = larger(value, tile[i * kPool + p / kPool][j * kPool + p % kPool]);
      value += bias;
      const int64_t cell = (at.image * result.height + y + i) * result.width + x + j;
      if (add != nullptr) value += load_some(add + cell * filters + f, left);
      store_some(out + cell * filters + f, larger(value, lowest), left);
    }
}

void convolve_tiles(const Convolved& op, const float* in, const float* add, int64_t images,
                    float* out, Workspace& space) {
  const Tiles tiles(op, images);
  const int64_t channels = op.in.channels, place = apart(channels);
  float* places = space.image.room<float>(kPlaces * place);
  float* products = space.weights.room<float>(kPlaces * apart(kPanel));
  float* zeros = space.filters.room<float>(channels);
  std::fill(zeros, zeros + channels, 0.0f);
  const auto put = op.pool == 3 ? put_outputs<3> : op.pool == 2 ? put_outputs<2> : put_outputs<1>;
  for (int64_t first = 0; first < tiles.count; first += kTogether) {
    const int64_t count = std::min(kTogether, tiles.count - first);
    for (int64_t t = 0; t < count; ++t)
      spread(op, in, Place(tiles, first + t), zeros, places + t * channels, place);
    for (int64_t e = 0; e < kPlaces; ++e)
      std::fill(places + e * place + count * channels,
                places + e * place + whole(count) * channels, 0.0f);
    for (int64_t panel = 0; panel < op.panels(); ++panel) {
      for (int64_t e = 0; e < kPlaces; ++e)
        multiply<false>(places + e * place,
                        op.weights + (panel * kPlaces + e) * op.weights_place(), whole(count),
                        channels, products + e * apart(kPanel));
      const int64_t wide = std::min(kPanel, op.out.channels - panel * kPanel);
      for (int64_t t = 0; t < count; ++t)
        for (int64_t f = 0; f < wide; f += L) {
          Reals m[kSpan][kSpan], tile[kTile][kTile];
          get_places(products + t * kPanel + f, apart(kPanel), m);
          along_both<kSpan, kTile>(gather_eight, m, tile);
          put(op, Place(tiles, first + t), panel * kPanel + f, tile, add, out);
        }
    }
  }
}

// ---------------------------------------------------------------- convolution by patches

void convolve_patches(const Convolved& op, const float* in, const float* add, int64_t images,
                      float* out, Workspace& space) {
  const int64_t taps = op.taps(), filters = op.out.channels, cells = op.out.cells();
  const int64_t together = std::clamp<int64_t>(kPatchFloats / taps, 12, 192);
  float* patches = space.image.room<float>(together * taps);
  float* sums = space.best.room<float>(together * kPanel);
  for (int64_t first = 0; first < images * cells; first += together) {
    const int64_t count = std::min(together, images * cells - first);
    for (int64_t group = 0; group < op.groups; ++group) {
      for (int64_t t = 0; t < count; ++t) {
        const int64_t cell = (first + t) % cells;
        put_patch(op, in + (first + t) / cells * op.in.size(), cell / op.out.width,
                  cell % op.out.width, group * (op.in.channels / op.groups), patches + t * taps);
      }
      for (int64_t panel = 0; panel < op.group_panels(); ++panel) {
        const int64_t wide = std::min(kPanel, op.group_filters() - panel * kPanel);
        const int64_t f = group * op.group_filters() + panel * kPanel;
        std::fill(sums, sums + count * kPanel, 0.0f);
        add_products(patches, taps,
                     op.weights + (group * op.group_panels() + panel) * taps * kPanel, count,
                     taps, wide, sums);
        for (int64_t t = 0; t < count; ++t) {
          const int64_t at = (first + t) * filters + f;
          for (int64_t i = 0; i < wide; ++i) {
            const float value =
                sums[t * kPanel + i] + op.bias[f + i] + (add == nullptr ? 0.0f : add[at + i]);
            out[at + i] = value > op.lowest ? value : op.lowest;
          }
        }
      }
    }
  }
}

// ---------------------------------------------------------------- pools

// Calls take(cell) for each cell of the window at (y, x) that lies on the map.
template <typename Take>
inline void each_cell(const Pooled& op, int64_t y, int64_t x, const Take& take) {
  const int64_t top = y * op.look.row_stride - op.look.top;
  const int64_t left = x * op.look.column_stride - op.look.left;
  const int64_t bottom = std::min(top + op.look.rows, op.in.height);
  const int64_t right = std::min(left + op.look.columns, op.in.width);
  for (int64_t row = std::max<int64_t>(top, 0); row < bottom; ++row)
    for (int64_t column = std::max<int64_t>(left, 0); column < right; ++column)
      take(row * op.in.width + column);
}

// For each window and L channels, or fewer, what `gather(cells)` makes of them.
template <typename Gather>
inline void each_window(const Pooled& op, const float* in, int64_t images, float* out,
                        const Gather& gather) {
  const int64_t channels = op.in.channels;
  for (int64_t n = 0; n < images; ++n, in += op.in.size())
    for (int64_t y = 0; y < op.out.height; ++y)
      for (int64_t x = 0; x < op.out.width; ++x, out += channels)
        for (int64_t c = 0; c < channels; c += L)
          store_some(out + c, gather(y, x, in + c, channels - c), channels - c);
}

void pool_highest(const Pooled& op, const float* in, int64_t images, float* out) {
  each_window(op, in, images, out, [&](int64_t y, int64_t x, const float* from, int64_t left) {
    Reals highest = Reals{} - std::numeric_limits<float>::infinity();
    each_cell(op, y, x, [&](int64_t cell) {
      highest = larger(highest, load_some(from + cell * op.in.channels, left));
    });
    return highest;
  });
}

void pool_mean(const Pooled& op, const float* in, int64_t images, float* out) {
  each_window(op, in, images, out, [&](int64_t y, int64_t x, const float* from, int64_t left) {
    Reals sum{};
    int64_t count = 0;
    each_cell(op, y, x, [&](int64_t cell) {
      sum += load_some(from + cell * op.in.channels, left);
      ++count;
    });
    return sum / static_cast<float>(count);
  });
}

// ---------------------------------------------------------------- activations

typedef int32_t Integers __attribute__((vector_size(4 * L)));

// e^x by 2^n e^r with r within half of log 2, to two units in the last place (Cody and Waite
// 1980, Software Manual for the Elementary Functions, chapter 6; its polynomial by Remez).
inline Reals exponential(Reals x) {
  const Reals least = Reals{} - 87.3f, most = Reals{} + 88.3f;
  x = x > most ? most : (x > least ? x : least);
  const Reals shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to whole numbers
  const Reals n = shifted - 12582912.0f;
  const Reals r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Reals p = Reals{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Integers power = (__builtin_convertvector(n, Integers) + 127) << 23;
  Reals two;
  __builtin_memcpy(&two, &power, sizeof two);
  return p * two;
}

template <typename Function>
inline void each_vector(float* values, int64_t count, const Function& function) {
  for (int64_t i = 0; i < count; i += L)
    store_some(values + i, function(load_some(values + i, count - i)), count - i);
}

inline Reals magnitude(Reals x) { return x > 0.0f ? x : -x; }

inline Reals hyperbolic_tangent(Reals x) {
  const Reals e = exponential(-2.0f * magnitude(x)), t = (1.0f - e) / (1.0f + e);
  return x > 0.0f ? t : -t;
}

inline Reals logistic(Reals x) { return 1.0f / (1.0f + exponential(-x)); }

void softmax(float* values, int64_t width) {
  const float highest = *std::max_element(values, values + width);
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += values[i] = std::exp(values[i] - highest);
  for (int64_t i = 0; i < width; ++i) values[i] = static_cast<float>(values[i] / sum);
}

void rectify(const Curve& curve, float* values, int64_t count) {
  const Reals slope = Reals{} + curve.a, most = Reals{} + curve.b, from = Reals{} + curve.c;
  each_vector(values, count, [=](Reals x) {
    const Reals low = slope * (x - from), high = x > most ? most : x;
    return x > from ? high : low;
  });
}

template <typename Function>
inline void each_value(float* values, int64_t count, const Function& function) {
  for (int64_t i = 0; i < count; ++i) values[i] = function(values[i]);
}

void activate(const Curve& curve, float* values, int64_t rows, int64_t width) {
  constexpr float kSeluScale = 1.05070098f, kSeluAlpha = 1.67326324f;
  const int64_t count = rows * width;
  const float a = curve.a;
  switch (curve.kind) {
    case Activation::kRelu:
      return rectify(curve, values, count);
    case Activation::kTanh:
      return each_vector(values, count, hyperbolic_tangent);
    case Activation::kSigmoid:
      return each_vector(values, count, logistic);
    case Activation::kElu:
      return each_vector(values, count,
                         [=](Reals x) { return x > 0.0f ? x : a * (exponential(x) - 1.0f); });
    case Activation::kSelu:
      return each_vector(values, count, [=](Reals x) {
        return kSeluScale * (x > 0.0f ? x : kSeluAlpha * (exponential(x) - 1.0f));
      });
    case Activation::kSoftplus:
      return each_value(values, count, [](float x) {
        return std::max(x, 0.0f) + std::log1p(std::exp(-std::fabs(x)));
      });
    case Activation::kSoftsign:
      return each_vector(values, count, [](Reals x) { return x / (1.0f + magnitude(x)); });
    case Activation::kSilu:
      return each_vector(values, count, [](Reals x) { return x * logistic(x); });
    case Activation::kExponential:
      return each_value(values, count, [](float x) { return std::exp(x); });
    case Activation::kHardSigmoid:
      return each_value(values, count,
                        [](float x) { return std::clamp(x / 6.0f + 0.5f, 0.0f, 1.0f); });
    case Activation::kGelu:
      return each_value(values, count, [](float x) {
        return 0.5f * x * (1.0f + std::erf(x * 0.707106781f));
      });
    case Activation::kSoftmax:
      for (int64_t row = 0; row < rows; ++row) softmax(values + row * width, width);
      return;
    default:
      return;
  }
}

void scale(const float* factor, const float* offset, float* values, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, values += width)
    for (int64_t i = 0; i < width; ++i) values[i] = values[i] * factor[i] + offset[i];
}

void normalise(float epsilon, float* values, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, values += width) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < width; ++i) sum += values[i];
    const double mean = sum / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const double factor = 1 / std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i)
      values[i] = static_cast<float>((values[i] - mean) * factor);
  }
}

void divide_by_neighbours(int64_t size, float k, float alpha, float beta, const float* in,
                          int64_t rows, int64_t width, float* out) {
  const int64_t half = size / 2;
  for (int64_t row = 0; row < rows; ++row, in += width, out += width)
    for (int64_t i = 0; i < width; ++i) {
      float squares = 0;
      const int64_t last = std::min(width - 1, i + half);
      for (int64_t j = std::max<int64_t>(0, i - half); j <= last; ++j) squares += in[j] * in[j];
      out[i] = in[i] / std::pow(k + alpha * squares, beta);
    }
}

}  // namespace

EngineCode STORMLENS_NAMED(engine)() {
  return {STORMLENS_TEXT(STORMLENS_ISA), pack_tiles, convolve_tiles, convolve_patches,
          add_products, pool_highest, pool_mean, activate, scale, normalise,
          divide_by_neighbours};
}

}  // namespace stormlens
