// Why a call of the C interface was refused, for its caller to read.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace stormlens {

struct Refused {
  std::string sentence;
};

[[noreturn]] inline void refuse(const std::string& sentence) { throw Refused{sentence}; }

// Writes as much of a sentence as there is room for.
inline void tell(const std::string& sentence, char* error, int64_t room) {
  if (error == nullptr || room < 1) return;
  const auto length = std::min<size_t>(sentence.size(), static_cast<size_t>(room - 1));
  std::memcpy(error, sentence.data(), length);
  error[length] = '\0';
}

}  // namespace stormlens
