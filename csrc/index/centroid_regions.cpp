#include "index/centroid_regions.h"

#include <algorithm>

namespace bitindex {
namespace {

constexpr size_t kMostAsked = 1024;
constexpr double kShareFound = 0.98;  // of the nearest centroids of codes that are asked with
constexpr size_t kLeastGain = 3;      // it is better to rank all than more than one in so many

}  // namespace

size_t CentroidRegions::needed(const KernelTable& kernels, const uint8_t* centroids, size_t n_bytes,
                               const uint8_t* asked, size_t n) const {
  const std::vector<uint32_t> region_of = region_of_each();
  const size_t n_centroids = region_of.size(), n_regions = order.starts.size() - 1;
  if (n > kMostAsked) asked += (n - kMostAsked) * n_bytes;
  n = std::min(n, kMostAsked);
  std::vector<uint32_t> to_centroids(n_centroids), to_regions(n_regions);
  std::vector<size_t> needed(n, 0);
  for (size_t i = 0; i < n; ++i, asked += n_bytes) {
    kernels.xor_count_rows(asked, centroids, n_centroids, n_bytes, to_centroids.data());
    kernels.xor_count_rows(asked, codes.data(), n_regions, n_bytes, to_regions.data());
    const size_t nearest = kernels.first_least(to_centroids.data(), n_centroids);
    for (size_t region = 0; region < n_regions; ++region)
      if (to_regions[region] <= to_regions[region_of[nearest]])
        needed[i] += order.starts[region + 1] - order.starts[region];
  }
  const auto nth =
      needed.begin() + static_cast<std::ptrdiff_t>(kShareFound * static_cast<double>(n));
  std::nth_element(needed.begin(), nth, needed.end());
  return *nth * kLeastGain <= n_centroids ? *nth : 0;
}

std::vector<uint32_t> CentroidRegions::region_of_each() const {
  std::vector<uint32_t> regions(order.rows.size());
  for (size_t region = 0; region + 1 < order.starts.size(); ++region)
    for (size_t i = order.starts[region]; i < order.starts[region + 1]; ++i)
      regions[order.rows[i]] = static_cast<uint32_t>(region);
  return regions;
}

}  // namespace bitindex
