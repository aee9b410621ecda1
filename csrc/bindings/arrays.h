// Every check of an array that enters the core. The Python layer above gives friendlier errors;
// these keep the core from reading memory that is not there.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace bitindex {

namespace py = pybind11;

// An array of this dtype in C order; anything else is a TypeError, never a silent copy.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
using OptionalArray = std::optional<Array<T>>;

// The number of rows of an array of shape (n, width).
template <class T>
size_t rows_of(const Array<T>& array, size_t width, const char* name) {
  if (array.ndim() != 2 || static_cast<size_t>(array.shape(1)) != width)
    throw std::invalid_argument(std::string(name) + " must have shape (n, " +
                                std::to_string(width) + ")");
  return static_cast<size_t>(array.shape(0));
}

// A pointer to an array of n values of `width` numbers each; null for None, which is right exactly
// where width is 0.
template <class T>
const T* values_of(const OptionalArray<T>& array, size_t n, size_t width, const char* name) {
  if (array.has_value() != (width > 0))
    throw std::invalid_argument(std::string(name) +
                                (width > 0 ? " must be given" : " are not kept by this index"));
  if (!array.has_value()) return nullptr;
  if (static_cast<size_t>(array->size()) != n * width || array->ndim() < 1 ||
      static_cast<size_t>(array->shape(0)) != n)
    throw std::invalid_argument(std::string(name) + " must have " + std::to_string(n) + " rows");
  return array->data();
}

// Keeps Python objects alive until the core lets go of them, on whichever thread that happens.
inline std::shared_ptr<const void> owner_of(py::object objects) {
  return {new py::object(std::move(objects)), [](const py::object* kept) {
            const py::gil_scoped_acquire gil;
            delete kept;
          }};
}

template <class T>
Array<T> new_array(std::initializer_list<size_t> shape) {
  return Array<T>(std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

}  // namespace bitindex
