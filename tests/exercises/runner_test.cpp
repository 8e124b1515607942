// `./bonsai exercise` as a student starts it: the list, a first look, a solution, and whatever can go wrong in somebody's file. The student's folder is a
// temporary one (BONSAI_MY).
#include <sys/wait.h>

#include <regex>

#include "tests/files_support.h"

namespace bonsai::test {
namespace {

struct Said {
  int status;
  std::string out, err;
};

class Exercise : public ::testing::Test {
 protected:
  TemporaryFolder my;

  Said bonsai(const std::string& arguments) const {
    const TemporaryFolder said;
    const std::string command = fmt::format("cd '{}' && BONSAI_MY='{}' BONSAI_EXERCISE_SECONDS=1 ./bonsai exercise {} >'{}' 2>'{}' </dev/null", BONSAI_SOURCE_DIR,
                                            my.path().string(), arguments, (said / "out").string(), (said / "err").string());
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(said / "out"), text_of(said / "err")};
  }
  static std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The file of an exercise with the body of its (only, unwritten) function replaced.
  void write(const std::string& name, const std::string& folder, const std::string& body) const {
    std::string text = text_of(std::filesystem::path(BONSAI_SOURCE_DIR) / folder / "exercises" / (name + ".cpp"));
    const std::size_t at = text.find("todo();");
    ASSERT_NE(at, std::string::npos);
    std::ofstream(my / (name + ".cpp")) << text.replace(at, 7, body);
  }
  static std::ptrdiff_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }
};

TEST_F(Exercise, TheListHasThirtyAndNoTick) {
  const Said s = bonsai("");
  EXPECT_EQ(s.status, 0);
  EXPECT_GE(lines(s.out), 30);
  EXPECT_EQ(s.out.find("✓"), std::string::npos);
  for (const char* size : {"10 minutes", "45 minutes", "an evening", "do it", "break it"}) EXPECT_NE(s.out.find(size), std::string::npos) << size;
}

TEST_F(Exercise, AsGivenThenSolvedThenStartedOver) {
  Said s = bonsai("hvp");
  EXPECT_EQ(s.status, 2);
  EXPECT_EQ(lines(s.out), 3) << s.out;
  EXPECT_NE(s.out.find("not written yet"), std::string::npos);
  EXPECT_NE(s.err.find("hvp.cpp is yours"), std::string::npos) << s.err;
  EXPECT_FALSE(std::filesystem::exists(my / "solved"));

  write("hvp", "core", "return hvp(loss, {x}, {v})[0];");
  s = bonsai("hvp --seed 5");
  EXPECT_EQ(s.status, 0) << s.out << s.err;
  EXPECT_EQ(lines(s.out), 3) << s.out;
  EXPECT_NE(s.err.find("hvp is solved (1 of "), std::string::npos) << s.err;
  EXPECT_EQ(lines(s.err), 1) << s.err;
  EXPECT_EQ(text_of(my / "solved"), "hvp\n");
  EXPECT_NE(bonsai("").out.find("✓ core             hvp "), std::string::npos);

  s = bonsai("my/hvp.cpp --again");  // a path is a name, too
  EXPECT_EQ(s.status, 2);
  EXPECT_NE(text_of(my / "hvp.cpp").find("todo();"), std::string::npos);
  EXPECT_EQ(text_of(my / "hvp.cpp.before").find("todo();"), std::string::npos);
  EXPECT_EQ(text_of(my / "solved"), "hvp\n");
}

TEST_F(Exercise, WhatDoesNotCompileStopsNothingElse) {
  write("hvp", "core", "return sum(loss;");
  const Said s = bonsai("hvp");
  EXPECT_EQ(s.status, 2);
  EXPECT_TRUE(std::regex_search(s.err, std::regex("hvp\\.cpp:[0-9]+:[0-9]+: error: "))) << s.err;
  EXPECT_NE(s.err.find("hvp.cpp does not compile; the compiler's first words are above\n"), std::string::npos) << s.err;
  EXPECT_EQ(s.out, "");
  EXPECT_NE(bonsai("nan_passes").out.find("0 of 2 cases pass"), std::string::npos);
}

// The five cases of logsumexp come with x of (1, 2), (2, 2), (7, 5), (4, 6) and (4, 6).
TEST_F(Exercise, WrongShapeAndNaNAndCrashAndLoopAreOneLineEach) {
  write("logsumexp", "core", R"(
  if (x.size(0) == 1) return zeros({2}, DType::f64);
  if (x.size(0) == 2) return full({2}, NAN, DType::f64);
  if (x.size(0) == 7) *reinterpret_cast<volatile int*>(8) = 1;
  for (volatile bool forever = true; forever;) continue;
  return x;)");
  const Said s = bonsai("logsumexp");
  EXPECT_EQ(s.status, 2);
  EXPECT_EQ(lines(s.out), 6) << s.out;
  EXPECT_NE(s.out.find("the shape is (2), and should be (1)\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("entry 0 is NaN, and should be 1000.693147; 2 of 2 differ\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("crashed: Segmentation fault\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("stopped after 1 seconds: does it loop for ever?\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("not run, after what was stopped above\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("0 of 5 cases pass\n"), std::string::npos) << s.out;
}

TEST_F(Exercise, NoTensorAndAnotherTypeAndNoMemoryAndAnEnd) {
  write("logsumexp", "core", R"(
  if (x.size(0) == 1) return {};
  if (x.size(0) == 2) return zeros({2});
  if (x.size(0) == 7) return zeros({std::int64_t{1} << 40});
  if (x.requires_grad()) std::exit(0);
  return x;)");
  const Said s = bonsai("logsumexp");
  EXPECT_EQ(s.status, 2);
  EXPECT_NE(s.out.find("an undefined tensor came back\n"), std::string::npos) << s.out;
  EXPECT_NE(s.out.find("the numbers are f32, and should be f64\n"), std::string::npos) << s.out;
  EXPECT_TRUE(std::regex_search(s.out, std::regex("random rows: (threw: .*memory|wanted more memory)"))) << s.out;
  EXPECT_NE(s.out.find("ended the program with status 0 and no answer\n"), std::string::npos) << s.out;
}

TEST_F(Exercise, BadRequestsAreOneLineAndLeaveNothing) {
  const std::pair<const char*, const char*> bad[] = {{"obss", "no exercise obss; the nearest names: obs, obd,"},
                                                     {"'../x'", "no exercise x; the nearest names: "},
                                                     {"obs obd", "one at a time, obs or obd"},
                                                     {"obs --seed", "--seed takes a whole number, not ''"},
                                                     {"obs --seed -3", "--seed takes a whole number, not '-3'"},
                                                     {"obs --slowly", "no option --slowly; there are --hint, --answer, --again and --seed N"}};
  for (const auto& [arguments, message] : bad) {
    const Said s = bonsai(arguments);
    EXPECT_EQ(s.status, 2) << arguments;
    EXPECT_EQ(s.out, "") << arguments;
    EXPECT_EQ(lines(s.err), 1) << s.err;
    EXPECT_NE(s.err.find(message), std::string::npos) << s.err;
  }
  EXPECT_EQ(my.entries(), 0);
}

TEST_F(Exercise, HintAndAnswer) {
  Said s = bonsai("obd --hint");
  EXPECT_EQ(s.status, 0);
  EXPECT_GE(lines(s.out), 1);
  EXPECT_EQ(s.err, "");
  s = bonsai("obd --answer");
  EXPECT_EQ(s.status, 0);
  EXPECT_TRUE(std::regex_search(s.out, std::regex("^prune/scores/obd\\.h:[0-9]+:.*\\(obd\\.1\\)"))) << s.out;
  EXPECT_NE(s.out.find("tests/exercises/answers/obd.cpp: "), std::string::npos) << s.out;
  EXPECT_EQ(my.entries(), 0);
}

}  // namespace
}  // namespace bonsai::test
