// Tables of MIHIndex: shapes that do not fit, offsets that fall, rows that are not there.
#include "harness.h"
#include "index/mih_index.h"

namespace bitindex::fuzz {
namespace {

constexpr size_t kSubstrings = 4;
constexpr size_t kTabledRows = 1100;  // fewer have no tables

MihIndex empty_index() {
  IndexLayout layout;
  layout.n_bits = kBits;
  return MihIndex(layout, {kSubstrings, false});
}

struct StoredIndex {
  StoredRows rows;
  SubstringShape shape;
  size_t n_rows;
  std::vector<uint32_t> bits, offsets, tabled, replaced;
};

StoredIndex stored_index(const MihIndex& index) {
  const MihArrays& arrays = index.tables().arrays();
  const SubstringShape& shape = arrays.shape;
  const size_t n = shape.n_substrings;
  const auto copy = [](const uint32_t* values, size_t size) {
    return std::vector<uint32_t>(values, values + size);
  };
  return {stored_rows(index),
          shape,
          arrays.n_rows,
          copy(arrays.bits, n * shape.n_bits),
          copy(arrays.offsets, n == 0 ? 0 : n * MihTables::n_offsets(shape)),
          copy(arrays.rows, n * arrays.n_rows),
          index.replaced()};
}

// What the bindings refuse is refused here.
void restore(MihIndex& index, const StoredIndex& stored) {
  restore_rows(index, stored.rows);
  const SubstringShape& shape = stored.shape;
  const size_t n = shape.n_substrings;
  if (n < 1 || shape.n_bits < 1 || shape.n_bits > kMaxSubstringBits || stored.n_rows < 1 ||
      stored.bits.size() != n * shape.n_bits ||
      stored.offsets.size() != n * MihTables::n_offsets(shape) ||
      stored.tabled.size() != n * stored.n_rows)
    throw std::invalid_argument("shapes");
  const auto kept = std::make_shared<StoredIndex>(stored);
  index.restore_tables(
      {shape, kept->n_rows, kept->bits.data(), kept->offsets.data(), kept->tabled.data(), kept},
      kept->replaced);
}

const StoredIndex& sound_index() {
  static const StoredIndex stored = [] {
    MihIndex index = empty_index();
    add_rows(index, kTabledRows);
    return stored_index(index);
  }();
  return stored;
}

}  // namespace

void try_input(FuzzedDataProvider& data) {
  StoredIndex stored = sound_index();
  for (auto* array : {&stored.bits, &stored.offsets, &stored.tabled, &stored.replaced})
    change(*array, data);
  if (data.ConsumeBool()) stored.n_rows = data.ConsumeIntegralInRange<size_t>(0, 2 * kTabledRows);
  MihIndex index = empty_index();
  try {
    restore(index, stored);
  } catch (const std::exception&) {
    return;
  }
  search(index, false);
  change_rows(index, false);
  MihIndex again = empty_index();
  const StoredIndex changed = stored_index(index);
  if (changed.n_rows > 0)
    restore(again, changed);
  else
    restore_rows(again, changed.rows);
  search(again, false);
}

}  // namespace bitindex::fuzz
