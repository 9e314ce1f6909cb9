// What Python calls, by ctypes: a network's steps are checked and its weights packed once, then
// images go through them.
//
// Threads take a few images at a time through many steps, so that their maps stay in the cache.
// A dense layer with a large kernel is computed for many images at once, as its weights come from
// memory, and a first layer that stands before it gives it some rows of all their maps. Every sum
// is cut the same way for any number of threads and images.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "engine.hpp"
#include "refusal.hpp"

namespace stormlens {
namespace {

enum class Kind : int64_t {
  kConvolution,
  kDense,
  kPoolHighest,
  kPoolMean,
  kActivation,
  kScale,
  kNormalise,
  kNeighbours,
  kGlobalMean,
  kGlobalHighest,
  kGlobalBoth,
  kKeep,  // a copy of the map, which kAdd adds
  kAdd,
  kFlatten,
  kCount
};

}  // namespace
}  // namespace stormlens

extern "C" {

// One step as Python writes it, see stormlens.engine; weights and bias are places in one array, and
// how many numbers each has there.
struct StormlensStep {
  int64_t kind, activation;
  int64_t rows, columns, row_stride, column_stride, row_dilation, column_dilation, groups;
  int64_t top, left, bottom, right;
  int64_t outputs, weights, weights_size, bias, bias_size;
  float a, b, c, d;
};

}  // extern "C"

namespace stormlens {
namespace {

constexpr int64_t kMostSteps = 10'000;
constexpr int64_t kLargest = int64_t{1} << 31;        // floats of one image's map, or of a kernel
constexpr int64_t kLargestWindow = int64_t{1} << 20;  // cells along a side
constexpr int64_t kMostThreads = 256;
// Images that one thread takes through a network together. Eight fill the vectors' rows of small
// layers; with more than 8 MiB of maps a thread's share of the cache is too small for them.
constexpr int64_t kImagesTogether = 8, kFloatsTogether = int64_t{1} << 21;
// A dense kernel of 512 KiB or more does not fit beside the maps, so it is read once for many
// images.
constexpr int64_t kLargeKernel = 1 << 17;  // floats from which it is computed by itself
constexpr int64_t kImagesAtOnce = 128;     // images that then go through it at once
// Rows of such a kernel in one task. The number is fixed, as the sums of tasks are added in their
// order: the same bits for any number of threads.
constexpr int64_t kRowsATask = 1024;
// Winograd transforms 64 inputs for 36 outputs, which pays from so many outputs and channels on.
constexpr int64_t kFewestTileCells = 9, kFewestTileChannels = 8;

std::string text(const Shape& shape) {
  return std::to_string(shape.height) + " x " + std::to_string(shape.width) + " x " +
         std::to_string(shape.channels);
}

enum class Way { kTiles, kPooled, kPatches };

// Memory for weights, which vectors are read from: at the beginning of a line of the cache.
template <typename T>
struct Aligned {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  Aligned() = default;
  template <typename Other>
  Aligned(const Aligned<Other>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* memory, size_t) { ::operator delete(memory, kLine); }
  bool operator==(const Aligned&) const { return true; }
  bool operator!=(const Aligned&) const { return false; }
};

using Weights = std::vector<float, Aligned<float>>;

struct Step {
  Kind kind;
  Shape in, out;
  Look look{};
  Curve curve{};
  float a = 0, b = 0, c = 0;  // constants of normalisations
  int64_t size = 0;           // neighbours
  Way way{};
  Convolved convolved{};
  Pooled pooled{};
  bool adds = false;  // the kept map, in a convolution
  Weights weights, bias;

  bool is_large() const {
    return kind == Kind::kDense && in.size() * out.size() >= kLargeKernel;
  }
  int64_t dense_panels() const { return (out.size() + kPanel - 1) / kPanel; }
};

// One thread's memory; the first one's is also that of the whole call.
struct Space {
  Workspace work;
  Scratch maps[2], kept, sums;
  Scratch between[2], partial;  // what groups of steps hand on, and a large dense layer's sums
};

// Calls body(task, space) for each task on so many threads, this one included. Where memory runs
// out in one, the rest is left and the result is false.
template <typename Body>
bool spread_tasks(std::vector<Space>& spaces, int64_t count, const Body& body) {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&](Space& space) {
    try {
      for (int64_t task; !failed && (task = next.fetch_add(1)) < count;) body(task, space);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  };
  std::vector<std::thread> helpers;
  const int64_t threads = std::min(static_cast<int64_t>(spaces.size()), count);
  helpers.reserve(static_cast<size_t>(std::max<int64_t>(threads, 1)));
  try {
    for (int64_t i = 1; i < threads; ++i)
      helpers.emplace_back([&, i] { work(spaces[static_cast<size_t>(i)]); });
  } catch (const std::system_error&) {  // no more threads are to be had: those there are do it
  }
  work(spaces[0]);
  for (std::thread& helper : helpers) helper.join();
  return !failed;
}

// The images of a call: reals, or bytes that become (byte - low) / span.
struct Given {
  const uint8_t* bytes;
  const float* reals;
};

class Engine {
 public:
  Engine(const StormlensStep* steps, int64_t count, Shape in, float low, float high,
         const float* weights, int64_t size)
      : in_(in), low_(low), span_(high - low), given_weights_(weights), given_size_(size) {
    if (count < 1 || count > kMostSteps) refuse("the network has no steps, or too many.");
    check_shape(in, "the images");
    if (!(span_ > 0) || !std::isfinite(span_))
      refuse("the upper bound of bytes must lie above the lower one.");
    largest_ = in.size();
    Shape shape = in;
    for (int64_t i = 0; i < count; ++i) shape = append(steps[i], shape);
    if (keeps_) refuse("a map is kept that nothing adds.");
    fuse_pools();
    for (Step& step : steps_) pack(step);
    given_weights_ = nullptr;
  }

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  int64_t outputs() const { return steps_.back().out.size(); }

  // Whether there was memory for it.
  bool run(const Given& given, int64_t count, int64_t threads, float* out) {
    std::vector<Space> spaces = borrow(std::clamp<int64_t>(threads, 1, kMostThreads));
    const bool large = std::any_of(steps_.begin(), steps_.end(),
                                   [](const Step& step) { return step.is_large(); });
    const int64_t at_once = large ? kImagesAtOnce : std::max<int64_t>(count, 1);
    bool done = true;
    for (int64_t first = 0; done && first < count; first += at_once) {
      const int64_t here = std::min(at_once, count - first);
      const Given part{given.bytes == nullptr ? nullptr : given.bytes + first * in_.size(),
                       given.reals == nullptr ? nullptr : given.reals + first * in_.size()};
      done = run_some(part, here, spaces, out + first * outputs());
    }
    give_back(std::move(spaces));
    return done;
  }

 private:
  // ------------------------------------------------------------ building

  void check_shape(const Shape& shape, const char* what) {
    for (int64_t side : {shape.height, shape.width, shape.channels})
      if (side < 1 || side > kLargest)
        refuse(std::string(what) + " would be " + text(shape) + ", which cannot be.");
    if (shape.cells() > kLargest || shape.cells() > kLargest / shape.channels)
      refuse(std::string(what) + " would be " + text(shape) + ", which is too large.");
  }

  const float* tensor(int64_t place, int64_t held, int64_t size, const char* what) const {
    if (held != size)
      refuse(std::to_string(held) + " " + what + " are given where " + std::to_string(size) +
             " are due.");
    if (place < 0 || size > given_size_ || place > given_size_ - size)
      refuse(std::string(what) + " lie beyond the " + std::to_string(given_size_) +
             " weights given.");
    return given_weights_ + place;
  }

  static int64_t extent(int64_t cells, int64_t before, int64_t after, int64_t taps,
                        int64_t dilation, int64_t stride) {
    const int64_t reach = (taps - 1) * dilation + 1;
    return cells + before + after < reach ? 0 : (cells + before + after - reach) / stride + 1;
  }

  static Look look_of(const StormlensStep& s) {
    for (int64_t size : {s.rows, s.columns, s.row_stride, s.column_stride, s.row_dilation,
                         s.column_dilation})
      if (size < 1 || size > kLargestWindow) refuse("a window, stride or dilation cannot be.");
    for (int64_t side : {s.top, s.left, s.bottom, s.right})
      if (side < 0 || side > kLargestWindow) refuse("the cells around an image cannot be.");
    return {s.rows, s.columns, s.row_stride, s.column_stride, s.row_dilation, s.column_dilation,
            s.top, s.left};
  }

  Shape seen(const StormlensStep& s, const Shape& in, int64_t channels) const {
    return {extent(in.height, s.top, s.bottom, s.rows, s.row_dilation, s.row_stride),
            extent(in.width, s.left, s.right, s.columns, s.column_dilation, s.column_stride),
            channels};
  }

  Shape append(const StormlensStep& s, const Shape& in) {
    if (s.kind < 0 || s.kind >= static_cast<int64_t>(Kind::kCount) || s.activation < 0 ||
        s.activation >= static_cast<int64_t>(Activation::kCount))
      refuse("a step is of no kind that is known.");
    Step step{static_cast<Kind>(s.kind), in, in};
    step.curve = {static_cast<Activation>(s.activation), s.a, s.b, s.c};
    Curve after{Activation::kLinear, 0, 0, 0};
    switch (step.kind) {
      case Kind::kConvolution:
        make_convolution(s, step, after);
        break;
      case Kind::kDense:
        make_dense(s, step, after);
        break;
      case Kind::kPoolHighest:
      case Kind::kPoolMean:
        step.look = look_of(s);
        step.out = seen(s, in, in.channels);
        check_shape(step.out, "a pooled map");
        check_pads(s);
        step.pooled = {in, step.out, step.look};
        break;
      case Kind::kGlobalMean:
      case Kind::kGlobalHighest:
        step.out = {1, 1, in.channels};
        break;
      case Kind::kGlobalBoth:
        step.out = {1, 1, 2 * in.channels};
        break;
      case Kind::kFlatten:
        step.out = {1, 1, in.size()};
        break;
      case Kind::kScale:
      case Kind::kNormalise: {
        const float* factor = tensor(s.weights, s.weights_size, in.channels, "factors");
        const float* offset = tensor(s.bias, s.bias_size, in.channels, "offsets");
        step.weights.assign(factor, factor + in.channels);
        step.bias.assign(offset, offset + in.channels);
        step.a = s.a;
        break;
      }
      case Kind::kNeighbours:
        if (s.rows < 1 || s.rows > kLargestWindow) refuse("so many neighbours cannot be.");
        step.size = s.rows;
        step.a = s.a, step.b = s.b, step.c = s.c;
        break;
      case Kind::kKeep:
        if (keeps_) refuse("a map is kept while another is.");
        keeps_ = true;
        kept_ = in;
        break;
      case Kind::kAdd:
        make_add(in);
        break;
      default:
        break;
    }
    check_shape(step.out, "a map");
    largest_ = std::max(largest_, step.out.size());
    const Shape out = step.out;
    if (!(step.kind == Kind::kAdd && steps_.back().adds)) steps_.push_back(std::move(step));
    if (after.kind != Activation::kLinear) {
      Step curve{Kind::kActivation, out, out};
      curve.curve = after;
      steps_.push_back(std::move(curve));
    }
    return out;
  }

  // A window that lies wholly beside the map has no highest value.
  void check_pads(const StormlensStep& s) const {
    if (s.row_dilation != 1 || s.column_dilation != 1) refuse("a pool has no dilation.");
    if (s.top >= s.rows || s.left >= s.columns || s.bottom >= s.rows || s.right >= s.columns)
      refuse("a pool would look beside its map.");
  }

  // Relu without more is the lowest value of a step; any other curve comes behind it.
  static bool is_bound(const Curve& curve) {
    return curve.kind == Activation::kLinear ||
           (curve.kind == Activation::kRelu && curve.a == 0 && curve.c == 0 &&
            curve.b == std::numeric_limits<float>::infinity());
  }

  void make_convolution(const StormlensStep& s, Step& step, Curve& after) {
    const Shape& in = step.in;
    step.look = look_of(s);
    if (s.groups < 1 || s.groups > in.channels || in.channels % s.groups != 0 || s.outputs < 1 ||
        s.outputs > kLargest || s.outputs % s.groups != 0)
      refuse("a convolution of " + std::to_string(in.channels) + " channels in " +
             std::to_string(s.groups) + " groups to " + std::to_string(s.outputs) +
             " cannot be.");
    step.out = seen(s, in, s.outputs);
    check_shape(step.out, "a convolved map");
    Convolved& op = step.convolved;
    op = {in, step.out, step.out, step.look, s.groups, 1,
          -std::numeric_limits<float>::infinity(), nullptr, nullptr};
    if (is_bound(step.curve)) {
      if (step.curve.kind == Activation::kRelu) op.lowest = 0;
    } else {
      after = step.curve;
    }
    if (s.rows > kLargest / s.columns / in.channels) refuse("a kernel is too large.");
    if (op.taps() > kLargest / s.outputs) refuse("a kernel is too large.");
    const int64_t size = op.taps() * s.outputs;
    const float* kernel = tensor(s.weights, s.weights_size, size, "values of a kernel");
    step.weights.assign(kernel, kernel + size);
    const float* bias = tensor(s.bias, s.bias_size, s.outputs, "biases");
    step.bias.assign(bias, bias + s.outputs);
  }

  void make_dense(const StormlensStep& s, Step& step, Curve& after) {
    // On flat values, or on each cell of a map.
    if (step.in.cells() != 1) refuse("a dense layer takes flat values, not " + text(step.in) + ".");
    step.out = {1, 1, s.outputs};
    check_shape(step.out, "a dense layer's outputs");
    after = step.curve;
    if (keeps_ && step.is_large()) refuse("a map is kept past a large dense layer.");
    if (step.in.channels > kLargest / s.outputs) refuse("a dense kernel is too large.");
    const int64_t size = step.in.channels * s.outputs;
    const float* kernel = tensor(s.weights, s.weights_size, size, "values of a kernel");
    const float* bias = tensor(s.bias, s.bias_size, s.outputs, "biases");
    step.bias.assign(bias, bias + s.outputs);
    step.weights.resize(static_cast<size_t>(step.dense_panels() * kPanel * step.in.channels));
    pack_panels(kernel, step.in.channels, s.outputs, s.outputs, step.weights.data());
  }

  void make_add(const Shape& in) {
    if (!keeps_ || !(kept_ == in))
      refuse("what is added to a map of " + text(in) + " was not kept.");
    keeps_ = false;
    Step& before = steps_.back();
    // Behind a convolution without an activation the sum costs nothing.
    if (before.kind == Kind::kConvolution && !before.adds &&
        before.convolved.lowest == -std::numeric_limits<float>::infinity())
      before.adds = true;
  }

  // A max pool behind a convolution is taken of its tiles or windows, and never sees memory.
  void fuse_pools() {
    std::vector<Step> fused;
    for (size_t i = 0; i < steps_.size(); ++i) {
      Step& step = steps_[i];
      const bool follows = !fused.empty() && fused.back().kind == Kind::kConvolution;
      // Relu does not change the order of values, so it may come before the pool or behind it.
      if (follows && is_bound(step.curve) && step.kind == Kind::kActivation) {
        fused.back().convolved.lowest =
            step.curve.kind == Activation::kRelu ? 0 : fused.back().convolved.lowest;
        continue;
      }
      const Look& look = step.look;
      const bool plain = step.kind == Kind::kPoolHighest && look.rows == look.columns &&
                         (look.rows == 2 || look.rows == 3) && look.row_stride == look.rows &&
                         look.column_stride == look.rows && look.top == 0 && look.left == 0 &&
                         step.out.height * look.rows <= step.in.height &&
                         step.out.width * look.rows <= step.in.width;
      if (follows && plain && takes_pool(fused.back())) {
        fused.back().convolved.pool = look.rows;
        fused.back().convolved.pooled = fused.back().out = step.out;
        continue;
      }
      fused.push_back(std::move(step));
    }
    steps_ = std::move(fused);
  }

  static bool takes_pool(const Step& step) {
    const Look& look = step.look;
    return step.convolved.pool == 1 && !step.adds && step.convolved.groups == 1 &&
           look.row_stride == 1 && look.column_stride == 1 && look.row_dilation == 1 &&
           look.column_dilation == 1 && fits_kernels(step.convolved);
  }

  // kernels.hpp holds places in an image in 32 bits.
  static bool fits_kernels(const Convolved& op) {
    const int64_t rows = op.in.height + 2 * op.look.rows;
    const int64_t columns = op.in.width + 2 * op.look.columns;
    return rows * columns < std::numeric_limits<int32_t>::max() / op.in.channels - op.taps();
  }

  static Way way_of(const Convolved& op) {
    const Look& look = op.look;
    const bool side_by_side = op.groups == 1 && look.row_stride == 1 && look.column_stride == 1 &&
                              look.row_dilation == 1 && look.column_dilation == 1;
    if (side_by_side && look.rows == 3 && look.columns == 3 &&
        op.in.channels >= kFewestTileChannels && op.out.channels >= kFewestTileChannels &&
        op.pooled.cells() * op.pool * op.pool >= kFewestTileCells)
      return Way::kTiles;
    return op.pool > 1 ? Way::kPooled : Way::kPatches;
  }

  void pack(Step& step) {
    if (step.kind != Kind::kConvolution) return;
    Convolved& op = step.convolved;
    step.way = way_of(op);
    Weights packed;
    if (step.way == Way::kTiles) {
      packed.resize(static_cast<size_t>(op.panels() * kPlaces * op.weights_place()));
      code_.pack_tiles(op, step.weights.data(), packed.data());
    } else if (step.way == Way::kPooled) {
      packed.resize(static_cast<size_t>(kernels().packed_size(geometry(op))));
      kernels().pack(geometry(op), step.weights.data(), packed.data());
    } else {
      const int64_t panels = op.group_panels() * op.taps() * kPanel;
      packed.resize(static_cast<size_t>(op.groups * panels));
      for (int64_t group = 0; group < op.groups; ++group)
        pack_panels(step.weights.data() + group * op.group_filters(), op.taps(),
                    op.group_filters(), op.out.channels, packed.data() + group * panels);
    }
    step.weights = std::move(packed);
    op.weights = step.weights.data();
    op.bias = step.bias.data();
  }

  static Geometry geometry(const Convolved& op) {
    return {op.in.height, op.in.width,      op.in.channels,  op.look.rows,
            op.look.columns, op.out.channels, op.pool,         op.pooled.height,
            op.pooled.width, op.look.top,     op.look.left,    op.lowest == 0};
  }

  // ------------------------------------------------------------ running

  std::vector<Space> borrow(int64_t threads) {
    std::vector<Space> spaces;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      spaces.swap(free_);
    }
    if (static_cast<int64_t>(spaces.size()) != threads)
      spaces = std::vector<Space>(static_cast<size_t>(threads));
    return spaces;
  }

  void give_back(std::vector<Space> spaces) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_ = std::move(spaces);
  }

  // Some images through all steps: groups of them through many, all through a large dense layer.
  bool run_some(const Given& given, int64_t count, std::vector<Space>& spaces, float* out) {
    const float* in = nullptr;  // null for the images themselves
    size_t first = 0;
    int other = 0;
    try {
      while (first < steps_.size()) {
        size_t last = first;
        while (last < steps_.size() && !steps_[last].is_large()) ++last;
        const bool large = last == first, joined = !large && hands_rows_on(first, last);
        last = large || joined ? last + 1 : last;
        const int64_t width = steps_[last - 1].out.size();
        float* to = out;
        if (last < steps_.size()) to = spaces[0].between[other].room<float>(count * width);
        const bool done = large    ? dense(steps_[first], in, given, count, spaces, to)
                          : joined ? rows_into_dense(steps_[first], steps_[last - 1], in, given,
                                                     count, spaces, to)
                                   : groups(first, last, in, given, count, spaces, to);
        if (!done) return false;
        in = to;
        other ^= 1;
        first = last;
      }
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  bool groups(size_t first, size_t last, const float* in, const Given& given, int64_t count,
              std::vector<Space>& spaces, float* out) const {
    const auto threads = static_cast<int64_t>(spaces.size());
    const int64_t most = std::clamp<int64_t>(kFloatsTogether / largest_, 1, kImagesTogether);
    // As many groups as threads, or twice as many and so on, of equal size: so all end together.
    const int64_t rounds = (count + threads * most - 1) / (threads * most);
    const int64_t each = std::max<int64_t>((count + threads * rounds - 1) / (threads * rounds), 1);
    const int64_t width = steps_[last - 1].out.size(), from = steps_[first].in.size();
    return spread_tasks(spaces, (count + each - 1) / each, [&](int64_t task, Space& space) {
      const int64_t begin = task * each, here = std::min(each, count - begin);
      const Given part{given.bytes == nullptr ? nullptr : given.bytes + begin * in_.size(),
                       given.reals == nullptr ? nullptr : given.reals + begin * in_.size()};
      group(first, last, in == nullptr ? nullptr : in + begin * from, part, here, space,
            out + begin * width);
    });
  }

  // A few images through steps [first, last) on one thread.
  void group(size_t first, size_t last, const float* in, const Given& given, int64_t count,
             Space& space, float* out) const {
    const float* values = in == nullptr ? given.reals : in;  // null for bytes
    float* ours = nullptr;  // the same, where this thread may change them
    float* kept = nullptr;
    int other = 0;
    for (size_t i = first; i < last; ++i) {
      const Step& step = steps_[i];
      if (values == nullptr && !(step.kind == Kind::kConvolution && step.way == Way::kPooled)) {
        values = ours = scaled(given.bytes, count, space.maps[other]);
        other ^= 1;
      }
      if (step.kind == Kind::kKeep) {
        kept = space.kept.room<float>(count * step.in.size());
        std::copy_n(values, count * step.in.size(), kept);
        if (i + 1 < last) continue;
      }
      float* to = i + 1 == last ? out : in_place(step) ? ours : nullptr;
      if (to == nullptr) {
        to = space.maps[other].room<float>(count * largest_);
        other ^= 1;
      }
      if (in_place(step) && to != values) std::copy_n(values, count * step.in.size(), to);
      apply(step, values, given.bytes, kept, count, space, to);
      values = ours = to;
    }
  }

  // Those whose outputs may lie where their inputs were.
  static bool in_place(const Step& step) {
    switch (step.kind) {
      case Kind::kActivation:
      case Kind::kScale:
      case Kind::kNormalise:
      case Kind::kKeep:
      case Kind::kAdd:
      case Kind::kFlatten:
        return true;
      default:
        return false;
    }
  }

  float* scaled(const uint8_t* bytes, int64_t count, Scratch& scratch) const {
    float* to = scratch.room<float>(count * largest_);
    for (int64_t i = 0; i < count * in_.size(); ++i)
      to[i] = (static_cast<float>(bytes[i]) - low_) / span_;
    return to;
  }

  void apply(const Step& step, const float* values, const uint8_t* bytes, const float* kept,
             int64_t count, Space& space, float* to) const {
    const int64_t cells = count * step.in.cells(), size = count * step.in.size();
    switch (step.kind) {
      case Kind::kConvolution:
        return convolve(step, values, bytes, step.adds ? kept : nullptr, count, space, to);
      case Kind::kDense:
        return small_dense(step, values, count, space, to);
      case Kind::kPoolHighest:
        return code_.pool_highest(step.pooled, values, count, to);
      case Kind::kPoolMean:
        return code_.pool_mean(step.pooled, values, count, to);
      case Kind::kActivation:
        return code_.activate(step.curve, to, cells, step.in.channels);
      case Kind::kNormalise:
        code_.normalise(step.a, to, cells, step.in.channels);
        return code_.scale(step.weights.data(), step.bias.data(), to, cells, step.in.channels);
      case Kind::kScale:
        return code_.scale(step.weights.data(), step.bias.data(), to, cells, step.in.channels);
      case Kind::kNeighbours:
        return code_.divide_by_neighbours(step.size, step.a, step.b, step.c, values, cells,
                                          step.in.channels, to);
      case Kind::kAdd:
        for (int64_t i = 0; i < size; ++i) to[i] += kept[i];
        return;
      case Kind::kKeep:
      case Kind::kFlatten:
        return;
      default:
        return pool_whole(step, values, count, to);
    }
  }

  void convolve(const Step& step, const float* values, const uint8_t* bytes, const float* add,
                int64_t count, Space& space, float* to) const {
    const Convolved& op = step.convolved;
    if (step.way == Way::kTiles)
      return code_.convolve_tiles(op, values, add, count, to, space.work);
    if (step.way == Way::kPatches)
      return code_.convolve_patches(op, values, add, count, to, space.work);
    pool_rows(step, values, bytes, 0, op.pooled.height, count, space, to);
  }

  // Rows [top, top + rows) of what a convolution and its pool leave of each image.
  void pool_rows(const Step& step, const float* values, const uint8_t* bytes, int64_t top,
                 int64_t rows, int64_t count, Space& space, float* to) const {
    const Convolved& op = step.convolved;
    Geometry part = geometry(op);
    part.h = rows;
    part.top -= top * op.pool;
    const Images images =
        values != nullptr ? Images{values, nullptr, 0, 1} : Images{nullptr, bytes, low_, span_};
    const Forward forward{part,    images, nullptr, op.bias, nullptr,
                          nullptr, to,     nullptr, op.weights};
    for (int64_t n = 0; n < count; ++n) kernels().forward(forward, n, 0, rows, space.work);
  }

  void small_dense(const Step& step, const float* values, int64_t count, Space& space,
                   float* to) const {
    const int64_t depth = step.in.channels, units = step.out.channels;
    float* sums = space.sums.room<float>(count * kPanel);
    for (int64_t panel = 0; panel < step.dense_panels(); ++panel) {
      const int64_t first = panel * kPanel, wide = std::min(kPanel, units - first);
      std::fill(sums, sums + count * kPanel, 0.0f);
      code_.add_products(values, depth, step.weights.data() + panel * depth * kPanel, count, depth,
                         wide, sums);
      for (int64_t n = 0; n < count; ++n)
        for (int64_t i = 0; i < wide; ++i)
          to[n * units + first + i] =
              sums[n * kPanel + i] + step.bias[static_cast<size_t>(first + i)];
    }
  }

  // Some rows of the kernel a task; what they give is summed in their order.
  bool dense(const Step& step, const float* in, const Given& given, int64_t count,
             std::vector<Space>& spaces, float* out) const {
    const int64_t depth = step.in.channels, parts = (depth + kRowsATask - 1) / kRowsATask;
    if (in == nullptr) in = given.reals;
    if (in == nullptr) in = scaled(given.bytes, count, spaces[0].maps[0]);
    const int64_t of_part = step.dense_panels() * count * kPanel;
    float* sums = spaces[0].partial.room<float>(parts * of_part);
    const bool done = spread_tasks(spaces, parts, [&](int64_t part, Space&) {
      const int64_t first = part * kRowsATask, rows = std::min(kRowsATask, depth - first);
      dense_part(step, in + first, depth, first, rows, count, sums + part * of_part);
    });
    if (done) add_parts(step, sums, parts, count, out);
    return done;
  }

  // Whether steps [first, last) are a pooled convolution alone, flattened for a large dense layer.
  bool hands_rows_on(size_t first, size_t last) const {
    const Step& step = steps_[first];
    return last < steps_.size() && step.kind == Kind::kConvolution && step.way == Way::kPooled &&
           std::all_of(steps_.begin() + static_cast<int64_t>(first) + 1,
                       steps_.begin() + static_cast<int64_t>(last),
                       [](const Step& other) { return other.kind == Kind::kFlatten; });
  }

  // Both at once: some rows of the pooled maps of all images a task, which go from the cache into
  // the product with their rows of the kernel.
  bool rows_into_dense(const Step& first, const Step& step, const float* in, const Given& given,
                       int64_t count, std::vector<Space>& spaces, float* out) const {
    const Convolved& op = first.convolved;
    const int64_t wide = op.pooled.width * op.pooled.channels, height = op.pooled.height;
    const int64_t together = std::max<int64_t>(1, kRowsATask / wide);
    const int64_t parts = (height + together - 1) / together;
    const int64_t of_part = step.dense_panels() * count * kPanel;
    float* sums = spaces[0].partial.room<float>(parts * of_part);
    const bool done = spread_tasks(spaces, parts, [&](int64_t part, Space& space) {
      const int64_t top = part * together, rows = std::min(together, height - top);
      float* values = space.maps[0].room<float>(count * rows * wide);
      pool_rows(first, in == nullptr ? given.reals : in, given.bytes, top, rows, count, space,
                values);
      dense_part(step, values, rows * wide, top * wide, rows * wide, count, sums + part * of_part);
    });
    if (done) add_parts(step, sums, parts, count, out);
    return done;
  }

  // What rows [first, first + rows) of a dense layer's kernel give with as many values of each
  // image, which lie `apart`.
  void dense_part(const Step& step, const float* values, int64_t apart, int64_t first, int64_t rows,
                  int64_t count, float* sums) const {
    const int64_t depth = step.in.channels, units = step.out.channels;
    std::fill(sums, sums + step.dense_panels() * count * kPanel, 0.0f);
    for (int64_t panel = 0; panel < step.dense_panels(); ++panel)
      code_.add_products(values, apart, step.weights.data() + (panel * depth + first) * kPanel,
                         count, rows, std::min(kPanel, units - panel * kPanel),
                         sums + panel * count * kPanel);
  }

  static void add_parts(const Step& step, float* sums, int64_t parts, int64_t count, float* out) {
    const int64_t of_part = step.dense_panels() * count * kPanel, units = step.out.channels;
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t i = 0; i < of_part; ++i) sums[i] += sums[part * of_part + i];
    for (int64_t n = 0; n < count; ++n)
      for (int64_t unit = 0; unit < units; ++unit)
        out[n * units + unit] = sums[(unit / kPanel * count + n) * kPanel + unit % kPanel] +
                                step.bias[static_cast<size_t>(unit)];
  }

  void pool_whole(const Step& step, const float* values, int64_t count, float* to) const {
    const int64_t channels = step.in.channels, cells = step.in.cells();
    const bool mean = step.kind != Kind::kGlobalHighest, highest = step.kind != Kind::kGlobalMean;
    for (int64_t n = 0; n < count; ++n, values += step.in.size(), to += step.out.size()) {
      float* largest = mean ? to + (step.out.channels - channels) : to;
      if (mean) std::fill(to, to + channels, 0.0f);
      if (highest) std::copy_n(values, channels, largest);
      for (int64_t cell = 0; cell < cells; ++cell)
        for (int64_t c = 0; c < channels; ++c) {
          const float value = values[cell * channels + c];
          if (mean) to[c] += value;
          if (highest) largest[c] = std::max(largest[c], value);
        }
      for (int64_t c = 0; mean && c < channels; ++c) to[c] /= static_cast<float>(cells);
    }
  }

  Shape in_, kept_{};
  float low_, span_;
  const float* given_weights_;
  int64_t given_size_, largest_ = 0;
  bool keeps_ = false;
  std::vector<Step> steps_;
  const EngineCode& code_ = engine_code();
  std::mutex mutex_;
  std::vector<Space> free_;
};

}  // namespace

}  // namespace stormlens

extern "C" {

// A network, or null and a sentence that says why there is none.
void* stormlens_engine_make(const StormlensStep* steps, int64_t count, int64_t height,
                            int64_t width, int64_t channels, float low, float high,
                            const float* weights, int64_t size, char* error, int64_t room) {
  using namespace stormlens;
  try {
    return new Engine(steps, count, {height, width, channels}, low, high, weights, size);
  } catch (const Refused& refused) {
    tell(refused.sentence, error, room);
  } catch (const std::bad_alloc&) {
    tell("memory", error, room);
  } catch (const std::length_error&) {
    tell("memory", error, room);
  }
  return nullptr;
}

int64_t stormlens_engine_outputs(const void* engine) {
  return static_cast<const stormlens::Engine*>(engine)->outputs();
}

// Bytes or reals, the other one null. 0 when done, 1 where memory ran out.
int64_t stormlens_engine_run(void* engine, const uint8_t* bytes, const float* reals, int64_t count,
                             int64_t threads, float* outputs) {
  auto* held = static_cast<stormlens::Engine*>(engine);
  try {
    return held->run({bytes, reals}, count, threads, outputs) ? 0 : 1;
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

void stormlens_engine_free(void* engine) { delete static_cast<stormlens::Engine*>(engine); }

const char* stormlens_engine_instruction_set() { return stormlens::engine_code().name; }

}  // extern "C"
