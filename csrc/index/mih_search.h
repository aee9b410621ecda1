// Multi-index hashing for a few queries together, so that their reads of far memory overlap.
//
// A row within distance r = a s + b of a query (s substrings, b < s) differs from it by at most a
// bits in one of the first b + 1 substrings, or by fewer than a in one of the others. So one round
// after the other looks up what differs by exactly a bits in substring b; after it, the rows that
// no bucket has held are farther away than r.
// Source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", 2012.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/mih_cost.h"
#include "index/mih_tables.h"
#include "scan/scan.h"

namespace bitindex {

// The rows found for one query: the k nearest within a radius.
class FoundRows {
 public:
  FoundRows(size_t k, uint32_t radius, const NearerFirst& nearer_first);

  // No row beyond this distance is wanted.
  uint32_t limit() const noexcept { return limit_; }
  // Each row at most once.
  void push(uint32_t distance, uint32_t row) {
    if (distance > limit_) return;
    rows_.emplace_back(static_cast<float>(distance), row);
    is_tight_ = false;
    if (rows_.size() >= 2 * k_ + kRoom) tighten();
  }
  size_t size() const noexcept { return rows_.size(); }
  // Whether the row is among them. One that others have pushed out is not, and would be again.
  bool holds(uint32_t row) const noexcept;
  // Lowers the limit to the distance of the k-th nearest row.
  void tighten();
  std::vector<Candidate> take();

 private:
  static constexpr size_t kRoom = 16;

  size_t k_;
  uint32_t limit_;
  bool is_tight_ = true;
  NearerFirst nearer_first_;
  std::vector<Candidate> rows_;
};

struct MihQuery {
  const uint8_t* code;
  FoundRows found;
  ProbeBudget budget;
  enum State { kProbing, kDone, kTooDear } state = kProbing;
};

// What all queries of a call share.
struct MihContext {
  const Scan& scan;
  const MihTables& tables;
  const ProbeCounts& counts;
  // Rows that the tables hold with old values, ascending; like the rows behind those of the tables
  // they are looked at one by one.
  const std::vector<uint32_t>& replaced;
};

class MihSearch {
 public:
  MihSearch(const MihContext& context, std::vector<MihQuery>& queries);

  // Afterwards each query is done, or was too dear.
  void run();

 private:
  struct Probe {
    uint32_t query;
    uint32_t substring;
    uint32_t value;
  };
  struct Hit {
    uint32_t query;
    uint32_t substring;
    uint32_t row;
  };

  // Looks up what differs by n_flips bits in the given substrings, for queries that need it; then
  // all rows up to distance `complete` were found.
  void run_round(size_t first_substring, size_t last_substring, size_t complete);
  void probe(uint32_t query, uint32_t substring);
  void flush_probes();
  void flush_hits();
  void look_at_untabled_rows(MihQuery& query);
  void look_at_rows(MihQuery& query, const uint32_t* rows, size_t n);
  // Copies the codes of some rows together and counts the bits that differ.
  void count_bits(const uint8_t* query, size_t n);
  // Whether a round before has found a row of a bucket.
  bool was_found_before(const Hit& hit) const;
  bool allows(uint32_t row) const {
    return context_.scan.filter.allows_all() || context_.scan.filter.allows(row);
  }

  const MihContext& context_;
  const Column& codes_;
  std::vector<MihQuery>& queries_;
  std::vector<uint32_t> values_;  // of each query: its substrings
  size_t n_bytes_of_values_;      // that are read of a code to find those of a row
  uint32_t n_flips_ = 0;
  std::vector<Probe> probes_;
  std::vector<Hit> hits_;
  std::vector<uint8_t> gathered_;
  std::vector<uint32_t> counts_;
};

}  // namespace bitindex
