// What XLA calls for 3 x 3 convolutions: sizes are checked before any memory is touched, then tiles
// are spread over its threads. Operands may have leading batch dimensions, alike in all.

#include "binding.hpp"
#include "parallel.hpp"
#include "sliding.hpp"

namespace stormlens {
namespace {

using Outputs = ffi::Result<Floats>;

// Checks images (N, H, W, C), kernel (3, 3, C, F) and outputs (N, H, W, F).
ffi::Error check(Sizes images, Sizes kernel, Sizes outputs, Convolution& op) {
  if (images.size() < 4 || kernel.size() != images.size() || outputs.size() != images.size())
    return refuse("convolve: images, kernel and outputs need four dimensions beyond a batch.");
  const Sizes batch(images.begin(), images.size() - 4), in = member(images, 4);
  op = {in[0], in[1], in[2], in[3], member(outputs, 4)[3]};
  if (op.height < 1 || op.width < 1 || op.channels < 1 || op.filters < 1 ||
      op.channels % 16 != 0 || op.filters % 16 != 0)
    return refuse("convolve: images " + text(images) + " and outputs " + text(outputs) +
                  " need cells, and channels in sixteens.");
  if (!fits(kernel, batch, {3, 3, op.channels, op.filters}) ||
      !fits(outputs, batch, {op.count, op.height, op.width, op.filters}))
    return refuse("convolve: images " + text(images) + ", kernel " + text(kernel) +
                  " and outputs " + text(outputs) + " do not match.");
  return ffi::Error::Success();
}

// Memory that the tasks of one call share, null where it runs out.
float* room(Scratch& scratch, int64_t count) {
  try {
    return scratch.room<float>(count);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

int64_t members(Sizes sizes) { return product(Sizes(sizes.begin(), sizes.size() - 4)); }

ffi::Error run(ffi::ThreadPool& pool, const Convolution& sizes, int64_t batch,
               const float* images, const float* kernel, bool turned, float* outputs) {
  static thread_local Scratch scratch;
  const ConvolutionCode& code = sliding_code().convolution;
  const int64_t pixels = sizes.count * sizes.height * sizes.width;
  float* weights = room(scratch, sizes.panels() * kPlaces * sizes.weights_place());
  if (weights == nullptr) return done(false);
  bool enough = true;
  for (int64_t b = 0; b < batch; ++b) {
    const Convolving op{sizes,   images + b * pixels * sizes.channels,
                        kernel + b * 9 * sizes.channels * sizes.filters,
                        turned,  weights,
                        outputs + b * pixels * sizes.filters};
    enough &= parallel_for(pool, op.channels,
                           [&](int64_t task, Workspace&) { code.spread_kernel(op, task); });
    const int64_t tasks = (op.tiles() + kTogether - 1) / kTogether;
    enough &= parallel_for(pool, tasks, [&](int64_t task, Workspace& space) {
      code.convolve(op, task * kTogether, std::min(op.tiles(), (task + 1) * kTogether), space);
    });
  }
  return done(enough);
}

ffi::Error convolve(ffi::ThreadPool pool, Floats images, Floats kernel, Outputs outputs) {
  Convolution sizes;
  const ffi::Error error =
      check(images.dimensions(), kernel.dimensions(), outputs->dimensions(), sizes);
  if (error.failure()) return error;
  return run(pool, sizes, members(images.dimensions()), images.typed_data(), kernel.typed_data(),
             false, outputs->typed_data());
}

// The gradient of the images is a convolution of the outputs' gradient with the kernel turned.
ffi::Error image_gradient(ffi::ThreadPool pool, Floats kernel, Floats gradients, Outputs images) {
  Convolution sizes;
  const ffi::Error error =
      check(images->dimensions(), kernel.dimensions(), gradients.dimensions(), sizes);
  if (error.failure()) return error;
  std::swap(sizes.channels, sizes.filters);
  return run(pool, sizes, members(images->dimensions()), gradients.typed_data(),
             kernel.typed_data(), true, images->typed_data());
}

ffi::Error kernel_gradient(ffi::ThreadPool pool, Floats images, Floats gradients, Outputs kernel) {
  static thread_local Scratch image_scratch, gradient_scratch, sums_scratch;
  Convolution sizes;
  const ffi::Error error =
      check(images.dimensions(), kernel->dimensions(), gradients.dimensions(), sizes);
  if (error.failure()) return error;
  const ConvolutionCode& code = sliding_code().convolution;
  const int64_t pixels = sizes.count * sizes.height * sizes.width;
  float* image_places = room(image_scratch, kPlaces * sizes.image_place());
  float* gradient_places = room(gradient_scratch, kPlaces * sizes.gradient_place());
  float* sums = room(sums_scratch, kPlaces * sizes.sums_place());
  if (image_places == nullptr || gradient_places == nullptr || sums == nullptr)
    return done(false);
  bool enough = true;
  for (int64_t b = 0; b < members(images.dimensions()); ++b) {
    const KernelGradient op{sizes,
                            images.typed_data() + b * pixels * sizes.channels,
                            gradients.typed_data() + b * pixels * sizes.filters,
                            image_places,
                            gradient_places,
                            sums,
                            kernel->typed_data() + b * 9 * sizes.channels * sizes.filters};
    enough &= parallel_for(pool, op.tiles(), [&](int64_t task, Workspace& space) {
      code.spread_tile(op, task, space);
    });
    enough &= parallel_for(pool, kPlaces,
                           [&](int64_t task, Workspace&) { code.add_products(op, task); });
    enough &= parallel_for(pool, op.channels,
                           [&](int64_t task, Workspace&) { code.gather_kernel(op, task); });
  }
  return done(enough);
}

}  // namespace
}  // namespace stormlens

using stormlens::Floats;

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_convolve, stormlens::convolve,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()   // images
                                  .Arg<Floats>()   // kernel
                                  .Ret<Floats>());  // outputs

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_convolve_image_gradient, stormlens::image_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()   // kernel
                                  .Arg<Floats>()   // gradient of the outputs
                                  .Ret<Floats>());  // gradient of the images

XLA_FFI_DEFINE_HANDLER_SYMBOL(stormlens_convolve_kernel_gradient, stormlens::kernel_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()   // images
                                  .Arg<Floats>()   // gradient of the outputs
                                  .Ret<Floats>());  // gradient of the kernel
