// Every Greek letter of a chapter or of a comment beside a formula stands in NOTATION.md's table of symbols, and none stands there twice.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;
const fs::path root = BONSAI_SOURCE_DIR;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The Greek letters of a text in UTF-8: U+0370 to U+03FF are two bytes, CD to CF and one more. Sums and products are signs.
std::set<std::string> greek(const std::string& text) {
  std::set<std::string> found;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if ((first == 0xCD && static_cast<unsigned char>(text[i + 1]) >= 0xB0) || first == 0xCE || first == 0xCF) found.insert(text.substr(i, 2));
  }
  return found;
}

TEST(notation, every_greek_letter_has_its_line) {
  std::map<std::string, int> listed;
  std::ifstream page(root / "NOTATION.md");
  bool symbols = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) symbols = line == "## Symbols";
    if (symbols && line.starts_with("| "))
      for (const std::string& letter : greek(line.substr(0, line.find(" | ")))) ++listed[letter];
  }
  ASSERT_GE(listed.size(), 10u);
  for (const auto& [letter, times] : listed) EXPECT_EQ(times, letter == "β" ? 2 : 1) << letter << " has more than one line (Adam's β come with an index)";
  for (const char* folder : {"core", "nn", "datasets", "prune", "cuda", "experiments", "tools"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path& file = entry.path();
      if (file.extension() != ".md" && file.extension() != ".h") continue;
      for (const std::string& letter : greek(text_of(file))) EXPECT_TRUE(listed.contains(letter) || letter == "π") << fs::relative(file, root).string() << " writes " << letter << ", which NOTATION.md does not explain";
    }
}

}  // namespace
