// Checks published data files, or installs them from a folder. `./bonsai data` calls it; by hand:
//
//   build/bin/check_data mnist DIR                       the files of MNIST in DIR: one line each
//   build/bin/check_data --install mnist FROM_DIR TO_DIR  copies them once all are verified: raw, IDX also as NAME.gz,
//                                                         CIFAR-10 also as PNG sheets (datasets/cifar10_sheets.h)
//
// Exit 0 when all are as published, 2 with one line that says what to do when not.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "datasets/cifar10_sheets.h"
#include "datasets/idx.h"
#include "datasets/published.h"

namespace {

using namespace bonsai;
using namespace bonsai::datasets;
namespace fs = std::filesystem;

void verify(const std::string& set, const fs::path& folder) {
  for (const PublishedFile& f : files_of(set)) {
    if (f.optional && !is_there(folder / f.file)) continue;
    const std::string bytes = read_published(f, folder);
    fmt::print("{}: {} is the published file ({} bytes)\n", set, f.file, bytes.size());
  }
}

// The file's raw bytes from FROM/file, FROM/file.gz or a sheet.
std::string find(const PublishedFile& f, const fs::path& folder) {
  const fs::path raw = folder / f.file, packed = folder / (std::string(f.file) + ".gz");
  if (is_there(raw)) return read_published(f, folder);
  require(!f.content, "{}: {} does not hold {}; name the folder that does", f.set, folder.string(), f.file);
  const bool sheets = f.set == "cifar-10";
  require(sheets || is_there(packed), "{}: {} holds neither {} nor {}.gz; name the folder that does", f.set,
          folder.string(), f.file, f.file);
  std::string bytes = sheets ? cifar10_from_sheets(folder, f.file) : gunzip_idx(read_whole(packed), packed.string());
  check_published(f, bytes, sheets ? raw.string() + " (from its sheet)" : packed.string());
  return bytes;
}

void install(const std::string& set, const fs::path& from, const fs::path& to) {
  std::vector<std::pair<PublishedFile, std::string>> files;
  for (const PublishedFile& f : files_of(set))
    if (!f.optional || is_there(from / f.file)) files.emplace_back(f, find(f, from));
  create_folders(to);
  for (const auto& [f, bytes] : files) {
    write_whole(to / f.file, bytes);
    fmt::print("{}: {} installed ({} bytes)\n", set, f.file, bytes.size());
  }
}

}  // namespace

int main(int count, char** words) {
  try {
    const std::vector<std::string> arguments(words + 1, words + count);
    if (arguments.size() == 2 && !arguments[0].starts_with("-"))
      verify(arguments[0], arguments[1]);
    else if (arguments.size() == 4 && arguments[0] == "--install")
      install(arguments[1], arguments[2], arguments[3]);
    else
      fail("usage: check_data NAME DIR, or check_data --install NAME FROM_DIR TO_DIR");
    return 0;
  } catch (const Error& e) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "check_data: {}\n", e.what());
    return 1;
  }
}
