// Rows of the table of operations: reductions, and what only moves numbers.
#include "core/sparse.h"
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

Row row(std::string name, std::function<Tensor(const Tensor&)> f, std::vector<Shape> shapes, bool differentiable = true, double tolerance = 1) {
  Row r{std::move(name), [f](const Tensors& x) { return f(x[0]); }, {Domain{}}, {}, differentiable, tolerance};
  for (const Shape& s : shapes) r.shapes.push_back({s});
  return r;
}

// Sixteen partial sums, tiles of 16384: sizes about both, and about strips of columns.
const std::vector<Shape> any_rank = {{}, {1}, {7}, {15}, {16}, {17}, {3, 5}, {2, 3, 4}, {1, 4, 1}, {33, 79}, {16383}, {16384}, {16385}, {3, 16385}};
const std::vector<Shape> rank_2 = {{1, 1}, {1, 7}, {7, 1}, {3, 5}, {5, 15}, {4, 16}, {3, 17}, {33, 79}, {2, 16385}, {16385, 2}, {129, 129}};
const std::vector<Shape> rank_3 = {{1, 1, 1}, {2, 3, 4}, {3, 1, 5}, {1, 6, 1}, {5, 17, 3}, {17, 5, 33}, {2, 16385, 3}};

std::vector<Shape> with_empty(std::vector<Shape> shapes, std::initializer_list<Shape> empty) {
  shapes.insert(shapes.end(), empty);
  return shapes;
}

}  // namespace

std::vector<Row> reduction_rows() {
  const auto rank_2_0 = with_empty(rank_2, {{0, 3}, {3, 0}, {0, 0}});
  const auto rank_3_0 = with_empty(rank_3, {{0, 2, 3}, {2, 0, 3}, {2, 3, 0}});
  Row sum_i64 = row("sum_i64", [](const Tensor& x) { return sum(x, {-1}); }, rank_2_0, false);
  sum_i64.domains = {{-9, 9, false, DType::i64}};
  Row sum_u8 = row("sum_u8", [](const Tensor& x) { return sum(x); }, rank_2_0, false);
  sum_u8.domains = {{0, 1, false, DType::u8}};
  return {
      row("sum_all", [](const Tensor& x) { return sum(x); }, with_empty(any_rank, {{0}, {3, 0}}), true, 4),
      row("sum_axis_0", [](const Tensor& x) { return sum(x, {0}); }, rank_2_0, true, 4),
      row("sum_axis_1_keep", [](const Tensor& x) { return sum(x, {1}, true); }, rank_2_0, true, 4),
      row("sum_axis_last", [](const Tensor& x) { return sum(x, {-1}); }, rank_3_0),
      row("sum_axis_middle", [](const Tensor& x) { return sum(x, {-2}); }, rank_3_0, true, 4),
      row("sum_axes_outer", [](const Tensor& x) { return sum(x, {0, 2}); }, rank_3_0, true, 4),
      row("sum_axes_last_two", [](const Tensor& x) { return sum(x, {-1, -2}, true); }, rank_3_0, true, 4),
      row("sum_axes_none", [](const Tensor& x) { return sum(x, Shape{}); }, rank_3_0),
      row("sum_squares", [](const Tensor& x) { return sum(x * x * x, {0}); }, rank_2_0, true, 4),
      sum_i64,
      sum_u8,
      row("mean_all", [](const Tensor& x) { return mean(x); }, any_rank),
      row("mean_axis_0", [](const Tensor& x) { return mean(x, {0}); }, rank_2),
      row("mean_outer_keep", [](const Tensor& x) { return mean(x, {0, -1}, true); }, rank_3),
      row("max_all", [](const Tensor& x) { return max(x); }, any_rank),
      row("max_axis_0", [](const Tensor& x) { return max(x, {0}); }, with_empty(rank_2, {{3, 0}})),
      row("max_axis_last_keep", [](const Tensor& x) { return max(x, {-1}, true); }, with_empty(rank_2, {{0, 3}})),
      row("max_axes_outer", [](const Tensor& x) { return max(x, {0, 2}); }, rank_3),
      row("max_squared", [](const Tensor& x) { return pow(max(x, {1}), 2); }, rank_2),
      row("min_all", [](const Tensor& x) { return min(x); }, any_rank),
      row("min_axis_middle", [](const Tensor& x) { return min(x, {1}); }, rank_3),
      row("argmax_last", [](const Tensor& x) { return argmax(x); }, with_empty(rank_2, {{0, 3}}), false),
      row("argmax_0", [](const Tensor& x) { return argmax(x, 0); }, rank_2, false),
      row("argmax_middle", [](const Tensor& x) { return argmax(x, -2); }, rank_3, false),
      row("sum_to_column", [](const Tensor& x) { return sum_to(x, {x.shape()[1], 1}); }, rank_3_0, true, 4),
      row("sum_to_scalar", [](const Tensor& x) { return sum_to(x, {}); }, any_rank, true, 4),
  };
}

std::vector<Row> shape_rows() {
  const auto rank_2_0 = with_empty(rank_2, {{0, 3}, {3, 0}});
  const auto rank_3_0 = with_empty(rank_3, {{0, 2, 3}, {2, 3, 0}});
  auto squared = [](const Tensor& y) { return y * y; };  // so that the second derivative is not simply 0
  return {
      row("reshape", [=](const Tensor& x) { return squared(reshape(x, {x.numel()})); }, any_rank),
      row("flatten", [=](const Tensor& x) { return squared(flatten(x)); }, rank_3_0),
      row("permute_120", [=](const Tensor& x) { return squared(permute(x, {1, 2, 0})); }, rank_3_0),
      row("permute_negative", [=](const Tensor& x) { return squared(permute(x, {-1, 0, -2})); }, rank_3_0),
      row("transpose", [=](const Tensor& x) { return squared(transpose(x)); }, rank_2_0),
      row("transpose_outer", [=](const Tensor& x) { return squared(transpose(x, 0, -1)); }, rank_3_0),
      row("to_columns", [=](const Tensor& x) { return squared(to_columns(x)); }, {{1, 1}, {3, 5}, {8, 16}, {15, 17}, {16, 4}, {17, 15}, {60, 33}, {64, 784}, {0, 3}, {3, 0}}),
      row("to_rows", [=](const Tensor& x) { return squared(to_rows(to_columns(x), x.shape()[0])); }, {{1, 1}, {3, 5}, {17, 15}, {60, 33}, {0, 3}}),
      row("broadcast_to", [=](const Tensor& x) { return squared(broadcast_to(x, {2, x.shape()[0], 3})); }, {{1, 1}, {5, 1}, {0, 1}, {16385, 1}}),
      row("broadcast_front", [=](const Tensor& x) { return squared(broadcast_to(x, {3, x.numel()})); }, {{1}, {5}, {0}, {16385}}),
      row("broadcast_scalar", [=](const Tensor& x) { return squared(broadcast_to(x, {4, 0 + 3})); }, {{}, {1}, {1, 1}}),
      row("slice_0", [=](const Tensor& x) { return squared(slice(x, 0, 1, x.shape()[0])); }, {{1, 3}, {4, 5}, {33, 79}, {3, 0}}),
      row("slice_last", [=](const Tensor& x) { return squared(slice(x, -1, 0, x.shape()[1] / 2)); }, rank_2_0),
      row("slice_middle", [=](const Tensor& x) { return squared(slice(x, 1, 0, 1)); }, rank_3),
      row("slice_nothing", [=](const Tensor& x) { return squared(slice(x, 0, 0, 0)); }, rank_2),
      row("embed", [=](const Tensor& x) { return squared(embed(x, -1, 2, x.shape()[1] + 3)); }, rank_2_0),
      row("embed_0", [=](const Tensor& x) { return squared(embed(x, 0, 1, x.shape()[0] + 1)); }, rank_3_0),
      row("concat_with_itself", [=](const Tensor& x) { return squared(concat({x, x * 2.0, x}, -1)); }, rank_2_0),
      {"concat_0", [=](const Tensors& x) { return squared(concat({x[0], x[1]}, 0)); }, {{}, {}},
       {{{2, 3}, {1, 3}}, {{0, 3}, {2, 3}}, {{5, 0}, {2, 0}}, {{129, 128}, {1, 128}}}},
      {"concat_middle", [=](const Tensors& x) { return squared(concat({x[0], x[1], x[2]}, -2)); }, {{}, {}, {}},
       {{{2, 3, 2}, {2, 1, 2}, {2, 2, 2}}, {{1, 1, 1}, {1, 0, 1}, {1, 4, 1}}}},
  };
}

}  // namespace bonsai::check
