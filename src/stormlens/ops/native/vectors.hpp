// Vectors of floats of one instruction set, and the product that all of its code is built on.

#pragma once

#include <cstdint>

#include "sliding.hpp"

// A name of this instruction set's own: avx2_sliding.
#define STORMLENS_JOIN(isa, name) isa##_##name
#define STORMLENS_OF(isa, name) STORMLENS_JOIN(isa, name)
#define STORMLENS_NAMED(name) STORMLENS_OF(STORMLENS_ISA, name)

namespace stormlens {
namespace {

constexpr int L = STORMLENS_LANES;
constexpr int V = kPanel / L;  // vectors of a panel
// Rows whose sums are held in registers: 24, 12 or, of 16 registers of 4 floats, 8 of them.
constexpr int kHeld = L == 16 ? 12 : (L == 8 || STORMLENS_VECTORS == 4) ? 3 : 1;

typedef float Reals __attribute__((vector_size(4 * L)));

inline Reals load(const float* from) {
  Reals value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

inline void store(float* to, Reals value) { __builtin_memcpy(to, &value, sizeof value); }

// The first `count` floats, and zeros.
inline Reals load_some(const float* from, int64_t count) {
  if (count >= L) return load(from);
  Reals value{};
  for (int64_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}

inline void store_some(float* to, Reals value, int64_t count) {
  if (count >= L) return store(to, value);
  for (int64_t i = 0; i < count; ++i) to[i] = value[i];
}

inline Reals larger(Reals a, Reals b) { return a > b ? a : b; }

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
