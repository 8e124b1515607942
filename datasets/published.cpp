#include "datasets/published.h"

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "datasets/monks.h"
#include "datasets/sha256.h"

namespace bonsai::datasets {
namespace {

constexpr std::uint64_t most_text = 65536;  // six times the longest

constexpr PublishedFile all[] = {
    {"mnist", "train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"mnist", "train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"mnist", "t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"mnist", "t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
    {"fashion-mnist", "train-images-idx3-ubyte", 47040016,
     "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
    {"fashion-mnist", "train-labels-idx1-ubyte", 60008,
     "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
    {"fashion-mnist", "t10k-images-idx3-ubyte", 7840016,
     "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
    {"fashion-mnist", "t10k-labels-idx1-ubyte", 10008,
     "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
    {"cifar-10", "data_batch_1.bin", 30730000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
    {"cifar-10", "data_batch_2.bin", 30730000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
    {"cifar-10", "data_batch_3.bin", 30730000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
    {"cifar-10", "data_batch_4.bin", 30730000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
    {"cifar-10", "data_batch_5.bin", 30730000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
    {"cifar-10", "test_batch.bin", 30730000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
    {"monks", "monks-1.train", most_text, "35bc410e86a042b4be63f7e7e625e4e00b53092869972162f6352fa93caacdb6",
     monks_content},
    {"monks", "monks-1.test", most_text, "dbaa2f2d9ab28b940c21ec9dbe4caf4e05ea56f8d5e526ff62a5a96f309eb8ce",
     monks_content, true},
    {"monks", "monks-2.train", most_text, "1790080935bfa3947353cc68c22d90d87082ba3eb1ba6bd19600ee7218a57aa9",
     monks_content},
    {"monks", "monks-2.test", most_text, "662ece61d731a34b9e05ed1db7f47c328a9faaef422c5f0543ecb30acbc71c23",
     monks_content, true},
    {"monks", "monks-3.train", most_text, "fcfa82ae315fe42bc37685270c17d0e9edebb9a0a4fe30ae9a86f85c879cd35d",
     monks_content},
    {"monks", "monks-3.test", most_text, "9519159cdf8412a74d11c5bc1f1fb6e7db604f4f00ecca902508e0c2fef890ef",
     monks_content, true},
};

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? value : nullptr;
}

void check_size(const PublishedFile& f, std::uint64_t bytes, std::string_view shown_as) {
  if (f.content)
    require(bytes <= f.bytes, "{}: {} has {} bytes, more than the {} it may have; fetch it again with ./bonsai data {}",
            f.set, shown_as, bytes, f.bytes, f.set);
  else
    require(bytes == f.bytes,
            "{}: {} has {} bytes, the published file {}; it is {}, fetch it again with ./bonsai data {}", f.set,
            shown_as, bytes, f.bytes, bytes < f.bytes ? "cut short" : "too long", f.set);
}

}  // namespace

std::vector<PublishedFile> files_of(std::string_view set) {
  std::vector<PublishedFile> files;
  std::string known;
  for (const PublishedFile& f : all) {
    if (f.set == set) files.push_back(f);
    if (!known.ends_with(f.set)) known += (known.empty() ? "" : ", ") + std::string(f.set);
  }
  require(!files.empty(), "data: no set is called \"{}\"; there are {}", printable(set), known);
  return files;
}

std::filesystem::path data_directory(const std::string& from_option) {
  if (!from_option.empty()) return from_option;
  if (const char* data = environment("BONSAI_DATA")) return data;
  // A relative XDG_CACHE_HOME counts as not set; so its specification has it.
  if (const char* cache = environment("XDG_CACHE_HOME"); cache && *cache == '/')
    return std::filesystem::path(cache) / "bonsai";
  const char* home = environment("HOME");
  require(home != nullptr, "data: where is it? give --data-dir DIR, or set BONSAI_DATA or HOME");
  return std::filesystem::path(home) / ".cache" / "bonsai";
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::symlink_status(path, ignored).type() != std::filesystem::file_type::not_found;
}

void check_published(const PublishedFile& f, std::string_view bytes, std::string_view shown_as) {
  check_size(f, bytes.size(), shown_as);
  const std::string sum = sha256(f.content ? f.content(bytes, f.file, shown_as) : bytes);
  require(sum == f.sha256,
          "{}: {} is not the published file ({} SHA-256 is {}, not {}); fetch it again with ./bonsai data {}", f.set,
          shown_as, f.content ? "its examples'" : "its", sum, f.sha256, f.set);
}

std::string read_published(const PublishedFile& f, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / f.file;
  const std::string shown = printable(path.string(), 4096);
  require(is_there(path), "{}: {} is missing; fetch it with ./bonsai data {}", f.set, shown, f.set);
  const InputFile input(path);
  check_size(f, input.size(), shown);
  std::string bytes(input.size(), '\0');
  input.read(0, bytes.data(), bytes.size());
  check_published(f, bytes, shown);
  return bytes;
}

}  // namespace bonsai::datasets
