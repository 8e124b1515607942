// Which form a pruned layer takes, masked or packed: whichever takes its training step faster. That follows from the layer's shape and
// density by a table in forms.cpp, and never from a timing at run time: the two forms add up in different orders, and bits must not depend
// on a stopwatch.
//
//   packed  where  density < threshold(shape), or a Linear layer's mask keeps two of every four columns (core/sparse24)
//
// Assumes a batch of some sixty examples on one thread, as the table was measured; `./bonsai bench forms` prints a fresh one beside it.
#pragma once
#include <optional>
#include <span>

#include "nn/module.h"

namespace bonsai::nn {

enum class Form { dense, masked, packed, softly_masked };
const char* name(Form f);
Form form_of(const Parameter& p);

// A row of the table: weights with so many entries or more, up to the next row's, are packed below this density.
struct PackingRow {
  std::int64_t entries;
  double threshold;
};
std::span<const PackingRow> packing_table();  // by rising entries, from 0

// The density below which the packed form is the faster one for a weight of this shape: by the table, the same one for all convolutions (four
// axes), and 0, never, for less than two axes.
double packing_threshold(const Shape& shape);

struct ChosenForm {
  std::string parameter;
  double density, threshold;
  Form form;
};

// Packs the hard-masked parameters whose density is below their threshold and whose layer can compute with a pattern. `threshold`, in
// [0, 1], stands for the whole table: 0 packs none, 1 all whose mask prunes anything (a mask that keeps everything saves no work). Dense
// and softly masked ones and those of other layers stay as they are, and none is unpacked. Returns the form of every parameter with two
// axes or more. Optimizers may be made before or after.
std::vector<ChosenForm> choose_forms(Module& net, std::optional<double> threshold = {});

}  // namespace bonsai::nn
