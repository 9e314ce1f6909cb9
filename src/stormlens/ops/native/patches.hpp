// What a convolution sees of an image for one output, put side by side, and the way back.

#pragma once

#include <algorithm>

#include "engine.hpp"

namespace stormlens {
namespace {

// Calls visit(cell, at) for each cell of one group's patch of an output: where its channels lie in
// the image, or -1 where it leaves the image, and where in the patch.
template <typename Visit>
inline void each_cell_of_patch(const Convolved& op, int64_t y, int64_t x, int64_t channel,
                               const Visit& visit) {
  const int64_t channels = op.in.channels / op.groups;
  const Look& look = op.look;
  for (int64_t i = 0, at = 0; i < look.rows; ++i)
    for (int64_t j = 0; j < look.columns; ++j, at += channels) {
      const int64_t row = y * look.row_stride + i * look.row_dilation - look.top;
      const int64_t column = x * look.column_stride + j * look.column_dilation - look.left;
      const bool inside =
          row >= 0 && column >= 0 && row < op.in.height && column < op.in.width;
      visit(inside ? (row * op.in.width + column) * op.in.channels + channel : -1, at);
    }
}

// One group's channels of the patch of an output, zeros where it leaves the image.
inline void put_patch(const Convolved& op, const float* image, int64_t y, int64_t x,
                      int64_t channel, float* to) {
  const int64_t channels = op.in.channels / op.groups;
  each_cell_of_patch(op, y, x, channel, [&](int64_t cell, int64_t at) {
    if (cell < 0)
      std::fill(to + at, to + at + channels, 0.0f);
    else
      std::copy_n(image + cell, channels, to + at);
  });
}

// Adds a patch to the image where it was taken from.
inline void add_patch(const Convolved& op, const float* patch, int64_t y, int64_t x,
                      int64_t channel, float* image) {
  const int64_t channels = op.in.channels / op.groups;
  each_cell_of_patch(op, y, x, channel, [&](int64_t cell, int64_t at) {
    for (int64_t c = 0; cell >= 0 && c < channels; ++c) image[cell + c] += patch[at + c];
  });
}

}  // namespace
}  // namespace stormlens
