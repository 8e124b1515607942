// deep_compression from its command line to its report, on the real MNIST: files that are what the tables say, read back by others; the same bytes however it is
// run; and what it refuses. (The file's format by itself: tests/prune/compressed_file_test.cpp.)
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "datasets/mnist.h"
#include "experiments/common/trained.h"
#include "nn/train.h"
#include "prune/compress/compressed_file.h"
#include "prune/compress/sharing.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

using nlohmann::json;

Outcome deep_compression(const fs::path& out, std::vector<std::string> more, double kill_after = 0) {
  std::vector<std::string> args{"--quick", "--validation", "200", "--test", "300", "--dense-bits", "3", "--out", out};
  args.insert(args.end(), more.begin(), more.end());
  return run({.args = std::move(args), .kill_after = kill_after, .program = "deep_compression"});
}

TEST(deep_compression, leaves_what_the_chapter_promises) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = deep_compression(at / "a", {"--iterations", "60", "--share-iterations", "20", "--iterations-lenet5", "3", "--share-iterations-lenet5", "2"});
  ASSERT_EQ(o.status, 0) << o.err;
  const json summary = json::parse(get(at / "a/summary.json"));
  const datasets::Dataset test = datasets::load_mnist(datasets::data_directory(""), false);
  const Tensor inputs = slice(datasets::as_floats(test), 0, 0, 300), labels = slice(test.labels, 0, 0, 300);

  // Each file in sizes.csv has the bytes that it says, and the network in it makes the errors that it says.
  std::istringstream lines(get(at / "a/sizes.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "net,arm,level,bits,file,bytes,bytes_without_huffman,val_loss,val_accuracy,test_loss,test_accuracy");
  int files = 0;
  while (std::getline(lines, line)) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 11u) << line;
    if (cells[4].empty()) continue;  // pruned only: no file
    ++files;
    const fs::path file = at.path() / "a" / cells[4];
    EXPECT_EQ(std::to_string(fs::file_size(file)), cells[5]) << line;
    EXPECT_LT(std::stoll(cells[5]), std::stoll(cells[6])) << line;
    const SafeTensors inside = prune::load_compressed(file);
    EXPECT_EQ(inside.metadata.at("network"), cells[0]);
    const auto net = nn::network_of(inside);
    EXPECT_EQ(nn::evaluate(*net, inputs, labels).accuracy, std::stod(cells[10])) << line;
    // The weights are those of the training's checkpoint, and no more values than the bits can name.
    const std::string level = cells[2].size() == 1 ? "0" + cells[2] : cells[2];
    const fs::path checkpoint = at.path() / "a/checkpoints" / fmt::format("trial00-{}-{}-shared{}-level{}.safetensors", cells[0], cells[1], cells[3], level);
    const SafeTensors trained = load_safetensors(checkpoint);
    for (const nn::Parameter* p : net->parameters()) {
      EXPECT_EQ(p->dense_values().to_vector<float>(), trained.at(p->name()).to_vector<float>()) << p->name();
      if (cells[3] != "0") { EXPECT_LT(prune::codebook(p->dense_values()).size(), std::size_t{1} << std::stoll(cells[3])); }
    }
  }
  EXPECT_EQ(files, 2 * (1 + 2 + 1));  // two networks: the paper's, ours with 3 and 4 bits after the second level, dense with 3

  // The paper's arm keeps the paper's densities exactly, in the paper's bits.
  const struct {
    const char* net;
    std::map<std::string, std::pair<std::int64_t, std::size_t>> weights;  // kept, values
    std::uint64_t dense_bytes;
  } papers[] = {{"lenet_300_100", {{"fc1", {18816, 63}}, {"fc2", {2700, 63}}, {"fc3", {260, 63}}}, 4 * 266'610},
                {"lenet5", {{"conv1", {330, 255}}, {"conv2", {3000, 255}}, {"fc1", {32000, 31}}, {"fc2", {950, 31}}}, 4 * 431'080}};
  for (const auto& p : papers) {
    const json& of = summary[p.net];
    EXPECT_EQ(of["dense"]["bytes"], p.dense_bytes);
    auto dense = experiments::trained(p.net).net;
    EXPECT_LE(std::abs(of["dense"]["error"].get<double>() - (100 - nn::evaluate(*dense, inputs, labels).accuracy)), 1e-9);
    for (const char* arm : {"papers_densities", "ours"}) {
      const auto bytes = fs::file_size(at.path() / "a" / of[arm]["file"].get<std::string>());
      EXPECT_EQ(of[arm]["bytes"], bytes);
      EXPECT_LE(std::abs(of[arm]["times_smaller"].get<double>() - static_cast<double>(p.dense_bytes) / static_cast<double>(bytes)), 1e-9);
    }
    const auto net = nn::network_of(prune::load_compressed(at.path() / "a" / of["papers_densities"]["file"].get<std::string>()));
    for (const auto& [layer, is] : p.weights) {
      EXPECT_EQ(net->parameter(layer + ".weight").kept(), is.first) << p.net << " " << layer;
      EXPECT_LE(prune::codebook(net->parameter(layer + ".weight").dense_values()).size(), is.second) << p.net << " " << layer;
    }
    EXPECT_EQ(get(at.path() / "a/compressed" / (std::string(p.net) + "-ours.bdc")), get(at.path() / "a" / of["ours"]["file"].get<std::string>()));
    EXPECT_EQ(summary[p.net]["paper"]["times_smaller"], p.net == std::string("lenet5") ? 39 : 40);
  }
  for (const char* name : {"compression", "centroids"}) {
    EXPECT_TRUE(get(at.path() / "a/figures" / (std::string(name) + ".png")).starts_with("\x89PNG\r\n"));
    EXPECT_NE(get(at.path() / "a/figures" / (std::string(name) + ".svg")).find("</svg>"), std::string::npos);
  }
  for (const char* says : {"deep_compression: 14 trainings", "LeNet-300-100, the paper's densities and bits", "bits an index", "biases", "Next: ./bonsai run predict"})
    EXPECT_NE(o.out.find(says), std::string::npos) << says;

  // predict reads the file, and refuses it when it is damaged.
  const fs::path ours = at / "a/compressed/lenet_300_100-ours.bdc";
  const Outcome predicted = run({.args = {ours, "--example", "7"}, .program = "predict"});
  EXPECT_EQ(predicted.status, 0) << predicted.err;
  EXPECT_NE(predicted.out.find("test image 7 is 9"), std::string::npos) << predicted.out;
  std::string damaged = get(ours);
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  put(at / "damaged.bdc", damaged);
  expect_refused(run({.args = {at / "damaged.bdc"}, .program = "predict"}), "damaged.bdc: is damaged: its checksum", "predict");
}

TEST(deep_compression, the_same_bytes_at_any_jobs_and_after_a_kill) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const std::vector<std::string> one{"--nets", "lenet_300_100", "--iterations", "150", "--share-iterations", "60", "--checkpoint-every", "20"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), one.begin(), one.end());
    return more;
  };
  const Outcome whole = deep_compression(at / "a", with({"--jobs", "1"}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  for (const double share : {0.35, 0.7}) {
    const fs::path b = at / fmt::format("b{}", share);
    const Outcome killed = deep_compression(b, with({"--jobs", "2"}), share * whole.seconds);
    ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
    ASSERT_EQ(deep_compression(b, with({"--jobs", "2", "--resume"})).status, 0);
    expect_same(b, at / "a", {"timing.json", "config.json"});  // the second says how many jobs there were
  }
}

TEST(refusals, of_deep_compression) {
  const TemporaryFolder at;
  const struct {
    std::vector<std::string> args;
    const char* says;
  } cases[] = {
      {{"--nets", "lenet5,resnet20"}, "--nets"},
      {{"--bits", "3,9"}, "--bits: 9 bits"},
      {{"--bits", "3,3"}, "--bits: 3 bits"},
      {{"--bits", "2.5"}, "--bits: 2.5 bits"},
      {{"--dense-bits", "0"}, "--dense-bits: 0 bits"},
      {{"--densities", "0.1,0.2"}, "--densities: 2 densities for the 3 weights of lenet_300_100"},
      {{"--densities-lenet5", "40,8,2,12"}, "--densities-lenet5: 40 is not above 0 and at most 1; did you mean 0.4?"},
      {{"--centroids", "best"}, "--centroids"},
      {{"--trials", "2"}, "--trials 2: the networks are given"},
      {{"--levels", "0"}, "--levels"},
      {{"--first", "0"}, "--first"},
      {{"--validation", "6000"}, "--validation"},
      {{"--quick"}, "is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.args[0] + " " + c.args.back());
    std::vector<std::string> args = c.args;
    args.insert(args.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(run({.args = args, .program = "deep_compression"}), c.says, "deep_compression");
    EXPECT_EQ(at.entries(), 0);
  }
}

}  // namespace
}  // namespace bonsai::test
