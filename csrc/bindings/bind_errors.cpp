#include "bindings.h"
#include "codes/row_store.h"
#include "scan/cancel.h"

namespace bitindex {

void bind_errors(pybind11::module_&) {
  pybind11::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const UnknownId& unknown) {
      PyErr_SetString(PyExc_KeyError, unknown.what());
    } catch (const Cancelled& cancelled) {
      // The signal handler's own exception is set already.
      if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_RuntimeError, cancelled.what());
    }
  });
}

}  // namespace bitindex
