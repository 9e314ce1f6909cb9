// What the web's allocator tells beside malloc and free.

#pragma once

#include <cstddef>

extern "C" unsigned char __heap_base;  // where the linker's own data ends

namespace stormlens {

size_t memory_in_use();

}  // namespace stormlens
