// What binarizers compute in the core: functions on arrays, and coders made from arrays.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>

#include "arrays.h"
#include "bindings.h"
#include "encode/additive.h"
#include "encode/level_codes.h"
#include "encode/project.h"
#include "encode/recurrent.h"
#include "encode/rotation.h"
#include "gil.h"
#include "kernels/dispatch.h"
#include "signals.h"

namespace bitindex {
namespace {

using Floats = Array<float>;
using OptionalFloats = OptionalArray<float>;

// Calls function(work) without the GIL; threads = 0 is the default number.
template <class Function>
void run(size_t threads, const Function& function) {
  Cancel cancel(poll_of_this_thread());
  const GilRelease no_gil;
  function(RowWork{active_kernels(), threads != 0 ? threads : default_threads(), cancel});
}

size_t width_of(const Floats& array, const char* name) {
  if (array.ndim() != 2) throw std::invalid_argument(std::string(name) + " must be a matrix");
  return static_cast<size_t>(array.shape(1));
}

const float* center_of(const OptionalFloats& center, size_t n_dims) {
  return values_of(center, n_dims, center ? 1 : 0, "center");
}

const float* signs_of(const Floats& signs, size_t n_dims) {
  if (rows_of(signs, n_dims, "signs") != Rotation::kRounds || n_dims == 0)
    throw std::invalid_argument("signs must have shape (4, d) with d >= 1");
  return signs.data();
}

Floats project_rows(const Floats& rows, const OptionalFloats& center, const Floats& matrix,
                    size_t threads) {
  const size_t n_columns = width_of(matrix, "matrix");
  const size_t d = rows_of(matrix, n_columns, "matrix"), n = rows_of(rows, d, "rows");
  const float* center_values = center_of(center, d);
  Floats out = new_array<float>({n, n_columns});
  float* values = out.mutable_data();
  run(threads, [&](const RowWork& work) {
    project(work, rows.data(), n, d, center_values, matrix.data(), n_columns, values);
  });
  return out;
}

Floats rotate_rows(const Floats& rows, const OptionalFloats& center, const Floats& signs,
                   bool inverse, size_t threads) {
  const size_t d = width_of(signs, "signs"), n = rows_of(rows, d, "rows");
  const float* center_values = center_of(center, d);
  const float* sign_values = signs_of(signs, d);
  Floats out = new_array<float>({n, d});
  float* values = out.mutable_data();
  run(threads, [&](const RowWork& work) {
    rotate(work, Rotation(work.kernels, sign_values, d, inverse), rows.data(), n, center_values,
           values);
  });
  return out;
}

py::tuple level_codes(const Floats& rows, const OptionalFloats& center, const Floats& signs,
                      size_t bits_per_dim, bool error_factor, size_t threads) {
  const size_t d = width_of(signs, "signs"), n = rows_of(rows, d, "rows");
  if (bits_per_dim < 1 || bits_per_dim > 8)
    throw std::invalid_argument("bits_per_dim must be 1 to 8");
  const float* center_values = center_of(center, d);
  const float* sign_values = signs_of(signs, d);
  const size_t n_factors = error_factor ? 2 : 1;
  auto packed = new_array<uint8_t>({n, (d * bits_per_dim + 7) / 8});
  Floats factors = new_array<float>({n, n_factors});
  const LevelCodes codes = {packed.mutable_data(), factors.mutable_data(), n_factors};
  run(threads, [&](const RowWork& work) {
    encode_levels(work, Rotation(work.kernels, sign_values, d), rows.data(), n, center_values,
                  bits_per_dim, codes);
  });
  return py::make_tuple(packed, factors);
}

std::unique_ptr<AdditiveCoder> make_additive_coder(const Floats& center, const Floats& along_center,
                                                   const Floats& decoder, const Floats& weighted,
                                                   const Floats& evidence, const Floats& feedback,
                                                   float along_weight) {
  const size_t m = width_of(decoder, "decoder"), d = rows_of(decoder, m, "decoder");
  if (d == 0 || m == 0) throw std::invalid_argument("decoder must have rows and columns");
  if (rows_of(weighted, m, "weighted") != d || rows_of(evidence, m, "evidence") != d ||
      rows_of(feedback, m, "feedback") != m)
    throw std::invalid_argument("weighted, evidence and feedback must fit the decoder");
  const AdditiveMatrices matrices = {d,
                                     m,
                                     values_of<float>(center, d, 1, "center"),
                                     values_of<float>(along_center, d, 1, "along_center"),
                                     decoder.data(),
                                     weighted.data(),
                                     evidence.data(),
                                     feedback.data(),
                                     along_weight};
  std::unique_ptr<AdditiveCoder> coder;
  run(0, [&](const RowWork& work) { coder = std::make_unique<AdditiveCoder>(work, matrices); });
  return coder;
}

py::array_t<uint8_t> additive_codes(const AdditiveCoder& coder, const Floats& rows, size_t patience,
                                    const OptionalArray<uint8_t>& first, size_t threads) {
  const size_t n = rows_of(rows, coder.n_dims(), "rows");
  const uint8_t* first_codes = values_of(first, n, first ? coder.n_bytes() : 0, "first");
  auto packed = new_array<uint8_t>({n, coder.n_bytes()});
  uint8_t* out = packed.mutable_data();
  run(threads,
      [&](const RowWork& work) { coder.encode(work, rows.data(), n, patience, first_codes, out); });
  return packed;
}

// The matrices of blocks of one shape: hidden (n_blocks, n_in, n_hidden), hidden_bias (n_blocks,
// n_hidden), output (n_blocks, n_in + n_hidden or n_hidden, n_out), output_bias (n_blocks, n_out).
using Blocks = std::array<Floats, 4>;

std::vector<BlockMatrices> matrices_of(const Blocks& blocks, size_t n_blocks, size_t n_in,
                                       size_t n_out) {
  const auto& [hidden, hidden_bias, output, output_bias] = blocks;
  const auto has_shape = [](const Floats& array, std::vector<size_t> shape) {
    return std::equal(shape.begin(), shape.end(), array.shape(), array.shape() + array.ndim());
  };
  const size_t n_hidden = hidden.ndim() == 3 ? static_cast<size_t>(hidden.shape(2)) : 0;
  const bool has_shortcut = has_shape(output, {n_blocks, n_in + n_hidden, n_out});
  if (!has_shape(hidden, {n_blocks, n_in, n_hidden}) ||
      !has_shape(hidden_bias, {n_blocks, n_hidden}) ||
      !(has_shortcut || has_shape(output, {n_blocks, n_hidden, n_out})) ||
      !has_shape(output_bias, {n_blocks, n_out}))
    throw std::invalid_argument("the arrays of blocks must fit together");
  const size_t n_inner = n_hidden + (has_shortcut ? n_in : 0);
  std::vector<BlockMatrices> matrices;
  for (size_t i = 0; i < n_blocks; ++i)
    matrices.push_back({n_in, n_hidden, n_out, has_shortcut, hidden.data() + i * n_in * n_hidden,
                        hidden_bias.data() + i * n_hidden, output.data() + i * n_inner * n_out,
                        output_bias.data() + i * n_out});
  return matrices;
}

py::tuple recurrent_codes(const Floats& rows, const Blocks& to_code, const Blocks& to_row,
                          const Floats& values, size_t threads) {
  const size_t n_planes = static_cast<size_t>(values.size()), d = width_of(rows, "rows");
  const size_t code_dim = width_of(to_code[3], "output_bias"), n = rows_of(rows, d, "rows");
  if (n_planes == 0 || d == 0 || code_dim == 0)
    throw std::invalid_argument("a code must have planes and dimensions");
  const RecurrentMatrices matrices = {matrices_of(to_code, n_planes, d, code_dim),
                                      matrices_of(to_row, n_planes - 1, code_dim, d),
                                      values.data()};
  auto signs = new_array<bool>({n, code_dim, n_planes});
  Floats levels = new_array<float>({n, code_dim});
  const RecurrentCodes codes = {signs.mutable_data(), levels.mutable_data()};
  run(threads,
      [&](const RowWork& work) { encode_recurrent(work, matrices, rows.data(), n, codes); });
  return py::make_tuple(signs, levels);
}

}  // namespace

void bind_encode(py::module_& module) {
  const auto rows = py::arg("rows").noconvert(), signs = py::arg("signs").noconvert();
  const auto center = py::arg("center"), threads = py::arg("threads");
  module.def("project", &project_rows, rows, center, py::arg("matrix").noconvert(), threads);
  module.def("rotate", &rotate_rows, rows, center, signs, py::arg("inverse"), threads);
  module.def("encode_levels", &level_codes, rows, center, signs, py::arg("bits_per_dim"),
             py::arg("error_factor"), threads);
  module.def("encode_recurrent", &recurrent_codes, rows, py::arg("to_code").noconvert(),
             py::arg("to_row").noconvert(), py::arg("values").noconvert(), threads);
  const auto array = [](const char* name) { return py::arg(name).noconvert(); };
  py::class_<AdditiveCoder>(module, "AdditiveCoder")
      .def(py::init(&make_additive_coder), array("center"), array("along_center"), array("decoder"),
           array("weighted"), array("evidence"), array("feedback"), py::arg("along_weight"))
      .def("encode", &additive_codes, rows, py::arg("patience"), array("first"), threads);
}

}  // namespace bitindex
