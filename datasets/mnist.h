// MNIST (LeCun, Cortes and Burges, 1998): 60,000 training and 10,000 test images of handwritten digits, 28x28 grey pixels.
// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): the same sizes and format, articles of clothing.
#pragma once
#include <filesystem>

#include "datasets/dataset.h"

namespace bonsai::datasets {

inline const std::vector<std::string> mnist_classes{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
inline const std::vector<std::string> fashion_mnist_classes{"T-shirt/top", "trouser", "pullover", "dress", "coat",
                                                            "sandal", "shirt", "sneaker", "bag", "ankle boot"};

// inputs u8 (n, 1, 28, 28), labels i64 (n). `data_dir` is what data_directory() gives (datasets/published.h).
Dataset load_mnist(const std::filesystem::path& data_dir, bool train);
Dataset load_fashion_mnist(const std::filesystem::path& data_dir, bool train);

}  // namespace bonsai::datasets
