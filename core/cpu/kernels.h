// The kernels that are compiled once for every instruction set: the same source with other compiler flags, each in a namespace of
// its own (baseline, avx2, avx512). cpu.cpp picks one when the program starts.
//
// A rule for these files: they may instantiate no template and call no inline function that other files use too, unless it is so
// small that it is always inlined; or the linker might keep the copy made for AVX-512 for everyone. The test `instruction_sets`
// reads the object files' symbols and fails if one leaked.
#pragma once
#include "core/backend.h"

#ifndef BONSAI_ISA
#define BONSAI_ISA baseline
#endif

namespace bonsai::BONSAI_ISA {

void unary(Unary op, View in, View out);
void binary(Binary op, View a, View b, View out);
void compare(Compare op, View a, View b, View out);
void where(View c, View a, View b, View out);
void sum(View in, View out);
void max(View in, View out);
void matmul(View a, View b, View c);
void linear(View x, View w, View bias, View y);
void conv2d(Window window, View x, View w, View bias, View y);
void conv2d_input_gradient(Window window, View dy, View w, View dx);
void conv2d_weight_gradient(Window window, View x, View dy, View dw);
void sparse_conv2d(SparseView s, Window window, Shape w, View values, View x, View bias, View y);
void sparse_conv2d_input_gradient(SparseView s, Window window, Shape w, View values, View dy, View dx);
void sparse_conv2d_weight_gradient(SparseView s, Window window, Shape w, View x, View dy, View values);
void max_pool2d(Pool pool, View x, View y, View taps);
void pool_gather(Pool pool, View x, View taps, View y);
void pool_scatter(Pool pool, View y, View taps, View x);
void average_pool2d(Pool pool, View x, View y);
void average_pool2d_transposed(Pool pool, View y, View x);
void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics);
void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut);
void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics);
void layer_norm_gradient(double epsilon, View x, View gamma, View statistics, View dy, View dx, View dgamma, View dbeta);
void sparse_matmul(SparseView s, View values, View x, View bias, View y);
void matmul_24(Sparse24View s, View values, View x, View bias, View y);
void matmul_24_transposed(Sparse24View s, View values, View y, View x);
void sampled_matmul_24(Sparse24View s, View y, View x, View values);
void sampled_matmul(SparseView s, View y, View x, View values);
void pixels(View bytes, View numbers, View scale, View out);
void crop(Cropping how, View pictures, View numbers, View out);
void softmax(View x, View y);
void softmax_gradient(View y, View dy, View dx);
void log_softmax(View x, View y);
void log_softmax_gradient(View y, View dy, View dx);
void cross_entropy(View x, View labels, View loss);
void cross_entropy_gradient(View x, View labels, View dloss, View dx);
void sgd(SgdConstants c, View w, View g, View velocity, View mask, View rate);
void adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step);

void add_kernels(Backend& b);  // table.cpp

// dispatch() without its error: the operations have checked the type.
template <class F>
void on_real(DType t, F&& f) {
  if (t == DType::f32) f.template operator()<float>();
  else f.template operator()<double>();
}

}  // namespace bonsai::BONSAI_ISA
