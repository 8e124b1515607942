// Files of networks from which channels were cut: smaller by as much as the network is, and read back with the same bits.
#include "nn/network_file.h"
#include "nn/networks.h"
#include "prune/structure/select_channels.h"
#include "prune/structure/surgery.h"
#include "tests/files_support.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::vector<NamedTensor> dense_tensors(nn::Module& net) {
  std::vector<NamedTensor> all;
  for (const nn::Parameter* p : net.parameters()) all.push_back({p->name(), p->dense_values()});
  for (auto& [name, b] : net.buffers()) all.push_back({name, *b});
  return all;
}

TEST(CutFile, HoldsTheSmallerNetworkAndIsReadBack) {
  for (const char* name : {"lenet5", "resnet20"}) {
    const TemporaryFolder at;
    auto net = nn::network(name);
    fill(*net);
    const Tensor x = noise(1, name[0] == 'l' ? Shape{2, 1, 28, 28} : Shape{2, 3, 32, 32}, 1, DType::f32);
    const Channels channels(*net, x);
    std::vector<double> scores(channels.units());
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<double>(i * 7919 % 1009);
    save_safetensors(at.path() / "dense.safetensors", dense_tensors(*net), {{"network", name}});
    const ChannelChoice choice = choose_channels(channels, scores, {.channel_ratio = 0.5});
    mask_units(channels, choice.units);
    cut(*net, x);
    for (nn::Parameter* p : net->parameters()) p->clear_mask();
    save_safetensors(at.path() / "cut.safetensors", dense_tensors(*net), {{"network", name}, {"cut", "by a test"}});
    const double smaller = static_cast<double>(std::filesystem::file_size(at.path() / "cut.safetensors")) / static_cast<double>(std::filesystem::file_size(at.path() / "dense.safetensors"));
    EXPECT_NEAR(smaller, 1 - choice.parameter_ratio, 0.02) << name;

    const auto back = nn::network_of(load_safetensors(at.path() / "cut.safetensors"));
    NoGrad off;
    const nn::Evaluating one(*net), two(*back);
    EXPECT_TRUE(same_bits((*back)(x), (*net)(x))) << name;

    save_safetensors(at.path() / "silent.safetensors", dense_tensors(*net), {{"network", name}});
    EXPECT_TRUE(refuses([&] { nn::network_of(load_safetensors(at.path() / "silent.safetensors")); }, {"silent.safetensors", "does not fit", "conv1"}));
    auto more = dense_tensors(*net);
    more[0].value = ones({99, more[0].value.size(1), more[0].value.size(2), more[0].value.size(3)});
    save_safetensors(at.path() / "more.safetensors", more, {{"network", name}, {"cut", ""}});
    EXPECT_TRUE(refuses([&] { nn::network_of(load_safetensors(at.path() / "more.safetensors")); }, {"more.safetensors", "\"conv1.weight\" (99,", "before anything is cut out"}));
  }
}

}  // namespace
}  // namespace bonsai::prune
