#include "index/mih_tables.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "codes/aligned.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kRowsBetweenPolls = size_t{1} << 16;
constexpr size_t kRowsAtOnce = size_t{1} << 14, kValuesAtOnce = size_t{1} << 14;
constexpr uint32_t kGone = std::numeric_limits<uint32_t>::max();

// Room for the offsets and rows of tables.
struct NewTables {
  NewTables(const SubstringShape& shape, size_t n_rows)
      : n_offsets(MihTables::n_offsets(shape)),
        n_bytes(shape.n_substrings * (n_offsets + n_rows) * sizeof(uint32_t)),
        memory(make_aligned(n_bytes)),
        offsets(reinterpret_cast<uint32_t*>(memory.get())),
        rows(offsets + shape.n_substrings * n_offsets) {}

  size_t n_offsets;
  size_t n_bytes;
  std::shared_ptr<uint8_t> memory;
  uint32_t* offsets;
  uint32_t* rows;
};

// Counting sort of the rows by the value of a substring.
void sort_rows(const Substring& substring, const Column& codes, size_t n_offsets, uint32_t* offsets,
               uint32_t* rows, Cancel& cancel) {
  const size_t n_rows = codes.n_rows();
  std::vector<uint32_t> values(n_rows);
  std::fill_n(offsets, n_offsets, 0u);
  for (size_t row = 0; row < n_rows; ++row) {
    if (row % kRowsBetweenPolls == 0) cancel.throw_if_stopped();
    values[row] = substring.value(codes.row(row));
    ++offsets[values[row]];
  }
  uint32_t end = 0;
  for (size_t value = 0; value < n_offsets; ++value) offsets[value] = end += offsets[value];
  // Backwards, so that rows ascend within a bucket, and each end becomes a beginning.
  for (size_t row = n_rows; row-- > 0;) {
    if (row % kRowsBetweenPolls == 0) cancel.throw_if_stopped();
    rows[--offsets[values[row]]] = static_cast<uint32_t>(row);
  }
}

void check_table(const uint32_t* offsets, size_t n_offsets, const uint32_t* rows, size_t n_rows) {
  const bool whole = offsets[0] == 0 && offsets[n_offsets - 1] == n_rows;
  if (!whole || !std::is_sorted(offsets, offsets + n_offsets))
    throw std::invalid_argument("the offsets of a table must ascend from 0 to its number of rows");
  std::vector<bool> seen(n_rows);
  for (size_t i = 0; i < n_rows; ++i) {
    if (rows[i] >= n_rows || seen[rows[i]])
      throw std::invalid_argument("a table must hold each row once");
    seen[rows[i]] = true;
  }
}

double rows_in_own_bucket(const uint32_t* offsets, size_t n_offsets) {
  double squares = 0.0;
  for (size_t value = 0; value + 1 < n_offsets; ++value) {
    const double size = offsets[value + 1] - offsets[value];
    squares += size * size;
  }
  return squares;
}

}  // namespace

MihTables::MihTables(const CodeLayout& layout, std::vector<uint32_t> bits, const MihArrays& arrays,
                     size_t memory_bytes)
    : bits_(std::move(bits)), arrays_(arrays), memory_bytes_(memory_bytes) {
  arrays_.bits = bits_.data();
  const SubstringShape& shape = arrays.shape;
  double squares = 0.0;
  for (size_t j = 0; j < shape.n_substrings; ++j) {
    substrings_.emplace_back(layout, bits_.data() + j * shape.n_bits, shape.n_bits);
    squares += bitindex::rows_in_own_bucket(offset(j, 0), n_offsets(shape));
  }
  rows_in_own_bucket_ = squares / static_cast<double>(shape.n_substrings * arrays.n_rows);
  memory_bytes_ += bits_.capacity() * sizeof(uint32_t);
}

size_t MihTables::n_bytes_read() const noexcept {
  size_t n = 0;
  for (const Substring& substring : substrings_) n += substring.n_bytes_read();
  return n;
}

MihTables MihTables::build(const KernelTable& kernels, const CodeLayout& layout,
                           const Column& codes, const SubstringShape& shape, Cancel& cancel) {
  std::vector<uint32_t> bits = choose_substring_bits(kernels, layout, codes, shape);
  const NewTables tables(shape, codes.n_rows());
  run_tasks(shape.n_substrings, default_threads(), cancel, [&](size_t j) {
    const Substring substring(layout, bits.data() + j * shape.n_bits, shape.n_bits);
    sort_rows(substring, codes, tables.n_offsets, tables.offsets + j * tables.n_offsets,
              tables.rows + j * codes.n_rows(), cancel);
  });
  return {layout,
          std::move(bits),
          {shape, codes.n_rows(), nullptr, tables.offsets, tables.rows, tables.memory},
          tables.n_bytes};
}

MihTables MihTables::restore(const CodeLayout& layout, const MihArrays& arrays) {
  const SubstringShape& shape = arrays.shape;
  std::vector<uint32_t> bits(arrays.bits, arrays.bits + shape.n_substrings * shape.n_bits);
  std::vector<bool> taken(layout.n_bits);
  for (const uint32_t bit : bits) {
    if (bit >= layout.n_bits || taken[bit])
      throw std::invalid_argument("the bits of substrings must be distinct bits of a code");
    taken[bit] = true;
  }
  for (size_t j = 0; j < shape.n_substrings; ++j)
    check_table(arrays.offsets + j * n_offsets(shape), n_offsets(shape),
                arrays.rows + j * arrays.n_rows, arrays.n_rows);
  return {layout, std::move(bits), arrays, 0};
}

void MihTables::check_values(const Column& codes, const std::vector<bool>& left_out,
                             Cancel& cancel) const {
  // One for all threads: the memory of a file must be enough for loading it, too.
  std::vector<uint32_t> values(n_rows());
  for (size_t j = 0; j < n_substrings(); ++j) {
    for_each_block(n_offsets(arrays_.shape) - 1, kValuesAtOnce, cancel,
                   [&](size_t first, size_t n) {
                     for (size_t value = first; value < first + n; ++value) {
                       const Bucket rows = bucket(j, static_cast<uint32_t>(value));
                       for (const uint32_t* row = rows.begin; row != rows.end; ++row)
                         values[*row] = static_cast<uint32_t>(value);
                     }
                   });
    // By row and not by bucket, so that codes are read in the order in which they lie in memory.
    for_each_block(n_rows(), kRowsAtOnce, cancel, [&](size_t first, size_t n) {
      for (size_t row = first; row < first + n; ++row)
        if (substring(j).value(codes.row(row)) != values[row] && !left_out[row])
          throw std::invalid_argument("the tables must hold row " + std::to_string(row) +
                                      " by its code");
    });
  }
}

MihTables MihTables::without_gaps(const CodeLayout& layout,
                                  const std::vector<uint32_t>& kept) const {
  std::vector<uint32_t> new_row(n_rows(), kGone);
  size_t n_kept = 0;
  for (; n_kept < kept.size() && kept[n_kept] < n_rows(); ++n_kept)
    new_row[kept[n_kept]] = static_cast<uint32_t>(n_kept);
  if (n_kept == 0) return {};

  const NewTables tables(arrays_.shape, n_kept);
  for (size_t j = 0; j < n_substrings(); ++j) {
    uint32_t* const offsets = tables.offsets + j * tables.n_offsets;
    uint32_t* const rows = tables.rows + j * n_kept;
    uint32_t end = 0;
    for (size_t value = 0; value + 1 < tables.n_offsets; ++value) {
      offsets[value] = end;
      const Bucket old = bucket(j, static_cast<uint32_t>(value));
      for (const uint32_t* row = old.begin; row != old.end; ++row)
        if (new_row[*row] != kGone) rows[end++] = new_row[*row];
    }
    offsets[tables.n_offsets - 1] = end;
  }
  return {layout,
          bits_,
          {arrays_.shape, n_kept, nullptr, tables.offsets, tables.rows, tables.memory},
          tables.n_bytes};
}

}  // namespace bitindex
