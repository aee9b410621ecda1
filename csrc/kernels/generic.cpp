// Needs   nothing but C++17; the compiler vectorises what it can for the oldest CPU.
// Method  bits: 64 at a time, counted by the classic tree of masked adds; tables: byte look-ups.
// Source  Warren, Hacker's Delight, 2nd ed., section 5-1.
// This table is the reference that the others must match bit for bit.
#include <algorithm>
#include <cstring>

#include "float16.h"
#include "kernel_table.h"
#include "plain_kernels.h"
#include "slice_kernels.h"
#include "word_kernels.h"

namespace bitindex {
namespace {

constexpr size_t kBlockRows = 32;
constexpr size_t kLanes = 16;

uint32_t count_bits(uint64_t x) noexcept {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<uint32_t>((x * 0x0101010101010101u) >> 56);
}

uint64_t load64(const uint8_t* p) noexcept {
  uint64_t x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

uint64_t load_tail(const uint8_t* p, size_t n_bytes) noexcept {
  uint64_t x = 0;
  std::memcpy(&x, p, n_bytes);
  return x;
}

struct Xor {
  static uint64_t apply(uint64_t a, uint64_t b) noexcept { return a ^ b; }
};
struct And {
  static uint64_t apply(uint64_t a, uint64_t b) noexcept { return a & b; }
};

template <class Op>
void count_rows(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                uint32_t* counts) noexcept {
  const size_t whole = n_bytes & ~size_t{7};
  for (size_t i = 0; i < n_rows; ++i, rows += n_bytes) {
    uint32_t count = 0;
    for (size_t c = 0; c < whole; c += 8)
      count += count_bits(Op::apply(load64(query + c), load64(rows + c)));
    if (whole < n_bytes)
      count += count_bits(Op::apply(load_tail(query + whole, n_bytes - whole),
                                    load_tail(rows + whole, n_bytes - whole)));
    counts[i] = count;
  }
}

void popcount_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts) noexcept {
  for (size_t i = 0; i < n_rows; ++i, rows += n_bytes)
    count_rows<And>(rows, rows, 1, n_bytes, counts + i);
}

void transpose_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* blocks) noexcept {
  for (size_t first = 0; first < n_rows; first += kBlockRows) {
    const size_t here = n_rows - first < kBlockRows ? n_rows - first : kBlockRows;
    if (here < kBlockRows) std::memset(blocks, 0, 2 * n_bytes * kBlockRows);
    for (size_t i = 0; i < here; ++i)
      for (size_t c = 0; c < n_bytes; ++c) {
        const uint8_t byte = rows[(first + i) * n_bytes + c];
        blocks[2 * c * kBlockRows + i] = byte & 15;
        blocks[(2 * c + 1) * kBlockRows + i] = byte >> 4;
      }
    blocks += 2 * n_bytes * kBlockRows;
  }
}

void table_sums(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const uint8_t* table,
                LargestSums /*largest*/, uint32_t least, uint32_t* sums, uint8_t* passed) noexcept {
  for (size_t b = 0; b < n_blocks; ++b, sums += kBlockRows) {
    std::memset(sums, 0, kBlockRows * sizeof *sums);
    for (size_t position = 0; position < 2 * n_bytes; ++position, blocks += kBlockRows)
      for (size_t i = 0; i < kBlockRows; ++i) sums[i] += table[16 * position + blocks[i]];
    uint32_t largest = 0;
    for (size_t i = 0; i < kBlockRows; ++i) largest = sums[i] > largest ? sums[i] : largest;
    passed[b] = largest >= least;
  }
}

template <class Passes>
size_t select_positions(size_t n, const Passes& passes, uint32_t* positions) noexcept {
  size_t found = 0;
  for (size_t i = 0; i < n; ++i) {
    positions[found] = static_cast<uint32_t>(i);
    found += passes(i);
  }
  return found;
}

size_t select_rows(const uint32_t* sums, size_t n, const RowTest& test,
                   uint32_t* positions) noexcept {
  const auto passes = [&](size_t i) noexcept {
    float value = test.alpha * static_cast<float>(static_cast<int32_t>(sums[i])) + test.gamma;
    if (test.scale != nullptr) value *= test.scale[i];
    if (test.offset != nullptr) value += test.beta * test.offset[i];
    return value <= test.limit;
  };
  return select_positions(n, passes, positions);
}

size_t select_at_most(const uint32_t* counts, size_t n, uint32_t most,
                      uint32_t* positions) noexcept {
  return select_positions(n, [&](size_t i) noexcept { return counts[i] <= most; }, positions);
}

uint32_t rank_bound(const uint32_t* counts, size_t n, size_t rank, uint32_t) noexcept {
  uint32_t least[kBoundLanes];
  std::fill(least, least + kBoundLanes, UINT32_MAX);
  for (size_t i = 0; i < n; ++i)
    least[i % kBoundLanes] = std::min(least[i % kBoundLanes], counts[i]);
  std::nth_element(least, least + rank - 1, least + kBoundLanes);
  return least[rank - 1];
}

struct Slices {
  using Vector = uint64_t;
  static constexpr size_t kBytes = 8;
  static constexpr bool kTernary = false;

  static uint64_t zero() noexcept { return 0; }
  static uint64_t bytes(uint8_t x) noexcept { return x * 0x0101010101010101u; }
  static uint64_t all_if(bool x) noexcept { return x ? ~uint64_t{0} : 0; }
  static uint64_t load(const uint8_t* p) noexcept { return load64(p); }
  static void store(uint8_t* p, uint64_t x) noexcept { std::memcpy(p, &x, sizeof x); }
  static uint64_t and_(uint64_t a, uint64_t b) noexcept { return a & b; }
  static uint64_t or_(uint64_t a, uint64_t b) noexcept { return a | b; }
  static uint64_t xor_(uint64_t a, uint64_t b) noexcept { return a ^ b; }
  static uint64_t not_(uint64_t a) noexcept { return ~a; }
  static uint64_t and_not(uint64_t a, uint64_t b) noexcept { return a & ~b; }
  static bool any(uint64_t a) noexcept { return a != 0; }
  static uint64_t shift_left(uint64_t a, int n) noexcept { return a << n; }
  static uint64_t shift_right(uint64_t a, int n) noexcept { return a >> n; }
  static uint64_t majority(uint64_t a, uint64_t b, uint64_t c) noexcept {
    return (a & b) | (c & (a | b));
  }
  static uint32_t lowest_bit(uint64_t x) noexcept { return count_bits(~x & (x - 1)); }
  static void transpose_tile(const uint8_t* rows, size_t stride, uint64_t* columns) noexcept {
    for (size_t column = 0; column < 16; ++column) {
      uint8_t bytes[8];
      for (size_t r = 0; r < 8; ++r) bytes[r] = rows[r * stride + column];
      columns[column] = load64(bytes);
    }
  }
};

struct Words {
  static constexpr size_t kBlocksAtOnce = 1;
  uint32_t sums[kWordRows];

  static Words zero() noexcept { return {}; }
  static uint64_t broadcast(const uint8_t* word) noexcept { return load64(word); }
  void add(uint64_t query, const uint8_t* words) noexcept {
    for (size_t r = 0; r < kWordRows; ++r)
      sums[r] += count_bits(query ^ load64(words + r * kWordBytes));
  }
  void store(uint32_t* out) const noexcept { std::memcpy(out, sums, sizeof sums); }
};

float load_float(const float* x, size_t i) noexcept { return x[i]; }
float load_float(const uint16_t* x, size_t i) noexcept { return float16_to_float(x[i]); }
float load_float(const int8_t* x, size_t i) noexcept { return static_cast<float>(x[i]); }

float add_lanes(float* lanes) noexcept {
  for (size_t step = kLanes / 2; step > 0; step /= 2)
    for (size_t j = 0; j < step; ++j) lanes[j] += lanes[j + step];
  return lanes[0];
}

template <class T>
float dot(const float* query, const void* x, float scale, size_t d) noexcept {
  const T* stored = static_cast<const T*>(x);
  float lanes[kLanes] = {};
  for (size_t first = 0; first < d; first += kLanes)
    for (size_t j = 0; j < kLanes && first + j < d; ++j)
      lanes[j] += query[first + j] * load_float(stored, first + j);
  return add_lanes(lanes) * scale;
}

template <class T>
float squared_l2(const float* query, const void* x, float scale, size_t d) noexcept {
  const T* stored = static_cast<const T*>(x);
  float lanes[kLanes] = {};
  for (size_t first = 0; first < d; first += kLanes)
    for (size_t j = 0; j < kLanes && first + j < d; ++j) {
      const float difference = query[first + j] - scale * load_float(stored, first + j);
      lanes[j] += difference * difference;
    }
  return add_lanes(lanes);
}

void multiply_rows(const float* rows, size_t n_rows, size_t n_dims, const float* matrix,
                   size_t n_panels, size_t panel_stride, size_t row_stride, float* out) noexcept {
  for (size_t r = 0; r < n_rows; ++r, rows += n_dims)
    for (size_t p = 0; p < n_panels; ++p, out += kLanes) {
      float sums[kLanes] = {};
      const float* columns = matrix + p * panel_stride;
      for (size_t k = 0; k < n_dims; ++k, columns += row_stride)
        for (size_t j = 0; j < kLanes; ++j) sums[j] += rows[k] * columns[j];
      std::memcpy(out, sums, sizeof sums);
    }
}

void hadamard(float* x, size_t n_dims, const float* factors, size_t first, size_t n) noexcept {
  for (size_t i = 0; i < n_dims; ++i) x[i] *= factors[i];
  x += first;
  for (size_t h = 1; h < n; h *= 2)
    for (size_t begin = 0; begin < n; begin += 2 * h)
      for (size_t i = begin; i < begin + h; ++i) {
        const float sum = x[i] + x[i + h], difference = x[i] - x[i + h];
        x[i] = sum;
        x[i + h] = difference;
      }
}

void level_sums(const float* x, size_t n_dims, float t, float most, float* product,
                float* squares) noexcept {
  float products[kLanes] = {}, sums[kLanes] = {};
  for (size_t first = 0; first < n_dims; first += kLanes)
    for (size_t j = 0; j < kLanes && first + j < n_dims; ++j) {
      const float rounded = (t * x[first + j] - 0.5f + 12582912.0f) - 12582912.0f;
      const float level = (rounded < most ? rounded : most) + 0.5f;
      products[j] += x[first + j] * level;
      sums[j] += level * level;
    }
  *product = add_lanes(products);
  *squares = add_lanes(sums);
}

// A loop that compilers turn into multiplications of pairs (PMADDWD, SMLAL).
int32_t dot_int16(const int16_t* a, const int16_t* b, size_t n) noexcept {
  int32_t sum = 0;
  for (size_t k = 0; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

// The columns of a panel are laid side by side first, some entries of them at a time.
void multiply_int8(const uint8_t* rows, size_t n_rows, size_t row_stride, size_t n_quads,
                   const int8_t* matrix, size_t n_panels, size_t panel_stride,
                   const int32_t* starts, int32_t* sums) noexcept {
  constexpr size_t kQuads = 64;
  const size_t sum_stride = kLanes * n_panels;
  for (size_t r = 0; r < n_rows; ++r)
    std::memcpy(sums + r * sum_stride, starts, sum_stride * sizeof *sums);
  for (size_t q = 0; q < n_panels; ++q, sums += kLanes, matrix += panel_stride)
    for (size_t first = 0; first < n_quads; first += kQuads) {
      const size_t n = n_quads - first < kQuads ? n_quads - first : kQuads;
      const int8_t* quads = matrix + first * 4 * kLanes;
      int16_t columns[kLanes][4 * kQuads], row[4 * kQuads];
      for (size_t p = 0; p < n; ++p)
        for (size_t j = 0; j < kLanes; ++j)
          for (size_t i = 0; i < 4; ++i) columns[j][4 * p + i] = *quads++;
      for (size_t r = 0; r < n_rows; ++r) {
        const uint8_t* entries = rows + r * row_stride + 4 * first;
        for (size_t k = 0; k < 4 * n; ++k) row[k] = entries[k];
        for (size_t j = 0; j < kLanes; ++j)
          sums[r * sum_stride + j] += dot_int16(row, columns[j], 4 * n);
      }
    }
}

void decide_signs(float* evidence, size_t n_rows, size_t evidence_stride, const float* fed_back,
                  float stretch, const float* feedback, uint8_t* signs,
                  size_t sign_stride) noexcept {
  for (size_t r = 0; r < n_rows; ++r) {
    float left[kLanes];
    for (size_t j = 0; j < kLanes; ++j) left[j] = evidence[j] * stretch + fed_back[j];
    for (size_t i = 0; i < kLanes; ++i) {
      const int sign = sign_of(left[i]);
      signs[i] = static_cast<uint8_t>(sign + 1);
      for (size_t j = 0; j < kLanes; ++j)
        left[j] -= static_cast<float>(sign) * feedback[kLanes * i + j];
    }
    for (size_t j = 0; j < kLanes; ++j) evidence[j] = left[j] - evidence[j] * (stretch - 1.0f);
    evidence += evidence_stride;
    fed_back += kLanes;
    signs += sign_stride;
  }
}

int rounded_product(int16_t a, int16_t b) noexcept { return (a * b + (1 << 14)) >> 15; }

int16_t saturated(int x) noexcept {
  return static_cast<int16_t>(x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x);
}

CheapestFlip next_flip(const FlipUpdate& update, const int16_t* signs, const int16_t* pulls,
                       size_t n, int16_t* costs) noexcept {
  int16_t least[kFlipLanes], numbers[kFlipLanes] = {};
  for (int16_t& cost : least) cost = INT16_MAX;
  for (size_t first = 0; first < n; first += kFlipLanes)
    for (size_t j = 0; j < kFlipLanes; ++j) {
      const size_t bit = first + j;
      costs[bit] = saturated(costs[bit] + (update.row[bit] ^ update.sign ^ signs[bit]));
      const int16_t cost = saturated(costs[bit] + (rounded_product(pulls[bit], update.factor)));
      numbers[j] = cost < least[j] ? static_cast<int16_t>(first / kFlipLanes) : numbers[j];
      least[j] = cost < least[j] ? cost : least[j];
    }
  size_t lane = 0;
  for (size_t j = 1; j < kFlipLanes; ++j)
    if (least[j] < least[lane]) lane = j;
  return {static_cast<uint32_t>(kFlipLanes * static_cast<size_t>(numbers[lane]) + lane),
          least[lane]};
}

}  // namespace

extern const KernelTable kGenericKernels;
const KernelTable kGenericKernels = {
    "generic",
    popcount_rows,
    count_rows<Xor>,
    count_rows<And>,
    kBlockRows,
    transpose_rows,
    table_sums,
    8 * Slices::kBytes,
    slice_bits<Slices>,
    count_slices<Slices>,
    count_words<Words>,
    count_listed_words<Words>,
    first_least<Slices>,
    rank_bound,
    select_at_most,
    weigh_bits<Slices>,
    select_rows,
    {dot<float>, dot<uint16_t>, dot<int8_t>},
    {squared_l2<float>, squared_l2<uint16_t>, squared_l2<int8_t>},
    multiply_rows,
    hadamard,
    level_sums,
    multiply_int8,
    decide_signs,
    largest_magnitude<Slices>,
    round_bytes<Slices>,
    add_scaled<Slices>,
    weigh_left<Slices>,
    start_flips<Slices>,
    next_flip,
};

}  // namespace bitindex
