// Files read by windows and written by pieces: the same as read and written whole, and as hard to fool.
#include "core/safetensors_file.h"

#include <cstring>
#include <thread>

#include "core/half.h"
#include "core/ops.h"
#include "tests/files_support.h"

namespace bonsai {
namespace {

using test::get;
using test::put;
using test::TemporaryFolder;

TEST(SafeTensorsFile, WindowsAreTheWhole) {
  TemporaryFolder t;
  std::vector<FileTensor> entries;
  std::string data(3, '\1');
  entries.push_back({"odd", file_type("U8"), {3}, 0, 3});  // (so nothing is aligned)
  Random r(1);
  for (const char* type : {"F64", "F32", "F16", "BF16", "I64", "I32", "U16", "U8", "BOOL"}) {
    const FileType f = file_type(type);
    const std::uint64_t begin = data.size();
    for (std::uint64_t i = 0; i < 70'000 * f.bytes; ++i) data += static_cast<char>(f.name == "BOOL" ? r.below(2) : r.below(256));
    entries.push_back({type, f, {700, 100}, begin, data.size()});
  }
  put(t / "f", safetensors_header(entries, {{"k", "v"}}, "f") + data);
  const SafeTensorsFile file(t / "f");
  const SafeTensors whole = load_safetensors(t / "f");
  EXPECT_EQ(file.metadata(), whole.metadata);
  EXPECT_EQ(file.header() + data, get(t / "f"));
  EXPECT_EQ(file.find("nothing"), nullptr);
  for (const FileTensor& x : file.tensors()) {
    const Tensor& all = whole.at(x.name);
    EXPECT_EQ(x.shape, all.shape());
    for (const auto& [first, n] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {0, 1}, {1, 2}, {69'990, 10}, {3, 68'000}, {70'000, 0}}) {
      if (first + n > x.shape.numel()) {
        EXPECT_MESSAGE(file.read(x, first, n), "has no elements");
        continue;
      }
      const Tensor part = file.read(x, first, n);
      const std::size_t width = size_of(all.dtype());
      EXPECT_EQ(part.dtype(), all.dtype());
      EXPECT_EQ(std::memcmp(part.bytes(), static_cast<const char*>(all.bytes()) + static_cast<std::size_t>(first) * width,
                            static_cast<std::size_t>(n) * width),
                0)
          << x.name;
      std::string raw(static_cast<std::size_t>(n) * x.type.bytes, '?');
      file.read_bytes(x, first, n, raw.data());
      EXPECT_EQ(raw, data.substr(x.begin + static_cast<std::uint64_t>(first) * x.type.bytes, raw.size()));
    }
    EXPECT_MESSAGE(file.read(x, -1, 1), "has no elements");
  }
}

TEST(SafeTensorsFile, KeepsNothingOfWhatItReads) {
  if (test::sanitized) GTEST_SKIP() << "memory is counted otherwise under a sanitizer";
  TemporaryFolder t;
  constexpr std::uint64_t size = std::uint64_t{1} << 31;
  const std::string header = safetensors_header({{"w", file_type("F32"), {1 << 14, 1 << 15}, 0, size}}, {}, "f");
  put(t / "f", header);
  std::filesystem::resize_file(t / "f", header.size() + size);  // a hole: no disk is used
  const long before = test::peak_memory_kb();
  const SafeTensorsFile file(t / "f");
  double sum = 0;
  for (std::int64_t first = 0; first < 1 << 29; first += 1 << 22) sum += file.read(file.tensors()[0], first, 1 << 18).at(7);
  EXPECT_EQ(sum, 0);
  EXPECT_LT(test::peak_memory_kb() - before, 32 * 1024);
}

TEST(SafeTensorsFile, ToldThatItBecameShorter) {
  TemporaryFolder t;
  save_safetensors(t / "f", {{"w", ones({1000})}});
  const SafeTensorsFile file(t / "f");
  std::filesystem::resize_file(t / "f", 500);
  EXPECT_MESSAGE(file.read(file.tensors()[0]), "it became shorter while it was read");
}

// Whatever the header says, it ends in tensors whose every byte can be read, or in one line.
TEST(SafeTensorsFile, Fuzz) {
  TemporaryFolder t;
  const std::string header =
      R"({"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"h":{"dtype":"BF16","shape":[2,2],"data_offsets":[24,32]},)"
      R"("e":{"dtype":"F16","shape":[0,4],"data_offsets":[32,32]},"u":{"dtype":"U8","shape":[4],"data_offsets":[32,36]}})";
  Random r = Random(1).derive("safetensors file fuzz");
  std::int64_t opened = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    std::string text = test::mutate(header, r);
    std::uint64_t length = text.size();
    if (r.below(20) == 0) length = r.below(2) ? r.below(400) : ~r.below(400);
    put(t / "f", std::string(reinterpret_cast<const char*>(&length), 8) + text + std::string(36, '\1'));
    try {
      const SafeTensorsFile file(t / "f");
      ++opened;
      std::uint64_t covered = 0;
      for (const FileTensor& x : file.tensors()) {
        ASSERT_EQ(static_cast<std::uint64_t>(x.shape.numel()) * x.type.bytes, x.end - x.begin);
        covered += x.end - x.begin;
        file.read(x);
      }
      ASSERT_EQ(file.header().size() + covered, std::filesystem::file_size(t / "f"));
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(opened, 0);
}

// Every bf16 number comes back; what lies between two goes to the nearer, from half way to the one whose last bit is 0.
TEST(Half, BF16ToTheNearest) {
  for (std::uint32_t h = 0; h < 0x7F80; ++h)
    for (const std::uint32_t sign : {0u, 0x8000u}) {
      const auto here = static_cast<std::uint16_t>(h | sign);
      const float x = from_bf16(here), next = from_bf16(static_cast<std::uint16_t>(here + 1));
      ASSERT_EQ(to_bf16(x), here);
      if (h + 1 == 0x7F80) continue;  // (next is infinity)
      const auto half = static_cast<float>((static_cast<double>(x) + next) / 2);
      ASSERT_EQ(to_bf16(half), h % 2 == 0 ? here : here + 1) << h;
      ASSERT_EQ(to_bf16(std::nextafter(half, x)), here) << h;
      ASSERT_EQ(to_bf16(std::nextafter(half, next)), here + 1) << h;
    }
}

TEST(OutputFile, PiecesInAnyOrderFromSeveralThreads) {
  TemporaryFolder t;
  put(t / "f", "old");
  {
    OutputFile f(t / "f");
    std::jthread one([&] { f.write(200'000, std::string(100'000, 'c').data(), 100'000); });
    std::jthread two([&] { f.write(0, std::string(200'000, 'a').data(), 200'000); });
    one.join(), two.join();
    f.sync();
    EXPECT_EQ(get(t / "f"), "old");
    f.finish();
  }
  EXPECT_TRUE(get(t / "f") == std::string(200'000, 'a') + std::string(100'000, 'c'));
  EXPECT_EQ(t.entries(), 1);
}

TEST(OutputFile, VanishesUnlessFinished) {
  TemporaryFolder t;
  {
    OutputFile f(t / "f");
    f.write(0, "abc", 3);
    EXPECT_EQ(t.entries(), 1);
  }
  EXPECT_EQ(t.entries(), 0);
  EXPECT_MESSAGE(OutputFile("/dev/null"), "writing /dev/null: it is not a regular file");
  EXPECT_MESSAGE(OutputFile(t.path()), "Is a directory");
  EXPECT_MESSAGE(OutputFile((t / "none" / "f")), "create the folder first");
}

}  // namespace
}  // namespace bonsai
