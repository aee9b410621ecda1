// Exact search: every row is looked at.
#pragma once

#include "index/index.h"

namespace bitindex {

class FlatIndex : public Index {
 public:
  using Index::Index;

 protected:
  CandidateLists find_nearest(const Scan& scan, const Score& score, size_t n_queries,
                              size_t k) const override {
    return scan_nearest(scan, score, n_queries, k);
  }
  CandidateLists find_within(const Scan& scan, const Score& score, size_t n_queries,
                             float radius) const override {
    return scan_within(scan, score, n_queries, radius);
  }
};

}  // namespace bitindex
