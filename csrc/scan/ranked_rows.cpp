#include "scan/ranked_rows.h"

#include "codes/row_store.h"

namespace bitindex {

void RankedRows::take(const uint8_t* codes, size_t n) {
  words_.take(codes, n);
  n_near_ = 0;
  regions_.clear();
  rows_.clear();
  starts_.clear();
}

void RankedRows::take(const uint8_t* codes, const RowOrder& regions, const uint8_t* region_codes,
                      size_t n_near) {
  std::vector<uint8_t> ordered(regions.rows.size() * n_bytes_);
  copy_rows(codes, n_bytes_, regions.rows.data(), regions.rows.size(), ordered.data());
  words_.take(ordered.data(), regions.rows.size());
  regions_.take(region_codes, regions.starts.size() - 1);
  n_near_ = n_near;
  rows_ = regions.rows;
  starts_ = regions.starts;
}

size_t RankedRows::memory_bytes() const noexcept {
  return words_.memory_bytes() + regions_.memory_bytes() + rows_.capacity() * sizeof(uint32_t) +
         starts_.capacity() * sizeof(size_t);
}

}  // namespace bitindex
