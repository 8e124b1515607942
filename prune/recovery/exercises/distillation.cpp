// Learning from the dense network's answers.
// do it, 45 minutes. Chapter: prune/recovery/README.md, "Distillation".
//
// student and teacher are logits (n, classes), labels (n). Return the loss, one number, with a graph on the
// student's logits:
//
//   L = (1 - α) CE(student, labels) + α T² mean over the examples of Σ_c p_c (log p_c - log q_c)
//   p = softmax(teacher / T),   q = softmax(student / T)
//
// The teacher is a constant. softmax, log_softmax and cross_entropy (a mean) are there.
//
// What is the gradient's size without T², at T = 4?
#include "prune/recovery/distill.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor distillation(const Tensor& student, const Tensor& teacher, const Tensor& labels, double alpha,
                             double temperature) {
  todo();
}

// ---- The cases

namespace {
struct TeacherAndStudent {
  Tensor student, teacher, labels;
  explicit TeacherAndStudent(Random r) {
    student = r.normal({8, 5}, 0, 2, DType::f64).requires_grad(true);
    teacher = r.normal({8, 5}, 0, 2, DType::f64);
    labels = empty({8}, DType::i64);
    for (std::int64_t& y : labels.mutable_data<std::int64_t>()) y = static_cast<std::int64_t>(r.below(5));
  }
};
}  // namespace

CASE("α = 0 is training as usual") {
  const TeacherAndStudent t(seeded());
  check(distillation(t.student, t.teacher, t.labels, 0, 4), cross_entropy(t.student, t.labels));
}

CASE("a student that says what its teacher says has nothing to learn from it") {
  const TeacherAndStudent t(seeded());
  check(distillation(t.teacher, t.teacher, t.labels, 1, 4), tensor({0.0}, {}));
}

CASE("α = 0.7, T = 4, beside the library's: the loss") {
  const TeacherAndStudent t(seeded());
  check(distillation(t.student, t.teacher, t.labels, 0.7, 4), prune::distillation_loss(t.student, t.teacher, t.labels, 0.7, 4));
}

CASE("and its gradient") {
  const TeacherAndStudent t(seeded());
  check(grad(distillation(t.student, t.teacher, t.labels, 0.7, 4), {t.student})[0],
        grad(prune::distillation_loss(t.student, t.teacher, t.labels, 0.7, 4), {t.student})[0]);
}
