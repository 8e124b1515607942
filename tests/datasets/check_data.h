// Runs build/bin/check_data, the tool behind `./bonsai data`.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace bonsai::test {

struct Outcome {
  int status;
  std::string output;
};
inline Outcome check_data(const std::string& arguments) {
  FILE* pipe = ::popen((std::string(BONSAI_BIN_DIR) + "/check_data " + arguments + " 2>&1").c_str(), "r");
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  return {WEXITSTATUS(::pclose(pipe)), output};
}

class CheckData : public ::testing::Test {
  void SetUp() override {
    if (!std::filesystem::exists(BONSAI_BIN_DIR "/check_data")) GTEST_SKIP() << "check_data is not built";
  }
};

}  // namespace bonsai::test
