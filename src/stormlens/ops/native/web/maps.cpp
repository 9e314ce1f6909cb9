// What networks do between convolutions, and the way back through it: pools, activations,
// normalisations and sums of maps. The forward code is the engine's own.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../vectors.hpp"
#include "layout.hpp"
#include "threads.hpp"

namespace stormlens {
namespace {

constexpr int64_t kValues = 1 << 15;  // of an elementwise task

// Calls body(first, last) for ranges of so many values.
template <typename Body>
void by_ranges(int64_t count, int64_t each, const Body& body) {
  parallel_for((count + each - 1) / each, [&](int32_t task, Workspace&) {
    body(task * each, std::min(count, (task + 1) * each));
  });
}

// As many whole rows as make up a task.
int64_t rows_of_task(int64_t width) { return std::max<int64_t>(1, kValues / width); }

// ---------------------------------------------------------------- pools

// Calls take(cell) for each cell of the window at (y, x) that lies on the map.
template <typename Take>
void each_cell(const Layout& l, int64_t y, int64_t x, const Take& take) {
  const int64_t top = y * l.row_stride - l.top, left = x * l.column_stride - l.left;
  const int64_t bottom = std::min<int64_t>(top + l.rows, l.height);
  const int64_t right = std::min<int64_t>(left + l.columns, l.width);
  for (int64_t row = std::max<int64_t>(top, 0); row < bottom; ++row)
    for (int64_t column = std::max<int64_t>(left, 0); column < right; ++column)
      take(row * l.width + column);
}

// Calls body(y, x, image, gradient) for each window: its images' gradients, all set to zero before,
// and its own.
template <typename Body>
void spread_windows(const Layout& l, int64_t images, const float* gradient, float* to,
                    const Body& body) {
  const int64_t size = l.in().size(), cells = l.out().cells();
  parallel_for(images, [&](int32_t n, Workspace&) {
    std::fill(to + n * size, to + (n + 1) * size, 0.0f);
    for (int64_t cell = 0; cell < cells; ++cell)
      body(cell / l.out_width, cell % l.out_width, n, to + n * size,
           gradient + (n * cells + cell) * l.channels);
  });
}

// To the first of the highest values of each window.
void highest_gradient(const Layout& l, int64_t images, const float* in, const float* gradient,
                      float* to) {
  spread_windows(l, images, gradient, to,
                 [&](int64_t y, int64_t x, int64_t n, float* image, const float* from) {
                   const float* values = in + n * l.in().size();
                   for (int64_t c = 0; c < l.channels; ++c) {
                     int64_t best = -1;
                     each_cell(l, y, x, [&](int64_t cell) {
                       const int64_t at = cell * l.channels + c;
                       if (best < 0 || values[at] > values[best]) best = at;
                     });
                     image[best] += from[c];
                   }
                 });
}

void mean_gradient(const Layout& l, int64_t images, const float* gradient, float* to) {
  spread_windows(l, images, gradient, to,
                 [&](int64_t y, int64_t x, int64_t, float* image, const float* from) {
                   int64_t count = 0;
                   each_cell(l, y, x, [&](int64_t) { ++count; });
                   const float share = 1.0f / static_cast<float>(count);
                   each_cell(l, y, x, [&](int64_t cell) {
                     for (int64_t c = 0; c < l.channels; ++c)
                       image[cell * l.channels + c] += from[c] * share;
                   });
                 });
}

// ---------------------------------------------------------------- activations

// The slope of an activation at x, where it gave y.
template <typename Slope>
void multiply_slope(const float* sums, const float* values, float* gradient, int64_t count,
                    const Slope& slope) {
  for (int64_t i = 0; i < count; ++i) gradient[i] *= slope(sums[i], values[i]);
}

void activation_gradient(const Curve& curve, const float* x, const float* y, float* g,
                         int64_t count) {
  constexpr float kScale = 1.05070098f, kAlpha = 1.67326324f;
  const float a = curve.a, most = curve.b, from = curve.c;
  switch (curve.kind) {
    case Activation::kRelu:
      return multiply_slope(x, y, g, count, [=](float v, float) {
        return v > from ? (v < most ? 1.0f : 0.0f) : a;
      });
    case Activation::kTanh:
      return multiply_slope(x, y, g, count, [](float, float w) { return 1.0f - w * w; });
    case Activation::kSigmoid:
      return multiply_slope(x, y, g, count, [](float, float w) { return w * (1.0f - w); });
    case Activation::kElu:
      return multiply_slope(x, y, g, count,
                            [=](float v, float w) { return v > 0.0f ? 1.0f : w + a; });
    case Activation::kSelu:
      return multiply_slope(x, y, g, count, [](float v, float w) {
        return v > 0.0f ? kScale : w + kScale * kAlpha;
      });
    case Activation::kSoftplus:
      return multiply_slope(x, y, g, count,
                            [](float v, float) { return 1.0f / (1.0f + std::exp(-v)); });
    case Activation::kSoftsign:
      return multiply_slope(x, y, g, count, [](float v, float) {
        const float below = 1.0f + std::fabs(v);
        return 1.0f / (below * below);
      });
    case Activation::kSilu:
      return multiply_slope(x, y, g, count, [](float v, float) {
        const float s = 1.0f / (1.0f + std::exp(-v));
        return s * (1.0f + v * (1.0f - s));
      });
    case Activation::kExponential:
      return multiply_slope(x, y, g, count, [](float, float w) { return w; });
    case Activation::kHardSigmoid:
      return multiply_slope(x, y, g, count, [](float v, float) {
        return v > -3.0f && v < 3.0f ? 1.0f / 6.0f : 0.0f;
      });
    case Activation::kGelu:
      return multiply_slope(x, y, g, count, [](float v, float) {
        return 0.5f * (1.0f + std::erf(v * 0.707106781f)) +
               v * 0.39894228f * std::exp(-0.5f * v * v);
      });
    default:
      return;
  }
}

// Of rows of softmax: y (g - sum g y).
void softmax_gradient(const float* y, float* g, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, y += width, g += width) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(g[i]) * y[i];
    for (int64_t i = 0; i < width; ++i) g[i] = static_cast<float>(y[i] * (g[i] - sum));
  }
}

// ---------------------------------------------------------------- normalisations

// Back through "normalise" with its factors: with z the normalised values and h = g factor,
// (h - mean h - z mean(h z)) / deviation.
void normalise_gradient(float epsilon, const float* factor, const float* in, float* g,
                        int64_t rows, int64_t width) {
  const auto of = static_cast<double>(width);
  for (int64_t row = 0; row < rows; ++row, in += width, g += width) {
    double sum = 0, squares = 0, h = 0, hz = 0;
    for (int64_t i = 0; i < width; ++i) sum += in[i];
    const double mean = sum / of;
    for (int64_t i = 0; i < width; ++i) squares += (in[i] - mean) * (in[i] - mean);
    const double scale = 1 / std::sqrt(squares / of + epsilon);
    for (int64_t i = 0; i < width; ++i) {
      h += static_cast<double>(g[i]) * factor[i];
      hz += g[i] * factor[i] * (in[i] - mean) * scale;
    }
    for (int64_t i = 0; i < width; ++i)
      g[i] = static_cast<float>(
          scale * (g[i] * factor[i] - h / of - (in[i] - mean) * scale * hz / of));
  }
}

// Back through x / s^beta, where s = k + alpha (sum of the neighbours' squares).
void neighbours_gradient(int64_t size, float k, float alpha, float beta, const float* in,
                         const float* g, int64_t rows, int64_t width, float* to,
                         Workspace& space) {
  const int64_t half = size / 2;
  float* powers = space.best.room<float>(2 * width);  // s^-beta, then what squares get back
  float* back = powers + width;
  for (int64_t row = 0; row < rows; ++row, in += width, g += width, to += width) {
    for (int64_t i = 0; i < width; ++i) {
      float squares = 0;
      const int64_t last = std::min(width - 1, i + half);
      for (int64_t j = std::max<int64_t>(0, i - half); j <= last; ++j) squares += in[j] * in[j];
      const float s = k + alpha * squares;
      powers[i] = std::pow(s, -beta);
      back[i] = g[i] * in[i] * powers[i] / s;
    }
    for (int64_t i = 0; i < width; ++i) {
      float sum = 0;
      const int64_t last = std::min(width - 1, i + half);
      for (int64_t j = std::max<int64_t>(0, i - half); j <= last; ++j) sum += back[j];
      to[i] = g[i] * powers[i] - 2.0f * alpha * beta * in[i] * sum;
    }
  }
}

// ---------------------------------------------------------------- whole maps

void whole_mean(const float* in, int64_t cells, int64_t channels, float* to) {
  std::fill(to, to + channels, 0.0f);
  for (int64_t cell = 0; cell < cells; ++cell)
    for (int64_t c = 0; c < channels; ++c) to[c] += in[cell * channels + c];
  for (int64_t c = 0; c < channels; ++c) to[c] /= static_cast<float>(cells);
}

void whole_highest(const float* in, int64_t cells, int64_t channels, float* to) {
  std::copy_n(in, channels, to);
  for (int64_t cell = 1; cell < cells; ++cell)
    for (int64_t c = 0; c < channels; ++c) to[c] = std::max(to[c], in[cell * channels + c]);
}

// Each channel's highest value, as often as it is there, gets as large a share.
void add_highest_gradient(const float* in, const float* highest, const float* gradient,
                          int64_t cells, int64_t channels, float* to) {
  for (int64_t c = 0; c < channels; ++c) {
    int64_t count = 0;
    for (int64_t cell = 0; cell < cells; ++cell) count += in[cell * channels + c] == highest[c];
    const float share = gradient[c] / static_cast<float>(count);
    for (int64_t cell = 0; cell < cells; ++cell)
      if (in[cell * channels + c] == highest[c]) to[cell * channels + c] += share;
  }
}

}  // namespace

// ---------------------------------------------------------------- what a page calls

STORMLENS_EXPORT(scaled)
void web_scaled(const uint8_t* bytes, int32_t count, float low, float span, float* to) {
  by_ranges(count, kValues, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) to[i] = (static_cast<float>(bytes[i]) - low) / span;
  });
}

// Reals in place.
STORMLENS_EXPORT(scaled_reals)
void web_scaled_reals(float* values, int32_t count, float low, float span) {
  by_ranges(count, kValues, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) values[i] = (values[i] - low) / span;
  });
}

STORMLENS_EXPORT(highest_forward)
void web_highest_forward(const Layout* layout, int32_t images, const float* in, float* out) {
  const Pooled op{layout->in(), layout->out(), layout->look()};
  parallel_for(images, [&](int32_t n, Workspace&) {
    engine().pool_highest(op, in + n * op.in.size(), 1, out + n * op.out.size());
  });
}

STORMLENS_EXPORT(highest_gradient)
void web_highest_gradient(const Layout* layout, int32_t images, const float* in,
                          const float* gradient, float* to) {
  highest_gradient(*layout, images, in, gradient, to);
}

STORMLENS_EXPORT(mean_forward)
void web_mean_forward(const Layout* layout, int32_t images, const float* in, float* out) {
  const Pooled op{layout->in(), layout->out(), layout->look()};
  parallel_for(images, [&](int32_t n, Workspace&) {
    engine().pool_mean(op, in + n * op.in.size(), 1, out + n * op.out.size());
  });
}

STORMLENS_EXPORT(mean_gradient)
void web_mean_gradient(const Layout* layout, int32_t images, const float* gradient, float* to) {
  mean_gradient(*layout, images, gradient, to);
}

STORMLENS_EXPORT(activate)
void web_activate(int32_t kind, float a, float b, float c, float* values, int32_t rows,
                  int32_t width) {
  const Curve curve{static_cast<Activation>(kind), a, b, c};
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    engine().activate(curve, values + first * width, last - first, width);
  });
}

// From the sums that an activation was given and the values that it gave, in place.
STORMLENS_EXPORT(activation_gradient)
void web_activation_gradient(int32_t kind, float a, float b, float c, const float* sums,
                             const float* values, float* gradient, int32_t rows, int32_t width) {
  const Curve curve{static_cast<Activation>(kind), a, b, c};
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    const int64_t at = first * width, count = (last - first) * width;
    if (curve.kind == Activation::kSoftmax)
      softmax_gradient(values + at, gradient + at, last - first, width);
    else
      activation_gradient(curve, sums + at, values + at, gradient + at, count);
  });
}

STORMLENS_EXPORT(scale)
void web_scale(const float* factor, const float* offset, float* values, int32_t rows,
               int32_t width) {
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    engine().scale(factor, offset, values + first * width, last - first, width);
  });
}

STORMLENS_EXPORT(normalise)
void web_normalise(float epsilon, const float* factor, const float* offset, float* values,
                   int32_t rows, int32_t width) {
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    engine().normalise(epsilon, values + first * width, last - first, width);
    engine().scale(factor, offset, values + first * width, last - first, width);
  });
}

STORMLENS_EXPORT(normalise_gradient)
void web_normalise_gradient(float epsilon, const float* factor, const float* in, float* gradient,
                            int32_t rows, int32_t width) {
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    normalise_gradient(epsilon, factor, in + first * width, gradient + first * width,
                       last - first, width);
  });
}

STORMLENS_EXPORT(neighbours)
void web_neighbours(int32_t size, float k, float alpha, float beta, const float* in, int32_t rows,
                    int32_t width, float* out) {
  by_ranges(rows, rows_of_task(width), [&](int64_t first, int64_t last) {
    engine().divide_by_neighbours(size, k, alpha, beta, in + first * width, last - first, width,
                                  out + first * width);
  });
}

STORMLENS_EXPORT(neighbours_gradient)
void web_neighbours_gradient(int32_t size, float k, float alpha, float beta, const float* in,
                             const float* gradient, int32_t rows, int32_t width, float* to) {
  const int64_t each = rows_of_task(width);
  parallel_for((rows + each - 1) / each, [&](int32_t task, Workspace& space) {
    const int64_t first = task * each, at = first * width;
    neighbours_gradient(size, k, alpha, beta, in + at, gradient + at,
                        std::min<int64_t>(rows - first, each), width, to + at, space);
  });
}

// Mean, highest value or both of each channel; `mean` and `highest` say which.
STORMLENS_EXPORT(whole)
void web_whole(int32_t mean, int32_t highest, const float* in, int32_t images, int32_t cells,
               int32_t channels, float* out) {
  const int64_t size = int64_t{cells} * channels, width = (mean + highest) * channels;
  parallel_for(images, [&](int32_t n, Workspace&) {
    if (mean != 0) whole_mean(in + n * size, cells, channels, out + n * width);
    if (highest != 0)
      whole_highest(in + n * size, cells, channels, out + n * width + mean * channels);
  });
}

STORMLENS_EXPORT(whole_gradient)
void web_whole_gradient(int32_t mean, int32_t highest, const float* in, const float* out,
                        const float* gradient, int32_t images, int32_t cells, int32_t channels,
                        float* to) {
  const int64_t size = int64_t{cells} * channels, width = (mean + highest) * channels;
  parallel_for(images, [&](int32_t n, Workspace&) {
    float* image = to + n * size;
    const float* from = gradient + n * width;
    for (int64_t i = 0; i < size; ++i)
      image[i] = mean != 0 ? from[i % channels] / static_cast<float>(cells) : 0.0f;
    const int64_t at = mean * channels;
    if (highest != 0)
      add_highest_gradient(in + n * size, out + n * width + at, from + at, cells, channels, image);
  });
}

STORMLENS_EXPORT(add)
void web_add(const float* more, float* values, int32_t count) {
  by_ranges(count, kValues, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) values[i] += more[i];
  });
}

STORMLENS_EXPORT(multiply)
void web_multiply(const float* factors, float* values, int32_t count) {
  by_ranges(count, kValues, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) values[i] *= factors[i];
  });
}

// Factors of shape (images, channels) on maps of (images, cells, channels).
STORMLENS_EXPORT(multiply_channels)
void web_multiply_channels(const float* factors, float* values, int32_t images, int32_t cells,
                           int32_t channels) {
  parallel_for(images, [&](int32_t n, Workspace&) {
    const float* of_image = factors + int64_t{n} * channels;
    float* to = values + int64_t{n} * cells * channels;
    for (int64_t cell = 0; cell < cells; ++cell, to += channels)
      for (int64_t c = 0; c < channels; ++c) to[c] *= of_image[c];
  });
}

// The sum of so many rows, added up in parts of them.
STORMLENS_EXPORT(add_rows)
void web_add_rows(const float* values, int32_t rows, int32_t width, float* sums) {
  constexpr int64_t kRows = 64;
  std::fill(sums, sums + width, 0.0f);
  static Scratch scratch;
  float* part = scratch.room<float>(width);
  for (int64_t first = 0; first < rows; first += kRows) {
    std::fill(part, part + width, 0.0f);
    const int64_t last = std::min<int64_t>(rows, first + kRows);
    for (int64_t row = first; row < last; ++row)
      for (int64_t i = 0; i < width; ++i) part[i] += values[row * width + i];
    for (int64_t i = 0; i < width; ++i) sums[i] += part[i];
  }
}

}  // namespace stormlens
