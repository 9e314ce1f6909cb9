// What XLA calls: shapes are checked, then tasks are spread over its threads.
//
// Operands may have leading batch dimensions, alike in all (jax.ffi's "broadcast_all"); each
// member of the batch is computed in turn. Sizes that do not match are refused before any
// memory is touched.

#include <algorithm>
#include <limits>
#include <string>

#include "binding.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace stormlens {
namespace {

using Bytes = ffi::Buffer<ffi::U8>;

// A sum over images, or over a kernel's rows, is cut into so many parts, whatever the number of
// threads: the order of additions is the same, and so are the bits. Sixteen need little memory.
constexpr int64_t kParts = 16;
constexpr int64_t kFiltersATask = 16;  // a multiple of every vector's floats

struct Settings {
  int64_t pool, rows_before, rows_after, columns_before, columns_after;
  bool relu;
  float low, high;
};

// One call's operands, checked.
struct Call {
  Geometry geometry;
  int64_t batch, images;
  bool masked, kept;
};

// Checks what every conv_pool operation is given.
ffi::Error check(const Settings& s, const ffi::AnyBuffer& images, Sizes kernel, Sizes mask,
                 Sizes keep, Sizes pooled, Call& call) {
  const Sizes all = images.dimensions();
  if (all.size() < 4 || kernel.size() != all.size())
    return refuse("conv_pool: images " + text(all) + " and kernel " + text(kernel) +
                  " must have four dimensions beyond a common batch.");
  const Sizes batch(all.begin(), all.size() - 4);
  const Sizes image = member(all, 4), k = member(kernel, 4);
  const int64_t n = image[0], c = image[3], f = k[3];
  const int64_t height = image[1] + s.rows_before + s.rows_after;
  const int64_t width = image[2] + s.columns_before + s.columns_after;
  if (s.pool != 2 && s.pool != 3) return refuse("conv_pool: the pool must be 2 or 3.");
  if (k[0] < 1 || k[1] < 1 || c < 1 || f < 1)
    return refuse("conv_pool: kernel " + text(k) + " is empty.");
  if (s.rows_before < 0 || s.rows_after < 0 || s.columns_before < 0 || s.columns_after < 0)
    return refuse("conv_pool: padding must not be negative.");
  const int64_t h = (height - k[0] + 1) / s.pool, w = (width - k[1] + 1) / s.pool;
  if (height < k[0] || width < k[1] || h < 1 || w < 1)
    return refuse("conv_pool: images " + text(image) + " leave no whole window.");
  if (!fits(kernel, batch, {k[0], k[1], c, f}))
    return refuse("conv_pool: images " + text(all) + " and kernel " + text(kernel) +
                  " do not match.");
  if (!fits(pooled, batch, {n, h, w, f}))
    return refuse("conv_pool: pooled maps " + text(pooled) + " do not match images " +
                  text(all) + " and kernel " + text(kernel) + ".");
  call.masked = !fits(mask, batch, {n, 0});
  call.kept = !fits(keep, batch, {n, 0});
  if ((call.masked && !fits(mask, batch, {n, f})) || (call.kept && !fits(keep, batch, {n, c})))
    return refuse("conv_pool: masks " + text(mask) + " and " + text(keep) +
                  " do not match images " + text(all) + " and kernel " + text(kernel) + ".");
  // Places in an image are held in 32 bits.
  if (height * width > std::numeric_limits<int32_t>::max() / c - k[0] * k[1])
    return refuse("conv_pool: images " + text(image) + " are too large.");
  const ffi::DataType type = images.element_type();
  if (type != ffi::F32 && type != ffi::U8)
    return refuse("conv_pool: images must be float32 or uint8.");
  if (type == ffi::U8 && !(s.high > s.low))
    return refuse("conv_pool: the upper bound of bytes must lie above the lower one.");
  call.geometry = {image[1], image[2], c, k[0], k[1], f, s.pool, h,
                   w,        s.rows_before, s.columns_before, s.relu};
  call.batch = product(batch);
  call.images = n;
  return ffi::Error::Success();
}

Images images_of(const ffi::AnyBuffer& buffer, const Settings& s, int64_t offset) {
  if (buffer.element_type() == ffi::F32)
    return {buffer.typed_data<float>() + offset, nullptr, 0.0f, 1.0f};
  return {nullptr, buffer.typed_data<uint8_t>() + offset, s.low, s.high - s.low};
}

const float* masked(bool present, const Floats& mask, int64_t batch, int64_t size) {
  return present ? mask.typed_data() + batch * size : nullptr;
}

// Floats that the tasks of one call share, null where memory runs out. They belong to the thread
// that XLA calls, and last until its next call.
float* shared(int64_t count) {
  static thread_local Scratch scratch;
  try {
    return scratch.room<float>(count);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// How many strips of rows each image is cut into, so that few images keep all threads busy.
int64_t strips(int64_t images, int64_t rows, int64_t threads) {
  return std::clamp<int64_t>((4 * threads + images - 1) / std::max<int64_t>(images, 1), 1, rows);
}

// Into how many pieces the filters or columns of each part are cut, so that more threads than parts
// have work too. Each filter has sums of its own, so pieces change no bit. `most` is how many there
// can be. A further piece looks at the same images again, which takes a twentieth of the time.
int64_t pieces(int64_t parts, int64_t most, int64_t threads) {
  constexpr double kAgain = 0.05;
  int64_t best = 1;
  double least = 0;
  for (int64_t n = 1; n <= std::min<int64_t>(most, 64); ++n) {
    const auto rounds = static_cast<double>((parts * n + threads - 1) / threads);
    const double time = rounds * (1 / static_cast<double>(n) + kAgain);
    if (n == 1 || time < least) least = time, best = n;
  }
  return best;
}

// Piece `index` of so many of `count`, cut at multiples of `unit`.
Range piece(int64_t index, int64_t pieces, int64_t count, int64_t unit) {
  const int64_t units = (count + unit - 1) / unit;
  return {std::min(count, index * units / pieces * unit),
          std::min(count, (index + 1) * units / pieces * unit)};
}

ffi::Error run_forward(ffi::ThreadPool& pool, const Settings& settings,
                       const ffi::AnyBuffer& images, const Floats& kernel, const Floats& bias,
                       const Floats& mask, const Floats& keep, float* pooled, uint8_t* argmax,
                       Sizes pooled_sizes) {
  Call call;
  ffi::Error error = check(settings, images, kernel.dimensions(), mask.dimensions(),
                           keep.dimensions(), pooled_sizes, call);
  if (error.failure()) return error;
  const Geometry& g = call.geometry;
  const Sizes batch(pooled_sizes.begin(), pooled_sizes.size() - 4);
  if (!fits(bias.dimensions(), batch, {g.filters}))
    return refuse("conv_pool: bias " + text(bias.dimensions()) + " does not match kernel " +
                  text(kernel.dimensions()) + ".");
  const Kernels& code = kernels();
  float* packed = shared(code.packed_size(g));
  if (packed == nullptr) return done(false);
  const int64_t n = call.images, cut = strips(n, g.h, pool.num_threads());
  bool enough = true;
  for (int64_t b = 0; b < call.batch; ++b) {
    const int64_t out = b * n * g.cells() * g.filters;
    Forward op{g,
               images_of(images, settings, b * n * g.pixels() * g.channels),
               kernel.typed_data() + b * g.taps() * g.filters,
               bias.typed_data() + b * g.filters,
               masked(call.masked, mask, b, n * g.filters),
               masked(call.kept, keep, b, n * g.channels),
               pooled + out,
               argmax == nullptr ? nullptr : argmax + out,
               packed};
    if (!code.compacts(op)) code.pack(g, op.kernel, packed);
    enough &= parallel_for(pool, n * cut, [&](int64_t task, Workspace& space) {
      const int64_t strip = task % cut;
      code.forward(op, task / cut, strip * g.h / cut, (strip + 1) * g.h / cut, space);
    });
  }
  return done(enough);
}

ffi::Error forward_with_argmax(ffi::ThreadPool pool, ffi::AnyBuffer images, Floats kernel,
                                Floats bias, Floats mask, Floats keep,
                                ffi::Result<Floats> pooled, ffi::Result<Bytes> argmax,
                                Settings settings) {
  const Sizes sizes = pooled->dimensions(), other = argmax->dimensions();
  if (!same(sizes, other))
    return refuse("conv_pool: pooled maps " + text(sizes) + " and argmax " + text(other) +
                  " do not match.");
  return run_forward(pool, settings, images, kernel, bias, mask, keep, pooled->typed_data(),
                     argmax->typed_data(), sizes);
}

ffi::Error forward_alone(ffi::ThreadPool pool, ffi::AnyBuffer images, Floats kernel, Floats bias,
                         Floats mask, Floats keep, ffi::Result<Floats> pooled,
                         Settings settings) {
  return run_forward(pool, settings, images, kernel, bias, mask, keep, pooled->typed_data(),
                     nullptr, pooled->dimensions());
}

// Checks what both gradients are given; the kernel's sizes are given or asked for.
ffi::Error check_backward(const Settings& settings, const ffi::AnyBuffer& images, Sizes kernel,
                          const Floats& mask, const Floats& keep, const Bytes& argmax,
                          const Floats& gradient, Call& call) {
  const Sizes sizes = gradient.dimensions(), other = argmax.dimensions();
  if (!same(sizes, other))
    return refuse("conv_pool: gradient " + text(sizes) + " and argmax " + text(other) +
                  " do not match.");
  return check(settings, images, kernel, mask.dimensions(), keep.dimensions(), sizes, call);
}

Backward backward_of(const Call& call, const Settings& settings, const ffi::AnyBuffer& images,
                     const Floats& mask, const Floats& keep, const Bytes& argmax,
                     const Floats& gradient, int64_t b) {
  const Geometry& g = call.geometry;
  const int64_t n = call.images, out = b * n * g.cells() * g.filters;
  return {g,
          images_of(images, settings, b * n * g.pixels() * g.channels),
          masked(call.masked, mask, b, n * g.filters),
          masked(call.kept, keep, b, n * g.channels),
          argmax.typed_data() + out,
          gradient.typed_data() + out};
}

ffi::Error weight_gradient(ffi::ThreadPool pool, ffi::AnyBuffer images, Floats mask, Floats keep,
                           Bytes argmax, Floats gradient, ffi::Result<Floats> kernel,
                           ffi::Result<Floats> bias, Settings settings) {
  Call call;
  ffi::Error error = check_backward(settings, images, kernel->dimensions(), mask, keep, argmax,
                                    gradient, call);
  if (error.failure()) return error;
  const Geometry& g = call.geometry;
  const Sizes all = kernel->dimensions();
  if (!fits(bias->dimensions(), Sizes(all.begin(), all.size() - 4), {g.filters}))
    return refuse("conv_pool: bias " + text(bias->dimensions()) + " does not match kernel " +
                  text(all) + ".");
  const Kernels& code = kernels();
  const int64_t n = call.images, size = code.partial_size(g);
  const int64_t parts = std::clamp<int64_t>(n, 1, kParts);
  const int64_t tasks = (g.filters + kFiltersATask - 1) / kFiltersATask;
  const int64_t cut = pieces(parts, tasks, pool.num_threads());
  float* partials = shared(parts * size);
  if (partials == nullptr) return done(false);
  bool enough = true;
  for (int64_t b = 0; b < call.batch; ++b) {
    const Backward op =
        backward_of(call, settings, images, mask, keep, argmax, gradient, b);
    enough &= parallel_for(pool, parts * cut, [&](int64_t task, Workspace& space) {
      const int64_t part = task / cut;
      code.weight_gradient(op, {part * n / parts, (part + 1) * n / parts},
                           piece(task % cut, cut, g.filters, kFiltersATask),
                           partials + part * size, space);
    });
    enough &= parallel_for(pool, tasks, [&](int64_t task, Workspace&) {
      code.gather(g, partials, parts, task * kFiltersATask,
                  std::min(g.filters, (task + 1) * kFiltersATask),
                  kernel->typed_data() + b * g.taps() * g.filters,
                  bias->typed_data() + b * g.filters);
    });
  }
  return done(enough);
}

ffi::Error image_gradient(ffi::ThreadPool pool, ffi::AnyBuffer images, Floats kernel, Floats mask,
                          Floats keep, Bytes argmax, Floats gradient, ffi::Result<Floats> result,
                          Settings settings) {
  Call call;
  ffi::Error error = check_backward(settings, images, kernel.dimensions(), mask, keep, argmax,
                                    gradient, call);
  if (error.failure()) return error;
  const Sizes sizes = images.dimensions(), other = result->dimensions();
  if (!same(sizes, other))
    return refuse("conv_pool: images " + text(sizes) + " and their gradient " + text(other) +
                  " do not match.");
  const Geometry& g = call.geometry;
  const Kernels& code = kernels();
  float* spread = shared(code.spread_size(g));
  if (spread == nullptr) return done(false);
  const int64_t n = call.images;
  bool enough = true;
  for (int64_t b = 0; b < call.batch; ++b) {
    code.spread(g, kernel.typed_data() + b * g.taps() * g.filters, spread);
    const Backward op =
        backward_of(call, settings, images, mask, keep, argmax, gradient, b);
    float* to = result->typed_data() + b * n * g.pixels() * g.channels;
    enough &= parallel_for(pool, n, [&](int64_t image, Workspace& space) {
      code.image_gradient(op, spread, image, to, space);
    });
  }
  return done(enough);
}

ffi::Error warp(ffi::ThreadPool pool, ffi::AnyBuffer images, Floats matrices,
                ffi::Result<Floats> warped, int64_t fill, float cval) {
  const Sizes sizes = images.dimensions(), out = warped->dimensions();
  if (sizes.size() < 3 || !same(sizes, out))
    return refuse("warp: images " + text(sizes) + " and result " + text(out) +
                  " do not match.");
  const Sizes batch(sizes.begin(), sizes.size() - 2);
  if (!fits(matrices.dimensions(), batch, {2, 3}))
    return refuse("warp: matrices " + text(matrices.dimensions()) + " do not match images " +
                  text(sizes) + ".");
  const Sizes plane = member(sizes, 2);
  // Coordinates are floats, which hold whole numbers up to 2^24.
  if (plane[0] < 1 || plane[1] < 1 || std::max(plane[0], plane[1]) > 1 << 24 ||
      plane[0] > std::numeric_limits<int32_t>::max() / plane[1])
    return refuse("warp: images " + text(sizes) + " are empty or too large.");
  if (fill < 0 || fill > static_cast<int64_t>(Fill::kWrap))
    return refuse("warp: unknown fill mode.");
  const ffi::DataType type = images.element_type();
  if (type != ffi::F32 && type != ffi::U8)
    return refuse("warp: images must be float32 or uint8.");
  const bool reals = type == ffi::F32;
  const Warp op{plane[0],
                plane[1],
                reals ? images.typed_data<float>() : nullptr,
                reals ? nullptr : images.typed_data<uint8_t>(),
                matrices.typed_data(),
                static_cast<Fill>(fill),
                cval,
                warped->typed_data()};
  const Kernels& code = kernels();
  return done(parallel_for(pool, product(batch), [&](int64_t n, Workspace& space) {
    code.warp(op, n, space);
  }));
}

constexpr int64_t kValuesATask = 1 << 16;

struct AdamSettings {
  float decay_mean, decay_square, epsilon;
};

constexpr int64_t kAdamFactors = 4;  // corrections of mean and square, rate, kept weight

using Outputs = ffi::Result<Floats>;

struct AdamArrays {
  Floats weight, mean, square, factors, new_weight, new_mean, new_square;
};

ffi::Error check_adam(const AdamArrays& a, Sizes batch) {
  const Sizes sizes = a.weight.dimensions();
  for (const Floats& array : {a.mean, a.square, a.new_weight, a.new_mean, a.new_square})
    if (!same(sizes, array.dimensions()))
      return refuse("adam: weight " + text(sizes) + " and " + text(array.dimensions()) +
                    " do not match.");
  if (!fits(a.factors.dimensions(), batch, {kAdamFactors}))
    return refuse("adam: factors " + text(a.factors.dimensions()) + " do not match weight " +
                  text(sizes) + ".");
  return ffi::Error::Success();
}

// The step for member b of a batch of arrays of `size` values.
Adam adam_of(const AdamSettings& s, const AdamArrays& a, int64_t b, int64_t size) {
  const int64_t at = b * size;
  const float* factors = a.factors.typed_data() + kAdamFactors * b;
  return {a.weight.typed_data() + at,
          a.mean.typed_data() + at,
          a.square.typed_data() + at,
          a.new_weight.typed_data() + at,
          a.new_mean.typed_data() + at,
          a.new_square.typed_data() + at,
          s.decay_mean,
          s.decay_square,
          s.epsilon,
          factors[0],
          factors[1],
          factors[2],
          factors[3]};
}

ffi::Error adam(ffi::ThreadPool pool, Floats weight, Floats mean, Floats square,
                Floats factors, ffi::AnyBuffer, Floats gradient, Outputs new_weight,
                Outputs new_mean, Outputs new_square, AdamSettings settings) {
  const Sizes sizes = weight.dimensions(), other = gradient.dimensions();
  const Sizes given = factors.dimensions();
  if (given.size() < 1 || given.size() - 1 > sizes.size())
    return refuse("adam: factors " + text(given) + " do not match weight " + text(sizes) + ".");
  const Sizes batch(sizes.begin(), given.size() - 1);
  if (!same(sizes, other))
    return refuse("adam: weight " + text(sizes) + " and gradient " + text(other) +
                  " do not match.");
  const AdamArrays arrays{weight, mean, square, factors, *new_weight, *new_mean, *new_square};
  ffi::Error error = check_adam(arrays, batch);
  if (error.failure()) return error;
  const int64_t size = product(member(sizes, sizes.size() - batch.size()));
  const int64_t tasks = (size + kValuesATask - 1) / kValuesATask;
  const Kernels& code = kernels();
  bool enough = true;
  for (int64_t b = 0; b < product(batch); ++b) {
    const Adam op = adam_of(settings, arrays, b, size);
    const float* given = gradient.typed_data() + b * size;
    enough &= parallel_for(pool, tasks, [&](int64_t task, Workspace&) {
      code.adam(op, given, task * kValuesATask, std::min(size, (task + 1) * kValuesATask));
    });
  }
  return done(enough);
}

int64_t rows_of_a_task(int64_t rows, int64_t columns) {
  return std::clamp<int64_t>(kValuesATask / std::max<int64_t>(columns, 1), 1,
                             std::max<int64_t>(rows, 1));
}

// Checks a dense layer's arrays of (N, rows), (rows, columns) and (N, columns).
ffi::Error check_dense(Sizes inputs, Sizes kernel, Sizes outputs) {
  if (inputs.size() < 2 || kernel.size() < 2)
    return refuse("dense: inputs and kernel need two axes.");
  const Sizes batch(inputs.begin(), inputs.size() - 2);
  const int64_t n = member(inputs, 2)[0], rows = member(inputs, 2)[1];
  const int64_t columns = member(kernel, 2)[1];
  if (!fits(kernel, batch, {rows, columns}) || !fits(outputs, batch, {n, columns}))
    return refuse("dense: inputs " + text(inputs) + ", kernel " + text(kernel) +
                  " and outputs " + text(outputs) + " do not match.");
  return ffi::Error::Success();
}

ffi::Error dense(ffi::ThreadPool pool, Floats inputs, Floats kernel, Outputs outputs) {
  const Sizes in = inputs.dimensions(), out = outputs->dimensions();
  ffi::Error error = check_dense(in, kernel.dimensions(), out);
  if (error.failure()) return error;
  const Kernels& code = kernels();
  const int64_t n = member(in, 2)[0], rows = member(in, 2)[1], columns = member(out, 2)[1];
  const int64_t stride = code.padded(columns), size = n * stride;
  constexpr int64_t kFewestRows = 16;  // of a part
  const int64_t parts = std::clamp<int64_t>(rows / kFewestRows, 1, kParts);
  const int64_t cut = pieces(parts, stride / code.panel, pool.num_threads());
  float* partials = shared(parts * size);
  if (partials == nullptr) return done(false);
  bool enough = true;
  for (int64_t b = 0; b < product(Sizes(in.begin(), in.size() - 2)); ++b) {
    const Dense op{n, rows, columns, kernel.typed_data() + b * rows * columns};
    enough &= parallel_for(pool, parts * cut, [&](int64_t task, Workspace& space) {
      const int64_t part = task / cut;
      const Range wanted = piece(task % cut, cut, columns, code.panel);
      float* sums = partials + part * size;
      for (int64_t i = 0; i < n; ++i)
        std::fill_n(sums + i * stride + wanted.first, code.padded(wanted.last - wanted.first),
                    0.0f);
      code.dense(op, inputs.typed_data() + b * n * rows,
                 {part * rows / parts, (part + 1) * rows / parts}, wanted, sums, space);
    });
    // Part after part, and so in the same order for each output.
    float* to = outputs->typed_data() + b * n * columns;
    for (int64_t i = 0; i < n; ++i, to += columns) {
      std::fill(to, to + columns, 0.0f);
      for (int64_t part = 0; part < parts; ++part)
        for (int64_t j = 0; j < columns; ++j) to[j] += partials[part * size + i * stride + j];
    }
  }
  return done(enough);
}

ffi::Error dense_input_gradient(ffi::ThreadPool pool, Floats kernel, Floats gradient,
                                Outputs result) {
  const Sizes in = result->dimensions(), out = gradient.dimensions();
  ffi::Error error = check_dense(in, kernel.dimensions(), out);
  if (error.failure()) return error;
  const Kernels& code = kernels();
  const int64_t n = member(in, 2)[0], rows = member(in, 2)[1], columns = member(out, 2)[1];
  const int64_t rows_a_task = rows_of_a_task(rows, columns);
  float* panels = shared(columns * code.padded(n));
  if (panels == nullptr) return done(false);
  bool enough = true;
  for (int64_t b = 0; b < product(Sizes(in.begin(), in.size() - 2)); ++b) {
    code.transposed_panels(gradient.typed_data() + b * n * columns, n, columns, panels);
    const Dense op{n, rows, columns, kernel.typed_data() + b * rows * columns};
    float* to = result->typed_data() + b * n * rows;
    enough &= parallel_for(pool, (rows + rows_a_task - 1) / rows_a_task,
                           [&](int64_t task, Workspace& space) {
                             code.dense_input_gradient(op, panels, task * rows_a_task,
                                                       std::min(rows, (task + 1) * rows_a_task),
                                                       to, space);
                           });
  }
  return done(enough);
}

ffi::Error dense_step(ffi::ThreadPool pool, Floats weight, Floats mean, Floats square,
                      Floats factors, Floats inputs, Floats gradients, Outputs new_weight,
                      Outputs new_mean, Outputs new_square, Outputs of_inputs,
                      AdamSettings settings) {
  const Sizes in = inputs.dimensions(), out = gradients.dimensions();
  ffi::Error error = check_dense(in, weight.dimensions(), out);
  if (error.failure()) return error;
  if (const Sizes sizes = of_inputs->dimensions(); !same(in, sizes))
    return refuse("dense: inputs " + text(in) + " and their gradient " + text(sizes) +
                  " do not match.");
  const Sizes batch(in.begin(), in.size() - 2);
  const AdamArrays arrays{weight, mean, square, factors, *new_weight, *new_mean, *new_square};
  error = check_adam(arrays, batch);
  if (error.failure()) return error;
  const Kernels& code = kernels();
  const int64_t n = member(in, 2)[0], rows = member(in, 2)[1], columns = member(out, 2)[1];
  const int64_t rows_a_task = rows_of_a_task(rows, columns), across = n * code.padded(columns);
  float* panels = shared(across + columns * code.padded(n));
  if (panels == nullptr) return done(false);
  bool enough = true;
  for (int64_t b = 0; b < product(batch); ++b) {
    const float* given = gradients.typed_data() + b * n * columns;
    code.make_panels(given, n, columns, panels);
    code.transposed_panels(given, n, columns, panels + across);
    const DenseStep op{adam_of(settings, arrays, b, rows * columns),
                       n,
                       rows,
                       columns,
                       inputs.typed_data() + b * n * rows,
                       panels,
                       panels + across,
                       of_inputs->typed_data() + b * n * rows};
    enough &= parallel_for(pool, (rows + rows_a_task - 1) / rows_a_task,
                           [&](int64_t task, Workspace& space) {
                             code.dense_step(op, task * rows_a_task,
                                             std::min(rows, (task + 1) * rows_a_task), space);
                           });
  }
  return done(enough);
}

}  // namespace
}  // namespace stormlens

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(
    stormlens::Settings, ffi::StructMember<int64_t>("pool"),
    ffi::StructMember<int64_t>("rows_before"), ffi::StructMember<int64_t>("rows_after"),
    ffi::StructMember<int64_t>("columns_before"), ffi::StructMember<int64_t>("columns_after"),
    ffi::StructMember<bool>("relu"), ffi::StructMember<float>("low"),
    ffi::StructMember<float>("high"));

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(stormlens::AdamSettings,
                                      ffi::StructMember<float>("decay_mean"),
                                      ffi::StructMember<float>("decay_square"),
                                      ffi::StructMember<float>("epsilon"));

using stormlens::Bytes;
using stormlens::Floats;
using stormlens::Settings;

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_conv_pool, stormlens::forward_alone,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()  // images
                                  .Arg<Floats>()          // kernel
                                  .Arg<Floats>()          // bias
                                  .Arg<Floats>()          // mask
                                  .Arg<Floats>()          // keep
                                  .Ret<Floats>()          // pooled
                                  .Attrs<Settings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_conv_pool_argmax, stormlens::forward_with_argmax,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()  // images
                                  .Arg<Floats>()          // kernel
                                  .Arg<Floats>()          // bias
                                  .Arg<Floats>()          // mask
                                  .Arg<Floats>()          // keep
                                  .Ret<Floats>()          // pooled
                                  .Ret<Bytes>()           // argmax
                                  .Attrs<Settings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_conv_pool_weight_gradient, stormlens::weight_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()  // images
                                  .Arg<Floats>()          // mask
                                  .Arg<Floats>()          // keep
                                  .Arg<Bytes>()           // argmax
                                  .Arg<Floats>()          // gradient of the pooled maps
                                  .Ret<Floats>()          // gradient of the kernel
                                  .Ret<Floats>()          // gradient of the bias
                                  .Attrs<Settings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_conv_pool_image_gradient, stormlens::image_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()  // images
                                  .Arg<Floats>()          // kernel
                                  .Arg<Floats>()          // mask
                                  .Arg<Floats>()          // keep
                                  .Arg<Bytes>()           // argmax
                                  .Arg<Floats>()          // gradient of the pooled maps
                                  .Ret<Floats>()          // gradient of the images
                                  .Attrs<Settings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_warp, stormlens::warp,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()  // images
                                  .Arg<Floats>()          // matrices
                                  .Ret<Floats>()          // warped
                                  .Attr<int64_t>("fill")
                                  .Attr<float>("cval"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_adam, stormlens::adam,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()  // weight
                                  .Arg<Floats>()  // mean
                                  .Arg<Floats>()  // square
                                  .Arg<Floats>()  // corrections, rate, kept
                                  .Arg<ffi::AnyBuffer>()  // what must be done before
                                  .Arg<Floats>()  // gradient
                                  .Ret<Floats>()  // new weight
                                  .Ret<Floats>()  // new mean
                                  .Ret<Floats>()  // new square
                                  .Attrs<stormlens::AdamSettings>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_dense, stormlens::dense,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()   // inputs
                                  .Arg<Floats>()   // kernel
                                  .Ret<Floats>());  // outputs

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_dense_input_gradient, stormlens::dense_input_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()   // kernel
                                  .Arg<Floats>()   // gradient of the outputs
                                  .Ret<Floats>());  // gradient of the inputs

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_dense_step, stormlens::dense_step,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()  // kernel
                                  .Arg<Floats>()  // mean
                                  .Arg<Floats>()  // square
                                  .Arg<Floats>()  // corrections, rate, kept
                                  .Arg<Floats>()  // inputs
                                  .Arg<Floats>()  // gradient of the outputs
                                  .Ret<Floats>()  // new kernel
                                  .Ret<Floats>()  // new mean
                                  .Ret<Floats>()  // new square
                                  .Ret<Floats>()  // gradient of the inputs
                                  .Attrs<stormlens::AdamSettings>());

// The instruction set in use.
extern "C" const char* stormlens_instruction_set() { return stormlens::kernels().name; }

// Of the functions and structs that Python calls: engine/_library.py has the same number, and both
// rise when one of these changes. So a library of other sources is refused, and not called.
extern "C" int64_t stormlens_interface() { return 2; }

// The jaxlib whose headers are in here, as one that is older than they are refuses the operations.
extern "C" const char* stormlens_headers() { return STORMLENS_HEADERS; }
