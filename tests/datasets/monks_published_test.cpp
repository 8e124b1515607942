// MONK's published files, where they are there: in the folder $BONSAI_MONKS, or where ./bonsai data monks puts them. And check_data,
// which installs them.
#include <cstdlib>

#include "datasets/published.h"
#include "tests/datasets/check_data.h"
#include "tests/datasets/monks_support.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using namespace slow;
namespace fs = std::filesystem;
using test::check_data;
using test::get;
using test::put;
using test::TemporaryFolder;

std::int64_t positives(const Dataset& d) { return std::ranges::count(d.labels.data<std::int64_t>(), 1); }

fs::path published_folder() {
  const char* folder = std::getenv("BONSAI_MONKS");
  return folder && *folder ? fs::absolute(folder) : data_directory() / "monks";
}
// A data directory whose monks/ has copies of them.
class PublishedMonks : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const PublishedFile& f : files_of("monks")) {
      const fs::path file = published_folder() / f.file;
      if (!f.optional && !fs::exists(file))
        GTEST_SKIP() << "no " << file << "; ./bonsai data monks fetches it, or $BONSAI_MONKS names its folder";
    }
    fs::create_directories(data / "monks");
    for (const PublishedFile& f : files_of("monks"))
      if (fs::exists(published_folder() / f.file)) put(data / "monks" / f.file, get(published_folder() / f.file));
  }
  fs::path train(int problem) const { return data / "monks" / fmt::format("monks-{}.train", problem); }
  const TemporaryFolder folder;
  const fs::path data = folder.path();
};

TEST_F(PublishedMonks, AreAsDescribed) {
  const std::array<int, 3> monks{62, 64, 60};
  for (int problem = 1; problem <= 3; ++problem) {
    const Monks m = load_monks(data, problem, 1);
    check(m.train);
    EXPECT_TRUE(m.published);
    EXPECT_EQ(m.origin, fmt::format("MONK {}: the {} published training examples", problem, train_sizes[problem - 1]));
    EXPECT_EQ(m.train.size(), train_sizes[problem - 1]);
    EXPECT_EQ(positives(m.train), monks[problem - 1]);
    EXPECT_EQ(noise_of(problem, m.train), problem == 3 ? 6 : 0);
    EXPECT_EQ(decode(load_monks(data, problem, 2).train), decode(m.train));
  }
  // Half of MONK 3's rule is right on 93.4% of its training set, as OBS's network of four weights was.
  int right = 0;
  for (const auto& [number, label] : decode(load_monks(data, 3, 1).train))
    right += (all_robots()[number][4] != 4 && all_robots()[number][1] != 3) == label;
  EXPECT_EQ(right, 114);
}

TEST_F(PublishedMonks, OrderSpacesAndNamesDoNotMatter) {
  for (int problem = 1; problem <= 3; ++problem) {
    const auto before = decode(load_monks(data, problem, 1).train);
    std::string text = get(train(problem));
    std::vector<std::string> lines;
    for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1)) lines.push_back(text.substr(0, end));
    std::ranges::reverse(lines);
    std::string other = "\r\n";
    for (const std::string& line : lines)
      if (line.find("data_") != line.npos) other += line.substr(0, line.find("data_")) + "\trobot\r\n";
    put(train(problem), other + "\r\n");
    EXPECT_EQ(decode(load_monks(data, problem, 1).train), before);
    EXPECT_TRUE(load_monks(data, problem, 1).published);
  }
}

TEST_F(PublishedMonks, OneOtherLabelIsFound) {
  for (int problem = 1; problem <= 3; ++problem) {
    const std::string good = get(train(problem));
    int lines = 0;
    for (std::size_t at = 0; (at = good.find_first_of("01", at)) != good.npos; at = std::min(good.find('\n', at), good.size())) {
      std::string bad = good;
      bad[at] ^= 1;  // the class
      put(train(problem), bad);
      EXPECT_MESSAGE(load_monks(data, problem, 1), "is not the published file");
      ++lines;
    }
    EXPECT_EQ(lines, train_sizes[problem - 1]);
  }
}

// ---- build/bin/check_data

class CheckMonks : public test::CheckData {};

TEST_F(CheckMonks, RefusesInOneLine) {
  TemporaryFolder t;
  const std::string folder = t.path().string();
  EXPECT_EQ(check_data("monks " + folder).output, "monks: " + folder + "/monks-1.train is missing; fetch it with ./bonsai data monks\n");
  EXPECT_EQ(check_data("--install monks " + folder + " " + folder + "/to").output,
            "monks: " + folder + " does not hold monks-1.train; name the folder that does\n");
  put(t / "monks-1.train", "<html>\n<p>moved</p>\n");
  const test::Outcome r = check_data("--install monks " + folder + " " + folder + "/to");
  EXPECT_EQ(r.status, 2);
  EXPECT_EQ(r.output, "monks: " + folder +
                          "/monks-1.train line 1: 1 fields; it must have 8, class, a1 to a6 and a name; fetch it again with "
                          "./bonsai data monks\n");
  EXPECT_FALSE(fs::exists(t / "to"));
}

class InstallMonks : public PublishedMonks {
  void SetUp() override {
    PublishedMonks::SetUp();
    if (!fs::exists(BONSAI_BIN_DIR "/check_data")) GTEST_SKIP() << "check_data is not built";
  }
};

TEST_F(InstallMonks, WithAndWithoutTestFiles) {
  for (int problem = 1; problem <= 3; ++problem) put(data / "monks" / fmt::format("monks-{}.test", problem), test_file(problem));
  for (int lines : {6, 3}) {
    const std::string from = (data / "monks").string(), to = (data / fmt::format("to-{}/monks", lines)).string();
    const test::Outcome install = check_data("--install monks " + from + " " + to);
    EXPECT_EQ(install.status, 0) << install.output;
    const test::Outcome verify = check_data("monks " + to);
    EXPECT_EQ(verify.status, 0) << verify.output;
    EXPECT_EQ(std::ranges::count(verify.output, '\n'), lines);
    EXPECT_TRUE(load_monks(fs::path(to).parent_path(), 2, 1).published);
    for (int problem = 1; problem <= 3; ++problem) fs::remove(data / "monks" / fmt::format("monks-{}.test", problem));
  }
  put(train(3), get(train(2)));
  EXPECT_EQ(check_data("--install monks " + (data / "monks").string() + " " + (data / "no").string()).status, 2);
  EXPECT_FALSE(fs::exists(data / "no"));
}

}  // namespace
}  // namespace bonsai::datasets
