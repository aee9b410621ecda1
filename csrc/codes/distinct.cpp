#include "codes/distinct.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "codes/id_hash.h"

namespace bitindex {
namespace {

// Ids of which a copy takes no memory worth speaking of.
constexpr size_t kFewIds = size_t{1} << 16;
constexpr unsigned kLog2Parts = 3;

// Of ids from `least` on, all of them less than `range` above it.
std::optional<int64_t> repeated_in_range(const int64_t* ids, size_t n, uint64_t least,
                                         uint64_t range) {
  std::vector<bool> seen(range);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t place = static_cast<uint64_t>(ids[i]) - least;
    if (seen[place]) return ids[i];
    seen[place] = true;
  }
  return std::nullopt;
}

std::optional<int64_t> repeated_when_sorted(std::vector<int64_t>& ids) {
  std::sort(ids.begin(), ids.end());
  const auto repeated = std::adjacent_find(ids.begin(), ids.end());
  if (repeated == ids.end()) return std::nullopt;
  return *repeated;
}

// Equal ids are in the same part, and one part is sorted at a time.
std::optional<int64_t> repeated_in_parts(const int64_t* ids, size_t n) {
  std::vector<int64_t> part;
  part.reserve((n >> kLog2Parts) + (n >> 6));
  for (uint64_t number = 0; number < uint64_t{1} << kLog2Parts; ++number) {
    part.clear();
    for (size_t i = 0; i < n; ++i)
      if (id_hash(ids[i], kLog2Parts) == number) part.push_back(ids[i]);
    if (const auto repeated = repeated_when_sorted(part)) return repeated;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> repeated_id(const int64_t* ids, size_t n) {
  if (std::adjacent_find(ids, ids + n, std::greater_equal<>()) == ids + n) return std::nullopt;
  const auto [least, largest] = std::minmax_element(ids, ids + n);
  const uint64_t range = static_cast<uint64_t>(*largest) - static_cast<uint64_t>(*least);
  if (range < 8 * n) return repeated_in_range(ids, n, static_cast<uint64_t>(*least), range + 1);
  if (n > kFewIds) return repeated_in_parts(ids, n);
  std::vector<int64_t> copy(ids, ids + n);
  return repeated_when_sorted(copy);
}

}  // namespace bitindex
