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
  return load("mnist", data_dir, train, mnist_classes);
}

Dataset load_fashion_mnist(const std::filesystem::path& data_dir, bool train) {
  return load("fashion-mnist", data_dir, train, fashion_mnist_classes);
}

}  // namespace bonsai::datasets
