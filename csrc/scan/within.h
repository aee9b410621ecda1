// All rows within a fixed distance: a collector with nothing to select.
#pragma once

#include <utility>
#include <vector>

#include "scan/candidate.h"

namespace bitindex {

class Within {
 public:
  explicit Within(float radius) : radius_(radius) {}
  size_t wanted() const noexcept { return 0; }
  float limit() const noexcept { return radius_; }
  void narrow(float) const noexcept {}
  void push(float key, uint32_t row) {
    if (key <= radius_) candidates_.emplace_back(key, row);
  }
  std::vector<Candidate> take() { return std::move(candidates_); }

 private:
  float radius_;
  std::vector<Candidate> candidates_;
};

}  // namespace bitindex
