// The kernels of one instruction set as array functions, so that tests can compare them all.
#include <pybind11/stl.h>

#include <optional>

#include "arrays.h"
#include "bindings.h"
#include "codes/aligned.h"
#include "kernels/dispatch.h"
#include "scan/slice_plan.h"
#include "scan/word_blocks.h"

namespace bitindex {
namespace {

using Bytes = Array<uint8_t>;
using Counts = Array<uint32_t>;
using CountFunction = decltype(KernelTable::xor_count_rows);

class Kernels {
 public:
  explicit Kernels(const std::string& name) : table_(kernels_named(name)) {}

  std::string name() const { return table_.name; }

  Counts popcount_rows(const Bytes& rows) const {
    auto counts = new_array<uint32_t>({rows_of(rows, n_bytes_of(rows), "rows")});
    table_.popcount_rows(rows.data(), size_of(counts), n_bytes_of(rows), counts.mutable_data());
    return counts;
  }

  template <CountFunction KernelTable::* kFunction>
  Counts count_rows(const Bytes& query, const Bytes& rows) const {
    auto counts = new_array<uint32_t>({rows_of(rows, size_of(query), "rows")});
    (table_.*kFunction)(query.data(), rows.data(), size_of(counts), size_of(query),
                        counts.mutable_data());
    return counts;
  }

  Counts count_words(const Bytes& query, const Bytes& rows) const {
    const size_t n_rows = rows_of(rows, size_of(query), "rows");
    WordBlocks blocks(checked_size(query));
    blocks.take(rows.data(), n_rows);
    std::vector<uint32_t> counts(blocks.n_blocks() * kWordRows);
    blocks.count(table_, query.data(), 0, blocks.n_blocks(), counts.data());
    return Counts(static_cast<py::ssize_t>(n_rows), counts.data());
  }

  Counts count_listed_words(const Bytes& query, const Bytes& rows, const Counts& listed) const {
    WordBlocks blocks(checked_size(query));
    blocks.take(rows.data(), rows_of(rows, size_of(query), "rows"));
    const std::vector<uint32_t> numbers(listed.data(), listed.data() + size_of(listed));
    if (std::any_of(numbers.begin(), numbers.end(),
                    [&](uint32_t b) { return b >= blocks.n_blocks(); }))
      throw std::invalid_argument("numbers of blocks must be below that of all blocks");
    auto counts = new_array<uint32_t>({numbers.size() * kWordRows});
    blocks.count(table_, query.data(), numbers, counts.mutable_data());
    return counts;
  }

  size_t first_least(const Counts& numbers) const {
    return table_.first_least(numbers.data(), size_of(numbers));
  }

  uint32_t rank_bound(const Counts& counts, size_t rank, uint32_t most) const {
    return table_.rank_bound(counts.data(), size_of(counts), rank, most);
  }

  Counts select_at_most(const Counts& counts, uint32_t most) const {
    std::vector<uint32_t> positions(size_of(counts) + 16);
    const size_t found =
        table_.select_at_most(counts.data(), size_of(counts), most, positions.data());
    return Counts(static_cast<py::ssize_t>(found), positions.data());
  }

  py::array_t<int32_t> weigh_bits(const Bytes& code, const py::array_t<int8_t>& weights,
                                  const Counts& rows) const {
    const size_t n_bytes = size_of(code);
    const auto n_weights = static_cast<size_t>(weights.size());
    for (size_t i = 0; i < size_of(rows); ++i)
      if (8 * n_bytes * (rows.data()[i] + size_t{1}) > n_weights)
        throw std::invalid_argument("rows must be those of weights");
    py::array_t<int32_t> sums(rows.size());
    table_.weigh_bits(code.data(), n_bytes, weights.data(), rows.data(), size_of(rows),
                      sums.mutable_data());
    return sums;
  }

  // The largest uint32 stands for sums below `least` that were not written.
  Counts table_sums(const Bytes& rows, const Bytes& table, uint32_t largest_byte,
                    uint32_t largest_two_bytes, uint32_t least) const {
    const size_t n_bytes = size_of(table) / 32, n_rows = rows_of(rows, n_bytes, "rows");
    const size_t n_blocks = (n_rows + table_.block_rows - 1) / table_.block_rows;
    const size_t padded_rows = n_blocks * table_.block_rows;
    const AlignedBytes blocks = make_aligned(2 * n_bytes * padded_rows);
    table_.transpose_rows(rows.data(), n_rows, n_bytes, blocks.get());
    std::vector<uint32_t> sums(padded_rows);
    std::vector<uint8_t> passed(n_blocks);
    table_.table_sums(blocks.get(), n_blocks, n_bytes, table.data(),
                      LargestSums{largest_byte, largest_two_bytes}, least, sums.data(),
                      passed.data());
    for (size_t row = 0; row < padded_rows; ++row)
      if (passed[row / table_.block_rows] == 0) sums[row] = 0xffffffffu;
    return Counts(static_cast<py::ssize_t>(n_rows), sums.data());
  }

  // For each of up to 4 queries the positions of the rows that differ in at most so many bits, or
  // have at least so many in common.
  std::vector<Counts> rows_within(const Bytes& queries, const Bytes& rows, bool common,
                                  const std::vector<int32_t>& bounds) const {
    const size_t n_bytes = n_bytes_of(rows), n_rows = rows_of(rows, n_bytes, "rows");
    const size_t n_queries = rows_of(queries, n_bytes, "queries");
    if (n_queries < 1 || n_queries > SliceGroup::kMaxQueries || bounds.size() != n_queries)
      throw std::invalid_argument("there must be 1 to 4 queries, with a bound each");
    const size_t n_blocks = (n_rows + table_.slice_rows - 1) / table_.slice_rows;
    const size_t padded_rows = n_blocks * table_.slice_rows;
    const AlignedBytes blocks = make_aligned((8 * n_bytes + kExtraSlices) * padded_rows / 8);
    table_.slice_bits(rows.data(), n_rows, n_bytes, blocks.get());
    const SliceGroup group(table_, BitCounts{queries.data(), n_bytes, common}, 0, n_queries);
    SliceTest tests[SliceGroup::kMaxQueries];
    std::vector<uint32_t> found[SliceGroup::kMaxQueries];
    uint32_t* positions[SliceGroup::kMaxQueries];
    size_t n_found[SliceGroup::kMaxQueries] = {};
    for (size_t q = 0; q < n_queries; ++q) {
      tests[q] = group.test(q, bounds[q]);
      found[q].resize(padded_rows + 1);
      positions[q] = found[q].data();
    }
    table_.count_slices(blocks.get(), n_blocks, n_bytes, group.program(), tests, positions,
                        n_found);
    std::vector<Counts> results;
    for (size_t q = 0; q < n_queries; ++q) {
      size_t n = n_found[q];
      while (n > 0 && positions[q][n - 1] >= n_rows) --n;  // missing rows, which may pass
      results.emplace_back(static_cast<py::ssize_t>(n), positions[q]);
    }
    return results;
  }

  Counts select_rows(const Counts& sums, float alpha, float gamma, float beta, float limit,
                     const OptionalArray<float>& scale, const OptionalArray<float>& offset) const {
    const size_t n = size_of(sums);
    const RowTest test = {alpha,
                          gamma,
                          beta,
                          limit,
                          values_of(scale, n, scale.has_value() ? 1 : 0, "scale"),
                          values_of(offset, n, offset.has_value() ? 1 : 0, "offset")};
    std::vector<uint32_t> positions(n + 16);
    const size_t found = table_.select_rows(sums.data(), n, test, positions.data());
    return Counts(static_cast<py::ssize_t>(found), positions.data());
  }

  template <class T, VectorType kType>
  float dot(const Array<float>& query, const Array<T>& x, float scale) const {
    values_of<T>(x, size_of(query), 1, "x");
    return table_.dot[kType](query.data(), x.data(), scale, size_of(query));
  }

  template <class T, VectorType kType>
  float squared_l2(const Array<float>& query, const Array<T>& x, float scale) const {
    values_of<T>(x, size_of(query), 1, "x");
    return table_.squared_l2[kType](query.data(), x.data(), scale, size_of(query));
  }

  // The matrix has a multiple of 16 columns, in rows or in panels.
  Array<float> multiply_rows(const Array<float>& rows, const Array<float>& matrix,
                             bool panels) const {
    const size_t n_dims = static_cast<size_t>(rows.shape(1)), n_rows = size_of(rows) / n_dims;
    const size_t n_columns = size_of(matrix) / n_dims;
    auto out = new_array<float>({n_rows, n_columns});
    table_.multiply_rows(rows.data(), n_rows, n_dims, matrix.data(), n_columns / 16,
                         panels ? 16 * n_dims : 16, panels ? 16 : n_columns, out.mutable_data());
    return out;
  }

  // The rows may be longer than the matrix is high; it has the shape (n_panels, n_pairs, 16, 2).
  Array<int32_t> multiply_int8(const Array<uint8_t>& rows, const Array<int8_t>& matrix,
                               const Array<int32_t>& starts) const {
    const auto n_rows = static_cast<size_t>(rows.shape(0));
    const auto n_panels = static_cast<size_t>(matrix.shape(0));
    const auto n_quads = static_cast<size_t>(matrix.shape(1));
    auto sums = new_array<int32_t>({n_rows, 16 * n_panels});
    table_.multiply_int8(rows.data(), n_rows, static_cast<size_t>(rows.shape(1)), n_quads,
                         matrix.data(), n_panels, 64 * n_quads, starts.data(), sums.mutable_data());
    return sums;
  }

  // Signs, and what becomes of the evidence.
  std::pair<Array<uint8_t>, Array<float>> decide_signs(const Array<float>& evidence,
                                                       const Array<float>& fed_back, float stretch,
                                                       const Array<float>& feedback) const {
    const auto n_rows = static_cast<size_t>(evidence.shape(0));
    const auto stride = static_cast<size_t>(evidence.shape(1));
    values_of<float>(fed_back, n_rows, 16, "fed_back");
    std::pair out(new_array<uint8_t>({n_rows, 16}), new_array<float>({n_rows, stride}));
    float* left = out.second.mutable_data();
    std::copy_n(evidence.data(), size_of(evidence), left);
    table_.decide_signs(left, n_rows, stride, fed_back.data(), stretch, feedback.data(),
                        out.first.mutable_data(), 16);
    return out;
  }

  float largest_magnitude(const Array<float>& x) const {
    return table_.largest_magnitude(x.data(), size_of(x));
  }

  Array<uint8_t> round_bytes(const Array<float>& x, float factor, int offset) const {
    auto out = new_array<uint8_t>({size_of(x)});
    table_.round_bytes(x.data(), factor, offset, size_of(x), out.mutable_data());
    return out;
  }

  Array<float> add_scaled(const Array<int32_t>& sums, const Array<float>& scales, float factor,
                          const Array<float>& x) const {
    values_of<int32_t>(sums, size_of(x), 1, "sums");
    values_of<float>(scales, size_of(x), 1, "scales");
    Array<float> out(x.size(), x.data());
    table_.add_scaled(sums.data(), scales.data(), factor, size_of(x), out.mutable_data());
    return out;
  }

  // left as it becomes, and weighed.
  std::pair<Array<float>, Array<float>> weigh_left(const Array<uint8_t>& signs,
                                                   const Array<float>& weights, float noise,
                                                   const Array<float>& left) const {
    values_of<uint8_t>(signs, size_of(left), 1, "signs");
    values_of<float>(weights, size_of(left), 1, "weights");
    std::pair out(Array<float>(left.size(), left.data()), new_array<float>({size_of(left)}));
    table_.weigh_left(signs.data(), weights.data(), noise, size_of(left), out.first.mutable_data(),
                      out.second.mutable_data());
    return out;
  }

  std::tuple<Array<int16_t>, Array<int16_t>, Array<int16_t>> start_flips(
      const Array<uint8_t>& signs, const Array<float>& gradient, const Array<float>& along,
      const Array<float>& own, const Array<float>& scales, const Array<float>& pulls,
      float along_weight, float pull_scale) const {
    const size_t n = size_of(signs);
    const FlipTerms terms = {signs.data(),
                             values_of<float>(gradient, n, 1, "gradient"),
                             values_of<float>(along, n, 1, "along"),
                             values_of<float>(own, n, 1, "own"),
                             values_of<float>(scales, n, 1, "scales"),
                             values_of<float>(pulls, n, 1, "pulls"),
                             along_weight,
                             pull_scale};
    std::tuple out(new_array<int16_t>({n}), new_array<int16_t>({n}), new_array<int16_t>({n}));
    auto& [costs, new_pulls, new_signs] = out;
    table_.start_flips(terms, n, costs.mutable_data(), new_pulls.mutable_data(),
                       new_signs.mutable_data());
    return out;
  }

  std::tuple<Array<int16_t>, size_t, int> next_flip(const Array<int16_t>& costs,
                                                    const Array<int16_t>& row, int16_t sign,
                                                    const Array<int16_t>& signs,
                                                    const Array<int16_t>& pulls,
                                                    int16_t factor) const {
    for (const auto& [array, name] : {std::pair(&row, "row"), {&signs, "signs"}, {&pulls, "pulls"}})
      values_of<int16_t>(*array, size_of(costs), 1, name);
    Array<int16_t> out(costs.size(), costs.data());
    const CheapestFlip cheapest = table_.next_flip(
        {row.data(), sign, factor}, signs.data(), pulls.data(), size_of(costs), out.mutable_data());
    return {out, cheapest.bit, cheapest.cost};
  }

  Array<float> hadamard(const Array<float>& x, const Array<float>& factors, size_t first,
                        size_t n) const {
    values_of<float>(factors, size_of(x), 1, "factors");
    if (first + n > size_of(x)) throw std::invalid_argument("x is too short");
    Array<float> out(x.size(), x.data());
    table_.hadamard(out.mutable_data(), size_of(x), factors.data(), first, n);
    return out;
  }

  std::pair<float, float> level_sums(const Array<float>& x, float t, float most) const {
    float product, squares;
    table_.level_sums(x.data(), size_of(x), t, most, &product, &squares);
    return {product, squares};
  }

 private:
  static size_t size_of(const py::array& array) { return static_cast<size_t>(array.size()); }
  static size_t checked_size(const Bytes& query) {
    if (size_of(query) > WordBlocks::kMostBytes)
      throw std::invalid_argument("codes must have at most 512 bytes");
    return size_of(query);
  }
  static size_t n_bytes_of(const Bytes& rows) {
    return rows.ndim() == 2 ? static_cast<size_t>(rows.shape(1)) : 0;
  }

  const KernelTable& table_;
};

}  // namespace

void bind_kernels(py::module_& module) {
  module.def("compiled_isas", &compiled_isas);
  module.def("supported_isas", &supported_isas);
  module.def("active_isa", [] { return std::string(active_kernels().name); });
  module.def("use_isa", &use_isa, py::arg("name"));

  const auto query = py::arg("query").noconvert(), rows = py::arg("rows").noconvert();
  const auto x = py::arg("x").noconvert();
  py::class_<Kernels>(module, "Kernels")
      .def(py::init<const std::string&>(), py::arg("name"))
      .def_property_readonly("name", &Kernels::name)
      .def("popcount_rows", &Kernels::popcount_rows, rows)
      .def("xor_count_rows", &Kernels::count_rows<&KernelTable::xor_count_rows>, query, rows)
      .def("and_count_rows", &Kernels::count_rows<&KernelTable::and_count_rows>, query, rows)
      .def("count_words", &Kernels::count_words, query, rows)
      .def("count_listed_words", &Kernels::count_listed_words, query, rows,
           py::arg("listed").noconvert())
      .def("first_least", &Kernels::first_least, py::arg("numbers").noconvert())
      .def("rank_bound", &Kernels::rank_bound, py::arg("counts").noconvert(), py::arg("rank"),
           py::arg("most"))
      .def("select_at_most", &Kernels::select_at_most, py::arg("counts").noconvert(),
           py::arg("most"))
      .def("weigh_bits", &Kernels::weigh_bits, py::arg("code").noconvert(),
           py::arg("weights").noconvert(), py::arg("rows").noconvert())
      .def("table_sums", &Kernels::table_sums, rows, py::arg("table").noconvert(),
           py::arg("largest_byte"), py::arg("largest_two_bytes"), py::arg("least") = 0)
      .def("rows_within", &Kernels::rows_within, py::arg("queries").noconvert(), rows,
           py::arg("common"), py::arg("bounds"))
      .def("select_rows", &Kernels::select_rows, py::arg("sums").noconvert(), py::kw_only(),
           py::arg("alpha"), py::arg("gamma"), py::arg("beta"), py::arg("limit"),
           py::arg("scale") = py::none(), py::arg("offset") = py::none())
      .def("dot", &Kernels::dot<float, kFloat32>, query, x, py::arg("scale"))
      .def("dot", &Kernels::dot<uint16_t, kFloat16>, query, x, py::arg("scale"))
      .def("dot", &Kernels::dot<int8_t, kInt8>, query, x, py::arg("scale"))
      .def("squared_l2", &Kernels::squared_l2<float, kFloat32>, query, x, py::arg("scale"))
      .def("squared_l2", &Kernels::squared_l2<uint16_t, kFloat16>, query, x, py::arg("scale"))
      .def("squared_l2", &Kernels::squared_l2<int8_t, kInt8>, query, x, py::arg("scale"))
      .def("multiply_rows", &Kernels::multiply_rows, rows, py::arg("matrix").noconvert(),
           py::arg("panels"))
      .def("multiply_int8", &Kernels::multiply_int8, rows, py::arg("matrix").noconvert(),
           py::arg("starts").noconvert())
      .def("decide_signs", &Kernels::decide_signs, py::arg("evidence").noconvert(),
           py::arg("fed_back").noconvert(), py::arg("stretch"), py::arg("feedback").noconvert())
      .def("largest_magnitude", &Kernels::largest_magnitude, x)
      .def("round_bytes", &Kernels::round_bytes, x, py::arg("factor"), py::arg("offset"))
      .def("add_scaled", &Kernels::add_scaled, py::arg("sums").noconvert(),
           py::arg("scales").noconvert(), py::arg("factor"), x)
      .def("weigh_left", &Kernels::weigh_left, py::arg("signs").noconvert(),
           py::arg("weights").noconvert(), py::arg("noise"), py::arg("left").noconvert())
      .def("start_flips", &Kernels::start_flips, py::arg("signs").noconvert(),
           py::arg("gradient").noconvert(), py::arg("along").noconvert(),
           py::arg("own").noconvert(), py::arg("scales").noconvert(), py::arg("pulls").noconvert(),
           py::arg("along_weight"), py::arg("pull_scale"))
      .def("next_flip", &Kernels::next_flip, py::arg("costs").noconvert(),
           py::arg("row").noconvert(), py::arg("sign"), py::arg("signs").noconvert(),
           py::arg("pulls").noconvert(), py::arg("factor"))
      .def("hadamard", &Kernels::hadamard, x, py::arg("factors").noconvert(), py::arg("first"),
           py::arg("n"))
      .def("level_sums", &Kernels::level_sums, x, py::arg("t"), py::arg("most"));
}

}  // namespace bitindex
