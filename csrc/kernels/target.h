// Turns an instruction set on for the functions between BEGIN and END, so that a file of kernels
// needs no compiler flag of its own. Include every other header before BEGIN: an inline function
// of a header that is compiled for a newer CPU could be the copy that the linker keeps for all.
#pragma once

#define BITINDEX_PRAGMA(text) _Pragma(#text)

#if defined(BITINDEX_SIMDE) || (defined(_MSC_VER) && !defined(__clang__))
#define BITINDEX_BEGIN_TARGET(isa)
#define BITINDEX_END_TARGET
#elif defined(__clang__)
#define BITINDEX_BEGIN_TARGET(isa) \
  BITINDEX_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define BITINDEX_END_TARGET BITINDEX_PRAGMA(clang attribute pop)
#else
#define BITINDEX_BEGIN_TARGET(isa) \
  BITINDEX_PRAGMA(GCC push_options) BITINDEX_PRAGMA(GCC target(isa))
#define BITINDEX_END_TARGET BITINDEX_PRAGMA(GCC pop_options)
#endif
