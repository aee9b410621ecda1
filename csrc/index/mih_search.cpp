#include "index/mih_search.h"

#include <algorithm>
#include <bitset>
#include <cstring>

#include "codes/lowest_bit.h"
#include "codes/prefetch.h"

namespace bitindex {
namespace {

// Reads of memory that are under way together.
constexpr size_t kProbesTogether = 128;
constexpr size_t kHitsTogether = 64;
constexpr size_t kRowsTogether = 64;
constexpr size_t kBytesAhead = 128;

// Most codes are a few whole words, for which a call of memcpy takes longer than the copy.
void copy_code(uint8_t* to, const uint8_t* from, size_t n_bytes) {
  if (n_bytes % sizeof(uint64_t) != 0) {
    std::memcpy(to, from, n_bytes);
    return;
  }
  for (size_t i = 0; i < n_bytes; i += sizeof(uint64_t))
    std::memcpy(to + i, from + i, sizeof(uint64_t));
}

size_t n_bits_set(uint32_t word) { return std::bitset<32>(word).count(); }

// The next larger number with as many bits (Gosper, HAKMEM 175). Low bits change fastest, so
// buckets that follow each other lie close together.
uint32_t next_with_as_many_bits(uint32_t x) {
  const uint32_t lowest = x & (~x + 1);
  const uint32_t carried = x + lowest;
  return carried | (x ^ carried) >> (2 + lowest_bit(x));
}

}  // namespace

FoundRows::FoundRows(size_t k, uint32_t radius, const NearerFirst& nearer_first)
    : k_(k), limit_(radius), nearer_first_(nearer_first) {}

void FoundRows::tighten() {
  if (is_tight_ || rows_.size() < k_) return;
  nearer_first_.select(rows_, k_);
  rows_.resize(k_);
  const Candidate farthest = *std::max_element(rows_.begin(), rows_.end());
  limit_ = std::min(limit_, static_cast<uint32_t>(farthest.key()));
  is_tight_ = true;
}

bool FoundRows::holds(uint32_t row) const noexcept {
  return std::any_of(rows_.begin(), rows_.end(),
                     [row](const Candidate& c) { return c.row() == row; });
}

std::vector<Candidate> FoundRows::take() {
  tighten();
  nearer_first_.sort(rows_);
  return std::move(rows_);
}

MihSearch::MihSearch(const MihContext& context, std::vector<MihQuery>& queries)
    : context_(context),
      codes_(context.scan.store.column(0)),
      queries_(queries),
      n_bytes_of_values_(context.tables.n_bytes_read()),
      gathered_(kRowsTogether * codes_.width()),
      counts_(kRowsTogether) {
  probes_.reserve(kProbesTogether);
  hits_.reserve(kHitsTogether);
  values_.reserve(queries.size() * context.tables.n_substrings());
  for (const MihQuery& query : queries)
    for (size_t j = 0; j < context.tables.n_substrings(); ++j)
      values_.push_back(context.tables.substring(j).value(query.code));
}

void MihSearch::run() {
  for (MihQuery& query : queries_) look_at_untabled_rows(query);
  const size_t n_substrings = context_.tables.n_substrings();
  // Without flips all substrings together: a round costs the time of a few far reads at least.
  run_round(0, n_substrings, n_substrings - 1);
  for (n_flips_ = 1; n_flips_ <= context_.tables.n_substring_bits(); ++n_flips_)
    for (size_t j = 0; j < n_substrings; ++j) {
      const auto is_probing = [](const MihQuery& q) { return q.state == MihQuery::kProbing; };
      if (std::none_of(queries_.begin(), queries_.end(), is_probing)) return;
      run_round(j, j + 1, n_flips_ * n_substrings + j);
    }
  for (MihQuery& query : queries_)
    if (query.state == MihQuery::kProbing) query.state = MihQuery::kDone;
}

void MihSearch::run_round(size_t first_substring, size_t last_substring, size_t complete) {
  for (uint32_t q = 0; q < queries_.size(); ++q) {
    MihQuery& query = queries_[q];
    if (query.state != MihQuery::kProbing) continue;
    // A small radius needs few of the substrings even without flips.
    const size_t limit = query.found.limit();
    const size_t last = n_flips_ == 0 ? std::min(last_substring, limit + 1) : last_substring;
    const double n_probes =
        context_.counts.with_flips(n_flips_) * static_cast<double>(last - first_substring);
    const double n_before = complete < last_substring ? 0.0 : context_.counts.within(complete - 1);
    if (!query.budget.begin_round(n_probes, context_.counts.within(limit) - n_before))
      query.state = MihQuery::kTooDear;
    for (size_t j = first_substring; j < last && query.state == MihQuery::kProbing; ++j)
      probe(q, static_cast<uint32_t>(j));
  }
  flush_probes();
  flush_hits();
  for (MihQuery& query : queries_) {
    if (query.state != MihQuery::kProbing) continue;
    query.found.tighten();
    if (query.found.limit() <= complete) query.state = MihQuery::kDone;
  }
}

void MihSearch::probe(uint32_t query, uint32_t substring) {
  const uint32_t value = values_[query * context_.tables.n_substrings() + substring];
  const auto end = uint32_t{1} << context_.tables.n_substring_bits();
  uint32_t flips = (uint32_t{1} << n_flips_) - 1;
  do {
    probes_.push_back({query, substring, value ^ flips});
    prefetch_bytes(context_.tables.offset(substring, value ^ flips), 1);
    if (probes_.size() == kProbesTogether) {
      flush_probes();
      if (queries_[query].state != MihQuery::kProbing) return;
    }
    if (n_flips_ == 0) return;
    flips = next_with_as_many_bits(flips);
  } while (flips < end);
}

void MihSearch::flush_probes() {
  context_.scan.cancel.throw_if_stopped();
  for (const Probe& probe : probes_) {
    const MihTables::Bucket bucket = context_.tables.bucket(probe.substring, probe.value);
    MihQuery& query = queries_[probe.query];
    if (query.state == MihQuery::kProbing &&
        !query.budget.spend(static_cast<size_t>(bucket.end - bucket.begin)))
      query.state = MihQuery::kTooDear;
    if (bucket.begin != bucket.end) prefetch_bytes(bucket.begin, 1);
  }
  for (const Probe& probe : probes_) {
    if (queries_[probe.query].state != MihQuery::kProbing) continue;
    const MihTables::Bucket bucket = context_.tables.bucket(probe.substring, probe.value);
    for (const uint32_t* row = bucket.begin; row != bucket.end; ++row) {
      if (!allows(*row)) continue;
      prefetch_bytes(codes_.row(*row), std::min(codes_.width(), kBytesAhead));
      hits_.push_back({probe.query, probe.substring, *row});
      if (hits_.size() == kHitsTogether) flush_hits();
    }
  }
  probes_.clear();
}

void MihSearch::flush_hits() {
  for (size_t first = 0, last; first < hits_.size(); first = last) {
    const uint32_t q = hits_[first].query;
    for (last = first; last < hits_.size() && hits_[last].query == q; ++last)
      copy_code(gathered_.data() + (last - first) * codes_.width(), codes_.row(hits_[last].row),
                codes_.width());
    MihQuery& query = queries_[q];
    count_bits(query.code, last - first);
    for (size_t i = first; i < last; ++i)
      if (counts_[i - first] <= query.found.limit() && !was_found_before(hits_[i]))
        query.found.push(counts_[i - first], hits_[i].row);
  }
  hits_.clear();
}

void MihSearch::look_at_untabled_rows(MihQuery& query) {
  const std::vector<uint32_t>& replaced = context_.replaced;
  for (size_t first = 0; first < replaced.size(); first += kRowsTogether)
    look_at_rows(query, replaced.data() + first, std::min(kRowsTogether, replaced.size() - first));
  const size_t n_rows = context_.scan.store.n_rows();
  for (size_t first = context_.tables.n_rows(); first < n_rows; first += kRowsTogether) {
    uint32_t rows[kRowsTogether];
    const size_t n = std::min(kRowsTogether, n_rows - first);
    for (size_t i = 0; i < n; ++i) rows[i] = static_cast<uint32_t>(first + i);
    look_at_rows(query, rows, n);
  }
  query.found.tighten();
}

void MihSearch::look_at_rows(MihQuery& query, const uint32_t* rows, size_t n) {
  for (size_t i = 0; i < n; ++i)
    copy_code(gathered_.data() + i * codes_.width(), codes_.row(rows[i]), codes_.width());
  count_bits(query.code, n);
  for (size_t i = 0; i < n; ++i)
    if (counts_[i] <= query.found.limit() && allows(rows[i])) query.found.push(counts_[i], rows[i]);
}

void MihSearch::count_bits(const uint8_t* query, size_t n) {
  context_.scan.kernels.xor_count_rows(query, gathered_.data(), n, codes_.width(), counts_.data());
}

bool MihSearch::was_found_before(const Hit& hit) const {
  const std::vector<uint32_t>& replaced = context_.replaced;
  if (std::binary_search(replaced.begin(), replaced.end(), hit.row)) return true;
  // By the order of look-ups, unless there are fewer rows to compare with.
  const FoundRows& found = queries_[hit.query].found;
  if (found.size() <= n_bytes_of_values_) return found.holds(hit.row);
  const size_t n_substrings = context_.tables.n_substrings();
  const uint8_t* const code = codes_.row(hit.row);
  for (size_t j = 0; j < n_substrings; ++j) {
    if (j == hit.substring) continue;
    const uint32_t value = context_.tables.substring(j).value(code);
    const size_t differ = n_bits_set(value ^ values_[hit.query * n_substrings + j]);
    if (j < hit.substring ? differ <= n_flips_ : differ < n_flips_) return true;
  }
  return false;
}

}  // namespace bitindex
