#include "scan/query_plan.h"

#include <algorithm>

#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// Slicing rows costs as much as counting them for two queries (docs/decisions/scan.md).
constexpr size_t kMinSlicedQueries = 3;
constexpr size_t kQueriesPerTask = 64;

Method choose_method(const Score& score, size_t n_queries) {
  if (score.bit_counts() == nullptr) return Method::kTables;
  return n_queries < kMinSlicedQueries ? Method::kRows : Method::kSlices;
}

void append_filled_up(const std::vector<uint32_t>& list, uint32_t filling,
                      std::vector<uint32_t>& bits) {
  bits.insert(bits.end(), list.begin(), list.end());
  bits.resize(bits.size() + (8 - list.size() % 8) % 8, filling);
}

size_t filled_up(size_t n) { return (n + 7) / 8 * 8; }

}  // namespace

QueryPlan::QueryPlan(const Scan& scan, const Score& score, size_t first_query, size_t n_queries)
    : score_(score),
      first_query_(first_query),
      n_queries_(n_queries),
      n_bytes_(scan.store.column(0).width()),
      method_(choose_method(score, n_queries)),
      table_bytes_(32 * n_bytes_) {
  if (method_ == Method::kRows) return;
  if (method_ == Method::kTables) {
    tables_ = make_aligned(n_queries * table_bytes_);
  } else {
    pairs_.resize((n_queries + 1) / 2);
    bits_.resize(pairs_.size());
  }
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan.n_threads, scan.cancel,
            [&](size_t task) {
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                if (method_ == Method::kTables)
                  score.write_table(first_query + q, tables_.get() + q * table_bytes_);
                else if (q % 2 == 0)
                  plan_pair(scan.kernels, q / 2);
            });
}

// A slice that both queries choose is counted once for the two, and one that neither chooses not at
// all. For bits that differ, each query may as well choose the bits that it lacks: of the four
// kinds of bits, the most frequent kind is then the one that neither chooses.
void QueryPlan::plan_pair(const KernelTable& kernels, size_t i) {
  const BitCounts& counts = *score_.bit_counts();
  const size_t first = number_in_score(2 * i);
  const size_t n_here = std::min<size_t>(2, n_queries_ - 2 * i);
  const uint8_t* codes[2] = {counts.query(first), counts.query(first + n_here - 1)};
  std::vector<uint32_t> kinds[4];  // bit 0 of a kind: the first query has it; bit 1: the second
  for (uint32_t bit = 0; bit < 8 * n_bytes_; ++bit) {
    const int in_first = codes[0][bit / 8] >> (bit % 8) & 1;
    const int in_second = n_here == 2 ? codes[1][bit / 8] >> (bit % 8) & 1 : 0;
    kinds[in_first + 2 * in_second].push_back(bit);
  }
  size_t neither = 0;
  for (size_t kind = 1; kind < 2 * n_here && !counts.common; ++kind)
    if (kinds[kind].size() > kinds[neither].size()) neither = kind;

  PlannedPair& pair = pairs_[i];
  const std::vector<uint32_t>& both = kinds[neither ^ 3];
  const std::vector<uint32_t>& only_first = kinds[neither ^ 1];
  const std::vector<uint32_t>& only_second = kinds[neither ^ 2];
  const auto zeros = static_cast<uint32_t>(8 * n_bytes_ + kZeroSlice);
  for (const auto* list : {&both, &only_first, &only_second})
    append_filled_up(*list, zeros, bits_[i]);
  pair.slices = {bits_[i].data(), filled_up(both.size()), filled_up(only_first.size()),
                 filled_up(only_second.size()), n_here};
  for (size_t j = 0; j < n_here; ++j) {
    uint32_t popcount;
    kernels.popcount_rows(codes[j], 1, n_bytes_, &popcount);
    pair.popcounts[j] = static_cast<int32_t>(popcount);
    pair.inverted[j] = (neither >> j & 1) != 0;
  }
}

}  // namespace bitindex
