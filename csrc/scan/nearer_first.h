// The order of results: nearer first, ties to the smaller id.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/id_map.h"
#include "scan/candidate.h"

namespace bitindex {

class NearerFirst {
 public:
  explicit NearerFirst(const IdMap& ids) : ids_(ids), by_row_(ids.ascending()) {}

  int64_t id(uint32_t row) const noexcept { return ids_.id(row); }
  bool by_row() const noexcept { return by_row_; }

  // Asks for what tells this row from others with the same key, before it is selected or sorted.
  void expect(uint32_t row) const noexcept {
    if (!by_row_) ids_.prefetch(row);
  }

  // Drops all but the k nearest, of at least k >= 1, and returns the key of the k-th. Some that tie
  // with it may stay: ids, which tell them apart, are far away in memory, and most of them will be
  // dropped for their keys.
  float cut(std::vector<Candidate>& candidates, size_t k) const;
  // Puts the k nearest first, in no order, where there are more.
  void select(std::vector<Candidate>& candidates, size_t k) const;
  // Of few, ids are asked for last, and those of ties only, because they are far apart in memory.
  void sort(std::vector<Candidate>& candidates) const;
  // The largest id of those that have this key.
  int64_t last_id(const std::vector<Candidate>& candidates, float key) const noexcept;
  // Both are sorted; `into` takes all.
  void merge(std::vector<Candidate>& into, const std::vector<Candidate>& more) const;

 private:
  using Place = std::vector<Candidate>::iterator;

  // Puts k first than which none is nearer, the farthest of them last, and those behind them that
  // tie with that, unless rows tell; returns where others begin.
  Place part(std::vector<Candidate>& candidates, size_t k) const;
  // Of those that part() has found to tie with the k-th, up to `end`, puts the smallest ids first.
  void select_ties(std::vector<Candidate>& candidates, size_t k, Place end) const;
  // Most of many tie with others. Ids are asked for in the order of rows, as they were found.
  void sort_many(std::vector<Candidate>& candidates) const;

  const IdMap& ids_;
  bool by_row_;
};

}  // namespace bitindex
