// The k nearest rows seen so far, in a bounded buffer: candidates are appended, and when the buffer
// is full the k best are selected and the limit for further candidates drops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "codes/id_map.h"
#include "scan/candidate.h"
#include "scan/shared_limit.h"

namespace bitindex {

// Nearer first; ties to the smaller id.
class NearerFirst {
 public:
  explicit NearerFirst(const IdMap& ids) : ids_(ids), by_row_(ids.ascending()) {}

  bool by_row() const noexcept { return by_row_; }

  // Asks for what tells this row from others with the same key, before it is selected or sorted.
  void expect(uint32_t row) const noexcept {
    if (!by_row_) ids_.prefetch(row);
  }

  // Drops all but the k nearest, of at least k >= 1, and returns the key of the k-th. Some that tie
  // with it may stay: ids, which tell them apart, are far away in memory, and most of them will be
  // dropped for their keys.
  float cut(std::vector<Candidate>& candidates, size_t k) const {
    const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(candidates.begin(), kth, candidates.end());
    const Candidate last = *kth;
    auto end = kth + 1;
    if (!by_row_) {
      end = std::partition(end, candidates.end(),
                           [&](const Candidate& c) { return c.same_key(last); });
      const auto n_kept = static_cast<size_t>(end - candidates.begin());
      if (n_kept > k + k / 2) {
        select(candidates, k);
        end = candidates.begin() + static_cast<std::ptrdiff_t>(k);
      }
    }
    candidates.erase(end, candidates.end());
    return last.key();
  }

  // Puts the k nearest first, in no order, where there are more.
  void select(std::vector<Candidate>& candidates, size_t k) const {
    if (candidates.size() <= k) return;
    const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k);
    if (by_row_)
      std::nth_element(candidates.begin(), kth, candidates.end());
    else
      std::nth_element(candidates.begin(), kth, candidates.end(), ById{ids_});
  }
  void sort(std::vector<Candidate>& candidates) const {
    if (by_row_)
      std::sort(candidates.begin(), candidates.end());
    else
      std::sort(candidates.begin(), candidates.end(), ById{ids_});
  }

 private:
  struct ById {
    const IdMap& ids;
    bool operator()(const Candidate& a, const Candidate& b) const noexcept {
      return a.same_key(b) ? ids.id(a.row()) < ids.id(b.row()) : a < b;
    }
  };

  const IdMap& ids_;
  bool by_row_;
};

class TopK {
 public:
  // For a range of the rows that `shared` is about. `ascending`: rows come in ascending order.
  TopK(size_t k, const NearerFirst& nearer_first, SharedLimit& shared, size_t range,
       bool ascending = true)
      : k_(k),
        capacity_(std::max(2 * k, kMinCapacity)),
        nearer_first_(nearer_first),
        ties_by_row_(ascending && nearer_first.by_row()),
        shared_(&shared),
        range_(static_cast<uint32_t>(range)) {
    candidates_.reserve(std::min(capacity_, kMaxReserved));
  }

  // How many rows set a limit for others; a fixed limit, or one that is known, needs none.
  size_t wanted() const noexcept { return std::isfinite(limit_) ? 0 : k_; }
  // So many rows of the range have keys of at most `key`.
  void narrow(float key) noexcept {
    limit_ = std::min(limit_, key);
    shared_->publish(key, range_);
  }
  // No row with a larger key can be among the k nearest. Where rows come in ascending order and ids
  // ascend with them, a later row with the key of the k-th nearest is too late.
  float limit() noexcept {
    limit_ = std::min(limit_, shared_->limit(range_, ties_by_row_));
    return limit_;
  }

  void push(float key, uint32_t row) {
    if (!(key <= limit_)) return;
    candidates_.emplace_back(key, row);
    if (candidates_.size() >= capacity_) select();
  }

  // The k nearest and perhaps others, in no order; the collector is then empty.
  std::vector<Candidate> take() { return std::move(candidates_); }

 private:
  // A larger buffer would select less often, but leave the limit loose for longer, and every row
  // within the limit costs more than its share of a selection.
  static constexpr size_t kMinCapacity = 16;
  static constexpr size_t kMaxReserved = 4096;

  void select() {
    if (k_ == 0) return candidates_.clear();
    const float key = nearer_first_.cut(candidates_, k_);
    const float infinity = std::numeric_limits<float>::infinity();
    limit_ = ties_by_row_ ? std::nextafter(key, -infinity) : key;
    shared_->publish(key, range_);
  }

  size_t k_;
  size_t capacity_;
  NearerFirst nearer_first_;
  bool ties_by_row_;
  SharedLimit* shared_;
  uint32_t range_;
  float limit_ = std::numeric_limits<float>::infinity();
  std::vector<Candidate> candidates_;
};

}  // namespace bitindex
