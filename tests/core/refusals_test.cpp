// For each precondition of an operation one input that breaks it: an Error must come, on one line, that names the operation and
// the sizes. A case that is accepted, or dies otherwise, fails.
#include <limits>

#include "core/backend.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/core/check.h"

// Sanitizers are to answer a request that is too large as the system does, not to end the program.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

namespace bonsai::check {
namespace {

Tensor f(const Shape& s) { return ones(s); }
Tensor d(const Shape& s) { return ones(s, DType::f64); }
Tensor i(const Shape& s, double v = 0) { return full(s, v, DType::i64); }
Tensor u(const Shape& s) { return ones(s, DType::u8); }

struct Refusal {
  const char* name;
  std::function<void()> call;
  std::vector<std::string> parts;
};
std::ostream& operator<<(std::ostream& out, const Refusal& r) { return out << r.name; }

class Refusals : public ::testing::TestWithParam<Refusal> {};
TEST_P(Refusals, NameTheOperationAndTheSizes) { EXPECT_TRUE(refuses(GetParam().call, GetParam().parts)); }

const std::vector<Refusal> elementwise = {
    {"add_shapes", [] { add(f({2, 3}), f({2, 4})); }, {"add", "(2, 3)", "(2, 4)"}},
    {"mul_shapes", [] { mul(f({3}), f({3, 2})); }, {"mul", "(3)", "(3, 2)"}},
    {"sub_types", [] { sub(f({2}), d({2})); }, {"sub", "f32", "f64"}},
    {"div_integers", [] { div(i({2}, 1), i({2}, 1)); }, {"div", "i64"}},
    {"pow_integers", [] { pow(i({2}, 1), i({2}, 1)); }, {"pow", "i64"}},
    {"gate_bytes", [] { gate(u({2}), u({2})); }, {"gate", "u8"}},
    {"exp_integers", [] { exp(i({2})); }, {"exp", "i64"}},
    {"relu_bytes", [] { relu(u({2})); }, {"relu", "u8"}},
    {"integers_times_half", [] { i({2}, 1) * 0.5; }, {"0.5", "i64"}},
    {"clamp_bounds", [] { clamp(f({2}), 1, -1); }, {"clamp", "1", "-1"}},
    {"clamp_nan", [] { clamp(f({2}), std::numeric_limits<double>::quiet_NaN(), 1); }, {"clamp", "nan"}},
    {"where_condition", [] { where(f({2}), f({2}), f({2})); }, {"where", "u8", "f32"}},
    {"where_types", [] { where(u({2}), f({2}), d({2})); }, {"where", "f32", "f64"}},
    {"where_shapes", [] { where(u({3}), f({2}), f({2})); }, {"where", "(3)", "(2)"}},
    {"equal_types", [] { equal(f({2}), i({2})); }, {"equal", "f32", "i64"}},
    {"less_shapes", [] { less(f({2}), f({3})); }, {"less", "(2)", "(3)"}},
    {"maximum_shapes", [] { maximum(f({2}), f({3})); }, {"maximum", "(2)", "(3)"}},
};
const std::vector<Refusal> pictures = {
    {"conv2d_axes", [] { conv2d(f({3, 4, 4}), f({2, 3, 3, 3})); }, {"conv2d", "(3, 4, 4)", "(n, in, h, w)"}},
    {"conv2d_channels", [] { conv2d(f({1, 3, 4, 4}), f({2, 4, 3, 3})); }, {"conv2d", "(1, 3, 4, 4)", "(2, 4, 3, 3)", "4 channels"}},
    {"conv2d_kernel", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 7, 3}), {}, {.padding = 1}); }, {"conv2d", "7x3 kernel", "4x4", "padding 1"}},
    {"conv2d_dilation", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), {}, {.dilation = 2}); }, {"conv2d", "dilation 2", "4x4"}},
    {"conv2d_groups", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), {}, {.groups = 2}); }, {"conv2d", "2 groups", "3 inputs", "2 outputs"}},
    {"conv2d_stride", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), {}, {.stride = 0}); }, {"conv2d", "stride 0"}},
    {"conv2d_padding", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), {}, {.padding = -1}); }, {"conv2d", "padding -1"}},
    {"conv2d_huge", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), {}, {.padding = std::int64_t{1} << 62}); }, {"conv2d", "4611686018427387904"}},
    {"conv2d_no_kernel", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 0, 3})); }, {"conv2d", "(2, 3, 0, 3)"}},
    {"conv2d_bias", [] { conv2d(f({1, 3, 4, 4}), f({2, 3, 3, 3}), f({3})); }, {"conv2d", "bias (3)", "(2, 3, 3, 3)"}},
    {"conv2d_types", [] { conv2d(f({1, 3, 4, 4}), d({2, 3, 3, 3})); }, {"conv2d", "f32", "f64"}},
    {"conv2d_input_gradient", [] { conv2d_input_gradient(f({1, 2, 3, 3}), f({2, 3, 3, 3}), {}, 4, 4); }, {"conv2d_input_gradient", "(1, 2, 3, 3)", "(1, 2, 2, 2)"}},
    {"conv2d_weight_gradient", [] { conv2d_weight_gradient(f({1, 3, 4, 4}), f({1, 2, 3, 3}), {}, 3, 3); }, {"conv2d_weight_gradient", "(1, 2, 3, 3)", "(1, 2, 2, 2)"}},
    {"max_pool_size", [] { max_pool2d(f({1, 1, 4, 4}), {.size = 16}); }, {"max_pool2d", "size 16"}},
    {"max_pool_padding", [] { max_pool2d(f({1, 1, 4, 4}), {2, 2, 2}); }, {"max_pool2d", "padding 2", "size 2"}},
    {"max_pool_input", [] { max_pool2d(f({1, 1, 4, 2}), {.size = 3}); }, {"max_pool2d", "3x3", "4x2"}},
    {"max_pool_axes", [] { max_pool2d(f({4, 4})); }, {"max_pool2d", "(4, 4)"}},
    {"average_pool_integers", [] { average_pool2d(i({1, 1, 4, 4})); }, {"average_pool2d", "i64"}},
    {"global_average_pool", [] { global_average_pool(f({4, 4})); }, {"global_average_pool", "(4, 4)"}},
    {"batch_norm_gamma", [] { batch_norm(f({2, 3, 4, 4}), f({4}), f({3}), 1e-5); }, {"batch_norm", "(4)", "(2, 3, 4, 4)", "(3)"}},
    {"batch_norm_one", [] { batch_norm(f({1, 3}), f({3}), f({3}), 1e-5); }, {"batch_norm", "(1, 3)", "one number a channel"}},
    {"batch_norm_empty", [] { batch_norm(f({0, 3}), f({3}), f({3}), 1e-5); }, {"batch_norm", "(0, 3)"}},
    {"batch_norm_shortcut", [] { batch_norm(f({2, 3}), f({3}), f({3}), 1e-5, true, f({2, 4})); }, {"batch_norm", "(2, 4)", "(2, 3)"}},
    {"batch_norm_types", [] { batch_norm(f({2, 3}), d({3}), f({3}), 1e-5); }, {"batch_norm", "f64"}},
    {"layer_norm_beta", [] { layer_norm(f({2, 3}), f({3}), f({2}), 1e-5); }, {"layer_norm", "(2)", "(2, 3)"}},
};
const std::vector<Refusal> reductions = {
    {"sum_axis", [] { sum(f({2, 3}), {2}); }, {"sum", "axis 2", "2 axes"}},
    {"sum_axis_negative", [] { sum(f({2, 3}), {-3}); }, {"sum", "axis -3"}},
    {"mean_axis", [] { mean(f({2}), {1}); }, {"mean", "axis 1"}},
    {"mean_of_nothing", [] { mean(f({0, 3})); }, {"mean", "(0, 3)"}},
    {"mean_integers", [] { mean(i({3})); }, {"mean", "i64"}},
    {"max_of_nothing", [] { max(f({0, 3}), {0}); }, {"max", "axis 0", "(0, 3)"}},
    {"max_axis", [] { max(f({2}), {5}); }, {"max", "axis 5"}},
    {"min_of_nothing", [] { min(f({0})); }, {"min", "(0)"}},
    {"argmax_of_nothing", [] { argmax(f({3, 0})); }, {"argmax", "(3, 0)"}},
    {"argmax_axis", [] { argmax(f({3}), 1); }, {"argmax", "axis 1"}},
    {"sum_to", [] { sum_to(f({2, 3}), {2, 2}); }, {"sum_to", "(2, 2)", "(2, 3)"}},
    {"sum_to_longer", [] { sum_to(f({3}), {1, 3}); }, {"sum_to", "(1, 3)", "(3)"}},
};
const std::vector<Refusal> shapes = {
    {"reshape", [] { reshape(f({2, 3}), {5}); }, {"reshape", "(2, 3)", "6", "(5)"}},
    {"flatten_scalar", [] { flatten(f({})); }, {"flatten", "scalar"}},
    {"permute_count", [] { permute(f({2, 3}), {0}); }, {"permute", "1 axes", "(2, 3)"}},
    {"permute_twice", [] { permute(f({2, 3}), {0, -2}); }, {"permute", "axis 0", "twice"}},
    {"permute_axis", [] { permute(f({2, 3}), {0, 2}); }, {"permute", "axis 2"}},
    {"transpose_axis", [] { transpose(f({2})); }, {"transpose", "axis -2"}},
    {"broadcast_to", [] { broadcast_to(f({2, 3}), {2, 1}); }, {"broadcast_to", "(2, 3)", "(2, 1)"}},
    {"broadcast_to_shorter", [] { broadcast_to(f({1, 3}), {3}); }, {"broadcast_to", "(1, 3)", "(3)"}},
    {"slice_order", [] { slice(f({4}), 0, 3, 2); }, {"slice", "[3, 2)", "(4)"}},
    {"slice_end", [] { slice(f({4}), 0, 0, 5); }, {"slice", "[0, 5)", "(4)"}},
    {"slice_begin", [] { slice(f({4}), 0, -1, 2); }, {"slice", "[-1, 2)"}},
    {"slice_axis", [] { slice(f({4}), 1, 0, 1); }, {"slice", "axis 1"}},
    {"embed_size", [] { embed(f({4}), 0, 1, 4); }, {"embed", "(4)", "4"}},
    {"embed_huge", [] { embed(f({1, 8}), 0, 0, std::int64_t{1} << 62); }, {"4611686018427387904"}},
    {"concat_nothing", [] { concat({}, 0); }, {"concat"}},
    {"concat_shapes", [] { concat({f({2, 3}), f({2, 4})}, 0); }, {"concat", "(2, 4)", "(2, 3)", "axis 0"}},
    {"concat_types", [] { concat({f({2}), d({2})}, 0); }, {"concat", "f64", "f32"}},
    {"concat_ranks", [] { concat({f({2}), f({2, 1})}, 0); }, {"concat", "(2, 1)"}},
    {"shape_negative", [] { zeros({2, -3}); }, {"-3"}},
    {"shape_overflow", [] { zeros({std::int64_t{1} << 40, std::int64_t{1} << 40}); }, {"too many"}},
    {"shape_rank", [] { zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, {"8 axes"}},
    {"larger_than_memory", [] { broadcast_to(f({1, 1}), {std::int64_t{1} << 31, std::int64_t{1} << 27}); }, {"1152921504606846976 bytes"}},
    {"copy_into", [] { Tensor x = f({2}); copy_into(x, f({3})); }, {"copy_into", "(2)", "(3)"}},
    {"item", [] { f({2}).item(); }, {"item", "(2)"}},
    {"at", [] { f({2}).at(2); }, {"element 2", "2"}},
    {"read_as", [] { f({2}).data<double>(); }, {"f32", "f64"}},
    {"tensor_values", [] { tensor({1.0, 2.0}, {3}); }, {"2 values", "(3)"}},
    {"undefined", [] { Tensor().shape(); }, {"undefined"}},
};
const std::vector<Refusal> indices = {
    {"index_select_high", [] { index_select(f({3, 2}), i({1}, 3)); }, {"index_select", "index 3", "0..2"}},
    {"index_select_low", [] { index_select(f({3, 2}), i({1}, -1)); }, {"index_select", "index -1"}},
    {"index_select_type", [] { index_select(f({3}), f({1})); }, {"index_select", "i64", "f32"}},
    {"index_select_rank", [] { index_select(f({3}), i({1, 1})); }, {"index_select", "(1, 1)"}},
    {"index_add_count", [] { index_add(f({3}), i({2}), 0, 5); }, {"index_add", "2 indices", "(3)"}},
    {"index_add_high", [] { index_add(f({1}), i({1}, 5), 0, 5); }, {"index_add", "index 5"}},
    {"gather_rank", [] { gather(f({3}), i({3, 1})); }, {"gather", "(3)"}},
    {"gather_rows", [] { gather(f({3, 2}), i({2, 1})); }, {"gather", "2 rows", "3 rows"}},
    {"gather_high", [] { gather(f({3, 2}), i({3, 1}, 2)); }, {"gather", "index 2", "0..1"}},
    {"scatter_add_shapes", [] { scatter_add(f({3, 2}), i({3, 1}), 4); }, {"scatter_add", "(3, 2)", "(3, 1)"}},
    {"scatter_add_high", [] { scatter_add(f({1, 1}), i({1, 1}, 4), 4); }, {"scatter_add", "index 4"}},
    {"one_hot_high", [] { one_hot(i({2}, 3), 3, DType::f32); }, {"one_hot", "index 3", "0..2"}},
    {"one_hot_type", [] { one_hot(f({2}), 3, DType::f32); }, {"one_hot", "i64", "f32"}},
};
const std::vector<Refusal> products = {
    {"matmul_inner", [] { matmul(f({2, 3}), f({4, 5})); }, {"matmul", "(2, 3)", "(4, 5)", "3 and 4"}},
    {"matmul_inner_transposed", [] { matmul(f({2, 3}), f({4, 3}), {.a = true, .b = true}); }, {"matmul", "(2, 3)ᵀ", "2 and 3"}},
    {"matmul_rank", [] { matmul(f({3}), f({3, 2})); }, {"matmul", "(3)", "(3, 2)"}},
    {"matmul_types", [] { matmul(f({2, 2}), d({2, 2})); }, {"matmul", "f32", "f64"}},
    {"matmul_integers", [] { matmul(i({2, 2}), i({2, 2})); }, {"matmul", "i64"}},
    {"matmul_batches", [] { matmul(f({2, 2, 2}), f({3, 2, 2})); }, {"matmul", "(2)", "(3)"}},
    {"linear_input", [] { linear(f({60, 785}), f({300, 784})); }, {"linear", "(60, 785)", "(300, 784)", "784"}},
    {"linear_rank", [] { linear(f({1, 28, 28}), f({300, 784})); }, {"linear", "(1, 28, 28)", "(300, 784)"}},
    {"linear_bias", [] { linear(f({2, 3}), f({4, 3}), f({3})); }, {"linear", "(3)", "(4, 3)"}},
    {"linear_types", [] { linear(f({2, 3}), d({4, 3})); }, {"linear", "f32", "f64"}},
    {"linear_bias_type", [] { linear(f({2, 3}), f({4, 3}), d({4})); }, {"linear", "bias"}},
    {"softmax_type", [] { softmax(i({2})); }, {"softmax", "i64"}},
    {"softmax_rank", [] { softmax(f({})); }, {"softmax", "()"}},
    {"log_softmax_type", [] { log_softmax(u({2})); }, {"log_softmax", "u8"}},
    {"cross_entropy_rank", [] { cross_entropy(f({3}), i({3})); }, {"cross_entropy", "(3)"}},
    {"cross_entropy_labels", [] { cross_entropy(f({3, 2}), i({2})); }, {"cross_entropy", "3", "(2)"}},
    {"cross_entropy_label_type", [] { cross_entropy(f({3, 2}), f({3})); }, {"cross_entropy", "i64", "f32"}},
    {"cross_entropy_label_high", [] { cross_entropy(f({1, 2}), i({1}, 2)); }, {"cross_entropy", "label 2", "2 classes"}},
    {"cross_entropy_label_low", [] { cross_entropy(f({1, 2}), i({1}, -1)); }, {"cross_entropy", "label -1"}},
    {"cross_entropy_of_nothing", [] { cross_entropy(f({0, 2}), i({0})); }, {"mean", "(0)"}},
    {"mse_shapes", [] { mse(f({2, 1}), f({2})); }, {"mse", "(2, 1)", "(2)"}},
};
const std::vector<Refusal> the_rest = {
    {"grad_of_many", [] { grad(f({2}).requires_grad(true) * 2.0, {}); }, {"grad", "(2)", "seed"}},
    {"grad_seed_shape", [] { Tensor x = f({2}).requires_grad(true); grad(x * 2.0, {x}, {.seed = f({3})}); }, {"grad", "(3)", "(2)"}},
    {"grad_seed_type", [] { Tensor x = f({2}).requires_grad(true); grad(x * 2.0, {x}, {.seed = d({2})}); }, {"grad", "f64", "f32"}},
    {"grad_unmarked", [] { grad(f({}), {f({2, 5})}); }, {"grad", "(2, 5)", "requires_grad"}},
    {"grad_integers", [] { grad(i({}), {}); }, {"grad", "f32 or f64"}},
    {"backward_nothing", [] { backward(f({})); }, {"backward", "requires_grad"}},
    {"requires_grad_type", [] { i({2}).requires_grad(true); }, {"requires_grad", "i64"}},
    {"requires_grad_result", [] { exp(f({2}).requires_grad(true)).requires_grad(false); }, {"requires_grad", "exp"}},
    {"cuda_not_there", [] { empty({2}, DType::f32, Device::cuda); }, {"cuda"}},
    {"threads_none", [] { set_threads(0); }, {"threads", "0"}},
    {"below_nothing", [] { Random(1).below(0); }, {"below(0)"}},
    {"uniform_integers", [] { Random(1).uniform({2}, 0, 1, DType::i64); }, {"uniform", "i64"}},
    {"normal_bytes", [] { Random(1).normal({2}, 0, 1, DType::u8); }, {"normal", "u8"}},
};

std::string name_of(const ::testing::TestParamInfo<Refusal>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Elementwise, Refusals, ::testing::ValuesIn(elementwise), name_of);
INSTANTIATE_TEST_SUITE_P(Pictures, Refusals, ::testing::ValuesIn(pictures), name_of);
INSTANTIATE_TEST_SUITE_P(Reductions, Refusals, ::testing::ValuesIn(reductions), name_of);
INSTANTIATE_TEST_SUITE_P(ShapesOf, Refusals, ::testing::ValuesIn(shapes), name_of);
INSTANTIATE_TEST_SUITE_P(Indices, Refusals, ::testing::ValuesIn(indices), name_of);
INSTANTIATE_TEST_SUITE_P(Products, Refusals, ::testing::ValuesIn(products), name_of);
INSTANTIATE_TEST_SUITE_P(TheRest, Refusals, ::testing::ValuesIn(the_rest), name_of);

}  // namespace
}  // namespace bonsai::check
