#include "nn/forms.h"

#include <algorithm>

namespace bonsai::nn {
namespace {

// `./bonsai bench forms` on one thread of an AMD EPYC (Zen 5), 2026-11-25, found the densities named here with AVX-512, and held to AVX2
// (it looks no higher than 0.7). A dense product gains more from wide vectors than a sparse one; one table serves both.
constexpr PackingRow table[] = {
    {0, 0.7},        // 10 x 100, LeNet's last layer: 0.70, 0.70
    {10'000, 0.6},   // 100 x 300: 0.68, 0.70; 300 x 784: 0.61, 0.70
    {500'000, 0.5},  // 1000 x 1000: 0.54, 0.62
};

// A convolution's dense kernel is nearer to the peak than a product's, so less must be left. `./bonsai bench convolutions`, the same day and
// machine, AVX-512 and held to AVX2: Conv-2's second layer 0.32, 0.52; ResNet-20's stages 0.35, 0.59; 0.35, 0.59; 0.26, 0.53.
constexpr double convolution_threshold = 0.35;

// A Linear layer's mask that keeps two of every four: its product is faster than the dense one at any size (core/README.md), so no table is asked.
bool is_24(const Parameter& p) { return p.shape().rank() == 2 && pattern_of(p.mask())->two_of_four(); }

}  // namespace

const char* name(Form f) {
  switch (f) {
    case Form::dense: return "dense";
    case Form::masked: return "masked";
    case Form::packed: return "packed";
    case Form::softly_masked: return "softly masked";
  }
  fail("no form {}", static_cast<int>(f));
}

Form form_of(const Parameter& p) {
  return p.is_packed() ? Form::packed : p.soft_mask().defined() ? Form::softly_masked : p.is_masked() ? Form::masked : Form::dense;
}

std::span<const PackingRow> packing_table() { return table; }

double packing_threshold(const Shape& shape) {
  if (shape.rank() < 2) return 0;
  if (shape.rank() == 4) return convolution_threshold;
  double threshold = 0;
  for (const PackingRow& row : table)
    if (shape.numel() >= row.entries) threshold = row.threshold;
  return threshold;
}

std::vector<ChosenForm> choose_forms(Module& net, std::optional<double> given) {
  require(!given || (*given >= 0 && *given <= 1), "choose_forms: the threshold is a density between 0 and 1, got {}", given.value_or(0));
  std::vector<ChosenForm> chosen;
  for (Parameter* p : net.parameters()) {
    if (p->shape().rank() < 2) continue;
    const bool measured = p->leaf().device() == Device::cpu;  // the table is of the CPU; a GPU's dense products are another matter
    const double threshold = given.value_or(measured ? packing_threshold(p->shape()) : 0);
    if (form_of(*p) == Form::masked && p->packable() && (p->density() < threshold || (!given && measured && is_24(*p)))) p->pack();
    chosen.push_back({p->name(), p->density(), threshold, form_of(*p)});
  }
  return chosen;
}

}  // namespace bonsai::nn
