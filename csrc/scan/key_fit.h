// What estimated keys say about exact ones, learned from the rows of one query that have both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace bitindex {

// The least-squares line exact = alpha + beta * estimate, and the spread of the rows about it.
// Codes need no error bound of their own for this, and no estimate in the units of the exact key.
class KeyFit {
 public:
  void add(double estimate, double exact) noexcept {
    if (n_ == 0.0) estimate_0_ = estimate, exact_0_ = exact;
    // Keys may lie far from 0 and close together, which sums of squares would not survive.
    const double x = estimate - estimate_0_, y = exact - exact_0_;
    n_ += 1.0;
    x_ += x, y_ += y, xx_ += x * x, xy_ += x * y, yy_ += y * y;
  }

  // The exact key of a row with this estimate if it is nearer than expected by `spreads` standard
  // deviations. Needs three rows.
  double optimistic(double estimate, double spreads) const noexcept {
    const double variance_x = std::max(0.0, xx_ - x_ * x_ / n_);
    const double variance_y = std::max(0.0, yy_ - y_ * y_ / n_);
    const double covariance = xy_ - x_ * y_ / n_;
    // A farther estimate never means a nearer row.
    const double beta = variance_x > 0.0 ? std::max(0.0, covariance / variance_x) : 0.0;
    const double residual = variance_y - beta * (2.0 * covariance - beta * variance_x);
    const double spread = std::sqrt(std::max(0.0, residual) / (n_ - 2.0));
    const double expected = y_ / n_ + beta * (estimate - estimate_0_ - x_ / n_);
    return exact_0_ + expected - spreads * spread;
  }

 private:
  double n_ = 0.0;
  double estimate_0_ = 0.0, exact_0_ = 0.0;
  double x_ = 0.0, y_ = 0.0, xx_ = 0.0, xy_ = 0.0, yy_ = 0.0;
};

}  // namespace bitindex
