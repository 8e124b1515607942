// The published data files: where they are searched, and how we know that they are the published ones.
//
// The first that is set of --data-dir, $BONSAI_DATA and ${XDG_CACHE_HOME:-~/.cache}/bonsai is the only place searched; in it every set
// has a folder of its name. `./bonsai data NAME` fills it; no program downloads by itself. A file's size and SHA-256 are compared
// whenever it is loaded: a result on other data than it claims is worse than none. Of a text, whose spaces and line ends differ from
// copy to copy, what it says is compared, not its bytes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bonsai::datasets {

struct PublishedFile {
  std::string_view set;   // "mnist", also its folder and what ./bonsai data takes
  std::string_view file;  // its name, not compressed
  std::uint64_t bytes;    // how long it is; the most it may have if it is a text
  std::string_view sha256;
  // Of a text: what it says, in one form, which is what `sha256` is of. An Error when it says nonsense.
  std::string (*content)(std::string_view bytes, std::string_view file, std::string_view shown_as) = nullptr;
  bool optional = false;  // may be missing: what it says is known
};

std::vector<PublishedFile> files_of(std::string_view set);  // an Error that lists the known sets when there is no such

std::filesystem::path data_directory(const std::string& from_option = "");

// False only where nothing has that name: what is there and can't be read is there, and reading it says why.
bool is_there(const std::filesystem::path& path);

// The bytes of set/file in a folder that holds the set's files, checked. An Error names the file, what is wrong with it and the
// command that fetches it.
std::string read_published(const PublishedFile& file, const std::filesystem::path& folder);
void check_published(const PublishedFile& file, std::string_view bytes, std::string_view shown_as);

}  // namespace bonsai::datasets
