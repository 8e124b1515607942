// Trained networks: what a file says about its network, beside the tensors, and the networks that come with the house (datasets/trained).
// The metadata of a file of train_reference, all of it text:
//
//   network    one of nn::network()'s names          mean, deviation    how pixels became floats, one number a channel; missing: x / 255
//   dataset    mnist, fashion-mnist or cifar-10      classes            their names, with commas between them
//
// and for the reader command, hardware, date, accuracy.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/safetensors.h"
#include "datasets/dataset.h"
#include "nn/network_file.h"

namespace bonsai::experiments {

struct About {
  std::string network, dataset;
  std::vector<std::string> classes;
  datasets::Normalization normalization;
};
// What the file does not say is empty; what makes no sense is refused.
About about(const SafeTensors& file);
Metadata metadata(const About& a);

// Pictures as a network takes them, by what its file says; where it does not name a data set, the first weight tells grey from colours. A
// `dataset` that is given counts more than the file's.
struct Pictures {
  std::string dataset;
  std::vector<std::string> classes;
  datasets::Normalization normalization;
  std::int64_t channels, side;
  bool white_on_black() const { return dataset != "cifar-10"; }
  Tensor as_floats(const Tensor& pixels) const;  // u8 (n, channels, side, side)
};
Pictures pictures_for(nn::Module& net, const SafeTensors& file, const std::string& dataset = "");

// The file of a network in datasets/trained, by its name: "lenet_300_100", "lenet5". Refused where it is not the one that was trained there, by
// its SHA-256.
std::filesystem::path trained_file(const std::string& name);
bool has_trained(const std::string& name);  // is there one of this name?

struct TrainedNetwork {
  std::unique_ptr<nn::Sequential> net;
  About about;
};
TrainedNetwork trained(const std::string& name);

// A data set by its name, as `--dataset` takes it.
inline const std::vector<std::string> picture_sets{"mnist", "fashion-mnist", "cifar-10"};
datasets::Dataset load_pictures(const std::string& dataset, const std::filesystem::path& data_dir, bool train);
const std::vector<std::string>& classes_of(const std::string& dataset);

}  // namespace bonsai::experiments
