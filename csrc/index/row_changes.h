// How far rows have changed since something was learned from them.
#pragma once

#include <cstddef>

namespace bitindex {

class RowChanges {
 public:
  // n_rows: those that it was learned from; 0 before it was learned at all.
  explicit RowChanges(size_t n_rows = 0) : n_learned_(n_rows) {}

  void count(size_t n_added, size_t n_replaced) noexcept {
    n_added_ += n_added;
    n_replaced_ += n_replaced;
  }
  size_t n_learned() const noexcept { return n_learned_; }
  size_t n_written() const noexcept { return n_added_ + n_replaced_; }
  // Those that have gone too, of which n_live are left.
  size_t n_changed(size_t n_live) const noexcept {
    return n_written() + (n_learned_ + n_added_ - n_live);
  }

 private:
  size_t n_learned_;
  size_t n_added_ = 0;
  size_t n_replaced_ = 0;
};

}  // namespace bitindex
