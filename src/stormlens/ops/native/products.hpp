// The product of matrices that sliding windows' vector code is built on.

#pragma once

#include "sliding.hpp"
#include "vectors.hpp"

namespace stormlens {
namespace {

constexpr int V = kPanel / L;  // vectors of a panel
// Rows whose sums are held in registers: 24, 12 or, of 16 registers of 4 floats, 8 of them.
constexpr int kHeld = L == 16 ? 12 : (L == 8 || STORMLENS_VECTORS == 4) ? 3 : 1;

// (rows, depth) by (depth, 32), added to the products or put there; rows are a multiple of kHeld.
template <bool kAdds>
void multiply(const float* rows, const float* weights, int64_t count, int64_t depth,
              float* products) {
  for (int64_t t = 0; t < count; t += kHeld) {
    const float* from = rows + t * depth;
    Reals sums[kHeld][V] = {};
    if (kAdds)
      for (int i = 0; i < kHeld; ++i)
        for (int v = 0; v < V; ++v) sums[i][v] = load(products + (t + i) * kPanel + v * L);
    for (int64_t k = 0; k < depth; ++k) {
      Reals w[V];
      for (int v = 0; v < V; ++v) w[v] = load(weights + k * kPanel + v * L);
      for (int i = 0; i < kHeld; ++i) {
        const float value = from[i * depth + k];
        for (int v = 0; v < V; ++v) sums[i][v] += value * w[v];
      }
    }
    for (int i = 0; i < kHeld; ++i)
      for (int v = 0; v < V; ++v) store(products + (t + i) * kPanel + v * L, sums[i][v]);
  }
}

}  // namespace
}  // namespace stormlens
