// The MONK's problems (Thrun et al., "The MONK's problems: a performance comparison of different learning algorithms", report
// CMU-CS-91-197, 1991): robots with six attributes, some of which are monks. Teaches what data with a known answer is good for: the
// rule tells which inputs a pruned network may lose, and which of its mistakes are the labels' own. OBS was tried on it first.
//
//   a1 head: round, square, octagon    a3 smiling: yes, no                  a5 jacket: red, yellow, green, blue
//   a2 body: round, square, octagon    a4 holding: sword, balloon, flag     a6 tie: yes, no
//
//   MONK 1   a1 = a2 or a5 = 1                                              124 training examples
//   MONK 2   exactly two of the six attributes are 1                        169
//   MONK 3   (a5 = 3 and a4 = 1) or (a5 != 4 and a2 != 3)                   122, of which 6 have the wrong label
//
// 3·3·2·3·4·2 = 432 robots in all. They are the test set, with the rule's labels, so it needs no file. The training set does: which
// robots are in it, and which six labels are wrong, was drawn once, in 1991.
#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "datasets/dataset.h"

namespace bonsai::datasets {

using Robot = std::array<int, 6>;               // a1..a6, each from 1
constexpr Robot robot_values{3, 3, 2, 3, 4, 2};  // how many values each has
constexpr int robots = 432, robot_features = 17;

// Robot `number` of 0..431, a6 counted fastest; the published files call it data_{number + 1}.
Robot robot(int number);

bool is_monk(int problem, const Robot& a);  // the rule

struct Monks {
  Dataset train, test;  // inputs f32 (n, 17): ones and zeros, a column for each value of a1, then of a2, ...; labels i64 (n) of 0 and 1
  bool published;       // is `train` the published training set?
  std::string origin;   // the answer in words, for the program to print
};

// MONK 1, 2 or 3, in the robots' order. The training set is data_dir/monks/monks-1.train where that is there. Where it is not, as many
// robots are drawn without repeats, and for MONK 3 six of their labels are turned over: the same problem, but not the papers' numbers.
// A file that is there and not the published one is an Error, and so is a .test file that contradicts the rule.
Monks load_monks(const std::filesystem::path& data_dir, int problem, std::uint64_t seed);

// A published file: lines of class, a1, ..., a6 and the robot's name, which is not used.
struct MonksFile {
  int count = 0;
  std::array<int, robots> line{}, label{};  // of each robot; line 0: it is not in the file
};
MonksFile parse_monks(std::string_view text, std::string_view shown_as);

// What a file says, whatever its order, spaces, line ends and names: its lines "class a1 a2 a3 a4 a5 a6", sorted. Refuses a wrong number
// of them and, in a test file, labels against the rule; `file`, one of monks-1.train ... monks-3.test, tells which. The SHA-256 in
// published.cpp is of this text: awk '{print $1,$2,$3,$4,$5,$6,$7}' monks-1.train | LC_ALL=C sort | sha256sum
std::string monks_content(std::string_view text, std::string_view file, std::string_view shown_as);

}  // namespace bonsai::datasets
