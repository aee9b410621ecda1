// Centroids that stand in regions, each with a code for its centroids, so that a query ranks only
// those of the regions around it.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/row_groups.h"
#include "kernels/kernel_table.h"

namespace bitindex {

// So many centroids are worth regions. Fewer are all counted in about the same time.
constexpr size_t kMinRegional = 2500;
// How many of them a region holds on average.
constexpr size_t kMeanOfRegion = 24;

struct CentroidRegions {
  RowOrder order;  // centroids by region
  std::vector<uint8_t> codes;

  // How many centroids the regions nearest to a code have to hold, so that they hold its nearest
  // centroid nearly always, asked with the last of n codes: centroids may have begun as the first.
  // 0 where these are so many that it is better to rank all.
  size_t needed(const KernelTable& kernels, const uint8_t* centroids, size_t n_bytes,
                const uint8_t* asked, size_t n) const;

 private:
  std::vector<uint32_t> region_of_each() const;
};

}  // namespace bitindex
