// Convolutions and their gradients, as a page calls them: tasks are spread over threads.

#include <algorithm>
#include <limits>

#include "../patches.hpp"
#include "../sliding.hpp"
#include "layout.hpp"
#include "threads.hpp"

namespace stormlens {

ConvolutionCode baseline_convolution();

namespace {

constexpr int64_t kParts = 8;      // partial sums, added in their order
constexpr int64_t kStrips = 16;    // tasks that few images are cut into
constexpr int64_t kPatches = 96;   // side by side

// What the tasks of one call share.
Scratch packed_scratch, partial_scratch, image_scratch, gradient_scratch, panel_scratch;

// The first and last of the images of a part.
int64_t cut(int64_t part, int64_t parts, int64_t images) { return part * images / parts; }

// ---------------------------------------------------------------- with a pool, in registers

void pooled_forward(const Layout& layout, Forward op, int64_t images) {
  const Geometry& g = op.geometry;
  const Kernels& code = kernels();
  float* packed = packed_scratch.room<float>(code.packed_size(g));
  op.packed = packed;
  if (!code.compacts(op)) code.pack(g, op.kernel, packed);
  const int64_t strips = std::clamp<int64_t>(kStrips / images, 1, layout.pooled_height);
  parallel_for(images * strips, [&](int32_t task, Workspace& space) {
    const int64_t strip = task % strips;
    code.forward(op, task / strips, cut(strip, strips, g.h), cut(strip + 1, strips, g.h), space);
  });
}

void pooled_weight_gradient(const Backward& op, int64_t images, float* kernel, float* bias) {
  const Geometry& g = op.geometry;
  const Kernels& code = kernels();
  const int64_t parts = std::min(images, kParts), size = code.partial_size(g);
  float* partials = partial_scratch.room<float>(parts * size);
  parallel_for(parts, [&](int32_t part, Workspace& space) {
    code.weight_gradient(op, {cut(part, parts, images), cut(part + 1, parts, images)},
                         {0, g.filters}, partials + part * size, space);
  });
  constexpr int64_t kFilters = 16;
  parallel_for((g.filters + kFilters - 1) / kFilters, [&](int32_t task, Workspace&) {
    code.gather(g, partials, parts, task * kFilters,
                std::min<int64_t>(g.filters, (task + 1) * kFilters), kernel, bias);
  });
}

void pooled_image_gradient(const Backward& op, int64_t images, const float* kernel, float* to) {
  const Geometry& g = op.geometry;
  const Kernels& code = kernels();
  float* weights = packed_scratch.room<float>(code.spread_size(g));
  code.spread(g, kernel, weights);
  parallel_for(images, [&](int32_t n, Workspace& space) {
    code.image_gradient(op, weights, n, to, space);
  });
}

// ---------------------------------------------------------------- by tiles

Convolved convolved(const Layout& layout, const float* bias) {
  return {layout.in(),
          layout.out(),
          layout.pooled(),
          layout.look(),
          layout.groups,
          layout.pool,
          layout.relu != 0 ? 0.0f : -std::numeric_limits<float>::infinity(),
          nullptr,
          bias};
}

// Images of a task: some, so that their tiles fill batches.
void tiles_forward(Convolved op, int64_t images, const float* in, const float* kernel,
                   float* out) {
  float* weights = packed_scratch.room<float>(op.panels() * kPlaces * op.weights_place());
  engine().pack_tiles(op, kernel, weights);
  op.weights = weights;
  const int64_t tasks = std::min(images, kStrips), size = op.pooled.size();
  parallel_for(tasks, [&](int32_t task, Workspace& space) {
    const int64_t first = cut(task, tasks, images), last = cut(task + 1, tasks, images);
    engine().convolve_tiles(op, in + first * op.in.size(), nullptr, last - first,
                            out + first * size, space);
  });
}

// A 3 x 3 convolution that keeps the map's size, channels and filters in sixteens.
Convolution convolution(const Layout& layout, int64_t images) {
  return {images, layout.height, layout.width, layout.channels, layout.filters};
}

void same_image_gradient(const Layout& layout, int64_t images, const float* kernel,
                         const float* gradient, float* to) {
  const ConvolutionCode code = baseline_convolution();
  Convolution sizes = convolution(layout, images);
  std::swap(sizes.channels, sizes.filters);
  float* weights = packed_scratch.room<float>(sizes.panels() * kPlaces * sizes.weights_place());
  const Convolving op{sizes, gradient, kernel, true, weights, to};
  parallel_for(op.channels, [&](int32_t channel, Workspace&) { code.spread_kernel(op, channel); });
  parallel_for((op.tiles() + kTogether - 1) / kTogether, [&](int32_t task, Workspace& space) {
    code.convolve(op, task * kTogether, std::min(op.tiles(), (task + 1) * kTogether), space);
  });
}

void same_weight_gradient(const Layout& layout, int64_t images, const float* in,
                          const float* gradient, float* kernel) {
  const ConvolutionCode code = baseline_convolution();
  const Convolution sizes = convolution(layout, images);
  const KernelGradient op{sizes,
                          in,
                          gradient,
                          image_scratch.room<float>(kPlaces * sizes.image_place()),
                          gradient_scratch.room<float>(kPlaces * sizes.gradient_place()),
                          partial_scratch.room<float>(kPlaces * sizes.sums_place()),
                          kernel};
  parallel_for(op.tiles(), [&](int32_t tile, Workspace& space) {
    code.spread_tile(op, tile, space);
  });
  parallel_for(kPlaces, [&](int32_t place, Workspace&) { code.add_products(op, place); });
  parallel_for(op.channels, [&](int32_t channel, Workspace&) { code.gather_kernel(op, channel); });
}

// ---------------------------------------------------------------- by patches

void patches_forward(Convolved op, int64_t images, const float* in, const float* kernel,
                     float* out) {
  const int64_t panels = op.group_panels() * op.taps() * kPanel;
  float* weights = packed_scratch.room<float>(op.groups * panels);
  for (int64_t group = 0; group < op.groups; ++group)
    pack_panels(kernel + group * op.group_filters(), op.taps(), op.group_filters(),
                op.out.channels, weights + group * panels);
  op.weights = weights;
  const int64_t size = op.out.size();
  parallel_for(images, [&](int32_t n, Workspace& space) {
    engine().convolve_patches(op, in + n * op.in.size(), nullptr, 1, out + n * size, space);
  });
}

// Adds one group's part of some patches to sums (panels, taps, 32): patches^T by gradients.
void add_patches(const Convolved& op, const float* in, const float* gradient, int64_t group,
                 int64_t first, int64_t count, Workspace& space, float* sums) {
  const int64_t taps = op.taps(), filters = op.group_filters();
  float* patch = space.image.room<float>(taps);
  float* turned = space.weights.room<float>(taps * kPatches);
  float* panel = space.best.room<float>(kPatches * kPanel);
  for (int64_t t = 0; t < count; ++t) {
    put_patch(op, in, (first + t) / op.out.width, (first + t) % op.out.width,
              group * (op.in.channels / op.groups), patch);
    for (int64_t tap = 0; tap < taps; ++tap) turned[tap * kPatches + t] = patch[tap];
  }
  for (int64_t f = 0; f < filters; f += kPanel, sums += taps * kPanel) {
    const int64_t wide = std::min(kPanel, filters - f);
    for (int64_t t = 0; t < count; ++t) {
      const float* from = gradient + (first + t) * op.out.channels + group * filters + f;
      std::copy_n(from, wide, panel + t * kPanel);
      std::fill(panel + t * kPanel + wide, panel + (t + 1) * kPanel, 0.0f);
    }
    engine().add_products(turned, kPatches, panel, taps, count, wide, sums);
  }
}

void patches_weight_gradient(const Convolved& op, int64_t images, const float* in,
                             const float* gradient, float* kernel) {
  const int64_t of_group = op.group_panels() * op.taps() * kPanel, size = op.groups * of_group;
  const int64_t parts = std::min(images, kParts), cells = op.out.cells();
  float* partials = partial_scratch.room<float>(parts * size);
  parallel_for(parts, [&](int32_t part, Workspace& space) {
    float* sums = partials + part * size;
    std::fill(sums, sums + size, 0.0f);
    for (int64_t n = cut(part, parts, images); n < cut(part + 1, parts, images); ++n)
      for (int64_t group = 0; group < op.groups; ++group)
        for (int64_t first = 0; first < cells; first += kPatches)
          add_patches(op, in + n * op.in.size(), gradient + n * op.out.size(), group, first,
                      std::min(kPatches, cells - first), space, sums + group * of_group);
  });
  const int64_t taps = op.taps(), filters = op.group_filters();
  for (int64_t group = 0; group < op.groups; ++group)
    for (int64_t f = 0; f < filters; ++f)
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t at = group * of_group + (f / kPanel * taps + tap) * kPanel + f % kPanel;
        float sum = 0.0f;
        for (int64_t part = 0; part < parts; ++part) sum += partials[part * size + at];
        kernel[tap * op.out.channels + group * filters + f] = sum;
      }
}

// One group's kernel turned, (filters, taps), in panels of taps.
void turn_kernel(const Convolved& op, const float* kernel, int64_t group, float* turned,
                 float* panels) {
  const int64_t taps = op.taps(), filters = op.group_filters();
  for (int64_t f = 0; f < filters; ++f)
    for (int64_t tap = 0; tap < taps; ++tap)
      turned[f * taps + tap] = kernel[tap * op.out.channels + group * filters + f];
  pack_panels(turned, filters, taps, taps, panels);
}

void patches_image_gradient(const Convolved& op, int64_t images, const float* kernel,
                            const float* gradient, float* to) {
  const int64_t taps = op.taps(), filters = op.group_filters(), cells = op.out.cells();
  const int64_t across = (taps + kPanel - 1) / kPanel, of_group = across * kPanel * filters;
  float* panels = panel_scratch.room<float>(op.groups * of_group);
  float* turned = packed_scratch.room<float>(taps * filters);
  for (int64_t group = 0; group < op.groups; ++group)
    turn_kernel(op, kernel, group, turned, panels + group * of_group);
  parallel_for(images, [&](int32_t n, Workspace& space) {
    float* image = to + n * op.in.size();
    std::fill(image, image + op.in.size(), 0.0f);
    float* sums = space.image.room<float>(across * kPatches * kPanel);
    float* patch = space.best.room<float>(across * kPanel);
    for (int64_t group = 0; group < op.groups; ++group)
      for (int64_t first = 0; first < cells; first += kPatches) {
        const int64_t count = std::min(kPatches, cells - first);
        const float* from = gradient + (n * cells + first) * op.out.channels + group * filters;
        std::fill(sums, sums + across * kPatches * kPanel, 0.0f);
        for (int64_t p = 0; p < across; ++p)
          engine().add_products(from, op.out.channels,
                                panels + group * of_group + p * filters * kPanel, count, filters,
                                std::min(kPanel, taps - p * kPanel), sums + p * kPatches * kPanel);
        for (int64_t t = 0; t < count; ++t) {
          for (int64_t p = 0; p < across; ++p)
            std::copy_n(sums + (p * kPatches + t) * kPanel, kPanel, patch + p * kPanel);
          add_patch(op, patch, (first + t) / op.out.width, (first + t) % op.out.width,
                    group * (op.in.channels / op.groups), image);
        }
      }
  });
}

}  // namespace

// ---------------------------------------------------------------- what a page calls

STORMLENS_EXPORT(pooled_forward)
void web_pooled_forward(const Layout* layout, int32_t images, const void* in, int32_t are_bytes,
                        float low, float span, const float* kernel, const float* bias,
                        const float* mask, const float* keep, float* pooled, uint8_t* argmax) {
  pooled_forward(*layout,
                 {layout->geometry(), images_of(in, are_bytes, low, span), kernel, bias, mask,
                  keep, pooled, argmax, nullptr},
                 images);
}

STORMLENS_EXPORT(pooled_weight_gradient)
void web_pooled_weight_gradient(const Layout* layout, int32_t images, const void* in,
                                int32_t are_bytes, float low, float span, const float* mask,
                                const float* keep, const uint8_t* argmax, const float* gradient,
                                float* kernel, float* bias) {
  pooled_weight_gradient({layout->geometry(), images_of(in, are_bytes, low, span), mask, keep,
                          argmax, gradient},
                         images, kernel, bias);
}

STORMLENS_EXPORT(pooled_image_gradient)
void web_pooled_image_gradient(const Layout* layout, int32_t images, const float* kernel,
                               const float* mask, const float* keep, const uint8_t* argmax,
                               const float* gradient, float* to) {
  pooled_image_gradient({layout->geometry(), {nullptr, nullptr, 0, 1}, mask, keep, argmax,
                         gradient},
                        images, kernel, to);
}

STORMLENS_EXPORT(tiles_forward)
void web_tiles_forward(const Layout* layout, int32_t images, const float* in, const float* kernel,
                       const float* bias, float* out) {
  tiles_forward(convolved(*layout, bias), images, in, kernel, out);
}

STORMLENS_EXPORT(same_image_gradient)
void web_same_image_gradient(const Layout* layout, int32_t images, const float* kernel,
                             const float* gradient, float* to) {
  same_image_gradient(*layout, images, kernel, gradient, to);
}

STORMLENS_EXPORT(same_weight_gradient)
void web_same_weight_gradient(const Layout* layout, int32_t images, const float* in,
                              const float* gradient, float* kernel) {
  same_weight_gradient(*layout, images, in, gradient, kernel);
}

STORMLENS_EXPORT(patches_forward)
void web_patches_forward(const Layout* layout, int32_t images, const float* in,
                         const float* kernel, const float* bias, float* out) {
  patches_forward(convolved(*layout, bias), images, in, kernel, out);
}

STORMLENS_EXPORT(patches_weight_gradient)
void web_patches_weight_gradient(const Layout* layout, int32_t images, const float* in,
                                 const float* gradient, float* kernel) {
  patches_weight_gradient(convolved(*layout, nullptr), images, in, gradient, kernel);
}

STORMLENS_EXPORT(patches_image_gradient)
void web_patches_image_gradient(const Layout* layout, int32_t images, const float* kernel,
                                const float* gradient, float* to) {
  patches_image_gradient(convolved(*layout, nullptr), images, kernel, gradient, to);
}

}  // namespace stormlens
