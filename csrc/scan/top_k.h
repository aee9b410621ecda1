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

  int64_t id(uint32_t row) const noexcept { return ids_.id(row); }
  bool by_row() const noexcept { return by_row_; }

  // Asks for what tells this row from others with the same key, before it is selected or sorted.
  void expect(uint32_t row) const noexcept {
    if (!by_row_) ids_.prefetch(row);
  }

  // Drops all but the k nearest, of at least k >= 1, and returns the key of the k-th. Some that tie
  // with it may stay: ids, which tell them apart, are far away in memory, and most of them will be
  // dropped for their keys.
  float cut(std::vector<Candidate>& candidates, size_t k) const {
    auto end = part(candidates, k);
    const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
    const float key = kth->key();
    if (static_cast<size_t>(end - candidates.begin()) > k + k / 2) {
      select_ties(candidates, k, end);
      end = kth + 1;
    }
    candidates.erase(end, candidates.end());
    return key;
  }

  // Puts the k nearest first, in no order, where there are more.
  void select(std::vector<Candidate>& candidates, size_t k) const {
    if (candidates.size() > k && k > 0) select_ties(candidates, k, part(candidates, k));
  }
  // Of few, ids are asked for last, and those of ties only, because they are far apart in memory.
  void sort(std::vector<Candidate>& candidates) const {
    if (!by_row_ && candidates.size() >= kManyToSort) return sort_many(candidates);
    std::sort(candidates.begin(), candidates.end());
    if (by_row_) return;
    for (auto first = candidates.begin(); first != candidates.end();) {
      const auto last = std::find_if(first + 1, candidates.end(),
                                     [&](const Candidate& c) { return !c.same_key(*first); });
      if (!std::is_sorted(first, last, ById{ids_})) std::sort(first, last, ById{ids_});
      first = last;
    }
  }
  // The largest id of those that have this key.
  int64_t last_id(const std::vector<Candidate>& candidates, float key) const noexcept {
    const Candidate last(key, 0);
    int64_t id = kAnyId;
    for (const Candidate& candidate : candidates)
      if (candidate.same_key(last)) id = std::max(id, ids_.id(candidate.row()));
    return id;
  }
  // Both are sorted; `into` takes all.
  void merge(std::vector<Candidate>& into, const std::vector<Candidate>& more) const {
    const auto middle = static_cast<std::ptrdiff_t>(into.size());
    into.insert(into.end(), more.begin(), more.end());
    if (by_row_)
      std::inplace_merge(into.begin(), into.begin() + middle, into.end());
    else
      std::inplace_merge(into.begin(), into.begin() + middle, into.end(), ById{ids_});
  }

 private:
  using Place = std::vector<Candidate>::iterator;

  // Puts k first than which none is nearer, the farthest of them last, and those behind them that
  // tie with that, unless rows tell; returns where others begin.
  Place part(std::vector<Candidate>& candidates, size_t k) const {
    const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(candidates.begin(), kth, candidates.end());
    if (by_row_) return kth + 1;
    const Candidate last = *kth;
    return std::partition(kth + 1, candidates.end(),
                          [&](const Candidate& c) { return c.same_key(last); });
  }
  // Of those that part() has found to tie with the k-th, up to `end`, puts the smallest ids first.
  void select_ties(std::vector<Candidate>& candidates, size_t k, Place end) const {
    const auto first_out = candidates.begin() + static_cast<std::ptrdiff_t>(k);
    if (end == first_out) return;
    const Candidate last = *(first_out - 1);
    const auto ties = std::partition(candidates.begin(), first_out,
                                     [&](const Candidate& c) { return !c.same_key(last); });
    std::nth_element(ties, first_out, end, ById{ids_});
  }

  struct ById {
    const IdMap& ids;
    bool operator()(const Candidate& a, const Candidate& b) const noexcept {
      return a.same_key(b) ? ids.id(a.row()) < ids.id(b.row()) : a < b;
    }
  };

  // Most of many tie with others. Ids are asked for in the order of rows, as they were found.
  void sort_many(std::vector<Candidate>& candidates) const {
    struct WithId {
      Candidate candidate;
      int64_t id;
    };
    std::vector<WithId> with_ids;
    with_ids.reserve(candidates.size());
    for (const Candidate& candidate : candidates)
      with_ids.push_back({candidate, ids_.id(candidate.row())});
    std::sort(with_ids.begin(), with_ids.end(), [](const WithId& a, const WithId& b) {
      return a.candidate.same_key(b.candidate) ? a.id < b.id : a.candidate < b.candidate;
    });
    std::transform(with_ids.begin(), with_ids.end(), candidates.begin(),
                   [](const WithId& one) { return one.candidate; });
  }

  static constexpr size_t kManyToSort = 32;
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
