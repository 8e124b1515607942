#include "datasets/cifar10.h"

#include <cstring>

#include "core/files.h"
#include "datasets/published.h"

namespace bonsai::datasets {
namespace {

std::int64_t records(std::string_view bytes, std::string_view file) {
  require(!bytes.empty() && bytes.size() % cifar10_record == 0,
          "cifar-10 {}: {} bytes are no whole number of records of {}; it is cut short or bytes follow its end", file,
          bytes.size(), cifar10_record);
  return static_cast<std::int64_t>(bytes.size()) / cifar10_record;
}

// Copies a file's records to d's examples from number `at` on.
void copy_records(std::string_view bytes, std::string_view file, Dataset& d, std::int64_t at) {
  auto* labels = d.labels.mutable_data<std::int64_t>().data() + at;
  auto* pixels = d.inputs.mutable_data<std::uint8_t>().data() + at * cifar10_pixels;
  for (std::int64_t i = 0, n = records(bytes, file); i < n; ++i) {
    const char* record = bytes.data() + i * cifar10_record;
    labels[i] = static_cast<unsigned char>(*record);
    require(labels[i] <= 9, "cifar-10 {}: record {} has label {}; labels are 0 to 9, so it is damaged or another file",
            file, i, labels[i]);
    std::memcpy(pixels + i * cifar10_pixels, record + 1, cifar10_pixels);
  }
}

Dataset room_for(std::int64_t n) {
  return {"cifar-10", empty({n, 3, 32, 32}, DType::u8), empty({n}, DType::i64), cifar10_classes};
}

}  // namespace

Dataset parse_cifar10(std::string_view bytes, std::string_view file) {
  Dataset d = room_for(records(bytes, file));
  copy_records(bytes, file, d, 0);
  return d;
}

Dataset load_cifar10(const std::filesystem::path& data_dir, bool train) {
  const std::vector<PublishedFile> files = files_of("cifar-10");  // five of training, one of test
  const std::int64_t first = train ? 0 : 5, end = train ? 5 : 6, each = 10000;
  Dataset d = room_for((end - first) * each);
  for (std::int64_t i = first; i < end; ++i)
    copy_records(read_published(files[i], data_dir / "cifar-10"), files[i].file, d, (i - first) * each);
  return d;
}

}  // namespace bonsai::datasets
