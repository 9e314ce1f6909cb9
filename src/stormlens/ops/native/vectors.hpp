// Vectors of floats of one instruction set, which all of its code is built on.

#pragma once

#include <cstdint>

// A name of this instruction set's own: avx2_sliding.
#define STORMLENS_JOIN(isa, name) isa##_##name
#define STORMLENS_OF(isa, name) STORMLENS_JOIN(isa, name)
#define STORMLENS_NAMED(name) STORMLENS_OF(STORMLENS_ISA, name)
// And its own name as text: "avx2".
#define STORMLENS_QUOTE(text) #text
#define STORMLENS_TEXT(isa) STORMLENS_QUOTE(isa)

namespace stormlens {
namespace {

constexpr int L = STORMLENS_LANES;

typedef float Reals __attribute__((vector_size(4 * L)));

inline Reals load(const float* from) {
  Reals value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// A vector of one value. Compilers drop "- 0", which changes no value; "+ 0" would change -0.
inline Reals repeat(float value) { return value - Reals{}; }

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

// Ask for memory that is needed soon: processors follow a few streams of their own accord, and none
// from page to page. WebAssembly can only ask by reading.
template <bool Write = false>
inline void fetch(const float* from, int64_t count) {
  constexpr int64_t kLine = 16;
  for (int64_t i = 0; i < count; i += kLine) {
#ifdef __wasm__
    static_cast<void>(*static_cast<const volatile float*>(from + i));
#else
    __builtin_prefetch(from + i, Write);
#endif
  }
}

inline Reals larger(Reals a, Reals b) { return a > b ? a : b; }

}  // namespace
}  // namespace stormlens
