#include "scan/nearer_first.h"

#include <algorithm>

namespace bitindex {
namespace {

constexpr size_t kManyToSort = 32;

struct ById {
  const IdMap& ids;
  bool operator()(const Candidate& a, const Candidate& b) const noexcept {
    return a.same_key(b) ? ids.id(a.row()) < ids.id(b.row()) : a < b;
  }
};

}  // namespace

float NearerFirst::cut(std::vector<Candidate>& candidates, size_t k) const {
  auto end = part(candidates, k);
  const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
  const float key = kth->key();
  if (static_cast<size_t>(end - candidates.begin()) > k + k / 2) {
    select_ties(candidates, k, end);
    end = kth + 1;
  }
  candidates.erase(end, candidates.end());
  return key;
}

void NearerFirst::select(std::vector<Candidate>& candidates, size_t k) const {
  if (candidates.size() > k && k > 0) select_ties(candidates, k, part(candidates, k));
}

void NearerFirst::sort(std::vector<Candidate>& candidates) const {
  if (!by_row_ && candidates.size() >= kManyToSort) return sort_many(candidates);
  std::sort(candidates.begin(), candidates.end());
  if (by_row_) return;
  for (auto first = candidates.begin(); first != candidates.end();) {
    const auto last = std::find_if(first + 1, candidates.end(),
                                   [&](const Candidate& c) { return !c.same_key(*first); });
    if (!std::is_sorted(first, last, ById{ids_})) std::sort(first, last, ById{ids_});
    first = last;
  }
}

int64_t NearerFirst::last_id(const std::vector<Candidate>& candidates, float key) const noexcept {
  const Candidate last(key, 0);
  int64_t id = kAnyId;
  for (const Candidate& candidate : candidates)
    if (candidate.same_key(last)) id = std::max(id, ids_.id(candidate.row()));
  return id;
}

void NearerFirst::merge(std::vector<Candidate>& into, const std::vector<Candidate>& more) const {
  const auto middle = static_cast<std::ptrdiff_t>(into.size());
  into.insert(into.end(), more.begin(), more.end());
  if (by_row_)
    std::inplace_merge(into.begin(), into.begin() + middle, into.end());
  else
    std::inplace_merge(into.begin(), into.begin() + middle, into.end(), ById{ids_});
}

NearerFirst::Place NearerFirst::part(std::vector<Candidate>& candidates, size_t k) const {
  const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(candidates.begin(), kth, candidates.end());
  if (by_row_) return kth + 1;
  const Candidate last = *kth;
  return std::partition(kth + 1, candidates.end(),
                        [&](const Candidate& c) { return c.same_key(last); });
}

void NearerFirst::select_ties(std::vector<Candidate>& candidates, size_t k, Place end) const {
  const auto first_out = candidates.begin() + static_cast<std::ptrdiff_t>(k);
  if (end == first_out) return;
  const Candidate last = *(first_out - 1);
  const auto ties = std::partition(candidates.begin(), first_out,
                                   [&](const Candidate& c) { return !c.same_key(last); });
  std::nth_element(ties, first_out, end, ById{ids_});
}

void NearerFirst::sort_many(std::vector<Candidate>& candidates) const {
  struct WithId {
    Candidate candidate;
    int64_t id;
  };
  std::vector<WithId> with_ids;
  with_ids.reserve(candidates.size());
  for (const Candidate& candidate : candidates)
    with_ids.push_back({candidate, ids_.id(candidate.row())});
  std::sort(with_ids.begin(), with_ids.end(), [](const WithId& a, const WithId& b) {
    return a.candidate.same_key(b.candidate) ? a.id < b.id : a.candidate < b.candidate;
  });
  std::transform(with_ids.begin(), with_ids.end(), candidates.begin(),
                 [](const WithId& one) { return one.candidate; });
}

}  // namespace bitindex
