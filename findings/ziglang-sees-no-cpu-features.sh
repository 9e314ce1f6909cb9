#!/bin/sh
# ziglang 0.17.1: a program that it compiles finds no feature of the processor at run time.
#
# GCC and Clang fill the table behind __builtin_cpu_supports in their runtime libraries. Zig brings a
# runtime library of its own, and there the table stays empty, so a library that chooses its vector code
# at run time takes the oldest set on any x86 processor, without a word. Asking cpuid and xgetbv helps.
#
# Seen: processor has AVX2, __builtin_cpu_supports("avx2") 0, the same by cpuid 1
# Fails if that changes. Says so, and ends well, where the processor has no AVX2.
set -eu
if ! grep -qw avx2 /proc/cpuinfo; then
  echo "This processor has no AVX2: nothing to see here."
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ziglang==0.17.1"
cat > "$folder/asks.c" <<'C'
#include <cpuid.h>
#include <stdio.h>

int main(void) {
  unsigned a, b = 0, c, d;
  __builtin_cpu_init();
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  printf("builtin %d cpuid %d\n", __builtin_cpu_supports("avx2") != 0, (int)(b >> 5 & 1));
}
C
ZIG_GLOBAL_CACHE_DIR="$folder/cache" "$folder/venv/bin/python" -m ziglang cc -mcpu=baseline \
  "$folder/asks.c" -o "$folder/asks"
seen=$("$folder/asks")
echo "processor has AVX2: $seen"
[ "$seen" = "builtin 0 cpuid 1" ]
