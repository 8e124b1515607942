// MNIST and Fashion-MNIST: where they are searched, what is refused, and the real files where they are there.
#include "datasets/mnist.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/ops.h"
#include "datasets/published.h"
#include "datasets/sha256.h"
#include "tests/datasets/check_data.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using test::put;
using test::TemporaryFolder;

// Sets an environment variable, or unsets it, until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, was_set_ = true;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Environment() { was_set_ ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool was_set_ = false;
};

TEST(Published, DirectoryIsTheFirstThatIsSet) {
  Environment data("BONSAI_DATA", "/data"), cache("XDG_CACHE_HOME", "/cache"), home("HOME", "/home/me");
  EXPECT_EQ(data_directory("/option"), "/option");
  EXPECT_EQ(data_directory(), "/data");
  Environment no_data("BONSAI_DATA", "");
  EXPECT_EQ(data_directory(), "/cache/bonsai");
  Environment relative("XDG_CACHE_HOME", "cache");
  EXPECT_EQ(data_directory(), "/home/me/.cache/bonsai");
  Environment no_home("HOME", nullptr);
  EXPECT_MESSAGE(data_directory(), "give --data-dir DIR, or set BONSAI_DATA or HOME");
}

TEST(Published, KnownSets) {
  EXPECT_EQ(files_of("mnist").size(), 4u);
  EXPECT_EQ(files_of("fashion-mnist")[0].bytes, 47040016u);
  EXPECT_MESSAGE(files_of("imagenet"), "data: no set is called \"imagenet\"; there are mnist, fashion-mnist, cifar-10, monks");
}

TEST(Mnist, RefusesWhatIsNotThePublishedFile) {
  TemporaryFolder t;
  const auto load = [&] { load_mnist(t.path(), false); };
  const auto file = t / "mnist" / "t10k-images-idx3-ubyte";
  EXPECT_MESSAGE(load(), "mnist: " + file.string() + " is missing; fetch it with ./bonsai data mnist");
  EXPECT_MESSAGE(load_fashion_mnist(t.path(), true),
                 "train-images-idx3-ubyte is missing; fetch it with ./bonsai data fashion-mnist");
  std::filesystem::create_directories(t / "mnist");
  put(file, "");
  EXPECT_MESSAGE(
      load(), file.string() +
                  " has 0 bytes, the published file 7840016; it is cut short, fetch it again with ./bonsai data mnist");
  put(file, std::string(7840017, 'x'));
  EXPECT_MESSAGE(
      load(), "has 7840017 bytes, the published file 7840016; it is too long, fetch it again with ./bonsai data mnist");
  put(file, std::string(7840016, 'x'));
  EXPECT_MESSAGE(load(), file.string() + " is not the published file (its SHA-256 is " +
                             sha256(std::string(7840016, 'x')) +
                             ", not 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7); fetch it again "
                             "with ./bonsai data mnist");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_MESSAGE(load(), "it is a folder; name a file");
}

bool has(const char* set) { return std::filesystem::exists(data_directory() / set / "train-images-idx3-ubyte"); }
#define NEEDS(set) \
  if (!has(set)) GTEST_SKIP() << "no " << set << " in " << data_directory() << "; fetch it with ./bonsai data " << set

TEST(Mnist, Real) {
  NEEDS("mnist");
  const Dataset train = load_mnist(data_directory(), true), test = load_mnist(data_directory(), false);
  EXPECT_EQ(train.inputs.shape(), Shape({60000, 1, 28, 28}));
  EXPECT_EQ(test.inputs.shape(), Shape({10000, 1, 28, 28}));
  EXPECT_EQ(train.inputs.dtype(), DType::u8);
  const auto first = take(train, arange(10)).labels.to_vector<std::int64_t>();
  EXPECT_EQ(first, (std::vector<std::int64_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  // The mean and deviation of the training pixels that everybody normalises with.
  const Tensor x = cast(as_floats(train), DType::f64);
  const double mean = sum(x).item() / static_cast<double>(x.numel());
  EXPECT_NEAR(mean, 0.1307, 5e-5);
  EXPECT_NEAR(std::sqrt(sum(x * x).item() / static_cast<double>(x.numel()) - mean * mean), 0.3081, 5e-5);
}

TEST(FashionMnist, Real) {
  NEEDS("fashion-mnist");
  const Dataset train = load_fashion_mnist(data_directory(), true), test = load_fashion_mnist(data_directory(), false);
  EXPECT_EQ(train.inputs.shape(), Shape({60000, 1, 28, 28}));
  EXPECT_EQ(train.classes[train.labels.data<std::int64_t>()[0]], "ankle boot");
  std::vector<int> counts(10);
  for (std::int64_t label : test.labels.data<std::int64_t>()) ++counts[label];
  EXPECT_EQ(counts, std::vector<int>(10, 1000));
}

TEST(Mnist, ADamagedBitIsFound) {
  NEEDS("mnist");
  TemporaryFolder t;
  std::filesystem::create_directories(t / "mnist");
  for (const PublishedFile& f : files_of("mnist"))
    std::filesystem::create_symlink(std::filesystem::absolute(data_directory() / "mnist" / f.file),
                                    t / "mnist" / f.file);
  EXPECT_EQ(load_mnist(t.path(), false).size(), 10000);
  std::string bytes = test::get(t / "mnist" / "t10k-labels-idx1-ubyte");
  bytes[5000] ^= 1;
  put(t / "mnist" / "t10k-labels-idx1-ubyte", bytes);
  EXPECT_MESSAGE(load_mnist(t.path(), false), "t10k-labels-idx1-ubyte is not the published file");
}

// Prints what loading costs; the README quotes it.
TEST(Cost, LoadMnist) {
  NEEDS("mnist");
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    load_mnist(data_directory(), true);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::string images(47040016, 'x');
  const auto begin = std::chrono::steady_clock::now();
  sha256(images);
  const double hashing = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print(
      "MNIST's training set read, checked and parsed in {:.3f} s (best of 5); the SHA-256 alone takes {:.3f} s\n", best,
      hashing);
}

// ---- build/bin/check_data

using test::check_data;
using test::Outcome;
class CheckData : public test::CheckData {};

TEST_F(CheckData, RefusesInOneLine) {
  TemporaryFolder t;
  const std::string folder = t.path().string();
  const struct {
    std::string arguments, output;
  } cases[] = {
      {"", "usage: check_data NAME DIR, or check_data --install NAME FROM_DIR TO_DIR\n"},
      {"--help", "usage: check_data NAME DIR, or check_data --install NAME FROM_DIR TO_DIR\n"},
      {"imagenet " + folder, "data: no set is called \"imagenet\"; there are mnist, fashion-mnist, cifar-10, monks\n"},
      {"mnist " + folder,
       "mnist: " + folder + "/train-images-idx3-ubyte is missing; fetch it with ./bonsai data mnist\n"},
      {"--install mnist " + folder + " " + folder + "/to",
       "mnist: " + folder +
           " holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz; name the folder that does\n"},
  };
  for (const auto& c : cases) {
    const Outcome r = check_data(c.arguments);
    EXPECT_EQ(r.status, 2);
    EXPECT_EQ(r.output, c.output);
  }
  put(t / "train-images-idx3-ubyte.gz", "\x1f\x8b nonsense");
  EXPECT_NE(
      check_data("--install mnist " + folder + " " + folder + "/to").output.find("train-images-idx3-ubyte.gz: damaged"),
      std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(t / "to"));
}

TEST_F(CheckData, InstallsAndVerifies) {
  NEEDS("mnist");
  TemporaryFolder t;
  const std::string from = (data_directory() / "mnist").string(), to = (t / "a" / "mnist").string();
  const Outcome install = check_data("--install mnist '" + from + "' " + to);
  EXPECT_EQ(install.status, 0) << install.output;
  const Outcome verify = check_data("mnist " + to);
  EXPECT_EQ(verify.status, 0) << verify.output;
  EXPECT_EQ(std::ranges::count(verify.output, '\n'), 4);
  EXPECT_EQ(load_mnist(t / "a", false).size(), 10000);
  // A set with one bad file installs nothing.
  put(t / "a" / "mnist" / "t10k-labels-idx1-ubyte", "short");
  const Outcome refused = check_data("--install mnist " + to + " " + (t / "b").string());
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.output.find("t10k-labels-idx1-ubyte has 5 bytes"), std::string::npos) << refused.output;
  EXPECT_FALSE(std::filesystem::exists(t / "b"));
}

}  // namespace
}  // namespace bonsai::datasets
