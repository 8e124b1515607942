// The compressed file: bit for bit there and back, sizes counted again from FORMAT.md's own words, refusals byte by byte, and damage.
#include "prune/compress/compressed_file.h"

#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "nn/init.h"
#include "nn/network_file.h"
#include "nn/networks.h"
#include "prune/compress/sharing.h"
#include "prune/registry.h"
#include "tests/files_support.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using test::refuses;
namespace format = compressed_format;

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return std::memcmp(a.bytes(), b.bytes(), a.size_in_bytes()) == 0;
}

// A network pruned to `density` by layer, its weights shared.
std::unique_ptr<nn::Sequential> shared_network(const char* name, double density, std::int64_t values) {
  auto net = nn::network(name);
  nn::initialize(*net, {}, Random(1));
  for (nn::Parameter* p : net->parameters())
    if (p->shape().rank() == 1) p->set(Random(2).derive(p->name()).normal(p->shape()));
  for (nn::Parameter* p : prunable(*net)) {
    prune_to(method("magnitude"), {.parameters = {p}}, 1 - density);
    const SharedWeights shared({{p, std::min(values, p->kept())}});
  }
  return net;
}

std::string with_checksum(std::string bytes) {  // a forger knows how to compute it
  const std::uint32_t c = format::checksum(std::string_view(bytes).substr(8));
  for (int b = 0; b < 4; ++b) bytes[4 + static_cast<std::size_t>(b)] = static_cast<char>(c >> (8 * b));
  return bytes;
}

TEST(CompressedFile, GivesBackEveryBit) {
  const test::TemporaryFolder at;
  for (const char* name : {"lenet_300_100", "lenet5"})
    for (const double density : {0.02, 0.3, 1.0})
      for (const bool huffman : {true, false})
        for (const int index_bits : {-1, 3, 8}) {
          auto net = shared_network(name, density, 15);
          const Compressed c = compress(*net, [&](const nn::Parameter& p) { return p.shape().rank() == 1 ? Coding{} : Coding{4, index_bits, huffman}; }, {{"network", name}, {"dataset", "mnist"}});
          test::put(at / "f.bdc", c.bytes);
          EXPECT_TRUE(is_compressed(at / "f.bdc"));
          const SafeTensors file = load_compressed(at / "f.bdc");
          const auto back = nn::network_of(file);
          EXPECT_EQ(file.metadata.at("dataset"), "mnist");
          ASSERT_EQ(back->parameters().size(), net->parameters().size());
          for (std::size_t i = 0; i < net->parameters().size(); ++i) {
            const nn::Parameter &a = *net->parameters()[i], &b = *back->parameters()[i];
            EXPECT_EQ(a.name(), b.name());
            EXPECT_TRUE(same_bits(a.dense_values(), b.dense_values())) << a.name() << " at " << density;
            EXPECT_EQ(a.is_masked(), b.is_masked());
            if (a.is_masked()) { EXPECT_TRUE(same_bits(a.mask(), b.mask())) << a.name(); }
          }
          // The parts' sizes are the file's.
          std::uint64_t bytes = 8 + 1 + 1 + 2;
          for (const auto& [key, value] : file.metadata) bytes += 3 + key.size() + value.size();
          for (const TensorSize& t : c.tensors) {
            bytes += t.bytes;
            if (t.coding.value_bits == 0) continue;
            const nn::Parameter& p = net->parameter(t.name);
            EXPECT_EQ(t.kept, p.kept());
            const std::size_t k = codebook(p.dense_values()).size();
            std::uint64_t bits = t.value_code_bits + t.step_code_bits;
            if (huffman && t.steps > 0) bits += 4 * (k + 1 + (t.coding.index_bits > 0 ? std::uint64_t{1} << t.coding.index_bits : 0));
            EXPECT_EQ(t.bytes, 1 + t.name.size() + 1 + 4 * static_cast<std::uint64_t>(p.shape().rank()) + 1 + 4 + 4 * k + 4 + (bits + 7) / 8) << t.name;
            if (!huffman) { EXPECT_EQ(t.value_code_bits + t.step_code_bits, static_cast<std::uint64_t>(t.steps) * static_cast<std::uint64_t>(4 + t.coding.index_bits)); }
          }
          EXPECT_EQ(bytes, c.bytes.size());
          // A checkpoint of what came back is that of what went in.
          if (!huffman || index_bits != -1) continue;
          std::vector<NamedTensor> was, is;
          for (auto* net_of : {net.get(), back.get()})
            for (const nn::Parameter* p : net_of->parameters()) (net_of == net.get() ? was : is).push_back({p->name(), p->dense_values()});
          save_safetensors(at / "was", was), save_safetensors(at / "is", is);
          EXPECT_EQ(test::get(at / "was"), test::get(at / "is"));
        }
}

TEST(CompressedFile, TheBestNumberOfIndexBitsIsFound) {
  auto net = shared_network("lenet_300_100", 0.05, 7);
  const nn::Parameter& p = net->parameter("fc1.weight");
  auto bytes = [&](int b) { return compress({{p.name(), p.dense_values(), p.mask(), {3, b, true}}}, {}).bytes.size(); };
  std::size_t least = bytes(1);
  for (int b = 2; b <= 8; ++b) least = std::min(least, bytes(b));
  EXPECT_EQ(bytes(-1), least);
}

TEST(CompressedFile, OddTensors) {
  const std::vector<ToCompress> odd{
      {"none", zeros({7, 3}), zeros({7, 3}, DType::u8), {2}},                                                                      // everything is pruned
      {"one", tensor<float>({0, 0, 5}), tensor<std::uint8_t>({0, 0, 1}), {1}},                                                       // one value, one step
      {"zeros", tensor<float>({0, 2, 0, 2}), {}, {1}},                                                                             // zeros that no mask explains
      {"kept zero", tensor<float>({0, 2, 0, 2}), tensor<std::uint8_t>({1, 1, 0, 1}), {1}},                                             // a kept 0 counts as pruned
      {"far", concat({zeros({1000}), ones({1}), zeros({999})}, 0), concat({zeros({1000}, DType::u8), ones({1}, DType::u8), zeros({999}, DType::u8)}, 0), {1, 2, true}},
      {"dense", tensor<float>({-0.0f, 1e-40f, 3.4e38f}), {}, {}},
      {"signed", tensor<float>({-1, -0.0f, 1}), {}, {2}}};
  const SafeTensors back = decompress(compress(odd, {{"a", ""}, {"", "b"}}).bytes, "f");
  for (const ToCompress& t : odd) {
    if (t.name != "signed") { EXPECT_TRUE(same_bits(back.at(t.name), t.values)) << t.name; }
    if (t.mask.defined() && t.name != "kept zero") { EXPECT_TRUE(same_bits(back.at(t.name + ".mask"), t.mask)) << t.name; }
    EXPECT_EQ(back.find(t.name + ".mask") != nullptr, t.mask.defined());
  }
  EXPECT_EQ(back.at("kept zero.mask").to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 1, 0, 1}));
  EXPECT_FALSE(std::signbit(back.at("signed").at(1)));  // -0 comes back as 0
  EXPECT_EQ(back.metadata, (Metadata{{"", "b"}, {"a", ""}}));
}

TEST(CompressedFile, RefusesToWriteWhatItCouldNotRead) {
  const Tensor w = tensor<float>({1, 2, 3, 0});
  auto one = [&](Tensor values, Tensor mask, Coding c) { return [=] { compress({{"fc1.weight", values, mask, c}}, {}); }; };
  EXPECT_TRUE(refuses(one(w, {}, {1}), {"\"fc1.weight\"", "3 different values", "1 bits can name 1 and the filler zero", "sharing.h"}));
  EXPECT_NO_THROW(one(w, {}, {2})());
  EXPECT_TRUE(refuses(one(tensor<float>({1, std::numeric_limits<float>::quiet_NaN()}), {}, {2}), {"\"fc1.weight\"", "weight 1 is nan"}));
  EXPECT_TRUE(refuses(one(tensor<float>({std::numeric_limits<float>::infinity()}), {}, {}), {"weight 0 is inf"}));
  EXPECT_TRUE(refuses(one(w, tensor<std::uint8_t>({1, 1, 0, 0}), {2}), {"weight 2 is pruned, but 3"}));
  EXPECT_TRUE(refuses(one(w, tensor<std::uint8_t>({1, 1}), {2}), {"its mask does not fit (4)"}));
  EXPECT_TRUE(refuses(one(cast(w, DType::f64), {}, {2}), {"is f64 (4); must be f32"}));
  EXPECT_TRUE(refuses(one(zeros({0}), {}, {2}), {"must be f32 and hold something"}));
  EXPECT_TRUE(refuses(one(w, {}, {9}), {"9 bits a weight"}));
  EXPECT_TRUE(refuses(one(w, {}, {2, 9}), {"9 an index"}));
  EXPECT_TRUE(refuses([&] { compress({{std::string(256, 'a'), w, {}, {}}}, {}); }, {"the name", "longer than 255"}));
  EXPECT_TRUE(refuses([&] { compress({}, {{"k", std::string(70'000, 'a')}}); }, {"longer than 65535"}));
}

// A file of one shared tensor, as FORMAT.md says, with whatever is wrong.
struct Forged {
  std::string name = "w";
  std::uint32_t kind = 1, flags = 2, value_bits = 1, index_bits = 2, k = 1, steps = 2;
  std::vector<std::uint32_t> extents{8};
  std::vector<float> book{1.5f};
  std::string codes = std::string("\x2e", 1);  // steps 2, 4 (codes 01, 11) with value 1: 01 1 · 11 1 · 00 would be 0x7c; see `good`
  std::string end = "";
  std::string bytes() const {
    std::string b = "bdc\x1a....\x01";
    auto put = [&](std::uint64_t v, int n) {
      for (int i = 0; i < n; ++i) b.push_back(static_cast<char>(v >> (8 * i)));
    };
    put(0, 1), put(1, 2);
    put(name.size(), 1);
    b += name;
    put(extents.size(), 1);
    for (const auto e : extents) put(e, 4);
    put(kind, 1), put(flags, 1), put(value_bits, 1), put(index_bits, 1), put(k, 1);
    for (const float f : book) put(std::bit_cast<std::uint32_t>(f), 4);
    put(steps, 4);
    return with_checksum(b + codes + end);
  }
};

TEST(CompressedFile, EveryRefusalIsOneClearLine) {
  auto with = [](auto change) {
    Forged f;
    f.codes = "\x7c";
    change(f);
    return f.bytes();
  };
  const SafeTensors good = decompress(with([](Forged&) {}), "f.bdc");
  EXPECT_EQ(good.at("w").to_vector<float>(), (std::vector<float>{0, 1.5f, 0, 0, 0, 1.5f, 0, 0}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const struct {
    std::string bytes;
    std::vector<std::string> says;
  } cases[] = {
      {"", {"is not a compressed network"}},
      {"BDC\x1a", {"does not begin with"}},
      {"bdc\x1a", {"ends within its checksum"}},
      {std::string("bdc\x1a\0\0\0\0\x01", 9), {"is damaged: its checksum is 00000000"}},
      {with_checksum("bdc\x1a....\x02"), {"is of version 2; this program reads 1"}},
      {with_checksum("bdc\x1a....\x01"), {"ends within its metadata"}},
      {with_checksum(std::string("bdc\x1a....\x01\0\xff\xff", 12)), {"holds 65535 tensors"}},
      {with_checksum(std::string("bdc\x1a....\x01\x02\x01k\0\0\x01k\0\0\0\0", 20)), {"says twice what its \"k\" is"}},
      {with([](Forged& f) { f.end = "\1"; }), {"1 bytes at its end belong to nothing"}},
      {with([](Forged& f) { f.extents = {}; }), {"\"w\" has 0 axes"}},
      {with([](Forged& f) { f.extents = std::vector<std::uint32_t>(9, 1); }), {"\"w\" has 9 axes"}},
      {with([](Forged& f) { f.extents = {0}; }), {"\"w\" has axis 0 of 0"}},
      {with([](Forged& f) { f.extents = {1u << 31, 1u << 31, 1u << 31}; }), {"\"w\" has axis 0"}},
      {with([](Forged& f) { f.extents = {1u << 28, 2}; }), {"\"w\" has axis 1 of 2"}},
      {with([](Forged& f) { f.extents = {1u << 20}; }), {"\"w\" has 2 steps, which can't span 1048576 weights"}},
      {with([](Forged& f) { f.extents = {5}; }), {"has a step beyond its 5 weights"}},
      {with([](Forged& f) { f.extents = {12}; }), {"has 6 weights after its last step"}},
      {with([](Forged& f) { f.kind = 2; }), {"\"w\" is of kind 2"}},
      {with([](Forged& f) { f.kind = 0, f.extents = {1000}; }), {"ends within \"w\", which has 1000 weights"}},
      {with([](Forged& f) { f.flags = 4; }), {"flags 4"}},
      {with([](Forged& f) { f.value_bits = 0; }), {"0 bits a weight"}},
      {with([](Forged& f) { f.value_bits = 9; }), {"9 bits a weight"}},
      {with([](Forged& f) { f.index_bits = 9; }), {"9 an index"}},
      {with([](Forged& f) { f.k = 2, f.book = {1, 2}; }), {"a codebook of 2, and 1 bits can name 1"}},
      {with([](Forged& f) { f.value_bits = 2, f.k = 2, f.book = {2, 1}; }), {"codebook does not rise"}},
      {with([](Forged& f) { f.value_bits = 2, f.k = 2, f.book = {1, 1}; }), {"codebook does not rise"}},
      {with([](Forged& f) { f.book = {0}; }), {"names 0"}},
      {with([&](Forged& f) { f.book = {nan}; }), {"codebook holds nan"}},
      {with([](Forged& f) { f.steps = 4'000'000'000; }), {"promises 4000000000 steps, and the file has 8 bits left"}},
      {with([](Forged& f) { f.steps = 0; }), {"0 steps, which can't span 8"}},
      {with([](Forged& f) { f.steps = 3; }), {"its bits end too early"}},
      {with([](Forged& f) { f.codes = "\x7d"; }), {"the bits after its last code are not 0"}},
      {with([](Forged& f) { f.value_bits = 2, f.codes = std::string("\x7f\0", 2); }), {"centroid 3 of 1"}},
      {with([](Forged& f) { f.flags = 3; }), {"code lengths"}},
  };
  int i = 0;
  for (const auto& c : cases) {
    std::vector<std::string> says = c.says;
    says.push_back("f.bdc: ");
    EXPECT_TRUE(refuses([&] { decompress(c.bytes, "f.bdc"); }, says)) << i;
    ++i;
  }
  // Two tensors of one name.
  const Tensor w = tensor<float>({1});
  EXPECT_TRUE(refuses([&] { decompress(compress({{"w", w, {}, {}}, {"w", w, {}, {}}}, {}).bytes, "f.bdc"); }, {"f.bdc: holds \"w\" twice"}));
}

TEST(CompressedFile, ANetworkThatItIsNotIsRefused) {
  auto net = shared_network("lenet_300_100", 0.1, 7);
  auto coding = [](const nn::Parameter& p) { return p.shape().rank() == 1 ? Coding{} : Coding{3}; };
  EXPECT_TRUE(refuses([&] { nn::network_of(decompress(compress(*net, coding, {{"network", "lenet5"}}).bytes, "f.bdc")); }, {"f.bdc", "has no tensor \"conv1.weight\""}));
  EXPECT_TRUE(refuses([&] { nn::network_of(decompress(compress(*net, coding, {{"network", "lenet_400"}}).bytes, "f.bdc")); }, {"f.bdc", "lenet_400"}));
  EXPECT_TRUE(refuses([&] { nn::network_of(decompress(compress({{"w", ones({3}), {}, {}}}, {}).bytes, "f.bdc")); }, {"f.bdc"}));
}

// Whatever is done to a file, it ends in tensors or in one line. Most of the forgeries have a right checksum, so that what comes after is reached.
TEST(CompressedFile, Fuzz) {
  std::vector<std::string> seeds;
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 30, 12).add<nn::Linear>("fc2", 12, 5);
  nn::initialize(*net, {}, Random(1));
  for (nn::Parameter* p : prunable(*net)) {
    prune_to(method("magnitude"), {.parameters = {p}}, 0.8);
    const SharedWeights shared({{p, 7}});
  }
  for (const bool huffman : {true, false})
    seeds.push_back(compress(*net, [&](const nn::Parameter& p) { return p.shape().rank() == 1 ? Coding{} : Coding{3, -1, huffman}; }, {{"network", "none"}}).bytes);
  Random r = Random(1).derive("compressed fuzz");
  const long before = test::peak_memory_kb();
  std::int64_t loaded = 0;
  std::set<std::string> refusals;
  for (std::int64_t i = 0, n = test::fuzz_count(); i < n; ++i) {
    std::string bytes = test::mutate(seeds[r.below(seeds.size())], r);
    if (r.below(4) > 0 && bytes.size() >= 8) bytes = with_checksum(std::string(format::magic) + "...." + bytes.substr(8));
    try {
      decompress(bytes, "f");
      ++loaded;
    } catch (const Error& e) {
      ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
      refusals.insert(std::string(e.what()).substr(0, 24));
    }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refusals.size(), 10u);
  if (!test::sanitized) { EXPECT_LT(test::peak_memory_kb() - before, 64 * 1024); }
}

}  // namespace
}  // namespace bonsai::prune
