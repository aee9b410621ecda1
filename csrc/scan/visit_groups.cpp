#include "scan/visit_groups.h"

#include <limits>

namespace bitindex {
namespace {

// Fewer bytes of codes, counted once for each query, are not worth a task of their own.
constexpr size_t kMinTaskBytes = size_t{1} << 19;
constexpr size_t kTasksPerThread = 8;  // evens out threads of unequal speed

}  // namespace

std::vector<size_t> cut_tasks(const Scan& scan, const RowGroups& groups,
                              const std::vector<GroupVisit>& visits) {
  const size_t n_bytes = scan.store.column(0).width();
  const auto work_of = [&](const GroupVisit& visit) {
    const size_t n_rows = groups.count_rows(visit.group, scan.store.n_rows());
    return std::min(n_rows, GroupVisits::kPartRows) * n_bytes * visit.n_queries;
  };
  size_t total = 0;
  for (const GroupVisit& visit : visits) total += work_of(visit);
  const size_t share = total / (scan.n_threads * kTasksPerThread);
  const size_t enough =
      scan.n_threads == 1 ? std::numeric_limits<size_t>::max() : std::max(kMinTaskBytes, share);
  std::vector<size_t> ends;
  size_t work = 0;
  for (size_t i = 0; i < visits.size(); ++i) {
    work += work_of(visits[i]);
    if (work < enough && i + 1 < visits.size()) continue;
    ends.push_back(i + 1);
    work = 0;
  }
  return ends;
}

}  // namespace bitindex
