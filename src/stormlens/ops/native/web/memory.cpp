// The C library's allocator for the web: one list of free blocks, in order of their addresses.
//
// A network asks for a few hundred large blocks and gives them back, so a plain list is enough.
// Every block begins on a line of the cache, and threads may ask at once, which the allocator of
// the C library for WebAssembly does not allow.

#include "memory.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

constexpr size_t kLine = 64, kPage = 65536, kLeastGrowth = 16 * kPage;
constexpr size_t kMost = size_t{1} << 31;

struct Block {
  size_t size;  // with this header
  Block* next;  // of those that are free
};

Block* free_blocks = nullptr;
uintptr_t top = 0;  // where memory that was never given out begins
size_t in_use = 0;

#ifdef __wasm_atomics__
int locked = 0;
struct Lock {
  Lock() {
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE) != 0) {
    }
  }
  ~Lock() { __atomic_store_n(&locked, 0, __ATOMIC_RELEASE); }
};
#else
struct Lock {
  Lock() {}
};
#endif

size_t rounded(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

// Joins a block with its neighbours in the list, where they touch.
void insert(Block* block) {
  Block** link = &free_blocks;
  Block* before = nullptr;
  while (*link != nullptr && *link < block) before = *link, link = &(*link)->next;
  block->next = *link;
  *link = block;
  const auto end = [](Block* b) { return reinterpret_cast<uintptr_t>(b) + b->size; };
  if (block->next != nullptr && end(block) == reinterpret_cast<uintptr_t>(block->next)) {
    block->size += block->next->size;
    block->next = block->next->next;
  }
  if (before != nullptr && end(before) == reinterpret_cast<uintptr_t>(block)) {
    before->size += block->size;
    before->next = block->next;
  }
}

bool grow(size_t size) {
  if (top == 0) top = rounded(reinterpret_cast<uintptr_t>(&__heap_base));
  const uintptr_t end = __builtin_wasm_memory_size(0) * kPage;
  if (end - top < size) {
    const size_t lacking = size - (end - top);
    const size_t enough = (lacking + kPage - 1) / kPage;
    if (__builtin_wasm_memory_grow(0, lacking < kLeastGrowth ? kLeastGrowth / kPage : enough) ==
            SIZE_MAX &&
        __builtin_wasm_memory_grow(0, enough) == SIZE_MAX)
      return false;
  }
  auto* block = reinterpret_cast<Block*>(top);
  block->size = __builtin_wasm_memory_size(0) * kPage - top;
  top += block->size;
  insert(block);
  return true;
}

// The smallest free block that is large enough, or null.
Block** best_fit(size_t size) {
  Block** best = nullptr;
  for (Block** link = &free_blocks; *link != nullptr; link = &(*link)->next)
    if ((*link)->size >= size && (best == nullptr || (*link)->size < (*best)->size)) best = link;
  return best;
}

Block* header(void* memory) {
  return reinterpret_cast<Block*>(static_cast<char*>(memory) - kLine);
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) {
  if (bytes > kMost) return nullptr;
  const size_t size = rounded(bytes) + kLine;
  const Lock lock;
  Block** link = best_fit(size);
  if (link == nullptr && grow(size)) link = best_fit(size);
  if (link == nullptr) return nullptr;
  Block* block = *link;
  *link = block->next;
  if (block->size - size >= 2 * kLine) {
    auto* rest = reinterpret_cast<Block*>(reinterpret_cast<char*>(block) + size);
    rest->size = block->size - size;
    block->size = size;
    insert(rest);
  }
  in_use += block->size;
  return reinterpret_cast<char*>(block) + kLine;
}

void free(void* memory) {
  if (memory == nullptr) return;
  const Lock lock;
  Block* block = header(memory);
  in_use -= block->size;
  insert(block);
}

}  // extern "C"

namespace stormlens {

size_t memory_in_use() { return in_use; }

}  // namespace stormlens
