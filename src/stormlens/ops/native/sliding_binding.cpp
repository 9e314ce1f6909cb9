// What Python calls for sliding windows, by ctypes: sizes are checked before any memory is touched,
// then tasks are spread over threads that wait between calls.

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "helpers.hpp"
#include "parallel.hpp"
#include "refusal.hpp"
#include "sliding.hpp"

extern "C" {

// The two operations as Python writes them, see stormlens.engine; `_size` is how many numbers an
// array holds.
struct StormlensShiftAndStitch {
  int64_t height, width, channels, starts, step;
  int64_t kernel_rows, kernel_columns, filters, pool, relu, winograd;
  int64_t row_step, column_step, dilation, rows, columns, cell_rows, cell_columns;
  int64_t image_size, starts_size, weights_size, bias_size, blank_size, reply_size, pooled_size;
};

struct StormlensDenseWindows {
  int64_t height, width, channels, units;
  int64_t row_step, column_step, dilation, rows, columns, cell_rows, cell_columns;
  int64_t image_size, kernel_size, bias_size, outputs_size;
};

}  // extern "C"

namespace stormlens {
namespace {

constexpr int64_t kMostRows = 66, kFewestRows = 12;  // of a convolution, in one task
// Tiles, panels of units and depth of spectra at a time: some 150 MB, whatever the image's size.
constexpr int64_t kTilesAtOnce = 240, kPanelsAtOnce = 4, kDepthAtOnce = 256;
constexpr int64_t kLargestSide = int64_t{1} << 24, kLargestMap = int64_t{1} << 40;
constexpr int64_t kMostThreads = 256;

int64_t parts(int64_t whole, int64_t most) { return (whole + most - 1) / most; }

void require(bool fits, const char* sentence) {
  if (!fits) refuse(sentence);
}

void check_sides(std::initializer_list<int64_t> sides) {
  for (const int64_t side : sides)
    require(side >= 1 && side <= kLargestSide, "a size is not positive, or is too large.");
}

int64_t product(std::initializer_list<int64_t> sides) {
  int64_t total = 1;
  for (const int64_t side : sides)
    require(!__builtin_mul_overflow(total, side, &total) && total <= kLargestMap,
            "an array would be too large.");
  return total;
}

void check_holds(int64_t size, std::initializer_list<int64_t> sides, const char* sentence) {
  require(size == product(sides), sentence);
}

template <typename Given>
Windows down(const Given& s) {
  return {s.row_step, s.dilation, s.rows, s.cell_rows};
}

template <typename Given>
Windows across(const Given& s) {
  return {s.column_step, s.dilation, s.columns, s.cell_columns};
}

template <typename Given>
void check_windows(const Given& s) {
  check_sides({s.row_step, s.column_step, s.dilation, s.rows, s.columns, s.cell_rows,
               s.cell_columns});
}

void check(const StormlensShiftAndStitch& s, const int64_t* starts) {
  check_sides({s.height, s.width, s.channels, s.starts, s.step, s.kernel_rows, s.kernel_columns,
               s.filters, s.pool});
  check_holds(s.starts_size, {s.starts, 2}, "the starts have another size.");
  for (int64_t i = 0; i < s.starts_size; ++i)
    require(starts[i] >= 0 && starts[i] <= kLargestSide, "a first row or column cannot be.");
  check_windows(s);
  product({down(s).extent() + s.pool, across(s).extent() + s.pool, s.filters});
  const bool three = s.kernel_rows == 3 && s.kernel_columns == 3;
  require(!s.winograd || (three && s.channels % 16 == 0),
          "Winograd needs 3 x 3 kernels and channels in sixteens.");
  check_holds(s.image_size, {s.height, s.width, s.channels}, "the image has another size.");
  const int64_t panels = parts(s.filters, kPanel);
  if (s.winograd)
    check_holds(s.weights_size, {panels, kPlaces, s.channels, kPanel},
                "the weights have another size.");
  else
    check_holds(s.weights_size, {panels, s.kernel_rows, s.kernel_columns, s.channels, kPanel},
                "the weights have another size.");
  require(s.bias_size == panels * kPanel && s.blank_size == s.channels &&
              s.reply_size == s.filters,
          "bias, blank or reply have another size.");
  check_holds(s.pooled_size, {s.starts, s.rows, s.columns, s.cell_rows, s.cell_columns, s.filters},
              "the result has another size.");
}

void check(const StormlensDenseWindows& s) {
  check_sides({s.height, s.width, s.channels, s.units});
  check_windows(s);
  require(down(s).extent() <= s.height && across(s).extent() <= s.width &&
              s.dilation <= std::min(s.height, s.width),
          "a window reaches beyond the image.");
  check_holds(s.image_size, {s.height, s.width, s.channels}, "the image has another size.");
  check_holds(s.kernel_size, {s.cell_rows, s.cell_columns, s.channels, s.units},
              "the kernel has another size.");
  require(s.bias_size == s.units, "the bias has another size.");
  check_holds(s.outputs_size, {s.rows, s.columns, s.units}, "the result has another size.");
}

// Asks for large pages: a fault for every 4 KiB of fresh memory takes longer than computing what
// it holds.
void expect_large_pages(float* memory, int64_t count) {
#ifdef __linux__
  constexpr uintptr_t kPage = 4096;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const uintptr_t last = reinterpret_cast<uintptr_t>(memory + count) / kPage * kPage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  static_cast<void>(memory);
  static_cast<void>(count);
#endif
}

// Pooled rows of one task: few enough for the cache, and so that up to eight threads end together.
// A task computes the rows that its last pools look at, which the next one computes again. Tiles
// begin with a task, so that their sums are the same for any number of threads.
int64_t rows_a_task(const ShiftAndStitch& op, int64_t starts) {
  int64_t best = 1;
  double least = std::numeric_limits<double>::max();
  for (int64_t rows = kMostRows; rows >= kFewestRows; rows -= kTile) {
    const int64_t each = std::max<int64_t>(rows - op.pool + 1, 1);
    const int64_t tasks = starts * parts(op.down.extent(), each);
    double time = 0;
    for (const int64_t threads : {1, 2, 4, 8})
      time += static_cast<double>(parts(tasks, threads) * threads * rows);
    if (time < least) least = time, best = each;
  }
  return best;
}

bool shift_and_stitch(Helpers& helpers, const ShiftAndStitch& op, const int64_t* starts,
                      int64_t count) {
  const SlidingCode& code = sliding_code();
  const int64_t rows = op.down.extent(), each = rows_a_task(op, count), tasks = parts(rows, each);
  const int64_t size = op.down.count * op.across.count * op.down.cells * op.across.cells;
  return parallel_for(helpers, count * tasks, [&](int64_t task, Workspace& space) {
    const int64_t start = task / tasks, first = task % tasks * each;
    ShiftAndStitch one = op;
    one.top = starts[2 * start], one.left = starts[2 * start + 1];
    one.pooled += start * size * op.filters;
    code.shift_and_stitch(one, first, std::min(rows, first + each), space);
  });
}

// Memory of one call, in large pages.
class Pages {
 public:
  float* room(int64_t count) {
    float* memory = scratch_.room<float>(count);
    expect_large_pages(memory, count);
    return memory;
  }

 private:
  Scratch scratch_;
};

// All phases of some tiles and units: spectra, products and, at the end, windows. No task of these
// takes memory, so none fails.
void some_windows(Helpers& helpers, const DenseCode& code, DenseWindows op, int64_t last) {
  Pages image, kernel, sums;
  const int64_t most = std::max<int64_t>(1, kDepthAtOnce / op.lanes());
  op.phases = std::min(most, op.all_phases());
  op.image_spectra = image.room(kSpectrum * op.image_place());
  op.kernel_spectra = kernel.room(kSpectrum * op.kernel_place());
  op.sums = sums.room(kSpectrum * op.sums_place());
  for (op.first_phase = 0; op.first_phase < op.all_phases(); op.first_phase += most) {
    op.phases = std::min(most, op.all_phases() - op.first_phase);
    parallel_for(helpers, op.tiles + op.depth(), [&](int64_t task, Workspace&) {
      if (task < op.tiles)
        code.spread_image(op, task);
      else
        code.spread_kernel(op, task - op.tiles);
    });
    parallel_for(helpers, kSpectrum,
                 [&](int64_t task, Workspace&) { code.add_products(op, task); });
  }
  parallel_for(helpers, last - op.first_tile,
               [&](int64_t task, Workspace&) { code.gather_windows(op, task); });
}

void dense_windows(Helpers& helpers, DenseWindows op) {
  const DenseCode& code = sliding_code().dense;
  const int64_t tiles = op.all_tiles(), panels = parts(op.units, kPanel);
  const int64_t each = parts(tiles, parts(tiles, kTilesAtOnce));
  op.tiles = parts(each, code.held) * code.held;
  for (op.first_tile = 0; op.first_tile < tiles; op.first_tile += op.tiles)
    for (int64_t panel = 0; panel < panels; panel += kPanelsAtOnce) {
      op.first_unit = panel * kPanel;
      op.panels = std::min(kPanelsAtOnce, panels - panel);
      some_windows(helpers, code, op, std::min(tiles, op.first_tile + op.tiles));
    }
}

enum Outcome : int64_t { kDone, kNoMemory, kRefused };

// Calls body() and says what came of it, in `error` why a call was refused.
template <typename Body>
int64_t outcome(char* error, int64_t room, const Body& body) {
  try {
    return body() ? kDone : kNoMemory;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const Refused& refused) {
    tell(refused.sentence, error, room);
    return kRefused;
  }
}

}  // namespace
}  // namespace stormlens

extern "C" {

// Threads that wait, the caller's counted too; null where there is no memory.
void* stormlens_helpers_make(int64_t threads) {
  using namespace stormlens;
  try {
    return new Helpers(std::clamp<int64_t>(threads, 1, kMostThreads));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void stormlens_helpers_free(void* helpers) { delete static_cast<stormlens::Helpers*>(helpers); }

// 0 when done, 1 where memory ran out, 2 where sizes do not fit.
int64_t stormlens_shift_and_stitch(void* helpers, const StormlensShiftAndStitch* given,
                                   const float* image,
                             const int64_t* starts, const float* weights, const float* bias,
                             const float* blank, const float* reply, float* pooled, char* error,
                             int64_t room) {
  using namespace stormlens;
  const StormlensShiftAndStitch& s = *given;
  return outcome(error, room, [&] {
    check(s, starts);
    return shift_and_stitch(*static_cast<Helpers*>(helpers),
                      {image, s.height, s.width, s.channels, 0, 0, s.step, s.kernel_rows,
                       s.kernel_columns, s.filters, down(s), across(s), s.pool, s.relu != 0,
                       s.winograd != 0, weights, bias, blank, reply, pooled},
                      starts, s.starts);
  });
}

int64_t stormlens_dense_windows(void* helpers, const StormlensDenseWindows* given,
                                const float* image, const float* kernel, const float* bias,
                                float* outputs, char* error, int64_t room) {
  using namespace stormlens;
  const StormlensDenseWindows& s = *given;
  return outcome(error, room, [&] {
    check(s);
    dense_windows(*static_cast<Helpers*>(helpers),
                  {image, s.height, s.width, s.channels, Along(down(s)), Along(across(s)), s.units,
                   kernel, bias, outputs});
    return true;
  });
}

}  // extern "C"
