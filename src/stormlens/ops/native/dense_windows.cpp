// A dense layer on every window by Fourier transforms of tiles of 16 x 16 cells.
//
// `Along` says which windows and cells make the layer a sum of small correlations, one a phase. The
// spectrum of a real tile has 4 real and 126 complex values, and a complex product takes three real
// ones (Gauss), so that there are 382 places. Each is a product of tiles x depth by depth x units,
// where depth is phases x C in whole vectors. A product of spectra is a circular correlation: cells
// that wrap around the tile's edge are wrong, and windows take none of them.
//
// Mathieu, Henaff and LeCun (2014), Fast training of convolutional networks through FFTs, ICLR.

#include <algorithm>
#include <utility>

#include "products.hpp"

namespace stormlens {
namespace {

constexpr int kHalf = kSide / 2;
constexpr int64_t kComplex = 126;  // values, before the four real ones
// Of the complex values those of frequency 0 along rows come first, then those of 8, then 1 to 7.
constexpr int64_t kFirst = 0, kLast = kHalf - 1, kInner = 2 * (kHalf - 1);

struct Complex {
  Reals re, im;
};

// cos and sin of 2 pi m / 16.
constexpr float kCosine[10] = {1.0f, 0.92387953f, 0.70710678f, 0.38268343f, 0.0f,
                               -0.38268343f, -0.70710678f, -0.92387953f, -1.0f, -0.92387953f};
constexpr float kSine[10] = {0.0f, 0.38268343f, 0.70710678f, 0.92387953f, 1.0f,
                             0.92387953f, 0.70710678f, 0.38268343f, 0.0f, -0.38268343f};

inline void transform_four(Complex& a, Complex& b, Complex& c, Complex& d) {
  const Complex even{a.re + c.re, a.im + c.im}, far{a.re - c.re, a.im - c.im};
  const Complex odd{b.re + d.re, b.im + d.im}, turn{b.im - d.im, d.re - b.re};
  a = {even.re + odd.re, even.im + odd.im};
  b = {far.re + turn.re, far.im + turn.im};
  c = {even.re - odd.re, even.im - odd.im};
  d = {far.re - turn.re, far.im - turn.im};
}

// Where the transform leaves frequency k.
constexpr int at(int k) { return k % 4 * 4 + k / 4 % 4; }

// Four transforms of four, twiddle factors, four of four (Cooley and Tukey 1965).
inline void transform(Complex* z) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) transform_four(z[j], z[j + 4], z[j + 8], z[j + 12]);
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
#pragma GCC unroll 4
    for (int j = 1; j < 4; ++j) {
      Complex& value = z[4 * k + j];
      const float c = kCosine[j * k], s = kSine[j * k];
      value = {c * value.re + s * value.im, c * value.im - s * value.re};
    }
    transform_four(z[4 * k], z[4 * k + 1], z[4 * k + 2], z[4 * k + 3]);
  }
}

inline void transform_back(Complex* z) {
#pragma GCC unroll 16
  for (int k = 0; k < kSide; ++k) std::swap(z[k].re, z[k].im);
  transform(z);
#pragma GCC unroll 16
  for (int k = 0; k < kSide; ++k) std::swap(z[k].re, z[k].im);
}

// From the spectrum of a + i b, of real a and b: those of a and of b at frequency k.
inline void part(const Complex* z, int k, Complex& a, Complex& b) {
  const Complex p = z[at(k)], q = z[at(kSide - k)];
  a = {0.5f * (p.re + q.re), 0.5f * (p.im - q.im)};
  b = {0.5f * (p.im + q.im), 0.5f * (q.re - p.re)};
}

// The reverse: a + i b at frequency k and at its mirror.
inline void join(Complex* z, int k, Complex a, Complex b) {
  z[k] = {a.re - b.im, a.im + b.re};
  z[kSide - k] = {a.re + b.im, b.re - a.im};
}

// An image's spectrum at its 382 places, `apart` floats from each other.
struct ImagePlaces {
  float* to;
  int64_t apart;

  void real(int64_t i, Reals value) const { store(to + (3 * kComplex + i) * apart, value); }
  void complex(int64_t i, Complex value) const {
    store(to + 3 * i * apart, value.re);
    store(to + (3 * i + 1) * apart, value.im);
    store(to + (3 * i + 2) * apart, value.re + value.im);
  }
};

// A kernel's: conjugate, for a correlation, and scaled for the way back.
struct KernelPlaces {
  static constexpr float kScale = 1.0f / (kSide * kSide);
  ImagePlaces places;

  void real(int64_t i, Reals value) const { places.real(i, kScale * value); }
  void complex(int64_t i, Complex value) const {
    places.complex(i, {kScale * value.re, -kScale * value.im});
  }
};

// Sums of their products.
struct Products {
  const float* from;
  int64_t apart;

  Reals real(int64_t i) const { return load(from + (3 * kComplex + i) * apart); }
  Complex complex(int64_t i) const {
    const Reals re = load(from + 3 * i * apart), im = load(from + (3 * i + 1) * apart);
    return {re - im, load(from + (3 * i + 2) * apart) - re - im};
  }
};

// Spectrum of real cells (16, 16) that are zero from column `columns` on.
template <typename Places>
void spread(const Reals* cells, int64_t columns, const Places& places) {
  Complex half[kHalf + 1][kSide] = {};  // frequencies 0 to 8 along rows, of each column
  for (int64_t x = 0; x < columns; x += 2) {
    Complex z[kSide];
    for (int y = 0; y < kSide; ++y) z[y] = {cells[y * kSide + x], cells[y * kSide + x + 1]};
    transform(z);
    for (int k = 0; k <= kHalf; ++k) part(z, k, half[k][x], half[k][x + 1]);
  }
  Complex z[kSide], first, last;  // frequencies 0 and 8 are real: they go together
  for (int x = 0; x < kSide; ++x) z[x] = {half[0][x].re, half[kHalf][x].re};
  transform(z);
  for (int k = 0; k <= kHalf; ++k) {
    part(z, k, first, last);
    if (k % kHalf == 0) {
      places.real(k / kHalf, first.re);
      places.real(2 + k / kHalf, last.re);
    } else {
      places.complex(kFirst + k - 1, first);
      places.complex(kLast + k - 1, last);
    }
  }
  for (int k = 1; k < kHalf; ++k) {
    transform(half[k]);
    for (int x = 0; x < kSide; ++x)
      places.complex(kInner + (k - 1) * kSide + x, half[k][at(x)]);
  }
}

// The way back: cells (16, 16).
void gather(const Products& products, Reals* cells) {
  Complex half[kHalf + 1][kSide], z[kSide];
  for (int k = 1; k < kHalf; ++k) {
    for (int x = 0; x < kSide; ++x) z[x] = products.complex(kInner + (k - 1) * kSide + x);
    transform_back(z);
    for (int x = 0; x < kSide; ++x) half[k][x] = z[at(x)];
  }
  z[0] = {products.real(0), products.real(2)};
  z[kHalf] = {products.real(1), products.real(3)};
  for (int k = 1; k < kHalf; ++k)
    join(z, k, products.complex(kFirst + k - 1), products.complex(kLast + k - 1));
  transform_back(z);
  for (int x = 0; x < kSide; ++x) half[0][x].re = z[at(x)].re, half[kHalf][x].re = z[at(x)].im;
  for (int x = 0; x < kSide; x += 2) {
    z[0] = {half[0][x].re, half[0][x + 1].re};
    z[kHalf] = {half[kHalf][x].re, half[kHalf][x + 1].re};
    for (int k = 1; k < kHalf; ++k) join(z, k, half[k][x], half[k][x + 1]);
    transform_back(z);
    for (int y = 0; y < kSide; ++y)
      cells[y * kSide + x] = z[at(y)].re, cells[y * kSide + x + 1] = z[at(y)].im;
  }
}

// The windows of a tile along one axis: their residue, and the first of them.
struct Start {
  int64_t residue, q;
};

struct Tile {
  Start down, across;
};

Tile tile_of(const DenseWindows& op, int64_t tile) {
  const Along &down = op.down, &across = op.across;
  const int64_t index = op.first_tile + tile;
  const int64_t x = index % across.tiles, rest = index / across.tiles;
  const int64_t y = rest % down.tiles, residue = rest / down.tiles;
  return {{residue / across.residues, y * down.kept},
          {residue % across.residues, x * across.kept}};
}

void spread_image(const DenseWindows& op, int64_t tile) {
  const Along &down = op.down, &across = op.across;
  const Tile at = tile_of(op, tile);
  const int64_t south = down.step * down.window(at.down.residue, at.down.q);
  const int64_t west = across.step * across.window(at.across.residue, at.across.q);
  Reals cells[kSide * kSide];
  for (int64_t phase = 0; phase < op.phases; ++phase) {
    const int64_t down_phase = (op.first_phase + phase) / across.phases();
    const int64_t across_phase = (op.first_phase + phase) % across.phases();
    const int64_t top = south + down.dilation * down.first_cell(down_phase);
    const int64_t left = west + across.dilation * across.first_cell(across_phase);
    for (int64_t c = 0; c < op.lanes(); c += L) {
      for (int64_t y = 0; y < kSide; ++y)
        for (int64_t x = 0; x < kSide; ++x) {
          const int64_t row = top + y * down.apart(), column = left + x * across.apart();
          const bool inside = row < op.height && column < op.width;
          const float* from = op.image + (row * op.width + column) * op.channels + c;
          cells[y * kSide + x] = inside ? load_some(from, op.channels - c) : Reals{};
        }
      float* to = op.image_spectra + tile * op.depth() + phase * op.lanes() + c;
      spread(cells, kSide, ImagePlaces{to, op.image_place()});
    }
  }
}

void spread_kernel(const DenseWindows& op, int64_t depth) {
  const Along &down = op.down, &across = op.across;
  const int64_t phase = op.first_phase + depth / op.lanes(), c = depth % op.lanes();
  const int64_t down_phase = phase / across.phases(), across_phase = phase % across.phases();
  const int64_t top = down.first_cell(down_phase), bottom = down.last_cell(down_phase);
  const int64_t left = across.first_cell(across_phase), right = across.last_cell(across_phase);
  for (int64_t unit = 0; unit < op.panels * kPanel; unit += L) {
    const int64_t from = op.first_unit + unit, count = std::min<int64_t>(L, op.units - from);
    Reals cells[kSide * kSide] = {};
    for (int64_t y = 0, row = top; row < bottom && c < op.channels; ++y, row += down.between)
      for (int64_t x = 0, column = left; column < right; ++x, column += across.between)
        cells[y * kSide + x] = load_some(
            op.kernel + ((row * across.cells + column) * op.channels + c) * op.units + from, count);
    float* to = op.kernel_spectra + (unit / kPanel * op.depth() + depth) * kPanel + unit % kPanel;
    spread(cells, across.taps, KernelPlaces{{to, op.kernel_place()}});
  }
}

void add_products(const DenseWindows& op, int64_t place) {
  const float* images = op.image_spectra + place * op.image_place();
  const auto add = op.first_phase == 0 ? multiply<false> : multiply<true>;
  for (int64_t panel = 0; panel < op.panels; ++panel)
    add(images, op.kernel_spectra + place * op.kernel_place() + panel * op.depth() * kPanel,
        op.tiles, op.depth(), op.sums + place * op.sums_place() + panel * op.tiles * kPanel);
}

void gather_windows(const DenseWindows& op, int64_t tile) {
  const Along &down = op.down, &across = op.across;
  const Tile at = tile_of(op, tile);
  for (int64_t unit = 0; unit < op.panels * kPanel && op.first_unit + unit < op.units; unit += L) {
    const int64_t to = op.first_unit + unit, count = std::min<int64_t>(L, op.units - to);
    Reals cells[kSide * kSide];
    const float* sums = op.sums + (unit / kPanel * op.tiles + tile) * kPanel + unit % kPanel;
    gather({sums, op.sums_place()}, cells);
    const Reals bias = load_some(op.bias + to, count);
    for (int64_t y = 0; y < down.kept; ++y)
      for (int64_t x = 0; x < across.kept; ++x) {
        const int64_t i = down.window(at.down.residue, at.down.q + y);
        const int64_t k = across.window(at.across.residue, at.across.q + x);
        if (i < down.count && k < across.count)
          store_some(op.outputs + (i * across.count + k) * op.units + to,
                     cells[y * kSide + x] + bias, count);
      }
  }
}

}  // namespace

DenseCode STORMLENS_NAMED(dense)() {
  return {kHeld, spread_image, spread_kernel, add_products, gather_windows};
}

}  // namespace stormlens
