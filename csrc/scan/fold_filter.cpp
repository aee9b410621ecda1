#include "scan/fold_filter.h"

#include <algorithm>

namespace bitindex {
namespace {

constexpr size_t kGatheredRows = 32;
// To test a count takes as long as to count so many bytes.
constexpr size_t kBytesOfTest = 8;
// Folds of more bytes than that come from memory, at half the speed.
constexpr size_t kCachedBytes = size_t{16} << 20;

}  // namespace

FoldFilter::FoldFilter(const KernelTable& kernels, const FoldedRows& folded, const uint8_t* query,
                       size_t n_bytes, size_t max_rows)
    : kernels_(kernels),
      folded_(folded),
      n_bytes_(n_bytes),
      counts_(max_rows),
      positions_(max_rows + 16) {
  size_t width = 0;
  for (const Column& level : folded.codes.levels()) {
    width = level.width();
    queries_.emplace_back(width);
    folded.codes.fold(query, width, queries_.back().data());
  }
  gathered_.resize(kGatheredRows * width);
}

void FoldFilter::pass() noexcept {
  if (n_tiles_left_out_ > 0 && --n_tiles_left_out_ == 0) first_level_ = 0;
}

bool FoldFilter::is_worthwhile(size_t i, size_t n, size_t n_found) const noexcept {
  const size_t next = i + 1 < queries_.size() ? level(i + 1).width() : n_bytes_;
  return n_found * bytes_of_gathered(next) <= n * (next - level(i).width());
}

size_t FoldFilter::select(size_t first_row, size_t n, int32_t most) {
  pass();
  if (most < 0) return 0;
  const auto limit = static_cast<uint32_t>(most);
  size_t i = first_level_, n_found = n;
  while (i < queries_.size() && !FoldedCodes::tells_apart(level(i).width(), most)) ++i;
  for (; i < queries_.size(); leave_out(i++)) {
    n_found = select_all(i, first_row, n, limit);
    if (is_worthwhile(i, n, n_found)) break;
  }
  if (i == queries_.size()) return n;
  while (++i < queries_.size()) n_found = narrow(i, first_row, n_found, limit);
  return n_found;
}

void FoldFilter::leave_out(size_t i) noexcept {
  first_level_ = i + 1;
  n_tiles_left_out_ = patience_;
  patience_ *= 2;
}

size_t FoldFilter::select_all(size_t i, size_t first_row, size_t n, uint32_t most) {
  const size_t n_times = level(i).n_rows() * level(i).width() <= kCachedBytes ? 1 : 2;
  add_read(n * (level(i).width() * n_times + kBytesOfTest));
  kernels_.xor_count_rows(queries_[i].data(), level(i).row(first_row), n, level(i).width(),
                          counts_.data());
  return kernels_.select_at_most(counts_.data(), n, most, positions_.data());
}

size_t FoldFilter::narrow(size_t i, size_t first_row, size_t n_found, uint32_t most) {
  const size_t width = level(i).width();
  add_read(n_found * bytes_of_gathered(width));
  uint32_t passed[kGatheredRows + 16];
  size_t n_left = 0;
  for (size_t first = 0; first < n_found; first += kGatheredRows) {
    const size_t here = std::min(kGatheredRows, n_found - first);
    const uint32_t* const positions = positions_.data() + first;
    copy_rows(level(i).row(first_row), width, positions, here, gathered_.data());
    kernels_.xor_count_rows(queries_[i].data(), gathered_.data(), here, width, counts_.data());
    const size_t n_passed = kernels_.select_at_most(counts_.data(), here, most, passed);
    for (size_t j = 0; j < n_passed; ++j) positions_[n_left++] = positions[passed[j]];
  }
  return n_left;
}

}  // namespace bitindex
