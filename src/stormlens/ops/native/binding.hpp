// What all bindings share: sizes of operands, and the sentences that refuse them.

#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace stormlens {

using Sizes = ffi::Span<const int64_t>;
using Floats = ffi::Buffer<ffi::F32>;

inline ffi::Error refuse(const std::string& what) { return ffi::Error::InvalidArgument(what); }

inline ffi::Error done(bool enough_memory) {
  if (enough_memory) return ffi::Error::Success();
  return ffi::Error(ffi::ErrorCode::kResourceExhausted, "stormlens: out of memory.");
}

inline std::string text(Sizes sizes) {
  std::string out = "(";
  for (size_t i = 0; i < sizes.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(sizes[i]);
  return out + ")";
}

// Sizes of an operand without its leading batch dimensions.
inline Sizes member(Sizes sizes, size_t rank) {
  return Sizes(sizes.begin() + (sizes.size() - rank), rank);
}

inline int64_t product(Sizes sizes) {
  int64_t total = 1;
  for (const int64_t size : sizes) total *= size;
  return total;
}

inline bool equal(Sizes sizes, std::initializer_list<int64_t> expected) {
  return sizes.size() == expected.size() &&
         std::equal(sizes.begin(), sizes.end(), expected.begin());
}

inline bool same(Sizes one, Sizes other) {
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin());
}

// Whether `sizes` is the batch followed by `expected`.
inline bool fits(Sizes sizes, Sizes batch, std::initializer_list<int64_t> expected) {
  return sizes.size() == batch.size() + expected.size() &&
         std::equal(batch.begin(), batch.end(), sizes.begin()) &&
         equal(member(sizes, expected.size()), expected);
}

}  // namespace stormlens
