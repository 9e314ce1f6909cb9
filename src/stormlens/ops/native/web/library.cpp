// What else the kernels ask of the C library, which is not linked (see build.py).

#include <cmath>

#include "layout.hpp"

extern "C" {

void abort() { __builtin_trap(); }

// The logarithm of the rounded sum, times what rounding took from the sum (W. Kahan).
float log1pf(float x) {
  const float sum = 1.0f + x, added = sum - 1.0f;
  return added == 0.0f ? x : std::log(sum) * (x / added);
}

void __wasm_call_ctors();

}  // extern "C"

// A page calls it once, before all else.
STORMLENS_EXPORT(_initialize) void initialize() { __wasm_call_ctors(); }
