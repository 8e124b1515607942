// CIFAR-10 (Krizhevsky, 2009, "Learning multiple layers of features from tiny images"): 50,000 training and 10,000 test photographs of
// ten things, 32x32 pixels in colour. Published as six files of 10,000 records, each 3,073 bytes:
//
//   06                      the label, 0 to 9
//   1024 x red, 1024 x green, 1024 x blue     row by row
//
// The training set is the five files data_batch_1.bin ... data_batch_5.bin in this order. They have no header and no checksum: a byte
// lost shifts everything behind it, so a length that is no whole number of records is refused, and labels above 9 are.
#pragma once
#include <filesystem>
#include <string_view>

#include "datasets/dataset.h"

namespace bonsai::datasets {

inline const std::vector<std::string> cifar10_classes{"airplane", "automobile", "bird",  "cat",  "deer",
                                                      "dog",      "frog",       "horse", "ship", "truck"};
constexpr std::int64_t cifar10_pixels = 3 * 32 * 32, cifar10_record = 1 + cifar10_pixels;  // bytes

// inputs u8 (n, 3, 32, 32), labels i64 (n). `data_dir` is what data_directory() gives (datasets/published.h). One file is in memory at a
// time, beside the set.
Dataset load_cifar10(const std::filesystem::path& data_dir, bool train);

// The records in a file's bytes; `file` names it in messages.
Dataset parse_cifar10(std::string_view bytes, std::string_view file);

}  // namespace bonsai::datasets
