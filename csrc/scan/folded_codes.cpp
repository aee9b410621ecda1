#include "scan/folded_codes.h"

#include <algorithm>
#include <cstring>

namespace bitindex {
namespace {

constexpr size_t kShort = 8, kLong = 32;
// A level of folds is worth its memory for codes of so many times its bytes.
constexpr size_t kLeastShare = 4;
constexpr size_t kRowsAtOnce = 4096;

}  // namespace

FoldedCodes::FoldedCodes(size_t n_bytes) : n_bytes_(n_bytes), folded_(kLong) {
  for (const size_t width : {kShort, kLong})
    if (n_bytes >= kLeastShare * width) levels_.emplace_back(width);
}

void FoldedCodes::fold(const uint8_t* code, size_t width, uint8_t* folded) const noexcept {
  std::memset(folded, 0, width);
  for (size_t first = 0; first < n_bytes_; first += width)
    for (size_t i = 0; i < std::min(width, n_bytes_ - first); ++i) folded[i] ^= code[first + i];
}

bool FoldedCodes::catch_up(const Column& codes, Cancel& cancel) {
  if (n_ready_.load(std::memory_order_acquire) == codes.n_rows()) return true;
  // Without waiting: a search can do without folds, and the thread may be missing from a fork.
  const std::unique_lock<std::mutex> lock(catching_up_, std::try_to_lock);
  if (!lock) return false;
  for (Column& level : levels_) level.reserve(codes.n_rows());
  size_t n_bytes = 0;
  for (const Column& level : levels_) n_bytes += level.memory_bytes();
  memory_bytes_.store(n_bytes, std::memory_order_relaxed);
  for (size_t row = n_folded(); row < codes.n_rows(); ++row) {
    if (row % kRowsAtOnce == 0) cancel.throw_if_stopped();
    for (Column& level : levels_) {
      fold(codes.row(row), level.width(), folded_.data());
      level.append(folded_.data(), 1);
    }
  }
  n_ready_.store(codes.n_rows(), std::memory_order_release);
  return true;
}

void FoldedCodes::set(size_t row, const uint8_t* code) noexcept {
  if (row >= n_folded()) return;
  for (Column& level : levels_) {
    fold(code, level.width(), folded_.data());
    level.set(row, folded_.data());
  }
}

void FoldedCodes::clear() noexcept {
  for (Column& level : levels_) level.truncate(0);
  n_ready_.store(0, std::memory_order_relaxed);
}

}  // namespace bitindex
