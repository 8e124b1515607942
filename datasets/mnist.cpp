#include "datasets/mnist.h"

#include "core/ops.h"
#include "datasets/idx.h"
#include "datasets/published.h"

namespace bonsai::datasets {
namespace {

Dataset load(const char* set, const std::filesystem::path& data_dir, bool train, std::vector<std::string> classes) {
  const std::vector<PublishedFile> files = files_of(set);  // train images and labels, test images and labels
  auto read = [&](const PublishedFile& f) { return parse_idx(read_published(f, data_dir / set), f.file); };
  const Tensor images = read(files[train ? 0 : 2]), labels = read(files[train ? 1 : 3]);
  Dataset d{set, reshape(images, {images.size(0), 1, 28, 28}), cast(labels, DType::i64), std::move(classes)};
  check(d);
  return d;
}

}  // namespace

Dataset load_mnist(const std::filesystem::path& data_dir, bool train) {
  return load("mnist", data_dir, train, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

Dataset load_fashion_mnist(const std::filesystem::path& data_dir, bool train) {
  return load(
      "fashion-mnist", data_dir, train,
      {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"});
}

}  // namespace bonsai::datasets
