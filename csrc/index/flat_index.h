// Exact search: every row is looked at.
#pragma once

#include "index/index.h"

namespace bitindex {

class FlatIndex : public Index {
 public:
  using Index::Index;

 protected:
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries,
                              size_t k) const override {
    return scan_nearest(scan, *queries.score(scan.store), queries.n, k);
  }
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override {
    return scan_within(scan, *queries.score(scan.store), queries.n, radius);
  }
};

}  // namespace bitindex
