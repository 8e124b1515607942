// Files of networks: what is read back computes the same bits, the packed file's parts are what the format says, and whatever a file claims
// is checked first.
#include "nn/network_file.h"

#include "nn/init.h"
#include "nn/networks.h"
#include "tests/files_support.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

// 6-5-3, pruned in a pattern that leaves row 2 of fc1 empty.
std::unique_ptr<Sequential> pruned_net() {
  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten").add<Linear>("fc1", 6, 5).add<ReLU>("relu1").add<Linear>("fc2", 5, 3);
  int k = 0;
  for (Parameter* p : net->parameters()) p->set(wave(++k, p->shape()));
  net->parameter("fc1.weight").set_mask(mask_of({5, 6}, [](std::int64_t i) { return i / 6 != 2 && i % 4 == 1; }));
  net->parameter("fc2.weight").set_mask(mask_of({3, 5}, [](std::int64_t i) { return i % 2 == 0; }));
  return net;
}
std::vector<NamedTensor> dense_view(Module& net) {
  std::vector<NamedTensor> all;
  for (Parameter* p : net.parameters()) {
    all.push_back({p->name(), p->dense_values()});
    if (p->is_masked()) all.push_back({p->name() + ".mask", p->mask()});
  }
  return all;
}
std::vector<NamedTensor> packed_tensors() {
  auto net = pruned_net();
  net->parameter("fc1.weight").pack();
  return packed_view(*net);
}
SafeTensors file_of(std::vector<NamedTensor> tensors) { return {std::move(tensors), {}, "f"}; }
SafeTensors through_a_file(const std::vector<NamedTensor>& tensors) {
  const TemporaryFolder at;
  save_safetensors(at / "f", tensors);
  return load_safetensors(at / "f");
}
Tensor inputs() { return wave(9, {7, 6}, 1, DType::f32); }

TEST(NetworkFile, ACheckpointComesBackMasked) {
  auto net = pruned_net();
  auto back = network_of(through_a_file(dense_view(*net)));
  EXPECT_EQ(back->describe(), net->describe());
  for (const char* name : {"fc1.weight", "fc2.weight"}) {
    EXPECT_TRUE(same_bits(back->parameter(name).leaf().detach(), net->parameter(name).leaf().detach())) << name;
    EXPECT_TRUE(same_bits(back->parameter(name).mask(), net->parameter(name).mask())) << name;
  }
  EXPECT_TRUE(same_bits((*back)(inputs()), (*net)(inputs())));
  EXPECT_FALSE(is_packed_file(file_of(dense_view(*net))));
}

TEST(NetworkFile, ThePartsAreWhatTheFormatSays) {
  const SafeTensors file = through_a_file(packed_tensors());
  EXPECT_TRUE(is_packed_file(file));
  EXPECT_EQ(file.at("fc1.weight.row_begin").to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 2, 3, 3, 4, 6}));
  EXPECT_EQ(file.at("fc1.weight.column").to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 5, 3, 3, 1, 5}));  // entries 1, 5, 9, 21, 25, 29
  EXPECT_EQ(file.at("fc1.weight.shape").to_vector<std::int64_t>(), (std::vector<std::int64_t>{5, 6}));
  const Tensor dense = cast(wave(1, {5, 6}), DType::f32);
  std::vector<float> values;
  for (int i : {1, 5, 9, 21, 25, 29}) values.push_back(static_cast<float>(dense.at(i)));
  EXPECT_EQ(file.at("fc1.weight.values").to_vector<float>(), values);
  EXPECT_EQ(file.find("fc1.weight"), nullptr);
  EXPECT_EQ(file.at("fc2.weight").shape(), (Shape{3, 5}));
}

TEST(NetworkFile, APackedFileComputesTheSameBits) {
  auto net = pruned_net();
  net->parameter("fc1.weight").pack();
  auto back = network_of(through_a_file(packed_view(*net)));
  EXPECT_TRUE(back->parameter("fc1.weight").is_packed());
  EXPECT_FALSE(back->parameter("fc2.weight").is_packed());
  EXPECT_TRUE(same_bits((*back)(inputs()), (*net)(inputs())));

  auto lenet = lenet_300_100();
  initialize(*lenet, {}, Random(1));
  for (Parameter* p : lenet->parameters())
    if (p->shape().rank() == 2) {
      p->set_mask(cast(Random(2).derive(p->name()).bernoulli(p->shape(), 0.1), DType::u8));
      p->pack();
    }
  const TemporaryFolder at;
  save_safetensors(at / "f", packed_view(*lenet));
  back = network_of(load_safetensors(at / "f"));
  const Tensor x = Random(3).uniform({64, 1, 28, 28});
  EXPECT_TRUE(same_bits((*back)(x), (*lenet)(x)));
  EXPECT_TRUE(same_bits((*back)(slice(x, 0, 0, 1)), (*lenet)(slice(x, 0, 0, 1))));
  save_safetensors(at / "g", packed_view(*back));
  EXPECT_EQ(get(at / "g"), get(at / "f"));
  EXPECT_EQ(std::filesystem::file_size(at / "f"), safetensors_size(packed_view(*lenet)));
  std::int64_t kept = 0;
  for (Parameter* p : lenet->parameters())
    if (p->is_packed()) kept += p->kept();
  const std::uintmax_t data = 6 * kept + 4 * (301 + 101 + 11) + 3 * 2 * 4 + 4 * 410;
  EXPECT_GT(std::filesystem::file_size(at / "f"), data);
  EXPECT_LT(std::filesystem::file_size(at / "f"), data + 1500);  // the header
}

TEST(NetworkFile, EmptyLayersAndLayersWithoutBias) {
  Sequential net;
  net.add<Linear>("fc1", 4, 2, false).add<ReLU>("relu1").add<Linear>("fc2", 2, 3, false);
  net.parameter("fc2.weight").set(ones({3, 2}));
  net.parameter("fc1.weight").set_mask(zeros({2, 4}, DType::u8));
  net.parameter("fc1.weight").pack();
  auto back = network_of(through_a_file(packed_view(net)));
  EXPECT_EQ(back->parameter("fc1.weight").kept(), 0);
  EXPECT_EQ(back->parameters().size(), 2u);
  EXPECT_EQ((*back)(ones({2, 4})).to_vector<float>(), std::vector<float>(6, 0));
}

// Copies of the good tensors with one exchanged, taken away (an undefined one) or added.
std::vector<NamedTensor> with(std::vector<NamedTensor> all, const std::string& name, const Tensor& value) {
  std::erase_if(all, [&](const NamedTensor& t) { return t.name == name; });
  if (value.defined()) all.push_back({name, value});
  return all;
}

TEST(NetworkFile, RefusesCheckpoints) {
  const auto good = dense_view(*pruned_net());
  const struct {
    const char* name;
    Tensor value;
    std::vector<std::string> says;
  } cases[] = {
      {"fc1.weight", {}, {"f: has no tensor \"fc1.weight\""}},
      {"fc1.weight", ones({5}), {"f: \"fc1.weight\" is (5)", "(out, in)"}},
      {"fc1.weight", ones({5, 6}, DType::i64), {"f: \"fc1.weight\" is i64"}},
      {"fc1.weight", full({5, 6}, std::nan("")), {"f: \"fc1.weight\" holds nan"}},
      {"fc1.weight", full({5, 6}, 1e300, DType::f64), {"f: \"fc1.weight\" holds inf"}},
      {"fc1.weight", ones({0, 6}), {"f: \"fc1.weight\"", "(0, 6)"}},
      {"fc1.weight.mask", ones({6, 5}, DType::u8), {"f: \"fc1.weight.mask\" is u8 (6, 5)", "U8 (5, 6)"}},
      {"fc1.weight.mask", ones({5, 6}), {"f: \"fc1.weight.mask\" is f32"}},
      {"fc1.weight.mask", full({5, 6}, 2, DType::u8), {"f: \"fc1.weight.mask\" holds 2"}},
      {"fc1.bias", ones({6}), {"f: \"fc1.bias\" (6) does not fit \"fc1.weight\" (5, 6)"}},
      {"fc1.bias", {}, {"f: has fc2.bias but no fc1.bias"}},
      {"fc2.bias", {}, {"f: has fc1.bias but no fc2.bias"}},
      {"fc2.weight", {}, {"f: has no tensor \"fc2.weight\""}},
      {"fc2.weight", ones({3, 4}), {"f: \"fc2.weight\"", "(3, 4)", "5 outputs"}},
      {"fc4.weight", ones({3, 3}), {"f: has \"fc4.weight\"", "ends with fc2"}},
      {"conv1.weight", ones({3, 3}), {"f: \"conv1.weight\" (3, 3) does not fit lenet5, which has (20, 1, 5, 5) there"}},
      {"fc1.weight.shape", ones({2}, DType::i64), {"f: has \"fc1.weight.shape\""}},
      {"fc1.bias.values", ones({5}), {"f: has \"fc1.bias.values\""}},
      {"two\nlines", ones({1}), {"two?lines"}},
  };
  for (const auto& c : cases) {
    const auto without_mask = with(good, std::string(c.name) + ".mask", {});
    EXPECT_TRUE(refuses([&] { network_of(file_of(with(without_mask, c.name, c.value))); }, c.says)) << c.name;
  }
  EXPECT_TRUE(refuses([&] { network_of(file_of({})); }, {"f: has no tensor \"fc1.weight\""}));
  std::vector<NamedTensor> many;
  for (int i = 1; i <= 200; ++i) many.push_back({fmt::format("fc{}.weight", i), ones({1, 1})});
  EXPECT_TRUE(refuses([&] { network_of(file_of(many)); }, {"f: has more than 100 layers"}));
}

TEST(NetworkFile, RefusesPackedFiles) {
  const auto good = packed_tensors();
  auto numbers = [](std::vector<std::int64_t> v) {
    return tensor(std::span<const std::int64_t>(v), {static_cast<std::int64_t>(v.size())});
  };
  const struct {
    const char* part;
    Tensor value;
    std::vector<std::string> says;
  } cases[] = {
      {"values", {}, {"f: has no tensor \"fc1.weight.values\""}},
      {"row_begin", {}, {"f: has no tensor \"fc1.weight.row_begin\""}},
      {"column", {}, {"f: has no tensor \"fc1.weight.column\""}},
      {"shape", {}, {"f: has no tensor \"fc1.weight.shape\""}},
      {"values", ones({5}), {"f: \"fc1.weight.values\" (5)", "6 entries of \"fc1.weight.column\""}},
      {"values", ones({6, 1}), {"f: \"fc1.weight.values\" (6, 1)"}},
      {"values", full({6}, std::nan("")), {"f: \"fc1.weight.values\" holds nan"}},
      {"values", ones({6}, DType::u8), {"f: \"fc1.weight.values\" is u8"}},
      {"row_begin", numbers({0, 2, 3, 3, 6}), {"f: pattern \"fc1.weight\"", "5 rows and 6 entries"}},
      {"row_begin", numbers({0, 2, 3, 3, 4, 5}), {"f: pattern \"fc1.weight\"", "from 0 to 5"}},
      {"row_begin", numbers({1, 2, 3, 3, 4, 6}), {"f: pattern \"fc1.weight\"", "from 1 to 6"}},
      {"row_begin", numbers({0, 3, 2, 3, 4, 6}), {"f: pattern \"fc1.weight\"", "row 0 has column 3 twice or out of order"}},
      {"row_begin", numbers({0, 2, 1, 3, 4, 6}), {"f: pattern \"fc1.weight\": row 1 ends before it begins"}},
      {"row_begin", numbers({0, 2, 3, 3, 4, -6}), {"f: \"fc1.weight.row_begin\" holds -6"}},
      {"row_begin", numbers({0, 2, 3, 3, 4, std::int64_t{6} + (std::int64_t{1} << 32)}), {"f: \"fc1.weight.row_begin\" holds 4294967302"}},
      {"row_begin", ones({6}), {"f: \"fc1.weight.row_begin\" is f32"}},
      {"column", numbers({1, 6, 3, 3, 1, 5}), {"f: pattern \"fc1.weight\": entry 1 of row 0 lies in column 6 of 6"}},
      {"column", numbers({5, 5, 3, 3, 1, 5}), {"f: pattern \"fc1.weight\": row 0 has column 5 twice or out of order"}},
      {"column", numbers({5, 1, 3, 3, 1, 5}), {"f: pattern \"fc1.weight\": row 0 has column 1 twice or out of order"}},
      {"column", numbers({1, 5, 3, 3, 1}), {"f: \"fc1.weight.values\" (6) do not fit 5 entries"}},
      {"shape", numbers({5}), {"f: \"fc1.weight.shape\" has 1 axes"}},
      {"shape", numbers({4, 6}), {"f: pattern \"fc1.weight\"", "4 rows"}},
      {"shape", numbers({5, 4}), {"f: pattern \"fc1.weight\"", "column 5 of 4"}},
      {"shape", numbers({5, 70'000}), {"f: \"fc1.weight.shape\" has 70000 columns"}},
      {"shape", numbers({0, 6}), {"f: pattern \"fc1.weight\"", "0 rows"}},
      {"mask", ones({5, 6}, DType::u8), {"f: has \"fc1.weight.mask\""}},
  };
  for (const auto& c : cases)
    EXPECT_TRUE(refuses([&] { network_of(file_of(with(good, std::string("fc1.weight.") + c.part, c.value))); }, c.says)) << c.part;
  EXPECT_TRUE(refuses([&] { network_of(file_of(with(good, "fc1.weight", ones({5, 6})))); }, {"f: has \"fc1.weight.values\""}));

  // 80 KB that would unfold to 320 GB are refused before anything is allocated.
  const std::int64_t rows = 10'000;
  const std::vector<NamedTensor> bomb{{"fc1.weight.values", zeros({0})},
                                      {"fc1.weight.column", zeros({0}, DType::i64)},
                                      {"fc1.weight.row_begin", zeros({rows + 1}, DType::i64)},
                                      {"fc1.weight.shape", numbers({rows, 65'536})}};
  EXPECT_TRUE(refuses([&] { network_of(file_of(bomb)); }, {"f: with \"fc1.weight\" (10000, 65536) the network unfolds to more than"}));
}

// Whatever is done to a file, it ends in a network that computes, or in one line.
TEST(NetworkFile, Fuzz) {
  const TemporaryFolder at;
  std::vector<std::string> seeds;
  save_safetensors(at / "f", packed_tensors());
  seeds.push_back(get(at / "f"));
  save_safetensors(at / "f", dense_view(*pruned_net()));
  seeds.push_back(get(at / "f"));
  Random r = Random(1).derive("network file fuzz");
  const long before = peak_memory_kb();
  std::int64_t networks = 0, refused = 0;
  for (std::int64_t i = 0, n = fuzz_count(); i < n; ++i) {
    std::string bytes = seeds[r.below(seeds.size())];
    std::uint64_t header;
    std::memcpy(&header, bytes.data(), 8);
    if (r.below(4) == 0)
      bytes = mutate(bytes, r);
    else  // the header stays, the numbers do not: this reaches the patterns
      for (std::uint64_t hurts = 1 + r.below(3); hurts > 0; --hurts)
        bytes[8 + header + r.below(bytes.size() - 8 - header)] = static_cast<char>(r.below(3) ? r.below(8) : r.below(256));
    put(at / "f", bytes);
    try {
      auto net = network_of(load_safetensors(at / "f"));
      const Tensor y = (*net)(ones({3, net->parameters().front()->shape()[1]}));
      ASSERT_EQ(y.size(0), 3);
      ++networks;
    } catch (const Error& e) {
      ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(networks, 0);
  EXPECT_GT(refused, networks / 10);
  if (!sanitized) { EXPECT_LT(peak_memory_kb() - before, 64 * 1024); }
}

// ---- Two of every four columns

// 8-4-2 with 2:4 in both layers' weights, packed.
std::unique_ptr<Sequential> net_24() {
  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten").add<Linear>("fc1", 8, 4).add<ReLU>("relu1").add<Linear>("fc2", 4, 2);
  int k = 0;
  for (Parameter* p : net->parameters()) p->set(wave(++k, p->shape()));
  net->parameter("fc1.weight").set_mask(mask_of({4, 8}, [](std::int64_t i) { return i % 4 == (i / 4) % 3 || i % 4 == 3; }));
  net->parameter("fc2.weight").set_mask(mask_of({2, 4}, [](std::int64_t i) { return i % 4 < 2; }));
  for (const char* name : {"fc1.weight", "fc2.weight"}) net->parameter(name).pack();
  return net;
}

TEST(NetworkFile24, HoldsPositionsAndComesBackWithTheSameBits) {
  auto net = net_24();
  const SafeTensors file = through_a_file(packed_view(*net));
  EXPECT_EQ(file.at("fc1.weight.positions").shape(), (Shape{4, 1}));
  EXPECT_EQ(file.at("fc1.weight.positions").at(0), 0b11'01'11'00);
  EXPECT_EQ(file.at("fc1.weight.values").shape(), (Shape{16}));
  EXPECT_EQ(file.find("fc1.weight.column"), nullptr);
  EXPECT_EQ(file.find("fc1.weight.row_begin"), nullptr);
  EXPECT_TRUE(is_packed_file(file));
  auto again = network_of(file);
  EXPECT_TRUE(again->parameter("fc1.weight").pattern()->two_of_four());
  const Tensor x = cast(wave(9, {5, 8}), DType::f32);
  EXPECT_TRUE(same_bits((*again)(x), (*net)(x)));
}

TEST(NetworkFile24, ComputesAndLearnsAsTheMaskedNetwork) {
  auto packed = net_24(), masked = net_24();
  for (Parameter* p : masked->parameters()) p->unpack();
  for (auto* net : {packed.get(), masked.get()}) net->to(DType::f64);
  const Tensor x = cast(wave(9, {5, 8}), DType::f64), labels = tensor<std::int64_t>({0, 1, 1, 0, 1}, {5});
  for (auto* net : {packed.get(), masked.get()}) backward(cross_entropy((*net)(x), labels));
  EXPECT_TRUE(close((*packed)(x), (*masked)(x), 1e-14, 1e-14));
  for (std::size_t i = 0; i < packed->parameters().size(); ++i) {
    const Parameter &p = *packed->parameters()[i], &m = *masked->parameters()[i];
    const Tensor g = p.is_packed() ? reshape(unpack(p.gradient(), *p.pattern()), p.shape()) : p.gradient();
    EXPECT_TRUE(close(g, m.gradient(), 1e-14, 1e-14)) << p.name();
  }
}

TEST(NetworkFile24, PositionsThatDoNotFitAreRefused) {
  const struct {
    const char* part;
    Tensor instead;
    std::vector<std::string> says;
  } cases[] = {
      {".positions", zeros({4, 1}, DType::u8), {"f: pattern", "column 0 twice"}},
      {".positions", tensor<std::uint8_t>({0x46, 0x44, 0x44, 0x44}, {4, 1}), {"f: pattern", "out of order"}},
      {".positions", zeros({4, 2}, DType::u8), {"\"fc1.weight.positions\"", "(4, 2)", "(4, 1)"}},
      {".positions", zeros({4, 1}), {"\"fc1.weight.positions\"", "f32"}},
      {".values", zeros({15}), {"\"fc1.weight.values\" (15)", "4 x 8"}},
      {".shape", tensor<std::int64_t>({2, 16}, {2}), {"\"fc1.weight.positions\""}},
      {".shape", tensor<std::int64_t>({2147483647, 0}, {2}), {"\"fc1.weight.values\""}},
  };
  for (const auto& c : cases) {
    auto net = net_24();
    std::vector<NamedTensor> tensors = packed_view(*net);
    for (NamedTensor& t : tensors)
      if (t.name == std::string("fc1.weight") + c.part) t = {t.name, c.instead};
    EXPECT_TRUE(refuses([&] { network_of(file_of(tensors)); }, c.says));
  }
  auto net = net_24();
  std::vector<NamedTensor> tensors = packed_view(*net);
  tensors.push_back({"fc1.weight.column", zeros({16}, DType::i64)});
  EXPECT_TRUE(refuses([&] { network_of(file_of(tensors)); }, {"\"fc1.weight.column\"", "not of"}));
}

}  // namespace
}  // namespace bonsai::nn
