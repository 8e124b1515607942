// What tests of files share: a folder that vanishes with its test, bytes in and out without the code under test, the text of an
// Error, and seeded damage for the fuzzers.
#pragma once
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/random.h"

namespace bonsai::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bonsai-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(
      path);  // a new file: some file systems flush one that is overwritten, a thousand times slower
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
inline std::string get(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The one line of the Error that `call` must throw.
template <class F>
std::string message_of(F&& call) {
  try {
    call();
  } catch (const Error& e) {
    const std::string message = e.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no Error";
  return "";
}
#define EXPECT_MESSAGE(call, fragment)                                                   \
  EXPECT_NE(::bonsai::test::message_of([&] { call; }).find(fragment), std::string::npos) \
      << ::bonsai::test::message_of([&] { call; }) << "\n  does not hold: " << (fragment)

// How many inputs a fuzzer tries: BONSAI_FUZZ, 20,000 when it is not set.
inline std::int64_t fuzz_count() {
  const char* count = std::getenv("BONSAI_FUZZ");
  return count && *count ? std::atoll(count) : 20000;
}

// One to four random hurts: a bit, a byte, a cut, a hole, a doubled piece, a number at the edge of its range, a foreign token.
inline std::string mutate(std::string s, Random& r) {
  static const std::vector<std::string> tokens = {"0",
                                                  "-1",
                                                  "1e9",
                                                  "0.5",
                                                  "18446744073709551615",
                                                  "9223372036854775808",
                                                  "99999999999999999999",
                                                  "4294967296",
                                                  "null",
                                                  "true",
                                                  "[",
                                                  "]",
                                                  "{",
                                                  "}",
                                                  "[[",
                                                  "{\"a\":",
                                                  "\"",
                                                  ",",
                                                  ":",
                                                  "\\u0000",
                                                  "\xff",
                                                  "F16",
                                                  "BF16",
                                                  "BOOL",
                                                  "I32",
                                                  "F64",
                                                  "__metadata__",
                                                  "\x1f\x8b",
                                                  std::string(8, '\0'),
                                                  std::string(8, '\xff')};
  for (std::uint64_t hurts = 1 + r.below(4); hurts > 0; --hurts) {
    const std::size_t at = r.below(s.size() + 1),
                      n = r.below(1 + std::min<std::size_t>(s.size() - at, 1 + r.below(64)));
    switch (r.below(8)) {
      case 0:
        if (at < s.size()) s[at] = static_cast<char>(s[at] ^ 1 << r.below(8));
        break;
      case 1:
        if (at < s.size()) s[at] = static_cast<char>(r.below(256));
        break;
      case 2: s.resize(at); break;
      case 3: s.erase(at, n); break;
      case 4: s.insert(at, s.substr(at, n)); break;
      case 5:
        if (at < s.size()) s[at] = r.below(2) ? '\0' : '\xff';
        break;
      case 6: s.insert(at, tokens[r.below(tokens.size())]); break;
      case 7: {  // a number becomes another
        const std::size_t digit = s.find_first_of("0123456789", at);
        if (digit != std::string::npos) s.replace(digit, 1, tokens[r.below(8)]);
      }
    }
  }
  return s;
}

// Under these sanitizers memory is counted otherwise and nothing is fast.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

inline long peak_memory_kb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace bonsai::test
