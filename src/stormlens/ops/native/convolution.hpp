// What one task of a 3 x 3 convolution, or of its kernel's gradient, computes.
//
// Stride 1, zeros around the images, as many outputs as inputs, all by Winograd's
// F(6 x 6, 3 x 3): tiles of 6 x 6 outputs look at patches of 8 x 8 inputs, whose 64 places are
// computed apart. Letters: N images of (height, width, C), F filters; C and F in sixteens.

#pragma once

#include "kernels.hpp"

namespace stormlens {

constexpr int64_t kPanel = 32;    // filters or units whose weights lie together
constexpr int64_t kTile = 6;      // outputs along a tile of Winograd's F(6 x 6, 3 x 3)
constexpr int64_t kPlaces = 64;   // products of one such tile
// Patches of one batch: a multiple of those whose sums registers hold (12, 3 or 1), and with 64
// channels their 64 places take 384 KiB, which fits a second-level cache.
constexpr int64_t kTogether = 24;

struct Convolution {
  int64_t count, height, width, channels, filters;

  int64_t down() const { return (height + kTile - 1) / kTile; }
  int64_t across() const { return (width + kTile - 1) / kTile; }
  int64_t tiles() const { return count * down() * across(); }
  int64_t panels() const { return (filters + kPanel - 1) / kPanel; }
  // Floats from one place to the next. A tile writes all 64 places; at a multiple of 4 KiB apart
  // they would fall into one set of the first-level cache and push each other out.
  int64_t weights_place() const { return channels * kPanel + 16; }
  int64_t image_place() const { return tiles() * channels + 16; }
  int64_t gradient_place() const { return tiles() * panels() * kPanel + 16; }
  int64_t sums_place() const { return channels * panels() * kPanel + 16; }
};

struct Convolving : Convolution {
  const float* images;
  const float* kernel;  // (3, 3, C, F), or where turned (3, 3, F, C) to be read from its end
  bool turned;
  float* weights;  // (panels, 64, C, 32)
  float* outputs;  // (N, height, width, F)
};

struct KernelGradient : Convolution {
  const float* images;
  const float* gradients;  // of the outputs
  float* image_places;     // (64, tiles, C)
  float* gradient_places;  // (64, tiles, panels * 32)
  float* sums;             // (64, C, panels * 32)
  float* kernel;           // (3, 3, C, F), the result
};

struct ConvolutionCode {
  // The weights of one input channel, then tiles from `first` to `last`, kTogether at most.
  void (*spread_kernel)(const Convolving&, int64_t channel);
  void (*convolve)(const Convolving&, int64_t first, int64_t last, Workspace&);
  // Images and gradients of a tile, the products of a place, the gradient of a channel's weights.
  void (*spread_tile)(const KernelGradient&, int64_t tile, Workspace&);
  void (*add_products)(const KernelGradient&, int64_t place);
  void (*gather_kernel)(const KernelGradient&, int64_t channel);
};

}  // namespace stormlens
