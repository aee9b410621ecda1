// What all checks of kernels share: the two that are compared, and memory that ends where it must.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/kernel_table.h"

namespace bitindex {
extern const KernelTable kGenericKernels;
extern const KernelTable KERNELS;
}  // namespace bitindex

namespace {

using bitindex::KernelTable;
using bitindex::LargestSums;
const KernelTable& tested = bitindex::KERNELS;
const KernelTable& expected = bitindex::kGenericKernels;

long n_checks = 0, n_failures = 0;

void check(bool passed, const char* what, size_t a, size_t b, size_t c) {
  ++n_checks;
  if (passed) return;
  if (++n_failures <= 20) std::printf("FAILED %s (%zu, %zu, %zu)\n", what, a, b, c);
}

uint32_t random_bits() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

float random_float() { return static_cast<float>(random_bits() % 20001) / 5000.0f - 2.0f; }

// Memory of exactly this size, so that a sanitizer sees the first byte too many.
template <class T>
class Exact {
 public:
  explicit Exact(size_t n, size_t offset = 0)
      : memory_(static_cast<T*>(std::malloc((n + offset) * sizeof(T) + (n + offset == 0)))),
        begin_(memory_ + offset),
        n_(n) {
    if (memory_ == nullptr) std::abort();
  }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  ~Exact() { std::free(memory_); }

  T* data() { return begin_; }
  T& operator[](size_t i) { return begin_[i]; }
  size_t size() const { return n_; }

 private:
  T* memory_;
  T* begin_;
  size_t n_;
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};

enum Content { kRandom, kZeros, kOnes, kContents };

void fill(Exact<uint8_t>& bytes, Content content) {
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = content == kRandom ? static_cast<uint8_t>(random_bits())
                                  : static_cast<uint8_t>(content == kOnes ? 0xff : 0);
}

// Results with a guard after them, which no kernel may change.
class Counts {
 public:
  explicit Counts(size_t n) : counts_(n + kGuards, kGuard) {}
  uint32_t* data() { return counts_.data(); }
  bool same(const Counts& other) const { return counts_ == other.counts_; }

 private:
  static constexpr size_t kGuards = 20;
  static constexpr uint32_t kGuard = 0xdeadbeef;
  std::vector<uint32_t> counts_;
};

}  // namespace
