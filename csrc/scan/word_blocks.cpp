#include "scan/word_blocks.h"

#include <algorithm>
#include <cstring>

namespace bitindex {
namespace {

// A query of whole words: itself, or a copy with zeros behind it.
class WholeWords {
 public:
  WholeWords(const uint8_t* query, size_t n_bytes) noexcept : words_(query) {
    if (n_bytes % kWordBytes == 0) return;
    std::memset(copy_ + n_bytes, 0, kWordBytes - n_bytes % kWordBytes);
    std::memcpy(copy_, query, n_bytes);
    words_ = copy_;
  }
  const uint8_t* get() const noexcept { return words_; }

 private:
  const uint8_t* words_;
  uint8_t copy_[WordBlocks::kMostBytes];
};

}  // namespace

void WordBlocks::take(const uint8_t* rows, size_t n_rows) {
  const size_t needed = (n_rows + kWordRows - 1) / kWordRows;
  if (needed > capacity_) {
    blocks_ = make_aligned(needed * block_bytes());
    capacity_ = needed;
  }
  n_rows_ = n_rows;
  uint8_t* block = blocks_.get();
  size_t first = 0;
  for (; first + kWordRows <= n_rows; first += kWordRows, block += block_bytes())
    arrange_block(rows + first * n_bytes_, block);
  if (first == n_rows) return;
  std::vector<uint8_t> last(kWordRows * n_bytes_);
  std::memcpy(last.data(), rows + first * n_bytes_, (n_rows - first) * n_bytes_);
  arrange_block(last.data(), block);
}

// Two rows at a time: compilers make one store of two words.
void WordBlocks::arrange_block(const uint8_t* rows, uint8_t* block) const noexcept {
  const size_t whole = n_bytes_ - n_bytes_ % kWordBytes;
  for (size_t byte = 0; byte < whole; byte += kWordBytes)
    for (size_t r = 0; r < kWordRows; r += 2, block += 2 * kWordBytes) {
      uint64_t words[2];
      std::memcpy(words, rows + r * n_bytes_ + byte, kWordBytes);
      std::memcpy(words + 1, rows + (r + 1) * n_bytes_ + byte, kWordBytes);
      std::memcpy(block, words, sizeof words);
    }
  if (whole == n_bytes_) return;
  std::memset(block, 0, kWordBytes * kWordRows);
  for (size_t r = 0; r < kWordRows; ++r)
    std::memcpy(block + r * kWordBytes, rows + r * n_bytes_ + whole, n_bytes_ - whole);
}

void WordBlocks::count(const KernelTable& kernels, const uint8_t* query, size_t first, size_t n,
                       uint32_t* counts) const noexcept {
  kernels.count_words(WholeWords(query, n_bytes_).get(), blocks_.get() + first * block_bytes(), n,
                      n_words(), counts);
}

void WordBlocks::count(const KernelTable& kernels, const uint8_t* query,
                       const std::vector<uint32_t>& listed, uint32_t* counts) const noexcept {
  kernels.count_listed_words(WholeWords(query, n_bytes_).get(), blocks_.get(), listed.data(),
                             listed.size(), n_words(), counts);
}

}  // namespace bitindex
