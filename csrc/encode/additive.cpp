#include "encode/additive.h"

#include <vector>

#include "encode/bit_order.h"
#include "encode/flip_search.h"
#include "encode/integer_matrix.h"
#include "encode/panels.h"

namespace bitindex {
namespace {

// Searches that go on in turns: one waits for its smallest cost while another reads its own.
constexpr size_t kSearches = 2;

}  // namespace

// Some rows on their way to codes.
class AdditiveCoder::Part {
 public:
  Part(const KernelTable& kernels, const AdditiveCoder& coder, size_t patience, size_t n)
      : kernels_(kernels),
        coder_(coder),
        patience_(patience),
        n_(n),
        width_(coder.width()),
        left_(n * coder.n_dims()),
        rounded_(kernels, n, std::max(coder.decoder_.row_stride(), width_)),
        signs_(n * width_),
        minus_ones_(n, -1.0f),
        sums_(n * std::max(width_, coder.decoder_rows_.n_sums())),
        gradient_(n * width_),
        along_(n * width_),
        left_along_(n) {}

  void encode(const float* rows, const uint8_t* first_codes, uint8_t* packed) {
    const Cancellation& start = *coder_.start_;
    subtract_center(rows, n_, coder_.n_dims(), coder_.center_.data(), left_.data());
    for (size_t i = 0; i < n_; ++i)
      std::copy(coder_.along_.begin(), coder_.along_.end(), &along_[i * width_]);
    round_left();
    add_products(coder_.decoder_, along_);
    if (first_codes == nullptr)
      decide_signs();
    else
      unpack_signs(first_codes);
    if (first_codes == nullptr && start.tells_gradient()) {
      find_left_along(rows);
      for (size_t i = 0; i < n_; ++i) left_along_[i] -= decoded_along(i);
      start.to_gradient(kernels_, signs_.data(), gradient_.data(), rounded_, sums_.data());
    } else {
      subtract_decoded();
      find_left_along(rows);
      round_left();
      std::fill(gradient_.begin(), gradient_.end(), 0.0f);
      add_products(coder_.weighted_, gradient_);
    }
    search(packed);
  }

 private:
  void round_left() {
    const size_t d = coder_.n_dims();
    for (size_t i = 0; i < n_; ++i) rounded_.round(i, &left_[i * d], d);
  }

  // Adds the rounded rows times a matrix.
  void add_products(const IntegerMatrix& matrix, std::vector<float>& out) {
    matrix.add_products(kernels_, rounded_.rows(), width_, out.data(), width_, sums_.data());
  }

  ByteRows minus_signs() { return {signs_.data(), minus_ones_.data(), n_, width_}; }

  void decide_signs() {
    const Cancellation& start = *coder_.start_;
    add_products(start.evidence(), gradient_);
    if (coder_.n_layers() > 1) {  // what the first rounding left over, so that it is precise
      const size_t d = coder_.n_dims();
      std::vector<float> rest = left_;
      for (size_t i = 0; i < n_; ++i) {
        rounded_.subtract(i, &rest[i * d], d);
        rounded_.round(i, &rest[i * d], d);
      }
      add_products(start.evidence(), gradient_);
    }
    start.decide(kernels_, minus_signs(), gradient_.data(), sums_.data());
  }

  void unpack_signs(const uint8_t* packed) {
    std::vector<uint16_t> pairs(n_byte_pairs(coder_.n_bits()));
    for (size_t i = 0; i < n_; ++i, packed += coder_.n_bytes()) {
      for (size_t byte = 0; byte < coder_.n_bytes(); ++byte)
        pairs[byte / 2] = byte % 2 == 0
                              ? packed[byte]
                              : static_cast<uint16_t>(pairs[byte / 2] | packed[byte] << 8);
      for_dealt_bits(coder_.n_bits(), [&](size_t column, size_t pair, uint16_t mask) {
        signs_[i * width_ + column] = (pairs[pair] & mask) != 0 ? 2 : 0;
      });
    }
  }

  // From r to e = r - D b.
  void subtract_decoded() {
    const size_t d = coder_.n_dims();
    coder_.decoder_rows_.add_products(kernels_, minus_signs(), d, left_.data(), d, sums_.data());
  }

  // <v, left>, for what is left of the rows now.
  void find_left_along(const float* rows) {
    const auto dot = kernels_.dot[kFloat32];
    const size_t d = coder_.n_dims();
    std::vector<float> along(d);
    for (size_t i = 0; i < n_; ++i, rows += d) {
      for (size_t k = 0; k < d; ++k)
        along[k] = (rows[k] - coder_.center_[k]) + coder_.along_center_[k];
      left_along_[i] = dot(along.data(), &left_[i * d], 1.0f, d);
    }
  }

  // <v, D b>, from D^T v.
  float decoded_along(size_t i) const {
    const float* along = &along_[i * width_];
    const auto dot = kernels_.dot[kInt8];
    return dot(along, &signs_[i * width_], 1.0f, width_) -
           dot(along, coder_.ones_.data(), 1.0f, width_);
  }

  void search(uint8_t* packed) {
    const size_t n_bytes = coder_.n_bytes();
    std::vector<FlipSearch> searches;
    for (size_t s = 0; s < kSearches; ++s)
      searches.emplace_back(kernels_, *coder_.flips_, patience_);
    std::vector<Running> running;
    for (size_t i = 0; i < std::min(kSearches, n_); ++i) {
      running.push_back({&searches[i], i});
      start(running.back());
    }
    for (size_t next = running.size(); !running.empty();)
      for (size_t s = 0; s < running.size();) {
        Running& one = running[s];
        if (one.search->take()) {
          one.search->look();
          ++s;
          continue;
        }
        one.search->pack_best(packed + one.row * n_bytes);
        if (next < n_) {
          one.row = next++;
          start(one);
          ++s;
        } else {
          one = running.back();
          running.pop_back();
        }
      }
  }

  struct Running {
    FlipSearch* search;
    size_t row;
  };

  void start(const Running& one) {
    const size_t first = one.row * width_;
    one.search->start({&signs_[first], &gradient_[first], &along_[first], left_along_[one.row]});
    one.search->look();
  }

  const KernelTable& kernels_;
  const AdditiveCoder& coder_;
  const size_t patience_, n_, width_;
  std::vector<float> left_;  // the rows without the center, perhaps without D b too
  RoundedRows rounded_;
  std::vector<uint8_t> signs_;  // plus 1
  const std::vector<float> minus_ones_;
  std::vector<int32_t> sums_;
  std::vector<float> gradient_, along_;  // (n, width): D^T W e, D^T v
  std::vector<float> left_along_;        // <v, e>
};

AdditiveCoder::AdditiveCoder(const RowWork& work, const AdditiveMatrices& matrices)
    : center_(matrices.center, matrices.center + matrices.n_dims),
      along_center_(matrices.along_center, matrices.along_center + matrices.n_dims),
      n_bits_(matrices.n_bits),
      decoder_(work.kernels, matrices.decoder, matrices.n_dims, n_bits_, {}),
      decoder_rows_(work.kernels, matrices.decoder, matrices.n_dims, n_bits_,
                    {kSignOffset, n_layers(), true}),
      weighted_(work.kernels, matrices.weighted, matrices.n_dims, n_bits_, {}),
      ones_(width(), 1),
      along_(width()) {
  const size_t d = n_dims(), m = n_bits();
  // The rows of D^T times W D.
  std::vector<float> columns(m * d);
  for (size_t k = 0; k < d; ++k)
    for (size_t j = 0; j < m; ++j) {
      columns[j * d + k] = matrices.decoder[k * m + j];
      along_[j] += matrices.decoder[k * m + j] * along_center_[k];
    }
  const Panels panels(matrices.weighted, d, m);
  std::vector<float> gram(m * width());
  for_each_part(work, m, d, [&](size_t first, size_t n) {
    panels.multiply(work.kernels, &columns[first * d], n, &gram[first * width()]);
  });
  start_ = std::make_unique<Cancellation>(work.kernels, matrices, gram.data(), width(), n_layers());
  flips_ = std::make_unique<FlipProblem>(gram.data(), d, m, width(), matrices.along_weight);
}

void AdditiveCoder::encode(const RowWork& work, const float* rows, size_t n_rows, size_t patience,
                           const uint8_t* first_codes, uint8_t* packed) const {
  for_each_part(work, n_rows, n_dims(), [&](size_t first, size_t n) {
    Part(work.kernels, *this, patience, n)
        .encode(rows + first * n_dims(),
                first_codes == nullptr ? nullptr : first_codes + first * n_bytes(),
                packed + first * n_bytes());
  });
}

}  // namespace bitindex
