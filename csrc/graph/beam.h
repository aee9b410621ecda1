// The nearest nodes that a search has found, in order, and which of them it has still to follow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "scan/candidate.h"

namespace bitindex {

class Beam {
 public:
  // Empties the beam, which will hold at most `width` nodes.
  void start(size_t width) {
    width_ = width;
    n_ = 0;
    next_ = 0;
    if (nodes_.size() >= width + 1) return;
    nodes_.resize(width + 1);
    followed_.resize(width + 1);
  }

  size_t size() const noexcept { return n_; }
  bool is_full() const noexcept { return n_ == width_; }
  const Candidate& operator[](size_t i) const noexcept { return nodes_[i]; }
  // No node with a larger key comes in.
  float limit() const noexcept {
    return is_full() ? nodes_[n_ - 1].key() : std::numeric_limits<float>::infinity();
  }

  // Takes a node that was never here. Returns whether it is among the nearest.
  bool push(const Candidate& node) noexcept {
    if (is_full() && !(node < nodes_[n_ - 1])) return false;
    const auto first = nodes_.begin(), last = first + static_cast<std::ptrdiff_t>(n_);
    const auto at = static_cast<size_t>(std::lower_bound(first, last, node) - first);
    // The farthest falls off where the beam is full: there is room for one more than the width.
    std::memmove(nodes_.data() + at + 1, nodes_.data() + at, (n_ - at) * sizeof(Candidate));
    std::memmove(followed_.data() + at + 1, followed_.data() + at, n_ - at);
    nodes_[at] = node;
    followed_[at] = 0;
    n_ = std::min(n_ + 1, width_);
    next_ = std::min(next_, at);
    return true;
  }

  // The nearest node that was not followed yet counts as followed from now on. Returns false when
  // there is none.
  bool follow(uint32_t& node) noexcept {
    while (next_ < n_ && followed_[next_] != 0) ++next_;
    if (next_ == n_) return false;
    followed_[next_] = 1;
    node = nodes_[next_++].row();
    return true;
  }

  void copy_to(std::vector<Candidate>& nodes) const {
    nodes.assign(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(n_));
  }

 private:
  size_t width_ = 0;
  size_t n_ = 0;
  size_t next_ = 0;  // all nodes before it were followed
  std::vector<Candidate> nodes_;
  std::vector<uint8_t> followed_;
};

}  // namespace bitindex
