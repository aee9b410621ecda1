// What the CPU and the operating system can do, asked once.
#pragma once

namespace bitindex {

struct CpuFeatures {
  bool avx2 = false;    // AVX2, FMA, F16C, POPCNT, BMI1, BMI2, and the system saves ymm registers
  bool avx512 = false;  // F, BW, DQ, VL, VNNI, VPOPCNTDQ and AVX2's list; the system saves zmm
  bool neon = false;    // always present on 64-bit Arm
};

// Never asks for a CPU's name, only for its features. Thread safe.
const CpuFeatures& cpu_features() noexcept;

}  // namespace bitindex
