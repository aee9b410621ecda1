#include "index/index.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "index/restored_rows.h"
#include "kernels/dispatch.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kMaxBits = 65536;  // sums of table entries and set sizes stay exact in float

const IndexLayout& checked(const IndexLayout& layout) {
  if (layout.n_bits < 1 || layout.n_bits > kMaxBits)
    throw std::invalid_argument("n_bits must be between 1 and " + std::to_string(kMaxBits) +
                                ", got " + std::to_string(layout.n_bits));
  return layout;
}

const Metric& checked_metric(const IndexLayout& layout) {
  const Metric& metric = metric_named(layout.metric);
  if (layout.n_bits % metric.bits_per_dim != 0)
    throw std::invalid_argument("n_bits must be a multiple of " +
                                std::to_string(metric.bits_per_dim) + " with metric='" +
                                metric.name + "', got " + std::to_string(layout.n_bits));
  return metric;
}

std::vector<size_t> column_widths(const IndexLayout& layout, const Metric& metric) {
  std::vector<size_t> widths(kIndexColumns, 0);
  widths[kCodes] = layout.n_bytes();
  if (metric.row_terms != nullptr) widths[kRowTerms] = sizeof(float);
  if (layout.has_scales) widths[kScales] = sizeof(float);
  if (layout.has_offsets) widths[kOffsets] = sizeof(float);
  widths[kVectors] = layout.vectors.row_bytes();
  return widths;
}

// The bits of a code's last byte that lie beyond n_bits.
uint8_t padding_mask(size_t n_bits, bool big_endian) {
  const unsigned used = n_bits % 8;
  if (used == 0) return 0;
  return static_cast<uint8_t>(big_endian ? 0xffu >> used : 0xffu << used);
}

}  // namespace

Index::Index(const IndexLayout& layout)
    : layout_(checked(layout)),
      metric_(checked_metric(layout_)),
      kernels_(active_kernels()),
      store_(column_widths(layout, metric_)) {}

size_t Index::size() const {
  const auto lock = lock_.read();
  return store_.n_live();
}

size_t Index::memory_bytes() const {
  const auto lock = lock_.read();
  return store_.memory_bytes() + structure_bytes();
}

size_t Index::structure_memory_bytes() const {
  const auto lock = lock_.read();
  return structure_bytes();
}

int64_t Index::next_id() const {
  const auto lock = lock_.read();
  return store_.ids().next_id();
}

template <class Look>
auto Index::with_ids(Look look) const {
  for (;;) {
    {
      const auto lock = lock_.read();
      if (store_.ids().can_find()) return look();
    }
    const auto lock = lock_.write();
    store_.ids().make_findable();
  }
}

bool Index::contains(int64_t id) const {
  return with_ids([&] { return store_.contains(id); });
}

void Index::contains(const int64_t* ids, size_t n, bool* found) const {
  with_ids([&] {
    for (size_t i = 0; i < n; ++i) found[i] = store_.contains(ids[i]);
  });
}

void Index::check_padding(const uint8_t* codes, size_t n, const char* what) const {
  const uint8_t mask = padding_mask(layout_.n_bits, layout_.big_endian);
  const size_t n_bytes = layout_.n_bytes();
  for (size_t i = 0; mask != 0 && i < n; ++i)
    if ((codes[(i + 1) * n_bytes - 1] & mask) != 0)
      throw std::invalid_argument(
          std::string(what) + " must have zero bits beyond n_bits=" +
          std::to_string(layout_.n_bits) + ", got a set padding bit in row " + std::to_string(i) +
          " (is bit_order='" + (layout_.big_endian ? "big" : "little") + "' right?)");
}

void Index::get(const int64_t* ids, size_t n, uint8_t* codes) const {
  with_ids([&] {
    const Column& column = store_.column(kCodes);
    for (size_t i = 0; i < n; ++i)
      std::memcpy(codes + i * column.width(), column.row(store_.row_of(ids[i])), column.width());
  });
}

std::vector<int64_t> Index::ids() const {
  const auto lock = lock_.read();
  std::vector<int64_t> ids;
  ids.reserve(store_.n_live());
  for (size_t row = 0; row < store_.n_rows(); ++row)
    if (store_.is_live(row)) ids.push_back(store_.ids().id(row));
  return ids;
}

template <class Find>
auto Index::with_scan(const SearchOptions& options, Find find) const {
  Cancel cancel(options.poll);
  const size_t n_threads = options.n_threads != 0 ? options.n_threads : default_threads();
  const auto scan = [&] {
    const RowFilter filter(store_, options.filter);
    return find(Scan{store_, kernels_, filter, n_threads, cancel});
  };
  if (options.filter.kind == IdFilter::kList) return with_ids(scan);
  const auto lock = lock_.read();
  return scan();
}

QueryBatch Index::metric_queries(const uint8_t* queries, size_t n_queries, size_t effort) const {
  return {n_queries, effort, [this, queries, n_queries](const RowStore& store) {
            return metric_.score(kernels_, layout_.codes(), queries, n_queries,
                                 store.column(kRowTerms).floats());
          }};
}

void Index::search(const uint8_t* queries, size_t n_queries, size_t k, const SearchOptions& options,
                   const ResultRows& results) const {
  check_padding(queries, n_queries, "queries");
  with_scan(options, [&](const Scan& scan) {
    const QueryBatch batch = metric_queries(queries, n_queries, options.effort);
    const size_t found = std::min(k, scan.filter.n_allowed());
    write_results(find_nearest(scan, batch, found), k, false, results);
  });
}

WithinResult Index::range_search(const uint8_t* queries, size_t n_queries, float radius,
                                 const SearchOptions& options) const {
  check_padding(queries, n_queries, "queries");
  return with_scan(options, [&](const Scan& scan) {
    const QueryBatch batch = metric_queries(queries, n_queries, options.effort);
    const CandidateLists lists = find_within(scan, batch, radius);
    WithinResult result;
    result.limits.push_back(0);
    for (const std::vector<Candidate>& list : lists) {
      for (const Candidate& candidate : list) {
        result.ids.push_back(store_.ids().id(candidate.row()));
        result.keys.push_back(candidate.key());
      }
      result.limits.push_back(static_cast<int64_t>(result.ids.size()));
    }
    return result;
  });
}

void Index::search_estimates(const EstimateQueries& queries, size_t k,
                             std::optional<size_t> n_candidates, const VectorQueries* rescoring,
                             const SearchOptions& options, const ResultRows& results) const {
  with_scan(options, [&](const Scan& scan) {
    std::vector<size_t> n_rescored(queries.n, 0);
    const CandidateLists lists =
        find_similar(scan, queries, options.effort, k, n_candidates, rescoring, n_rescored);
    write_results(lists, k, true, results);
    if (results.n_rescored != nullptr)
      std::copy(n_rescored.begin(), n_rescored.end(), results.n_rescored);
  });
}

void Index::write_results(const CandidateLists& lists, size_t k, bool similarities,
                          const ResultRows& results) const {
  const float sign = similarities ? -1.0f : 1.0f;
  for (size_t q = 0; q < lists.size(); ++q)
    for (size_t i = 0; i < k; ++i) {
      const size_t to = q * k + i;
      const bool found = i < lists[q].size();
      results.ids[to] = found ? store_.ids().id(lists[q][i].row()) : -1;
      const float key = found ? lists[q][i].key() : std::numeric_limits<float>::infinity();
      if (results.fractions != nullptr)
        results.fractions[to] = sign * key + 0.0f;  // never -0.0
      else
        results.integers[to] =
            found ? static_cast<int32_t>(key) : std::numeric_limits<int32_t>::max();
    }
}

void Index::check_content(bool (*poll)()) const {
  Cancel cancel(poll);
  const auto lock = lock_.read();
  check_restored_rows(layout_, metric_, kernels_, store_, cancel);
  check_structure(cancel);
}

}  // namespace bitindex
