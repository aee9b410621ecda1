#include "scan/group_scan.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>

#include "codes/prefetch.h"
#include "scan/visit_groups.h"
#include "scan/within.h"

namespace bitindex {
namespace {

// So many bytes are read in the time that a visit takes longer which has no limit yet.
constexpr size_t bytes_of_limit(size_t k) { return 4000 + 400 * k; }

float before(std::optional<float> similarity, float limit) {
  return similarity.has_value() ? limit_before(*similarity, limit) : limit;
}

// The nearest rows of a group, where nothing is known of others. As in LaterVisit, `similarity` is
// subtracted from what are keys before.
class FirstVisit {
 public:
  void begin(size_t k, const NearerFirst& nearer_first, SharedLimit& shared,
             std::optional<float> similarity) {
    nearest_.emplace(k, nearer_first, shared, SharedLimit::kNoRange, false);
    similarity_ = similarity;
  }
  size_t wanted() const noexcept { return nearest_->wanted(); }
  float limit() noexcept { return before(similarity_, nearest_->limit()); }
  void narrow(float key) noexcept { nearest_->narrow(key - similarity_.value_or(0.0f)); }
  void push(float key, uint32_t row) { nearest_->push(key - similarity_.value_or(0.0f), row); }
  std::vector<Candidate> take() { return nearest_->take(); }

 private:
  std::optional<TopK> nearest_;
  std::optional<float> similarity_;
};

// The rows of a group that may be among the nearest, given what is known of others: few, so that
// selecting can wait. `wanted`: k where the group may be nearer than those, else 0.
class LaterVisit {
 public:
  void begin(size_t wanted, SharedLimit& shared, std::optional<float> similarity) noexcept {
    wanted_ = wanted;
    shared_ = &shared;
    similarity_ = similarity;
    candidates_.clear();
  }
  size_t wanted() const noexcept { return wanted_; }
  void narrow(float key) noexcept {
    shared_->publish(key - similarity_.value_or(0.0f), SharedLimit::kNoRange);
  }
  float limit() noexcept {
    limit_ = shared_->limit(SharedLimit::kNoRange, false);
    return before(similarity_, limit_);
  }
  void push(float key, uint32_t row) {
    key -= similarity_.value_or(0.0f);
    if (key <= limit_) candidates_.emplace_back(key, row);
  }
  const std::vector<Candidate>& candidates() const noexcept { return candidates_; }

 private:
  size_t wanted_ = 0;
  SharedLimit* shared_ = nullptr;
  std::optional<float> similarity_;
  float limit_ = 0.0f;
  std::vector<Candidate> candidates_;
};

// What threads have found for one query.
struct Found {
  std::mutex mutex;
  std::vector<Candidate> candidates;

  void append(const std::vector<Candidate>& more) {
    candidates.insert(candidates.end(), more.begin(), more.end());
  }
};

// Calls use(plan, first query) for one batch of queries after the other.
template <class Use>
void for_each_batch(const Scan& scan, const Score& score, size_t n_queries, Use use) {
  const size_t batch = QueryPlan::most_queries(scan.store.column(0).width());
  for (size_t first = 0; first < n_queries; first += batch)
    use(QueryPlan(scan, score, first, std::min(batch, n_queries - first), false), first);
}

// The nearest rows of each query of a batch, from which later groups learn how near rows must be.
class NearestOfBatch {
 public:
  // similarities: as scan_groups_nearest takes them, those of the first query of the batch first.
  NearestOfBatch(const Scan& scan, const QueryPlan& plan, const RowGroups& groups, size_t k,
                 const float* similarities)
      : scan_(scan),
        plan_(plan),
        groups_(groups),
        k_(k),
        similarities_(similarities),
        nearer_first_(scan.store.ids()),
        limits_(plan.n_queries()),
        found_(std::make_unique<Found[]>(plan.n_queries())) {}

  // Looks at the first groups of each query.
  void look_at_first(GroupVisits& visits) {
    run_visits(
        scan_, plan_, groups_, visits, FirstVisit(),
        [&](size_t q, size_t group, FirstVisit& visit) {
          visit.begin(k_, nearer_first_, limits_[q], similarity(q, group));
        },
        [&](size_t q, FirstVisit& visit) { add(q, visit.take()); });
    cut_all();
  }
  // Looks at other groups, or at all of them.
  void look_at_rest(GroupVisits& visits, bool is_all) {
    const size_t wanted = is_all ? k_ : 0;
    run_visits(
        scan_, plan_, groups_, visits, LaterVisit(),
        [&](size_t q, size_t group, LaterVisit& visit) {
          prefetch_bytes(&found_[q], sizeof(Found));  // for what the visit finds
          visit.begin(wanted, limits_[q], similarity(q, group));
        },
        [&](size_t q, LaterVisit& visit) { add(q, visit.candidates()); });
  }

  // For one query after the other.
  std::vector<Candidate> take(size_t q) {
    expect(q + kQueriesAhead);
    std::vector<Candidate> nearest = std::move(found_[q].candidates);
    nearer_first_.select(nearest, k_);
    if (nearest.size() > k_) nearest.resize(k_);
    nearer_first_.sort(nearest);
    return nearest;
  }

 private:
  static constexpr size_t kMinCapacity = 32;
  static constexpr size_t kQueriesAhead = 4;  // so long does it take until memory has come

  std::optional<float> similarity(size_t q, size_t group) const {
    if (similarities_ == nullptr) return std::nullopt;
    return similarities_[q * groups_.n_groups() + group];
  }
  void add(size_t q, const std::vector<Candidate>& more) {
    if (more.empty()) return;
    std::unique_lock<std::mutex> lock(found_[q].mutex, std::defer_lock);
    if (scan_.n_threads > 1) lock.lock();  // which takes longer than what it guards
    found_[q].append(more);
    if (found_[q].candidates.size() >= std::max(2 * k_, kMinCapacity)) cut(q);
  }
  void cut_all() {
    for (size_t q = 0; q < plan_.n_queries(); ++q)
      if (found_[q].candidates.size() >= k_) cut(q);
  }
  void expect(size_t q) const {
    if (q >= plan_.n_queries()) return;
    for (const Candidate& candidate : found_[q].candidates) nearer_first_.expect(candidate.row());
  }
  // Of at least k.
  void cut(size_t q) {
    limits_[q].publish(nearer_first_.cut(found_[q].candidates, k_), SharedLimit::kNoRange);
  }

  const Scan& scan_;
  const QueryPlan& plan_;
  const RowGroups& groups_;
  size_t k_;
  const float* similarities_;
  NearerFirst nearer_first_;
  std::vector<SharedLimit> limits_;
  std::unique_ptr<Found[]> found_;
};

// Whether to look at all groups of a query in the order of memory, not at its first one before the
// others. A group that is the first one for some queries and another one for others is then read
// once, but visits come without a limit, which costs as much time as it takes to read some bytes.
bool is_better_at_once(const Scan& scan, const QueryPlan& plan, const RowGroups& groups,
                       const std::vector<uint32_t>* chosen, size_t k) {
  if (!plan.ranks_by_bits()) return false;
  std::vector<bool> is_first(groups.n_groups());
  for (size_t q = 0; q < plan.n_queries(); ++q)
    if (!chosen[q].empty()) is_first[chosen[q].front()] = true;
  size_t n_rows_again = 0, n_others = 0;
  for (size_t q = 0; q < plan.n_queries(); ++q)
    for (size_t i = 1; i < chosen[q].size(); ++i, ++n_others) {
      if (!is_first[chosen[q][i]]) continue;
      is_first[chosen[q][i]] = false;
      n_rows_again += groups.count_rows(chosen[q][i], scan.store.n_rows());
    }
  return n_rows_again * scan.store.column(0).width() > n_others * bytes_of_limit(k);
}

}  // namespace

CandidateLists scan_groups_nearest(const Scan& scan, const Score& score, const RowGroups& groups,
                                   const GroupChoice& chosen, size_t k, const float* similarities) {
  CandidateLists lists(chosen.size());
  if (k == 0) return lists;
  const bool has_unplaced =
      similarities == nullptr && groups.count_rows(groups.unplaced(), scan.store.n_rows()) > 0;
  for_each_batch(scan, score, chosen.size(), [&](const QueryPlan& plan, size_t first_query) {
    const float* of_batch =
        similarities == nullptr ? nullptr : similarities + first_query * groups.n_groups();
    NearestOfBatch nearest(scan, plan, groups, k, of_batch);
    // The most promising group of each query comes first: it makes the others cheap.
    GroupVisits first, rest;
    const bool at_once = is_better_at_once(scan, plan, groups, chosen.data() + first_query, k);
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      const std::vector<uint32_t>& of_query = chosen[first_query + q];
      if (has_unplaced) (at_once ? rest : first).add(groups.unplaced(), q);
      for (size_t i = 0; i < of_query.size(); ++i)
        (i == 0 && !at_once ? first : rest).add(of_query[i], q);
    }
    nearest.look_at_first(first);
    nearest.look_at_rest(rest, at_once);
    for (size_t q = 0; q < plan.n_queries(); ++q) lists[first_query + q] = nearest.take(q);
  });
  return lists;
}

CandidateLists scan_groups_within(const Scan& scan, const Score& score, const RowGroups& groups,
                                  const GroupChoice& chosen, float radius) {
  CandidateLists lists(chosen.size());
  const NearerFirst nearer_first(scan.store.ids());
  const bool has_unplaced = groups.count_rows(groups.unplaced(), scan.store.n_rows()) > 0;
  for_each_batch(scan, score, chosen.size(), [&](const QueryPlan& plan, size_t first_query) {
    GroupVisits visits;
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      if (has_unplaced) visits.add(groups.unplaced(), q);
      for (const uint32_t group : chosen[first_query + q]) visits.add(group, q);
    }
    const auto found = std::make_unique<Found[]>(plan.n_queries());
    run_visits(
        scan, plan, groups, visits, Within(radius), [](size_t, size_t, Within&) {},
        [&](size_t q, Within& within) {
          const std::lock_guard<std::mutex> lock(found[q].mutex);
          found[q].append(within.take());
        });
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      nearer_first.sort(found[q].candidates);
      lists[first_query + q] = std::move(found[q].candidates);
    }
  });
  return lists;
}

}  // namespace bitindex
