// By hand: two heads of one number each, and two tokens, (1, 0) and (0, 1). Of head 1
//
//   queries 1, 1;  keys 0, ln 3;  values 4, 8            Wq = (1, 1), Wk = (0, ln 3), Wv = (4, 8)
//   softmax(queries keysᵀ / √1) = (1/4, 3/4) for either token, since e⁰ = 1 and e^(ln 3) = 3
//   a = 4/4 + 3 · 8/4 = 7
//
// and of head 2, whose keys are 0 and which so looks at all tokens alike, a = (2 + 6)/2 = 4. With Wout the identity y = (7, 4) for both tokens. Head 1
// is gone when its rows of Wq, Wk, Wv and its column of Wout are: then y = (0, 4), and head 2 has not noticed.
//
// And an embedding, which is a matrix of which rows are picked: tokens 2 and 0 of W = (1, 2; 3, 4; 5, 6) are (5, 6) and (1, 2).
#include <doctest/doctest.h>

#include <cmath>

#include "nn/attention.h"

using namespace bonsai;
using Numbers = std::vector<double>;

TEST_CASE("attention by hand") {
  nn::MultiHeadAttention layer(2, 2);
  layer.to(DType::f64);
  layer.q().weight().set(tensor({1.0, 1.0, 1.0, 1.0}, {2, 2}));  // a row a head
  layer.k().weight().set(tensor({0.0, std::log(3.0), 0.0, 0.0}, {2, 2}));
  layer.v().weight().set(tensor({4.0, 8.0, 2.0, 6.0}, {2, 2}));
  layer.out().weight().set(tensor({1.0, 0.0, 0.0, 1.0}, {2, 2}));
  const Tensor tokens = tensor({1.0, 0.0, 0.0, 1.0}, {1, 2, 2});
  const Numbers both = layer(tokens).to_vector<double>();
  for (const int i : {0, 2}) {
    CHECK(both[i] == doctest::Approx(7));
    CHECK(both[i + 1] == doctest::Approx(4));
  }

  const Tensor without_row = tensor<std::uint8_t>({0, 0, 1, 1}, {2, 2}), without_column = tensor<std::uint8_t>({0, 1, 0, 1}, {2, 2});
  for (nn::Linear* projection : {&layer.q(), &layer.k(), &layer.v()}) projection->weight().set_mask(without_row);
  layer.out().weight().set_mask(without_column);
  CHECK(layer(tokens).to_vector<double>() == Numbers{0, 4, 0, 4});
}

TEST_CASE("an embedding by hand") {
  nn::Embedding layer(3, 2);
  layer.to(DType::f64);
  layer.parameter("weight").set(tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {3, 2}));
  CHECK(layer(tensor<std::int64_t>({2, 0}, {1, 2})).to_vector<double>() == Numbers{5, 6, 1, 2});
}
