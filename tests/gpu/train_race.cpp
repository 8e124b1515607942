// Our training steps on a GPU, beside PyTorch's (tests/peers/gpu.py, the same networks, batches and optimizers, in the same run): one line each,
//
//   NAME MODE milliseconds
//
// eager: kernel after kernel, as they are started; graph: recorded once and played (core/recording.h); train: what the training loop does, which uploads a batch, plays, and reads
// the loss. The median of five runs. cuda/check.sh builds and runs it.
//
//   train_race [cuda|emulator] [steps a run] [lenet]      lenet: the small networks alone
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/recording.h"
#include "cuda/device.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/recorded_step.h"
#include "nn/together.h"

namespace {

using namespace bonsai;

int steps_a_run = 100;

// Of one step, in milliseconds.
void print_time(const std::string& name, const char* mode, const std::function<void()>& step) {
  const auto wait = [] { device_functions(Device::cuda).wait(); };
  for (int i = 0; i < std::min(steps_a_run, 10); ++i) step();
  std::vector<double> all(5);
  for (double& t : all) {
    wait();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < steps_a_run; ++i) step();
    wait();
    t = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count() / steps_a_run;
  }
  std::sort(all.begin(), all.end());
  std::printf("%-24s %-6s %9.4f\n", name.c_str(), mode, all[2]);
  std::fflush(stdout);
}

using Loss = nn::RecordedStep::Loss;

void race(const std::string& name, nn::Module& net, nn::Optimizer& optimizer, const Batch& batch, double rate, const Loss& loss) {
  net.train();
  auto step = [&] {
    const Tensor l = loss(net(batch.inputs), batch.labels);
    backward(l.numel() == 1 ? l : sum(l));
    optimizer.apply();
  };
  // Played again, a step must leave its running statistics where it found them (nn/recorded_step.cpp does the same).
  std::vector<Tensor> buffers;
  for (auto& [buffer_name, b] : net.buffers()) buffers.push_back(*b);
  auto step_in_place = [&] {
    step();
    std::size_t i = 0;
    for (auto& [buffer_name, b] : net.buffers()) {
      if (!b->shares_storage(buffers[i])) copy_into(buffers[i], *b), *b = buffers[i];
      ++i;
    }
  };
  optimizer.prepare(rate);
  print_time(name, "eager", [&] { optimizer.prepare(rate), step(); });
  {
    Recording recording(Device::cuda, step_in_place);
    print_time(name, "graph", [&] { recording.play(); });
  }
  nn::RecordedStep train(net, optimizer, loss);
  print_time(name, "train", [&] { train(batch, rate); });
}

Batch batch_of(const Shape& inputs, std::int64_t labels) {
  const Random random(7);
  return {random.derive("inputs").uniform(inputs, 0, 1), cast(random.derive("labels").uniform({labels}, 0, 10), DType::i64)};
}

std::unique_ptr<nn::Sequential> made(const std::string& name, std::uint64_t seed) {
  auto net = nn::network(name);
  nn::initialize(*net, {name == "lenet_300_100" ? nn::Fan::glorot : nn::Fan::he}, Random(seed));
  return net;
}

void lenets(std::int64_t count) {
  std::vector<std::unique_ptr<nn::Sequential>> nets;
  std::vector<nn::Sequential*> members;
  for (std::int64_t i = 0; i < count; ++i) nets.push_back(made("lenet_300_100", static_cast<std::uint64_t>(i))), members.push_back(nets.back().get());
  if (count == 1) {
    nn::Adam optimizer(nets[0]->parameters());
    return race("lenet_300_100 x1", *nets[0], optimizer, batch_of({60, 784}, 60), 1.2e-3, [](const Tensor& y, const Tensor& labels) { return cross_entropy(y, labels); });
  }
  nn::Together net(members);
  nn::Adam optimizer(net.parameters());
  net.gather();
  Batch batch = batch_of({count, 60, 784}, count * 60);
  race(fmt::format("lenet_300_100 x{}", count), net, optimizer, batch, 1.2e-3, [count](const Tensor& y, const Tensor& labels) {
    return mean(reshape(cross_entropy_each(reshape(y, {count * 60, 10}), labels), {count, 60}), {1});
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::printf("bonsai on %s\n", cuda::use_device(argc > 1 ? argv[1] : "cuda").c_str());
    if (argc > 2) steps_a_run = std::stoi(argv[2]);
    for (const bool tf32 : {false, true}) {
      cuda::set_option(cuda::Option::tf32, tf32);
      std::printf("%s\n", tf32 ? "TF32 allowed" : "f32");
      lenets(1), lenets(10);
      if (argc > 3) continue;
      for (const auto& [name, batch] : {std::pair<const char*, std::int64_t>{"resnet20", 128}, {"vgg19", 64}}) {
        const auto net = made(name, 1);
        nn::SGD optimizer(net->parameters(), {.momentum = 0.9});
        race(name, *net, optimizer, batch_of({batch, 3, 32, 32}, batch), 0.01, [](const Tensor& y, const Tensor& labels) { return cross_entropy(y, labels); });
      }
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "train_race: %s\n", e.what());
    return 2;
  }
}
