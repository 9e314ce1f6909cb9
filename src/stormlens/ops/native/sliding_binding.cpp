// What XLA calls for sliding windows: sizes are checked before any memory is touched, then rows
// are spread over its threads.

#include <algorithm>
#include <limits>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "sliding.hpp"
#include "parallel.hpp"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace stormlens {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Sizes = ffi::Span<const int64_t>;

struct EverywhereSettings {
  int64_t step, kernel_rows, kernel_columns, pool;
  bool relu, winograd;
};

struct WindowSettings {
  int64_t row_step, column_step, dilation;
};

constexpr int64_t kWindowRowsATask = 4;
// Tiles, panels of units and depth of spectra at a time: some 150 MB, whatever the image's size.
constexpr int64_t kTilesAtOnce = 240, kPanelsAtOnce = 4, kDepthAtOnce = 256;
constexpr int64_t kMostRows = 64, kFewestRows = 8;  // of a convolution, in one task

ffi::Error unfit(const std::string& what) { return ffi::Error::InvalidArgument(what); }

ffi::Error done(bool enough_memory) {
  if (enough_memory) return ffi::Error::Success();
  return ffi::Error(ffi::ErrorCode::kResourceExhausted, "stormlens: out of memory.");
}

bool equal(Sizes sizes, std::initializer_list<int64_t> expected) {
  return sizes.size() == expected.size() &&
         std::equal(sizes.begin(), sizes.end(), expected.begin());
}

ffi::Error check(const Everywhere& op, Sizes weights, Sizes bias, Sizes blank, Sizes reply) {
  if (op.height < 1 || op.width < 1 || op.channels < 1 || op.filters < 1 || op.step < 1 ||
      op.kernel_rows < 1 || op.kernel_columns < 1 || op.pool < 1 || op.top < 0 || op.left < 0 ||
      op.pooled_rows() < 1 || op.pooled_columns() < 1)
    return unfit("conv_pool_everywhere: a size is not positive, or the start is negative.");
  const bool three = op.kernel_rows == 3 && op.kernel_columns == 3;
  if (op.winograd && (!three || op.channels % 16 != 0))
    return unfit("conv_pool_everywhere: Winograd needs 3 x 3 kernels and channels in sixteens.");
  const int64_t depth = (op.winograd ? 1 : op.kernel_rows * op.kernel_columns) * op.channels;
  if (!equal(weights, {op.panels(), op.winograd ? kPlaces : 1, depth, kPanel}) ||
      !equal(bias, {op.panels() * kPanel}) || !equal(blank, {op.channels}) ||
      !equal(reply, {op.filters}))
    return unfit("conv_pool_everywhere: weights, bias, blank or reply do not match the result.");
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
  for (int64_t rows = kMostRows; rows >= kFewestRows; rows -= 4) {  // whole tiles
    const int64_t each = std::max<int64_t>(rows - op.pool + 1, 1);
    const int64_t tasks = (op.pooled_rows() + each - 1) / each;
    const int64_t time = (tasks + threads - 1) / threads * rows;
    if (time < least) least = time, best = each;
  }
  return best;
}

ffi::Error everywhere(ffi::ThreadPool pool, Floats image, ffi::Buffer<ffi::S32> start,
                      Floats weights, Floats bias, Floats blank, Floats reply, ffi::AnyBuffer room,
                      ffi::Result<Floats> pooled, EverywhereSettings s) {
  const Sizes in = image.dimensions(), out = pooled->dimensions();
  if (in.size() != 3 || out.size() != 3 || !equal(start.dimensions(), {2}))
    return unfit("conv_pool_everywhere: image and result need three dimensions, start two.");
  const Everywhere op{image.typed_data(),
                      in[0],
                      in[1],
                      in[2],
                      start.typed_data()[0],
                      start.typed_data()[1],
                      s.step,
                      s.kernel_rows,
                      s.kernel_columns,
                      out[2],
                      out[0] + s.pool - 1,
                      out[1] + s.pool - 1,
                      s.pool,
                      s.relu,
                      s.winograd,
                      weights.typed_data(),
                      bias.typed_data(),
                      blank.typed_data(),
                      reply.typed_data(),
                      pooled->typed_data()};
  const ffi::Error error = check(op, weights.dimensions(), bias.dimensions(), blank.dimensions(),
                                 reply.dimensions());
  if (error.failure()) return error;
  if (room.untyped_data() != pooled->untyped_data()) expect_large_pages(op.pooled, op.pooled_rows() * op.pooled_columns() * op.filters);
  const SlidingCode& code = sliding_code();
  const int64_t rows = op.pooled_rows();
  const int64_t each = rows_a_task(op, std::max<int64_t>(pool.num_threads(), 1));
  const bool enough = parallel_for(pool, (rows + each - 1) / each, [&](int64_t task,
                                                                       Workspace& space) {
    code.everywhere(op, task * each, std::min(rows, (task + 1) * each), space);
  });
  return done(enough);
}

ffi::Error dense_windows(ffi::ThreadPool pool, Floats image, Floats weights, Floats bias,
                         Floats blank, Floats replies, ffi::Result<Floats> outputs, WindowSettings s) {
  const Sizes in = image.dimensions(), out = outputs->dimensions(), w = weights.dimensions();
  if (in.size() != 3 || out.size() != 3 || w.size() != 4 || in[2] < 1)
    return unfit("dense_windows: image and result need three dimensions, weights four.");
  DenseWindows op{image.typed_data(),
                        in[0],
                        in[1],
                        in[2],
                        s.row_step,
                        s.column_step,
                        s.dilation,
                        out[0],
                        out[1],
                        w[1],
                        w[2] / in[2],
                        out[2],
                        weights.typed_data(),
                        bias.typed_data(),
                        blank.typed_data(),
                        replies.typed_data(),
                        nullptr,
                        outputs->typed_data()};
  if (op.row_step < 1 || op.column_step < 1 || op.dilation < 1 || op.rows < 1 ||
      op.columns < 1 || op.units < 1 || op.down < 1 || op.across < 1 ||
      !equal(w, {op.panels(), op.down, op.across * op.channels, kPanel}) ||
      !equal(bias.dimensions(), {op.units}) || !equal(blank.dimensions(), {op.channels}) ||
      !equal(replies.dimensions(), {op.panels(), op.down, op.across, kPanel}))
    return unfit("dense_windows: weights, bias or a step do not match image and result.");
  if ((op.rows - 1) * op.row_step + (op.down - 1) * op.dilation >= op.height ||
      (op.columns - 1) * op.column_step + (op.across - 1) * op.dilation >= op.width)
    return unfit("dense_windows: a window reaches beyond the image.");
  const SlidingCode& code = sliding_code();
  static thread_local Scratch echo;  // of the thread that XLA calls, until its next call
  try {
    op.echo = echo.room<uint8_t>(op.height * op.width);
  } catch (const std::bad_alloc&) {
    return done(false);
  }
  const int64_t strips = std::min<int64_t>(op.height, 4 * std::max<int64_t>(pool.num_threads(), 1));
  parallel_for(pool, strips, [&](int64_t task, Workspace&) {
    code.note_echo(op, task * op.height / strips, (task + 1) * op.height / strips);
  });
  const int64_t groups = (op.rows + kWindowRowsATask - 1) / kWindowRowsATask;
  return done(parallel_for(pool, groups * op.panels(), [&](int64_t task, Workspace& space) {
    const int64_t first = task / op.panels() * kWindowRowsATask;
    code.dense_windows(op, task % op.panels(), first,
                       std::min(op.rows, first + kWindowRowsATask), space);
  }));
}

int64_t parts(int64_t whole, int64_t most) { return (whole + most - 1) / most; }

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
void some_windows(ffi::ThreadPool& pool, const SpectraCode& code, SpectralWindows op, int64_t last) {
  Pages image, kernel, sums;
  const int64_t most = std::max<int64_t>(1, kDepthAtOnce / op.channels);
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

ffi::Error dense_windows_by_spectra(ffi::ThreadPool pool, Floats image, Floats kernel, Floats bias,
                                    Floats blank, ffi::Result<Floats> outputs, WindowSettings s) {
  const Sizes in = image.dimensions(), out = outputs->dimensions(), k = kernel.dimensions();
  if (in.size() != 3 || out.size() != 3 || k.size() != 4)
    return unfit("dense_windows: image and result need three dimensions, the kernel four.");
  if (s.row_step < 1 || s.column_step < 1 || s.dilation < 1 || out[0] < 1 || out[1] < 1 ||
      out[2] < 1 || k[0] < 1 || k[1] < 1 || !equal(k, {k[0], k[1], in[2], out[2]}) ||
      !equal(bias.dimensions(), {out[2]}) || !equal(blank.dimensions(), {in[2]}))
    return unfit("dense_windows: kernel, bias or a step do not match image and result.");
  SpectralWindows op{image.typed_data(),
                     in[0],
                     in[1],
                     in[2],
                     Along(s.row_step, s.dilation, out[0], k[0]),
                     Along(s.column_step, s.dilation, out[1], k[1]),
                     out[2],
                     kernel.typed_data(),
                     bias.typed_data(),
                     blank.typed_data(),
                     outputs->typed_data()};
  if (op.down.kept < 1 || op.across.kept < 1 || op.channels % 16 != 0)
    return unfit("dense_windows: spectra need at most 16 weights along a tile and channels in sixteens.");
  const SpectraCode& code = sliding_code().spectra;
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
    ffi::StructMember<bool>("winograd"));

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(stormlens::WindowSettings,
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
                                  .Arg<Floats>()  // weights
                                  .Arg<Floats>()  // bias
                                  .Arg<Floats>()  // blank
                                  .Arg<Floats>()  // replies
                                  .Ret<Floats>()  // outputs
                                  .Attrs<stormlens::WindowSettings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_dense_windows_by_spectra,
                              stormlens::dense_windows_by_spectra,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()  // image
                                  .Arg<Floats>()  // kernel
                                  .Arg<Floats>()  // bias
                                  .Arg<Floats>()  // blank
                                  .Ret<Floats>()  // outputs
                                  .Attrs<stormlens::WindowSettings>());
