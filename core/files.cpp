#include "core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace bonsai {
namespace {

constexpr std::size_t most_at_once = std::size_t{1} << 30;  // Linux moves at most 2 GiB a call

const char* way_out(int error) {
  switch (error) {
    case ENOENT: return "check the name, or create the folder first";
    case EACCES:
    case EPERM: return "change its permissions or choose another place";
    case EROFS: return "choose a place that can be written";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "free some space or choose another disk";
    case EISDIR: return "remove or rename the folder of that name";
    case ENOTDIR:
    case EEXIST: return "a file stands where a folder is needed; remove or rename it";
    case ENAMETOOLONG: return "choose a shorter name";
    case EMFILE:
    case ENFILE: return "close some files or raise the limit with ulimit -n";
    default: return "check the disk or choose another place";
  }
}

std::string shown(const std::filesystem::path& path) { return printable(path.string(), 4096); }

[[noreturn]] void fail_on(const char* doing, const std::filesystem::path& path, int error) {
  fail("{} {}: {}; {}", doing, shown(path), std::generic_category().message(error), way_out(error));
}

// Calls again when a signal came between.
template <class F>
auto retry(F&& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Makes the rename itself survive a power cut. A folder that may be written but not listed cannot be opened, and some file systems
// cannot sync folders at all: the file is whole all the same.
void sync_folder(const std::filesystem::path& target) {
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const int descriptor = retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) return;
  const int error = ::fsync(descriptor) < 0 ? errno : 0;
  ::close(descriptor);
  if (error == EIO) fail_on("syncing the folder of", target, error);
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  if (text.size() > most) {
    while (!out.empty() && (out.back() & 0xC0) == 0x80) out.pop_back();  // not in the middle of a UTF-8 letter
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
    out += "...";
  }
  return out;
}

// O_NONBLOCK keeps a named pipe from holding the program up; regular files do not mind it.
InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = retry([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (descriptor_ < 0) fail_on("reading", path_, errno);
  struct stat s {};
  const int error = ::fstat(descriptor_, &s) < 0 ? errno : S_ISDIR(s.st_mode) ? EISDIR : 0;
  if (error != 0 || !S_ISREG(s.st_mode)) {
    ::close(descriptor_);
    if (error == EISDIR) fail("reading {}: it is a folder; name a file", shown(path_));
    if (error != 0) fail_on("reading", path_, error);
    fail("reading {}: it is not a regular file; name one", shown(path_));
  }
  size_ = static_cast<std::uint64_t>(s.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, void* into, std::size_t bytes) const {
  require(offset <= size_ && bytes <= size_ - offset, "reading {}: asked for {} bytes at {}, but it has {}",
          shown(path_), bytes, offset, size_);
  for (auto* at = static_cast<char*>(into); bytes > 0;) {
    const ssize_t n =
        retry([&] { return ::pread(descriptor_, at, std::min(bytes, most_at_once), static_cast<off_t>(offset)); });
    if (n < 0) fail_on("reading", path_, errno);
    require(n > 0, "reading {}: it became shorter while it was read; try again when nobody writes it", shown(path_));
    at += n;
    offset += n;
    bytes -= n;
  }
}

std::string read_whole(const std::filesystem::path& path, std::uint64_t most) {
  const InputFile file(path);
  require(file.size() <= most,
          "reading {}: it has {} bytes, more than the {} such a file may have; is it the right file?", shown(path),
          file.size(), most);
  std::string bytes(file.size(), '\0');
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

// The temporary file: closed and removed at the end of the scope, unless it has become the target.
OutputFile::OutputFile(std::filesystem::path target) : target_(std::move(target)) {
  require(target_.has_filename(), "writing {}: it names a folder; add a file name", shown(target_));
  std::error_code none;
  const auto there = std::filesystem::status(target_, none);
  if (std::filesystem::is_directory(there)) fail_on("writing", target_, EISDIR);
  require(!std::filesystem::exists(there) || std::filesystem::is_regular_file(there), "writing {}: it is not a regular file; choose another name",
          shown(target_));
  static std::atomic<unsigned> count{0};
  const std::string name = fmt::format(".{}.{}.{}.partial", target_.filename().string(), ::getpid(), count++);
  path_ = target_.parent_path() / name;
  descriptor_ = retry([&] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  if (descriptor_ < 0) fail_on("writing", target_, errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void OutputFile::write(std::uint64_t offset, const void* bytes, std::size_t n) {
  [[maybe_unused]] const std::uint64_t begin = offset;
  [[maybe_unused]] const std::size_t whole = n;
  for (const char* at = static_cast<const char*>(bytes); n > 0;) {
    const ssize_t written = retry([&] { return ::pwrite(descriptor_, at, std::min(n, most_at_once), static_cast<off_t>(offset)); });
    if (written < 0) fail_on("writing", target_, errno);
    at += written, offset += written, n -= written;
  }
#ifdef SYNC_FILE_RANGE_WRITE
  if (whole >= 1 << 16) ::sync_file_range(descriptor_, static_cast<off_t>(begin), static_cast<off_t>(whole), SYNC_FILE_RANGE_WRITE);  // (a hint: sync() tells what failed)
#endif
}

void OutputFile::sync() {
  if (retry([&] { return ::fsync(descriptor_); }) < 0) fail_on("writing", target_, errno);
}

void OutputFile::finish() {
  sync();
  if (::close(std::exchange(descriptor_, -1)) < 0 && errno != EINTR) fail_on("writing", target_, errno);
  if (::rename(path_.c_str(), target_.c_str()) < 0) fail_on("writing", target_, errno);
  path_.clear();
  sync_folder(target_);
}

void write_whole(const std::filesystem::path& path, std::string_view bytes) { write_whole(path, std::span(&bytes, 1)); }

void write_whole(const std::filesystem::path& path, std::span<const std::string_view> parts) {
  OutputFile file(path);
  std::uint64_t at = 0;
  for (std::string_view part : parts) {
    file.write(at, part.data(), part.size());
    at += part.size();
  }
  file.finish();
}

int remove_partial_files(const std::filesystem::path& folder) {
  int removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') || !name.ends_with(".partial")) continue;
    if (::unlink(entry->path().c_str()) == 0)
      ++removed;
    else if (errno != ENOENT)
      fail_on("removing", entry->path(), errno);
  }
  if (error && error.value() != ENOENT) fail_on("listing", folder, error.value());
  return removed;
}

void create_folders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail_on("creating the folder", folder, error.value());
  require(std::filesystem::is_directory(folder, error),
          "creating the folder {}: a file of that name stands in the way; remove or rename it", shown(folder));
}

}  // namespace bonsai
