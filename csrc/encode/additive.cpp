#include "encode/additive.h"

#include <cstring>
#include <memory>
#include <vector>

#include "encode/panels.h"

namespace bitindex {
namespace {

constexpr size_t kTenure = 8;  // steps that a flipped bit rests
constexpr float kResting = 1e30f;

// A square matrix with rows and columns of zeros up to a multiple of 16.
std::vector<float> padded(const float* matrix, size_t n, size_t width) {
  std::vector<float> result(width * width, 0.0f);
  for (size_t i = 0; i < n; ++i) std::memcpy(&result[i * width], matrix + i * n, n * sizeof(float));
  return result;
}

// What all rows share.
struct Matrices {
  Matrices(const RowWork& work, const AdditiveCoder& coder)
      : n_dims(coder.n_dims),
        n_bits(coder.n_bits),
        decoder(coder.decoder, coder.n_dims, coder.n_bits),
        weighted(coder.weighted, coder.n_dims, coder.n_bits),
        evidence(coder.evidence, coder.n_dims, coder.n_bits),
        feedback(padded(coder.feedback, coder.n_bits, decoder.width())),
        gram(width() * width()),
        along(width()) {
    // Gram matrix D^T W D: the rows of D^T times W D.
    std::vector<float> columns(width() * n_dims, 0.0f);
    for (size_t k = 0; k < n_dims; ++k)
      for (size_t j = 0; j < n_bits; ++j) columns[j * n_dims + k] = coder.decoder[k * n_bits + j];
    for_each_part(work, width(), n_dims, [&](size_t first, size_t n) {
      weighted.multiply(work.kernels, &columns[first * n_dims], n, &gram[first * width()]);
    });
    gram_panels = std::make_unique<Panels>(gram.data(), width(), width());
    decoder.multiply(work.kernels, coder.along_center, 1, along.data());
  }
  size_t width() const noexcept { return decoder.width(); }

  size_t n_dims, n_bits;
  Panels decoder, weighted, evidence;
  std::vector<float> feedback;
  std::vector<float> gram;
  std::unique_ptr<Panels> gram_panels;
  std::vector<float> along;  // D^T along_center
};

// The search for one row.
class Search {
 public:
  Search(const KernelTable& kernels, const Matrices& matrices, float along_weight, size_t patience)
      : kernels_(kernels),
        matrices_(matrices),
        along_weight_(along_weight),
        patience_(patience),
        width_(matrices.width()),
        own_(width_),
        resting_(width_),
        costs_(width_),
        best_(width_) {}

  // signs: where to start, and the best ones afterwards. gradient: D^T W (r - D signs). along: D^T
  // v. left_along: <v, r - D signs>.
  void run(float* signs, float* gradient, const float* along, float left_along) {
    const float pull = along_weight_ * left_along;
    for (size_t j = 0; j < width_; ++j) {
      own_[j] = matrices_.gram[j * width_ + j] + along_weight_ * along[j] * along[j];
      if (j >= matrices_.n_bits) own_[j] = kResting;
      resting_[j] = own_[j];
    }
    best_.assign(signs, signs + width_);
    // The first call adds the pull along v to the gradient, each other one what a flip changes.
    FlipUpdate update = {matrices_.gram.data(), 0.0f, along, pull};
    float change = 0.0f, least = 0.0f;
    const size_t most_steps = 4 * matrices_.n_bits + patience_;
    for (size_t step = 0, since_best = 0; step < most_steps; ++step) {
      const size_t j =
          kernels_.next_flip(update, signs, resting_.data(), width_, gradient, costs_.data());
      change += costs_[j];
      if (costs_[j] >= 0.5f * kResting || (patience_ == 0 && !(costs_[j] < 0.0f))) break;
      const float twice = 2.0f * signs[j];
      update = {&matrices_.gram[j * width_], twice, along, twice * along_weight_ * along[j]};
      signs[j] = -signs[j];
      if (patience_ > 0) rest(j, step);
      if (change < least) {
        least = change;
        since_best = 0;
        std::memcpy(best_.data(), signs, width_ * sizeof(float));
      } else if (++since_best > patience_) {
        break;
      }
    }
    std::memcpy(signs, best_.data(), width_ * sizeof(float));
  }

 private:
  void rest(size_t j, size_t step) {
    if (step >= kTenure) {
      const size_t rested = resting_bits_[step % kTenure];
      resting_[rested] = own_[rested];
    }
    resting_bits_[step % kTenure] = j;
    resting_[j] = kResting;
  }

  const KernelTable& kernels_;
  const Matrices& matrices_;
  const float along_weight_;
  const size_t patience_;
  const size_t width_;
  std::vector<float> own_, resting_, costs_, best_;
  size_t resting_bits_[kTenure] = {};
};

void unpack_signs(const uint8_t* packed, size_t n_bits, float* signs) {
  for (size_t j = 0; j < n_bits; ++j)
    signs[j] = (packed[j / 8] >> (7 - j % 8) & 1) != 0 ? 1.0f : -1.0f;
}

void pack_signs(const float* signs, size_t n_bits, uint8_t* packed) {
  std::memset(packed, 0, (n_bits + 7) / 8);
  for (size_t j = 0; j < n_bits; ++j)
    packed[j / 8] = static_cast<uint8_t>(packed[j / 8] | (signs[j] > 0.0f) << (7 - j % 8));
}

}  // namespace

void encode_additive(const RowWork& work, const AdditiveCoder& coder, const float* rows,
                     size_t n_rows, const uint8_t* first_codes, uint8_t* packed) {
  const Matrices matrices(work, coder);
  const size_t d = coder.n_dims, width = matrices.width(), n_bytes = (coder.n_bits + 7) / 8;
  const auto dot = work.kernels.dot[kFloat32];
  for_each_part(work, n_rows, d, [&](size_t first, size_t n) {
    std::vector<float> centered(n * d), along_row(d);
    std::vector<float> signs(n * width, 0.0f), evidence(n * width), along(n * width),
        gradient(n * width);
    subtract_center(rows + first * d, n, d, coder.center, centered.data());
    if (first_codes == nullptr) {
      matrices.evidence.multiply(work.kernels, centered.data(), n, evidence.data());
      for (size_t i = 0; i < n; ++i)
        work.kernels.decide_signs(&evidence[i * width], matrices.feedback.data(), width,
                                  &signs[i * width]);
    } else {
      for (size_t i = 0; i < n; ++i)
        unpack_signs(first_codes + (first + i) * n_bytes, coder.n_bits, &signs[i * width]);
    }
    matrices.decoder.multiply(work.kernels, centered.data(), n, along.data());
    matrices.weighted.multiply(work.kernels, centered.data(), n, gradient.data());
    std::vector<float>& decoded = evidence;  // now D^T W D signs
    matrices.gram_panels->multiply(work.kernels, signs.data(), n, decoded.data());
    Search search(work.kernels, matrices, coder.along_weight, coder.patience);
    for (size_t i = 0; i < n; ++i) {
      const float* row = &centered[i * d];
      float* row_along = &along[i * width];
      for (size_t j = 0; j < width; ++j) {
        row_along[j] += matrices.along[j];
        gradient[i * width + j] -= decoded[i * width + j];
      }
      for (size_t k = 0; k < d; ++k) along_row[k] = row[k] + coder.along_center[k];
      const float left = dot(along_row.data(), row, 1.0f, d) -
                         dot(row_along, &signs[i * width], 1.0f, coder.n_bits);
      search.run(&signs[i * width], &gradient[i * width], row_along, left);
      pack_signs(&signs[i * width], coder.n_bits, packed + (first + i) * n_bytes);
    }
  });
}

}  // namespace bitindex
