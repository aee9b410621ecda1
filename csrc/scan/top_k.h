// The k nearest rows seen so far, in a bounded buffer: candidates are appended, and when the buffer
// is full the k best are selected and the limit for further candidates drops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "codes/id_map.h"
#include "scan/shared_limit.h"

namespace bitindex {

struct Candidate {
  float key;
  uint32_t row;
};

// Nearer first; ties to the smaller id.
class NearerFirst {
 public:
  explicit NearerFirst(const IdMap& ids) : ids_(ids), by_row_(ids.ascending()) {}

  bool by_row() const noexcept { return by_row_; }
  bool operator()(const Candidate& a, const Candidate& b) const noexcept {
    if (a.key != b.key) return a.key < b.key;
    return by_row_ ? a.row < b.row : ids_.id(a.row) < ids_.id(b.row);
  }

 private:
  const IdMap& ids_;
  bool by_row_;
};

class TopK {
 public:
  // For a range of the rows that `shared` is about.
  TopK(size_t k, const NearerFirst& nearer_first, SharedLimit& shared, size_t range)
      : k_(k),
        capacity_(std::max(2 * k, kMinCapacity)),
        nearer_first_(nearer_first),
        shared_(&shared),
        range_(static_cast<uint32_t>(range)) {}

  // No row with a larger key can be among the k nearest. Rows must come in ascending order: where
  // ids ascend with them, a later row with the key of the k-th nearest is too late.
  float limit() noexcept {
    limit_ = std::min(limit_, shared_->limit(range_, nearer_first_.by_row()));
    return limit_;
  }

  void push(float key, uint32_t row) {
    if (!(key <= limit_)) return;
    candidates_.push_back({key, row});
    if (candidates_.size() >= capacity_) select();
  }

  // The k nearest, in no order; the collector is then empty.
  std::vector<Candidate> take() {
    if (candidates_.size() > k_) select();
    return std::move(candidates_);
  }

 private:
  // A larger buffer would select less often, but leave the limit loose for longer, and every row
  // within the limit costs more than its share of a selection.
  static constexpr size_t kMinCapacity = 16;

  void select() {
    if (k_ == 0) return candidates_.clear();
    const auto kth = candidates_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(candidates_.begin(), kth, candidates_.end(), nearer_first_);
    const float infinity = std::numeric_limits<float>::infinity();
    limit_ = nearer_first_.by_row() ? std::nextafter(kth->key, -infinity) : kth->key;
    shared_->publish(kth->key, range_);
    candidates_.resize(k_);
  }

  size_t k_;
  size_t capacity_;
  NearerFirst nearer_first_;
  SharedLimit* shared_;
  uint32_t range_;
  float limit_ = std::numeric_limits<float>::infinity();
  std::vector<Candidate> candidates_;
};

}  // namespace bitindex
