// Files are read whole and written whole or not at all.
#include "core/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/files_support.h"

namespace bonsai {
namespace {

using test::get;
using test::put;
using test::TemporaryFolder;

TEST(Files, RoundTrip) {
  TemporaryFolder t;
  for (std::size_t n : {0, 1, 4095, 4096, 1000003}) {
    std::string bytes(n, 'x');
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(i * 31);
    write_whole(t / "f", bytes);
    EXPECT_EQ(get(t / "f"), bytes);
    EXPECT_EQ(read_whole(t / "f"), bytes);
  }
  const std::string_view parts[] = {"one, ", "", "two"};
  write_whole(t / "f", parts);
  EXPECT_EQ(read_whole(t / "f"), "one, two");
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, ANameWithoutAFolderIsInTheWorkingOne) {
  TemporaryFolder t;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(t.path());
  write_whole("plain", "here");
  std::filesystem::current_path(before);
  EXPECT_EQ(get(t / "plain"), "here");
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, ReadingRefuses) {
  TemporaryFolder t;
  put(t / "f", "12345");
  EXPECT_MESSAGE(read_whole(t / "none"), "none: No such file or directory; check the name");
  EXPECT_MESSAGE(read_whole(t.path()), "it is a folder");
  EXPECT_MESSAGE(read_whole(t / "f" / "x"), "Not a directory; a file stands where a folder is needed");
  EXPECT_MESSAGE(read_whole(t / "f", 4), "it has 5 bytes, more than the 4");
  EXPECT_EQ(read_whole(t / "f", 5), "12345");
  ASSERT_EQ(::mkfifo((t / "pipe").c_str(), 0600), 0);
  EXPECT_MESSAGE(read_whole(t / "pipe"), "it is not a regular file");  // and does not wait for a writer
  EXPECT_MESSAGE(read_whole(t / "a\nb"), "a?b: No such file");
}

TEST(Files, ReadingBeyondTheEndIsRefused) {
  TemporaryFolder t;
  put(t / "f", "12345");
  const InputFile file(t / "f");
  EXPECT_EQ(file.size(), 5u);
  char c[4];
  file.read(1, c, 4);
  EXPECT_EQ(std::string_view(c, 4), "2345");
  EXPECT_MESSAGE(file.read(2, c, 4), "asked for 4 bytes at 2, but it has 5");
  EXPECT_MESSAGE(file.read(~std::uint64_t{0}, c, 4), "but it has 5");
  std::filesystem::resize_file(t / "f", 3);
  EXPECT_MESSAGE(file.read(1, c, 4), "it became shorter while it was read");
}

TEST(Files, AFullDiskLeavesTheOldFile) {
  TemporaryFolder t;
  write_whole(t / "f", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);  // a write beyond 4096 bytes now fails half done, as on a full disk
  std::string message;
  try {
    write_whole(t / "f", std::string(10000, 'n'));
  } catch (const Error& e) { message = e.what(); }
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("/f: File too large; free some space or choose another disk"), std::string::npos) << message;
  EXPECT_EQ(get(t / "f"), "old");
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, ADirectoryInTheWayStays) {
  TemporaryFolder t;
  std::filesystem::create_directories(t / "d" / "inside");
  EXPECT_MESSAGE(write_whole(t / "d", "x"), "d: Is a directory; remove or rename the folder");
  EXPECT_MESSAGE(write_whole(t / "d/", "x"), "it names a folder; add a file name");
  EXPECT_MESSAGE(write_whole(t / "none" / "f", "x"), "none/f: No such file or directory");
  EXPECT_TRUE(std::filesystem::is_directory(t / "d" / "inside"));
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, AnUnwritableFolderIsLeftAlone) {
  TemporaryFolder t;
  put(t / "f", "old");
  ::chmod(t.path().c_str(), 0555);
  const bool root = ::geteuid() == 0;  // whom permissions do not stop: become nobody for a moment
  if (root && ::seteuid(65534) != 0) GTEST_SKIP() << "root that cannot become another user";
  std::string message;
  try {
    write_whole(t / "f", "new");
  } catch (const Error& e) { message = e.what(); }
  if (root && ::seteuid(0) != 0) FAIL() << "cannot become root again";
  EXPECT_NE(message.find("/f: Permission denied; change its permissions or choose another place"), std::string::npos)
      << message;
  EXPECT_EQ(get(t / "f"), "old");
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, ManyWritersLeaveOneWholeFile) {
  TemporaryFolder t;
  write_whole(t / "f", std::string(20000, 'a'));
  {
    std::vector<std::jthread> writers;
    for (char c : {'b', 'c', 'd'})
      writers.emplace_back([&, c] {
        for (int i = 0; i < 20; ++i) write_whole(t / "f", std::string(20000 + c, c));
      });
    for (int i = 0; i < 200; ++i) {
      const std::string seen = read_whole(t / "f");
      ASSERT_EQ(seen.find_first_not_of(seen[0]), std::string::npos);
      ASSERT_EQ(seen.size(), seen[0] == 'a' ? 20000u : 20000u + seen[0]);
    }
  }
  EXPECT_EQ(t.entries(), 1);
}

TEST(Files, AKillLeavesAWholeFile) {
  TemporaryFolder t;
  write_whole(t / "f", std::string(300000, 'a'));
  for (int kill_after_us = 0; kill_after_us < 10000; kill_after_us += 1000) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (char c = 'b';; c = c == 'z' ? 'b' : static_cast<char>(c + 1)) write_whole(t / "f", std::string(300000, c));
    }
    ::usleep(kill_after_us);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string seen = get(t / "f");
    ASSERT_EQ(seen.size(), 300000u);
    ASSERT_EQ(seen.find_first_not_of(seen[0]), std::string::npos);
  }
  put(t / ".f.1.0.partial", "what a kill leaves");
  put(t / "mine.partial", "a file of the user's");
  EXPECT_GE(remove_partial_files(t.path()), 1);
  EXPECT_EQ(t.entries(), 2);  // f and mine.partial
  EXPECT_EQ(remove_partial_files(t.path()), 0);
  EXPECT_EQ(remove_partial_files(t / "none"), 0);
}

TEST(Files, CreatesFolders) {
  TemporaryFolder t;
  create_folders(t / "a" / "b" / "c");
  create_folders(t / "a" / "b" / "c");
  EXPECT_TRUE(std::filesystem::is_directory(t / "a" / "b" / "c"));
  put(t / "f", "");
  EXPECT_MESSAGE(create_folders(t / "f"), "a file");
  EXPECT_MESSAGE(create_folders(t / "f" / "g"), "a file stands where a folder is needed");
}

TEST(Files, PrintableIsOneShortLine) {
  EXPECT_EQ(printable("fc1.weight"), "fc1.weight");
  EXPECT_EQ(printable(std::string_view("a\nb\0c\x7f", 6)), "a?b?c?");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("ab\u00fc!", 3), "ab...");  // no half of a letter
}

}  // namespace
}  // namespace bonsai
