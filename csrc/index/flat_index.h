// Exact search: every row is looked at, or every row whose popcount can be near enough.
#pragma once

#include <optional>

#include "codes/row_groups.h"
#include "index/index.h"
#include "index/patience.h"

namespace bitindex {

class FlatIndex : public Index {
 public:
  // Rows stand in the order of their popcounts where by_popcount is true. Throws
  // std::invalid_argument where the metric does not depend on popcounts.
  FlatIndex(const IndexLayout& layout, bool by_popcount);

  void compact(bool (*poll)()) override;
  // After loading: takes the rows of a file for ordered as far as they are.
  void find_order();

 protected:
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const override;
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override;
  void rows_written(const NewRows&, const RowsWritten& written, Cancel& cancel) override;
  void rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) override;
  size_t structure_bytes() const override;

 private:
  // The folds of all rows, or null.
  const FoldedCodes* folds(Cancel& cancel) const;
  template <class UsePopcounts, class UseAll>
  CandidateLists find(const Scan& scan, const QueryBatch& queries, Patience& patience,
                      UsePopcounts use_popcounts, UseAll use_all) const;
  // Of the order by popcount.
  uint32_t group_of(size_t row) const;
  void place(const std::vector<uint32_t>& replaced);
  void put_in_order_if_loose();
  // Whether an order by popcount is worth it.
  bool sizes_differ() const;
  void put_in_order();
  // Whether they do within each popcount.
  bool ids_ascend() const;

  bool by_popcount_;
  std::optional<RowGroups> groups_;  // for RowsBySize; none while no order is known
  size_t n_equal_ = 0;               // so many rows had nearly equal popcounts, or 0
  bool ids_ascend_ = false;          // see ids_ascend(); ordered rows keep their order
  mutable FoldedCodes folds_;        // which searches make
  mutable PatienceOfSearches patience_;
};

}  // namespace bitindex
