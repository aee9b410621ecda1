// Substrings: chosen bits of a code as one number each.
//
// Multi-index hashing looks codes up by several substrings that share no bit. It is exact for any
// choice of bits; how many rows it looks at depends on how evenly they spread over the numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/column.h"
#include "kernels/kernel_table.h"
#include "tables/code_layout.h"

namespace bitindex {

struct SubstringShape {
  size_t n_substrings;
  size_t n_bits;  // of each
};

constexpr size_t kMaxSubstringBits = 28;

// As many numbers as rows, and as many substrings as that leaves room for: the choice of Norouzi,
// Punjani and Fleet, "Fast search in Hamming space with multi-index hashing" (2012), section 3.3.
// n_substrings is 0 for that, or given.
SubstringShape substring_shape(size_t n_code_bits, size_t n_rows, size_t n_substrings);

// The code bits of each substring, one substring after the other, learned from a sample of the
// codes: bits that are nearly constant are left out where there are too many, and bits that go
// together are kept apart.
std::vector<uint32_t> choose_substring_bits(const KernelTable& kernels, const CodeLayout& layout,
                                            const Column& codes, const SubstringShape& shape);

class Substring {
 public:
  // Bit i of the number is bit bits[i] of a code.
  Substring(const CodeLayout& layout, const uint32_t* bits, size_t n);

  uint32_t value(const uint8_t* code) const noexcept {
    uint32_t value = 0;
    for (const Part& part : parts_) value |= part.values[code[part.byte]];
    return value;
  }
  // How many bytes of a code it reads for that.
  size_t n_bytes_read() const noexcept { return parts_.size(); }

 private:
  // What one byte of a code adds.
  struct Part {
    size_t byte;
    std::array<uint32_t, 256> values;
  };
  std::vector<Part> parts_;
};

}  // namespace bitindex
