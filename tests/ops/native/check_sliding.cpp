// Sliding windows' two operations, of one instruction set, beside plain loops.
//
// Built with sanitizers by test_sanitizers.py, which also makes Scratch give exactly the memory
// asked for. All arrays have their exact size. Winograd's weights are no whole numbers, so that
// results have a tolerance.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "sliding.hpp"

using namespace stormlens;

namespace {

using Floats = std::vector<float>;

[[noreturn]] void fail(const char* what, int example) {
  std::fprintf(stderr, "%s differs from plain loops in example %d.\n", what, example);
  std::exit(1);
}

class Random {
 public:
  explicit Random(int seed) : engine_(static_cast<unsigned>(seed)) {}
  int64_t whole(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  Floats values(int64_t count) {
    Floats out(static_cast<size_t>(count));
    for (float& value : out) value = static_cast<float>(whole(-8, 8)) / 8;
    return out;
  }

 private:
  std::mt19937 engine_;
};

const SlidingCode& code() { return CHECKED(); }

void compare(const Floats& found, const Floats& expected, const char* what, int example) {
  for (size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(found[i] - expected[i]) < 1e-3f)) fail(what, example);
}

// Weights (taps, F) in panels of 32 as the library reads them, for each of `places`.
Floats panels(const Floats& weights, int64_t places, int64_t depth, int64_t filters) {
  const int64_t count = (filters + kPanel - 1) / kPanel;
  Floats out(static_cast<size_t>(count * places * depth * kPanel));
  for (int64_t e = 0; e < places; ++e)
    for (int64_t d = 0; d < depth; ++d)
      for (int64_t f = 0; f < filters; ++f)
        out[((f / kPanel * places + e) * depth + d) * kPanel + f % kPanel] =
            weights[(e * depth + d) * filters + f];
  return out;
}

// G g G^T for each channel and filter.
Floats spread_weights(const Floats& kernel, int64_t channels, int64_t filters) {
  const double g[6][3] = {{1. / 4, 0, 0},           {-1. / 6, -1. / 6, -1. / 6},
                          {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6},
                          {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
  const int64_t each = channels * filters;
  Floats out(static_cast<size_t>(36 * each));
  for (int r = 0; r < 6; ++r)
    for (int c = 0; c < 6; ++c)
      for (int64_t k = 0; k < each; ++k) {
        double sum = 0;
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) sum += g[r][i] * g[c][j] * kernel[(i * 3 + j) * each + k];
        out[(r * 6 + c) * each + k] = static_cast<float>(sum);
      }
  return out;
}

Floats convolved(const Everywhere& op, const Floats& kernel) {
  Floats out(static_cast<size_t>(op.rows * op.columns * op.filters));
  for (int64_t y = 0; y < op.rows; ++y)
    for (int64_t x = 0; x < op.columns; ++x)
      for (int64_t f = 0; f < op.filters; ++f) {
        double sum = op.bias[f];
        for (int64_t i = 0; i < op.kernel_rows; ++i)
          for (int64_t j = 0; j < op.kernel_columns; ++j) {
            const int64_t row = op.top + op.step * (y + i), column = op.left + op.step * (x + j);
            if (row >= op.height || column >= op.width) continue;
            for (int64_t c = 0; c < op.channels; ++c)
              sum += op.image[(row * op.width + column) * op.channels + c] *
                     kernel[((i * op.kernel_columns + j) * op.channels + c) * op.filters + f];
          }
        out[(y * op.columns + x) * op.filters + f] =
            static_cast<float>(op.relu ? std::max(sum, 0.0) : sum);
      }
  return out;
}

Floats pooled(const Everywhere& op, const Floats& values) {
  Floats out(static_cast<size_t>(op.pooled_rows() * op.pooled_columns() * op.filters));
  for (int64_t y = 0; y < op.pooled_rows(); ++y)
    for (int64_t x = 0; x < op.pooled_columns(); ++x)
      for (int64_t f = 0; f < op.filters; ++f) {
        float best = -INFINITY;
        for (int64_t i = 0; i < op.pool; ++i)
          for (int64_t j = 0; j < op.pool; ++j)
            best = std::max(best, values[((y + i) * op.columns + x + j) * op.filters + f]);
        out[(y * op.pooled_columns() + x) * op.filters + f] = best;
      }
  return out;
}

// What the convolution makes of an image that is blank throughout.
Floats reply_to(const Everywhere& op, const Floats& kernel, const Floats& blank) {
  Floats image;
  for (int64_t i = 0; i < op.kernel_rows * op.kernel_columns; ++i)
    image.insert(image.end(), blank.begin(), blank.end());
  Everywhere one = op;
  one.image = image.data();
  one.height = op.kernel_rows, one.width = op.kernel_columns;
  one.top = one.left = 0, one.step = one.rows = one.columns = one.pool = 1;
  return convolved(one, kernel);
}

void check_everywhere(Random& random, int example) {
  Everywhere op{};
  op.winograd = example % 2 == 0;
  op.channels = op.winograd ? 16 * random.whole(1, 3) : random.whole(1, 5);
  op.kernel_rows = op.winograd ? 3 : random.whole(1, 4);
  op.kernel_columns = op.winograd ? 3 : random.whole(1, 4);
  op.height = random.whole(1, 40), op.width = random.whole(1, 40);
  op.top = random.whole(0, 5), op.left = random.whole(0, 5), op.step = random.whole(1, 3);
  op.filters = random.whole(1, 70), op.pool = random.whole(1, 3);
  op.rows = op.pool - 1 + random.whole(1, 40), op.columns = op.pool - 1 + random.whole(1, 40);
  op.relu = random.whole(0, 1) == 1;
  const int64_t taps = op.kernel_rows * op.kernel_columns * op.channels;
  Floats image = random.values(op.height * op.width * op.channels);
  const Floats kernel = random.values(taps * op.filters), blank = random.values(op.channels);
  for (int64_t i = 0; i < op.height * op.width / 2; ++i)  // the southern half is blank
    std::copy(blank.begin(), blank.end(), image.begin() + i * op.channels);
  const Floats weights =
      op.winograd ? panels(spread_weights(kernel, op.channels, op.filters), kPlaces, op.channels,
                           op.filters)
                  : panels(kernel, 1, taps, op.filters);
  Floats bias = random.values(op.filters);
  bias.resize(static_cast<size_t>(op.panels() * kPanel));
  op.image = image.data(), op.weights = weights.data(), op.bias = bias.data();
  const Floats reply = reply_to(op, kernel, blank);
  op.blank = blank.data(), op.reply = reply.data();
  const Floats expected = pooled(op, convolved(op, kernel));
  Floats found(expected.size());
  op.pooled = found.data();
  const int64_t rows = op.pooled_rows(), each = random.whole(1, rows);
  Workspace space;
  for (int64_t first = 0; first < rows; first += each)
    code().everywhere(op, first, std::min(rows, first + each), space);
  compare(found, expected, "the convolution", example);
}

void check_dense_windows(Random& random, int example) {
  DenseWindows op{};
  op.channels = random.whole(1, 20), op.units = random.whole(1, 70);
  op.row_step = random.whole(1, 3), op.column_step = random.whole(1, 3);
  op.dilation = random.whole(1, 3);
  op.rows = random.whole(1, 5), op.columns = random.whole(1, 30);
  op.down = random.whole(1, 4), op.across = random.whole(1, 4);
  op.height = (op.rows - 1) * op.row_step + (op.down - 1) * op.dilation + 1;
  op.width = (op.columns - 1) * op.column_step + (op.across - 1) * op.dilation + 1;
  Floats image = random.values(op.height * op.width * op.channels);
  const Floats blank = random.values(op.channels);
  for (int64_t i = 0; i < op.height * op.width; ++i)
    if (i % op.width < op.width / 2 || random.whole(0, 1) == 1)  // the western half, and specks
      std::copy(blank.begin(), blank.end(), image.begin() + i * op.channels);
  const int64_t depth = op.across * op.channels;
  const Floats kernel = random.values(op.down * depth * op.units);
  const Floats weights = panels(kernel, op.down, depth, op.units), bias = random.values(op.units);
  Floats found(static_cast<size_t>(op.rows * op.columns * op.units)), expected(found.size());
  op.image = image.data(), op.weights = weights.data(), op.bias = bias.data();
  op.outputs = found.data();
  for (int64_t i = 0; i < op.rows; ++i)
    for (int64_t k = 0; k < op.columns; ++k)
      for (int64_t u = 0; u < op.units; ++u) {
        double sum = bias[u];
        for (int64_t r = 0; r < op.down; ++r)
          for (int64_t d = 0; d < depth; ++d) {
            const int64_t row = i * op.row_step + r * op.dilation;
            const int64_t column = k * op.column_step + d / op.channels * op.dilation;
            sum += image[(row * op.width + column) * op.channels + d % op.channels] *
                   kernel[(r * depth + d) * op.units + u];
          }
        expected[(i * op.columns + k) * op.units + u] = static_cast<float>(sum);
      }
  Floats replies(static_cast<size_t>(op.panels() * op.down * op.across * kPanel));
  for (size_t i = 0; i < replies.size(); ++i)
    for (int64_t c = 0; c < op.channels; ++c)
      replies[i] +=
          blank[c] * weights[(i / kPanel * op.channels + c) * kPanel + i % kPanel];
  std::vector<uint8_t> echo(static_cast<size_t>(op.height * op.width));
  op.blank = blank.data(), op.replies = replies.data(), op.echo = echo.data();
  const int64_t half = random.whole(0, op.height);
  code().note_echo(op, 0, half);
  code().note_echo(op, half, op.height);
  Workspace space;
  const int64_t cut = random.whole(0, op.rows);
  for (int64_t panel = 0; panel < op.panels(); ++panel) {
    code().dense_windows(op, panel, 0, cut, space);
    code().dense_windows(op, panel, cut, op.rows, space);
  }
  compare(found, expected, "the dense layer", example);
}

bool runs_here() {
#if defined(STORMLENS_AVX512)
  return __builtin_cpu_supports("avx512f");
#elif defined(STORMLENS_AVX2)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

int main() {
  if (!runs_here()) return 77;
  for (int example = 0; example < 100; ++example) {
    Random random(example);
    check_everywhere(random, example);
    check_dense_windows(random, example);
  }
  return 0;
}
