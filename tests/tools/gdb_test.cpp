// The printer of Tensors, as gdb runs it.
#include "tests/tools/support.h"

namespace bonsai::test {
namespace {

TEST(Gdb, PrintsTensors) {
  if (sanitized) GTEST_SKIP() << "a sanitizer and a debugger both want to hold the program; the release build is looked at";
  if (std::system("gdb -batch -ex 'python import gdb.printing' >/dev/null 2>&1") != 0) GTEST_SKIP() << "gdb is not installed, or has no Python (Debian's package gdb has)";
  const TemporaryFolder said;
  std::string command = fmt::format("gdb -batch -nx -iex 'set auto-load no' -ex 'set debuginfod enabled off' -x '{}/tools/gdb/bonsai.py' -ex 'break look' -ex run -ex up", BONSAI_SOURCE_DIR);
  for (const char* name : {"nothing", "weights", "doubled", "labels", "mask", "shape"}) command += fmt::format(" -ex 'print {}'", name);
  command += fmt::format(" '{}/gdb_subject' >'{}' 2>'{}'", BONSAI_BIN_DIR, (said / "out").string(), (said / "err").string());
  const int status = std::system(command.c_str());
  const std::string out = get(said / "out"), err = get(said / "err");
  for (const char* refusal : {"ptrace: Operation not permitted", "Could not trace the inferior"})
    if (err.find(refusal) != std::string::npos) GTEST_SKIP() << "this machine lets no debugger run a program: " << refusal;
  ASSERT_EQ(status, 0) << out << err;
  for (const char* line : {"= undefined\n", "= f32 (2, 3) cpu, requires grad [0.5, -1.25, 3, 4, 1e-07, 6]\n", "= f64 (10, 10) cpu, from mul [1, 4, 9, 16, 25, 36, 49, 64, ... 92 more]\n",
                           "= i64 (3) cpu [7, -9, 1099511627776]\n", "= u8 (2) cpu [1, 0]\n", "= (60, 784)\n"})
    EXPECT_NE(out.find(line), std::string::npos) << "no line \"" << line << "\" in\n" << out << err;
}

}  // namespace
}  // namespace bonsai::test
