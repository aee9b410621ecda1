#include "graph/neighbour_choice.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace bitindex {
namespace {

bool counts_bits(const RowMetric& metric) {
  return metric.score(metric.store.column(0).data(), 0)->bit_counts() != nullptr;
}

}  // namespace

// Sums of table entries would need a table for each candidate. Where two of them stand is told well
// enough by the bits that differ.
NeighbourChoice::NeighbourChoice(const RowMetric& metric)
    : metric_(metric), counts_(counts_bits(metric) ? metric.metric : metric_named("hamming")) {}

void NeighbourChoice::prepare(const uint8_t* code, const Layer& layer,
                              std::vector<Candidate>& candidates) {
  const size_t n = candidates.size(), n_bytes = metric_.codes.n_bytes();
  codes_.resize(n * n_bytes);
  kept_codes_.resize(n * n_bytes);
  kept_terms_.resize(n);
  keys_.resize(n);
  sums_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    std::memcpy(codes_.data() + i * n_bytes,
                metric_.store.column(0).row(layer.row(candidates[i].row())), n_bytes);
    keys_[i] = candidates[i].key();
  }
  score_ = counts_.score(metric_.kernels, metric_.codes, codes_.data(), n, kept_terms_.data());
  if (&counts_ == &metric_.metric) return;
  metric_.kernels.xor_count_rows(code, codes_.data(), n, n_bytes, sums_.data());
  for (size_t i = 0; i < n; ++i) keys_[i] = static_cast<float>(sums_[i]);
}

bool NeighbourChoice::is_nearer_to_a_kept_one(size_t candidate, float key) {
  const BitCounts& bits = *score_->bit_counts();
  const float limit = std::nextafter(key, -std::numeric_limits<float>::infinity());
  const int32_t bound = score_->sum_bound(candidate, limit, 0.0f);
  const auto count = bits.common ? metric_.kernels.and_count_rows : metric_.kernels.xor_count_rows;
  count(bits.query(candidate), kept_codes_.data(), n_kept_, bits.n_bytes, sums_.data());
  for (size_t i = 0; i < n_kept_; ++i) {
    const auto sum = static_cast<int32_t>(sums_[i]);
    if (bits.common ? sum < bound : sum > bound) continue;
    if (score_->key(candidate, sums_[i], i) <= limit) return true;
  }
  return false;
}

void NeighbourChoice::choose(const uint8_t* code, const Layer& layer, size_t most,
                             std::vector<Candidate>& candidates) {
  prepare(code, layer, candidates);
  const size_t n_bytes = metric_.codes.n_bytes();
  n_kept_ = 0;
  for (size_t i = 0; i < candidates.size() && n_kept_ < most; ++i) {
    const Candidate candidate = candidates[i];
    if (is_nearer_to_a_kept_one(i, keys_[i])) continue;
    std::memcpy(kept_codes_.data() + n_kept_ * n_bytes, codes_.data() + i * n_bytes, n_bytes);
    if (metric_.row_terms != nullptr)
      kept_terms_[n_kept_] = metric_.row_terms[layer.row(candidate.row())];
    candidates[n_kept_++] = candidate;
  }
  candidates.resize(n_kept_);
}

}  // namespace bitindex
