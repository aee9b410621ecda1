// Inverted file for embeddings: a row is kept as the code of what is left of it without the
// centroid of its list. Callers keep the centroids: they say which list a row belongs to, and how
// similar each query is to each centroid. That is part of the similarity of every row of the list:
// <q, x> = <q, c> + <q, x - c>.
//
// Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", 2011, section
// IV.
#pragma once

#include "index/list_index.h"

namespace bitindex {

class ResidualIndex : public ListIndex {
 public:
  // Throws std::invalid_argument where there is no list.
  ResidualIndex(const IndexLayout& layout, size_t n_lists);

  size_t n_given_lists() const noexcept override { return n_lists_; }

  // For saving and loading, of a compacted index: how many rows each list has.
  std::vector<uint32_t> structure() const;
  // Throws std::invalid_argument where the sizes do not fit.
  void restore_structure(const std::vector<uint32_t>& sizes);

 protected:
  // Looks at as many lists as the effort of the queries says.
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const override;
  // Throws std::invalid_argument: codes alone have no distances here.
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override;
  // A row is found in its list or not at all, so that nothing may fail once rows are written.
  void make_room(const NewRows& rows, const RowsWritten& written) override;
  void rows_written(const NewRows& rows, const RowsWritten& written, Cancel& cancel) override;
  size_t structure_bytes() const override { return groups_.memory_bytes(); }

 private:
  size_t n_lists_;
};

}  // namespace bitindex
