#include "cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace bitindex {
namespace {

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) noexcept {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r.eax = out[0], r.ebx = out[1], r.ecx = out[2], r.edx = out[3];
#else
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// The register states that the operating system saves and restores.
unsigned long long saved_states() noexcept {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
#endif
}

constexpr bool all(unsigned value, unsigned mask) { return (value & mask) == mask; }

CpuFeatures detect() noexcept {
  CpuFeatures features;
  if (cpuid(0, 0).eax < 7) return features;
  const Registers basic = cpuid(1, 0);
  const Registers extended = cpuid(7, 0);
  constexpr unsigned kFma = 1u << 12, kPopcnt = 1u << 23, kOsxsave = 1u << 27, kAvx = 1u << 28,
                     kF16c = 1u << 29;
  if (!all(basic.ecx, kFma | kPopcnt | kOsxsave | kAvx | kF16c)) return features;
  const unsigned long long saved = saved_states();
  constexpr unsigned kBmi1 = 1u << 3, kAvx2 = 1u << 5, kBmi2 = 1u << 8;
  features.avx2 = (saved & 0x6) == 0x6 && all(extended.ebx, kBmi1 | kAvx2 | kBmi2);
  constexpr unsigned kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  constexpr unsigned kVnni = 1u << 11, kVpopcntdq = 1u << 14;
  features.avx512 = features.avx2 && (saved & 0xe6) == 0xe6 && all(extended.ebx, kAvx512) &&
                    all(extended.ecx, kVnni | kVpopcntdq);
  return features;
}

#else

CpuFeatures detect() noexcept {
  CpuFeatures features;
#if defined(__aarch64__) || defined(_M_ARM64)
  features.neon = true;
#endif
  return features;
}

#endif

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace bitindex
