// MONK's: the rules against a slow statement of them, what is drawn when the published files are missing, every refusal, and 20,000
// damaged files.
#include "datasets/monks.h"

#include <algorithm>
#include <cmath>

#include "tests/datasets/monks_support.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using namespace slow;
namespace fs = std::filesystem;
using test::put;
using test::TemporaryFolder;

TEST(Monks, RobotsAreCountedWithA6Fastest) {
  const std::vector<Robot> all = all_robots();
  ASSERT_EQ(all.size(), 432u);
  for (int i = 0; i < 432; ++i) EXPECT_EQ(robot(i), all[i]);
  EXPECT_MESSAGE(robot(432), "monks: there is no robot 432; they are 0 to 431");
  EXPECT_MESSAGE(robot(-1), "there is no robot -1");
}

TEST(Monks, RulesAreAsTold) {
  const std::array<int, 3> monks{216, 142, 228};
  for (int problem = 1; problem <= 3; ++problem) {
    int count = 0;
    for (const Robot& a : all_robots()) {
      EXPECT_EQ(is_monk(problem, a), told(problem, a));
      count += is_monk(problem, a);
    }
    EXPECT_EQ(count, monks[problem - 1]);
  }
  for (int problem : {0, 4, -1}) {
    EXPECT_MESSAGE(is_monk(problem, robot(0)), fmt::format("monks: there is no problem {}; there are 1, 2 and 3", problem));
    EXPECT_MESSAGE(load_monks("none", problem, 1), "there is no problem");
  }
}

TEST(Monks, TheTestSetIsEveryRobot) {
  TemporaryFolder t;
  for (int problem = 1; problem <= 3; ++problem) {
    const Dataset d = load_monks(t.path(), problem, 1).test;
    check(d);
    EXPECT_EQ(d.name, fmt::format("monks-{}", problem));
    EXPECT_EQ(d.inputs.shape(), Shape({432, 17}));
    EXPECT_EQ(d.inputs.dtype(), DType::f32);
    int i = 0;
    for (const auto& [number, label] : decode(d)) {
      EXPECT_EQ(number, i++);
      EXPECT_EQ(label, told(problem, all_robots()[number]));
    }
  }
}

TEST(Monks, DrawsATrainingSetWhenThereIsNone) {
  TemporaryFolder t;
  for (int problem = 1; problem <= 3; ++problem) {
    const Monks monks = load_monks(t.path(), problem, 7);
    check(monks.train);
    EXPECT_FALSE(monks.published);
    EXPECT_EQ(monks.origin, fmt::format("MONK {}: {} training examples drawn with seed 7, not the published ones; ./bonsai data monks "
                                        "fetches those",
                                        problem, train_sizes[problem - 1]));
    const auto drawn = decode(monks.train);
    EXPECT_EQ(drawn.size(), static_cast<std::size_t>(train_sizes[problem - 1]));
    for (std::size_t i = 1; i < drawn.size(); ++i) EXPECT_LT(drawn[i - 1].first, drawn[i].first);  // no repeats
    EXPECT_EQ(noise_of(problem, monks.train), problem == 3 ? 6 : 0);
    EXPECT_EQ(decode(load_monks(t.path(), problem, 7).train), drawn);
    EXPECT_NE(decode(load_monks(t.path(), problem, 8).train), drawn);
  }
  // The same on every machine and for ever.
  const auto drawn = decode(load_monks(t.path(), 3, 1).train);
  EXPECT_EQ(std::vector(drawn.begin(), drawn.begin() + 5),
            (std::vector<std::pair<int, std::int64_t>>{{2, 1}, {5, 1}, {7, 0}, {9, 1}, {14, 0}}));
}

// Over many seeds every robot is drawn and mislabelled about equally often: 500 draws of 122 in 432, 6 in 432.
TEST(Monks, DrawsFairly) {
  TemporaryFolder t;
  std::vector<int> drawn(432), wrong(432);
  for (std::uint64_t seed = 0; seed < 500; ++seed)
    for (const auto& [number, label] : decode(load_monks(t.path(), 3, seed).train)) {
      ++drawn[number];
      wrong[number] += label != told(3, all_robots()[number]);
    }
  const double mean = 500 * 122.0 / 432, deviation = std::sqrt(mean * (1 - 122.0 / 432));
  for (int i = 0; i < 432; ++i) {
    EXPECT_NEAR(drawn[i], mean, 5 * deviation) << i;
    EXPECT_LE(wrong[i], 25) << i;  // 6.9 expected
  }
  EXPECT_GT(std::ranges::count_if(wrong, [](int n) { return n > 0; }), 400);
}

TEST(Monks, ParsesWhatCopiesDifferIn) {
  for (const char* text : {" 1 1 2 1 3 4 2 data_72\n 0 3 3 2 3 4 2 data_432\n", "1 1 2 1 3 4 2 x\r\n\r\n0\t3 3 2 3 4 2 y",
                           "\n 0 3 3 2 3 4 2 data_432\n   1   1 2 1 3 4 2   data_72  \n\n"}) {
    const MonksFile f = parse_monks(text, "f");
    EXPECT_EQ(f.count, 2);
    for (int i = 0; i < 432; ++i) EXPECT_EQ(f.line[i] != 0, all_robots()[i] == Robot({1, 2, 1, 3, 4, 2}) || i == 431);
    EXPECT_EQ(f.label[71], 1);
    EXPECT_EQ(f.label[431], 0);
  }
  EXPECT_EQ(parse_monks("", "f").count, 0);
}

TEST(Monks, RefusesAndNamesTheLine) {
  const std::string good = " 1 1 2 1 3 4 2 data_72\n", again = "; fetch it again with ./bonsai data monks";
  const struct {
    std::string line, wrong;
  } cases[] = {
      {"hello", "1 fields; it must have 8, class, a1 to a6 and a name"},
      {"1 1 2 1 3 4 2", "7 fields; it must have 8"},
      {"1 1 1 1 1 1 1 a b", "more than 8 fields; it must have 8"},
      {"2 1 1 1 1 1 1 a", "the class is \"2\"; it must be 0 to 1"},
      {"-1 1 1 1 1 1 1 a", "the class is \"-1\"; it must be 0 to 1"},
      {"1 0 1 1 1 1 1 a", "a1 is \"0\"; it must be 1 to 3"},
      {"1 4 1 1 1 1 1 a", "a1 is \"4\"; it must be 1 to 3"},
      {"1 1 11 1 1 1 1 a", "a2 is \"11\"; it must be 1 to 3"},
      {"1 1 1 3 1 1 1 a", "a3 is \"3\"; it must be 1 to 2"},
      {"1 1 1 1 4 1 1 a", "a4 is \"4\"; it must be 1 to 3"},
      {"1 1 1 1 1 5 1 a", "a5 is \"5\"; it must be 1 to 4"},
      {"1 1 1 1 1 1 3 a", "a6 is \"3\"; it must be 1 to 2"},
      {"1 1 1 1 1 1 1.0 a", "a6 is \"1.0\"; it must be 1 to 2"},
      {"1 1 1 1 1 1 \x1b[2J a", "a6 is \"?[2J\"; it must be 1 to 2"},
      {std::string("1 1 1 1 1 1 \0 a", 15), "a6 is \"?\"; it must be 1 to 2"},
      {"0 1 2 1 3 4 2 a", "the robot of line 1 again"},
  };
  for (const auto& c : cases) EXPECT_MESSAGE(parse_monks(good + "\n" + c.line + "\n", "f"), "monks: f line 3: " + c.wrong);
  for (const auto& c : cases) EXPECT_MESSAGE(parse_monks(good + "\n" + c.line + "\n", "f"), again);
}

TEST(Monks, RefusesWhatIsNotThePublishedFile) {
  TemporaryFolder t;
  fs::create_directories(t / "monks");
  const fs::path train = t / "monks/monks-1.train", test = t / "monks/monks-1.test";
  const std::string again = "; fetch it again with ./bonsai data monks";
  const auto load = [&] { load_monks(t.path(), 1, 1); };
  put(train, "");
  EXPECT_MESSAGE(load(), "monks: " + train.string() + " has 0 examples, the published file 124" + again);
  put(train, test_file(1));
  EXPECT_MESSAGE(load(), "has 432 examples, the published file 124" + again);
  // As many right examples as published, but not those.
  std::string first;
  for (int i = 0; i < 124; ++i) first += line_of(told(1, robot(i)), robot(i), i + 1);
  put(train, first);
  EXPECT_MESSAGE(load(), train.string() + " is not the published file (its examples' SHA-256 is ");
  EXPECT_MESSAGE(load(), ", not 35bc410e86a042b4be63f7e7e625e4e00b53092869972162f6352fa93caacdb6)" + again);
  put(train, "\n\n1 1 1 1 1 1 9 a\n");
  EXPECT_MESSAGE(load(), "monks: " + train.string() + " line 3: a6 is \"9\"");
  // A terabyte is refused by its size.
  fs::resize_file(train, std::uintmax_t{1} << 40);
  EXPECT_MESSAGE(load(), train.string() + " has 1099511627776 bytes, more than the 65536 it may have" + again);
  fs::remove(train);
  fs::create_directory(train);
  EXPECT_MESSAGE(load(), "it is a folder; name a file");
  fs::remove(train);
  fs::create_symlink(t / "nowhere", train);  // a name that leads nowhere is not an absent one
  EXPECT_MESSAGE(load(), "No such file or directory");
  fs::remove(train);
  EXPECT_FALSE(load_monks(t.path(), 1, 1).published);

  // The test files are not needed, but may not contradict the rule. These come from the six loops, and their hash from the published.
  for (int problem = 1; problem <= 3; ++problem) {
    put(t / "monks" / fmt::format("monks-{}.test", problem), test_file(problem));
    EXPECT_FALSE(load_monks(t.path(), problem, 1).published);
  }
  std::string wrong = test_file(1);
  wrong[wrong.find("data_2\n") - 14] ^= 1;
  put(test, wrong);
  EXPECT_MESSAGE(load(), "monks: " + test.string() + " line 2: class 0, but MONK 1's rule says 1" + again);
  put(test, test_file(1).substr(test_file(1).find('\n') + 1));
  EXPECT_MESSAGE(load(), test.string() + " has 431 examples, the published file 432" + again);
}

// Ten lines in memory, and one time in twenty a whole file on the disk.
TEST(Monks, Fuzz) {
  TemporaryFolder t;
  Random r = Random(2).derive("monks fuzz");
  const std::vector<std::string> whole{test_file(1), test_file(2), test_file(3)};
  std::string few;
  for (int i = 60; i < 70; ++i) few += line_of(i % 2, robot(i), i + 1);
  const long before = test::peak_memory_kb();
  std::int64_t parsed = 0, loaded = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    try {
      if (r.below(20) != 0) {
        EXPECT_LE(parse_monks(test::mutate(few, r), "f").count, 20);
        ++parsed;
        continue;
      }
      const int problem = 1 + static_cast<int>(r.below(3));
      const fs::path file = t / "monks" / fmt::format("monks-{}.{}", problem, r.below(2) ? "train" : "test");
      fs::remove_all(t / "monks");
      fs::create_directory(t / "monks");
      put(file, test::mutate(whole[problem - 1], r));
      EXPECT_FALSE(load_monks(t.path(), problem, 1).published);
      ++loaded;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(parsed, 0);
  EXPECT_GT(loaded, 0);
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 64 * 1024); }
}

}  // namespace
}  // namespace bonsai::datasets
