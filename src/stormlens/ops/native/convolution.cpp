// 3 x 3 convolution and its kernel's gradient by Winograd's F(6 x 6, 3 x 3), in vectors.

#include <algorithm>

#include "convolution.hpp"
#include "winograd.hpp"

namespace stormlens {
namespace {

// Input channels whose sums with a panel are held in registers; they divide sixteen.
constexpr int kRows = L == 16 ? 8 : L == 8 ? 2 : 1;

// Where a tile lies: its image, and its first output.
struct Corner {
  int64_t image, y, x;

  Corner(const Convolution& op, int64_t tile)
      : image(tile / (op.down() * op.across())),
        y(tile / op.across() % op.down() * kTile),
        x(tile % op.across() * kTile) {}
};

// The cells of a square of an array (N, height, width, depth); those beyond it are zeros.
template <int64_t side>
struct Square {
  const float* cells[side][side];

  Square(const Convolution& op, const float* array, int64_t depth, int64_t image, int64_t y,
         int64_t x, const float* zeros) {
    for (int64_t i = 0; i < side; ++i)
      for (int64_t j = 0; j < side; ++j) {
        const int64_t row = y + i, column = x + j;
        const bool inside = row >= 0 && column >= 0 && row < op.height && column < op.width;
        const int64_t at = (image * op.height + row) * op.width + column;
        cells[i][j] = inside ? array + at * depth : zeros;
      }
  }
  void read(int64_t c, Reals (*values)[side]) const {
    for (int64_t i = 0; i < side; ++i)
      for (int64_t j = 0; j < side; ++j) values[i][j] = load(cells[i][j] + c);
  }
};

const float* zeros_of(int64_t count, Workspace& space) {
  float* zeros = space.filters.room<float>(count);
  std::fill(zeros, zeros + count, 0.0f);
  return zeros;
}

void spread_patch(const Convolution& op, const float* images, Corner corner, const float* zeros,
                  float* to, int64_t place) {
  const Square<kSpan> square(op, images, op.channels, corner.image, corner.y - 1, corner.x - 1,
                             zeros);
  for (int64_t c = 0; c < op.channels; c += L) {
    Reals d[kSpan][kSpan], out[kSpan][kSpan];
    square.read(c, d);
    along_both<kSpan, kSpan>(spread_eight, d, out);
    put_places(out, to + c, place);
  }
}

// ---------------------------------------------------------------- convolution

// Weight (i, j) of channel c for the filters from f on.
Reals weight_of(const Convolving& op, int64_t i, int64_t j, int64_t c, int64_t f) {
  if (!op.turned) return load(op.kernel + ((i * 3 + j) * op.channels + c) * op.filters + f);
  const float* from = op.kernel + (8 - i * 3 - j) * op.filters * op.channels + c;
  Reals weights;
  for (int64_t lane = 0; lane < L; ++lane) weights[lane] = from[(f + lane) * op.channels];
  return weights;
}

void spread_kernel(const Convolving& op, int64_t c) {
  for (int64_t f = 0; f < op.panels() * kPanel; f += L) {
    Reals g[3][3] = {}, out[kSpan][kSpan];
    if (f < op.filters)
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 3; ++j) g[i][j] = weight_of(op, i, j, c, f);
    along_both<3, kSpan>(spread_three, g, out);
    put_places(out,
               op.weights + f / kPanel * kPlaces * op.weights_place() + c * kPanel + f % kPanel,
               op.weights_place());
  }
}

// Outputs of patch `t` of a batch for one panel.
void gather_patch(const Convolving& op, Corner corner, const float* products, int64_t panel) {
  const int64_t rows = std::min(kTile, op.height - corner.y);
  const int64_t columns = std::min(kTile, op.width - corner.x);
  const int64_t line = op.width * op.filters;
  const int64_t count = std::min(kPanel, op.filters - panel * kPanel);
  const int64_t at = (corner.image * op.height + corner.y) * op.width + corner.x;
  float* to = op.outputs + at * op.filters + panel * kPanel;
  for (int64_t f = 0; f < count; f += L) {
    Reals m[kSpan][kSpan], out[kTile][kTile];
    get_places(products + f, apart(kPanel), m);
    along_both<kSpan, kTile>(gather_eight, m, out);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) store(to + i * line + j * op.filters + f, out[i][j]);
  }
}

void convolve(const Convolving& op, int64_t first, int64_t last, Workspace& space) {
  const int64_t channels = op.channels, count = last - first, place = apart(channels);
  float* places = space.image.room<float>(kPlaces * place);
  float* products = space.weights.room<float>(kPlaces * apart(kPanel));
  const float* zeros = zeros_of(channels, space);
  for (int64_t t = 0; t < count; ++t)
    spread_patch(op, op.images, Corner(op, first + t), zeros, places + t * channels, place);
  for (int64_t e = 0; e < kPlaces; ++e)
    std::fill(places + e * place + count * channels, places + e * place + whole(count) * channels,
              0.0f);
  for (int64_t panel = 0; panel < op.panels(); ++panel) {
    for (int64_t e = 0; e < kPlaces; ++e)
      multiply<false>(places + e * place, op.weights + (panel * kPlaces + e) * op.weights_place(),
                      whole(count), channels, products + e * apart(kPanel));
    for (int64_t t = 0; t < count; ++t)
      gather_patch(op, Corner(op, first + t), products + t * kPanel, panel);
  }
}

// ---------------------------------------------------------------- gradient of the kernel

void spread_tile(const KernelGradient& op, int64_t tile, Workspace& space) {
  const Corner corner(op, tile);
  const float* zeros = zeros_of(std::max(op.channels, op.filters), space);
  spread_patch(op, op.images, corner, zeros, op.image_places + tile * op.channels,
               op.image_place());
  const Square<kTile> square(op, op.gradients, op.filters, corner.image, corner.y, corner.x,
                             zeros);
  const int64_t width = op.panels() * kPanel;
  for (int64_t f = 0; f < width; f += L) {
    Reals y[kTile][kTile] = {}, out[kSpan][kSpan];
    if (f < op.filters) square.read(f, y);
    along_both<kTile, kSpan>(spread_six, y, out);
    put_places(out, op.gradient_places + tile * width + f, op.gradient_place());
  }
}

void add_products(const KernelGradient& op, int64_t place) {
  const int64_t width = op.panels() * kPanel, tiles = op.tiles();
  const float* images = op.image_places + place * op.image_place();
  const float* gradients = op.gradient_places + place * op.gradient_place();
  float* sums = op.sums + place * op.sums_place();
  for (int64_t f = 0; f < width; f += kPanel)
    for (int64_t c = 0; c < op.channels; c += kRows) {
      Reals held[kRows][V] = {};
      for (int64_t t = 0; t < tiles; ++t) {
        Reals y[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) y[v] = load(gradients + t * width + f + v * L);
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
          const float d = images[t * op.channels + c + i];
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) held[i][v] += d * y[v];
        }
      }
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) store(sums + (c + i) * width + f + v * L, held[i][v]);
    }
}

void gather_kernel(const KernelGradient& op, int64_t c) {
  const int64_t width = op.panels() * kPanel;
  for (int64_t f = 0; f < op.filters; f += L) {
    Reals m[kSpan][kSpan], out[3][3];
    get_places(op.sums + c * width + f, op.sums_place(), m);
    along_both<kSpan, 3>(gather_three, m, out);
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j)
        store(op.kernel + ((i * 3 + j) * op.channels + c) * op.filters + f, out[i][j]);
  }
}

}  // namespace

ConvolutionCode STORMLENS_NAMED(convolution)() {
  return {spread_kernel, convolve, spread_tile, add_products, gather_kernel};
}

}  // namespace stormlens
