// How rows come into an index, change and go.
#include <new>

#include "index/index.h"

namespace bitindex {

std::vector<const void*> Index::column_values(const NewRows& rows,
                                              std::vector<float>& row_terms) const {
  if (metric_.row_terms != nullptr) {
    row_terms.resize(rows.n);
    metric_.row_terms(kernels_, layout_.codes(), rows.codes, rows.n, row_terms.data());
  }
  return {rows.codes, row_terms.data(), rows.scales, rows.offsets, rows.vectors};
}

void Index::write_rows(const NewRows& rows, const RowsWritten& written,
                       const std::vector<const void*>& values) {
  make_room(rows, written);
  store_.write(written, rows.n, rows.ids, values);
}

void Index::write(const NewRows& rows, PrepareWrite prepare, bool (*poll)()) {
  check_padding(rows.codes, rows.n, "codes");
  std::vector<float> row_terms;
  const auto values = column_values(rows, row_terms);
  Cancel cancel(poll);
  const auto lock = lock_.write();
  const RowsWritten written = (store_.*prepare)(rows.n, rows.ids);
  write_rows(rows, written, values);
  rows_written(rows, written, cancel);
}

void Index::add(const NewRows& rows, bool (*poll)()) { write(rows, &RowStore::prepare_add, poll); }

void Index::update(const NewRows& rows, bool (*poll)()) {
  write(rows, &RowStore::prepare_update, poll);
}

void Index::take(const NewRows& rows, const std::vector<Index*>& others, bool (*poll)()) {
  check_padding(rows.codes, rows.n, "codes");
  std::vector<float> row_terms;
  const auto values = column_values(rows, row_terms);
  Cancel cancel(poll);
  prepare_remove(others);
  // Whatever happens once the rows are here, they must not stay there too.
  const auto remove_from_others = [&] {
    for (Index* other : others) other->mark_removed(rows.ids, rows.n);
  };
  {
    const auto lock = lock_.write();
    const RowsWritten written = store_.prepare_put(rows.n, rows.ids);
    write_rows(rows, written, values);
    try {
      rows_written(rows, written, cancel);
    } catch (...) {
      remove_from_others();
      throw;
    }
  }
  remove_from_others();
  drop_if_sparse(others, cancel);
}

size_t Index::remove(const int64_t* ids, size_t n, const std::vector<Index*>& others,
                     bool (*poll)()) {
  Cancel cancel(poll);
  prepare_remove(others);
  size_t n_removed = 0;
  {
    const auto lock = lock_.write();
    n_removed = store_.remove(n, ids);
    for (Index* other : others) n_removed += other->mark_removed(ids, n);
    drop_if_sparse(cancel);
  }
  drop_if_sparse(others, cancel);
  return n_removed;
}

// After it, mark_removed cannot fail.
void Index::prepare_remove(const std::vector<Index*>& indexes) {
  for (Index* index : indexes) {
    const auto lock = index->lock_.write();
    index->store_.prepare_remove();
  }
}

size_t Index::mark_removed(const int64_t* ids, size_t n) {
  const auto lock = lock_.write();
  return store_.remove(n, ids);
}

void Index::drop_if_sparse(const std::vector<Index*>& indexes, Cancel& cancel) {
  for (Index* index : indexes) {
    const auto lock = index->lock_.write();
    index->drop_if_sparse(cancel);
  }
}

void Index::drop_if_sparse(Cancel& cancel) {
  try {
    if (store_.is_sparse()) drop_removed_rows(cancel);
  } catch (const std::bad_alloc&) {
    // They stay, marked as they are, until a later call has the memory.
  }
}

void Index::drop_removed_rows(Cancel& cancel) {
  rows_leaving(store_.removed_rows(), cancel);
  rows_moved(store_.compact(), cancel);
}

void Index::compact(bool (*poll)()) {
  Cancel cancel(poll);
  const auto lock = lock_.write();
  if (store_.has_removed_rows()) drop_removed_rows(cancel);
}

void Index::restore(size_t n, const int64_t* ids, int64_t next_id,
                    const std::vector<const uint8_t*>& columns,
                    const std::shared_ptr<const void>& owner) {
  check_padding(columns[kCodes], n, "codes");
  const auto lock = lock_.write();
  store_.restore(n, ids, next_id, columns, owner);
}

}  // namespace bitindex
