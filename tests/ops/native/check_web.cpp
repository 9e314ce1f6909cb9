// What a page calls, compiled for this machine, beside plain loops, and the web's allocator.
//
// Built with sanitizers by test_sanitizers.py, which also makes Scratch give exactly the memory
// asked for. All arrays have their exact size. Where numbers are small whole ones sums in any
// order are exact and must be equal; Winograd's tiles and curves have a tolerance.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "web/adam.hpp"
#include "web/layout.hpp"
#include "web/memory.hpp"

// The allocator under other names, on memory that grows in pages as a browser's does.
namespace arena {
constexpr size_t kPage = 65536, kMost = 256;
alignas(kPage) unsigned char memory[kMost * kPage];
size_t pages = 1;

size_t first_page() { return reinterpret_cast<uintptr_t>(memory) / kPage; }
size_t size() { return first_page() + pages; }
size_t grow(size_t more) {
  if (pages + more > kMost) return SIZE_MAX;
  return std::exchange(pages, pages + more);
}
}  // namespace arena
#define __builtin_wasm_memory_size(memory) arena::size()
#define __builtin_wasm_memory_grow(memory, more) arena::grow(more)
#define __heap_base (arena::memory[100])
#define malloc arena_malloc
#define free arena_free
#include "web/memory.cpp"
#undef malloc
#undef free

using namespace stormlens;

extern "C" {
void web_pooled_forward(const Layout*, int32_t, const void*, int32_t, float, float, const float*,
                        const float*, const float*, const float*, float*, uint8_t*);
void web_pooled_weight_gradient(const Layout*, int32_t, const void*, int32_t, float, float,
                                const float*, const float*, const uint8_t*, const float*, float*,
                                float*);
void web_pooled_image_gradient(const Layout*, int32_t, const float*, const float*, const float*,
                               const uint8_t*, const float*, float*);
void web_tiles_forward(const Layout*, int32_t, const float*, const float*, const float*, float*);
void web_same_image_gradient(const Layout*, int32_t, const float*, const float*, float*);
void web_same_weight_gradient(const Layout*, int32_t, const float*, const float*, float*);
void web_patches_forward(const Layout*, int32_t, const float*, const float*, const float*, float*);
void web_patches_weight_gradient(const Layout*, int32_t, const float*, const float*, float*);
void web_patches_image_gradient(const Layout*, int32_t, const float*, const float*, float*);
void web_dense_forward(int32_t, int32_t, int32_t, const float*, const float*, const float*, float*);
void web_dense_input_gradient(int32_t, int32_t, int32_t, const float*, const float*, float*);
void web_dense_step(const AdamNumbers*, int32_t, int32_t, int32_t, int32_t, const float*,
                    const float*, float*, float*, float*, float*);
void web_adam_step(const AdamNumbers*, const float*, float*, float*, float*, int32_t);
void web_warp(int32_t, int32_t, int32_t, const uint8_t*, const float*, int32_t, float, float*);
void web_scaled(const uint8_t*, int32_t, float, float, float*);
void web_scaled_reals(float*, int32_t, float, float);
void web_highest_forward(const Layout*, int32_t, const float*, float*);
void web_highest_gradient(const Layout*, int32_t, const float*, const float*, float*);
void web_mean_forward(const Layout*, int32_t, const float*, float*);
void web_mean_gradient(const Layout*, int32_t, const float*, float*);
void web_activate(int32_t, float, float, float, float*, int32_t, int32_t);
void web_activation_gradient(int32_t, float, float, float, const float*, const float*, float*,
                             int32_t, int32_t);
void web_scale(const float*, const float*, float*, int32_t, int32_t);
void web_normalise(float, const float*, const float*, float*, int32_t, int32_t);
void web_normalise_gradient(float, const float*, const float*, float*, int32_t, int32_t);
void web_neighbours(int32_t, float, float, float, const float*, int32_t, int32_t, float*);
void web_neighbours_gradient(int32_t, float, float, float, const float*, const float*, int32_t,
                             int32_t, float*);
void web_whole(int32_t, int32_t, const float*, int32_t, int32_t, int32_t, float*);
void web_whole_gradient(int32_t, int32_t, const float*, const float*, const float*, int32_t,
                        int32_t, int32_t, float*);
void web_add(const float*, float*, int32_t);
void web_multiply(const float*, float*, int32_t);
void web_multiply_channels(const float*, float*, int32_t, int32_t, int32_t);
void web_add_rows(const float*, int32_t, int32_t, float*);
}

namespace {

using Floats = std::vector<float>;
using Bytes = std::vector<uint8_t>;

[[noreturn]] void fail(const char* what, int example) {
  std::fprintf(stderr, "%s differs from plain loops in example %d.\n", what, example);
  std::exit(1);
}

class Random {
 public:
  explicit Random(int seed) : engine_(static_cast<unsigned>(seed)) {}

  int32_t between(int64_t low, int64_t high) {
    return static_cast<int32_t>(
        low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1)));
  }
  bool yes(int one_in) { return between(1, one_in) == 1; }

  Floats whole(int64_t count, int64_t low, int64_t high) {
    Floats values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(between(low, high));
    return values;
  }
  // Eighths, of which none are alike in a row.
  Floats reals(int64_t count) {
    Floats values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(between(-24, 24)) / 8 + 0.01f;
    return values;
  }

 private:
  std::mt19937 engine_;
};

// As many floats, each no number, so that one that is not written is seen.
Floats unwritten(size_t count) {
  return Floats(count, std::numeric_limits<float>::quiet_NaN());
}

void expect(const Floats& found, const Floats& expected, double tolerance, const char* what,
            int example) {
  if (found.size() != expected.size()) fail(what, example);
  for (size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(double{found[i]} - expected[i]) <= tolerance * (1 + std::abs(expected[i]))))
      fail(what, example);
}

// ---------------------------------------------------------------- convolutions

// Calls visit(image cell, weight, output cell) of a layout's convolution for each product of one
// image, all as places of channels, taps and filters.
template <typename Visit>
void each_product(const Layout& l, const Visit& visit) {
  const int32_t channels = l.channels / l.groups, filters = l.filters / l.groups;
  for (int32_t y = 0; y < l.out_height; ++y)
    for (int32_t x = 0; x < l.out_width; ++x)
      for (int32_t i = 0; i < l.rows; ++i)
        for (int32_t j = 0; j < l.columns; ++j) {
          const int32_t row = y * l.row_stride + i * l.row_dilation - l.top;
          const int32_t column = x * l.column_stride + j * l.column_dilation - l.left;
          if (row < 0 || column < 0 || row >= l.height || column >= l.width) continue;
          for (int32_t c = 0; c < channels; ++c)
            for (int32_t f = 0; f < l.filters; ++f)
              visit((row * l.width + column) * l.channels + f / filters * channels + c,
                    ((i * l.columns + j) * channels + c) * l.filters + f,
                    (y * l.out_width + x) * l.filters + f);
        }
}

struct Example {
  Layout l;
  int32_t n;
  Floats in, kernel, bias;

  size_t in_size() const { return static_cast<size_t>(l.in().size()); }
  size_t out_size() const { return static_cast<size_t>(l.out().size()); }

  Example(Random& random, const Layout& layout)
      : l(layout),
        n(random.between(1, 3)),
        in(random.whole(n * l.in().size(), -2, 2)),
        kernel(random.whole(l.rows * l.columns * l.channels / l.groups * l.filters, -2, 2)),
        bias(random.whole(l.filters, -3, 3)) {}

  // Before the pool, without the bias.
  Floats sums() const {
    Floats sums(static_cast<size_t>(n) * out_size());
    for (int32_t image = 0; image < n; ++image)
      each_product(l, [&](int32_t cell, int32_t weight, int32_t out) {
        sums[image * out_size() + out] += in[image * in_size() + cell] * kernel[weight];
      });
    return sums;
  }

  // Gradients of the kernel and of the images, by the sums'.
  void back(const Floats& gradient, Floats& of_kernel, Floats& of_images) const {
    of_kernel.assign(kernel.size(), 0);
    of_images.assign(in.size(), 0);
    for (int32_t image = 0; image < n; ++image)
      each_product(l, [&](int32_t cell, int32_t weight, int32_t out) {
        const float passed = gradient[image * out_size() + out];
        of_kernel[weight] += passed * in[image * in_size() + cell];
        of_images[image * in_size() + cell] += passed * kernel[weight];
      });
  }
};

void put_sizes(Layout& l, int32_t bottom, int32_t right) {
  const auto along = [](int32_t size, int32_t taps, int32_t dilation, int32_t stride) {
    return (size - (taps - 1) * dilation - 1) / stride + 1;
  };
  l.out_height = along(l.height + l.top + bottom, l.rows, l.row_dilation, l.row_stride);
  l.out_width = along(l.width + l.left + right, l.columns, l.column_dilation, l.column_stride);
  l.pooled_height = l.out_height / l.pool;
  l.pooled_width = l.out_width / l.pool;
}

Layout side_by_side(Random& random, int32_t channels, int32_t filters, int32_t pool) {
  Layout l{random.between(3, 23), random.between(3, 23), channels, 3, 3, 1, 1, 1, 1, 0, 0, 1,
           filters, 0, 0, pool, 0, 0, random.between(0, 1)};
  const bool padded = random.yes(2);
  l.top = l.left = padded ? 1 : 0;
  put_sizes(l, l.top, l.left);
  return l;
}

void check_patches(Random& random, int example) {
  const int32_t groups = random.yes(3) ? random.between(2, 3) : 1;
  Layout l{random.between(1, 12), random.between(1, 12), groups * random.between(1, 5),
           random.between(1, 4), random.between(1, 4), random.between(1, 3), random.between(1, 3),
           random.between(1, 2), random.between(1, 2), random.between(0, 2), random.between(0, 2),
           groups, groups * random.between(1, random.yes(3) ? 40 : 5), 0, 0, 1, 0, 0,
           random.between(0, 1)};
  l.height += (l.rows - 1) * l.row_dilation;
  l.width += (l.columns - 1) * l.column_dilation;
  put_sizes(l, random.between(0, 2), random.between(0, 2));
  const Example e(random, l);
  Floats expected = e.sums(), found = unwritten(expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i] += e.bias[i % e.bias.size()];
    if (l.relu != 0) expected[i] = std::max(0.0f, expected[i]);
  }
  web_patches_forward(&l, e.n, e.in.data(), e.kernel.data(), e.bias.data(), found.data());
  expect(found, expected, 0, "a convolution by patches", example);
  const Floats gradient = random.whole(static_cast<int64_t>(expected.size()), -2, 2);
  Floats of_kernel, of_images;
  e.back(gradient, of_kernel, of_images);
  Floats kernel = unwritten(of_kernel.size()), images = unwritten(of_images.size());
  web_patches_weight_gradient(&l, e.n, e.in.data(), gradient.data(), kernel.data());
  web_patches_image_gradient(&l, e.n, e.kernel.data(), gradient.data(), images.data());
  expect(kernel, of_kernel, 0, "a kernel's gradient by patches", example);
  expect(images, of_images, 0, "the images' gradient by patches", example);
}

void check_tiles(Random& random, int example) {
  const Layout l = side_by_side(random, random.between(1, 20), random.between(1, 40),
                                random.between(1, 3));
  if (l.pooled_height < 1 || l.pooled_width < 1) return;
  const Example e(random, l);
  const Floats sums = e.sums();
  Floats expected(static_cast<size_t>(e.n * l.pooled().size())), found = unwritten(expected.size());
  size_t at = 0;
  for (int32_t n = 0; n < e.n; ++n)
    for (int32_t y = 0; y < l.pooled_height; ++y)
      for (int32_t x = 0; x < l.pooled_width; ++x)
        for (int32_t f = 0; f < l.filters; ++f, ++at) {
          float best = -std::numeric_limits<float>::infinity();
          for (int32_t p = 0; p < l.pool * l.pool; ++p) {
            const int32_t cell = (y * l.pool + p / l.pool) * l.out_width + x * l.pool + p % l.pool;
            best = std::max(best, sums[n * e.out_size() + cell * l.filters + f] + e.bias[f]);
          }
          expected[at] = l.relu != 0 ? std::max(0.0f, best) : best;
        }
  web_tiles_forward(&l, e.n, e.in.data(), e.kernel.data(), e.bias.data(), found.data());
  expect(found, expected, 2e-3, "a convolution by tiles", example);
}

void check_same(Random& random, int example) {
  Layout l = side_by_side(random, 16 * random.between(1, 3), 16 * random.between(1, 3), 1);
  l.top = l.left = 1;
  put_sizes(l, 1, 1);
  const Example e(random, l);
  const Floats gradient = random.whole(e.n * l.out().size(), -2, 2);
  Floats of_kernel, of_images;
  e.back(gradient, of_kernel, of_images);
  Floats kernel = unwritten(of_kernel.size()), images = unwritten(of_images.size());
  web_same_weight_gradient(&l, e.n, e.in.data(), gradient.data(), kernel.data());
  web_same_image_gradient(&l, e.n, e.kernel.data(), gradient.data(), images.data());
  expect(kernel, of_kernel, 2e-3, "a kernel's gradient by tiles", example);
  expect(images, of_images, 2e-3, "the images' gradient by tiles", example);
}

// ---------------------------------------------------------------- with a pool

// Factors of which a third are 0, or none.
Floats factors(Random& random, int64_t count) {
  if (random.yes(2)) return {};
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = random.yes(3) ? 0.0f : 2.0f;
  return values;
}

const float* start(const Floats& values) { return values.empty() ? nullptr : values.data(); }

void check_pooled(Random& random, int example) {
  const int32_t counts[] = {1, 1, 2, 5, 8, 12, 19, 32};
  const Layout l = side_by_side(random, counts[random.between(0, 7)], counts[random.between(0, 7)],
                                random.between(2, 3));
  if (l.pooled_height < 1 || l.pooled_width < 1) return;
  Example e(random, l);
  // Bytes that become halves, or reals; some of it blank.
  Bytes bytes;
  const float low = 4, span = 2;
  if (random.yes(2)) {
    bytes.resize(e.in.size());
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.between(0, 8));
  }
  const size_t blank = static_cast<size_t>(random.between(0, static_cast<int64_t>(e.in.size())));
  for (size_t i = 0; i < blank; ++i) {
    if (bytes.empty()) e.in[i] = 0;
    else bytes[i] = 4;
  }
  for (size_t i = 0; i < bytes.size(); ++i) e.in[i] = (bytes[i] - low) / span;
  const Floats mask = factors(random, e.n * l.filters), keep = factors(random, e.n * l.channels);
  const void* in = bytes.empty() ? static_cast<const void*>(e.in.data()) : bytes.data();
  const std::vector<float> given = e.in;
  for (size_t i = 0; i < e.in.size() && !keep.empty(); ++i)
    if (keep[i / e.in_size() * l.channels + i % l.channels] == 0) e.in[i] = 0;

  const Floats sums = e.sums();
  const size_t size = static_cast<size_t>(e.n * l.pooled().size());
  const Floats gradient = random.whole(static_cast<int64_t>(size), -2, 2);
  Floats expected(size), of_bias(e.bias.size()), before(sums.size());
  Bytes places(size);
  for (size_t at = 0; at < size; ++at) {
    const auto f = static_cast<int32_t>(at % l.filters);
    const auto x = static_cast<int32_t>(at / l.filters % l.pooled_width);
    const auto y = static_cast<int32_t>(at / l.filters / l.pooled_width % l.pooled_height);
    const size_t n = at / l.filters / l.pooled_width / l.pooled_height;
    size_t best = 0;
    for (int32_t p = 0; p < l.pool * l.pool; ++p) {
      const int32_t cell = (y * l.pool + p / l.pool) * l.out_width + x * l.pool + p % l.pool;
      const size_t place = n * e.out_size() + cell * l.filters + f;
      if (p == 0 || sums[place] > sums[best]) best = place, places[at] = static_cast<uint8_t>(p);
    }
    const float factor = mask.empty() ? 1 : mask[n * l.filters + f], sum = sums[best] + e.bias[f];
    expected[at] = (l.relu != 0 ? std::max(0.0f, sum) : sum) * factor;
    if (factor == 0 || (l.relu != 0 && sum <= 0)) {
      places[at] = kOff;
    } else {
      before[best] += gradient[at] * factor;
      of_bias[f] += gradient[at] * factor;
    }
  }
  Floats of_kernel, of_images, pooled = unwritten(size);
  e.back(before, of_kernel, of_images);
  for (size_t i = 0; i < of_images.size() && !keep.empty(); ++i)
    if (keep[i / e.in_size() * l.channels + i % l.channels] == 0) of_images[i] = 0;

  const int32_t are_bytes = bytes.empty() ? 0 : 1;
  if (bytes.empty()) e.in = given, in = e.in.data();
  Bytes argmax(size, 77);
  web_pooled_forward(&l, e.n, in, are_bytes, low, span, e.kernel.data(), e.bias.data(),
                     start(mask), start(keep), pooled.data(), argmax.data());
  expect(pooled, expected, 0, "a pooled convolution", example);
  if (argmax != places) fail("the argmax of a pooled convolution", example);
  Floats kernel = unwritten(of_kernel.size()), bias = unwritten(of_bias.size());
  Floats images = unwritten(of_images.size());
  web_pooled_weight_gradient(&l, e.n, in, are_bytes, low, span, start(mask), start(keep),
                             argmax.data(), gradient.data(), kernel.data(), bias.data());
  web_pooled_image_gradient(&l, e.n, e.kernel.data(), start(mask), start(keep), argmax.data(),
                            gradient.data(), images.data());
  expect(kernel, of_kernel, 0, "a pooled kernel's gradient", example);
  expect(bias, of_bias, 0, "a pooled bias's gradient", example);
  expect(images, of_images, 0, "the gradient of what was pooled", example);
}

// ---------------------------------------------------------------- dense layers

constexpr AdamNumbers kAdam{0.75f, 0.875f, 1e-7f, 2.0f, 4.0f, 0.25f};

// Weights that a step of Adam changes where they lie, beside plain Adam.
struct Stepped {
  Floats weight, mean, square, new_weight, new_mean, new_square;

  Stepped(Random& random, int64_t count)
      : weight(random.whole(count, -9, 9)),
        mean(random.whole(count, -5, 5)),
        square(random.whole(count, 0, 5)),
        new_weight(weight),
        new_mean(mean),
        new_square(square) {}

  void check(const Floats& gradient, const char* what, int example) {
    for (size_t i = 0; i < weight.size(); ++i) {
      const float g = gradient[i];
      mean[i] = 0.75f * mean[i] + 0.25f * g;
      square[i] = 0.875f * square[i] + 0.125f * g * g;
      weight[i] -= 0.25f * (mean[i] * 2) / (std::sqrt(square[i] * 4) + 1e-7f);
    }
    expect(new_mean, mean, 1e-5, what, example);
    expect(new_square, square, 1e-5, what, example);
    expect(new_weight, weight, 1e-5, what, example);
  }
};

// Inputs of which none, some or most are zero, also negative zero.
Floats sparse(Random& random, int64_t count) {
  Floats values = random.whole(count, -3, 3);
  const int one_in = random.between(1, 3);
  for (float& value : values)
    if (!random.yes(one_in)) value = random.yes(2) ? 0.0f : -0.0f;
  return values;
}

void check_dense(Random& random, int example) {
  const int32_t n = random.between(1, random.yes(3) ? 37 : 6), columns = random.between(1, 140);
  const int32_t rows = random.between(1, random.yes(4) ? 1200 : 90);
  const Floats inputs = sparse(random, n * rows), outer = random.whole(n * columns, -3, 3);
  const Floats bias = random.whole(columns, -3, 3);
  Stepped stepped(random, rows * columns);
  Floats of_outputs(outer.size()), of_inputs(inputs.size()), of_kernel(stepped.weight.size());
  for (int32_t i = 0; i < n; ++i)
    for (int32_t c = 0; c < columns; ++c) {
      of_outputs[i * columns + c] = bias[c];
      for (int32_t r = 0; r < rows; ++r) {
        const float weight = stepped.weight[r * columns + c], passed = outer[i * columns + c];
        of_outputs[i * columns + c] += inputs[i * rows + r] * weight;
        of_inputs[i * rows + r] += passed * weight;
        of_kernel[r * columns + c] += inputs[i * rows + r] * passed;
      }
    }
  Floats outputs = unwritten(of_outputs.size()), back = unwritten(of_inputs.size());
  web_dense_forward(n, rows, columns, inputs.data(), stepped.weight.data(), bias.data(),
                    outputs.data());
  expect(outputs, of_outputs, 0, "a dense layer", example);
  web_dense_input_gradient(n, rows, columns, stepped.weight.data(), outer.data(), back.data());
  expect(back, of_inputs, 0, "the gradient of a dense layer's inputs", example);
  const int32_t all = random.between(0, 1);
  for (size_t i = 0; i < inputs.size() && all == 0; ++i)
    if (inputs[i] == 0) of_inputs[i] = 0;
  back = unwritten(of_inputs.size());
  web_dense_step(&kAdam, n, rows, columns, all, inputs.data(), outer.data(),
                 stepped.new_weight.data(), stepped.new_mean.data(), stepped.new_square.data(),
                 back.data());
  expect(back, of_inputs, 0, "the inputs' gradient beside a step", example);
  stepped.check(of_kernel, "the step of a dense layer", example);
}

void check_adam(Random& random, int example) {
  const int32_t count = random.between(1, random.yes(4) ? 140000 : 300);
  const Floats gradient = random.whole(count, -30, 30);
  Stepped stepped(random, count);
  web_adam_step(&kAdam, gradient.data(), stepped.new_weight.data(), stepped.new_mean.data(),
                stepped.new_square.data(), count);
  stepped.check(gradient, "a step of Adam", example);
}

// Each image moved by whole cells; what lies beyond it is cval.
void check_warp(Random& random, int example) {
  const int32_t n = random.between(1, 3), height = random.between(1, 20);
  const int32_t width = random.between(1, 40);
  Bytes bytes(static_cast<size_t>(n * height * width));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.between(0, 255));
  Floats matrices, expected(bytes.size()), found = unwritten(bytes.size());
  for (int32_t i = 0; i < n; ++i) {
    const int32_t down = random.between(-5, 5), across = random.between(-5, 5);
    for (const int32_t value : {1, 0, down, 0, 1, across})
      matrices.push_back(static_cast<float>(value));
    for (int32_t y = 0; y < height; ++y)
      for (int32_t x = 0; x < width; ++x) {
        const int32_t row = y + down, column = x + across;
        const bool inside = row >= 0 && column >= 0 && row < height && column < width;
        expected[(i * height + y) * width + x] =
            inside ? bytes[(i * height + row) * width + column] : 7.0f;
      }
  }
  web_warp(n, height, width, bytes.data(), matrices.data(), static_cast<int32_t>(Fill::kConstant),
           7.0f, found.data());
  expect(found, expected, 0, "a warp", example);
}

// ---------------------------------------------------------------- maps

void check_pools(Random& random, int example) {
  const int32_t rows = random.between(1, 4), columns = random.between(1, 4);
  Layout l{rows + random.between(0, 9), columns + random.between(0, 9), random.between(1, 9), rows,
           columns, random.between(1, 3), random.between(1, 3), 1, 1,
           random.between(0, rows - 1), random.between(0, columns - 1), 1, 0, 0, 0, 1, 0, 0, 0};
  l.filters = l.channels;
  put_sizes(l, 0, 0);
  const int32_t n = random.between(1, 3);
  const auto in_size = static_cast<size_t>(l.in().size());
  const auto size = static_cast<size_t>(l.out().size());
  const Floats in = random.whole(n * l.in().size(), -4, 4);
  const Floats gradient = random.whole(n * l.out().size(), -4, 4);
  Floats highest(n * size), mean(n * size), of_highest(in.size()), of_mean(in.size());
  for (size_t at = 0; at < highest.size(); ++at) {
    const auto c = static_cast<int32_t>(at % l.channels);
    const auto x = static_cast<int32_t>(at / l.channels % l.out_width);
    const auto y = static_cast<int32_t>(at / l.channels / l.out_width % l.out_height);
    std::vector<size_t> cells;
    for (int32_t i = 0; i < rows; ++i)
      for (int32_t j = 0; j < columns; ++j) {
        const int32_t row = y * l.row_stride + i - l.top, column = x * l.column_stride + j - l.left;
        if (row >= 0 && column >= 0 && row < l.height && column < l.width)
          cells.push_back(at / size * in_size + (row * l.width + column) * l.channels + c);
      }
    size_t best = cells[0];
    for (const size_t cell : cells) {
      if (in[cell] > in[best]) best = cell;
      mean[at] += in[cell] / static_cast<float>(cells.size());
      of_mean[cell] += gradient[at] / static_cast<float>(cells.size());
    }
    highest[at] = in[best];
    of_highest[best] += gradient[at];
  }
  Floats found = unwritten(highest.size()), back = unwritten(in.size());
  web_highest_forward(&l, n, in.data(), found.data());
  web_highest_gradient(&l, n, in.data(), gradient.data(), back.data());
  expect(found, highest, 0, "a max pool", example);
  expect(back, of_highest, 0, "the gradient of a max pool", example);
  found = unwritten(mean.size()), back = unwritten(in.size());
  web_mean_forward(&l, n, in.data(), found.data());
  web_mean_gradient(&l, n, gradient.data(), back.data());
  expect(found, mean, 1e-6, "a mean pool", example);
  expect(back, of_mean, 1e-6, "the gradient of a mean pool", example);
}

double curve(int32_t kind, double a, double b, double c, double x) {
  constexpr double kScale = 1.05070098, kAlpha = 1.67326324;
  switch (static_cast<Activation>(kind)) {
    case Activation::kRelu: return x > c ? std::min(x, b) : a * (x - c);
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kElu: return x > 0 ? x : a * std::expm1(x);
    case Activation::kSelu: return kScale * (x > 0 ? x : kAlpha * std::expm1(x));
    case Activation::kSoftplus: return std::log1p(std::exp(x));
    case Activation::kSoftsign: return x / (1 + std::abs(x));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kExponential: return std::exp(x);
    case Activation::kHardSigmoid: return std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Activation::kGelu: return 0.5 * x * (1 + std::erf(x * 0.7071067811865476));
    default: return x;
  }
}

// The gradient of sum(h f(x)) by x, where `forward` computes f of a row, by differences.
template <typename Forward>
Floats differences(const Floats& x, const Floats& h, int32_t width, const Forward& forward) {
  constexpr double kStep = 1e-4;
  Floats found(x.size());
  for (size_t row = 0; row < x.size(); row += width)
    for (int32_t i = 0; i < width; ++i) {
      std::vector<double> low(x.begin() + row, x.begin() + row + width), high = low;
      low[i] -= kStep, high[i] += kStep;
      const std::vector<double> below = forward(low), above = forward(high);
      double sum = 0;
      for (int32_t j = 0; j < width; ++j) sum += h[row + j] * (above[j] - below[j]);
      found[row + i] = static_cast<float>(sum / (2 * kStep));
    }
  return found;
}

// The values of a function of rows.
template <typename Forward>
Floats values_of(const Floats& x, int32_t width, const Forward& forward) {
  Floats found;
  for (size_t row = 0; row < x.size(); row += width)
    for (const double value : forward({x.begin() + row, x.begin() + row + width}))
      found.push_back(static_cast<float>(value));
  return found;
}

using Row = std::vector<double>;

void check_activations(Random& random, int example) {
  const int32_t kind = example % static_cast<int32_t>(Activation::kCount);
  const int32_t rows = random.between(1, 5), width = random.between(1, 9);
  const bool relu = kind == static_cast<int32_t>(Activation::kRelu);
  const float a = relu ? 0.25f : 0.5f, b = 2.125f, c = relu ? 0.0f : 0.5f;
  const Floats x = random.reals(rows * width), h = random.reals(rows * width);
  const auto forward = [&](const Row& row) {
    Row out(row.size());
    double sum = 0;
    for (const double value : row) sum += std::exp(value);
    for (size_t i = 0; i < row.size(); ++i)
      out[i] = kind == static_cast<int32_t>(Activation::kSoftmax) ? std::exp(row[i]) / sum
                                                                  : curve(kind, a, b, c, row[i]);
    return out;
  };
  Floats values = x, gradient = h;
  web_activate(kind, a, b, c, values.data(), rows, width);
  expect(values, values_of(x, width, forward), 1e-5, "an activation", example);
  web_activation_gradient(kind, a, b, c, x.data(), values.data(), gradient.data(), rows, width);
  expect(gradient, differences(x, h, width, forward), 1e-4, "an activation's gradient", example);
}

void check_rows(Random& random, int example) {
  const int32_t rows = random.between(1, 6), width = random.between(2, 9);
  const Floats x = random.reals(rows * width), h = random.reals(rows * width);
  const Floats factor = random.reals(width), offset = random.reals(width);
  const float epsilon = 0.01f, k = 2, alpha = 0.5f, beta = 0.75f;
  const int32_t size = 2 * random.between(0, 2) + 1;
  const auto normalised = [&](const Row& row) {
    double mean = 0, squares = 0;
    for (const double value : row) mean += value / width;
    for (const double value : row) squares += (value - mean) * (value - mean) / width;
    Row out;
    for (int32_t i = 0; i < width; ++i)
      out.push_back((row[i] - mean) / std::sqrt(squares + epsilon) * factor[i] + offset[i]);
    return out;
  };
  const auto divided = [&](const Row& row) {
    Row out;
    for (int32_t i = 0; i < width; ++i) {
      double squares = 0;
      for (int32_t j = std::max(0, i - size / 2); j <= std::min(width - 1, i + size / 2); ++j)
        squares += row[j] * row[j];
      out.push_back(row[i] / std::pow(k + alpha * squares, beta));
    }
    return out;
  };
  Floats values = x, gradient = h, to = unwritten(x.size());
  web_normalise(epsilon, factor.data(), offset.data(), values.data(), rows, width);
  web_normalise_gradient(epsilon, factor.data(), x.data(), gradient.data(), rows, width);
  expect(values, values_of(x, width, normalised), 1e-4, "normalised rows", example);
  expect(gradient, differences(x, h, width, normalised), 1e-3, "their gradient", example);
  values = unwritten(x.size());
  web_neighbours(size, k, alpha, beta, x.data(), rows, width, values.data());
  web_neighbours_gradient(size, k, alpha, beta, x.data(), h.data(), rows, width, to.data());
  expect(values, values_of(x, width, divided), 1e-5, "rows divided by neighbours", example);
  expect(to, differences(x, h, width, divided), 1e-4, "the gradient of divided rows", example);
  values = x;
  web_scale(factor.data(), offset.data(), values.data(), rows, width);
  Floats sums(static_cast<size_t>(width)), found = unwritten(sums.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::abs(values[i] - (x[i] * factor[i % width] + offset[i % width])) > 1e-5f)
      fail("scaled rows", example);
    sums[i % width] += x[i];
  }
  web_add_rows(x.data(), rows, width, found.data());
  expect(found, sums, 1e-5, "a sum of rows", example);
}

void check_whole(Random& random, int example) {
  const int32_t n = random.between(1, 3), cells = random.between(1, 12);
  const int32_t channels = random.between(1, 9), mean = random.between(0, 1);
  const int32_t highest = mean == 0 ? 1 : random.between(0, 1), width = (mean + highest) * channels;
  const Floats in = random.whole(n * cells * channels, -3, 3), h = random.whole(n * width, -3, 3);
  Floats expected(h.size()), of_images(in.size());
  for (int32_t i = 0; i < n; ++i)
    for (int32_t c = 0; c < channels; ++c) {
      std::vector<size_t> column;
      for (int32_t cell = 0; cell < cells; ++cell)
        column.push_back((i * cells + cell) * channels + c);
      float best = in[column[0]], sum = 0;
      for (const size_t at : column) best = std::max(best, in[at]), sum += in[at];
      const auto is_best = [&](size_t at) { return in[at] == best; };
      const auto times =
          static_cast<float>(std::count_if(column.begin(), column.end(), is_best));
      const size_t at = i * width + c, beside = at + mean * channels;
      if (mean != 0) expected[at] = sum / static_cast<float>(cells);
      if (highest != 0) expected[beside] = best;
      for (const size_t cell : column) {
        if (mean != 0) of_images[cell] += h[at] / static_cast<float>(cells);
        if (highest != 0 && is_best(cell)) of_images[cell] += h[beside] / times;
      }
    }
  Floats found = unwritten(expected.size()), back = unwritten(in.size());
  web_whole(mean, highest, in.data(), n, cells, channels, found.data());
  web_whole_gradient(mean, highest, in.data(), found.data(), h.data(), n, cells, channels,
                     back.data());
  expect(found, expected, 1e-5, "a whole map", example);
  expect(back, of_images, 1e-5, "the gradient of whole maps", example);
}

void check_values(Random& random, int example) {
  const int32_t count = random.between(1, random.yes(4) ? 70000 : 99);
  const Floats x = random.whole(count, -9, 9), y = random.whole(count, -9, 9);
  Bytes bytes(x.size());
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.between(0, 255));
  Floats scaled = unwritten(x.size()), reals = x, sum = y, product = y, channels = y;
  web_scaled(bytes.data(), count, 3, 4, scaled.data());
  web_scaled_reals(reals.data(), count, 3, 4);
  web_add(x.data(), sum.data(), count);
  web_multiply(x.data(), product.data(), count);
  web_multiply_channels(x.data(), channels.data(), count, 1, 1);
  for (size_t i = 0; i < x.size(); ++i)
    if (scaled[i] != (bytes[i] - 3.0f) / 4 || reals[i] != (x[i] - 3) / 4 || sum[i] != x[i] + y[i] ||
        product[i] != x[i] * y[i] || channels[i] != product[i])
      fail("values one by one", example);
}

// ---------------------------------------------------------------- memory

struct Held {
  unsigned char* memory;
  size_t size;
  unsigned char mark;
};

// Blocks are apart, at the beginning of a line, and keep what is written; all comes back.
void check_memory() {
  Random random(1);
  std::vector<Held> held;
  const auto release = [&](size_t which) {
    const Held block = held[which];
    for (size_t i = 0; i < block.size; ++i)
      if (block.memory[i] != block.mark) fail("the allocator's memory", 0);
    arena_free(block.memory);
    held.erase(held.begin() + static_cast<ptrdiff_t>(which));
  };
  for (int step = 0; step < 4000; ++step) {
    if (held.size() > 20 || (!held.empty() && random.yes(3)))
      release(static_cast<size_t>(random.between(0, static_cast<int64_t>(held.size()) - 1)));
    const auto size = static_cast<size_t>(random.between(0, random.yes(9) ? 900000 : 3000));
    auto* memory = static_cast<unsigned char*>(arena_malloc(size));
    if (memory == nullptr) continue;
    if (reinterpret_cast<uintptr_t>(memory) % 64 != 0) fail("where a block begins", step);
    std::fill(memory, memory + size, static_cast<unsigned char>(step));
    held.push_back({memory, size, static_cast<unsigned char>(step)});
  }
  while (!held.empty()) release(0);
  if (memory_in_use() != 0) fail("the memory in use", 0);
  // Joined again, all of it but the first page is one block.
  void* most = arena_malloc((arena::pages - 1) * arena::kPage);
  if (most == nullptr) fail("joining what was given back", 0);
  arena_free(most);
  arena_free(nullptr);
  if (arena_malloc(arena::kMost * arena::kPage) != nullptr) fail("a want of memory", 0);
}

}  // namespace

int main() {
  check_memory();
  for (int example = 0; example < 120; ++example) {
    Random random(example);
    check_patches(random, example);
    check_pooled(random, example);
    check_dense(random, example);
    check_warp(random, example);
    check_pools(random, example);
    check_activations(random, example);
    check_rows(random, example);
    check_whole(random, example);
    if (example % 4 != 0) continue;
    check_tiles(random, example);
    check_same(random, example);
    check_adam(random, example);
    check_values(random, example);
  }
  return 0;
}
