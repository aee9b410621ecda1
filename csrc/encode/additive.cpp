#include "encode/additive.h"

#include <vector>

#include "encode/bit_order.h"
#include "encode/flip_search.h"
#include "encode/integer_matrix.h"
#include "encode/panels.h"

namespace bitindex {
namespace {

constexpr size_t kBlock = IntegerMatrix::kWidth;
// Searches that go on in turns: one waits for its smallest cost while another reads its own.
constexpr size_t kSearches = 2;

// The feedback from earlier blocks alone.
std::vector<float> earlier_feedback(const AdditiveMatrices& matrices) {
  const size_t m = matrices.n_bits;
  std::vector<float> feedback(matrices.feedback, matrices.feedback + m * m);
  for (size_t i = 0; i < m; ++i)
    std::fill_n(&feedback[i * m], std::min(m, (i / kBlock + 1) * kBlock), 0.0f);
  return feedback;
}

}  // namespace

// Some rows on their way to codes.
class AdditiveCoder::Part {
 public:
  Part(const KernelTable& kernels, const AdditiveCoder& coder, size_t patience, size_t n)
      : kernels_(kernels),
        coder_(coder),
        patience_(patience),
        n_(n),
        stride_(coder.decoder_.row_stride()),
        width_(coder.width()),
        left_(n * coder.n_dims()),
        scales_(n),
        rounded_(n * stride_),
        signs_(n * width_),
        sums_(n * coder.most_sums()),
        gradient_(n * width_),
        along_(n * width_),
        left_along_(n) {}

  void encode(const float* rows, const uint8_t* first_codes, uint8_t* packed) {
    subtract_center(rows, n_, coder_.n_dims(), coder_.center_.data(), left_.data());
    for (size_t i = 0; i < n_; ++i)
      std::copy(coder_.along_.begin(), coder_.along_.end(), &along_[i * width_]);
    round_rows(left_.data());
    multiply(coder_.decoder_, along_);
    if (first_codes == nullptr)
      decide_signs();
    else
      unpack_signs(first_codes);
    subtract_decoded();
    round_rows(left_.data());
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    multiply(coder_.weighted_, gradient_);
    search(packed);
  }

 private:
  void round_rows(const float* rows) {
    const size_t d = coder_.n_dims();
    for (size_t i = 0; i < n_; ++i)
      scales_[i] = round_row(kernels_, rows + i * d, d, &rounded_[i * stride_]);
  }

  // Adds the rounded rows times a matrix.
  void multiply(const IntegerMatrix& matrix, std::vector<float>& out) {
    matrix.multiply(kernels_, rounded_.data(), n_, stride_, sums_.data());
    for (size_t i = 0; i < n_; ++i)
      matrix.add_products(kernels_, &sums_[i * matrix.n_sums()], scales_[i], matrix.width(),
                          &out[i * width_]);
  }

  // Rounds what the first rounding left over, for products that are to be precise.
  void round_rest() {
    const size_t d = coder_.n_dims();
    std::vector<float> rest = left_;
    for (size_t i = 0; i < n_; ++i)
      for (size_t k = 0; k < d; ++k)
        rest[i * d + k] -= scales_[i] * static_cast<float>(rounded_[i * stride_ + k] - kRowOffset);
    round_rows(rest.data());
  }

  // Sixteen signs after the other, of all rows: first the feedback from all signs before them.
  void decide_signs() {
    std::vector<float>& evidence = gradient_;
    const IntegerMatrix& feedback = coder_.feedback_;
    multiply(coder_.evidence_, evidence);
    if (coder_.n_layers() > 1) {
      round_rest();
      multiply(coder_.evidence_, evidence);
    }
    for (size_t first = 0; first < width_; first += kBlock) {
      const size_t panel = first / kBlock;
      feedback.multiply_panel(kernels_, signs_.data(), n_, width_, first, panel, sums_.data());
      for (size_t layer = 0; layer < feedback.n_layers(); ++layer)
        for (size_t i = 0; i < n_; ++i)
          feedback.add_products(kernels_, &sums_[(layer * n_ + i) * kBlock], -1.0f, panel, layer,
                                &evidence[i * width_ + first]);
      kernels_.decide_signs(&evidence[first], n_, width_, &coder_.feedback_blocks_[first * kBlock],
                            &signs_[first], width_);
    }
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

  // From r to e = r - D b, and <v, e>.
  void subtract_decoded() {
    const IntegerMatrix& decoder = coder_.decoder_rows_;
    decoder.multiply(kernels_, signs_.data(), n_, width_, sums_.data());
    const auto dot = kernels_.dot[kFloat32];
    const size_t d = coder_.n_dims();
    std::vector<float> along_row(d);
    for (size_t i = 0; i < n_; ++i) {
      float* left = &left_[i * d];
      for (size_t k = 0; k < d; ++k) along_row[k] = left[k] + coder_.along_center_[k];
      decoder.add_products(kernels_, &sums_[i * decoder.n_sums()], -1.0f, d, left);
      left_along_[i] = dot(along_row.data(), left, 1.0f, d);
    }
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
    for (size_t next = running.size(); !running.empty();) {
      for (const Running& one : running) one.search->look();
      for (size_t s = 0; s < running.size();) {
        Running& one = running[s];
        if (one.search->take()) {
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
  }

  struct Running {
    FlipSearch* search;
    size_t row;
  };

  void start(const Running& one) {
    const size_t first = one.row * width_;
    one.search->start({&signs_[first], &gradient_[first], &along_[first], left_along_[one.row]});
  }

  const KernelTable& kernels_;
  const AdditiveCoder& coder_;
  const size_t patience_, n_, stride_, width_;
  std::vector<float> left_;  // first the rows without the center, then without D b too
  std::vector<float> scales_;
  std::vector<uint8_t> rounded_, signs_;  // signs plus 1
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
      evidence_(work.kernels, matrices.evidence, matrices.n_dims, n_bits_, {}),
      feedback_(work.kernels, earlier_feedback(matrices).data(), n_bits_, n_bits_,
                {kSignOffset, n_layers(), false}),
      feedback_blocks_(width() * kBlock),
      along_(width()) {
  const size_t d = n_dims(), m = n_bits();
  for (size_t i = 0; i < m; ++i)
    for (size_t j = i / kBlock * kBlock; j < std::min(m, (i / kBlock + 1) * kBlock); ++j)
      feedback_blocks_[i * kBlock + j % kBlock] = matrices.feedback[i * m + j];
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
