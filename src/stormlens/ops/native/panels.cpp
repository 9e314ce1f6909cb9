// Matrices in panels, as the vector code of networks and sliding windows reads them.

#include <algorithm>

#include "engine.hpp"

namespace stormlens {

void pack_panels(const float* matrix, int64_t rows, int64_t columns, int64_t apart, float* panels) {
  for (int64_t first = 0; first < columns; first += kPanel) {
    const int64_t wide = std::min(kPanel, columns - first);
    for (int64_t row = 0; row < rows; ++row, panels += kPanel) {
      std::copy_n(matrix + row * apart + first, wide, panels);
      std::fill(panels + wide, panels + kPanel, 0.0f);
    }
  }
}

}  // namespace stormlens
