// Rows whose words lie side by side, 8 rows at a time: copies that many queries share, which count
// the bits that differ in two thirds of the time (docs/decisions/ivf.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

class WordBlocks {
 public:
  // Of codes of at most kMostBytes bytes.
  static constexpr size_t kMostBytes = 512;

  explicit WordBlocks(size_t n_bytes) : n_bytes_(n_bytes) {}

  size_t n_rows() const noexcept { return n_rows_; }
  size_t n_blocks() const noexcept { return (n_rows_ + kWordRows - 1) / kWordRows; }
  size_t block_bytes() const noexcept { return n_words() * kWordBytes * kWordRows; }
  size_t memory_bytes() const noexcept { return capacity_ * block_bytes(); }

  // Copies these rows in place of those before.
  void take(const uint8_t* rows, size_t n_rows);

  void clear() noexcept { n_rows_ = 0; }

  // In how many bits each row differs from the query, for n blocks from `first` on.
  void count(const KernelTable& kernels, const uint8_t* query, size_t first, size_t n,
             uint32_t* counts) const noexcept;
  // The same for the blocks of these numbers.
  void count(const KernelTable& kernels, const uint8_t* query, const std::vector<uint32_t>& listed,
             uint32_t* counts) const noexcept;

 private:
  size_t n_words() const noexcept { return (n_bytes_ + kWordBytes - 1) / kWordBytes; }
  void arrange_block(const uint8_t* rows, uint8_t* block) const noexcept;

  size_t n_bytes_;
  size_t n_rows_ = 0;
  size_t capacity_ = 0;  // blocks
  AlignedBytes blocks_;
};

}  // namespace bitindex
