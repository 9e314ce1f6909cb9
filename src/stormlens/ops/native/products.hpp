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
#pragma GCC unroll 12
      for (int i = 0; i < kHeld; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sums[i][v] = load(products + (t + i) * kPanel + v * L);
    for (int64_t k = 0; k < depth; ++k) {
      // Read the fewer of values and weights first, and each of the others where it is used: 12
      // sums, 3 values and one vector of weights fill 16 registers. Clang keeps what is read first;
      // behind 4 vectors of weights it stored 2 sums in each round.
      if constexpr (kHeld < V) {
        Reals values[kHeld];
#pragma GCC unroll 12
        for (int i = 0; i < kHeld; ++i) values[i] = repeat(from[i * depth + k]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
          const Reals w = load(weights + k * kPanel + v * L);
#pragma GCC unroll 12
          for (int i = 0; i < kHeld; ++i) sums[i][v] += values[i] * w;
        }
      } else {
        Reals w[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) w[v] = load(weights + k * kPanel + v * L);
#pragma GCC unroll 12
        for (int i = 0; i < kHeld; ++i) {
          const float value = from[i * depth + k];
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) sums[i][v] += value * w[v];
        }
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kHeld; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store(products + (t + i) * kPanel + v * L, sums[i][v]);
  }
}

}  // namespace
}  // namespace stormlens
