// The k nearest rows seen so far, in a bounded buffer: candidates are appended, and when the buffer
// is full the k best are selected and the limit for further candidates drops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "scan/nearer_first.h"
#include "scan/shared_limit.h"

namespace bitindex {

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
  // ascend with them, a later row with the key of the k-th nearest is too late, and so is one of
  // rows that have ids from first_id on where k others come before these.
  float limit(int64_t first_id = kAnyId) noexcept {
    limit_ = std::min(limit_, shared_->limit(range_, ties_by_row_));
    if (first_id == kAnyId || ties_by_row_ || limit_ != cut_at_) return limit_;
    return first_id > last_id() ? before(limit_) : limit_;
  }

  // Whether many rows came too late for their ids alone.
  bool meets_many_ties() const noexcept { return n_too_late_ > k_ + kMinCapacity; }

  void push(float key, uint32_t row) {
    if (!(key <= limit_)) return;
    if (key == cut_at_ && ++n_ties_ > kFewTies + k_ / 4 && nearer_first_.id(row) > last_id()) {
      ++n_too_late_;
      return;
    }
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
  // So few are sooner selected than their ids are read.
  static constexpr size_t kFewTies = 16;

  int64_t last_id() noexcept {
    if (last_id_ == kAnyId) last_id_ = nearer_first_.last_id(candidates_, cut_at_);
    return last_id_;
  }
  static float before(float key) noexcept {
    return std::nextafter(key, -std::numeric_limits<float>::infinity());
  }

  void select() {
    if (k_ == 0) return candidates_.clear();
    const float key = nearer_first_.cut(candidates_, k_);
    limit_ = ties_by_row_ ? before(key) : key;
    cut_at_ = key;
    last_id_ = kAnyId;
    n_ties_ = 0;
    shared_->publish(key, range_);
  }

  size_t k_;
  size_t capacity_;
  NearerFirst nearer_first_;
  bool ties_by_row_;
  SharedLimit* shared_;
  uint32_t range_;
  float limit_ = std::numeric_limits<float>::infinity();
  // The key of the k-th nearest when candidates were selected, if ever, and the largest id with it,
  // or kAnyId where nobody has asked.
  float cut_at_ = std::numeric_limits<float>::quiet_NaN();
  int64_t last_id_ = kAnyId;
  size_t n_ties_ = 0;      // rows with that key since then
  size_t n_too_late_ = 0;  // rows left out for their ids
  std::vector<Candidate> candidates_;
};

}  // namespace bitindex
