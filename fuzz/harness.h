// What the harnesses share: values that break things, ways to put them into the arrays of a file,
// and all that can be asked of an index.
//
// A harness makes a sound index, changes what a file would hold of it, and restores that. It must
// be refused by std::exception, or be an index like any other: it can be searched and changed, and
// what a file would hold of it afterwards can be restored again.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "codes/random.h"
#include "index/index.h"
#include "scan/thread_pool.h"

namespace bitindex::fuzz {

constexpr size_t kBits = 64;
constexpr size_t kBytes = kBits / 8;
constexpr size_t kRows = 120;

// Codes of which one in three repeats one of the first few.
inline std::vector<uint8_t> make_codes(size_t n, uint64_t seed) {
  std::vector<uint8_t> codes(n * kBytes);
  for (size_t row = 0; row < n; ++row) {
    const uint64_t code = mixed(row % 3 == 0 ? row % 5 : seed + row);
    std::memcpy(codes.data() + row * kBytes, &code, kBytes);
  }
  return codes;
}

// A number that is near a limit, or any.
template <class T>
T odd_value(FuzzedDataProvider& data) {
  const T near_limits[] = {T(0),          T(1),          T(-1),        T(2),
                           T(kRows - 1),  T(kRows),      T(kBits),     T(0x7fffffff),
                           T(0x80000000), T(0x7f800000), T(0xfffffffe)};
  if (data.ConsumeBool()) return data.PickValueInArray(near_limits);
  return data.ConsumeIntegral<T>();
}
template <>
inline float odd_value<float>(FuzzedDataProvider& data) {
  const auto bits = odd_value<uint32_t>(data);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Changes some values, swaps two, and makes the array longer or shorter.
template <class T>
void change(std::vector<T>& values, FuzzedDataProvider& data) {
  if (!data.ConsumeBool()) return;
  const auto position = [&] { return data.ConsumeIntegralInRange<size_t>(0, values.size() - 1); };
  for (size_t n = data.ConsumeIntegralInRange<size_t>(0, 6); n > 0 && !values.empty(); --n)
    values[position()] = odd_value<T>(data);
  if (!values.empty() && data.ConsumeBool()) std::swap(values[position()], values[position()]);
  if (data.ConsumeProbability<float>() < 0.1f)
    values.resize(data.ConsumeIntegralInRange<size_t>(0, 2 * values.size() + 1));
}

// What a file holds of the rows.
struct StoredRows {
  size_t n;
  std::vector<int64_t> ids;  // empty: row numbers
  int64_t next_id;
  std::vector<std::vector<uint8_t>> columns;
};

inline StoredRows stored_rows(const Index& index) {
  StoredRows rows = {index.size(), index.ids(), index.next_id(), {}};
  for (size_t c = 0; c < kIndexColumns; ++c) {
    const Column& column = index.store().column(c);
    rows.columns.emplace_back(column.data(), column.data() + rows.n * column.width());
  }
  return rows;
}

// Sizes are what the bindings check; the rest is for the index.
inline void restore_rows(Index& index, const StoredRows& rows) {
  const auto kept = std::make_shared<StoredRows>(rows);
  if (!kept->ids.empty() && kept->ids.size() != kept->n) throw std::invalid_argument("ids");
  std::vector<const uint8_t*> columns;
  for (size_t c = 0; c < kIndexColumns; ++c) {
    if (kept->columns[c].size() != kept->n * index.store().column(c).width())
      throw std::invalid_argument("a column");
    columns.push_back(kept->columns[c].empty() ? nullptr : kept->columns[c].data());
  }
  index.restore(kept->n, kept->ids.empty() ? nullptr : kept->ids.data(), kept->next_id, columns,
                kept);
}

inline void check(bool holds) {
  if (!holds) std::abort();
}

inline void add_rows(Index& index, size_t n) {
  const std::vector<uint8_t> codes = make_codes(n, 1);
  NewRows rows;
  rows.n = n;
  rows.codes = codes.data();
  index.add(rows);
}

// Also asks for more rows than there are, unless that takes long.
inline void search(const Index& index, bool for_all = true) {
  const std::vector<uint8_t> queries = make_codes(6, 77);
  for (const size_t k : {size_t{1}, size_t{5}, for_all ? index.size() + 2 : 3}) {
    for (const bool filtered : {false, true}) {
      SearchOptions options;
      options.n_threads = 1;
      if (filtered) options.filter = {IdFilter::kRange, nullptr, nullptr, 0, 0, 1000, 3};
      std::vector<int64_t> ids(6 * k);
      std::vector<int32_t> integers(6 * k);
      std::vector<float> fractions(6 * k);
      const bool whole = index.metric().integer_distances;
      index.search(queries.data(), 6, k, options,
                   {ids.data(), whole ? integers.data() : nullptr,
                    whole ? nullptr : fractions.data(), nullptr});
      for (const int64_t id : ids) check(id == -1 || index.contains(id));
    }
    SearchOptions options;
    options.n_threads = 1;
    options.effort = k;
    const WithinResult found = index.range_search(queries.data(), 6, 12.0f, options);
    for (const int64_t id : found.ids) check(index.contains(id));
  }
}

// Writes of every sort, each followed by searches.
inline void change_rows(Index& index, bool for_all = true) {
  const std::vector<uint8_t> codes = make_codes(90, 5);
  NewRows rows;
  rows.n = 90;
  rows.codes = codes.data();
  const std::vector<int64_t> ids = index.ids();
  const auto half = std::min<size_t>(ids.size() / 2, 90);
  index.add(rows);
  search(index, for_all);
  rows.n = half;
  rows.ids = ids.data();
  index.update(rows);
  search(index, for_all);
  index.remove(ids.data() + half / 2, half, {});
  search(index, for_all);
  index.compact(nullptr);
}

// What a harness does with an input.
void try_input(FuzzedDataProvider& data);

}  // namespace bitindex::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t n) {
  bitindex::set_default_threads(1);
  FuzzedDataProvider data(bytes, n);
  bitindex::fuzz::try_input(data);
  return 0;
}
