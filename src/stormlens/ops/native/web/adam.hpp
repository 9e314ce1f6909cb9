// Adam's constants, and what a step multiplies by; network/training.js writes them.

#pragma once

#include "../kernels.hpp"

namespace stormlens {

struct AdamNumbers {
  float decay_mean, decay_square, epsilon, correction_mean, correction_square, rate;

  Adam on(float* weight, float* mean, float* square) const {
    return {weight,       mean,    square,          weight,            mean, square, decay_mean,
            decay_square, epsilon, correction_mean, correction_square, rate, 1.0f};
  }
};

}  // namespace stormlens
