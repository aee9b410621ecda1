// How many bits of rows differ from a query, for 8 rows at a time that lie side by side word by
// word, so that no sum runs across a vector. Written once over a class of each instruction set:
//
// Words  a number for each of the 8 rows of a block: zero; broadcast, a word of the query for all
// of
//        them; add, the bits that it differs in from the words of the rows; store, as 32 bits each.
//        kBlocksAtOnce: how many blocks of sums fit the registers.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

template <class Words, size_t kBlocks>
BITINDEX_FLATTEN void count_some_words(const uint8_t* query, const uint8_t* block, size_t n_words,
                                       uint32_t* counts) noexcept {
  constexpr size_t kRowBytes = kWordBytes * kWordRows;
  Words sums[kBlocks];
  unrolled<kBlocks>([&](size_t b) noexcept { sums[b] = Words::zero(); });
  for (size_t w = 0; w < n_words; ++w, query += kWordBytes, block += kRowBytes) {
    const auto word = Words::broadcast(query);
    unrolled<kBlocks>(
        [&](size_t b) noexcept { sums[b].add(word, block + b * n_words * kRowBytes); });
  }
  unrolled<kBlocks>([&](size_t b) noexcept { sums[b].store(counts + b * kWordRows); });
}

template <class Words>
void count_words(const uint8_t* query, const uint8_t* blocks, size_t n_blocks, size_t n_words,
                 uint32_t* counts) noexcept {
  constexpr size_t kBlocks = Words::kBlocksAtOnce;
  const size_t block_bytes = n_words * kWordBytes * kWordRows;
  size_t b = 0;
  for (; b + kBlocks <= n_blocks; b += kBlocks)
    count_some_words<Words, kBlocks>(query, blocks + b * block_bytes, n_words,
                                     counts + b * kWordRows);
  for (; b < n_blocks; ++b)
    count_some_words<Words, 1>(query, blocks + b * block_bytes, n_words, counts + b * kWordRows);
}

}  // namespace bitindex
