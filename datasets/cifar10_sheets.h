// CIFAR-10 from PNG sheets, a form in which it is packed for the web: a picture 1024 wide, RGB, in which each row of pixels is one 32x32
// photograph, row after row of it; the labels beside it as a list, "[6,9,9,...]". Nothing is lost in either form, so the published
// binary files can be made of them, bit for bit, and their SHA-256 tells whether that came out.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace bonsai::datasets {

// Records (datasets/cifar10.h) of a sheet with as many rows as there are labels (bytes 0 to 9). Any other width, height, bit depth or
// colour type is refused before the sheet is unpacked.
std::string cifar10_from_sheet(std::string_view png, std::string_view labels, std::string_view file);

// The labels in a JSON list of numbers 0 to 9, a byte each.
std::string parse_labels(std::string_view json, std::string_view file);

// The bytes that "data_batch_3.bin" should have, from the folder's data_batch_3.png and train_lables.json (so it is spelt there), the
// test file's from test_lables.json.
std::string cifar10_from_sheets(const std::filesystem::path& folder, std::string_view bin_file);

}  // namespace bonsai::datasets
