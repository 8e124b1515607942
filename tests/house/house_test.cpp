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

// A folder may include from those named with it, and from itself; its exercises also what exercises are written with.
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
        const bool exercise = shown(file).find("/exercises/") != std::string::npos && line.find("\"tests/exercises/exercise.h\"") != std::string::npos;
        EXPECT_TRUE(exercise || from == folder || below.at(folder).contains(from)) << shown(file) << " includes from " << from << "/, which is not below " << folder << "/";
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

// ---- Exercises: FOLDER/exercises/NAME.cpp

std::vector<fs::path> exercises() {
  std::vector<fs::path> all;
  for (const fs::path& file : code())
    if (file.parent_path().filename() == "exercises" && !shown(file).starts_with("tests/")) all.push_back(file);
  return all;
}

TEST(exercises, there_are_thirty_of_three_sizes_and_two_kinds_and_two_in_each_chapter) {
  const std::regex about("^// (do it|break it), (10 minutes|45 minutes|an evening)\\. Chapter: .*\\.$");
  std::map<std::string, int> of_kind, of_size, of_chapter;
  std::set<std::string> names;
  for (const fs::path& file : exercises()) {
    const auto lines = lines_of(file);
    ASSERT_GT(lines.size(), 3u) << shown(file);
    EXPECT_TRUE(lines[0].starts_with("// ") && (lines[0].ends_with(".") || lines[0].ends_with("?"))) << shown(file) << ": the first line is its title";
    std::smatch m;
    ASSERT_TRUE(std::regex_match(lines[1], m, about)) << shown(file) << ": the second line says kind, size and chapter, not " << lines[1];
    ++of_kind[m[1]];
    ++of_size[m[2]];
    ++of_chapter[shown(file.parent_path().parent_path())];
    EXPECT_TRUE(names.insert(file.stem()).second) << "two exercises are called " << file.stem();
  }
  EXPECT_GE(names.size(), 30u);
  EXPECT_EQ(of_kind.size(), 2u);
  EXPECT_EQ(of_size.size(), 3u);
  for (const auto& [chapter, count] : of_chapter) EXPECT_GE(count, 2) << chapter;
  for (const fs::path& file : chapters()) {
    const std::string chapter = shown(file.parent_path());
    const std::set<std::string> none{".", "tests", "datasets/trained", "core/sparse24", "prune/compress/FORMAT.md", "cuda/sparse24", "tests/exercises"};
    EXPECT_TRUE(file.filename() != "README.md" || none.contains(chapter) || of_chapter.contains(chapter)) << chapter << " is a chapter without exercises";
  }
}

TEST(exercises, each_stands_in_its_chapter_and_no_other_does) {
  const std::regex command("\\./bonsai exercise ([a-z0-9_]+)");
  std::map<std::string, std::set<std::string>> named;  // by chapter
  for (const fs::path& file : chapters())
    for (const std::string& line : lines_of(file))
      for (std::sregex_iterator m(line.begin(), line.end(), command), end; m != end; ++m) named[shown(file)].insert((*m)[1]);
  std::set<std::string> names;
  for (const fs::path& file : exercises()) {
    names.insert(file.stem());
    const std::string chapter = shown(file.parent_path().parent_path() / "README.md");
    EXPECT_TRUE(named[chapter].contains(file.stem())) << chapter << " does not name `./bonsai exercise " << file.stem().string() << "`";
  }
  for (const auto& [chapter, all] : named)
    for (const std::string& name : all) EXPECT_TRUE(names.contains(name)) << chapter << " names `./bonsai exercise " << name << "`, which is not there";
}

// tests/exercises/answers/NAME.cpp begins with "// hint: ..." and "// reference: FILE TEXT", TEXT standing in a line of FILE.
TEST(exercises, each_has_an_answer_a_hint_and_a_reference_that_is_there) {
  const std::regex reference("^// reference: ([^ ]+) (.+)$");
  for (const fs::path& file : exercises()) {
    const auto lines = lines_of(root / "tests/exercises/answers" / file.filename());
    ASSERT_FALSE(lines.empty()) << "no tests/exercises/answers/" << file.filename();
    EXPECT_TRUE(lines[0].starts_with("// hint: ")) << file.filename();
    int references = 0;
    for (const std::string& line : lines)
      if (std::smatch m; std::regex_match(line, m, reference)) {
        ++references;
        bool found = false;
        for (const std::string& text : lines_of(root / m[1].str())) found |= text.find(m[2].str()) != std::string::npos;
        EXPECT_TRUE(found) << shown(file) << ": \"" << m[2] << "\" stands in no line of " << m[1];
      }
    EXPECT_GT(references, 0) << file.filename();
  }
}

}  // namespace
