// Times of the native kernels on one thread, for benchmarks/compilers.py: a line a kernel, its name
// and nanoseconds. Sizes are those of the chapter's network; the best of several runs counts.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <vector>

#include "engine.hpp"
#include "sliding.hpp"

using namespace stormlens;

namespace {

using Floats = std::vector<float>;

Floats draw(int64_t count) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// Nanoseconds that this thread has computed: on a busy machine a longer run is interrupted, and
// would look slower than it is by any clock on the wall.
double computed() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

template <typename Run>
void time(const char* name, int64_t per, const Run& run) {
  double best = std::numeric_limits<double>::infinity();
  const double end = computed() + 1e8;
  for (int i = 0; i < 3 || computed() < end; ++i) {
    const double began = computed();
    run();
    best = std::min(best, computed() - began);
  }
  std::printf("%s\t%.4f\n", name, best / static_cast<double>(per));
}

Geometry layer(int64_t size, int64_t channels, int64_t filters) {
  const int64_t pooled = (size - 2) / 3;
  return {size, size, channels, 3, 3, filters, 3, pooled, pooled, 0, 0, true};
}

void pooled_layer(const char* forward_name, const char* weights_name, const char* images_name,
                  const Geometry& g, const Images& images) {
  const Kernels& code = kernels();
  Workspace space;
  const Floats kernel = draw(g.taps() * g.filters), bias = draw(g.filters);
  const int64_t size = g.cells() * g.filters;
  Floats packed(static_cast<size_t>(code.packed_size(g))), pooled(static_cast<size_t>(size));
  std::vector<uint8_t> argmax(static_cast<size_t>(size));
  code.pack(g, kernel.data(), packed.data());
  const Forward forward{g, images, kernel.data(), bias.data(), nullptr, nullptr, pooled.data(),
                        argmax.data(), packed.data()};
  time(forward_name, 1, [&] { code.forward(forward, 0, 0, g.h, space); });
  const Floats gradient = draw(size);
  const Backward backward{g, images, nullptr, nullptr, argmax.data(), gradient.data()};
  Floats partial(static_cast<size_t>(code.partial_size(g)));
  time(weights_name, 1, [&] {
    code.weight_gradient(backward, {0, 1}, {0, g.filters}, partial.data(), space);
  });
  if (images.bytes != nullptr) return;
  Floats spread(static_cast<size_t>(code.spread_size(g)));
  Floats found(static_cast<size_t>(g.pixels() * g.channels));
  code.spread(g, kernel.data(), spread.data());
  time(images_name, 1,
       [&] { code.image_gradient(backward, spread.data(), 0, found.data(), space); });
}

void dense_layer() {
  const Kernels& code = kernels();
  Workspace space;
  constexpr int64_t n = 32, rows = 4096, columns = 128;
  Floats kernel = draw(rows * columns), mean = draw(rows * columns), square(kernel.size(), 1.0f);
  const Floats inputs = draw(n * rows), outer = draw(n * columns);
  Floats sums(static_cast<size_t>(n * code.padded(columns))), found(inputs.size());
  Floats panels(sums.size()), turned(static_cast<size_t>(columns * code.padded(n)));
  code.make_panels(outer.data(), n, columns, panels.data());
  code.transposed_panels(outer.data(), n, columns, turned.data());
  const Dense op{n, rows, columns, kernel.data()};
  time("dense, forward", 1,
       [&] { code.dense(op, inputs.data(), {0, rows}, {0, columns}, sums.data(), space); });
  time("dense, inputs' gradient", 1,
       [&] { code.dense_input_gradient(op, turned.data(), 0, rows, found.data(), space); });
  const Adam adam{kernel.data(), mean.data(), square.data(), kernel.data(), mean.data(),
                  square.data(), 0.9f, 0.999f, 1e-7f, 1.1f, 1.2f, 1e-9f, 1.0f};
  const DenseStep step{adam, n, rows, columns, inputs.data(), panels.data(), turned.data(),
                       found.data()};
  time("dense, fused step", 1, [&] { code.dense_step(step, 0, rows, space); });
  const Floats gradient = draw(1 << 13);
  time("Adam, a value", 1 << 13, [&] { code.adam(adam, gradient.data(), 0, 1 << 13); });
}

void warps() {
  constexpr int64_t side = 136;
  std::vector<uint8_t> bytes(side * side);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  const Floats reals = draw(side * side);
  const float turn[6] = {0.9f, -0.3f, 20.0f, 0.3f, 0.9f, -12.0f};
  Floats warped(side * side);
  Workspace space;
  const Warp of_bytes{side, side, nullptr, bytes.data(), turn, Fill::kReflect, 0, warped.data()};
  time("warp of bytes", 1, [&] { kernels().warp(of_bytes, 0, space); });
  const Warp of_reals{side, side, reals.data(), nullptr, turn, Fill::kNearest, 0, warped.data()};
  time("warp of floats", 1, [&] { kernels().warp(of_reals, 0, space); });
}

void networks() {
  const EngineCode& code = engine_code();
  Workspace space;
  Convolved op{};
  op.in = {44, 44, 32}, op.out = {42, 42, 64}, op.pooled = {14, 14, 64};
  op.look = {3, 3, 1, 1, 1, 1, 0, 0};
  op.groups = 1, op.pool = 3, op.lowest = 0;
  const Floats in = draw(op.in.size()), kernel = draw(9 * 32 * 64), bias = draw(64);
  Floats out(static_cast<size_t>(op.out.size()));
  Floats weights(static_cast<size_t>(op.panels() * kPlaces * op.weights_place()));
  code.pack_tiles(op, kernel.data(), weights.data());
  op.weights = weights.data(), op.bias = bias.data();
  time("engine, Winograd", 1,
       [&] { code.convolve_tiles(op, in.data(), nullptr, 1, out.data(), space); });
  op.pooled = op.out, op.pool = 1;
  pack_panels(kernel.data(), 9 * 32, 64, 64, weights.data());
  time("engine, patches", 1,
       [&] { code.convolve_patches(op, in.data(), nullptr, 1, out.data(), space); });
  const Pooled pool{{42, 42, 64}, {14, 14, 64}, {3, 3, 3, 3, 1, 1, 0, 0}};
  time("engine, max pool", 1, [&] { code.pool_highest(pool, out.data(), 1, weights.data()); });
  Floats values = draw(1 << 13);
  for (const auto& [name, kind] : {std::pair{"engine, tanh, a value", Activation::kTanh},
                                   std::pair{"engine, gelu, a value", Activation::kGelu}})
    time(name, 1 << 13, [&, kind = kind] {
      code.activate({kind, 0, 0, 0}, values.data(), 1, 1 << 13);
    });
}

void convolutions() {
  const ConvolutionCode& code = sliding_code().convolution;
  Workspace space;
  const Convolution sizes{1, 34, 34, 64, 64};
  const Floats images = draw(34 * 34 * 64), gradients = draw(34 * 34 * 64), kernel = draw(9 * 4096);
  Floats weights(static_cast<size_t>(sizes.panels() * kPlaces * sizes.weights_place()));
  Floats outputs(images.size());
  const Convolving op{sizes, images.data(), kernel.data(), false, weights.data(), outputs.data()};
  time("convolve, kernel", 1, [&] {
    for (int64_t c = 0; c < 64; ++c) code.spread_kernel(op, c);
  });
  time("convolve, tiles", 1, [&] {
    for (int64_t t = 0; t < op.tiles(); t += kTogether)
      code.convolve(op, t, std::min(op.tiles(), t + kTogether), space);
  });
  Floats image_places(static_cast<size_t>(kPlaces * sizes.image_place()));
  Floats gradient_places(static_cast<size_t>(kPlaces * sizes.gradient_place()));
  Floats sums(static_cast<size_t>(kPlaces * sizes.sums_place())), found(kernel.size());
  const KernelGradient back{sizes, images.data(), gradients.data(), image_places.data(),
                            gradient_places.data(), sums.data(), found.data()};
  time("convolve, kernel's gradient", 1, [&] {
    for (int64_t t = 0; t < back.tiles(); ++t) code.spread_tile(back, t, space);
    for (int64_t e = 0; e < kPlaces; ++e) code.add_products(back, e);
    for (int64_t c = 0; c < 64; ++c) code.gather_kernel(back, c);
  });
}

void windows() {
  Workspace space;
  constexpr int64_t side = 90, cells = 84;
  ShiftAndStitch op{};
  const Floats image = draw(side * side * 32), bias = draw(64), blank(32, -1e9f), reply(64);
  const Floats weights = draw(2 * kPlaces * 32 * kPanel);
  Floats pooled(cells * cells * 64);
  op.image = image.data(), op.height = op.width = side, op.channels = 32, op.step = 1;
  op.kernel_rows = op.kernel_columns = 3, op.filters = 64;
  op.down = op.across = {1, 1, cells, 1};
  op.pool = 3, op.relu = op.winograd = true;
  op.weights = weights.data(), op.bias = bias.data(), op.blank = blank.data();
  op.reply = reply.data(), op.pooled = pooled.data();
  time("shift-and-stitch, Winograd", 1,
       [&] { sliding_code().shift_and_stitch(op, 0, cells, space); });
  op.winograd = false;
  const Floats taps = draw(2 * 9 * 32 * kPanel);
  op.weights = taps.data();
  time("shift-and-stitch, patches", 1,
       [&] { sliding_code().shift_and_stitch(op, 0, cells, space); });
}

void spectra() {
  const DenseCode& code = sliding_code().dense;
  const Windows along{8, 3, 12, 14};
  DenseWindows op{nullptr, 140, 140, 16, Along(along), Along(along), 32};
  const Floats image = draw(140 * 140 * 16), kernel = draw(14 * 14 * 16 * 32), bias = draw(32);
  Floats outputs(12 * 12 * 32);
  op.image = image.data(), op.kernel = kernel.data(), op.bias = bias.data();
  op.outputs = outputs.data(), op.panels = 1, op.phases = 1;
  op.tiles = (std::min<int64_t>(op.all_tiles(), 24) + code.held - 1) / code.held * code.held;
  Floats image_spectra(static_cast<size_t>(kSpectrum * op.image_place()));
  Floats kernel_spectra(static_cast<size_t>(kSpectrum * op.kernel_place()));
  Floats sums(static_cast<size_t>(kSpectrum * op.sums_place()));
  op.image_spectra = image_spectra.data(), op.kernel_spectra = kernel_spectra.data();
  op.sums = sums.data();
  const int64_t tiles = std::min(op.all_tiles(), op.tiles);
  time("spectra of a tile", tiles, [&] {
    for (int64_t t = 0; t < tiles; ++t) code.spread_image(op, t);
  });
  time("spectra of a kernel", op.depth(), [&] {
    for (int64_t d = 0; d < op.depth(); ++d) code.spread_kernel(op, d);
  });
  time("products of spectra", 1, [&] {
    for (int64_t e = 0; e < kSpectrum; ++e) code.add_products(op, e);
  });
  time("windows from spectra", tiles, [&] {
    for (int64_t t = 0; t < tiles; ++t) code.gather_windows(op, t);
  });
}

}  // namespace

int main() {
  std::vector<uint8_t> bytes(136 * 136);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(1 + i * 31 % 70);
  const Geometry first = layer(136, 1, 32), second = layer(44, 32, 64);
  pooled_layer("first layer, forward", "first layer, weights' gradient", "", first,
               {nullptr, bytes.data(), 0.0f, 80.0f});
  const Floats maps = draw(44 * 44 * 32);
  pooled_layer("second layer, forward", "second layer, weights' gradient",
               "second layer, images' gradient", second, {maps.data(), nullptr, 0.0f, 1.0f});
  dense_layer();
  warps();
  networks();
  convolutions();
  windows();
  spectra();
  return 0;
}
