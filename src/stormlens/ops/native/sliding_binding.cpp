// What XLA calls for sliding windows: sizes are checked before any memory is touched, then rows
// are spread over its threads.

#include <algorithm>
#include <limits>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "binding.hpp"
#include "parallel.hpp"
#include "sliding.hpp"

namespace stormlens {
namespace {

struct EverywhereSettings {
  int64_t step, kernel_rows, kernel_columns, pool;
  bool relu, winograd;
  int64_t row_step, column_step, dilation, window_rows, window_columns;
};

struct DenseSettings {
  int64_t row_step, column_step, dilation;
};

constexpr int64_t kMostRows = 66, kFewestRows = 12;  // of a convolution, in one task
// Tiles, panels of units and depth of spectra at a time: some 150 MB, whatever the image's size.
constexpr int64_t kTilesAtOnce = 240, kPanelsAtOnce = 4, kDepthAtOnce = 256;

int64_t parts(int64_t whole, int64_t most) { return (whole + most - 1) / most; }

bool positive(const Windows& windows) {
  return windows.step > 0 && windows.dilation > 0 && windows.count > 0 && windows.cells > 0;
}

ffi::Error check(const Everywhere& op, Sizes weights, Sizes bias, Sizes blank) {
  if (op.height < 1 || op.width < 1 || op.channels < 1 || op.filters < 1 || op.step < 1 ||
      op.kernel_rows < 1 || op.kernel_columns < 1 || op.pool < 1 || op.top < 0 || op.left < 0 ||
      !positive(op.down) || !positive(op.across))
    return refuse("conv_pool_everywhere: a size is not positive, or the start is negative.");
  const bool three = op.kernel_rows == 3 && op.kernel_columns == 3;
  if (op.winograd && (!three || op.channels % 16 != 0))
    return refuse("conv_pool_everywhere: Winograd needs 3 x 3 kernels and channels in sixteens.");
  const int64_t depth = (op.winograd ? 1 : op.kernel_rows * op.kernel_columns) * op.channels;
  if (!equal(weights, {op.panels(), op.winograd ? kPlaces : 1, depth, kPanel}) ||
      !equal(bias, {op.panels() * kPanel}) || !equal(blank, {op.channels}))
    return refuse("conv_pool_everywhere: weights, bias or blank do not match the reply.");
  return ffi::Error::Success();
}

// Asks for large pages: where the result is fresh memory, a fault for every 4 KiB of it takes
// longer than computing what it holds.
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

// Pooled rows of one task: few enough for the cache, and so that the threads end together. A task
// computes the rows that its last pools look at, which the next one computes again.
int64_t rows_a_task(const Everywhere& op, int64_t threads) {
  int64_t best = 1, least = std::numeric_limits<int64_t>::max();
  for (int64_t rows = kMostRows; rows >= kFewestRows; rows -= kTile) {
    const int64_t each = std::max<int64_t>(rows - op.pool + 1, 1);
    const int64_t tasks = parts(op.down.extent(), each);
    const int64_t time = parts(tasks, threads) * rows;
    if (time < least) least = time, best = each;
  }
  return best;
}

ffi::Error everywhere(ffi::ThreadPool pool, Floats image, ffi::Buffer<ffi::S32> start,
                      Floats weights, Floats bias, Floats blank, Floats reply, ffi::AnyBuffer room,
                      ffi::Result<Floats> pooled, EverywhereSettings s) {
  const Sizes in = image.dimensions(), out = pooled->dimensions(), f = reply.dimensions();
  if (in.size() != 3 || out.size() != 3 || f.size() != 1 || !equal(start.dimensions(), {2}))
    return refuse("conv_pool_everywhere: image and result need three dimensions, start two.");
  if (out[2] != s.window_rows * s.window_columns * f[0])
    return refuse("conv_pool_everywhere: the result does not hold a window's cells.");
  const Everywhere op{image.typed_data(),
                      in[0],
                      in[1],
                      in[2],
                      start.typed_data()[0],
                      start.typed_data()[1],
                      s.step,
                      s.kernel_rows,
                      s.kernel_columns,
                      f[0],
                      {s.row_step, s.dilation, out[0], s.window_rows},
                      {s.column_step, s.dilation, out[1], s.window_columns},
                      s.pool,
                      s.relu,
                      s.winograd,
                      weights.typed_data(),
                      bias.typed_data(),
                      blank.typed_data(),
                      reply.typed_data(),
                      pooled->typed_data()};
  const ffi::Error error =
      check(op, weights.dimensions(), bias.dimensions(), blank.dimensions());
  if (error.failure()) return error;
  if (room.untyped_data() != pooled->untyped_data())
    expect_large_pages(op.pooled, static_cast<int64_t>(pooled->element_count()));
  const SlidingCode& code = sliding_code();
  const int64_t rows = op.down.extent();
  const int64_t each = rows_a_task(op, std::max<int64_t>(pool.num_threads(), 1));
  return done(parallel_for(pool, parts(rows, each), [&](int64_t task, Workspace& space) {
    code.everywhere(op, task * each, std::min(rows, (task + 1) * each), space);
  }));
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
void some_windows(ffi::ThreadPool& pool, const DenseCode& code, DenseWindows op, int64_t last) {
  Pages image, kernel, sums;
  const int64_t most = std::max<int64_t>(1, kDepthAtOnce / op.lanes());
  op.phases = std::min(most, op.all_phases());
  op.image_spectra = image.room(kSpectrum * op.image_place());
  op.kernel_spectra = kernel.room(kSpectrum * op.kernel_place());
  op.sums = sums.room(kSpectrum * op.sums_place());
  for (op.first_phase = 0; op.first_phase < op.all_phases(); op.first_phase += most) {
    op.phases = std::min(most, op.all_phases() - op.first_phase);
    parallel_for(pool, op.tiles + op.depth(), [&](int64_t task, Workspace&) {
      if (task < op.tiles)
        code.spread_image(op, task);
      else
        code.spread_kernel(op, task - op.tiles);
    });
    parallel_for(pool, kSpectrum,
                 [&](int64_t task, Workspace&) { code.add_products(op, task); });
  }
  parallel_for(pool, last - op.first_tile,
               [&](int64_t task, Workspace&) { code.gather_windows(op, task); });
}

ffi::Error dense_windows(ffi::ThreadPool pool, Floats image, Floats kernel, Floats bias,
                         ffi::Result<Floats> outputs, DenseSettings s) {
  const Sizes in = image.dimensions(), out = outputs->dimensions(), k = kernel.dimensions();
  if (in.size() != 3 || out.size() != 3 || k.size() != 4)
    return refuse("dense_windows: image and result need three dimensions, the kernel four.");
  const Windows down{s.row_step, s.dilation, out[0], k[0]};
  const Windows across{s.column_step, s.dilation, out[1], k[1]};
  if (!positive(down) || !positive(across) || in[2] < 1 || out[2] < 1 || k[2] != in[2] ||
      k[3] != out[2] || !equal(bias.dimensions(), {out[2]}))
    return refuse("dense_windows: kernel, bias or a step do not match image and result.");
  if (down.extent() > in[0] || across.extent() > in[1])
    return refuse("dense_windows: a window reaches beyond the image.");
  DenseWindows op{image.typed_data(),
                  in[0],
                  in[1],
                  in[2],
                  Along(down),
                  Along(across),
                  out[2],
                  kernel.typed_data(),
                  bias.typed_data(),
                  outputs->typed_data()};
  const DenseCode& code = sliding_code().dense;
  const int64_t tiles = op.all_tiles(), panels = parts(op.units, kPanel);
  const int64_t each = parts(tiles, parts(tiles, kTilesAtOnce));
  op.tiles = parts(each, code.held) * code.held;
  try {
    for (op.first_tile = 0; op.first_tile < tiles; op.first_tile += op.tiles)
      for (int64_t panel = 0; panel < panels; panel += kPanelsAtOnce) {
        op.first_unit = panel * kPanel;
        op.panels = std::min(kPanelsAtOnce, panels - panel);
        some_windows(pool, code, op, std::min(tiles, op.first_tile + op.tiles));
      }
  } catch (const std::bad_alloc&) {
    return done(false);
  }
  return done(true);
}

}  // namespace
}  // namespace stormlens

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(
    stormlens::EverywhereSettings, ffi::StructMember<int64_t>("step"),
    ffi::StructMember<int64_t>("kernel_rows"), ffi::StructMember<int64_t>("kernel_columns"),
    ffi::StructMember<int64_t>("pool"), ffi::StructMember<bool>("relu"),
    ffi::StructMember<bool>("winograd"), ffi::StructMember<int64_t>("row_step"),
    ffi::StructMember<int64_t>("column_step"), ffi::StructMember<int64_t>("dilation"),
    ffi::StructMember<int64_t>("window_rows"), ffi::StructMember<int64_t>("window_columns"));

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(stormlens::DenseSettings,
                                      ffi::StructMember<int64_t>("row_step"),
                                      ffi::StructMember<int64_t>("column_step"),
                                      ffi::StructMember<int64_t>("dilation"));

using stormlens::Floats;

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_conv_pool_everywhere, stormlens::everywhere,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()                 // image
                                  .Arg<ffi::Buffer<ffi::S32>>()  // start
                                  .Arg<Floats>()                 // weights
                                  .Arg<Floats>()                 // bias
                                  .Arg<Floats>()                 // blank
                                  .Arg<Floats>()                 // reply
                                  .Arg<ffi::AnyBuffer>()         // what the result may overwrite
                                  .Ret<Floats>()                 // pooled
                                  .Attrs<stormlens::EverywhereSettings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_dense_windows, stormlens::dense_windows,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()  // image
                                  .Arg<Floats>()  // kernel
                                  .Arg<Floats>()  // bias
                                  .Ret<Floats>()  // outputs
                                  .Attrs<stormlens::DenseSettings>());
