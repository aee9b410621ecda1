// Chooses one instruction set when the program starts to use the library.
#pragma once

#include <string>
#include <vector>

#include "kernel_table.h"

namespace bitindex {

// The table in use: the one that the environment variable BITINDEX_ISA names, or the best that
// this CPU supports. Throws std::invalid_argument, listing the choices, where the variable names
// none of them; a later call asks again. Thread safe.
const KernelTable& active_kernels();

// The table of that name. Throws std::invalid_argument as above.
const KernelTable& kernels_named(const std::string& name);

// Names of the instruction sets that were compiled in, best first, and of those among them that
// this CPU supports.
std::vector<std::string> compiled_isas();
std::vector<std::string> supported_isas();

// Makes every index that is created from now on use the named table. For tests.
void use_isa(const std::string& name);

}  // namespace bitindex
