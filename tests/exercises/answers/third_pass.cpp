// hint: All numbers from 1 to 1.25 share sign, exponent and the first two bits of the fraction.
// reference: prune/select_stream.cpp select_stream(
#include <vector>

std::vector<float> weights_of_a_file() {
  std::vector<float> w(4096);
  for (int i = 0; i < 4096; ++i) w[i] = 1 + static_cast<float>(i) / 65536;
  return w;
}
