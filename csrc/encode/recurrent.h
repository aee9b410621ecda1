// Codes of a recurrent network. With blocks T(x) = [x | relu(x A + a)] C + c, or without the part x
// where a block has no shortcut:
//
//   b = sign(T_0(x)),   then for every further plane i:
//   f = normalize(U_i(b)),   s = sign(T_i(x - f)),   b = b + v_i / v_0 s
//
// for rows x that are scaled to length 1 first. Products are added up as product.h says, lengths
// in float64, and all else is one float operation a number, so that codes depend on nothing but
// the row.
//
// Source: Gan et al., "Binary embedding-based retrieval at Tencent", KDD 2023, section 3.
#pragma once

#include <vector>

#include "encode/row_work.h"

namespace bitindex {

// One block from n_in numbers to n_out: row-major matrices.
struct BlockMatrices {
  size_t n_in, n_hidden, n_out;
  bool has_shortcut;
  const float* hidden;       // A (n_in, n_hidden)
  const float* hidden_bias;  // a (n_hidden)
  const float* output;       // C (n_in + n_hidden, or n_hidden without a shortcut; n_out)
  const float* output_bias;  // c (n_out)
};

struct RecurrentMatrices {
  std::vector<BlockMatrices> to_code;  // T, one for each plane
  std::vector<BlockMatrices> to_row;   // U, one less
  const float* values;                 // v, powers of two
};

struct RecurrentCodes {
  bool* signs;    // (n_rows, code_dim, n_planes): whether a sign is +
  float* levels;  // (n_rows, code_dim): the sum of +v or -v over the planes
};

void encode_recurrent(const RowWork& work, const RecurrentMatrices& matrices, const float* rows,
                      size_t n_rows, const RecurrentCodes& codes);

}  // namespace bitindex
