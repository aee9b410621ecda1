// Which nodes a search has seen: a byte each, that of the search which saw it last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codes/aligned.h"

namespace bitindex {

class Visited {
 public:
  // Those of the calling thread, which keeps them from search to search: to clear them for each
  // would take longer than many searches do.
  static Visited& of_this_thread() {
    static thread_local Visited visited;
    return visited;
  }

  // Begins a search among n nodes.
  void start(size_t n) {
    if (n > n_) {
      const size_t room = n + n / 4;
      marks_ = make_aligned(room);
      std::memset(marks_.get(), 0, room);
      n_ = room;
      search_ = 0;
    }
    if (++search_ == 0) {
      std::memset(marks_.get(), 0, n_);
      search_ = 1;
    }
  }

  // Marks a node; returns whether it is seen for the first time.
  bool mark(size_t node) noexcept {
    uint8_t& mark = marks_.get()[node];
    const bool is_new = mark != search_;
    mark = search_;
    return is_new;
  }

 private:
  AlignedBytes marks_;
  size_t n_ = 0;
  uint8_t search_ = 0;
};

}  // namespace bitindex
