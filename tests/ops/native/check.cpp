// Every function of one instruction set beside plain loops, and parallel_for on threads.
//
// Built with sanitizers by test_sanitizers.py, which also makes Scratch give exactly the memory
// asked for. Numbers are small whole ones and eighths, so that sums in any order are exact and
// must be equal; only Adam, which divides, has a tolerance. All arrays have their exact size.
//
// With CHECKED (the name of a table of kernels) the kernels are checked, else the threads alone.

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "instruction_set.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

using namespace stormlens;

namespace {

[[noreturn]] void fail(const char* what, int example) {
  std::fprintf(stderr, "%s differs from plain loops in example %d.\n", what, example);
  std::exit(1);
}

// ---------------------------------------------------------------- threads

class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  }

  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  int64_t num_threads() const { return static_cast<int64_t>(threads_.size()); }

  template <typename Task>
  void Schedule(Task&& task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.emplace_back(std::forward<Task>(task));
    changed_.notify_one();
  }

 private:
  void serve() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  bool closed_ = false;
};

// A pool all of whose threads are busy until long after the call.
class LatePool {
 public:
  ~LatePool() {
    for (const auto& task : tasks_) task();
  }
  int64_t num_threads() const { return 4; }
  template <typename Task>
  void Schedule(Task&& task) {
    tasks_.emplace_back(std::forward<Task>(task));
  }

 private:
  std::vector<std::function<void()>> tasks_;
};

// Each task is done once, and all that it wrote is seen by the caller without further ado.
template <typename AnyPool>
void check_once(AnyPool& pool, int64_t count, int example) {
  std::vector<int64_t> done(static_cast<size_t>(count), 0);
  const bool enough = parallel_for(pool, count, [&](int64_t task, Workspace& space) {
    int64_t* own = space.counts.room<int64_t>(8);
    own[7] = task;
    done[static_cast<size_t>(task)] += own[7] + 1;
  });
  if (!enough) fail("parallel_for", example);
  for (int64_t task = 0; task < count; ++task)
    if (done[static_cast<size_t>(task)] != task + 1) fail("parallel_for", example);
}

void check_threads() {
  {
    Pool pool(4);
    for (int example = 0; example < 2000; ++example) check_once(pool, example % 23, example);
    std::atomic<int64_t> others{0};
    const bool enough = parallel_for(pool, 50, [&](int64_t task, Workspace&) {
      if (task == 17) throw std::bad_alloc();
      ++others;
    });
    if (enough || others != 49) fail("running out of memory", 0);
    // Two callers, one of them a thread of the pool, as XLA's own calls are.
    std::atomic<bool> nested{false};
    pool.Schedule([&] {
      check_once(pool, 20, 1);
      nested = true;
    });
    for (int example = 0; example < 200; ++example) check_once(pool, 20, example);
    while (!nested) std::this_thread::yield();
  }
  LatePool late;
  check_once(late, 20, 0);
}

// ---------------------------------------------------------------- kernels

#ifdef CHECKED

using Floats = std::vector<float>;
using Bytes = std::vector<uint8_t>;

class Random {
 public:
  explicit Random(int seed) : engine_(static_cast<unsigned>(seed)) {}

  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool yes(int one_in) { return between(1, one_in) == 1; }

  Floats whole(int64_t count, int64_t low, int64_t high) {
    Floats values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(between(low, high));
    return values;
  }

 private:
  std::mt19937 engine_;
};

const Kernels& code() { return CHECKED(); }

// No array at all may be anywhere.
const float* start(const Floats& values) { return values.empty() ? nullptr : values.data(); }

// One made-up convolution with max pooling.
struct Example {
  Geometry g;
  int64_t n;
  Floats reals;
  Bytes bytes;
  float low = 0, span = 1;
  Floats kernel, bias, mask, keep;

  Images images() const {
    if (bytes.empty()) return {reals.data(), nullptr, 0, 1};
    return {nullptr, bytes.data(), low, span};
  }

  // Input with padding and dropped channels.
  float at(int64_t image, int64_t row, int64_t column, int64_t channel) const {
    row -= g.top;
    column -= g.left;
    if (row < 0 || row >= g.height || column < 0 || column >= g.width) return 0;
    if (!keep.empty() && keep[image * g.channels + channel] == 0) return 0;
    const int64_t i = ((image * g.height + row) * g.width + column) * g.channels + channel;
    return bytes.empty() ? reals[i] : (static_cast<float>(bytes[i]) - low) / span;
  }

  float factor(int64_t image, int64_t filter) const {
    return mask.empty() ? 1 : mask[image * g.filters + filter];
  }
};

Floats factors(Random& random, int64_t n, int64_t channels) {
  if (random.yes(2)) return {};
  Floats values(static_cast<size_t>(n * channels));
  const bool all_off = random.yes(6);
  for (float& value : values)
    value = all_off || random.yes(3) ? 0.0f : (random.yes(2) ? 2.0f : 0.5f);
  return values;
}

// Rows and columns of every image that are blank, as most of a radar image is.
template <typename Value>
void blank_out(Random& random, const Geometry& g, std::vector<Value>& pixels) {
  const int64_t top = random.between(0, g.height), left = random.between(0, g.width);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const int64_t pixel = static_cast<int64_t>(i) / g.channels % g.pixels();
    if (pixel / g.width >= top || pixel % g.width >= left) pixels[i] = 0;
  }
}

Example draw(Random& random) {
  const int64_t counts[] = {1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 19, 33, 70};
  for (;;) {
    Example e;
    Geometry& g = e.g;
    e.n = random.between(1, 3);
    g.channels = counts[random.between(0, 14)];
    g.filters = counts[random.between(0, 14)];
    g.rows = random.between(1, 5);
    g.columns = random.between(1, 5);
    if (random.yes(4)) {  // has code of its own, and whole vectors of filters more
      g.channels = 1, g.rows = g.columns = 3;
      if (random.yes(2)) g.filters = 16;
    }
    g.pool = random.between(2, 3);
    const int64_t most = random.yes(4) ? 33 : 9;
    g.height = random.between(1, most);
    g.width = random.between(1, most);
    // Usually none or Keras's "same"; sometimes more than the kernel itself.
    const bool none = random.yes(2), odd = random.yes(8);
    g.top = none ? 0 : odd ? random.between(0, 7) : (g.rows - 1) / 2;
    g.left = none ? 0 : odd ? random.between(0, 7) : (g.columns - 1) / 2;
    const int64_t bottom = none ? 0 : odd ? random.between(0, 7) : g.rows / 2;
    const int64_t right = none ? 0 : odd ? random.between(0, 7) : g.columns / 2;
    g.h = (g.height + g.top + bottom - g.rows + 1) / g.pool;
    g.w = (g.width + g.left + right - g.columns + 1) / g.pool;
    const int64_t work = e.n * g.cells() * g.pool * g.pool * g.filters * g.taps();
    if (g.height + g.top + bottom < g.rows || g.width + g.left + right < g.columns || g.h < 1 ||
        g.w < 1 || work > 1500000)
      continue;
    g.relu = random.yes(2);
    if (random.yes(3)) {
      e.bytes.resize(static_cast<size_t>(e.n * g.pixels() * g.channels));
      for (uint8_t& byte : e.bytes) byte = static_cast<uint8_t>(random.between(0, 63));
      if (random.yes(2)) e.low = 16, e.span = 32;
    } else {
      e.reals = random.whole(e.n * g.pixels() * g.channels, -3, 3);
    }
    if (random.yes(2)) {
      blank_out(random, g, e.bytes);
      blank_out(random, g, e.reals);
    }
    e.kernel = random.whole(g.taps() * g.filters, -2, 2);
    e.bias = random.whole(g.filters, -3, 3);
    e.mask = factors(random, e.n, g.filters);
    e.keep = factors(random, e.n, g.channels);
    return e;
  }
}

// Runs on a workspace of its own, so that nothing is left over from another example.
void check_convolution(Random& random, int example) {
  const Example e = draw(random);
  const Geometry& g = e.g;
  const size_t size = static_cast<size_t>(e.n * g.cells() * g.filters);
  const Floats gradient = random.whole(e.n * g.cells() * g.filters, -2, 2);

  Floats pooled(size), alone(size), pooled_expected(size);
  Bytes argmax(size), argmax_expected(size);
  Floats kernel_expected(e.kernel.size()), bias_expected(e.bias.size());
  Floats image_expected(static_cast<size_t>(e.n * g.pixels() * g.channels));
  size_t at = 0;
  for (int64_t n = 0; n < e.n; ++n)
    for (int64_t r = 0; r < g.h; ++r)
      for (int64_t c = 0; c < g.w; ++c)
        for (int64_t f = 0; f < g.filters; ++f, ++at) {
          float best = 0;
          int64_t place = -1;
          for (int64_t p = 0; p < g.pool * g.pool; ++p) {
            float sum = 0;
            for (int64_t i = 0; i < g.rows; ++i)
              for (int64_t j = 0; j < g.columns; ++j)
                for (int64_t k = 0; k < g.channels; ++k)
                  sum += e.at(n, r * g.pool + p / g.pool + i, c * g.pool + p % g.pool + j, k) *
                         e.kernel[((i * g.columns + j) * g.channels + k) * g.filters + f];
            if (place < 0 || sum > best) best = sum, place = p;
          }
          const float factor = e.factor(n, f);
          best += e.bias[f];
          const bool off = factor == 0 || (g.relu && best <= 0);
          pooled_expected[at] = (g.relu && best < 0 ? 0 : best) * factor;
          argmax_expected[at] = static_cast<uint8_t>(off ? kOff : place);
          if (off) continue;
          const float passed = gradient[at] * factor;
          bias_expected[f] += passed;
          for (int64_t i = 0; i < g.rows; ++i)
            for (int64_t j = 0; j < g.columns; ++j)
              for (int64_t k = 0; k < g.channels; ++k) {
                const int64_t row = r * g.pool + place / g.pool + i;
                const int64_t column = c * g.pool + place % g.pool + j;
                const int64_t w = ((i * g.columns + j) * g.channels + k) * g.filters + f;
                kernel_expected[w] += passed * e.at(n, row, column, k);
                const int64_t y = row - g.top, x = column - g.left;
                if (y < 0 || y >= g.height || x < 0 || x >= g.width) continue;
                if (!e.keep.empty() && e.keep[n * g.channels + k] == 0) continue;
                image_expected[((n * g.height + y) * g.width + x) * g.channels + k] +=
                    passed * e.kernel[w];
              }
        }

  Workspace space;
  Floats packed(static_cast<size_t>(code().packed_size(g)));
  Forward forward{g, e.images(), e.kernel.data(), e.bias.data(), start(e.mask), start(e.keep),
                  pooled.data(), argmax.data(), nullptr};
  if (!code().compacts(forward)) {
    code().pack(g, e.kernel.data(), packed.data());
    forward.packed = packed.data();
  }
  for (int64_t n = 0; n < e.n; ++n) {
    // In two strips, of which one may be empty.
    const int64_t cut = random.between(0, g.h);
    if (cut > 0) code().forward(forward, n, 0, cut, space);
    if (cut < g.h) code().forward(forward, n, cut, g.h, space);
  }
  if (pooled != pooled_expected) fail("forward", example);
  if (argmax != argmax_expected) fail("the argmax", example);
  forward.pooled = alone.data();
  forward.argmax = nullptr;
  for (int64_t n = 0; n < e.n; ++n) code().forward(forward, n, 0, g.h, space);
  if (alone != pooled_expected) fail("forward without argmax", example);

  const Backward backward{g, e.images(), start(e.mask), start(e.keep), argmax.data(),
                          gradient.data()};
  const int64_t parts = random.between(1, e.n), part = code().partial_size(g);
  Floats partials(static_cast<size_t>(parts * part));
  // Filters in two pieces, of which one may be empty.
  const int64_t piece = std::min(g.filters, 16 * random.between(0, g.filters / 16 + 1));
  for (int64_t i = 0; i < parts; ++i)
    for (const Range filters : {Range{0, piece}, Range{piece, g.filters}})
      code().weight_gradient(backward, {i * e.n / parts, (i + 1) * e.n / parts}, filters,
                             partials.data() + i * part, space);
  Floats kernel(e.kernel.size()), bias(e.bias.size());
  const int64_t cut = random.between(0, g.filters);
  code().gather(g, partials.data(), parts, 0, cut, kernel.data(), bias.data());
  code().gather(g, partials.data(), parts, cut, g.filters, kernel.data(), bias.data());
  if (kernel != kernel_expected) fail("the kernel's gradient", example);
  if (bias != bias_expected) fail("the bias's gradient", example);

  Floats spread(static_cast<size_t>(code().spread_size(g)));
  Floats image(image_expected.size());
  code().spread(g, e.kernel.data(), spread.data());
  for (int64_t n = 0; n < e.n; ++n)
    code().image_gradient(backward, spread.data(), n, image.data(), space);
  if (image != image_expected) fail("the images' gradient", example);
}

// A coordinate brought into [0, size - 1] as SciPy does.
double folded(double x, int64_t size, Fill fill) {
  const double last = static_cast<double>(size - 1), period = size > 1 ? last : 1.0;
  if (fill == Fill::kWrap && x < 0) x += period * (std::floor(-x / period) + 1);
  if (fill == Fill::kWrap && x > last) x -= period * std::floor(x / period);
  if (fill == Fill::kReflect) {
    const double whole = 2.0 * static_cast<double>(size);
    x = x + 0.5 - whole * std::floor((x + 0.5) / whole);
    x = std::min(x, whole - x) - 0.5;
  }
  return std::min(std::max(x, 0.0), last);
}

void check_warp(Random& random, int example) {
  const int64_t n = random.between(1, 3), height = random.between(1, 20);
  const int64_t width = random.between(1, 40);
  Floats reals = random.whole(n * height * width, -50, 50), matrices(static_cast<size_t>(6 * n));
  Bytes bytes;
  if (random.yes(2)) {
    for (const float value : reals) bytes.push_back(static_cast<uint8_t>(value + 100));
    bytes.shrink_to_fit();
    reals.assign(bytes.begin(), bytes.end());
  }
  // Eighths, so that coordinates are exact and fall on the same side of every border.
  for (float& value : matrices) value = static_cast<float>(random.between(-16, 16)) / 8;
  for (int64_t i = 0; i < n; ++i)
    for (const int64_t shift : {2, 5})
      matrices[i * 6 + shift] = static_cast<float>(random.between(-300, 300)) / 8;
  const bool hostile = random.yes(4);
  if (hostile) {
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(), 3e38f, -3e38f, 1e10f, -2.2e9f};
    for (float& value : matrices)
      if (random.yes(2)) value = odd[random.between(0, 6)];
  }
  const Fill fill = static_cast<Fill>(random.between(0, 3));
  Floats warped(reals.size());
  const Warp op{height, width,           bytes.empty() ? reals.data() : nullptr,
                bytes.empty() ? nullptr : bytes.data(), matrices.data(), fill, 7.0f,
                warped.data()};
  Workspace space;
  for (int64_t i = 0; i < n; ++i) code().warp(op, i, space);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < height; ++r)
      for (int64_t c = 0; c < width; ++c) {
        const float* m = matrices.data() + i * 6;
        const float found = warped[(i * height + r) * width + c];
        if (hostile) {  // any pixel will do
          if (!(std::abs(found) <= 255)) fail("a warp by no numbers", example);
          continue;
        }
        const double y = double{m[0]} * r + double{m[1]} * c + m[2];
        const double x = double{m[3]} * r + double{m[4]} * c + m[5];
        const double row = folded(y, height, fill), column = folded(x, width, fill);
        const auto top = static_cast<int64_t>(row), left = static_cast<int64_t>(column);
        const int64_t low = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
        const auto pixel = [&](int64_t a, int64_t b) {
          return double{reals[(i * height + a) * width + b]};
        };
        const double down = row - top, across = column - left;
        double expected =
            (pixel(top, left) * (1 - across) + pixel(top, right) * across) * (1 - down) +
            (pixel(low, left) * (1 - across) + pixel(low, right) * across) * down;
        if (fill == Fill::kConstant && (y < 0 || y > height - 1 || x < 0 || x > width - 1))
          expected = 7;
        if (found != expected) fail("warp", example);
      }
}

bool close(float found, double expected) {
  return std::abs(found - expected) <= 1e-6 + 1e-5 * std::abs(expected);
}

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

  Adam op() {
    return {new_weight.data(), new_mean.data(), new_square.data(), new_weight.data(),
            new_mean.data(),   new_square.data(), 0.75f, 0.875f, 1e-7f, 2.0f, 4.0f, 0.25f, 0.5f};
  }

  void check(const Floats& gradient, const char* what, int example) const {
    for (size_t i = 0; i < weight.size(); ++i) {
      const double g = gradient[i], m = 0.75 * mean[i] + 0.25 * g;
      const double s = 0.875 * square[i] + 0.125 * g * g;
      const double w = 0.5 * weight[i] - 0.25 * (m * 2) / (std::sqrt(s * 4) + 1e-7);
      if (!close(new_mean[i], m) || !close(new_square[i], s) || !close(new_weight[i], w))
        fail(what, example);
    }
  }
};

void check_adam(Random& random, int example) {
  const int64_t count = random.between(0, 6000), cut = random.between(0, count);
  const Floats gradient = random.whole(count, -30, 30);
  Stepped stepped(random, count);
  code().adam(stepped.op(), gradient.data(), 0, cut);
  code().adam(stepped.op(), gradient.data(), cut, count);
  stepped.check(gradient, "Adam", example);
}

void check_dense(Random& random, int example) {
  const int64_t n = random.between(0, 20), columns = random.between(1, 40);
  const int64_t rows = random.yes(4) ? random.between(1, 600) : random.between(0, 90);
  const Floats inputs = random.whole(n * rows, -3, 3), kernel = random.whole(rows * columns, -3, 3);
  const Floats gradient = random.whole(n * columns, -3, 3);
  Floats outputs(static_cast<size_t>(n * columns)), input_gradient(inputs.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        outputs[i * columns + c] += inputs[i * rows + r] * kernel[r * columns + c];
        input_gradient[i * rows + r] += gradient[i * columns + c] * kernel[r * columns + c];
      }
  Workspace space;
  const Dense op{n, rows, columns, kernel.data()};
  const int64_t stride = code().padded(columns), cut = random.between(0, rows);
  Floats sums(static_cast<size_t>(n * stride));
  const int64_t most = (columns + code().panel - 1) / code().panel;
  const int64_t piece = std::min(columns, code().panel * random.between(0, most));
  for (const Range these : {Range{0, cut}, Range{cut, rows}})
    for (const Range those : {Range{0, piece}, Range{piece, columns}})
      code().dense(op, inputs.data(), these, those, sums.data(), space);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t c = 0; c < columns; ++c)
      if (sums[i * stride + c] != outputs[i * columns + c]) fail("dense", example);
  Floats panels(static_cast<size_t>(columns * code().padded(n))), found(inputs.size());
  code().transposed_panels(gradient.data(), n, columns, panels.data());
  code().dense_input_gradient(op, panels.data(), 0, cut, found.data(), space);
  code().dense_input_gradient(op, panels.data(), cut, rows, found.data(), space);
  if (found != input_gradient) fail("the inputs' gradient", example);
}

void check_dense_step(Random& random, int example) {
  const int64_t n = random.between(0, 40), rows = random.between(0, 200);
  const int64_t columns = random.between(1, 40), cut = random.between(0, rows);
  const Floats inputs = random.whole(n * rows, -3, 3), outer = random.whole(n * columns, -3, 3);
  Stepped stepped(random, rows * columns);
  Floats of_kernel(stepped.weight.size()), of_inputs(inputs.size()), found(inputs.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        of_kernel[r * columns + c] += inputs[i * rows + r] * outer[i * columns + c];
        of_inputs[i * rows + r] += outer[i * columns + c] * stepped.weight[r * columns + c];
      }
  Floats panels(static_cast<size_t>(n * code().padded(columns)));
  Floats transposed(static_cast<size_t>(columns * code().padded(n)));
  code().make_panels(outer.data(), n, columns, panels.data());
  code().transposed_panels(outer.data(), n, columns, transposed.data());
  Workspace space;
  const DenseStep op{stepped.op(),  n,  rows, columns, inputs.data(), panels.data(),
                     transposed.data(), found.data()};
  code().dense_step(op, 0, cut, space);
  code().dense_step(op, cut, rows, space);
  stepped.check(of_kernel, "the step of a dense layer", example);
  if (found != of_inputs) fail("the inputs' gradient beside a step", example);
}

bool runs_here() {
#if STORMLENS_LANES > 4
  return runs(STORMLENS_LANES == 16 ? InstructionSet::kAvx512 : InstructionSet::kAvx2);
#else
  return true;
#endif
}

#endif

}  // namespace

int main([[maybe_unused]] int count, [[maybe_unused]] char** given) {
#ifdef CHECKED
  if (!runs_here()) return 77;
  const int examples = count > 1 ? std::atoi(given[1]) : 400;
  for (int example = 0; example < examples; ++example) {
    Random random(example);
    check_convolution(random, example);
    check_warp(random, example);
    check_adam(random, example);
    check_dense(random, example);
    check_dense_step(random, example);
  }
#else
  check_threads();
#endif
  return 0;
}
