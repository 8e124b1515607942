// The commands that chapters show: every program that they name is there, takes the options that they give it, and exercises and benchmarks are there too. (That the numbers beside
// them come from them is the experiments' tests' and their authors' affair; a command that nobody can type is caught here.)
#include <fstream>
#include <map>
#include <regex>

#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

struct Shown {
  std::string file, verb, name, rest;
};

// The files of the repository, without what was built or made in it.
std::vector<fs::path> files() {
  std::vector<fs::path> all;
  for (fs::recursive_directory_iterator it(BONSAI_SOURCE_DIR), end; it != end; ++it) {
    const std::string name = it->path().filename().string();
    if (it.depth() == 0 && (name.starts_with("build") || name.starts_with(".") || name == "my" || name == "runs")) it.disable_recursion_pending();
    else if (it->is_regular_file()) all.push_back(it->path());
  }
  return all;
}

// Every "./bonsai VERB NAME ..." of every chapter: up to the end of the line, of the quotation or of the sentence in a figure's name.
std::vector<Shown> commands() {
  const std::regex command(R"re(\./bonsai (run|exercise|bench) ([a-z][a-z0-9_]*)([^`#|;"\n]*))re");
  std::vector<Shown> all;
  for (const fs::path& file : files()) {
    if (file.extension() != ".md") continue;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
      for (std::sregex_iterator m(line.begin(), line.end(), command), end; m != end; ++m) all.push_back({file.string(), (*m)[1], (*m)[2], (*m)[3]});
  }
  return all;
}

TEST(commands, in_the_chapters_can_be_typed) {
  const std::regex option(R"re((^|\s)(--[a-z][a-z-]*))re");
  std::map<std::string, std::string> help;
  const std::vector<fs::path> all = files();
  int seen = 0, options = 0;
  for (const Shown& c : commands()) {
    ++seen;
    SCOPED_TRACE(c.file + ": ./bonsai " + c.verb + " " + c.name + c.rest);
    const fs::path root = BONSAI_SOURCE_DIR;
    if (c.verb == "bench") {
      std::string sources;  // a filter: part of a benchmark's name, which a source spells
      for (const auto& entry : fs::directory_iterator(root / "tests/bench"))
        if (entry.path().extension() == ".cpp") sources += entry.path().stem().string() + "\n" + get(entry.path());
      EXPECT_NE(sources.find(c.name), std::string::npos);
      continue;
    }
    if (c.verb == "exercise") {
      bool there = false;
      for (const fs::path& file : all) there |= file.filename() == c.name + ".cpp" && file.parent_path().filename() == "exercises";
      EXPECT_TRUE(there);
      continue;
    }
    ASSERT_TRUE(fs::exists(root / "experiments" / (c.name + ".cpp")) || fs::exists(root / "tools" / (c.name + ".cpp")));
    if (!help.contains(c.name)) {
      const Outcome o = run({.args = {"--help"}, .program = c.name});
      ASSERT_EQ(o.status, 0) << o.err;
      help[c.name] = o.out + " --help ";
    }
    for (std::sregex_iterator m(c.rest.begin(), c.rest.end(), option), end; m != end; ++m) {
      ++options;
      EXPECT_TRUE(std::regex_search(help[c.name], std::regex("(^|[ ,])" + (*m)[2].str() + "([ ,\n]|$)"))) << c.name << " has no " << (*m)[2];
    }
  }
  EXPECT_GT(seen, 100);
  EXPECT_GT(options, 40);
}

}  // namespace
}  // namespace bonsai::test
