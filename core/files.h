// Files, read with their size checked and written whole or not at all. Teaches how a program survives a full disk, a kill -9 or a
// power cut without ever leaving half a file: write a temporary beside the target, fsync it, rename it over the target (rename is
// atomic), and fsync the folder that holds the name.
//
// Every failure is an Error of one line with the path, the system's reason and a way out.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace bonsai {

// An open regular file, for reading. Its size is taken once, so that what a file claims about itself can be held against it.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  void read(std::uint64_t offset, void* into, std::size_t bytes) const;  // all of them, or an Error

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// The file's bytes. A file larger than `most` is refused before anything is allocated.
std::string read_whole(const std::filesystem::path& path, std::uint64_t most = std::uint64_t{1} << 30);

// The file becomes exactly these bytes (of all parts, in order), or stays as it was. Safe from several threads and processes.
void write_whole(const std::filesystem::path& path, std::string_view bytes);
void write_whole(const std::filesystem::path& path, std::span<const std::string_view> parts);

// The same for a file that is too large to be put together in memory: it is written by pieces, anywhere in it, by several threads if they
// like, and becomes the target when finish() is called; without that it vanishes. A target that is there and no regular file is refused
// (renaming over a device would replace it).
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path target);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::uint64_t offset, const void* bytes, std::size_t n);  // the disk begins with it at once
  void sync();    // what has been written is on the disk; the target is still as it was
  void finish();  // sync() and the rename

 private:
  std::filesystem::path target_, path_;
  int descriptor_ = -1;
};

// A kill while a file is written leaves its temporary (".NAME.PID.COUNT.partial") behind; a run that resumes removes them from its
// folder first. Returns how many there were. A folder that does not exist has none.
int remove_partial_files(const std::filesystem::path& folder);

// Creates the folder and those above it; one that exists is fine.
void create_folders(const std::filesystem::path& folder);

// Text from a file or a user, made fit for a one-line message: control characters become '?', what is beyond `most` bytes "...".
std::string printable(std::string_view text, std::size_t most = 100);

}  // namespace bonsai
