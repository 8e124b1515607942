// hint: d / s(d) = 1 / D. It rises, so bisection finds it; or solve d D = s(d) on each piece of the line.
// reference: nn/forms.cpp constexpr PackingRow table[]
#include <vector>

double crossover(const std::vector<double>& densities, const std::vector<double>& speeds, double dense) {
  auto speed = [&](double d) {
    if (d <= densities.front()) return speeds.front();
    for (std::size_t i = 1; i < densities.size(); ++i)
      if (d <= densities[i]) return speeds[i - 1] + (speeds[i] - speeds[i - 1]) * (d - densities[i - 1]) / (densities[i] - densities[i - 1]);
    return speeds.back();
  };
  double low = 0, high = 10;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (middle * dense < speed(middle) ? low : high) = middle;
  }
  return low;
}
