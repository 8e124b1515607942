// Puts this instruction set's kernels into the cpu backend's table.
#include "core/cpu/kernels.h"

namespace bonsai::BONSAI_ISA {

void add_kernels(Backend& b) {
  b.unary.run = unary;
  b.binary.run = binary;
  b.compare.run = compare;
  b.where.run = where;
  b.sum.run = sum;
  b.max.run = max;
  b.matmul.run = matmul;
  b.linear.run = linear;
  b.conv2d.run = conv2d;
  b.conv2d_input_gradient.run = conv2d_input_gradient;
  b.conv2d_weight_gradient.run = conv2d_weight_gradient;
  b.sparse_conv2d.run = sparse_conv2d;
  b.sparse_conv2d_input_gradient.run = sparse_conv2d_input_gradient;
  b.sparse_conv2d_weight_gradient.run = sparse_conv2d_weight_gradient;
  b.max_pool2d.run = max_pool2d;
  b.pool_gather.run = pool_gather;
  b.pool_scatter.run = pool_scatter;
  b.average_pool2d.run = average_pool2d;
  b.average_pool2d_transposed.run = average_pool2d_transposed;
  b.batch_norm.run = batch_norm;
  b.batch_norm_gradient.run = batch_norm_gradient;
  b.layer_norm.run = layer_norm;
  b.layer_norm_gradient.run = layer_norm_gradient;
  b.sparse_matmul.run = sparse_matmul;
  b.matmul_24.run = matmul_24;
  b.matmul_24_transposed.run = matmul_24_transposed;
  b.sampled_matmul_24.run = sampled_matmul_24;
  b.sampled_matmul.run = sampled_matmul;
  b.pixels.run = pixels;
  b.crop.run = crop;
  b.softmax.run = softmax;
  b.softmax_gradient.run = softmax_gradient;
  b.log_softmax.run = log_softmax;
  b.log_softmax_gradient.run = log_softmax_gradient;
  b.cross_entropy.run = cross_entropy;
  b.cross_entropy_gradient.run = cross_entropy_gradient;
  b.sgd.run = sgd;
  b.adam.run = adam;
}

}  // namespace bonsai::BONSAI_ISA
