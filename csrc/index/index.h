// The contract of every index kind.
//
// What all kinds share stands here: rows and ids, the lock, scores, filters, rescoring, the order
// and padding of results. A kind says which rows to look at, in find_nearest and find_within. What
// it keeps for that besides the rows follows them through rows_written and rows_moved.
//
// Thread safe: searches run together, a writer runs alone, and a search sees the state before or
// after a write. A call that throws has changed nothing, but for one that is stopped, or runs out
// of memory, while a kind does its part: then all rows are as if it had not thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codes/row_store.h"
#include "index/index_lock.h"
#include "scan/rescore.h"
#include "scan/row_filter.h"
#include "scan/scan.h"
#include "tables/metric.h"

namespace bitindex {

struct IndexLayout {
  size_t n_bits = 0;
  bool big_endian = true;  // bit 0 of a code is the highest bit of its first byte
  std::string metric = "hamming";
  // Numbers kept beside each code for estimated similarities (see tables/estimate.h).
  bool has_scales = false;
  bool has_offsets = false;
  VectorLayout vectors;

  CodeLayout codes() const noexcept { return {n_bits, big_endian}; }
  size_t n_bytes() const noexcept { return codes().n_bytes(); }
};

// The columns of an index; a column that the layout does not need has width 0.
enum IndexColumn : size_t { kCodes, kRowTerms, kScales, kOffsets, kVectors, kIndexColumns };

// Rows to store. Pointers to columns that the layout lacks are null.
struct NewRows {
  size_t n = 0;
  const int64_t* ids = nullptr;  // null: the next free integers (add only)
  const uint8_t* codes = nullptr;
  const float* scales = nullptr;
  const float* offsets = nullptr;
  const uint8_t* vectors = nullptr;
  const uint32_t* lists = nullptr;  // where callers choose the lists of rows (see ResidualIndex)
};

struct SearchOptions {
  IdFilter filter;
  size_t n_threads = 0;  // 0: the default
  size_t effort = 0;     // how far a kind that is not exact looks; 0: as far as it is set to
  bool (*poll)() = nullptr;
};

// What the rows of a list have in common: for each query and list a similarity that is part of the
// similarities of its rows. Lists are ranked by that times a factor of the list.
struct ListSimilarities {
  const float* values = nullptr;  // queries x lists
  const float* factors = nullptr;
  size_t n_lists = 0;
};

// The queries of one call, as scores against rows.
struct QueryBatch {
  size_t n;
  size_t effort;
  // Their score against the rows of this index, or of another store with the same columns. It keeps
  // pointers into both.
  std::function<std::unique_ptr<Score>(const RowStore&)> score;
  ListSimilarities lists = {};
};

// Where results go: n_queries rows of k entries. Short rows end in id -1 at infinite distance
// (INT32_MAX where distances are integers) or score -infinity.
struct ResultRows {
  int64_t* ids;
  int32_t* integers;  // one of the two is null
  float* fractions;
  int64_t* n_rescored;  // of each query, how many rows were scored by their vectors; or null
};

struct WithinResult {
  std::vector<int64_t> limits;  // results of query q: [limits[q], limits[q + 1])
  std::vector<int64_t> ids;
  std::vector<float> keys;
};

// A batch of queries for estimated similarities: floats or signs.
struct EstimateQueries {
  size_t n = 0;
  const float* weights = nullptr;  // n x n_bits
  const uint8_t* signs = nullptr;  // n x n_bytes, with n magnitudes
  const float* magnitudes = nullptr;
  const float* constants = nullptr;  // n numbers that are added to the similarities, or null
  ListSimilarities lists;            // where callers choose the lists of rows
};

class Index {
 public:
  // Throws std::invalid_argument where the layout is impossible.
  explicit Index(const IndexLayout& layout);
  virtual ~Index() = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  const IndexLayout& layout() const noexcept { return layout_; }
  const Metric& metric() const noexcept { return metric_; }
  const char* isa() const noexcept { return kernels_.name; }
  // How many lists callers put rows into; 0 where they do not.
  virtual size_t n_given_lists() const noexcept { return 0; }
  size_t size() const;
  size_t memory_bytes() const;
  // Of it, what the kind keeps besides the rows.
  size_t structure_memory_bytes() const;
  int64_t next_id() const;
  bool contains(int64_t id) const;
  // Tells of each id whether a row has it.
  void contains(const int64_t* ids, size_t n, bool* found) const;

  // `poll` is asked whether to stop what a kind does besides storing rows (see Cancel).
  void add(const NewRows& rows, bool (*poll)() = nullptr);
  void update(const NewRows& rows, bool (*poll)() = nullptr);
  // Adds or replaces rows, and removes those of the same ids from other indexes. That is several
  // writes: the caller keeps searches away that look at more than one of these indexes.
  void take(const NewRows& rows, const std::vector<Index*>& others, bool (*poll)() = nullptr);
  // Removes rows from this and other indexes, as `take` does; even where it is stopped.
  size_t remove(const int64_t* ids, size_t n, const std::vector<Index*>& others,
                bool (*poll)() = nullptr);
  // Drops removed rows; a kind may also put the others in order.
  virtual void compact(bool (*poll)());
  // Copies the codes of these ids. Throws UnknownId.
  void get(const int64_t* ids, size_t n, uint8_t* codes) const;
  std::vector<int64_t> ids() const;  // in row order

  void search(const uint8_t* queries, size_t n_queries, size_t k, const SearchOptions& options,
              const ResultRows& results) const;
  WithinResult range_search(const uint8_t* queries, size_t n_queries, float radius,
                            const SearchOptions& options) const;
  // The k most similar rows by estimate; with `rescoring`, the best n_candidates by estimate are
  // scored again from their stored vectors, or as many as each query needs.
  void search_estimates(const EstimateQueries& queries, size_t k,
                        std::optional<size_t> n_candidates, const VectorQueries* rescoring,
                        const SearchOptions& options, const ResultRows& results) const;

  // For saving: columns of a compacted index. Valid until the next write.
  const RowStore& store() const noexcept { return store_; }
  // For loading, into an empty index. `owner` keeps ids and columns alive.
  void restore(size_t n, const int64_t* ids, int64_t next_id,
               const std::vector<const uint8_t*>& columns,
               const std::shared_ptr<const void>& owner);
  // After loading: throws std::invalid_argument where what was restored contradicts itself. Takes a
  // pass over all rows. What is restored unchecked may give wrong answers, but does no harm.
  void check_content(bool (*poll)()) const;

 protected:
  // k is at most the number of allowed rows.
  virtual CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries,
                                      size_t k) const = 0;
  virtual CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                                     float radius) const = 0;

  // What a kind keeps besides the rows. These are called with the lock held for writing.
  //
  // Rows are about to be written. Where it throws, they are not.
  virtual void make_room(const NewRows&, const RowsWritten&) {}
  // Rows have changed. Where one of these throws, be it for lack of memory, the rows stay as they
  // are now, so the kind must still find them: by looking at rows that it has not taken in one by
  // one.
  virtual void rows_written(const NewRows&, const RowsWritten&, Cancel&) {}
  // These rows, which were removed, are about to go.
  virtual void rows_leaving(const std::vector<uint32_t>&, Cancel&) {}
  // Row i is what was row kept[i]; the others are gone.
  virtual void rows_moved(const std::vector<uint32_t>&, Cancel&) {}
  virtual size_t structure_bytes() const { return 0; }
  // The part of check_content about what a kind keeps. Rows are compacted, and nothing has changed
  // since they were restored.
  virtual void check_structure(Cancel&) const {}

  const KernelTable& kernels() const noexcept { return kernels_; }
  IndexLock& lock() const noexcept { return lock_; }
  void check_padding(const uint8_t* codes, size_t n, const char* what) const;
  // See RowStore::reorder; rows_moved is not called.
  void reorder_rows(const std::vector<uint32_t>& rows) { store_.reorder(rows); }

 private:
  QueryBatch metric_queries(const uint8_t* queries, size_t n_queries, size_t effort) const;
  std::vector<const void*> column_values(const NewRows& rows, std::vector<float>& row_terms) const;
  using PrepareWrite = RowsWritten (RowStore::*)(size_t n, const int64_t* ids);
  void write(const NewRows& rows, PrepareWrite prepare, bool (*poll)());
  void write_rows(const NewRows& rows, const RowsWritten& written,
                  const std::vector<const void*>& values);
  // Returns what `look` returns, called with the lock held for reading, where ids can be found.
  template <class Look>
  auto with_ids(Look look) const;
  template <class Find>
  auto with_scan(const SearchOptions& options, Find find) const;
  CandidateLists find_estimates(const Scan& scan, const EstimateQueries& queries, size_t effort,
                                size_t n) const;
  CandidateLists find_similar(const Scan& scan, const EstimateQueries& queries, size_t effort,
                              size_t k, std::optional<size_t> n_candidates,
                              const VectorQueries* rescoring,
                              std::vector<size_t>& n_rescored) const;
  static void prepare_remove(const std::vector<Index*>& indexes);
  size_t mark_removed(const int64_t* ids, size_t n);
  static void drop_if_sparse(const std::vector<Index*>& indexes, Cancel& cancel);
  // These two are called with the lock held for writing.
  void drop_if_sparse(Cancel& cancel);
  void drop_removed_rows(Cancel& cancel);
  void write_results(const CandidateLists& lists, size_t k, bool similarities,
                     const ResultRows& results) const;

  IndexLayout layout_;
  const Metric& metric_;
  const KernelTable& kernels_;
  RowStore store_;
  mutable IndexLock lock_;
};

}  // namespace bitindex
