// By hand: BatchNorm of one channel and two examples, 1 and 3, with ε = 3 and momentum 1/2 so that the numbers are short.
//
//   training      mean 2, variance 1:  y = ∓1 / √(1 + 3) = ∓1/2
//   with ReLU, and a shortcut of 1/4:  max(0, -1/2 + 1/4) = 0  and  1/2 + 1/4 = 3/4
//   it follows    running mean 0 -> (0 + 2)/2 = 1; running variance 1 -> (1 + 2)/2 = 3/2, since the unbiased variance is 2/1 · 1 = 2
//   evaluating    4 -> (4 - 1) / √(3/2 + 3) = √2, whatever else is in the batch
//
// And a residual block whose convolutions are 0: what comes out is ReLU of the shortcut. Option A: every other pixel of channel 1, and a
// channel of zeros on either side.
#include <doctest/doctest.h>

#include "nn/init.h"
#include "nn/picture_layers.h"

using namespace bonsai;
using Numbers = std::vector<double>;

TEST_CASE("batch normalisation by hand") {
  nn::BatchNorm2d plain(1, false, 0.5, 3), residual(1, true, 0.5, 3);
  const Tensor x = reshape(tensor({1.0, 3.0}), {2, 1});
  for (nn::BatchNorm2d* layer : {&plain, &residual}) {
    layer->to(DType::f64);
    nn::initialize(*layer, {}, Random(1));
  }
  CHECK(plain(x).to_vector<double>() == Numbers{-0.5, 0.5});
  CHECK(residual.forward(x, full({2, 1}, 0.25, DType::f64)).to_vector<double>() == Numbers{0, 0.75});

  CHECK(plain.buffers()[0].second->item() == 1);
  CHECK(plain.buffers()[1].second->item() == 1.5);
  plain.train(false);
  CHECK(plain(reshape(tensor({4.0}), {1, 1})).item() == doctest::Approx(std::sqrt(2)));
}

TEST_CASE("a shortcut without parameters by hand") {
  nn::BasicBlock block(1, 3, 2, nn::Shortcut::padding);
  block.to(DType::f64);  // (made with zeros)
  const Tensor picture = reshape(tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}), {1, 1, 3, 3});
  block.train(false);
  CHECK(block(picture).to_vector<double>() == Numbers{0, 0, 0, 0, 1, 3, 7, 9, 0, 0, 0, 0});
}
