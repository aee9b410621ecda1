#include "scan/folded_codes.h"

#include <cstring>

#include "kernels/remainders.h"

namespace bitindex {
namespace {

constexpr size_t kShort = 8, kLong = 32;
// A level of folds is worth its memory for codes of so many times its bytes.
constexpr size_t kLeastShare = 4;
constexpr size_t kRowsAtOnce = 4096;

// Pieces of kWidth bytes, the last of which may be short.
template <size_t kWidth>
void fold_to(const uint8_t* code, size_t n_bytes, uint8_t* folded) noexcept {
  constexpr size_t kWords = kWidth / 8;
  uint64_t words[kWords] = {};
  const size_t n_whole = n_bytes / 8;
  for (size_t i = 0; i < n_whole; ++i) words[i % kWords] ^= load64(code + 8 * i);
  if (n_bytes % 8 != 0) words[n_whole % kWords] ^= load_tail(code, n_bytes);
  std::memcpy(folded, words, kWidth);
}

}  // namespace

FoldedCodes::FoldedCodes(size_t n_bytes) : n_bytes_(n_bytes), folded_(kLong) {
  for (const size_t width : {kShort, kLong})
    if (n_bytes >= kLeastShare * width) levels_.emplace_back(width);
}

void FoldedCodes::fold(const uint8_t* code, size_t width, uint8_t* folded) const noexcept {
  (width == kShort ? fold_to<kShort> : fold_to<kLong>)(code, n_bytes_, folded);
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
