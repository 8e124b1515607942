// By hand: two classes, T = 1, the teacher sure at odds 3 : 1 (logits (log 3, 0)), the student undecided (0, 0), the label is class 0.
//
//   CE = log 2                                            p = (3/4, 1/4), q = (1/2, 1/2)
//   KL = 3/4 log(3/2) + 1/4 log(1/2) = 0.1308
//   gradient of KL by the student's logits = q - p = (-1/4, 1/4): only half as hard as the label's own (-1/2, 1/2)
#include <doctest/doctest.h>

#include <cmath>

#include "prune/recovery/distill.h"

TEST_CASE("a teacher pulls towards what it believes, and no further") {
  using namespace bonsai;
  Tensor student = tensor({0.0, 0.0}, {1, 2});
  student.requires_grad(true);
  const Tensor teacher = tensor({std::log(3.0), 0.0}, {1, 2}), label = tensor<std::int64_t>({0});
  const Tensor kl = prune::distillation_loss(student, teacher, label, 1, 1);
  CHECK(kl.item() == doctest::Approx(0.75 * std::log(1.5) + 0.25 * std::log(0.5)));
  CHECK(grad(kl, {student})[0].at(0) == doctest::Approx(-0.25));
  CHECK(prune::distillation_loss(student, teacher, label, 0, 1).item() == doctest::Approx(std::log(2.0)));
  CHECK(prune::distillation_loss(student, teacher, label, 0.5, 1).item() == doctest::Approx(0.5 * std::log(2.0) + 0.5 * kl.item()));
}
