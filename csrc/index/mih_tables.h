// The tables of multi-index hashing: for each substring, the rows in the order of its values.
//
// A table is an offset for each value and one more, and a row number for each row. The rows of a
// bucket lie together and ascend, and so do buckets whose values differ in low bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "codes/column.h"
#include "index/mih_substrings.h"
#include "scan/cancel.h"

namespace bitindex {

// Tables as arrays: of a file, or to be written to one.
struct MihArrays {
  SubstringShape shape{0, 0};
  size_t n_rows = 0;
  const uint32_t* bits = nullptr;     // n_substrings x n_bits
  const uint32_t* offsets = nullptr;  // n_substrings x (2^n_bits + 1)
  const uint32_t* rows = nullptr;     // n_substrings x n_rows
  std::shared_ptr<const void> owner;  // keeps the last two alive
};

class MihTables {
 public:
  struct Bucket {
    const uint32_t* begin;
    const uint32_t* end;
  };

  MihTables() = default;
  MihTables(MihTables&&) noexcept = default;
  MihTables& operator=(MihTables&&) noexcept = default;
  // Of all rows of `codes`. Throws Cancelled.
  static MihTables build(const KernelTable& kernels, const CodeLayout& layout, const Column& codes,
                         const SubstringShape& shape, Cancel& cancel);
  // Throws std::invalid_argument where the arrays are no tables of rows below n_rows.
  static MihTables restore(const CodeLayout& layout, const MihArrays& arrays);
  // Throws std::invalid_argument where a row stands in the bucket of another value than its code
  // has, unless it is left out; throws Cancelled.
  void check_values(const Column& codes, const std::vector<bool>& left_out, Cancel& cancel) const;
  // The tables after removed rows have gone: row i was row kept[i].
  MihTables without_gaps(const CodeLayout& layout, const std::vector<uint32_t>& kept) const;

  size_t n_rows() const noexcept { return arrays_.n_rows; }
  size_t n_substrings() const noexcept { return arrays_.shape.n_substrings; }
  size_t n_substring_bits() const noexcept { return arrays_.shape.n_bits; }
  const MihArrays& arrays() const noexcept { return arrays_; }
  // How many rows are in the bucket of a row, on average.
  double rows_in_own_bucket() const noexcept { return rows_in_own_bucket_; }
  // How many bytes of a code its values in all substrings take to read.
  size_t n_bytes_read() const noexcept;
  size_t memory_bytes() const noexcept { return memory_bytes_; }

  const Substring& substring(size_t j) const noexcept { return substrings_[j]; }
  // Of `value` and, behind it, of the next one.
  const uint32_t* offset(size_t j, uint32_t value) const noexcept {
    return arrays_.offsets + j * n_offsets(arrays_.shape) + value;
  }
  Bucket bucket(size_t j, uint32_t value) const noexcept {
    const uint32_t* const ends = offset(j, value);
    const uint32_t* const rows = arrays_.rows + j * arrays_.n_rows;
    return {rows + ends[0], rows + ends[1]};
  }

  static size_t n_offsets(const SubstringShape& shape) noexcept {
    return (size_t{1} << shape.n_bits) + 1;
  }

 private:
  MihTables(const CodeLayout& layout, std::vector<uint32_t> bits, const MihArrays& arrays,
            size_t memory_bytes);

  std::vector<uint32_t> bits_;
  std::vector<Substring> substrings_;
  MihArrays arrays_;
  size_t memory_bytes_ = 0;
  double rows_in_own_bucket_ = 0.0;
};

}  // namespace bitindex
