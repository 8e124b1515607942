// Distillation: the pruned network learns from the dense one's answers, not from the labels alone. How wrong the dense network finds each wrong class
// is worth more than the label says, above all when few steps are left to recover in.
//
//   L = (1 - α) CE(z, y) + α T² KL(teacher ‖ student),     of softmax(z' / T) of the teacher and softmax(z / T) of the student
//
// T > 1 softens both, so that small probabilities count; T² keeps the gradient's size, which falls as 1/T². α = 0 is training as usual. The mean over
// the examples; the teacher is a constant.
// Assumes that the teacher is worth imitating. Cost: a forward pass of the teacher a step.
// Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

// student and teacher: logits (n, classes); labels (n).
inline Tensor distillation_loss(const Tensor& student, const Tensor& teacher, const Tensor& labels, double alpha, double temperature) {
  require(alpha >= 0 && alpha <= 1 && temperature > 0, "distillation: alpha {} must be in [0, 1] and the temperature {} above 0", alpha, temperature);
  require(student.rank() == 2 && teacher.shape() == student.shape(), "distillation: the teacher's logits {} do not fit the student's {}", teacher.shape(), student.shape());
  const Tensor p = softmax(teacher.detach() / temperature), log_p = log_softmax(teacher.detach() / temperature), log_q = log_softmax(student / temperature);
  const Tensor divergence = sum(p * (log_p - log_q)) / static_cast<double>(student.size(0));
  return cross_entropy(student, labels) * (1 - alpha) + divergence * (alpha * temperature * temperature);  // (kd.1)
}

}  // namespace bonsai::prune
