// The table of operations: one row each, with the shapes and domains to try. Three suites are made from it: every backend against
// `reference` (backends_test), the same bits at any number of threads (threads_test), and derivatives against central differences
// (gradients_test). A new operation gets a row here and has all three.
#pragma once
#include <functional>
#include <ostream>

#include "core/sparse.h"
#include "tests/core/sample.h"

namespace bonsai::check {

using Shapes = std::vector<Shape>;  // of one call's inputs

struct Row {
  std::string name;
  std::function<Tensor(const Tensors&)> f;
  std::vector<Domain> domains;  // one an input
  std::vector<Shapes> shapes;   // one entry a call to try: small ones for derivatives, tile edges for the backends
  bool differentiable = true;
  double tolerance = 1;  // multiplies what two backends may differ by, for long sums
};
inline std::ostream& operator<<(std::ostream& out, const Row& r) { return out << r.name; }

std::vector<Row> elementwise_rows();       // operations_elementwise.cpp
std::vector<Row> reduction_rows();         // operations_shape.cpp: reductions
std::vector<Row> shape_rows();             //   and what only moves numbers
std::vector<Row> product_rows();           // operations_product.cpp: products, indexing, softmax, losses
std::vector<Row> picture_rows();           // operations_pictures.cpp: convolutions, pooling, normalisation
PatternRef a_third(std::int64_t rows, std::int64_t columns);  // a pattern with about so many entries, an empty row, and a full one
PatternRef two_of_four(std::int64_t rows, std::int64_t columns);  // all six ways of keeping two
const std::vector<Row>& operations();      // all of them

Tensors inputs_of(const Row& row, const Shapes& shapes, DType real);  // the real ones are marked with requires_grad(true)
Tensors real_ones(const Tensors& inputs);

// The value, the gradient of a weighted sum with respect to each real input, and (second) the gradient of a weighted sum of these.
Tensors evaluate(const Row& row, const Shapes& shapes, DType real, bool second);

}  // namespace bonsai::check
