// Reference networks: train_reference from its command line to the file it saves, the same however it is run and after a kill; and the
// networks of datasets/trained, which must know what their table says.
#include "experiments/common/trained.h"

#include "core/ops.h"
#include "nn/train.h"
#include "tests/experiments/program.h"
#include "tests/refuses.h"

namespace bonsai::test {
namespace {
using namespace bonsai::experiments;

Outcome reference(std::vector<std::string> args, double kill_after = 0) {
  return run({.args = std::move(args), .kill_after = kill_after, .program = "train_reference"});
}
std::vector<std::string> small(const fs::path& out, const fs::path& save, std::vector<std::string> more = {}) {
  std::vector<std::string> args{"--iterations", "60", "--evaluate-every", "60", "--checkpoint-every", "20", "--validation", "500", "--test", "500", "--out", out, "--save", save};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}
bool same_tensors(const fs::path& a, const fs::path& b) {
  const SafeTensors x = load_safetensors(a), y = load_safetensors(b);
  for (std::size_t i = 0; i < x.tensors.size(); ++i)
    if (x.tensors[i].name != y.tensors.at(i).name || x.tensors[i].value.to_vector<float>() != y.tensors[i].value.to_vector<float>()) return false;
  return x.tensors.size() == y.tensors.size();
}

TEST(train_reference, saves_the_network_and_what_is_to_be_known_of_it) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = reference(small(at / "a", at / "net", {"--jobs", "1"}));
  ASSERT_EQ(o.status, 0) << o.err;
  const SafeTensors file = load_safetensors(at / "net"), checkpoint = load_safetensors(at / "a/checkpoints/trial00-lenet_300_1000-level00.safetensors");
  ASSERT_EQ(file.tensors.size(), 6u);
  for (const NamedTensor& t : checkpoint.tensors) {  // half the bytes, rounded to the nearest of 11 bits
    const auto full = t.value.to_vector<float>(), half = file.at(t.name).to_vector<float>();
    for (std::size_t i = 0; i < full.size(); ++i) ASSERT_LE(std::abs(half[i] - full[i]), std::abs(full[i]) * 0x1p-11 + 0x1p-25) << t.name;
  }
  EXPECT_LT(fs::file_size(at / "net"), 2 * 266'610u + 2000);
  const About a = about(file);
  EXPECT_EQ(a.network, "lenet_300_100");
  EXPECT_EQ(a.dataset, "mnist");
  EXPECT_EQ(a.classes, classes_of("mnist"));
  EXPECT_TRUE(a.normalization.mean.empty());
  EXPECT_EQ(file.metadata.at("command"), "./bonsai run train_reference --iterations 60 --evaluate-every 60 --checkpoint-every 20 --validation 500 --test 500");
  EXPECT_EQ(file.metadata.at("date").size(), 10u);
  EXPECT_NE(file.metadata.at("hardware"), "");
  const auto test = load_pictures("mnist", datasets::data_directory(""), false);
  auto net = nn::network_of(file);
  const double accuracy = nn::evaluate(*net, slice(datasets::as_floats(test), 0, 0, 500), slice(test.labels, 0, 0, 500)).accuracy;
  EXPECT_GT(accuracy, 50);
  EXPECT_EQ(file.metadata.at("accuracy"), fmt::format("{:.2f}", accuracy));
  EXPECT_NE(o.out.find(fmt::format("test accuracy {:.2f}% with halves", accuracy)), std::string::npos) << o.out;

  // The same at two threads, after kills, and from a run that is finished.
  ASSERT_EQ(reference(small(at / "b", at / "net2", {"--jobs", "2"})).status, 0);
  EXPECT_TRUE(same_tensors(at / "net2", at / "net"));
  expect_same(at / "b", at / "a", {"timing.json", "config.json"});
  for (const double part : {0.5, 0.8}) {
    const Outcome killed = reference(small(at / "c", at / "net3", {"--jobs", "1", "--resume"}), part * o.seconds);
    ASSERT_TRUE(killed.killed() || killed.status == 0) << killed.err;
  }
  ASSERT_EQ(reference(small(at / "c", at / "net3", {"--jobs", "1", "--resume"})).status, 0);
  EXPECT_TRUE(same_tensors(at / "net3", at / "net"));
  expect_same(at / "c", at / "a");
  ASSERT_EQ(reference(small(at / "c", at / "net4", {"--resume"})).status, 0);
  EXPECT_TRUE(same_tensors(at / "net4", at / "net"));
}

// BatchNorm's statistics travel with the network, and the pictures' normalisation by channel.
TEST(train_reference, resnet20) {
  if (!fs::exists(datasets::data_directory("") / "cifar-10/test_batch.bin")) GTEST_SKIP() << "CIFAR-10 is not there; ./bonsai data cifar-10 fetches it";
  const TemporaryFolder at;
  const Outcome o = reference({"--net", "resnet20", "--iterations", "3", "--batch", "4", "--validation", "20", "--test", "20", "--out", at / "a", "--save", at / "net"});
  ASSERT_EQ(o.status, 0) << o.err;
  const SafeTensors file = load_safetensors(at / "net");
  const About a = about(file);
  EXPECT_EQ(a.dataset, "cifar-10");
  EXPECT_EQ(a.classes, classes_of("cifar-10"));
  ASSERT_EQ(a.normalization.mean.size(), 3u);
  EXPECT_NEAR(a.normalization.mean[0], 0.4914, 1e-4);
  EXPECT_NEAR(a.normalization.deviation[2], 0.2616, 1e-4);
  auto net = nn::network_of(file);
  for (auto& [name, b] : net->buffers())
    if (name.ends_with("running_mean")) { EXPECT_NE(sum(abs(*b)).item(), 0) << name; }
}

TEST(train_reference, refusals) {
  const TemporaryFolder at;
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--net", "vgg16"}, "--net: \"vgg16\" is not one of lenet_300_100|lenet5|resnet20"},
      {{"--trials", "2"}, "--trials 2: a reference is one network"},
      {{"--save", at / "none/net"}, "create the folder first"},
      {{"--test", "10001"}, "--test: 10001 is not between 1 and 10000"},
      {{"--net", "resnet20"}, "cifar-10"},
      {{"--net", "lenet5"}, "is missing; fetch it with ./bonsai data mnist"},
  };
  for (const auto& [args, says] : cases) {
    std::vector<std::string> all = args;
    all.insert(all.end(), {"--data-dir", at / "none", "--out", at / "out"});
    expect_refused(reference(all), says, "train_reference");
    EXPECT_EQ(at.entries(), 0);
  }
}

TEST(trained, networks_know_what_their_table_says) {
  EXPECT_TRUE(refuses([] { trained("resnet99"); }, {"no trained network \"resnet99\"; there are lenet_300_100, lenet5", "train_reference"}));
  EXPECT_FALSE(has_trained("resnet99"));
  NEEDS_MNIST();
  NEEDS_CIFAR();
  const std::string table = get(fs::path(BONSAI_SOURCE_DIR) / "datasets/trained/README.md");
  for (const char* name : {"lenet_300_100", "lenet5", "resnet20"}) {
    EXPECT_TRUE(has_trained(name));
    const TrainedNetwork t = trained(name);
    EXPECT_EQ(t.about.network, name);
    const auto test = load_pictures(t.about.dataset, datasets::data_directory(""), false);
    const double accuracy = nn::evaluate(*t.net, datasets::as_floats(test, t.about.normalization), test.labels).accuracy;
    EXPECT_GE(accuracy, t.about.dataset == "mnist" ? 98 : 91);
    const std::string said = load_safetensors(trained_file(name)).metadata.at("accuracy");
    EXPECT_NEAR(accuracy, std::stod(said), 0.02) << "an image or two may lie on the edge";
    const std::size_t row = table.find(fmt::format("| `{}` |", name));
    ASSERT_NE(row, std::string::npos);
    EXPECT_NE(table.substr(row, table.find('\n', row) - row).find(said + "%"), std::string::npos);
  }
}

TEST(trained, sensitivity_begins_there) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  const Outcome o = run({.args = {"--from", "trained", "--sparsities", "0,0.9", "--out", at / "a"}, .program = "sensitivity"});
  ASSERT_EQ(o.status, 0) << o.err;
  const std::string rows = get(at / "a/results.csv"), said = load_safetensors(trained_file("lenet_300_100")).metadata.at("accuracy");
  EXPECT_NE(rows.find("0,fc1,0,235200,"), std::string::npos);
  const std::size_t first = rows.find("0,fc1,0,235200,"), cell = rows.find(',', first + 15) + 1;
  EXPECT_NEAR(std::stod(rows.substr(cell)), std::stod(said), 0.02);
  EXPECT_NE(o.out.find("report:"), std::string::npos);
  expect_refused(run({.args = {"--from", "trained", "--dataset", "fashion-mnist", "--out", at / "b"}, .program = "sensitivity"}), "has learned mnist, not fashion-mnist", "sensitivity");
  expect_refused(run({.args = {"--from", "somewhere", "--out", at / "b"}, .program = "sensitivity"}), "--from: \"somewhere\" is not one of scratch|trained", "sensitivity");
  EXPECT_FALSE(fs::exists(at / "b"));
}

TEST(trained, predict_takes_a_name) {
  NEEDS_MNIST();
  const TemporaryFolder at;  // (no file lenet5 there)
  const Outcome o = run({.args = {"lenet5", "--example", "7"}, .folder = at.path(), .program = "predict"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("test image 7 is 9: 9 "), std::string::npos) << o.out;
  put(at / "lenet5", "nothing");  // a file of that name comes first
  expect_refused(run({.args = {"lenet5", "--example", "7"}, .folder = at.path(), .program = "predict"}), "lenet5: ", "predict");
}

}  // namespace
}  // namespace bonsai::test
