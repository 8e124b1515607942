// MONK's once more, slowly: the robots, the rules, the text of a file, and a dataset's columns read back.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "datasets/monks.h"

namespace bonsai::datasets::slow {

// All robots, from six loops.
inline std::vector<Robot> all_robots() {
  std::vector<Robot> all;
  for (int a1 = 1; a1 <= 3; ++a1)
    for (int a2 = 1; a2 <= 3; ++a2)
      for (int a3 = 1; a3 <= 2; ++a3)
        for (int a4 = 1; a4 <= 3; ++a4)
          for (int a5 = 1; a5 <= 4; ++a5)
            for (int a6 = 1; a6 <= 2; ++a6) all.push_back({a1, a2, a3, a4, a5, a6});
  return all;
}

// The rules as the report tells them, in its words.
inline bool told(int problem, const Robot& a) {
  const std::string head = std::array{"round", "square", "octagon"}[a[0] - 1],
                    body = std::array{"round", "square", "octagon"}[a[1] - 1],
                    holding = std::array{"sword", "balloon", "flag"}[a[3] - 1],
                    jacket = std::array{"red", "yellow", "green", "blue"}[a[4] - 1];
  if (problem == 1) return head == body || jacket == "red";
  if (problem == 2) {  // two attributes have their first value, and the four others do not
    bool found = false;
    for (int i = 0; i < 6; ++i)
      for (int j = i + 1; j < 6; ++j) {
        bool fits = true;
        for (int k = 0; k < 6; ++k) fits = fits && (a[k] == 1) == (k == i || k == j);
        found = found || fits;
      }
    return found;
  }
  return (jacket == "green" && holding == "sword") || (jacket != "blue" && body != "octagon");
}

inline std::string line_of(int label, const Robot& a, int id) {
  return fmt::format(" {} {} {} {} {} {} {} data_{}\n", label, a[0], a[1], a[2], a[3], a[4], a[5], id);
}
inline std::string test_file(int problem) {
  std::string text;
  int id = 0;
  for (const Robot& a : all_robots()) text += line_of(told(problem, a), a, ++id);
  return text;
}

// The robots' numbers and the labels, read back from the columns.
inline std::vector<std::pair<int, std::int64_t>> decode(const Dataset& d) {
  const std::vector<Robot> all = all_robots();
  const auto x = d.inputs.data<float>();
  std::vector<std::pair<int, std::int64_t>> out;
  for (std::int64_t i = 0; i < d.size(); ++i) {
    Robot a{};
    int column = 0;
    for (int k = 0; k < 6; ++k)
      for (int v = 1; v <= robot_values[k]; ++v, ++column) {
        const float one = x[i * 17 + column];
        EXPECT_TRUE(one == 0 || one == 1);
        if (one == 1) {
          EXPECT_EQ(a[k], 0) << "two columns of attribute " << k + 1;
          a[k] = v;
        }
      }
    const auto at = std::ranges::find(all, a);
    EXPECT_NE(at, all.end());
    out.emplace_back(static_cast<int>(at - all.begin()), d.labels.data<std::int64_t>()[i]);
  }
  return out;
}

inline int noise_of(int problem, const Dataset& d) {
  int wrong = 0;
  for (const auto& [number, label] : decode(d)) wrong += label != told(problem, all_robots()[number]);
  return wrong;
}

constexpr std::array<int, 3> train_sizes{124, 169, 122};

}  // namespace bonsai::datasets::slow
