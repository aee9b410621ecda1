// How this extension was compiled, for people who compare speeds or report a fault.
#include <string>

#include "bindings.h"

namespace bitindex {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__) + "." +
         std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
  return "GCC " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." +
         std::to_string(__GNUC_PATCHLEVEL__);
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER / 100) + "." + std::to_string(_MSC_VER % 100);
#else
  return "unknown";
#endif
}

}  // namespace

void bind_build(pybind11::module_& module) { module.def("compiler", &compiler); }

}  // namespace bitindex
