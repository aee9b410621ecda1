#include "index/list_index.h"

#include <new>

namespace bitindex {
namespace {

// Rows are put in order again when so many are loose: a share of all, and some more.
constexpr size_t kLooseShare = 16;
constexpr size_t kMinLoose = 4096;

}  // namespace

ListIndex::ListIndex(const IndexLayout& layout, RowGroups groups)
    : Index(layout), groups_(std::move(groups)) {}

void ListIndex::put_in_order_if_loose() {
  if (groups_.n_loose() < store().n_rows() / kLooseShare + kMinLoose) return;
  try {
    put_in_order();
  } catch (const std::bad_alloc&) {
    // They stay loose until a later call has the memory.
  }
}

void ListIndex::put_in_order() {
  RowOrder order =
      groups_.order(store().n_rows(), [&](size_t row) { return store().is_live(row); });
  RowGroups ordered(std::move(order.starts));
  reorder_rows(order.rows);
  groups_ = std::move(ordered);
}

void ListIndex::compact(bool (*poll)()) {
  {
    const auto guard = lock().write();
    if (groups_.n_loose() > 0) put_in_order();
  }
  Index::compact(poll);
}

std::vector<uint32_t> ListIndex::list_sizes() const {
  std::vector<uint32_t> sizes;
  for (size_t list = 0; list < groups_.n_groups(); ++list)
    sizes.push_back(static_cast<uint32_t>(groups_.starts()[list + 1] - groups_.starts()[list]));
  return sizes;
}

RowGroups ListIndex::lists_of_sizes(const std::vector<uint32_t>& sizes) const {
  std::vector<size_t> starts = {0};
  for (const uint32_t size : sizes) starts.push_back(starts.back() + size);
  if (starts.back() > store().n_rows())
    throw std::invalid_argument("lists must hold at most " + std::to_string(store().n_rows()) +
                                " rows, got " + std::to_string(starts.back()));
  return RowGroups(std::move(starts));
}

}  // namespace bitindex
