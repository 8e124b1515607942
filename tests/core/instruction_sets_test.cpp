// The kernels are compiled once for every instruction set, each in a namespace of its own (core/cpu/kernels.h). Were one of those
// object files to define a symbol that others define too, std::max<long> say, the linker would keep one copy for everyone: perhaps the
// one made for AVX-512, which stops a machine that lacks it with "illegal instruction". So every symbol that these files offer to the
// linker must belong to their namespace, or be a template made for a type of theirs.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

// The output of a command, line by line; empty when it cannot be run.
std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (!pipe) return lines;
  std::string line;
  for (int c; (c = std::fgetc(pipe)) != EOF;) {
    if (c != '\n') line += static_cast<char>(c);
    else lines.push_back(std::exchange(line, {}));
  }
  pclose(pipe);
  return lines;
}

TEST(instruction_sets, LeakNothing) {
  if (std::string(BONSAI_BUILD) != "Release") GTEST_SKIP() << "only an optimised build without sanitizers inlines what is small; this one is " BONSAI_BUILD;
  if (lines_of("nm --version").empty()) GTEST_SKIP() << "nm is not installed";
  int objects = 0;
  for (const std::string set : {"avx2", "avx512"}) {
    const std::filesystem::path folder = std::filesystem::path(BONSAI_BIN_DIR).parent_path() / "core/CMakeFiles" / ("kernels_" + set + ".dir") / "cpu";
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() != ".o") continue;
      ++objects;
      for (const std::string& line : lines_of("nm -C --defined-only --extern-only '" + file.path().string() + "'")) {
        const std::size_t at = line.find_first_not_of("0123456789abcdef");  // "<address> <type> <name>"
        if (at == std::string::npos || at + 3 > line.size()) continue;
        const std::string symbol = line.substr(at + 3);
        if (symbol.find("DW.ref.__gxx_personality_v0") == 0) continue;  // an address, the same in all of them
        EXPECT_NE(symbol.find("bonsai::" + set + "::"), std::string::npos) << file.path().filename() << " of " << set << " defines " << symbol;
      }
    }
  }
  if (objects == 0) GTEST_SKIP() << "this build has one instruction set only";
}

}  // namespace
