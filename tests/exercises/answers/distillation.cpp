// hint: sum(...) / n is the mean over the examples of a sum over the classes; mean(...) would divide by the classes, too.
// reference: prune/recovery/distill.h (kd.1)
#include "prune/recovery/distill.h"

using namespace bonsai;

Tensor distillation(const Tensor& student, const Tensor& teacher, const Tensor& labels, double alpha, double temperature) {
  return prune::distillation_loss(student, teacher, labels, alpha, temperature);
}
