// Which of the instruction sets that the vector code was compiled for is taken.

#pragma once

#ifdef STORMLENS_X86
#include <cpuid.h>
#endif

#include <cstdlib>
#include <string>

namespace stormlens {

enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

#ifdef STORMLENS_X86
// Whether the processor and the system run a set. __builtin_cpu_supports reads a table of the
// compiler's runtime library, which stays empty in Zig's. macOS grants AVX-512's registers at their
// first use, so this says no to them there.
inline bool runs(InstructionSet set) {
  constexpr unsigned kFma = 1u << 12, kSystemAsks = 1u << 27;     // leaf 1, ecx
  constexpr unsigned kAvx2 = 1u << 5, kAvx512 = 1u << 16;         // leaf 7, ebx
  constexpr unsigned kRegisters256 = 0x06, kRegisters512 = 0xe6;  // that the system saves
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kSystemAsks) == 0 || (c & kFma) == 0)
    return set == InstructionSet::kBaseline;
  unsigned saved = 0, high = 0;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) b = 0;
  if (set == InstructionSet::kAvx2)
    return (b & kAvx2) != 0 && (saved & kRegisters256) == kRegisters256;
  if (set == InstructionSet::kAvx512)
    return (b & kAvx512) != 0 && (saved & kRegisters512) == kRegisters512;
  return true;
}
#endif

// The newest that this processor runs, or where the environment names one, that or an older one.
inline InstructionSet instruction_set() {
  static const InstructionSet set = [] {
    const char* named = std::getenv("STORMLENS_INSTRUCTION_SET");
    const std::string most = named == nullptr ? "" : named;
#ifdef STORMLENS_X86
    if (most != "avx2" && most != "baseline" && runs(InstructionSet::kAvx512))
      return InstructionSet::kAvx512;
    if (most != "baseline" && runs(InstructionSet::kAvx2))
      return InstructionSet::kAvx2;
#endif
    return InstructionSet::kBaseline;
  }();
  return set;
}

// Of what was compiled for each, the one that is taken.
#ifdef STORMLENS_X86
#define STORMLENS_CHOSEN(name)                                                                \
  (instruction_set() == InstructionSet::kAvx512 ? avx512_##name()                              \
   : instruction_set() == InstructionSet::kAvx2 ? avx2_##name()                                \
                                                : baseline_##name())
#else
#define STORMLENS_CHOSEN(name) baseline_##name()
#endif

}  // namespace stormlens
