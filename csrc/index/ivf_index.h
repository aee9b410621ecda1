// Inverted file: rows stand in lists, each by the nearest of some centroids, and a query looks at
// the lists whose centroids are nearest to it.
#pragma once

#include <memory>

#include "index/centroids.h"
#include "index/list_choice.h"
#include "index/list_index.h"
#include "index/row_changes.h"

namespace bitindex {

// Fewer rows teach a centroid too little.
constexpr size_t kMinRowsOfList = 16;

struct IVFOptions {
  size_t n_lists = 0;   // 0: by the number of rows
  size_t n_probes = 0;  // 0: as many as reach the target on rows of the index
  double target_recall = 0.95;
  uint64_t seed = 0;
  // How large the weights of float queries are that are rows of scale 1, by bit; empty: all 1.
  std::vector<float> weight_sizes = {};
};

// How far queries look to reach the target; at 0 lists: not known yet. Floats are farther from
// their rows than codes.
struct LearnedReach {
  Reach codes;
  Reach floats;
};

// What a file keeps besides the rows, which stand in the order of the lists.
struct IVFStructure {
  std::vector<uint8_t> centroids;
  CentroidTerms terms;
  std::vector<int8_t> means;    // as CentroidMeans::weights, or none
  std::vector<uint32_t> sizes;  // of the lists
  std::vector<float> radii;     // distance of a list's farthest row from its centroid
  size_t n_near = 0;            // as Centroids has it
  size_t n_trained = 0;         // rows that the lists were made for
  LearnedReach learned;
  bool is_given = false;  // the centroids come from codes of the caller
};

class IVFIndex : public ListIndex {
 public:
  IVFIndex(const IndexLayout& layout, const IVFOptions& options);

  // Learns centroids from these codes, once and for all, and puts the rows into their lists.
  void train(const uint8_t* codes, size_t n, bool (*poll)());
  // Learns them from the rows of the index.
  void rebalance(bool (*poll)());
  size_t n_lists() const;
  size_t n_probes() const;

  // Of a compacted index.
  IVFStructure structure() const;
  // Throws std::invalid_argument where it does not fit the rows.
  void restore_structure(const IVFStructure& structure);

 protected:
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const override;
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override;
  void rows_written(const NewRows& rows, const RowsWritten& written, Cancel& cancel) override;
  void rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) override;
  size_t structure_bytes() const override;
  void check_structure(Cancel& cancel) const override;

 private:
  using ScoreMaker = std::function<std::unique_ptr<Score>(const RowStore&)>;

  bool has_lists() const noexcept { return groups_.n_groups() > 0; }
  ListChoice list_choice(const Scan& scan, const QueryBatch& queries) const;
  bool wants_lists() const noexcept;
  // How many lists n_rows rows should stand in.
  size_t lists_for(size_t n_rows) const;
  // How far a search looks.
  Reach reach_of(size_t effort, bool by_floats) const noexcept;
  std::vector<uint8_t> codes_of(const std::vector<uint32_t>& rows) const;
  void make_lists(Cancel& cancel);
  // Puts all rows into the lists of these centroids.
  void fill_lists(std::unique_ptr<Centroids> centroids, Cancel& cancel);
  CentroidTerms mean_terms(const RowOrder& order) const;
  // Puts rows that are not in a list yet into one, and replaced ones into another.
  void place(const std::vector<uint32_t>& replaced, Cancel& cancel);
  void place_again(const std::vector<uint32_t>& replaced, Cancel& cancel);
  // The lists of codes, whose radii grow to hold them.
  std::vector<uint32_t> lists_of(const uint8_t* codes, size_t n, Cancel& cancel);
  // Finds out how far queries look to reach the target recall, asked with rows of the index, where
  // enough of them have changed since the last time.
  void learn_reach(Cancel& cancel);
  std::vector<float> float_queries(const std::vector<uint32_t>& rows, uint64_t seed) const;
  Reach reach_for_target(const std::vector<uint32_t>& asked, const ScoreMaker& score,
                         bool by_distance, Cancel& cancel) const;

  IVFOptions options_;
  std::unique_ptr<Centroids> centroids_;  // one for each group; null where there are none
  std::vector<float> radii_;
  RowChanges since_lists_;
  bool is_given_ = false;  // the centroids come from codes of the caller
  LearnedReach learned_;
  RowChanges since_learned_;
};

}  // namespace bitindex
