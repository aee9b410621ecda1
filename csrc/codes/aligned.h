// Memory that starts on a cache line; much of it on a huge page where the system has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bitindex {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;

struct AlignedDelete {
  std::align_val_t alignment{kCacheLine};
  void operator()(uint8_t* memory) const noexcept { ::operator delete(memory, alignment); }
};
using AlignedBytes = std::unique_ptr<uint8_t, AlignedDelete>;

inline AlignedBytes make_aligned(size_t n_bytes) {
  const bool huge = n_bytes >= 2 * kHugePage;
  const std::align_val_t alignment{huge ? kHugePage : kCacheLine};
  AlignedBytes memory(static_cast<uint8_t*>(::operator new(n_bytes, alignment)), {alignment});
#if defined(__linux__)
  // A scan that reads memory once waits less for address translation. Only advice: it may fail.
  if (huge) madvise(memory.get(), n_bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

// Numbers on cache lines of their own, zeros at first.
template <class T>
class AlignedArray {
 public:
  explicit AlignedArray(size_t n) : memory_(make_aligned(n * sizeof(T))) {
    std::memset(memory_.get(), 0, n * sizeof(T));
  }

  T* data() noexcept { return reinterpret_cast<T*>(memory_.get()); }
  const T* data() const noexcept { return reinterpret_cast<const T*>(memory_.get()); }
  T& operator[](size_t i) noexcept { return data()[i]; }
  const T& operator[](size_t i) const noexcept { return data()[i]; }

 private:
  AlignedBytes memory_;
};

}  // namespace bitindex
