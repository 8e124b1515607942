// predict from its command line: the accuracy is nn::evaluate's, packed is dense, an export comes back with the same bits, pictures are
// seen as the test set's are, and what it cannot use is refused.
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include "core/safetensors.h"
#include "datasets/cifar10.h"
#include "datasets/image_file.h"
#include "datasets/mnist.h"
#include "nn/init.h"
#include "nn/network_file.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "tests/experiments/program.h"

namespace bonsai::test {
namespace {

Outcome predict(std::vector<std::string> args, std::map<std::string, std::string> environment = {}) {
  return run({.args = std::move(args), .environment = std::move(environment), .program = "predict"});
}
void refused(const Outcome& o, const std::string& says) { expect_refused(o, says, "predict"); }
bool says(const Outcome& o, const std::string& text) { return o.out.find(text) != std::string::npos; }

// A network that has never learned, with 5% of its weights: for what does not depend on the accuracy.
void save_random(const fs::path& file) {
  auto net = nn::lenet_300_100();
  nn::initialize(*net, {}, Random(1));
  std::vector<NamedTensor> view;
  for (nn::Parameter* p : net->parameters()) {
    if (p->shape().rank() == 2) p->set_mask(cast(Random(2).derive(p->name()).bernoulli(p->shape(), 0.05), DType::u8));
    view.push_back({p->name(), p->leaf().detach()});
    if (p->is_masked()) view.push_back({p->name() + ".mask", p->mask()});
  }
  save_safetensors(file, view);
}

TEST(predict, a_ticket_of_a_run) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  ASSERT_EQ(run({.args = small({"--prune-rate", "0.6", "--arms", "ticket", "--out", at / "run"})}).status, 0);
  const std::string ticket = at / "run/checkpoints/trial00-ticket0-level02.safetensors";
  const Outcome o = predict({ticket, "--export", at / "small"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(o.err, "");

  // The oracle: the masked network, loaded by hand.
  const SafeTensors file = load_safetensors(ticket);
  auto net = nn::lenet_300_100();
  std::size_t bytes = 0, kept = 0;
  for (nn::Parameter* p : net->parameters()) {
    if (const Tensor* mask = file.find(p->name() + ".mask")) p->set_mask(*mask);
    p->set(file.at(p->name()));
    const bool packed = p->shape().rank() == 2 && p->numel() > 1000;  // fc1 and fc2, with 16% of their weights
    bytes += packed ? 8 * static_cast<std::size_t>(p->kept()) + 4 * static_cast<std::size_t>(p->shape()[0] + 1)
                    : 4 * static_cast<std::size_t>(p->numel());
    if (p->shape().rank() == 2) kept += static_cast<std::size_t>(p->kept());
  }
  const auto test = datasets::load_mnist(datasets::data_directory(""), false);
  const double accuracy = nn::evaluate(*net, datasets::as_floats(test), test.labels).accuracy;
  EXPECT_GT(accuracy, 50);
  EXPECT_TRUE(says(o, fmt::format("accuracy {0:.2f}% packed, {0:.2f}% dense", accuracy))) << o.out;
  EXPECT_TRUE(says(o, fmt::format("{} of 266200 weights, {:.2f}%", kept, static_cast<double>(kept) / 2662))) << o.out;
  const std::string differ = o.out.substr(o.out.find("differ by ") + 10);
  EXPECT_TRUE(std::stod(differ) <= 1e-4) << differ;
  std::size_t dense = 0, packed = 0;
  ASSERT_EQ(std::sscanf(o.out.substr(o.out.find("parameters in memory")).c_str(), "parameters in memory, bytes %zu %zu", &dense, &packed),
            2);
  EXPECT_EQ(dense, 4u * 266610);
  EXPECT_EQ(packed, bytes);
  ASSERT_EQ(std::sscanf(o.out.substr(o.out.find("file, bytes")).c_str(), "file, bytes (dense: with masks) %zu %zu", &dense, &packed), 2);
  EXPECT_EQ(dense, fs::file_size(ticket));
  EXPECT_EQ(packed, fs::file_size(at / "small"));
  for (const char* row : {"1 image, ms", "64 images, ms", "images/s", "one thread of"}) EXPECT_TRUE(says(o, row)) << row;

  const Outcome again = predict({at / "small"});  // the packed file
  EXPECT_EQ(again.status, 0) << again.err;
  const std::size_t line = o.out.find("mnist, 10000"), end = o.out.find("\n", line);
  EXPECT_TRUE(says(again, o.out.substr(line, end - line))) << again.out;
}

TEST(predict, exports_come_back_with_the_same_bits) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  save_random(at / "net");
  const auto inputs = datasets::as_floats(datasets::load_mnist(datasets::data_directory(""), false));
  for (const char* threshold : {"0", "0.06", "1"}) {
    const std::string out = at / "packed";
    ASSERT_EQ(predict({at / "net", "--sparse-threshold", threshold, "--example", "0", "--export", out}).status, 0);
    auto net = nn::network_of(load_safetensors(at / "net"));
    if (*threshold != '0' || threshold[1] != '\0')
      for (nn::Parameter* p : net->parameters())
        if (p->density() < std::stod(threshold)) p->pack();
    auto back = nn::network_of(load_safetensors(out));
    for (std::int64_t batch : {1, 64, 1000}) {
      const Tensor x = slice(inputs, 0, 0, batch), a = (*net)(x), b = (*back)(x);
      EXPECT_EQ(a.to_vector<float>(), b.to_vector<float>()) << threshold;
    }
    const std::string first = get(out);
    ASSERT_EQ(predict({out, "--example", "0", "--export", at / "again"}).status, 0);
    EXPECT_EQ(get(at / "again"), first) << threshold;
  }
}

// A file without masks: zeros count as pruned when asked to.
TEST(predict, zeros) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  save_random(at / "net");
  std::vector<NamedTensor> values;
  for (const NamedTensor& t : load_safetensors(at / "net").tensors)
    if (!t.name.ends_with(".mask")) values.push_back(t);
  save_safetensors(at / "values", values);
  auto first = [](const Outcome& o) { return o.out.substr(o.out.find(": "), o.out.find("\n\n") - o.out.find(": ")); };
  EXPECT_EQ(first(predict({at / "values", "--zeros"})), first(predict({at / "net"})));
  EXPECT_TRUE(says(predict({at / "values"}), ": 266200 of 266200 weights"));
}

TEST(predict, pictures) {
  NEEDS_MNIST();
  const TemporaryFolder at;
  save_random(at / "net");
  const auto test = datasets::load_mnist(datasets::data_directory(""), false);
  const auto pixels = slice(test.inputs, 0, 7, 8).to_vector<std::uint8_t>();
  auto write = [&](const std::string& name, int channels, auto&& colour) {
    std::vector<std::uint8_t> all;
    for (std::uint8_t p : pixels)
      for (int c = 0; c < channels; ++c) all.push_back(colour(p, c));
    ASSERT_NE(stbi_write_png((at / name).c_str(), 28, 28, channels, all.data(), 28 * channels), 0);
  };
  write("grey.png", 1, [](std::uint8_t p, int) { return p; });
  write("rgb.png", 3, [](std::uint8_t p, int) { return p; });
  write("clear.png", 4, [](std::uint8_t p, int c) { return c < 3 ? std::uint8_t{255} : p; });  // white, and black where nothing is
  write("black.png", 1, [](std::uint8_t p, int) { return static_cast<std::uint8_t>(255 - p); });

  const Outcome example = predict({at / "net", "--example", "7"});
  ASSERT_EQ(example.status, 0) << example.err;
  const std::string head = "test image 7 is 9: ", answer = example.out.substr(example.out.find(head) + head.size());
  EXPECT_TRUE(says(example, head)) << example.out;
  EXPECT_EQ(std::count(example.out.begin(), example.out.end(), '\n'), 15);
  EXPECT_EQ(std::count(answer.begin(), answer.end(), '%'), 3) << answer;

  // The three most probable classes, from the network itself.
  auto net = nn::network_of(load_safetensors(at / "net"));
  const Tensor p = softmax((*net)(slice(datasets::as_floats(test), 0, 7, 8)));
  std::vector<std::pair<double, int>> order;
  for (int i = 0; i < 10; ++i) order.emplace_back(-p.at(i), i);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(answer, fmt::format("{} {:.1f}%, {} {:.1f}%, {} {:.1f}%\n", order[0].second, -100 * order[0].first, order[1].second,
                                -100 * order[1].first, order[2].second, -100 * order[2].first));

  const Outcome three =
      predict({at / "net", at / "grey.png", at / "rgb.png", at / "clear.png"}, {{"BONSAI_DATA", at / "none"}});  // needs no data
  ASSERT_EQ(three.status, 0) << three.err;
  for (const char* name : {"grey.png", "rgb.png", "clear.png"}) EXPECT_TRUE(says(three, (at / name).string() + ": " + answer)) << three.out;
  EXPECT_TRUE(says(predict({at / "net", at / "black.png"}), "--invert"));
  EXPECT_TRUE(says(predict({at / "net", at / "black.png", "--invert"}), ": " + answer));
  const Outcome clothes = predict({at / "net", at / "grey.png", "--dataset", "fashion-mnist"});
  EXPECT_TRUE(says(clothes, datasets::fashion_mnist_classes[order[0].second])) << clothes.out;
}

TEST(refusals, of_predict) {
  const TemporaryFolder at;
  save_random(at / "net");
  const Outcome none = run({.args = {}, .folder = at.path(), .program = "predict"});
  refused(none, "name a checkpoint; a run leaves some in runs/latest/checkpoints");
  fs::create_directories(at / "runs/latest/checkpoints");
  put(at / "runs/latest/checkpoints/a.safetensors", "");
  refused(run({.args = {}, .folder = at.path(), .program = "predict"}), "./bonsai run predict runs/latest/checkpoints/a.safetensors");
  refused(predict({at / "nothing"}), "nothing: there is no such file; name a checkpoint");
  refused(predict({at.path().string()}), "it is a folder");
  put(at / "cut", get(at / "net").substr(0, 100'000));
  refused(predict({at / "cut"}), "cut: tensor \"");
  refused(predict({at / "net", "--data-dir", at / "none"}), "is missing; fetch it with ./bonsai data mnist");
  refused(predict({at / "net", "--data-dir", at / "none", "--export", at / "out"}), "is missing");
  EXPECT_FALSE(fs::exists(at / "out"));
  refused(predict({at / "net", "--sparse-threshold", "20"}), "--sparse-threshold: 20 is not between 0 and 1; did you mean 0.2?");
  refused(predict({at / "net", "--example", "10000"}), "--example: 10000 is not between 0 and 9999");
  refused(predict({at / "net", "--example", "-1"}), "--example: -1 is not between 0 and 9999");
  refused(predict({at / "net", "--dataset", "cifar"}), "--dataset: \"cifar\" is not one of mnist|fashion-mnist");
  refused(predict({at / "net", "--speed"}), "--help lists the options");

  // Files that are no such network: the format's own refusals are in tests/nn/network_file_test.cpp.
  save_safetensors(at / "conv", {{"conv1.weight", ones({6, 1, 5, 5})}});
  refused(predict({at / "conv"}), "conv: \"conv1.weight\" (6, 1, 5, 5) does not fit lenet5, which has (20, 1, 5, 5) there");
  save_safetensors(at / "monk", {{"fc1.weight", ones({2, 17})}, {"fc1.bias", ones({2})}});
  refused(predict({at / "monk"}), "monk: takes 17 numbers and knows 2 classes");
  save_safetensors(at / "bad", {{"fc1.weight.values", ones({1})},
                                {"fc1.weight.column", tensor<std::int64_t>({784})},
                                {"fc1.weight.row_begin", tensor<std::int64_t>({0, 1})},
                                {"fc1.weight.shape", tensor<std::int64_t>({1, 784})}});
  refused(predict({at / "bad"}), "bad: pattern \"fc1.weight\": entry 0 of row 0 lies in column 784 of 784");

  save_safetensors(at / "huge", {{"fc1.weight", full({10, 784}, 3e38)}});
  ASSERT_NE(stbi_write_png((at / "white.png").c_str(), 28, 28, 1, std::vector<std::uint8_t>(784, 255).data(), 28), 0);
  refused(predict({at / "huge", at / "white.png"}), "a logit is inf; the weights are too large to compute with");

  // Pictures and exports.
  const std::vector<std::uint8_t> good(28 * 28);
  ASSERT_NE(stbi_write_png((at / "good.png").c_str(), 28, 28, 1, good.data(), 28), 0);
  put(at / "cut.png", get(at / "good.png").substr(0, 50));
  refused(predict({at / "net", at / "cut.png"}), "cut.png: is a damaged picture");
  put(at / "no.png", "P5 28 28 255");
  refused(predict({at / "net", at / "no.png"}), "no.png: is not a PNG or JPEG picture");
  put(at / "large.png", std::string(100'000, 'x'));
  refused(predict({at / "net", at / "large.png"}), "large.png: is not a PNG or JPEG picture");
  const std::string before = get(at / "net");
  refused(predict({at / "net", at / "good.png", "--export", at / "net"}), "is the checkpoint itself");
  EXPECT_EQ(get(at / "net"), before);
  refused(predict({at / "net", at / "good.png", "--export", at / "none/out"}), "create the folder first");
  const auto entries = at.entries();
  refused(run({.args = {at / "net", at / "good.png", "--export", at / "big"}, .file_size = 1000, .program = "predict"}), "free some space");
  EXPECT_EQ(at.entries(), entries);  // whole or not at all
}

// ResNet-20 with what its file says about it: a photograph of any size is scaled, normalised by channel, and called by the file's names.
TEST(predict, colours_names_and_normalisation_of_the_file) {
  const TemporaryFolder at;
  auto net = nn::network("resnet20");
  nn::initialize(*net, {nn::Fan::he}, Random(1));
  for (auto& [name, b] : net->buffers()) *b = Random(2).derive(name).uniform(b->shape()) + 0.5;
  std::vector<NamedTensor> view;
  for (nn::Parameter* p : net->parameters()) view.push_back({p->name(), p->leaf().detach()});
  for (auto& [name, b] : net->buffers()) view.push_back({name, *b});
  const std::string names = "a,b,c,d,e,f,g,h,i,j";
  const Metadata said{{"network", "resnet20"}, {"dataset", "cifar-10"}, {"classes", names}, {"mean", "0.5,0.4,0.3"}, {"deviation", "0.25,0.2,0.5"}};
  save_safetensors(at / "net", view, said);

  std::vector<std::uint8_t> pixels(3 * 50 * 40);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i / 7);
  ASSERT_NE(stbi_write_png((at / "photo.png").c_str(), 50, 40, 3, pixels.data(), 150), 0);
  ASSERT_NE(stbi_write_jpg((at / "photo.jpg").c_str(), 50, 40, 3, pixels.data(), 90), 0);

  // The oracle: the three numbers of each pixel by hand.
  const double mean[] = {0.5, 0.4, 0.3}, deviation[] = {0.25, 0.2, 0.5};
  auto answer = [&](const std::string& file, bool normalised, const std::vector<std::string>& classes) {
    Tensor x = cast(datasets::load_image(file, 3, 32, 32), DType::f32);
    auto v = x.mutable_data<float>();
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(normalised ? (v[i] / 255.0 - mean[i / 1024]) / deviation[i / 1024] : v[i] / 255.0);
    net->train(false);
    const NoGrad off;
    const Tensor p = softmax((*net)(x));
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < 10; ++i) order.emplace_back(-p.at(static_cast<std::int64_t>(i)), i);
    std::sort(order.begin(), order.end());
    std::string text = file + ":";
    for (int i = 0; i < 3; ++i) text += fmt::format("{} {} {:.1f}%", i ? "," : "", classes[order[i].second], -100 * order[i].first);
    return text + "\n";
  };
  const std::vector<std::string> letters{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  for (const char* file : {"photo.png", "photo.jpg"}) {
    const Outcome o = predict({at / "net", at / file}, {{"BONSAI_DATA", at / "none"}});
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.out, answer(at / file, true, letters));
  }
  save_safetensors(at / "silent", view);  // says nothing: x / 255 and CIFAR-10's names
  EXPECT_EQ(predict({at / "silent", at / "photo.png"}).out, answer(at / "photo.png", false, datasets::cifar10_classes));

  auto with = [&](const std::string& key, const std::string& value) {
    Metadata other = said;
    other[key] = value;
    save_safetensors(at / "other", view, other);
    return predict({at / "other", at / "photo.png"});
  };
  refused(with("mean", "0.5,0.4"), "other: its mean has 2 numbers and its deviation 3");
  refused(with("mean", "0.5,x,0"), "other: its mean: \"x\" is not a number");
  refused(with("deviation", "1,0,1"), "other: its deviation 0 is not above 0");
  refused(with("classes", "cat,dog"), "other: takes 3072 numbers and knows 10 classes; the file names 2");
  refused(with("dataset", "mnist"), "other: takes 32 x 32 pixels in colour and not those of mnist");
  refused(with("dataset", "a\nb"), "other: its data set \"a?b\" is not one of");
  refused(with("network", "resnet32"), "other: has no tensor \"layer1.3.conv1.weight\"");
  refused(predict({at / "net", at / "photo.png", "--dataset", "mnist"}), "net: takes 32 x 32 pixels in colour and not those of mnist");
}

TEST(predict, digits_of_any_size) {
  const TemporaryFolder at;
  save_random(at / "net");
  std::vector<std::uint8_t> wide(56 * 28);
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = i % 56 / 2 % 3 == 0 ? 200 : 0;  // pairs of equal columns
  ASSERT_NE(stbi_write_png((at / "wide.png").c_str(), 56, 28, 1, wide.data(), 56), 0);
  const Outcome o = predict({at / "net", at / "wide.png"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Tensor x = cast(datasets::load_image(at / "wide.png", 1, 28, 28), DType::f32) / 255.0;
  const Tensor p = softmax((*nn::network_of(load_safetensors(at / "net")))(x));
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < 10; ++i) best = p.at(i) > p.at(best) ? i : best;
  EXPECT_TRUE(says(o, fmt::format("wide.png: {} {:.1f}%,", best, 100 * p.at(best)))) << o.out;
}

// Damaged pictures end in an answer or in one line.
TEST(predict, damaged_pictures) {
  const TemporaryFolder at;
  save_random(at / "net");
  std::vector<std::uint8_t> pixels(28 * 28);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i / 3);
  ASSERT_NE(stbi_write_png((at / "good.png").c_str(), 28, 28, 1, pixels.data(), 28), 0);
  const std::string good = get(at / "good.png");
  Random r = Random(1).derive("pictures");
  int damaged = 0;
  for (int i = 0; i < 40; ++i) {
    put(at / "hurt.png", mutate(good, r));
    const Outcome o = predict({at / "net", at / "hurt.png"});
    EXPECT_TRUE(o.status == 0 || o.status == 2) << o.status << " " << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), o.status == 2) << o.err;
    damaged += o.status == 2;
  }
  EXPECT_GT(damaged, 10);
}

TEST(predict, help) {
  const Outcome o = predict({"--help"});
  EXPECT_EQ(o.status, 0);
  for (const char* part : {"runs/latest/checkpoints", "white on black", "--example N", "--export FILE", "--sparse-threshold X"})
    EXPECT_TRUE(says(o, part)) << o.out;
}

}  // namespace
}  // namespace bonsai::test
