// What a walk over a graph keeps of the rows that it sees, and how far it goes on for that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "scan/candidate.h"

namespace bitindex {

// The nearest of the candidates that were pushed: a heap, the farthest first.
class NearestHeap {
 public:
  explicit NearestHeap(size_t width) : width_(width) {}

  bool is_full() const noexcept { return candidates_.size() == width_; }
  float limit() const noexcept {
    return is_full() ? candidates_.front().key() : std::numeric_limits<float>::infinity();
  }
  void push(const Candidate& candidate) {
    if (is_full()) {
      if (!(candidate < candidates_.front())) return;
      std::pop_heap(candidates_.begin(), candidates_.end());
      candidates_.pop_back();
    }
    candidates_.push_back(candidate);
    std::push_heap(candidates_.begin(), candidates_.end());
  }
  std::vector<Candidate> take() noexcept { return std::move(candidates_); }

 private:
  size_t width_;
  std::vector<Candidate> candidates_;
};

// The nearest rows for which `allows` holds. The walk goes over all rows, until none of those
// before it is nearer.
template <class Allows>
class NearestAllowed {
 public:
  NearestAllowed(size_t width, Allows allows) : nearest_(width), allows_(allows) {}

  float limit() const noexcept { return nearest_.limit(); }
  void push(const Candidate& candidate) {
    if (candidate.key() <= limit() && allows_(candidate.row())) nearest_.push(candidate);
  }
  std::vector<Candidate> take() noexcept { return nearest_.take(); }

 private:
  NearestHeap nearest_;
  Allows allows_;
};

// All rows within a radius. The walk goes on within the radius, and at least as far as one for the
// nearest rows.
class Within {
 public:
  Within(float radius, size_t width) : radius_(radius), nearest_(width) {}

  float limit() const noexcept { return std::max(radius_, nearest_.limit()); }
  void push(const Candidate& candidate) {
    nearest_.push(candidate);
    if (candidate.key() <= radius_) within_.push_back(candidate);
  }
  std::vector<Candidate> take() noexcept { return std::move(within_); }

 private:
  float radius_;
  NearestHeap nearest_;
  std::vector<Candidate> within_;
};

}  // namespace bitindex
