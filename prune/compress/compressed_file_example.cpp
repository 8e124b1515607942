// By hand: 8 weights of which 3 stay, (0 0 1 0 0 0 1 -2), two values. Their steps are 3, 4 and 1. Weights with 2 bits each (codebook -2, 1: numbers 1 and 2; 0 would be the filler)
// and steps with 2 bits (at most 4) are 12 bits, so 2 bytes of codes; 8 + 4 bytes say the codebook and the number of steps.
#include <doctest/doctest.h>

#include "prune/compress/compressed_file.h"

TEST_CASE("a tensor in twelve bits") {
  using namespace bonsai;
  const Tensor w = tensor<float>({0, 0, 1, 0, 0, 0, 1, -2});
  const Tensor mask = tensor<std::uint8_t>({0, 0, 1, 0, 0, 0, 1, 1});
  const prune::Compressed c = prune::compress({{"w", w, mask, {.value_bits = 2, .index_bits = 2, .huffman = false}}}, {});
  const prune::TensorSize& size = c.tensors.front();
  CHECK(size.steps == 3);
  CHECK(size.step_code_bits + size.value_code_bits == 12);
  // name, axes, kind, flags, bits, bits, k, codebook, number of steps, codes
  CHECK(size.bytes == 2 + 5 + 1 + 1 + 1 + 1 + 1 + 2 * 4 + 4 + 2);
  CHECK(static_cast<unsigned char>(c.bytes[c.bytes.size() - 2]) == 0b10'10'11'10);  // step 3 is coded 2, weight 1 is number 2; step 4, weight 1
  CHECK(static_cast<unsigned char>(c.bytes.back()) == 0b00'01'0000);               // step 1, weight -2; filled up
  const SafeTensors back = prune::decompress(c.bytes, "example");
  CHECK(back.at("w").to_vector<float>() == w.to_vector<float>());
  CHECK(back.at("w.mask").to_vector<std::uint8_t>() == mask.to_vector<std::uint8_t>());
}
