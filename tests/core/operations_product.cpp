// Rows of the table of operations: products, indexing, softmax and the losses; and what the suites do with a row.
#include <array>

#include "core/sparse.h"
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

// The product kernel's edges: panels of 16 to 64 columns, groups of 4 or 6 rows and of 48, blocks of 128 or 256 steps.
struct Sizes {
  std::int64_t m, k, n;
};
const std::vector<Sizes> product_sizes = {{1, 1, 1}, {2, 3, 4}, {5, 7, 3}, {6, 1, 5}, {1, 6, 5}, {0, 3, 2}, {2, 0, 3}, {3, 2, 0}, {33, 79, 19}, {47, 127, 63},
                                          {48, 128, 64}, {49, 129, 65}, {7, 255, 31}, {4, 256, 33}, {97, 257, 17}, {1, 300, 10}, {100, 1, 100}, {193, 40, 130}};

Row product(std::string name, Sides t) {
  Row r{std::move(name), [t](const Tensors& x) { return matmul(x[0], x[1], t); }, {{-1, 1}, {-1, 1}}, {}, true, 8};
  auto shape = [](bool transposed, std::int64_t rows, std::int64_t columns) { return transposed ? Shape{columns, rows} : Shape{rows, columns}; };
  for (auto [m, k, n] : product_sizes) r.shapes.push_back({shape(t.a, m, k), shape(t.b, k, n)});
  // Batches: alike, stretched on either side, and one of them without.
  using Batch = std::vector<std::int64_t>;
  for (auto [lead_a, lead_b] : {std::pair<Batch, Batch>{{3}, {3}}, {{2, 1}, {1, 3}}, {{}, {2}}, {{2, 2}, {}}, {{0}, {1}}, {{1}, {4}}}) {
    auto with_lead = [](Batch s, const Shape& matrix) {
      s.insert(s.end(), matrix.begin(), matrix.end());
      return Shape(std::span<const std::int64_t>(s));
    };
    r.shapes.push_back({with_lead(lead_a, shape(t.a, 2, 3)), with_lead(lead_b, shape(t.b, 3, 2))});
    r.shapes.push_back({with_lead(lead_a, shape(t.a, 13, 9)), with_lead(lead_b, shape(t.b, 9, 17))});
  }
  return r;
}

// (rows, columns, batch): batches below, at and beyond one vector, and beyond the 64 floats that stay in registers; at the end, columns
// enough to be worked on in blocks.
const std::vector<std::array<std::int64_t, 3>> sparse_sizes = {{1, 1, 1},    {2, 3, 2},   {6, 4, 3},    {5, 7, 4},   {4, 5, 7},    {7, 6, 8},   {3, 9, 15},
                                                               {8, 5, 16},   {5, 8, 17},  {9, 20, 31},  {6, 33, 32}, {17, 13, 60}, {33, 9, 64}, {5, 40, 65},
                                                               {16, 17, 96}, {3, 4, 128}, {19, 7, 129}, {2, 3, 200}, {3, 2, 0},    {0, 3, 5},   {3, 0, 5},    {49, 113, 20}, {50, 300, 64}, {97, 230, 70}};

Domain index(double n) { return {0, n, false, DType::i64}; }

}  // namespace

// Sparse products: a pattern with about a third of the entries, an empty row where there are several, and a full one.
PatternRef a_third(std::int64_t rows, std::int64_t columns) {
  Tensor mask = zeros({rows, columns}, DType::u8);
  auto m = mask.mutable_data<std::uint8_t>();
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) m[r * columns + c] = r % 5 == 4 ? 0 : r % 5 == 3 ? 1 : (7 * r + 3 * c + r * c) % 3 == 0;
  return pattern_of(mask);
}

// Two of every four columns, all six ways.
PatternRef two_of_four(std::int64_t rows, std::int64_t columns) {
  constexpr int ways[6][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
  Tensor mask = zeros({rows, columns}, DType::u8);
  auto m = mask.mutable_data<std::uint8_t>();
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t g = 0; g < columns / 4; ++g)
      for (int c : ways[(5 * r + 7 * g + r * g) % 6]) m[r * columns + 4 * g + c] = 1;
  return pattern_of(mask);
}

std::vector<Row> product_rows() {
  std::vector<Row> rows = {
      product("matmul", {}),
      product("matmul_a", {.a = true}),
      product("matmul_b", {.b = true}),
      product("matmul_ab", {.a = true, .b = true}),
      {"matmul_with_itself", [](const Tensors& x) { return matmul(x[0], x[0]); }, {{-1, 1}}, {{{3, 3}}, {{2, 4, 4}}, {{65, 65}}}, true, 8},
      {"linear", [](const Tensors& x) { return linear(x[0], x[1]); }, {{-1, 1}, {-1, 1}}, {}, true, 8},
      {"linear_bias", [](const Tensors& x) { return linear(x[0], x[1], x[2]); }, {{-1, 1}, {-1, 1}, {-1, 1}}, {}, true, 8},
      {"index_select_0", [](const Tensors& x) { return index_select(x[0], x[1]) * index_select(x[0], x[1]); }, {{}, index(3)},
       {{{3, 4}, {5}}, {{3}, {2}}, {{3, 2, 2}, {3}}, {{3, 4}, {0}}, {{3, 9000}, {7}}, {{3, 0}, {2}}}},
      {"index_select_last", [](const Tensors& x) { return index_select(x[0], x[1], -1) * 2.0; }, {{}, index(4)}, {{{3, 4}, {6}}, {{2, 2, 4}, {3}}, {{5000, 4}, {9}}}},
      {"index_add", [](const Tensors& x) { return pow(index_add(x[0], x[1], 0, 4), 2); }, {{}, index(4)}, {{{6, 2}, {6}}, {{3}, {3}}, {{0, 3}, {0}}, {{300, 70}, {300}}}, true, 4},
      {"index_add_last", [](const Tensors& x) { return pow(index_add(x[0], x[1], -1, 3), 2); }, {{}, index(3)}, {{{2, 5}, {5}}, {{2, 2, 1}, {1}}}},
      {"gather", [](const Tensors& x) { return pow(gather(x[0], x[1]), 2); }, {{}, index(4)}, {{{3, 4}, {3, 6}}, {{1, 4}, {1, 1}}, {{0, 4}, {0, 2}}, {{700, 4}, {700, 3}}}},
      {"scatter_add", [](const Tensors& x) { return pow(scatter_add(x[0], x[1], 4), 2); }, {{}, index(4)}, {{{3, 6}, {3, 6}}, {{1, 1}, {1, 1}}, {{0, 2}, {0, 2}}, {{700, 3}, {700, 3}}}},
      {"one_hot", [](const Tensors& x) { return one_hot(x[0], 5, DType::f64); }, {index(5)}, {{{4}}, {{0}}, {{1}}}, false},
      {"mse", [](const Tensors& x) { return mse(x[0], x[1]); }, {{}, {}}, {{{7}, {7}}, {{3, 4}, {3, 4}}, {{}, {}}, {{129, 129}, {129, 129}}}, true, 16},
  };
  for (auto [m, k, n] : product_sizes) {
    rows[5].shapes.push_back({{m, k}, {n, k}});
    rows[6].shapes.push_back({{m, k}, {n, k}, {n}});
  }
  Row sparse_row{"sparse_matmul", [](const Tensors& x) { return sparse_matmul(a_third(x[2].shape()[0], x[1].shape()[0]), x[0], x[1], x[2]); },
                 {{-1, 1}, {-1, 1}, {-1, 1}}, {}, true, 8};
  Row transposed_row{"sparse_matmul_transposed",  // (the last input gives the number of columns)
                     [](const Tensors& x) { return sparse_matmul_transposed(a_third(x[1].shape()[0], x[2].shape()[0]), x[0], x[1]) + reshape(x[2], {x[2].numel(), 1}); },
                     {{-1, 1}, {-1, 1}, {-1, 1}}, {}, true, 8};
  Row sampled_row{"sampled_matmul", [](const Tensors& x) { return sampled_matmul(a_third(x[0].shape()[0], x[1].shape()[0]), x[0], x[1]); }, {{-1, 1}, {-1, 1}}, {}, true, 8};
  for (auto [m, k, n] : sparse_sizes) {
    const std::int64_t kept = a_third(m, k)->kept();
    sparse_row.shapes.push_back({{kept}, {k, n}, {m}});
    transposed_row.shapes.push_back({{kept}, {m, n}, {k}});
    sampled_row.shapes.push_back({{m, n}, {k, n}});
  }
  Row row_24{"matmul_24", [](const Tensors& x) { return sparse_matmul(two_of_four(x[2].shape()[0], x[1].shape()[0]), x[0], x[1], x[2]); },
             {{-1, 1}, {-1, 1}, {-1, 1}}, {}, true, 8};
  Row transposed_24{"matmul_24_transposed",
                    [](const Tensors& x) { return sparse_matmul_transposed(two_of_four(x[1].shape()[0], x[2].shape()[0]), x[0], x[1]) + reshape(x[2], {x[2].numel(), 1}); },
                    {{-1, 1}, {-1, 1}, {-1, 1}}, {}, true, 8};
  Row sampled_24{"sampled_matmul_24", [](const Tensors& x) { return sampled_matmul(two_of_four(x[0].shape()[0], x[1].shape()[0]), x[0], x[1]); }, {{-1, 1}, {-1, 1}}, {}, true, 8};
  // Tiles of 128 rows, blocks of 96 columns, odd numbers of groups, up to four rows at once, a vector of values for one example.
  for (auto [m, k, n] : std::vector<std::array<std::int64_t, 3>>{{1, 4, 1},   {2, 8, 2},   {3, 12, 3},   {5, 4, 7},    {7, 16, 8},   {3, 20, 15},   {8, 12, 16},  {5, 8, 17},
                                                                  {9, 36, 31}, {6, 40, 32}, {17, 28, 48}, {33, 60, 60}, {5, 96, 64},  {16, 100, 65}, {3, 92, 128}, {19, 8, 129},
                                                                  {2, 4, 200}, {3, 8, 0},   {0, 4, 5},    {49, 68, 1},  {97, 300, 1}, {129, 196, 64}, {131, 108, 70}}) {
    row_24.shapes.push_back({{m * k / 2}, {k, n}, {m}});
    transposed_24.shapes.push_back({{m * k / 2}, {m, n}, {k}});
    sampled_24.shapes.push_back({{m, n}, {k, n}});
  }
  for (Row* r : {&sparse_row, &transposed_row, &sampled_row, &row_24, &transposed_24, &sampled_24}) rows.push_back(*r);
  const std::vector<Shapes> row_shapes = {{{1}}, {{7}}, {{3, 5}}, {{2, 3, 4}}, {{5, 1}}, {{0, 3}}, {{3, 0}}, {{33, 79}}, {{2047, 1}}, {{3, 2049}}, {{2, 16385}}, {{300, 7}}};
  rows.push_back({"softmax", [](const Tensors& x) { return softmax(x[0]); }, {{-3, 3}}, row_shapes});
  rows.push_back({"log_softmax", [](const Tensors& x) { return log_softmax(x[0]); }, {{-3, 3}}, row_shapes, true, 4});
  const std::vector<Shapes> loss_shapes = {{{1, 5}, {1}}, {{3, 5}, {3}}, {{4, 7}, {4}}, {{60, 10}, {60}}, {{2047, 5}, {2047}}, {{3, 16385}, {3}}};
  rows.push_back({"cross_entropy", [](const Tensors& x) { return cross_entropy(x[0], x[1]); }, {{-3, 3}, index(5)}, loss_shapes});
  rows.push_back({"cross_entropy_each", [](const Tensors& x) { return cross_entropy_each(x[0], x[1]); }, {{-3, 3}, index(5)}, loss_shapes});
  rows.back().shapes.push_back({{0, 5}, {0}});
  return rows;
}

const std::vector<Row>& operations() {
  static const std::vector<Row> all = [] {
    std::vector<Row> rows;
    for (auto part : {elementwise_rows, reduction_rows, shape_rows, product_rows, picture_rows})
      for (Row& r : part()) rows.push_back(std::move(r));
    return rows;
  }();
  return all;
}

Tensors inputs_of(const Row& row, const Shapes& shapes, DType real) {
  Tensors inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(sample(shapes[i], real, row.domains[i], static_cast<int>(i)));
    if (row.differentiable && is_floating(inputs[i].dtype())) inputs[i].requires_grad(true);
  }
  return inputs;
}

Tensors real_ones(const Tensors& inputs) {
  Tensors xs;
  for (const Tensor& x : inputs)
    if (x.requires_grad()) xs.push_back(x);
  return xs;
}

Tensors evaluate(const Row& row, const Shapes& shapes, DType real, bool second) {
  const Tensors inputs = inputs_of(row, shapes, real), xs = real_ones(inputs);
  Tensors results{row.f(inputs)};
  if (!row.differentiable) return results;
  const Tensors first = grad(weighted_sum(results), xs, {.create_graph = second});
  const Tensor again = weighted_sum(first, 60);
  for (const Tensor& g : first) results.push_back(g.detach());
  if (second)
    for (const Tensor& g : grad(again, xs)) results.push_back(g);
  return results;
}

}  // namespace bonsai::check
