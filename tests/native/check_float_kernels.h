// Kernels over floats and small integers.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel_checks.h"

namespace {

template <class T, class Draw>
void check_vectors(size_t d, bitindex::VectorType type, Draw draw) {
  Exact<float> query(d, random_bits() % 5);
  Exact<T> x(d, random_bits() % 5);
  for (size_t i = 0; i < d; ++i) query[i] = random_float(), x[i] = draw();
  const float scale = random_float();
  check(tested.dot[type](query.data(), x.data(), scale, d) ==
            expected.dot[type](query.data(), x.data(), scale, d),
        "dot", d, type, 0);
  check(tested.squared_l2[type](query.data(), x.data(), scale, d) ==
            expected.squared_l2[type](query.data(), x.data(), scale, d),
        "squared_l2", d, type, 0);
}

void check_all_vectors(size_t d) {
  check_vectors<float>(d, bitindex::kFloat32, random_float);
  check_vectors<uint16_t>(d, bitindex::kFloat16, [] {
    const uint32_t bits = random_bits();
    const bool finite = (bits & 0x7c00) != 0x7c00;
    return static_cast<uint16_t>(finite ? bits : bits & 0x83ff);  // otherwise a subnormal number
  });
  check_vectors<int8_t>(d, bitindex::kInt8, [] { return static_cast<int8_t>(random_bits()); });
}

bool same_bits(Exact<float>& a, Exact<float>& b) {
  return a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_multiply(size_t n_rows, size_t n_dims, size_t n_panels) {
  Exact<float> rows(n_rows * n_dims, random_bits() % 5);
  Exact<float> matrix(n_dims * 16 * n_panels, random_bits() % 5);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = random_float();
  for (size_t i = 0; i < matrix.size(); ++i) matrix[i] = random_float();
  for (const bool panels : {false, true}) {
    const size_t panel_stride = panels ? 16 * n_dims : 16, row_stride = panels ? 16 : 16 * n_panels;
    Exact<float> a(n_rows * 16 * n_panels), b(a.size());
    tested.multiply_rows(rows.data(), n_rows, n_dims, matrix.data(), n_panels, panel_stride,
                         row_stride, a.data());
    expected.multiply_rows(rows.data(), n_rows, n_dims, matrix.data(), n_panels, panel_stride,
                           row_stride, b.data());
    check(same_bits(a, b), "multiply_rows", n_rows, n_dims, n_panels);
  }
}

void check_multiply_int8(size_t n_rows, size_t n_quads, size_t n_panels) {
  const size_t row_stride = 4 * n_quads + random_bits() % 3;
  Exact<uint8_t> rows(n_rows * row_stride, random_bits() % 5);
  Exact<int8_t> matrix(n_panels * n_quads * 64, random_bits() % 5);
  Exact<int32_t> starts(16 * n_panels);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = random_bits() % 128;
  for (size_t i = 0; i < matrix.size(); ++i)
    matrix[i] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
  for (size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<int32_t>(random_bits() >> 8);
  Exact<int32_t> a(n_rows * 16 * n_panels), b(a.size());
  for (const auto& [kernels, sums] : {std::pair(&tested, &a), std::pair(&expected, &b)})
    kernels->multiply_int8(rows.data(), n_rows, row_stride, n_quads, matrix.data(), n_panels,
                           64 * n_quads, starts.data(), sums->data());
  check(std::equal(a.data(), a.data() + a.size(), b.data()), "multiply_int8", n_rows, n_quads,
        n_panels);
}

void check_decide_signs(size_t n_rows) {
  const size_t stride = 16 + random_bits() % 5;
  Exact<float> a_left(n_rows * stride, random_bits() % 5), b_left(a_left.size());
  Exact<float> fed_back(n_rows * 16, random_bits() % 5), feedback(256, random_bits() % 5);
  for (size_t i = 0; i < a_left.size(); ++i) a_left[i] = b_left[i] = random_float();
  for (size_t i = 0; i < fed_back.size(); ++i) fed_back[i] = random_float();
  for (size_t i = 0; i < feedback.size(); ++i) feedback[i] = random_float();
  Exact<uint8_t> a(n_rows * 16), b(a.size());
  tested.decide_signs(a_left.data(), n_rows, stride, fed_back.data(), 1.2f, feedback.data(),
                      a.data(), 16);
  expected.decide_signs(b_left.data(), n_rows, stride, fed_back.data(), 1.2f, feedback.data(),
                        b.data(), 16);
  check(std::equal(a.data(), a.data() + a.size(), b.data()), "decide_signs", n_rows, stride, 0);
  check(same_bits(a_left, b_left), "evidence of decide_signs", n_rows, stride, 0);
}

void check_rounding(size_t n) {
  Exact<float> x(n, random_bits() % 5), scales(n, random_bits() % 5), a(n), b(n);
  Exact<int32_t> sums(n, random_bits() % 5);
  Exact<uint8_t> a_bytes(n), b_bytes(n);
  for (size_t i = 0; i < n; ++i) {
    x[i] = 30.0f * random_float(), scales[i] = random_float(), a[i] = b[i] = random_float();
    sums[i] = static_cast<int32_t>(random_bits());
  }
  check(tested.largest_magnitude(x.data(), n) == expected.largest_magnitude(x.data(), n),
        "largest_magnitude", n, 0, 0);
  const float factor = random_float();
  tested.round_bytes(x.data(), factor, 64, n, a_bytes.data());
  expected.round_bytes(x.data(), factor, 64, n, b_bytes.data());
  check(std::equal(a_bytes.data(), a_bytes.data() + n, b_bytes.data()), "round_bytes", n, 0, 0);
  tested.add_scaled(sums.data(), scales.data(), factor, n, a.data());
  expected.add_scaled(sums.data(), scales.data(), factor, n, b.data());
  check(same_bits(a, b), "add_scaled", n, 0, 0);
}

void check_weigh_left(size_t n) {
  Exact<uint8_t> signs(n, random_bits() % 5);
  Exact<float> weights(n, random_bits() % 5), a_left(n, 1), b_left(n), a(n), b(n);
  for (size_t i = 0; i < n; ++i) {
    signs[i] = random_bits() % 2 * 2;
    weights[i] = random_float(), a_left[i] = b_left[i] = random_float();
  }
  tested.weigh_left(signs.data(), weights.data(), 0.3f, n, a_left.data(), a.data());
  expected.weigh_left(signs.data(), weights.data(), 0.3f, n, b_left.data(), b.data());
  check(same_bits(a, b) && same_bits(a_left, b_left), "weigh_left", n, 0, 0);
}

void check_start_flips(size_t n) {
  Exact<uint8_t> signs(n, random_bits() % 5);
  Exact<float> gradient(n, 1), along(n), own(n, 2), scales(n), pulls(n, 3);
  for (size_t i = 0; i < n; ++i) {
    signs[i] = random_bits() % 2 * 2;
    gradient[i] = random_float(), along[i] = random_float(), own[i] = random_float();
    scales[i] = 9000.0f * random_float(), pulls[i] = random_float();
  }
  Exact<int16_t> a(n), b(n), a_pulls(n), b_pulls(n), a_signs(n), b_signs(n);
  const bitindex::FlipTerms terms = {signs.data(),  gradient.data(), along.data(),   own.data(),
                                     scales.data(), pulls.data(),    random_float(), 30000.0f};
  tested.start_flips(terms, n, a.data(), a_pulls.data(), a_signs.data());
  expected.start_flips(terms, n, b.data(), b_pulls.data(), b_signs.data());
  for (const auto& [first, second] :
       {std::pair(&a, &b), {&a_pulls, &b_pulls}, {&a_signs, &b_signs}})
    check(std::equal(first->data(), first->data() + n, second->data()), "start_flips", n, 0, 0);
}

void check_next_flip(size_t n) {
  const auto draw = [] { return static_cast<int16_t>(random_bits()); };
  Exact<int16_t> row(n, random_bits() % 5), signs(n, random_bits() % 5), pulls(n, 1);
  Exact<int16_t> a(n, random_bits() % 5), b(n);
  for (size_t i = 0; i < n; ++i) {
    row[i] = draw(), pulls[i] = draw(), a[i] = b[i] = draw();
    signs[i] = static_cast<int16_t>(draw() >> 15);
  }
  for (const int16_t factor : {int16_t{0}, int16_t{32767}, int16_t{-9999}}) {
    const bitindex::FlipUpdate update = {row.data(), signs[n / 2], factor};
    const auto first = tested.next_flip(update, signs.data(), pulls.data(), n, a.data());
    const auto second = expected.next_flip(update, signs.data(), pulls.data(), n, b.data());
    check(first.bit == second.bit && first.cost == second.cost, "next_flip", n, first.bit,
          second.bit);
    check(std::equal(a.data(), a.data() + n, b.data()), "costs of next_flip", n, 0, 0);
  }
}

void check_hadamard(size_t n_dims) {
  const size_t offset = random_bits() % 5;
  Exact<float> a(n_dims, offset), b(n_dims), factors(n_dims, 1);
  for (size_t n = 1; n <= n_dims; n *= 2) {
    const size_t first = random_bits() % (n_dims - n + 1);
    for (size_t i = 0; i < n_dims; ++i) a[i] = b[i] = random_float(), factors[i] = random_float();
    tested.hadamard(a.data(), n_dims, factors.data(), first, n);
    expected.hadamard(b.data(), n_dims, factors.data(), first, n);
    check(same_bits(a, b), "hadamard", n_dims, first, n);
  }
}

void check_level_sums(size_t n_dims) {
  Exact<float> x(n_dims, random_bits() % 5);
  for (size_t i = 0; i < n_dims; ++i) x[i] = random_float() + 2.0f;
  for (const float most : {0.0f, 1.0f, 127.0f}) {
    Exact<float> a(2), b(2);
    const float t = random_float() + 2.0f;
    tested.level_sums(x.data(), n_dims, t, most, a.data(), a.data() + 1);
    expected.level_sums(x.data(), n_dims, t, most, b.data(), b.data() + 1);
    check(same_bits(a, b), "level_sums", n_dims, static_cast<size_t>(most), 0);
  }
}

}  // namespace
