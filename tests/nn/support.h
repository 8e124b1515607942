// What the tests of nn and prune share: tensors filled from a fixed formula, comparisons that look at every element and refuse NaN,
// the text of an Error, and the little network of the golden values.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "nn/layers.h"
#include "tests/refuses.h"

namespace bonsai::test {

// Element i is scale * sin(1.3 i + k): golden.py has the other half of this formula.
inline Tensor wave(int k, const Shape& shape, double scale = 1, DType t = DType::f64) {
  Tensor x = empty(shape, DType::f64);
  auto d = x.mutable_data<double>();
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = scale * std::sin(1.3 * static_cast<double>(i) + k);
  return cast(x, t);
}

// Entry i of tensor k, between -scale and scale, without any order: golden_pictures.py has the other half of this formula.
inline Tensor noise(std::uint32_t k, const Shape& shape, double scale = 1, DType t = DType::f64) {
  Tensor x = empty(shape, DType::f64);
  std::uint32_t i = 0;
  for (double& v : x.mutable_data<double>()) {
    std::uint32_t u = ++i * 2654435761u + k * 40503u;
    u = (u ^ u >> 16) * 2246822519u;
    u = (u ^ u >> 13) * 3266489917u;
    v = scale * ((u ^ u >> 16) / 2147483648.0 - 1);
  }
  return cast(x, t);
}

// The parameters that golden_pictures.py trains.
inline void fill(nn::Module& net) {
  std::uint32_t k = 0;
  for (nn::Parameter* p : net.parameters()) {
    const double scale = p->shape().rank() >= 2 ? std::sqrt(6.0 / static_cast<double>(p->numel() / p->shape()[0])) : 0.1;
    p->set(noise(++k, p->shape(), scale, p->leaf().dtype()) + number(p->initial(), p->leaf().detach()));
  }
}

// first, first+1, ..., classes-1, 0, 1, ...
inline Tensor labels(std::int64_t n, std::int64_t classes, std::int64_t first = 0) {
  Tensor y = empty({n}, DType::i64);
  auto d = y.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) d[i] = (i + first) % classes;
  return y;
}

// u8 of this shape: bit i is given by keep(i).
inline Tensor mask_of(const Shape& shape, const std::function<bool(std::int64_t)>& keep) {
  Tensor m = empty(shape, DType::u8);
  auto d = m.mutable_data<std::uint8_t>();
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = keep(static_cast<std::int64_t>(i));
  return m;
}

// |got - want| <= atol + rtol |want| for every element, and the same shape and type. Written so that a NaN fails.
inline ::testing::AssertionResult close(const Tensor& got, const Tensor& want, double rtol, double atol = 0) {
  if (got.shape() != want.shape() || got.dtype() != want.dtype()) return ::testing::AssertionFailure() << "shapes or types differ";
  for (std::int64_t i = 0; i < got.numel(); ++i) {
    const double g = got.at(i), w = want.at(i);
    if (!(std::abs(g - w) <= atol + rtol * std::abs(w)))
      return ::testing::AssertionFailure() << fmt::format("element {}: got {:.17g}, want {:.17g}", i, g, w);
  }
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return ::testing::AssertionFailure() << "shapes or types differ";
  if (std::memcmp(a.bytes(), b.bytes(), a.size_in_bytes()) == 0) return ::testing::AssertionSuccess();
  for (std::int64_t i = 0; i < a.numel(); ++i)
    if (!(a.at(i) == b.at(i))) return ::testing::AssertionFailure() << fmt::format("element {}: {:.17g} and {:.17g}", i, a.at(i), b.at(i));
  return ::testing::AssertionFailure() << "the same numbers in other bits (a zero's sign)";
}

// 4-5-3 with tanh; parameter k holds wave(k + 1, shape, 0.5). golden.py builds the same network.
inline std::unique_ptr<nn::Sequential> small_net(DType t = DType::f64) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 4, 5).add<nn::Tanh>("tanh").add<nn::Linear>("fc2", 5, 3);
  net->to(t);
  int k = 0;
  for (nn::Parameter* p : net->parameters()) p->set(wave(++k, p->shape(), 0.5, t));
  return net;
}

// The batch that goes with it: six examples of three classes.
inline Tensor small_inputs(DType t = DType::f64) { return wave(7, {6, 4}, 1, t); }
inline Tensor small_labels() { return labels(6, 3); }

}  // namespace bonsai::test
