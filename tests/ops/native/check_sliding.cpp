// Sliding windows and 3 x 3 convolution, of one instruction set, beside plain loops.
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

#include "instruction_set.hpp"
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
  const double g[8][3] = {{1, 0, 0},
                          {-2. / 9, -2. / 9, -2. / 9},
                          {-2. / 9, 2. / 9, -2. / 9},
                          {1. / 90, 1. / 45, 2. / 45},
                          {1. / 90, -1. / 45, 2. / 45},
                          {32. / 45, 16. / 45, 8. / 45},
                          {32. / 45, -16. / 45, 8. / 45},
                          {0, 0, 1}};
  const int64_t each = channels * filters;
  Floats out(static_cast<size_t>(kPlaces * each));
  for (int r = 0; r < 8; ++r)
    for (int c = 0; c < 8; ++c)
      for (int64_t k = 0; k < each; ++k) {
        double sum = 0;
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) sum += g[r][i] * g[c][j] * kernel[(i * 3 + j) * each + k];
        out[(r * 8 + c) * each + k] = static_cast<float>(sum);
      }
  return out;
}

// One output of the convolution.
double convolved(const ShiftAndStitch& op, const Floats& kernel, int64_t y, int64_t x, int64_t f) {
  double sum = op.bias[f];
  for (int64_t i = 0; i < op.kernel_rows; ++i)
    for (int64_t j = 0; j < op.kernel_columns; ++j) {
      const int64_t row = op.top + op.step * (y + i), column = op.left + op.step * (x + j);
      if (row >= op.height || column >= op.width) continue;
      for (int64_t c = 0; c < op.channels; ++c)
        sum += op.image[(row * op.width + column) * op.channels + c] *
               kernel[((i * op.kernel_columns + j) * op.channels + c) * op.filters + f];
    }
  return op.relu ? std::max(sum, 0.0) : sum;
}

double pooled(const ShiftAndStitch& op, const Floats& kernel, int64_t y, int64_t x, int64_t f) {
  double best = -INFINITY;
  for (int64_t i = 0; i < op.pool; ++i)
    for (int64_t j = 0; j < op.pool; ++j)
      best = std::max(best, convolved(op, kernel, y + i, x + j, f));
  return best;
}

// Calls body(y, x) with each cell of each window, in the order of the result.
template <typename Body>
void each_cell(const Windows& down, const Windows& across, const Body& body) {
  for (int64_t i = 0; i < down.count; ++i)
    for (int64_t k = 0; k < across.count; ++k)
      for (int64_t u = 0; u < down.cells; ++u)
        for (int64_t v = 0; v < across.cells; ++v)
          body(down.step * i + down.dilation * u, across.step * k + across.dilation * v);
}

// What the convolution makes of an image that is blank throughout.
Floats reply_to(const ShiftAndStitch& op, const Floats& kernel, const Floats& blank) {
  Floats image, reply;
  for (int64_t i = 0; i < op.kernel_rows * op.kernel_columns; ++i)
    image.insert(image.end(), blank.begin(), blank.end());
  ShiftAndStitch one = op;
  one.image = image.data();
  one.height = op.kernel_rows, one.width = op.kernel_columns;
  one.top = one.left = 0, one.step = 1;
  for (int64_t f = 0; f < op.filters; ++f)
    reply.push_back(static_cast<float>(convolved(one, kernel, 0, 0, f)));
  return reply;
}

Windows random_windows(Random& random, int64_t most) {
  return {random.whole(1, 4), random.whole(1, 3), random.whole(1, most), random.whole(1, 4)};
}

void check_shift_and_stitch(Random& random, int example) {
  ShiftAndStitch op{};
  op.winograd = example % 2 == 0;
  op.channels = op.winograd ? 16 * random.whole(1, 3) : random.whole(1, 5);
  op.kernel_rows = op.winograd ? 3 : random.whole(1, 4);
  op.kernel_columns = op.winograd ? 3 : random.whole(1, 4);
  op.height = random.whole(1, 40), op.width = random.whole(1, 40);
  op.top = random.whole(0, 5), op.left = random.whole(0, 5), op.step = random.whole(1, 3);
  op.filters = random.whole(1, 70), op.pool = random.whole(1, 3);
  op.down = random_windows(random, 8), op.across = random_windows(random, 8);
  if (example % 4 < 2) {  // every cell
    op.down = {1, 1, random.whole(1, 40), 1};
    op.across = {1, 1, random.whole(1, 40), 1};
  }
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
  Floats expected;
  each_cell(op.down, op.across, [&](int64_t y, int64_t x) {
    for (int64_t f = 0; f < op.filters; ++f)
      expected.push_back(static_cast<float>(pooled(op, kernel, y, x, f)));
  });
  Floats found(expected.size());
  op.pooled = found.data();
  const int64_t rows = op.down.extent(), each = random.whole(1, rows);
  Workspace space;
  for (int64_t first = 0; first < rows; first += each)
    code().shift_and_stitch(op, first, std::min(rows, first + each), space);
  compare(found, expected, "the convolution", example);
}

// As the library's caller goes about it, but with few tiles, units and phases at a time.
void run_dense(DenseWindows op, Random& random) {
  const DenseCode& dense = code().dense;
  const int64_t panels = (op.units + kPanel - 1) / kPanel, tiles = op.all_tiles();
  op.tiles = dense.held * random.whole(1, (tiles + dense.held - 1) / dense.held);
  const int64_t panels_at_once = random.whole(1, panels);
  const int64_t phases = random.whole(1, op.all_phases());
  for (op.first_tile = 0; op.first_tile < tiles; op.first_tile += op.tiles)
    for (int64_t panel = 0; panel < panels; panel += panels_at_once) {
      op.first_unit = panel * kPanel;
      op.panels = std::min(panels_at_once, panels - panel);
      op.phases = phases;
      Floats image(static_cast<size_t>(kSpectrum * op.image_place()), NAN);
      Floats kernel(static_cast<size_t>(kSpectrum * op.kernel_place()), NAN);
      Floats sums(static_cast<size_t>(kSpectrum * op.sums_place()), NAN);
      op.image_spectra = image.data(), op.kernel_spectra = kernel.data(), op.sums = sums.data();
      for (op.first_phase = 0; op.first_phase < op.all_phases(); op.first_phase += phases) {
        op.phases = std::min(phases, op.all_phases() - op.first_phase);
        for (int64_t tile = 0; tile < op.tiles; ++tile) dense.spread_image(op, tile);
        for (int64_t depth = 0; depth < op.depth(); ++depth) dense.spread_kernel(op, depth);
        for (int64_t place = 0; place < kSpectrum; ++place) dense.add_products(op, place);
      }
      const int64_t last = std::min(tiles, op.first_tile + op.tiles);
      for (int64_t tile = op.first_tile; tile < last; ++tile)
        dense.gather_windows(op, tile - op.first_tile);
    }
}

void check_dense_windows(Random& random, int example) {
  Windows down = random_windows(random, 20), across = random_windows(random, 20);
  down.cells = random.whole(1, 9), across.cells = random.whole(1, example % 8 == 0 ? 40 : 9);
  across.dilation = down.dilation;
  const int64_t channels = random.whole(1, 20), units = random.whole(1, 70);
  const int64_t height = down.extent() + random.whole(0, 3), width = across.extent();
  const Floats image = random.values(height * width * channels), bias = random.values(units);
  const Floats kernel = random.values(down.cells * across.cells * channels * units);
  Floats expected;
  for (int64_t i = 0; i < down.count; ++i)
    for (int64_t k = 0; k < across.count; ++k)
      for (int64_t unit = 0; unit < units; ++unit) {
        double sum = bias[unit];
        for (int64_t u = 0; u < down.cells; ++u)
          for (int64_t v = 0; v < across.cells; ++v)
            for (int64_t c = 0; c < channels; ++c) {
              const int64_t y = down.step * i + down.dilation * u;
              const int64_t x = across.step * k + across.dilation * v;
              sum += image[(y * width + x) * channels + c] *
                     kernel[((u * across.cells + v) * channels + c) * units + unit];
            }
        expected.push_back(static_cast<float>(sum));
      }
  Floats found(expected.size());
  DenseWindows op{image.data(), height,      width, channels,      Along(down),
                  Along(across), units, kernel.data(), bias.data(), found.data()};
  run_dense(op, random);
  compare(found, expected, "the dense layer", example);
}

// Output (y, x, f) of image n.
double convolved(const Convolution& op, const Floats& images, const Floats& kernel, int64_t n,
                 int64_t y, int64_t x, int64_t f) {
  double sum = 0;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      const int64_t row = y + i - 1, column = x + j - 1;
      if (row < 0 || column < 0 || row >= op.height || column >= op.width) continue;
      for (int64_t c = 0; c < op.channels; ++c)
        sum += images[((n * op.height + row) * op.width + column) * op.channels + c] *
               kernel[((i * 3 + j) * op.channels + c) * op.filters + f];
    }
  return sum;
}

Floats convolved(const Convolution& op, const Floats& images, const Floats& kernel) {
  Floats out;
  for (int64_t n = 0; n < op.count; ++n)
    for (int64_t y = 0; y < op.height; ++y)
      for (int64_t x = 0; x < op.width; ++x)
        for (int64_t f = 0; f < op.filters; ++f)
          out.push_back(static_cast<float>(convolved(op, images, kernel, n, y, x, f)));
  return out;
}

// The kernel from its end, channels and filters exchanged.
Floats turned(const Convolution& op, const Floats& kernel) {
  Floats out(kernel.size());
  for (int64_t tap = 0; tap < 9; ++tap)
    for (int64_t c = 0; c < op.channels; ++c)
      for (int64_t f = 0; f < op.filters; ++f)
        out[((8 - tap) * op.filters + f) * op.channels + c] =
            kernel[(tap * op.channels + c) * op.filters + f];
  return out;
}

void check_convolution(Random& random, int example) {
  const Convolution op{random.whole(0, 5), random.whole(1, 14), random.whole(1, 14),
                       16 * random.whole(1, 3), 16 * random.whole(1, 3)};
  const int64_t pixels = op.count * op.height * op.width;
  const Floats images = random.values(pixels * op.channels);
  const Floats kernel = random.values(9 * op.channels * op.filters);
  const Floats expected = convolved(op, images, kernel);
  const ConvolutionCode& convolution = code().convolution;
  Workspace space;
  for (const bool is_turned : {false, true}) {
    Floats weights(static_cast<size_t>(op.panels() * kPlaces * op.weights_place()));
    Floats outputs(expected.size());
    const Floats given = is_turned ? turned(op, kernel) : kernel;
    const Convolving all{op, images.data(), given.data(), is_turned, weights.data(),
                         outputs.data()};
    for (int64_t c = 0; c < op.channels; ++c) convolution.spread_kernel(all, c);
    for (int64_t first = 0; first < op.tiles();) {
      const int64_t most = std::min(kTogether, op.tiles() - first);
      const int64_t last = first + random.whole(1, most);
      convolution.convolve(all, first, last, space);
      first = last;
    }
    compare(outputs, expected, "the convolution", example);
  }

  const Floats gradients = random.values(pixels * op.filters);
  Floats found(kernel.size()), plain(kernel.size());
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j)
      for (int64_t n = 0; n < op.count; ++n)
        for (int64_t y = std::max<int64_t>(0, 1 - i); y < op.height && y + i - 1 < op.height; ++y)
          for (int64_t x = std::max<int64_t>(0, 1 - j); x < op.width && x + j - 1 < op.width; ++x)
            for (int64_t c = 0; c < op.channels; ++c)
              for (int64_t f = 0; f < op.filters; ++f)
                plain[((i * 3 + j) * op.channels + c) * op.filters + f] +=
                    images[((n * op.height + y + i - 1) * op.width + x + j - 1) * op.channels + c] *
                    gradients[((n * op.height + y) * op.width + x) * op.filters + f];
  Floats image_places(static_cast<size_t>(kPlaces * op.image_place()));
  Floats gradient_places(static_cast<size_t>(kPlaces * op.gradient_place()));
  Floats sums(static_cast<size_t>(kPlaces * op.sums_place()));
  const KernelGradient all{op,           images.data(), gradients.data(), image_places.data(),
                           gradient_places.data(), sums.data(),   found.data()};
  for (int64_t tile = 0; tile < op.tiles(); ++tile) convolution.spread_tile(all, tile, space);
  for (int64_t place = 0; place < kPlaces; ++place) convolution.add_products(all, place);
  for (int64_t c = 0; c < op.channels; ++c) convolution.gather_kernel(all, c);
  compare(found, plain, "the gradient of a kernel", example);
}

bool runs_here() {
#if STORMLENS_LANES > 4
  return runs(STORMLENS_LANES == 16 ? InstructionSet::kAvx512 : InstructionSet::kAvx2);
#else
  return true;
#endif
}

}  // namespace

int main(int count, char** given) {
  if (!runs_here()) return 77;
  const int examples = count > 1 ? std::atoi(given[1]) : 100;
  for (int example = 0; example < examples; ++example) {
    Random random(example);
    check_shift_and_stitch(random, example);
    check_dense_windows(random, example);
    check_convolution(random, example);
  }
  return 0;
}
