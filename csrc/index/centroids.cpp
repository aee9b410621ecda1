#include "index/centroids.h"

#include <algorithm>

#include "scan/bit_tally.h"
#include "scan/rank_rows.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// So many more than are wanted, by their codes, hold nearly all of the nearest by means.
constexpr size_t kMoreByCodes = 16;
constexpr size_t kQueriesPerTask = 64;
constexpr size_t kCodesAtOnce = size_t{1} << 16;  // results of a search take memory

std::vector<size_t> widths_without_vectors(const RowStore& rows) {
  std::vector<size_t> widths;
  for (size_t c = 0; c < rows.n_columns(); ++c) widths.push_back(rows.column(c).width());
  widths[kVectors] = 0;
  return widths;
}

}  // namespace

Centroids::Centroids(const Index& index, const KernelTable& kernels, const RowStore& rows)
    : Centroids(index.layout(), index.metric(), kernels, widths_without_vectors(rows)) {
  uses_means_ = metric_.integer_distances && ranks_by_bits();
}

Centroids::Centroids(const IndexLayout& layout, const Metric& metric, const KernelTable& kernels,
                     const std::vector<size_t>& widths)
    : layout_(layout),
      metric_(metric),
      kernels_(kernels),
      bit_score_(metric_.score(kernels, layout_.codes(), nullptr, 0, nullptr)),
      widths_(widths),
      store_(widths_),
      ranked_(layout_.n_bytes()),
      means_(layout_.n_bytes()) {}

void Centroids::set(const uint8_t* codes, size_t n, const CentroidTerms& terms, CentroidMeans means,
                    size_t n_near, Cancel& cancel) {
  put(codes, n, terms, std::move(means));
  if (n_near == 0 || n_near > n / 2 || n < kMinRegional) return;
  const CentroidRegions regions = learn_regions(codes, n, cancel);
  ranked_.take(codes, regions.order, regions.codes.data(), n_near);
}

void Centroids::put(const uint8_t* codes, size_t n, const CentroidTerms& terms,
                    CentroidMeans means) {
  std::vector<float> row_terms;
  if (metric_.row_terms != nullptr) {
    row_terms.resize(n);
    metric_.row_terms(kernels_, layout_.codes(), codes, n, row_terms.data());
  }
  RowStore store(widths_);
  store.write(store.prepare_add(n, nullptr), n, nullptr,
              {codes, row_terms.data(), terms.scales.data(), terms.offsets.data(), nullptr});
  store_ = std::move(store);
  if (ranks_by_bits()) ranked_.take(codes, n);
  means_ = std::move(means);
}

bool Centroids::ranks_by_bits() const { return ranks_by_tally(*bit_score_, layout_.n_bytes()); }

void Centroids::keep(const std::vector<uint32_t>& numbers, const CentroidTerms& terms,
                     Cancel& cancel) {
  const size_t n_bytes = layout_.n_bytes();
  std::vector<uint8_t> kept(numbers.size() * n_bytes);
  copy_rows(store_.column(kCodes).data(), n_bytes, numbers.data(), numbers.size(), kept.data());
  set(kept.data(), numbers.size(), terms, means_.kept(numbers), ranked_.n_near(), cancel);
}

std::vector<uint8_t> Centroids::codes() const {
  const Column& codes = store_.column(kCodes);
  return {codes.data(), codes.data() + codes.n_rows() * codes.width()};
}

CentroidTerms Centroids::terms() const {
  const auto numbers = [&](IndexColumn c) {
    const float* values = store_.column(c).floats();
    return values == nullptr ? std::vector<float>() : std::vector<float>(values, values + size());
  };
  return {numbers(kScales), numbers(kOffsets)};
}

CandidateLists Centroids::rank(const Score& score, size_t n_queries, size_t n, float margin,
                               size_t n_threads, Cancel& cancel) const {
  const RowFilter all(store_, {});
  const Scan scan = {store_, kernels_, all, n_threads, cancel};
  if (means_.empty() || !ranks_by_tally(score, layout_.n_bytes()))
    return rank_rows(scan, ranked_, score, n_queries, n);
  const size_t n_by_codes = std::min(size(), n + kMoreByCodes);
  CandidateLists lists = near_rows(scan, ranked_, score, n_queries, n_by_codes);
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, n_threads, cancel,
            [&](size_t task) {
              CentroidMeans::Ranker by_means(means_, kernels_);
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                by_means.select(score.bit_counts()->query(q), n, margin, lists[q]);
            });
  return lists;
}

std::vector<Candidate> Centroids::nearest(const uint8_t* codes, size_t n, Cancel& cancel) const {
  const RowFilter all(store_, {});
  const Scan scan = {store_, kernels_, all, default_threads(), cancel};
  std::vector<Candidate> found;
  found.reserve(n);
  for (size_t first = 0; first < n; first += kCodesAtOnce) {
    const size_t here = std::min(kCodesAtOnce, n - first);
    const auto score = metric_.score(kernels_, layout_.codes(), codes + first * layout_.n_bytes(),
                                     here, store_.column(kRowTerms).floats());
    const std::vector<Candidate> nearest = means_.empty()
                                               ? nearest_rows(scan, ranked_, *score, here)
                                               : nearest_by_means(*score, here, cancel);
    found.insert(found.end(), nearest.begin(), nearest.end());
  }
  return found;
}

uint32_t Centroids::distance(const uint8_t* code, uint32_t number) const noexcept {
  uint32_t bits = 0;
  kernels_.xor_count_rows(code, store_.column(kCodes).row(number), 1, layout_.n_bytes(), &bits);
  return bits;
}

std::vector<Candidate> Centroids::nearest_by_means(const Score& score, size_t n,
                                                   Cancel& cancel) const {
  std::vector<Candidate> nearest;
  nearest.reserve(n);
  for (const std::vector<Candidate>& first : rank(score, n, 1, 0.0f, default_threads(), cancel)) {
    const uint32_t number = first.front().row();
    const uint32_t bits = distance(score.bit_counts()->query(nearest.size()), number);
    nearest.emplace_back(static_cast<float>(bits), number);
  }
  return nearest;
}

}  // namespace bitindex
