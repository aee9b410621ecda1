// Which rows can be near enough to a query, by their folded codes: the shortest folds first, and
// longer ones of those rows that are left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "scan/folded_codes.h"

namespace bitindex {

// To gather a row of so many bytes, and to count it, takes as long as to count so many bytes of
// rows next to each other.
constexpr size_t bytes_of_gathered(size_t width) noexcept { return 256 + 2 * width; }

class FoldFilter {
 public:
  // For a query of n_bytes. At most max_rows rows are looked at together.
  FoldFilter(const KernelTable& kernels, const FoldedRows& folded, const uint8_t* query,
             size_t n_bytes, size_t max_rows);

  // Whether folds have told too few rows apart of late, so that there is no asking.
  bool rests() const noexcept { return first_level_ == queries_.size(); }
  // A tile goes by that is not asked about.
  void pass() noexcept;
  // Of n rows from first_row on, the positions of those whose folds differ from that of the query
  // in at most `most` bits, in positions(); returns how many. All of them where it rests.
  size_t select(size_t first_row, size_t n, int32_t most);
  const uint32_t* positions() const noexcept { return positions_.data(); }
  // The codes of n_found rows were read, of n next to each other.
  void add_codes(size_t n_found, size_t n) noexcept {
    add_read(n_found == n ? n * n_bytes_ : n_found * bytes_of_gathered(n_bytes_));
  }

 private:
  // So much was read: in bytes next to each other that take as long.
  void add_read(size_t n_bytes) noexcept {
    folded_.n_bytes_read.fetch_add(n_bytes, std::memory_order_relaxed);
  }
  const Column& level(size_t i) const noexcept { return folded_.codes.levels()[i]; }
  // Whether level i has spared more than it cost, where n_found of n rows came through it.
  bool is_worthwhile(size_t i, size_t n, size_t n_found) const noexcept;
  // Begins with the next level for some tiles, and for twice as many the next time.
  void leave_out(size_t i) noexcept;
  size_t select_all(size_t i, size_t first_row, size_t n, uint32_t most);
  size_t narrow(size_t i, size_t first_row, size_t n_found, uint32_t most);

  const KernelTable& kernels_;
  const FoldedRows& folded_;
  size_t n_bytes_;                             // of codes
  std::vector<std::vector<uint8_t>> queries_;  // folded, by level
  size_t first_level_ = 0;                     // that is worth it
  size_t n_tiles_left_out_ = 0;                // before all levels are tried again
  size_t patience_ = 1;                        // so many tiles are left out the next time
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> positions_;
  std::vector<uint8_t> gathered_;
};

}  // namespace bitindex
