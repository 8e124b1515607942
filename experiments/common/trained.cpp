#include "experiments/common/trained.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/files.h"
#include "datasets/cifar10.h"
#include "datasets/mnist.h"
#include "datasets/sha256.h"
#include "experiments/common/options.h"

namespace bonsai::experiments {
namespace {

// Those that were committed, with the hash of what was.
struct Committed {
  const char *name, *sha256;
};
constexpr Committed committed[] = {
    {"lenet_300_100", "225915bef2df5059384a5f609805a3f451652eac607a90ddee22c2c8a9b8e47b"},
    {"lenet5", "377a37490533c25e420a67f4f2437ab6c46bb549bff27bbec04f5b8324d2f0bb"},
    {"resnet20", "e4ace563b706909b08c300234eb5ea4e4b0ea72b37ea025a98f7aeb334970b4e"},
};

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) all.push_back(word);
  return all;
}

}  // namespace

About about(const SafeTensors& file) {
  auto said = [&](const char* key) {
    const auto it = file.metadata.find(key);
    return it == file.metadata.end() ? std::string() : it->second;
  };
  auto numbers = [&](const char* key) {
    return said(key).empty() ? std::vector<double>() : numbers_in(fmt::format("{}: its {}", file.file, key), printable(said(key), 1000));
  };
  About a{said("network"), said("dataset"), words(said("classes")), {numbers("mean"), numbers("deviation")}};
  require(a.dataset.empty() || std::ranges::find(picture_sets, a.dataset) != picture_sets.end(), "{}: its data set \"{}\" is not one of {}", file.file,
          printable(a.dataset), fmt::join(picture_sets, ", "));
  const auto &mean = a.normalization.mean, &deviation = a.normalization.deviation;
  require(mean.size() == deviation.size() && mean.size() <= 3, "{}: its mean has {} numbers and its deviation {}; one a channel each", file.file, mean.size(),
          deviation.size());
  for (const double d : deviation) require(d > 0, "{}: its deviation {} is not above 0", file.file, d);
  require(a.classes.size() <= 1000, "{}: it names {} classes; at most 1000", file.file, a.classes.size());
  for (std::string& c : a.classes) c = printable(c);
  return a;
}

Metadata metadata(const About& a) {
  Metadata m{{"network", a.network}, {"dataset", a.dataset}, {"classes", fmt::format("{}", fmt::join(a.classes, ","))}};
  if (a.normalization.mean.empty()) return m;
  m["mean"] = fmt::format("{}", fmt::join(a.normalization.mean, ","));
  m["deviation"] = fmt::format("{}", fmt::join(a.normalization.deviation, ","));
  return m;
}

Tensor Pictures::as_floats(const Tensor& pixels) const {
  return datasets::as_floats({dataset, pixels, zeros({pixels.size(0)}, DType::i64), classes}, normalization);
}

Pictures pictures_for(nn::Module& net, const SafeTensors& file, const std::string& dataset) {
  const auto all = net.parameters();
  const Shape first = all.front()->shape();
  const std::int64_t in = first.rank() == 4 ? first[1] * (first[1] == 1 ? 28 * 28 : 32 * 32) : first[1], out = all.back()->shape()[0];
  require(in == 28 * 28 || in == 3 * 32 * 32, "{}: takes {} numbers and knows {} classes; the pictures here are 28 x 28 in grey or 32 x 32 in colour", file.file, in,
          out);
  About a = about(file);
  if (!dataset.empty() && dataset != a.dataset) a.classes.clear();  // the caller knows better
  const std::string set = !dataset.empty() ? dataset : !a.dataset.empty() ? a.dataset : in == 28 * 28 ? "mnist" : "cifar-10";
  const bool grey = set != "cifar-10";
  require(grey == (in == 28 * 28), "{}: takes {} and not those of {}", file.file, grey ? "32 x 32 pixels in colour" : "28 x 28 pixels in grey", set);
  const bool named = !a.classes.empty();
  if (!named) a.classes = classes_of(set);
  require(out == std::ssize(a.classes), "{}: takes {} numbers and knows {} classes; {} {}", file.file, in, out, named ? "the file names" : set + " has",
          a.classes.size());
  const std::size_t channels = grey ? 1 : 3, told = a.normalization.mean.size();
  require(told <= 1 || told == channels, "{}: is normalised by {} channels, and its pictures have {}", file.file, told, channels);
  return {set, a.classes, a.normalization, grey ? 1 : 3, grey ? 28 : 32};
}

bool has_trained(const std::string& name) {
  return std::ranges::any_of(committed, [&](const Committed& c) { return c.name == name; });
}

std::filesystem::path trained_file(const std::string& name) {
  std::string known;
  for (const Committed& c : committed) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", c.name);
    if (name != c.name) continue;
    const std::filesystem::path file = std::filesystem::path(BONSAI_TRAINED) / (name + ".safetensors");
    const std::string hash = datasets::sha256(read_whole(file, 64 << 20));
    require(hash == c.sha256, "{}: is not the network that was trained there: its SHA-256 is {}, not {}; get the file again from the repository",
            file.string(), hash, c.sha256);
    return file;
  }
  fail("no trained network \"{}\"; there are {}, and ./bonsai run train_reference makes others", printable(name), known);
}

TrainedNetwork trained(const std::string& name) {
  const SafeTensors file = load_safetensors(trained_file(name));
  return {nn::network_of(file), about(file)};
}

datasets::Dataset load_pictures(const std::string& dataset, const std::filesystem::path& data_dir, bool train) {
  if (dataset == "mnist") return datasets::load_mnist(data_dir, train);
  if (dataset == "fashion-mnist") return datasets::load_fashion_mnist(data_dir, train);
  require(dataset == "cifar-10", "no data set \"{}\"; there are {}", dataset, fmt::join(picture_sets, ", "));
  return datasets::load_cifar10(data_dir, train);
}

const std::vector<std::string>& classes_of(const std::string& dataset) {
  if (dataset == "fashion-mnist") return datasets::fashion_mnist_classes;
  return dataset == "cifar-10" ? datasets::cifar10_classes : datasets::mnist_classes;
}

}  // namespace bonsai::experiments
