// Which of the instruction sets that the vector code was compiled for is taken.

#pragma once

#include <cstdlib>
#include <string>

namespace stormlens {

enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

// The newest that this processor runs, or where the environment names one, that or an older one.
inline InstructionSet instruction_set() {
  static const InstructionSet set = [] {
    const char* named = std::getenv("STORMLENS_INSTRUCTION_SET");
    const std::string most = named == nullptr ? "" : named;
#ifdef STORMLENS_X86
    if (most != "avx2" && most != "baseline" && __builtin_cpu_supports("avx512f"))
      return InstructionSet::kAvx512;
    if (most != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
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
