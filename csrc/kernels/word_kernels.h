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

// block_at(b): where the b-th of the blocks begins.
template <class Words, size_t kBlocks, class BlockAt>
BITINDEX_FLATTEN void count_some_words(const uint8_t* query, const BlockAt& block_at,
                                       size_t n_words, uint32_t* counts) noexcept {
  constexpr size_t kRowBytes = kWordBytes * kWordRows;
  Words sums[kBlocks];
  const uint8_t* blocks[kBlocks];
  unrolled<kBlocks>([&](size_t b) noexcept {
    sums[b] = Words::zero();
    blocks[b] = block_at(b);
  });
  for (size_t w = 0; w < n_words; ++w) {
    const auto word = Words::broadcast(query + w * kWordBytes);
    unrolled<kBlocks>([&](size_t b) noexcept { sums[b].add(word, blocks[b] + w * kRowBytes); });
  }
  unrolled<kBlocks>([&](size_t b) noexcept { sums[b].store(counts + b * kWordRows); });
}

template <class Words, class BlockAt>
void count_blocks_at(const uint8_t* query, const BlockAt& block_at, size_t n_blocks, size_t n_words,
                     uint32_t* counts) noexcept {
  constexpr size_t kBlocks = Words::kBlocksAtOnce;
  size_t i = 0;
  const auto from_here = [&](size_t b) noexcept { return block_at(i + b); };
  for (; i + kBlocks <= n_blocks; i += kBlocks)
    count_some_words<Words, kBlocks>(query, from_here, n_words, counts + i * kWordRows);
  for (; i < n_blocks; ++i)
    count_some_words<Words, 1>(query, from_here, n_words, counts + i * kWordRows);
}

template <class Words>
void count_words(const uint8_t* query, const uint8_t* blocks, size_t n_blocks, size_t n_words,
                 uint32_t* counts) noexcept {
  const size_t block_bytes = n_words * kWordBytes * kWordRows;
  count_blocks_at<Words>(
      query, [&](size_t b) noexcept { return blocks + b * block_bytes; }, n_blocks, n_words,
      counts);
}

template <class Words>
void count_listed_words(const uint8_t* query, const uint8_t* blocks, const uint32_t* listed,
                        size_t n_listed, size_t n_words, uint32_t* counts) noexcept {
  const size_t block_bytes = n_words * kWordBytes * kWordRows;
  count_blocks_at<Words>(
      query, [&](size_t b) noexcept { return blocks + listed[b] * block_bytes; }, n_listed, n_words,
      counts);
}

}  // namespace bitindex
