#include "bindings.h"
#include "scan/thread_pool.h"

namespace bitindex {

void bind_threads(pybind11::module_& module) {
  module.def("default_threads", &default_threads);
  module.def("set_default_threads", &set_default_threads, pybind11::arg("n_threads"));
}

}  // namespace bitindex
