// One's own pictures: a folder with a folder for each class, and in it PNG or JPEG files of any names and sizes.
//
//   photos/cat/anna.jpg   photos/cat/2.png   photos/dog/rex.jpg      load_image_folder("photos", {3, 32, 32})
//
// Classes and the pictures in them come in the order of their names (as bytes), so that a label means the same on every machine. All are
// scaled to one size (datasets/image_file.h says how, and what becomes of colours). What else lies beside the classes' folders, and
// names that begin with a dot, are left alone; in a class's folder everything else must be a picture.
#pragma once
#include <filesystem>

#include "datasets/dataset.h"

namespace bonsai::datasets {

struct ImageShape {
  std::int64_t channels, height, width;  // channels: 1 grey or 3 RGB
};

// inputs u8 (n, channels, height, width), labels i64 (n). Refused: fewer than two classes, a class without pictures, a file that is no
// picture, and more than 4 GiB in all.
Dataset load_image_folder(const std::filesystem::path& path, const ImageShape& shape);

}  // namespace bonsai::datasets
