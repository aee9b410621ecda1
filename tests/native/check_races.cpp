// Threads that search, write, stop calls and set options, all on one index of each kind, for
// -fsanitize=thread. `make race` builds and runs it; the argument is how many seconds each kind
// gets. A data race ends the program with the sanitizer's report; a wrong answer with status 1.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "index_kinds.h"
#include "scan/cancel.h"
#include "scan/thread_pool.h"

namespace {

using namespace bitindex;

// So many rows that searches are split into several tasks, and tables, lists and links are made.
constexpr size_t kStillRows = 4000, kSwitchedRows = 1200, kPassingRows = 1500;
constexpr size_t kQueries = 24;

std::atomic<int> n_failures{0};

void check(bool passed, const char* kind, const char* what) {
  if (passed || ++n_failures > 20) return;
  std::printf("FAILED %s: %s\n", kind, what);
}

// Half of the calls of a thread are to be stopped.
bool stop_some() {
  thread_local unsigned n_asked = 0;
  return ++n_asked % 2 == 0;
}

class Stress {
 public:
  explicit Stress(const Kind& kind) : kind_(kind), index_(kind.make()) {
    index_->add(still_.view());
    set_switched(0x0f);
    index_->add(switched_.view());
  }

  void run(std::chrono::seconds duration) {
    std::vector<std::thread> threads;
    const auto repeat = [&](auto call) {
      threads.emplace_back([this, call] {
        while (!done_) (this->*call)();
      });
    };
    for (const auto call : {&Stress::search, &Stress::search_within, &Stress::search_estimates,
                            &Stress::stop_searches, &Stress::look, &Stress::set_threads,
                            &Stress::switch_rows, &Stress::pass_rows})
      repeat(call);
    std::this_thread::sleep_for(duration);
    done_ = true;
    for (std::thread& thread : threads) thread.join();
    std::printf("%s: %zu searches beside %zu writes\n", kind_.name, n_searches_.load(),
                n_writes_.load());
  }

 private:
  SearchOptions options(size_t n_threads, bool (*poll)() = nullptr) const {
    SearchOptions options;
    options.n_threads = n_threads;
    options.poll = poll;
    return options;
  }

  void search() {
    std::vector<int64_t> ids(kQueries * 5);
    std::vector<int32_t> integers(ids.size());
    std::vector<float> fractions(ids.size());
    const bool whole = index_->metric().integer_distances;
    index_->search(still_.codes.data(), kQueries, 5, options(3),
                   {ids.data(), whole ? integers.data() : nullptr,
                    whole ? nullptr : fractions.data(), nullptr});
    for (size_t q = 0; q < kQueries; ++q)
      check(!kind_.is_exact || ids[q * 5] == still_.ids[q], kind_.name,
            "a row does not find itself");
    ++n_searches_;
  }

  // All switched rows have one code, or all have the other.
  void search_within() {
    std::vector<uint8_t> queries(2 * kBytes, 0x0f);
    std::fill(queries.begin() + kBytes, queries.end(), 0xf0);
    const WithinResult found = index_->range_search(queries.data(), 2, 0.0f, options(2));
    const int64_t n = found.limits[1], n_both = found.limits[2];
    const bool is_whole = n_both == kSwitchedRows && (n == 0 || n == n_both);
    check(!kind_.is_exact || is_whole, kind_.name, "a search sees half a write");
    ++n_searches_;
  }

  void search_estimates() {
    const std::vector<int64_t> ids = bitindex::search_estimates(*index_, 40, options(3));
    check(std::none_of(ids.begin(), ids.end(), [](int64_t id) { return id < 0; }), kind_.name,
          "fewer rows than there are");
    ++n_searches_;
  }

  void stop_searches() {
    try {
      index_->range_search(still_.codes.data(), kStillRows, 90.0f, options(2, stop_some));
    } catch (const Cancelled&) {
    }
  }

  void look() {
    const size_t n = index_->size() - kStillRows - kSwitchedRows;
    check(n == 0 || n == kPassingRows, kind_.name, "a number of rows that never was");
    const std::vector<int64_t> ids = index_->ids();
    std::vector<uint8_t> codes(kBytes);
    index_->get(still_.ids.data(), 1, codes.data());
    check(std::equal(codes.begin(), codes.end(), still_.codes.begin()), kind_.name, "a wrong code");
    check(index_->memory_bytes() > index_->structure_memory_bytes(), kind_.name, "no memory");
    check(index_->contains(switched_.ids[0]) && index_->next_id() > 0, kind_.name, "a row is gone");
  }

  void set_threads() {
    for (const size_t n : {size_t{1}, size_t{3}, size_t{0}}) set_default_threads(n);
    check(default_threads() > 0, kind_.name, "no threads");
  }

  void set_switched(uint8_t byte) {
    std::fill(switched_.codes.begin(), switched_.codes.end(), byte);
  }

  void switch_rows() {
    for (const uint8_t byte : {0xf0, 0x0f}) {
      set_switched(byte);
      write([&] { index_->update(switched_.view(), stop_some); });
    }
  }

  void pass_rows() {
    write([&] { index_->add(passing_.view(), stop_some); });
    write([&] { index_->remove(passing_.ids.data(), passing_.ids.size(), {}, stop_some); });
    write([&] { index_->compact(stop_some); });
    if (auto* const ivf = dynamic_cast<IVFIndex*>(index_.get()))
      write([&] { ivf->rebalance(stop_some); });
  }

  template <class Call>
  void write(Call call) {
    try {
      call();
    } catch (const Cancelled&) {  // the rows are stored all the same
    }
    ++n_writes_;
  }

  const Kind& kind_;
  std::unique_ptr<Index> index_;
  const Rows still_{kStillRows, 0, 1};
  Rows switched_{kSwitchedRows, kStillRows, 2};
  const Rows passing_{kPassingRows, kStillRows + kSwitchedRows, 3};
  std::atomic<bool> done_{false};
  std::atomic<size_t> n_searches_{0}, n_writes_{0};
};

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::seconds duration(argc > 1 ? std::atoi(argv[1]) : 10);
  for (const Kind& kind : index_kinds()) Stress(kind).run(duration);
  std::printf("check_races: %d failures\n", n_failures.load());
  return n_failures == 0 ? 0 : 1;
}
