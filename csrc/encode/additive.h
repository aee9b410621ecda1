// Additive binary codes: a row r is about D b for a decoder D (d x m) and signs b. Encoding looks
// for the b with the least expected error of scores <q, D b>, for queries q near the row:
//
//   error(b) = e^T W e + along_weight * <v, e>^2,   e = r - D b,
//
// where W tells how far queries lie from their neighbours in each direction, and v, the row itself
// (r, plus a constant vector), is what all of them have in common.
//
//   start    successive cancellation: see cancellation.h
//   search   flip the bit that lowers the error most, or raises it least; a flipped bit rests for
//            some steps (tabu search). It ends `patience` steps after the best code that it met.
//
// Products are those of integer_matrix.h, and costs of flips those of flip_search.h: exact once
// what they are made of is rounded. All else is done by float operations in a fixed order. Sources:
// Babenko & Lempitsky, "Additive quantization", CVPR 2014; Carreira-Perpinan & Raziperchikolaei,
// "Hashing with binary autoencoders", CVPR 2015; Guo et al., "Accelerating large-scale inference
// with anisotropic vector quantization", ICML 2020 (the second term); Glover, "Tabu search", 1989.
#pragma once

#include <memory>
#include <vector>

#include "encode/additive_matrices.h"
#include "encode/cancellation.h"
#include "encode/flip_search.h"
#include "encode/integer_matrix.h"
#include "encode/row_work.h"

namespace bitindex {

// Never changes, and keeps no pointer of those it is made from. To make one costs 2 d m^2
// operations, as much as some hundred codes.
class AdditiveCoder {
 public:
  AdditiveCoder(const RowWork& work, const AdditiveMatrices& matrices);

  size_t n_dims() const noexcept { return center_.size(); }
  size_t n_bits() const noexcept { return n_bits_; }
  size_t n_bytes() const noexcept { return (n_bits_ + 7) / 8; }

  // Writes n_bytes() a row, with bits where bit_order.h says. Starts from the codes `first` where
  // it is not null. A patience of 0 stops at the first code that no flip makes better.
  void encode(const RowWork& work, const float* rows, size_t n_rows, size_t patience,
              const uint8_t* first, uint8_t* packed) const;

 private:
  class Part;

  // n_bits, up to a multiple of 16.
  size_t width() const noexcept { return decoder_.width(); }
  // Products with signs need a second layer where small columns would drown in what rounding the
  // large ones leaves over: from some bits for each dimension on.
  size_t n_layers() const noexcept { return n_bits_ > 3 * n_dims() ? 2 : 1; }

  std::vector<float> center_, along_center_;
  size_t n_bits_;
  IntegerMatrix decoder_, decoder_rows_, weighted_;
  std::vector<int8_t> ones_;  // (width)
  std::vector<float> along_;  // D^T along_center
  std::unique_ptr<const Cancellation> start_;
  std::unique_ptr<const FlipProblem> flips_;
};

}  // namespace bitindex
