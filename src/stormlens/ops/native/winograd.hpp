// Winograd's F(6 x 6, 3 x 3) in vectors: its matrices and their transposes, once along an axis.
//
// A tile of inputs d and a kernel g give A^T [(G g G^T) * (B^T d B)] A (Lavin and Gray 2016,
// section 4.1). That is linear in g too, so the kernel's gradient is G^T [(B^T d B) * (A y A^T)] G
// for the gradient y of the outputs.
//
// Vectors hold channels (or filters), so a tile's 64 inputs are 64 vectors, and a transform along
// an axis is a few sums of whole vectors. What it gives is stored by place: place (i, j) of all
// tiles of a batch lies together as a matrix (tiles, C), and the 64 places are 64 products of
// matrices.

#pragma once

#include "products.hpp"

namespace stormlens {
namespace {

constexpr int64_t kSpan = kTile + 2;  // inputs along a tile

// Floats from one place of a batch to the next: the same patch at all places must not fall into
// one set of the first-level cache, as it would where the distance is a multiple of 4 KiB.
inline int64_t apart(int64_t depth) { return kTogether * depth + 16; }

// Rows of a batch that multiply() takes, of which the last ones may be idle.
inline int64_t whole(int64_t count) { return (count + kHeld - 1) / kHeld * kHeld; }

// B^T of eight.
inline void spread_eight(const Reals* d, Reals* out) {
  const Reals even = d[2] + d[6] - 4.25f * d[4], odd = d[1] + d[5] - 4.25f * d[3];
  const Reals low_even = 0.25f * d[2] - 1.25f * d[4] + d[6];
  const Reals low_odd = 0.5f * d[1] - 2.5f * d[3] + 2.0f * d[5];
  const Reals high_even = 4.0f * d[2] - 5.0f * d[4] + d[6];
  const Reals high_odd = 2.0f * d[1] - 2.5f * d[3] + 0.5f * d[5];
  out[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = low_even + low_odd;
  out[4] = low_even - low_odd;
  out[5] = high_even + high_odd;
  out[6] = high_even - high_odd;
  out[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}

// A^T of eight.
inline void gather_eight(const Reals* m, Reals* out) {
  const Reals one = m[1] + m[2], two = m[3] + m[4], half = m[5] + m[6];
  const Reals one_odd = m[1] - m[2], two_odd = m[3] - m[4], half_odd = m[5] - m[6];
  out[0] = m[0] + one + two + half;
  out[1] = one_odd + 2.0f * two_odd + 0.5f * half_odd;
  out[2] = one + 4.0f * two + 0.25f * half;
  out[3] = one_odd + 8.0f * two_odd + 0.125f * half_odd;
  out[4] = one + 16.0f * two + 0.0625f * half;
  out[5] = one_odd + 32.0f * two_odd + 0.03125f * half_odd + m[7];
}

// A of six.
inline void spread_six(const Reals* y, Reals* out) {
  const Reals even = y[0] + y[2] + y[4], odd = y[1] + y[3] + y[5];
  const Reals two_even = y[0] + 4.0f * y[2] + 16.0f * y[4];
  const Reals two_odd = 2.0f * y[1] + 8.0f * y[3] + 32.0f * y[5];
  const Reals half_even = y[0] + 0.25f * y[2] + 0.0625f * y[4];
  const Reals half_odd = 0.5f * y[1] + 0.125f * y[3] + 0.03125f * y[5];
  out[0] = y[0];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = two_even + two_odd;
  out[4] = two_even - two_odd;
  out[5] = half_even + half_odd;
  out[6] = half_even - half_odd;
  out[7] = y[5];
}

constexpr float kOne = 2.0f / 9, kTwo = 1.0f / 90, kHalf = 32.0f / 45;

// G of three.
inline void spread_three(const Reals* g, Reals* out) {
  const Reals one = -kOne * (g[0] + g[2]), two = kTwo * (g[0] + 4.0f * g[2]);
  const Reals half = kHalf * (g[0] + 0.25f * g[2]);
  const Reals one_odd = -kOne * g[1], two_odd = 2.0f * kTwo * g[1], half_odd = 0.5f * kHalf * g[1];
  out[0] = g[0];
  out[1] = one + one_odd;
  out[2] = one - one_odd;
  out[3] = two + two_odd;
  out[4] = two - two_odd;
  out[5] = half + half_odd;
  out[6] = half - half_odd;
  out[7] = g[2];
}

// G^T of eight.
inline void gather_three(const Reals* m, Reals* out) {
  const Reals one = -kOne * (m[1] + m[2]), two = kTwo * (m[3] + m[4]);
  const Reals half = kHalf * (m[5] + m[6]);
  out[0] = m[0] + one + two + half;
  out[1] = -kOne * (m[1] - m[2]) + 2.0f * kTwo * (m[3] - m[4]) + 0.5f * kHalf * (m[5] - m[6]);
  out[2] = one + 4.0f * two + 0.25f * half + m[7];
}

// The same along both axes of a square of `from` x `from` values, to `to` x `to`.
template <int64_t from, int64_t to, typename Along>
inline void along_both(const Along& along, const Reals (*in)[from], Reals (*out)[to]) {
  Reals rows[to][from];
  for (int j = 0; j < from; ++j) {
    Reals column[from], changed[to];
    for (int i = 0; i < from; ++i) column[i] = in[i][j];
    along(column, changed);
    for (int i = 0; i < to; ++i) rows[i][j] = changed[i];
  }
  for (int i = 0; i < to; ++i) along(rows[i], out[i]);
}

// Eight by eight vectors, each at its place.
inline void put_places(const Reals (*values)[kSpan], float* to, int64_t place) {
  for (int i = 0; i < kSpan; ++i)
    for (int j = 0; j < kSpan; ++j) store(to + (i * kSpan + j) * place, values[i][j]);
}

inline void get_places(const float* from, int64_t place, Reals (*values)[kSpan]) {
  for (int i = 0; i < kSpan; ++i)
    for (int j = 0; j < kSpan; ++j) values[i][j] = load(from + (i * kSpan + j) * place);
}

}  // namespace
}  // namespace stormlens
