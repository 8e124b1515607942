// What an exercise is written with. An exercise is one file, FOLDER/exercises/NAME.cpp: a function to write, marked EXERCISE, and below it the cases
// that it is held against. `./bonsai exercise NAME` copies it to my/NAME.cpp, builds that file alone and runs its cases.
//
//   EXERCISE Tensor cubed(const Tensor& x) { todo(); }                    // the student's
//
//   CASE("a random vector") {
//     const Tensor x = seeded().normal({10}, 0, 1, DType::f64);           // other numbers with --seed N
//     check(cubed(x), x * x * x);
//   }
//
// A case passes when it returns. It fails with the first entry that differs, with what the function threw, or because it crashed or did not come to an
// end: each case is a process of its own (exercise.cpp), so nothing that goes wrong in one reaches the next.
// EXERCISE makes a function weak: another one of that name, linked beside it, takes its place. So the proof that an exercise can be solved compiles
// the file as it is given, and links the answer (answers/NAME.cpp), a call of the library, beside it.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ops.h"
#include "core/random.h"

#define EXERCISE [[gnu::weak]]
#define CASE(title) BONSAI_CASE(title, __LINE__)
#define BONSAI_CASE(title, line) BONSAI_CASE_AT(title, line)
#define BONSAI_CASE_AT(title, line)                                                            \
  static void case_##line();                                                                   \
  static const bonsai::exercise::Registered registered_##line(title, __FILE__, &case_##line);  \
  static void case_##line()

namespace bonsai::exercise {

// What an unwritten function does.
[[noreturn]] void todo();

// The case's random numbers: a function of its title and --seed.
Random seeded();

// Throws unless got is want: shape, type and every entry. Whole numbers exactly, f64 to 1e-9 (of |want| where that is above 1), NaN never. `what` names the
// one of several results.
void check(const Tensor& got, const Tensor& want, const std::string& what = "");

template <class T>
void check(const std::vector<T>& got, const std::vector<T>& want, const std::string& what = "") {
  auto as_tensor = [](const std::vector<T>& v) { return tensor(std::span<const T>(v), {static_cast<std::int64_t>(v.size())}); };
  check(as_tensor(got), as_tensor(want), what);
}

template <class Got, class Want>
  requires std::is_arithmetic_v<Got> && std::is_arithmetic_v<Want>
void check(Got got, Want want, const std::string& what = "") {
  if constexpr (std::is_integral_v<Got> && std::is_integral_v<Want>) check(full({}, static_cast<double>(got), DType::i64), full({}, static_cast<double>(want), DType::i64), what);
  else check(full({}, got, DType::f64), full({}, want, DType::f64), what);
}

// For what is no comparison: throws the message unless ok.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
template <class... Args>
void must(bool ok, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) throw Failed(fmt::format(message, std::forward<Args>(args)...));
}

// A line to show below the case when it passes: what there was to see.
void note(const std::string& line);

std::string text(const std::vector<double>& numbers);  // "(1, 0.5, -3)"
std::string text(const Tensor& numbers);

struct Registered {
  Registered(const char* title, const char* file, void (*run)());
};

}  // namespace bonsai::exercise
