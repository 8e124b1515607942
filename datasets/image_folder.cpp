#include "datasets/image_folder.h"

#include <algorithm>
#include <cstring>

#include "core/files.h"
#include "core/parallel.h"
#include "datasets/image_file.h"
#include "datasets/unpack_picture.h"

namespace bonsai::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;

std::string shown(const fs::path& path) { return printable(path.string(), 4096); }

// What the folder holds, by name; folders alone if they are asked for.
std::vector<fs::path> entries(const fs::path& folder, bool folders) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    std::error_code ignored;
    if (!i->path().filename().string().starts_with(".") && (!folders || i->is_directory(ignored)))
      found.push_back(i->path());
  }
  require(!error, "image folder: {}: {}; name a folder that holds one folder a class", shown(folder), error.message());
  std::ranges::sort(found, {}, [](const fs::path& p) { return p.filename().string(); });
  return found;
}

}  // namespace

Dataset load_image_folder(const fs::path& path, const ImageShape& s) {
  require((s.channels == 1 || s.channels == 3) && s.height >= 1 && s.width >= 1 &&
              s.height <= most_picture_pixels / s.width,
          "image folder: pictures of {} x {} x {}; take 1 or 3 channels, at least 1 x 1 and at most {} pixels",
          s.channels, s.height, s.width, most_picture_pixels);
  Dataset d;
  d.name = printable(fs::path(path / "").parent_path().filename().string());
  std::vector<fs::path> files;
  std::vector<std::int64_t> labels;
  for (const fs::path& folder : entries(path, true)) {
    const std::vector<fs::path> pictures = entries(folder, false);
    require(!pictures.empty(), "image folder: class {} has no pictures; put some in, or remove it", shown(folder));
    files.insert(files.end(), pictures.begin(), pictures.end());
    labels.insert(labels.end(), pictures.size(), static_cast<std::int64_t>(d.classes.size()));
    d.classes.push_back(printable(folder.filename().string()));
  }
  require(d.classes.size() >= 2, "image folder: {} holds {}; there must be two or more, one folder a class",
          shown(path), d.classes.empty() ? "no folder" : "one class, \"" + d.classes[0] + "\"");
  const auto n = static_cast<std::int64_t>(files.size()), each = s.channels * s.height * s.width;
  require(files.size() <= most_bytes / static_cast<std::uint64_t>(each),
          "image folder: {} has {} pictures, at {} x {} x {} bytes more than {} in all; take a smaller size",
          shown(path), n, s.channels, s.height, s.width, most_bytes);
  d.inputs = empty({n, s.channels, s.height, s.width}, DType::u8);
  d.labels = tensor(std::span<const std::int64_t>(labels), {n});
  std::uint8_t* to = d.inputs.mutable_data<std::uint8_t>().data();
  parallel_for(n, [&](std::int64_t i) {
    const Tensor picture = load_image(files[i], s.channels, s.height, s.width);
    std::memcpy(to + i * each, picture.bytes(), each);
  });
  return d;
}

}  // namespace bonsai::datasets
