// Lets memory run out at every point of what an index of each kind does, without Python. Every call
// must throw std::bad_alloc or succeed, every search afterwards must find the rows as they were
// before the call or as they are after it, and the index must go on as if nothing had been. Prints
// the number of calls; the exit status is 1 where one fails.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>

#include "index_kinds.h"
#include "scan/thread_pool.h"

namespace {

// So many allocations succeed, then none does.
constexpr long kEnough = 1L << 40;
std::atomic<long> n_left{kEnough};

void* allocate(size_t n_bytes, size_t alignment) {
  void* memory = nullptr;
  if (--n_left < 0 || posix_memalign(&memory, alignment, n_bytes + (n_bytes == 0)) != 0)
    throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t n) { return allocate(n, sizeof(std::max_align_t)); }
void* operator new(size_t n, std::align_val_t alignment) {
  return allocate(n, static_cast<size_t>(alignment));
}
// Not inline, or GCC 12 takes what it sees for memory of another kind.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { operator delete(memory); }

namespace {

using namespace bitindex;

constexpr size_t kThreads = 3;

long n_calls = 0, n_failures = 0;

void check(bool passed, const char* kind, const char* call, long n_allocations, const char* what) {
  if (passed || ++n_failures > 20) return;
  std::printf("FAILED %s, %s after %ld allocations: %s\n", kind, call, n_allocations, what);
}

using Content = std::map<int64_t, std::vector<uint8_t>>;

Content content_of(const Index& index) {
  Content content;
  for (const int64_t id : index.ids()) {
    content[id].resize(kBytes);
    index.get(&id, 1, content[id].data());
  }
  return content;
}

// The share of rows that are not found by their own code, of some, where the search looks as little
// as it can.
double lost_share(const Index& index, size_t effort, const Content& content) {
  constexpr size_t kStep = 5;
  std::vector<int64_t> ids;
  std::vector<uint8_t> codes;
  size_t i = 0;
  for (const auto& [id, code] : content) {
    if (i++ % kStep != 0) continue;
    ids.push_back(id);
    codes.insert(codes.end(), code.begin(), code.end());
  }
  SearchOptions options;
  options.n_threads = kThreads;
  options.effort = effort;
  const auto found = find_codes(index, codes.data(), ids.size(), options);
  size_t n_lost = 0;
  for (size_t q = 0; q < ids.size(); ++q)
    n_lost += std::find(found[q].begin(), found[q].end(), ids[q]) == found[q].end();
  return static_cast<double>(n_lost) / static_cast<double>(ids.size());
}

// One index, on which one call runs out of memory.
class Trial {
 public:
  explicit Trial(const Kind& kind) : kind_(kind) {
    index_->add(rows_.view());
    index_->remove(rows_.ids.data() + kRows - kRevived, kRevived, {});
    other_->add(moved_.view());
  }

  void search() {
    if (index_->n_given_lists() > 0) return;  // codes have no distances there
    std::vector<int64_t> ids(20 * 5);
    std::vector<int32_t> integers(ids.size());
    std::vector<float> fractions(ids.size());
    const bool whole = index_->metric().integer_distances;
    index_->search(rows_.codes.data(), 20, 5, options(),
                   {ids.data(), whole ? integers.data() : nullptr,
                    whole ? nullptr : fractions.data(), nullptr});
  }
  void search_within() {
    if (index_->n_given_lists() > 0) return;
    index_->range_search(rows_.codes.data(), 20, 90.0f, options());
  }
  void search_estimates() { bitindex::search_estimates(*index_, std::nullopt, options()); }
  void add() { index_->add(added_.view()); }
  void update() { index_->update(changed_.view()); }
  void remove() { index_->remove(rows_.ids.data(), kRemoved, {other_.get()}); }
  void compact() { index_->compact(nullptr); }
  void take() { index_->take(moved_.view(), {other_.get()}); }
  void rebalance() {
    if (auto* const ivf = dynamic_cast<IVFIndex*>(index_.get())) ivf->rebalance(nullptr);
  }

  using Call = void (Trial::*)();

  // Makes a call with so many allocations; returns whether they were enough.
  bool run(const char* name, Call call, long n_allocations) {
    const auto expect = [&](bool passed, const char* what) {
      check(passed, kind_.name, name, n_allocations, what);
    };
    const Content before = content_of(*index_), after = content_after(call, before);
    const bool is_enough = succeeds(call, n_allocations);
    const Content content = content_of(*index_);
    expect(content == after || (!is_enough && content == before), "half a change");
    expect(other_->size() == (call == &Trial::take && content == after ? 0 : moved_.ids.size()),
           "rows are in both indexes, or in none");
    expect_found(expect);
    const bool is_back = succeeds(&Trial::update, kEnough) && succeeds(&Trial::remove, kEnough);
    expect(is_back, "later calls fail");
    expect(content_of(*index_) ==
               content_after(&Trial::remove, content_after(&Trial::update, content)),
           "later calls do something else");
    expect_found(expect);
    ++n_calls;
    return is_enough;
  }

 private:
  static constexpr size_t kRows = 2300, kRevived = 50, kRemoved = 1100;

  bool succeeds(Call call, long n_allocations) {
    bool is_enough = true;
    n_left = n_allocations;
    try {
      (this->*call)();
    } catch (const std::bad_alloc&) {
      is_enough = false;
    }
    n_left = kEnough;
    return is_enough;
  }
  Content content_after(Call call, Content content) const {
    const Rows* const written = call == &Trial::add      ? &added_
                                : call == &Trial::update ? &changed_
                                : call == &Trial::take   ? &moved_
                                                         : nullptr;
    for (size_t i = 0; written != nullptr && i < written->ids.size(); ++i) {
      const uint8_t* const code = written->codes.data() + i * kBytes;
      content[written->ids[i]].assign(code, code + kBytes);
    }
    for (size_t i = 0; call == &Trial::remove && i < kRemoved; ++i) content.erase(rows_.ids[i]);
    return content;
  }
  SearchOptions options() const {
    SearchOptions options;
    options.n_threads = kThreads;
    return options;
  }
  template <class Expect>
  void expect_found(Expect expect) const {
    const double most = kind_.is_exact ? 0.0 : 0.02;
    expect(lost_share(*index_, kind_.least_effort, content_of(*index_)) <= most,
           "rows are not found");
  }

  const Kind& kind_;
  const Rows rows_{kRows, 0, 1};
  const Rows added_{1400, kRows - kRevived, 2};
  const Rows changed_{200, 2000, 3};
  const Rows moved_{60, 5000, 4};
  std::unique_ptr<Index> index_ = kind_.make(), other_ = kind_.make();
};

// Makes each call with 0 allocations, then with `growth` times as many and one more, until they are
// enough.
void try_calls(const Kind& kind, long growth) {
  const std::pair<const char*, Trial::Call> calls[] = {
      {"search", &Trial::search},
      {"range_search", &Trial::search_within},
      {"search_estimates", &Trial::search_estimates},
      {"add", &Trial::add},
      {"update", &Trial::update},
      {"remove", &Trial::remove},
      {"compact", &Trial::compact},
      {"take", &Trial::take},
      {"rebalance", &Trial::rebalance}};
  for (const auto& [name, call] : calls)
    for (long n = 0; !Trial(kind).run(name, call, n); n = growth * n + 1) {
    }
}

}  // namespace

int main() {
  set_default_threads(kThreads);
  for (const Kind& kind : index_kinds()) try_calls(kind, 2);
  // Its rows are in one list or nowhere, and few allocations make the difference.
  try_calls(residual_kind(), 1);
  std::printf("check_memory: %ld calls, %ld failures\n", n_calls, n_failures);
  return n_failures == 0 ? 0 : 1;
}
