// Lists of IVFIndex: sizes that do not add up, centroids that are no codes, radii that are none.
#include "harness.h"
#include "index/ivf_index.h"

namespace bitindex::fuzz {
namespace {

IVFIndex empty_index() {
  IndexLayout layout;
  layout.n_bits = kBits;
  IVFOptions options;
  options.n_lists = 6;
  return IVFIndex(layout, options);
}

struct StoredIndex {
  StoredRows rows;
  IVFStructure lists;
};

StoredIndex stored_index(const IVFIndex& index) { return {stored_rows(index), index.structure()}; }

// What the bindings refuse is refused here.
void restore(IVFIndex& index, const StoredIndex& stored) {
  restore_rows(index, stored.rows);
  if (stored.lists.sizes.empty()) throw std::invalid_argument("sizes");
  index.restore_structure(stored.lists);
}

const StoredIndex& sound_index() {
  static const StoredIndex stored = [] {
    IVFIndex index = empty_index();
    add_rows(index, kRows);
    index.compact(nullptr);
    return stored_index(index);
  }();
  return stored;
}

}  // namespace

void try_input(FuzzedDataProvider& data) {
  StoredIndex stored = sound_index();
  IVFStructure& lists = stored.lists;
  change(lists.sizes, data);
  change(lists.centroids, data);
  change(lists.radii, data);
  change(lists.means, data);
  change(lists.terms.scales, data);
  change(stored.rows.ids, data);
  if (data.ConsumeBool()) lists.n_trained = odd_value<uint32_t>(data);
  if (data.ConsumeBool()) lists.n_near = odd_value<uint32_t>(data);
  if (data.ConsumeBool())
    lists.learned = {{odd_value<uint32_t>(data), odd_value<float>(data), odd_value<uint32_t>(data)},
                     {odd_value<uint32_t>(data)}};
  lists.is_given = data.ConsumeBool();
  IVFIndex index = empty_index();
  try {
    restore(index, stored);
  } catch (const std::exception&) {
    return;
  }
  search(index);
  change_rows(index);
  index.rebalance(nullptr);
  index.compact(nullptr);
  IVFIndex again = empty_index();
  restore(again, stored_index(index));
  again.check_content(nullptr);
  search(again);
}

}  // namespace bitindex::fuzz
