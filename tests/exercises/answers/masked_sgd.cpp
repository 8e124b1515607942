// hint: Write the three lines for one weight as they stand above. Then ask for the mask once, and not of the gradient.
// reference: core/reference/optimizers.cpp (sgd.1)
#include "nn/optimizers.h"

using namespace bonsai;

void masked_step(std::vector<double>& w, std::vector<double>& v, const std::vector<double>& g, const std::vector<std::uint8_t>& mask, double rate, double momentum,
                 double decay) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    v[i] = mask[i] ? momentum * v[i] + g[i] + decay * w[i] : 0;
    w[i] = mask[i] ? w[i] - rate * v[i] : 0;
  }
}
