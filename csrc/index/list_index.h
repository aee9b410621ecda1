// What inverted files have in common: rows that stand in the order of lists.
#pragma once

#include "codes/row_groups.h"
#include "index/index.h"

namespace bitindex {

class ListIndex : public Index {
 public:
  void compact(bool (*poll)()) override;

 protected:
  explicit ListIndex(const IndexLayout& layout, RowGroups groups = RowGroups());

  void rows_moved(const std::vector<uint32_t>& kept, Cancel&) override { groups_.keep(kept); }
  void put_in_order_if_loose();
  // How many rows each list has, of a compacted index.
  std::vector<uint32_t> list_sizes() const;
  // Lists of these sizes, one behind the other. Throws std::invalid_argument where they hold more
  // rows than there are.
  RowGroups lists_of_sizes(const std::vector<uint32_t>& sizes) const;

  RowGroups groups_;

 private:
  void put_in_order();
};

}  // namespace bitindex
