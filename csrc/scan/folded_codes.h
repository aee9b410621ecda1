// Codes folded to a few bytes, by which a scan passes over most rows without reading them.
//
// A code is cut into pieces, which are added bit by bit modulo 2. Where two codes differ in d bits,
// their folds differ in at most d, because bits that differ may meet and cancel but never split. So
// a row whose fold differs in too many bits is too far away, and no row that is near is missed.
//
// Source: Baldi, Hirschberg, Nasr, "Speeding up chemical database searches using a proximity filter
// based on the logical exclusive OR", J. Chem. Inf. Model. 48 (2008).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "codes/column.h"
#include "scan/cancel.h"

namespace bitindex {

class FoldedCodes {
 public:
  // For codes of n_bytes bytes: folds of 8 bytes, and of 32 behind them where codes are long; none
  // where codes are short themselves.
  explicit FoldedCodes(size_t n_bytes);

  // Whether a fold of `width` bytes tells a row that differs in up to `most` bits from others:
  // folds that have nothing in common differ in half of their bits.
  static bool tells_apart(size_t width, int32_t most) noexcept {
    return most < 4 * static_cast<int32_t>(width);
  }
  // The folds of all rows, the shortest first.
  const std::vector<Column>& levels() const noexcept { return levels_; }
  // Writes the fold of a code, of `width` bytes.
  void fold(const uint8_t* code, size_t width, uint8_t* folded) const noexcept;

  // Folds the rows that are missing. Returns false where another thread is doing so: then nothing
  // else may be asked. Rows must not change meanwhile. Throws Cancelled and std::bad_alloc, and
  // goes on from there the next time.
  bool catch_up(const Column& codes, Cancel& cancel);

  // Nothing may be asked while these run.
  void set(size_t row, const uint8_t* code) noexcept;
  // All rows are missing again.
  void clear() noexcept;

  size_t memory_bytes() const noexcept { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  size_t n_folded() const noexcept { return levels_.empty() ? 0 : levels_.front().n_rows(); }

  size_t n_bytes_;
  std::vector<Column> levels_;
  std::vector<uint8_t> folded_;  // room for one
  std::mutex catching_up_;
  std::atomic<size_t> n_ready_{0};  // rows that other threads may look at
  std::atomic<size_t> memory_bytes_{0};
};

// The folds of all rows of a scan for one query.
struct FoldedRows {
  const FoldedCodes& codes;
  std::atomic<size_t>& n_bytes_read;  // what folds did not spare: see FoldFilter::add_codes
};

}  // namespace bitindex
