// The arrays that a kind of index keeps besides its rows, as a file gives them back. Each is taken
// once, by its name, type and number of dimensions; what it holds is for the kind to check.
#pragma once

#include <string>
#include <vector>

#include "arrays.h"

namespace bitindex {

class StructureArrays {
 public:
  explicit StructureArrays(const py::dict& arrays) : left_(arrays.attr("copy")()) {}

  bool empty() const { return left_.empty(); }

  // An array that must be there.
  template <class T>
  Array<T> take(const char* name, py::ssize_t n_dims) {
    if (!left_.contains(name)) throw std::invalid_argument(section(name) + " is missing");
    const py::object array = left_.attr("pop")(name);
    if (!py::isinstance<Array<T>>(array) || array.cast<Array<T>>().ndim() != n_dims)
      throw std::invalid_argument(section(name) + " must be " +
                                  py::str(py::dtype::of<T>()).cast<std::string>() +
                                  " with ndim=" + std::to_string(n_dims));
    return array.cast<Array<T>>();
  }

  // A copy of its numbers.
  template <class T>
  std::vector<T> take_values(const char* name, py::ssize_t n_dims = 1) {
    const Array<T> array = take<T>(name, n_dims);
    return {array.data(), array.data() + array.size()};
  }
  // None where it is not there.
  template <class T>
  std::vector<T> take_values_if_any(const char* name) {
    return left_.contains(name) ? take_values<T>(name) : std::vector<T>();
  }

  // Throws where an array is left that nobody has taken.
  void refuse_others() const {
    for (const auto& [name, array] : left_)
      throw std::invalid_argument(section(py::cast<std::string>(name)) + " is unknown");
  }

 private:
  static std::string section(const std::string& name) { return "section 'structure/" + name + "'"; }

  py::dict left_;
};

template <class T>
Array<T> array_of(const std::vector<T>& values) {
  return Array<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace bitindex
