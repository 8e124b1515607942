// safetensors: golden bytes, round trips, every refusal, and 20,000 damaged files.
#include "core/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/files_support.h"
#include "tests/refuses.h"

namespace bonsai {
namespace {

using test::get;
using test::put;
using test::TemporaryFolder;

std::string little_endian(std::uint64_t n) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(n >> 8 * i);
  return out;
}
std::string file_of(const std::string& header, const std::string& data = "") {
  return little_endian(header.size()) + header + data;
}

SafeTensors load(const std::string& bytes) {
  TemporaryFolder t;
  put(t / "f.safetensors", bytes);
  return load_safetensors(t / "f.safetensors");
}

TEST(SafeTensors, GoldenBytes) {
  TemporaryFolder t;
  save_safetensors(t / "f", {{"m", tensor<std::uint8_t>({7, 255})}, {"w", tensor<float>({1, -2}, {2, 1})}},
                   {{"k", "v\n!"}});
  const std::string want = std::string("\x90\0\0\0\0\0\0\0", 8) +
                           R"({"__metadata__":{"k":"v\n!"},"m":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},)"
                           R"("w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}       )" +
                           std::string("\0\0\x80\x3f\0\0\0\xc0", 8) + "\x07\xff";
  EXPECT_EQ(get(t / "f"), want);
  EXPECT_EQ((want.size() - 10) % 8, 0u);  // the data begin at a multiple of 8
}

TEST(SafeTensors, RoundTripOfEveryType) {
  TemporaryFolder t;
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<NamedTensor> tensors = {
      {"u8", tensor<std::uint8_t>({0, 1, 255})},
      {"f32", tensor<float>({1.5f, -0.0f, static_cast<float>(infinity), 1e-45f}, {2, 2})},
      {"f64", tensor<double>({0.1, -infinity, 5e-324}, {1, 3})},
      {"i64",
       tensor<std::int64_t>({std::numeric_limits<std::int64_t>::min(), -1, std::numeric_limits<std::int64_t>::max()})},
      {"scalar", full({}, 3)},
      {"empty", zeros({0, 5})},
      {"eight axes", ones({1, 2, 1, 1, 2, 1, 1, 3})},
      {"", ones({1})},
      {"quote \" slash \\ tab \t \u00e4\u2202", ones({1})},
  };
  const Metadata metadata = {{"seed", "7"}, {"empty", ""}, {"\u00fc\"", "\\"}};
  save_safetensors(t / "f", tensors, metadata);
  const SafeTensors back = load_safetensors(t / "f");
  EXPECT_EQ(back.metadata, metadata);
  ASSERT_EQ(back.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &a = tensors[i].value, &b = back.tensors[i].value;
    EXPECT_EQ(back.tensors[i].name, tensors[i].name);
    EXPECT_EQ(a.dtype(), b.dtype());
    EXPECT_EQ(a.shape(), b.shape());
    EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.size_in_bytes()), 0) << tensors[i].name;
  }
  save_safetensors(t / "g", back.tensors, back.metadata);
  EXPECT_EQ(get(t / "f"), get(t / "g"));
  EXPECT_EQ(back.at("u8").numel(), 3);
  EXPECT_EQ(back.find("nothing"), nullptr);
  EXPECT_MESSAGE(back.at("nothing"), "f: has no tensor \"nothing\"");
}

TEST(SafeTensors, NarrowIntegers) {
  TemporaryFolder t;
  const Tensor u16 = tensor<std::int64_t>({0, 65535, 1}), i32 = tensor<std::int64_t>({-2147483648, 2147483647});
  const std::vector<NamedTensor> tensors = {{"f", ones({1}, DType::u8)}, {"u", u16, "U16"}, {"i", i32, "I32"}, {"w", ones({2})}};
  save_safetensors(t / "f", tensors);
  EXPECT_EQ(get(t / "f").size(), safetensors_size(tensors));
  EXPECT_EQ(get(t / "f").substr(get(t / "f").size() - 23),
            std::string("\0\0\0\x80\xff\xff\xff\x7f\0\0\x80\x3f\0\0\x80\x3f\0\0\xff\xff\1\0\1", 23));
  const SafeTensors back = load_safetensors(t / "f");
  EXPECT_EQ(back.at("u").to_vector<std::int64_t>(), u16.to_vector<std::int64_t>());
  EXPECT_EQ(back.at("i").to_vector<std::int64_t>(), i32.to_vector<std::int64_t>());
  EXPECT_MESSAGE(save_safetensors(t / "g", {{"u", tensor<std::int64_t>({65536}), "U16"}}), "g: tensor \"u\" holds 65536, which does not fit in U16");
  EXPECT_MESSAGE(save_safetensors(t / "g", {{"u", tensor<std::int64_t>({-1}), "U16"}}), "holds -1");
  EXPECT_MESSAGE(save_safetensors(t / "g", {{"i", tensor<std::int64_t>({2147483648}), "I32"}}), "holds 2147483648");
  EXPECT_MESSAGE(save_safetensors(t / "g", {{"w", ones({1}), "U16"}}), "tensor \"w\" is f32 and cannot be written as U16");
  EXPECT_MESSAGE(save_safetensors(t / "g", {{"u", u16, "I8"}}), "cannot be written as I8; I32 and U16 can hold i64");
  EXPECT_FALSE(std::filesystem::exists(t / "g"));
}

TEST(SafeTensors, NothingAtAll) {
  TemporaryFolder t;
  save_safetensors(t / "f", {});
  EXPECT_EQ(get(t / "f"), file_of("{}      "));
  EXPECT_TRUE(load_safetensors(t / "f").tensors.empty());
  EXPECT_TRUE(load(file_of("{}")).tensors.empty());
  EXPECT_EQ(load(file_of(R"({"__metadata__":{"a":"b"}})")).metadata.at("a"), "b");
}

TEST(SafeTensors, EveryF16NumberExactly) {
  std::string data;
  for (int h = 0; h < 65536; ++h) data += {static_cast<char>(h), static_cast<char>(h >> 8)};
  const SafeTensors f = load(file_of(R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", data));
  ASSERT_EQ(f.at("h").dtype(), DType::f32);
  const auto x = f.at("h").data<float>();
  for (int h = 0; h < 65536; ++h) {
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31 && fraction > 0)
      ASSERT_TRUE(std::isnan(x[h])) << h;
    else if (exponent == 31)
      ASSERT_TRUE(std::isinf(x[h])) << h;
    else
      ASSERT_EQ(std::abs(static_cast<double>(x[h])), size) << h;
    ASSERT_EQ(std::signbit(x[h]), h >= 32768) << h;
  }
}

// Written as F16: every f16 number as itself, what lies half way between two as the one whose last bit is 0, what is nearer as the nearer.
TEST(SafeTensors, WritesF16ToTheNearest) {
  auto value = [](int h) { return static_cast<float>((h >> 10) == 0 ? std::ldexp(h, -24) : std::ldexp(1024 + (h & 1023), (h >> 10) - 25)); };
  std::vector<float> x, want;
  for (int h = 0; h < 0x7C00; ++h)
    for (const float sign : {1.0f, -1.0f}) {
      const float here = value(h), next = h + 1 < 0x7C00 ? value(h + 1) : 65536, half = (here + next) / 2, even = h % 2 == 0 ? here : next;
      x.insert(x.end(), {sign * here, sign * std::nextafter(half, 0.0f)});
      want.insert(want.end(), {sign * here, sign * here});
      if (next == 65536) continue;  // (that would be infinity)
      x.insert(x.end(), {sign * half, sign * std::nextafter(half, 1e9f)});
      want.insert(want.end(), {sign * even, sign * next});
    }
  const test::TemporaryFolder at;
  const Tensor t = tensor(std::span<const float>(x), {static_cast<std::int64_t>(x.size())});
  save_safetensors(at / "f", {{"h", t, "F16"}});
  const SafeTensors back = load_safetensors(at / "f");
  const auto got = back.at("h").data<float>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(got[i], want[i]) << x[i];
    ASSERT_EQ(std::signbit(got[i]), std::signbit(x[i])) << x[i];
  }
  EXPECT_EQ(std::filesystem::file_size(at / "f"), safetensors_size({{"h", t, "F16"}}));
  EXPECT_LT(std::filesystem::file_size(at / "f"), 2 * x.size() + 200);
  for (const float v : {65520.0f, std::numeric_limits<float>::infinity(), std::nanf("")})
    EXPECT_TRUE(test::refuses([&] { save_safetensors(at / "g", {{"h", full({1}, v), "F16"}}); }, {"\"h\" holds", "does not fit in F16"}));
  EXPECT_TRUE(test::refuses([&] { save_safetensors(at / "g", {{"h", zeros({1}, DType::i64), "F16"}}); }, {"\"h\" is i64 and cannot be written as F16"}));
  EXPECT_FALSE(std::filesystem::exists(at / "g"));
}

TEST(SafeTensors, EveryBF16NumberExactly) {
  std::string data;
  for (int h = 0; h < 65536; ++h) data += {static_cast<char>(h), static_cast<char>(h >> 8)};
  const SafeTensors f = load(file_of(R"({"h":{"dtype":"BF16","shape":[256,256],"data_offsets":[0,131072]}})", data));
  const auto x = f.at("h").data<float>();
  for (std::uint32_t h = 0; h < 65536; ++h) ASSERT_EQ(std::bit_cast<std::uint32_t>(x[h]), h << 16);
}

TEST(SafeTensors, ReadsI32AndBool) {
  const SafeTensors f = load(file_of(
      R"({"b":{"dtype":"BOOL","shape":[2],"data_offsets":[8,10]},"i":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})",
      std::string("\xff\xff\xff\xff\0\0\0\x80\0\x01", 10)));
  EXPECT_EQ(f.at("i").to_vector<std::int64_t>(), (std::vector<std::int64_t>{-1, -2147483648}));
  EXPECT_EQ(f.at("b").to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 1}));
  EXPECT_EQ(f.tensors[0].name, "b");  // the header's order, not the data's
}

TEST(SafeTensors, SavingRefusesAndLeavesTheOldFile) {
  TemporaryFolder t;
  put(t / "f", "old");
  const Tensor x = ones({1});
  EXPECT_MESSAGE(save_safetensors(t / "f", {{"a", {}}}), "tensor \"a\" is undefined");
  EXPECT_MESSAGE(save_safetensors(t / "f", {{"a", x}, {"a", x}}), "two tensors are called \"a\"");
  EXPECT_MESSAGE(save_safetensors(t / "f", {{"__metadata__", x}}), "cannot name a tensor");
  EXPECT_MESSAGE(save_safetensors(t / "f", {{"a\xff", x}}), "is not UTF-8");
  EXPECT_MESSAGE(save_safetensors(t / "f", {{"a", x}}, {{"k", "\xff"}}), "is not UTF-8");
  EXPECT_MESSAGE(save_safetensors(t / "f", {{std::string(100'000'001, 'a'), x}}), "the format allows 100000000");
  EXPECT_MESSAGE(save_safetensors(t / "no" / "f", {{"a", x}}), "No such file or directory");
  EXPECT_EQ(get(t / "f"), "old");
  EXPECT_EQ(t.entries(), 1);
}

// A header for one tensor "a", with 8 bytes of data.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(SafeTensors, RefusesWhatIsNotAFile) {
  EXPECT_MESSAGE(load(""), "0 bytes are too few");
  EXPECT_MESSAGE(load("1234567"), "7 bytes are too few");
  EXPECT_MESSAGE(load(little_endian(100'000'001) + "{}"), "a header of 100000001 bytes, the format allows 100000000");
  EXPECT_MESSAGE(load(little_endian(~std::uint64_t{0})), "a header of 18446744073709551615 bytes");
  EXPECT_MESSAGE(load(little_endian(3) + "{}"), "a header of 3 bytes, but only 2 follow; it is cut short");
  EXPECT_MESSAGE(load(little_endian(0)), "does not begin with a brace");
  EXPECT_MESSAGE(load(file_of(" {}")), "does not begin with a brace");
  EXPECT_MESSAGE(load(file_of("{}", "x")), "1 bytes at the end belong to no tensor");
  EXPECT_MESSAGE(load(file_of("{")), "not valid JSON at byte");
  EXPECT_MESSAGE(load(file_of("{}{}")), "not valid JSON at byte");
  EXPECT_MESSAGE(load(file_of("{\"\xff\":1}")), "not valid JSON at byte");
  EXPECT_MESSAGE(load(file_of(std::string("{}\0", 3))), "not valid JSON at byte");
  EXPECT_MESSAGE(load(file_of("{\"a\":1e999}")), "not valid JSON at byte");
  EXPECT_MESSAGE(load_safetensors("/nowhere/f"), "/nowhere/f: No such file or directory");
}

TEST(SafeTensors, RefusesAWrongHeader) {
  const std::string data(8, 'x');
  const struct {
    std::string header, message;
  } cases[] = {
      {R"({"a":1})", "tensor \"a\": must be an object"},
      {R"({"a":-1})", "tensor \"a\": must be an object"},
      {R"({"a":0.5})", "tensor \"a\": must be an object"},
      {R"({"a":null})", "tensor \"a\": must be an object"},
      {R"({"a":[]})", "tensor \"a\": must be an object"},
      {R"({"a":{}})", "tensor \"a\": no \"dtype\""},
      {R"({"a":{"dtype":"U8","data_offsets":[0,8]}})", "tensor \"a\": no \"shape\""},
      {R"({"a":{"dtype":"U8","shape":[8]}})", "tensor \"a\": no \"data_offsets\""},
      {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}})", "tensor \"a\": unknown key \"more\""},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}})", "tensor \"a\": \"dtype\" comes twice"},
      {R"({"a":{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}})", "tensor \"a\": \"shape\" comes twice"},
      {R"({"a":{"dtype":{},"shape":[8],"data_offsets":[0,8]}})", "tensor \"a\": an object where none belongs"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       "the name \"a\" comes twice"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       "the name \"a\" comes twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "the name \"__metadata__\" comes twice"},
      {R"({"__metadata__":1})", "\"__metadata__\" must be an object of strings"},
      {R"({"__metadata__":{"k":1}})", "metadata \"k\" must be a string"},
      {R"({"__metadata__":{"k":{}}})", "an object where none belongs"},
      {R"({"__metadata__":{"k":"a","k":"b"}})", "metadata \"k\" comes twice"},
      {one("1", "[8]", "[0,8]"), "tensor \"a\": \"dtype\" must be a string"},
      {one("[]", "[8]", "[0,8]"), "tensor \"a\": \"dtype\" must be a string"},
      {one("\"F8_E4M3\"", "[8]", "[0,8]"), "tensor \"a\": dtype \"F8_E4M3\" is not supported; F64, F32"},
      {one("\"u8\"", "[8]", "[0,8]"), "dtype \"u8\" is not supported"},
      {one("\"U8\"", "8", "[0,8]"), "\"shape\" must be an array of whole numbers"},
      {one("\"U8\"", "\"8\"", "[0,8]"), "\"shape\" must be an array of whole numbers"},
      {one("\"U8\"", "[\"8\"]", "[0,8]"), "\"shape\" must hold only whole numbers"},
      {one("\"U8\"", "[null]", "[0,8]"), "\"shape\" must hold only whole numbers"},
      {one("\"U8\"", "[[8]]", "[0,8]"), "\"shape\" must hold only whole numbers"},
      {one("\"U8\"", "[8.0]", "[0,8]"), "tensor \"a\": \"shape\" holds 8"},
      {one("\"U8\"", "[0.5]", "[0,8]"), "\"shape\" holds 0.5; whole numbers"},
      {one("\"U8\"", "[-8]", "[0,8]"), "\"shape\" holds -8; whole numbers"},
      {one("\"U8\"", "[99999999999999999999]", "[0,8]"), "\"shape\" holds 1e+20; whole numbers"},
      {one("\"U8\"", "[18446744073709551615]", "[0,8]"), "shape [18446744073709551615] has too many elements"},
      {one("\"U8\"", "[4294967296,4294967296]", "[0,0]"), "has too many elements"},  // the product is 0 in 64 bits
      {one("\"U8\"", "[0,4294967296,4294967296]", "[0,0]"), "has too many elements"},
      {one("\"F64\"", "[2305843009213693952]", "[0,0]"), "has too many elements"},  // as is the number of bytes
      {one("\"U8\"", "[1,1,1,1,1,1,1,1,8]", "[0,8]"), "tensor \"a\": more than 8 axes"},
      {one("\"U8\"", "[8]", "[]"), "\"data_offsets\" needs two numbers"},
      {one("\"U8\"", "[8]", "[8]"), "\"data_offsets\" needs two numbers"},
      {one("\"U8\"", "[8]", "[0,8,8]"), "\"data_offsets\" needs two numbers"},
      {one("\"U8\"", "[8]", "[0,8,1,1,1,1,1,1,1,1]"), "\"data_offsets\" needs two numbers"},
      {one("\"U8\"", "[8]", "[8,0]"), "tensor \"a\": data_offsets [8, 0] end before they begin"},
      {one("\"U8\"", "[9]", "[0,9]"), "tensor \"a\": data_offsets [0, 9] go beyond the file's 8 bytes"},
      {one("\"U8\"", "[8]", "[0,18446744073709551615]"), "go beyond the file's 8 bytes"},
      {one("\"U8\"", "[7]", "[0,8]"), "shape [7] of U8 takes 7 bytes, but data_offsets [0, 8] hold 8"},
      {one("\"F32\"", "[8]", "[0,8]"), "shape [8] of F32 takes 32 bytes, but data_offsets [0, 8] hold 8"},
      {one("\"BOOL\"", "[8]", "[0,8]"), "tensor \"a\": BOOL holds 120"},
      {one("\"U8\"", "[7]", "[1,8]"), "tensor \"a\": its data begin at 1, leaving a gap"},
      {one("\"U8\"", "[7]", "[0,7]"), "1 bytes at the end belong to no tensor"},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       "tensor \"b\": its data begin at 4, inside the tensor before, which ends at 5"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}})",
       "tensor \"b\": its data begin at 5, leaving a gap after the tensor before, which ends at 4"},
      {R"({"a\n\u0000":{}})", "tensor \"a??\": no \"dtype\""},
  };
  for (const auto& c : cases) {
    const std::string message = test::message_of([&] { load(file_of(c.header, data)); });
    EXPECT_NE(message.find(c.message), std::string::npos) << c.header << "\n" << message;
    EXPECT_NE(message.find("f.safetensors: "), std::string::npos) << message;
  }
}

TEST(SafeTensors, BombsOfBracketsDoNotOverflowTheStack) {
  const int many = 1'000'000;
  std::string objects;
  for (int i = 0; i < many; ++i) objects += R"({"a":)";
  EXPECT_MESSAGE(load(file_of(std::string(many, '['))), "does not begin with a brace");
  EXPECT_MESSAGE(load(file_of(std::string(many, '{'))), "not valid JSON");
  EXPECT_MESSAGE(load(file_of("{\"a\":" + std::string(many, '['))), "must be an object");
  EXPECT_MESSAGE(load(file_of(R"({"a":{"shape":)" + std::string(many, '['))), "must hold only whole numbers");
  EXPECT_MESSAGE(load(file_of(objects)), "unknown key \"a\"");
  EXPECT_MESSAGE(load(file_of(R"({"__metadata__":)" + objects)), "an object where none belongs");
}

// Whatever is done to a file, loading ends in tensors or in one line; no crash, no leak of memory, no file left behind.
TEST(SafeTensors, Fuzz) {
  TemporaryFolder t;
  std::vector<std::string> seeds;
  save_safetensors(
      t / "f",
      {{"fc1.weight", ones({3, 4})}, {"fc1.weight.mask", ones({3, 4}, DType::u8)}, {"step", zeros({1}, DType::i64)}},
      {{"seed", "7"}});
  seeds.push_back(get(t / "f"));
  seeds.push_back(file_of(
      R"({"h":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]},"i":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"u":{"dtype":"U16","shape":[2],"data_offsets":[4,8]},)"
      R"("b":{"dtype":"BOOL","shape":[1,1,2],"data_offsets":[16,18]},"e":{"dtype":"F64","shape":[0],"data_offsets":[18,18]}})",
      std::string(18, '\1')));
  Random r = Random(1).derive("safetensors fuzz");
  const long before = test::peak_memory_kb();
  std::int64_t loaded = 0;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    const std::string& seed = seeds[r.below(seeds.size())];
    std::uint64_t length;
    std::memcpy(&length, seed.data(), 8);
    // Half of them keep a right header length, so that what comes after is reached.
    const std::string bytes =
        r.below(2) ? test::mutate(seed, r) : file_of(test::mutate(seed.substr(8, length), r), seed.substr(8 + length));
    put(t / "f", bytes);
    try {
      load_safetensors(t / "f");
      ++loaded;
    } catch (const Error& e) { ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what(); }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_EQ(t.entries(), 1);
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 64 * 1024); }
}

}  // namespace
}  // namespace bonsai
