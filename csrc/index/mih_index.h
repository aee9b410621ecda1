// Exact search by Hamming distance through tables of substrings (multi-index hashing), where that
// is cheaper than a scan.
#pragma once

#include <vector>

#include "index/index.h"
#include "index/mih_tables.h"

namespace bitindex {

struct MihOptions {
  size_t n_substrings = 0;  // 0: as many as suit the number of rows
  bool fall_back = true;    // scan for queries that are cheaper to scan for
};

class MihIndex : public Index {
 public:
  // Throws std::invalid_argument for other metrics than Hamming.
  MihIndex(const IndexLayout& layout, const MihOptions& options);

  // For saving and loading, as the columns: valid until the next write.
  const MihTables& tables() const noexcept { return tables_; }
  const std::vector<uint32_t>& replaced() const noexcept { return replaced_; }
  // Throws std::invalid_argument where the arrays do not fit the rows. `replaced` ascends.
  void restore_tables(const MihArrays& arrays, std::vector<uint32_t> replaced);

 protected:
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const override;
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override;
  void rows_written(const RowsWritten& rows, Cancel& cancel) override;
  void rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) override;
  size_t structure_bytes() const override;

 private:
  // Calls use(score, n_queries) to scan for some of the queries.
  template <class UseScan>
  CandidateLists find(const Scan& scan, const QueryBatch& queries, size_t k, float radius,
                      UseScan use_scan) const;

  MihOptions options_;
  MihTables tables_;                // of the first rows
  std::vector<uint32_t> replaced_;  // rows that the tables hold with old values, ascending
};

}  // namespace bitindex
