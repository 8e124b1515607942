// CIFAR-10: hand-made records and sheets, every refusal, 20,000 damaged files of each, and the real set where it is there.
#include "datasets/cifar10.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "core/ops.h"
#include "datasets/cifar10_sheets.h"
#include "datasets/published.h"
#include "tests/datasets/check_data.h"
#include "tests/datasets/pictures.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using test::png;
using test::put;
using test::TemporaryFolder;

constexpr int width = 1024;

std::string record(int label, std::uint64_t seed) {
  std::string bytes(1, static_cast<char>(label));
  for (std::uint8_t b : test::noise(3072, seed)) bytes += static_cast<char>(b);
  return bytes;
}

TEST(Cifar10, ReadsRecords) {
  const std::string bytes = record(3, 1) + record(9, 2) + record(0, 3);
  const Dataset d = parse_cifar10(bytes, "f");
  check(d);
  ASSERT_EQ(d.inputs.shape(), Shape({3, 3, 32, 32}));
  EXPECT_EQ(d.inputs.dtype(), DType::u8);
  EXPECT_EQ(d.labels.to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 9, 0}));
  EXPECT_EQ(d.classes.size(), 10u);
  EXPECT_EQ(d.classes[9], "truck");
  for (std::int64_t n = 0; n < 3; ++n)
    for (std::int64_t i = 0; i < 3072; ++i)
      ASSERT_EQ(d.inputs.at(n * 3072 + i), static_cast<unsigned char>(bytes[n * 3073 + 1 + i]));
}

TEST(Cifar10, Refuses) {
  const std::string good = record(1, 4) + record(2, 5);
  EXPECT_MESSAGE(parse_cifar10("", "f"), "cifar-10 f: 0 bytes are no whole number of records of 3073");
  EXPECT_MESSAGE(
      parse_cifar10(good.substr(0, 6145), "f"),
      "cifar-10 f: 6145 bytes are no whole number of records of 3073; it is cut short or bytes follow its end");
  EXPECT_MESSAGE(parse_cifar10(good + "x", "f"), "6147 bytes are no whole number");
  EXPECT_MESSAGE(parse_cifar10(good + record(10, 6), "f"), "cifar-10 f: record 2 has label 10; labels are 0 to 9");
  EXPECT_MESSAGE(parse_cifar10(record(255, 6) + good, "f"), "record 0 has label 255");
  TemporaryFolder t;
  EXPECT_MESSAGE(load_cifar10(t.path(), true), "cifar-10: " + (t / "cifar-10/data_batch_1.bin").string() +
                                                   " is missing; fetch it with ./bonsai data cifar-10");
  std::filesystem::create_directories(t / "cifar-10");
  put(t / "cifar-10/test_batch.bin", good);
  EXPECT_MESSAGE(load_cifar10(t.path(), false),
                 "test_batch.bin has 6146 bytes, the published file 30730000; it is cut short, fetch it again with "
                 "./bonsai data cifar-10");
  put(t / "cifar-10/test_batch.bin", std::string(30730000, '\1'));
  EXPECT_MESSAGE(load_cifar10(t.path(), false), "test_batch.bin is not the published file (its SHA-256 is ");
}

TEST(Cifar10, Fuzz) {
  const std::string good = record(1, 7) + record(2, 8);
  Random r = Random(9).derive("cifar fuzz");
  std::int64_t loaded = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) try {
      const std::string bytes = test::mutate(good, r);
      const Dataset d = parse_cifar10(bytes, "f");
      ASSERT_EQ(static_cast<std::size_t>(d.size() * 3073), bytes.size());
      ASSERT_LE(std::ranges::max(d.labels.data<std::int64_t>()), 9);
      ++loaded;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  EXPECT_GT(loaded, 0);
}

// ---- PNG sheets

TEST(Cifar10Sheets, BecomeTheirRecords) {
  const auto pixels = test::noise(4 * width * 3, 10);
  std::string want;
  for (std::size_t n = 0; n < 4; ++n) {
    want += static_cast<char>(9 - 3 * n);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < 1024; ++i) want += static_cast<char>(pixels[(n * 1024 + i) * 3 + c]);
  }
  EXPECT_EQ(cifar10_from_sheet(png(width, 4, 3, pixels), std::string("\x09\x06\x03\0", 4), "f"), want);
}

TEST(Cifar10Sheets, Refuse) {
  const std::string labels("\1\2", 2), good = png(width, 2, 3, test::noise(2 * width * 3, 11));
  auto sheet = [&](const std::string& bytes) { return cifar10_from_sheet(bytes, labels, "f"); };
  EXPECT_MESSAGE(sheet(""), "f: is not a PNG picture");
  EXPECT_MESSAGE(sheet(test::jpeg(width, 2, 3, test::noise(2 * width * 3, 11))), "f: is not a PNG picture");
  EXPECT_MESSAGE(sheet(png(width, 3, 3, test::noise(3 * width * 3, 11))),
                 "f: 1024 x 3 pixels; a sheet of CIFAR-10 here is 1024 x 2, one row a photograph");
  EXPECT_MESSAGE(sheet(png(1000, 2, 3, test::noise(2000 * 3, 11))), "f: 1000 x 2 pixels");
  EXPECT_MESSAGE(sheet(png(width, 2, 1, test::noise(2 * width, 11))),
                 "f: 8 bits a channel and colour type 0; a sheet of CIFAR-10 has 8 and 2 (RGB)");
  EXPECT_MESSAGE(sheet(png(width, 2, 4, test::noise(2 * width * 4, 11))), "f: 8 bits a channel and colour type 6");
  EXPECT_MESSAGE(sheet(test::raw_png(width, 2, 16, 2, test::stored(std::string(2 * (1 + 6 * width), '\0')))),
                 "f: 16 bits a channel and colour type 2");
  EXPECT_MESSAGE(sheet(good.substr(0, good.size() / 2)), "f: is a damaged picture (");
}

TEST(Cifar10Sheets, Labels) {
  EXPECT_EQ(parse_labels("[6, 9,\n0]\n", "f"), std::string("\x06\x09\0", 3));
  EXPECT_MESSAGE(parse_labels("", "f"),
                 "f: the list of labels ends after 0 of them without a bracket; it is cut short");
  EXPECT_MESSAGE(parse_labels("[6,9", "f"), "ends after 2 of them without a bracket");
  EXPECT_MESSAGE(parse_labels("6,9]", "f"),
                 "f: is not a list of labels [6,9,...] of one digit each; after 0 of them comes \"6\"");
  for (const char* bad :
       {"[10]", "[-1]", "[6,]", "[]", "[6]]", "[6 9]", "[6.0]", "[[6]]", "[\"6\"]", "{6}", "[6]x", "[,6]"})
    EXPECT_MESSAGE(parse_labels(bad, "f"), "is not a list of labels");
  std::string many = "[0";
  for (int i = 0; i < 50000; ++i) many += ",0";
  EXPECT_MESSAGE(parse_labels(many + "]", "f"), "is not a list of labels");
}

TEST(Cifar10Sheets, Fuzz) {
  const std::string labels("\1", 1),
      good = png(width, 1, 3, std::vector<std::uint8_t>(width * 3, 77));  // all alike, so short
  Random r = Random(12).derive("sheet fuzz");
  std::int64_t sheets = 0, lists = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    try {
      ASSERT_EQ(cifar10_from_sheet(test::mutate(good, r), labels, "f").size(), 3073u);
      ++sheets;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
    try {
      ASSERT_LE(std::ranges::max(parse_labels(test::mutate("[6,9,9,4,1,1,2,7]", r), "f")), 9);
      ++lists;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(sheets, 0);
  EXPECT_GT(lists, 0);
}

// ---- the real set

#define NEEDS_CIFAR10                                                             \
  if (!std::filesystem::exists(data_directory() / "cifar-10" / "test_batch.bin")) \
  GTEST_SKIP() << "no cifar-10 in " << data_directory() << "; fetch it with ./bonsai data cifar-10"

// In under two seconds, from the system's cache, and never in more than 400 MB.
TEST(Cifar10, RealIsAsPublished) {
  NEEDS_CIFAR10;
  load_cifar10(data_directory(), false);
  const auto begin = std::chrono::steady_clock::now();
  const Dataset train = load_cifar10(data_directory(), true), test = load_cifar10(data_directory(), false);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const long peak = test::peak_memory_kb();
  fmt::print("CIFAR-10 read, checked and parsed in {:.2f} s; this process had {:.0f} MB at most\n", seconds,
             peak / 1e3);
  if (!test::sanitized) {
    EXPECT_LT(seconds, 2);
    EXPECT_LT(peak, 400000);
  }
  EXPECT_EQ(train.inputs.shape(), Shape({50000, 3, 32, 32}));
  EXPECT_EQ(test.inputs.shape(), Shape({10000, 3, 32, 32}));
  EXPECT_EQ(take(train, arange(5)).labels.to_vector<std::int64_t>(), (std::vector<std::int64_t>{6, 9, 9, 4, 1}));
  for (const Dataset* d : {&train, &test}) {
    std::vector<std::int64_t> counts(10);
    for (std::int64_t label : d->labels.data<std::int64_t>()) ++counts[label];
    EXPECT_EQ(counts, std::vector<std::int64_t>(10, d->size() / 10));
  }
  // Of the training pixels, as everybody normalises with.
  const Normalization n = channel_normalization_of(train);
  const double means[] = {0.4914, 0.4822, 0.4465}, deviations[] = {0.2470, 0.2435, 0.2616};
  ASSERT_EQ(n.mean.size(), 3u);
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(n.mean[c], means[c], 5e-5);
    EXPECT_NEAR(n.deviation[c], deviations[c], 5e-5);
  }
}

class CheckCifar10 : public test::CheckData {};

TEST_F(CheckCifar10, RefusesWhatIsNotCifar10) {
  TemporaryFolder t;
  const std::string from = t.path().string(), to = from + "/to";
  auto refused = [&](const std::string& line) {
    const test::Outcome r = test::check_data("--install cifar-10 " + from + " " + to);
    EXPECT_EQ(r.status, 2);
    EXPECT_EQ(r.output, line + "\n");
  };
  refused("cifar-10: " + from + " holds neither data_batch_1.bin nor data_batch_1.png; name the folder that does");
  put(t / "data_batch_1.png", png(width, 2, 3, test::noise(2 * width * 3, 13)));
  put(t / "train_lables.json", "[1,2]");
  refused(from + "/train_lables.json: has 2 labels, not 50000");
  std::string labels = "[0";
  for (int i = 1; i < 50000; ++i) labels += ",1";
  put(t / "train_lables.json", labels + "]");
  refused(from + "/data_batch_1.png: 1024 x 2 pixels; a sheet of CIFAR-10 here is 1024 x 10000, one row a photograph");
  EXPECT_FALSE(std::filesystem::exists(to));
}

TEST_F(CheckCifar10, InstallsCifar10) {
  NEEDS_CIFAR10;
  TemporaryFolder t;
  const std::string to = (t / "cifar-10").string();
  const test::Outcome install =
      test::check_data("--install cifar-10 '" + (data_directory() / "cifar-10").string() + "' " + to);
  EXPECT_EQ(install.status, 0) << install.output;
  EXPECT_EQ(std::ranges::count(test::check_data("cifar-10 " + to).output, '\n'), 6);
}

}  // namespace
}  // namespace bonsai::datasets
