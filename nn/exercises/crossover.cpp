// At which density does skipping the zeros begin to pay?
// do it, 10 minutes. Chapter: core/README.md, "Sparse products"; nn/forms.cpp.
//
// A dense product does W operations at D GFLOP/s. A packed one of density d does d W of them, at a lower
// speed s(d), which was measured at some densities:
//
//   dense  W / D          packed  d W / s(d)
//
// Return the density at which both take the same time. s is linear between two measurements, and beyond the
// last one stays as it is there. densities rise; d / s(d) rises, too.
//
// Guess the answer for the last case before you run it.
#include "nn/forms.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE double crossover(const std::vector<double>& densities, const std::vector<double>& speeds, double dense) {
  todo();
}

// ---- The cases

namespace {
double speed_at(double d, const std::vector<double>& densities, const std::vector<double>& speeds) {
  if (d <= densities.front()) return speeds.front();
  for (std::size_t i = 1; i < densities.size(); ++i)
    if (d <= densities[i]) return speeds[i - 1] + (speeds[i] - speeds[i - 1]) * (d - densities[i - 1]) / (densities[i] - densities[i - 1]);
  return speeds.back();
}
}  // namespace

CASE("half as fast at every density: at one half") { check(crossover({0.1, 1}, {50, 50}, 100), 0.5); }

CASE("between two measurements") {  // s = 60 + 40 d, and d / s = 1 / 120 where 120 d = 60 + 40 d
  check(crossover({0, 1}, {60, 100}, 120), 0.75);
}

CASE("random measurements: both take the same time there") {
  Random r = seeded();
  const std::vector<double> densities{0.05, 0.2, 0.4, 0.7, 1};
  std::vector<double> speeds;
  for (int i = 0; i < 5; ++i) speeds.push_back(60 + 3 * i + r.uniform());
  const double d = crossover(densities, speeds, 150);
  check(d / speed_at(d, densities, speeds), 1.0 / 150, "packed time over W");
}

CASE("LeNet's first layer, as core/README.md measured it, beside the table in nn/forms.cpp") {
  const double predicted = crossover({0.036, 0.1, 0.2, 0.3, 0.5}, {99, 106, 106, 113, 131}, 256), measured = nn::packing_threshold({300, 784});
  must(predicted > measured / 1.5 && predicted < measured * 1.5, "predicted {:.3g}, and a whole training step crosses at {:.3g}", predicted, measured);
  note(fmt::format("predicted {:.3g} from the forward product alone; a whole training step crosses at {:.3g}", predicted, measured));
}
