// The house itself: floors include only floors below them, every link in a chapter leads somewhere, and every formula's tag stands
// once in a chapter and once in the code, at the line that the chapter links to.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path root = BONSAI_SOURCE_DIR;
const std::vector<std::string> folders{"core", "nn", "datasets", "cuda", "prune", "experiments", "tools", "tests"};

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> files(const std::set<std::string>& endings) {
  std::vector<fs::path> found;
  for (const std::string& folder : folders)
    if (fs::exists(root / folder))
      for (const auto& entry : fs::recursive_directory_iterator(root / folder))
        if (entry.is_regular_file() && endings.contains(entry.path().extension().string())) found.push_back(entry.path());
  return found;
}
std::vector<fs::path> code() { return files({".h", ".cpp", ".cu", ".cuh"}); }
std::vector<fs::path> chapters() {
  std::vector<fs::path> all = files({".md"});
  for (const char* page : {"README.md", "NOTATION.md"}) all.push_back(root / page);
  return all;
}
std::string shown(const fs::path& file) { return fs::relative(file, root).string(); }

// A folder may include from those named with it, and from itself.
const std::map<std::string, std::set<std::string>> below{
    {"core", {}}, {"nn", {"core"}}, {"datasets", {"core"}}, {"cuda", {"core"}}, {"prune", {"core", "nn"}},
    {"experiments", {"core", "nn", "datasets", "cuda", "prune"}},
    {"tools", {"core", "nn", "datasets", "cuda", "prune", "experiments"}},
    {"tests", {"core", "nn", "datasets", "cuda", "prune", "experiments", "tools"}}};

TEST(layers, nothing_includes_upward) {
  const std::regex include(R"re(^\s*#\s*include\s+"([a-z]+)/)re");
  int seen = 0;
  for (const fs::path& file : code()) {
    const std::string folder = shown(file).substr(0, shown(file).find('/'));
    for (const std::string& line : lines_of(file))
      if (std::smatch m; std::regex_search(line, m, include)) {
        ++seen;
        const std::string from = m[1];
        EXPECT_TRUE(from == folder || below.at(folder).contains(from)) << shown(file) << " includes from " << from << "/, which is not below " << folder << "/";
      }
  }
  EXPECT_GT(seen, 50);
}

TEST(chapters, links_lead_somewhere) {
  const std::regex link(R"re(\]\(([^)\s]+)\))re");
  int seen = 0;
  for (const fs::path& file : chapters())
    for (const std::string& line : lines_of(file))
      for (std::sregex_iterator m(line.begin(), line.end(), link), end; m != end; ++m) {
        std::string to = (*m)[1];
        if (to.starts_with("http") || to.starts_with("#")) continue;
        to = to.substr(0, to.find('#'));
        ++seen;
        EXPECT_TRUE(fs::exists(file.parent_path() / to)) << shown(file) << " links to " << to;
      }
  EXPECT_GT(seen, 20);
}

TEST(chapters, every_folder_has_one) {
  for (const std::string& folder : folders)
    EXPECT_TRUE(!fs::exists(root / folder) || fs::exists(root / folder / "README.md")) << folder << "/ has no README.md";
}

// "(mag.1)" in a line of a chapter goes with the last link before it on that line, "[...](scores/magnitude.h#L15)".
TEST(formulas, each_tag_stands_once_in_a_chapter_and_once_in_the_code_at_that_line) {
  const std::regex tag(R"re(\(([a-z]+[0-9]*\.[0-9]+)\))re"), line_link(R"re(\]\(([^)#\s]+)#L([0-9]+)\))re");
  std::map<std::string, std::vector<std::pair<std::string, int>>> in_code, in_chapters;
  for (const fs::path& file : code()) {
    if (shown(file).starts_with("tests/")) continue;
    const auto lines = lines_of(file);
    for (std::size_t i = 0; i < lines.size(); ++i)
      for (std::sregex_iterator m(lines[i].begin(), lines[i].end(), tag), end; m != end; ++m)
        in_code[(*m)[1]].emplace_back(fs::weakly_canonical(file).string(), static_cast<int>(i) + 1);
  }
  for (const fs::path& file : chapters())
    for (const std::string& line : lines_of(file))
      for (std::sregex_iterator m(line.begin(), line.end(), tag), end; m != end; ++m) {
        std::string to;
        int at = 0;
        for (std::sregex_iterator l(line.begin(), line.end(), line_link); l != end; ++l) {
          to = fs::weakly_canonical(file.parent_path() / (*l)[1].str()).string();
          at = std::stoi((*l)[2]);
        }
        in_chapters[(*m)[1]].emplace_back(to, at);
      }
  EXPECT_GE(in_code.size(), 4u);
  for (auto& [name, places] : in_code) {
    EXPECT_EQ(places.size(), 1u) << "(" << name << ") stands more than once in the code, for instance in " << places[0].first;
    ASSERT_TRUE(in_chapters.contains(name)) << "(" << name << ") stands in no chapter";
    ASSERT_EQ(in_chapters[name].size(), 1u) << "(" << name << ") stands more than once in the chapters";
    EXPECT_EQ(in_chapters[name][0], places[0]) << "the chapter's link for (" << name << ") leads to another line";
  }
  for (auto& [name, places] : in_chapters) EXPECT_TRUE(in_code.contains(name)) << "(" << name << ") stands in a chapter but not in the code";
}

}  // namespace
