// How a page writes what a step looks like, in whole numbers of 32 bits, in this order; network/
// operations.js writes them. Sizes have been checked there.

#pragma once

#include "../engine.hpp"

namespace stormlens {

struct Layout {
  int32_t height, width, channels;  // of one image's map
  int32_t rows, columns, row_stride, column_stride, row_dilation, column_dilation;
  int32_t top, left;  // cells before the first row and column
  int32_t groups, filters;
  int32_t out_height, out_width;  // before the pool
  int32_t pool, pooled_height, pooled_width;
  int32_t relu;

  Shape in() const { return {height, width, channels}; }
  Shape out() const { return {out_height, out_width, filters}; }
  Shape pooled() const { return {pooled_height, pooled_width, filters}; }
  Look look() const {
    return {rows, columns, row_stride, column_stride, row_dilation, column_dilation, top, left};
  }
  Geometry geometry() const {
    return {height, width, channels,      rows,         columns, filters,
            pool,   pooled_height, pooled_width, top,     left,    relu != 0};
  }
};

// Images as a page has them: reals, or bytes that become (byte - low) / span.
inline Images images_of(const void* images, int32_t are_bytes, float low, float span) {
  if (are_bytes != 0) return {nullptr, static_cast<const uint8_t*>(images), low, span};
  return {static_cast<const float*>(images), nullptr, 0.0f, 1.0f};
}

inline const EngineCode& engine() {
  static const EngineCode code = baseline_engine();
  return code;
}

}  // namespace stormlens

// A function that a page calls.
#define STORMLENS_EXPORT(name) extern "C" __attribute__((export_name(#name)))
