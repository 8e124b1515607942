#include "experiments/common/small_nets.h"

#include "nn/init.h"

namespace bonsai::experiments {

Tensor half_squared_error(const Tensor& outputs, const Tensor& targets) {
  const Tensor d = outputs - targets;
  return sum(d * d) * (0.5 / static_cast<double>(outputs.size(0)));
}

Tensor SmallNet::objective() const { return prune::objective(score_inputs(), name.c_str()); }

prune::ScoreInputs SmallNet::score_inputs() const {
  return {.parameters = net->parameters(), .net = net.get(), .inputs = inputs, .targets = targets, .loss = loss, .weight_decay = decay};
}

double SmallNet::accuracy(const Tensor& x, const Tensor& y) const {
  NoGrad off;
  const Tensor outputs = (*net)(x);
  const Tensor right = y.dtype() == DType::i64 ? equal(argmax(outputs), y) : equal(cast(greater(outputs, number(0.5, outputs)), DType::f64), y);
  return 100 * sum(cast(right, DType::f64)).item() / static_cast<double>(y.numel());
}

SmallNet sigmoid_net(std::string name, std::int64_t hidden, double decay, const Tensor& inputs, const Tensor& labels) {
  SmallNet s{std::move(name), std::make_unique<nn::Sequential>(), cast(inputs, DType::f64), reshape(cast(labels, DType::f64), {labels.numel(), 1}), {}, {},
             half_squared_error, decay};
  s.net->add<nn::Linear>("hidden", inputs.size(1), hidden).add<nn::Tanh>("tanh");
  s.net->add<nn::Linear>("output", hidden, 1).add<nn::Sigmoid>("sigmoid");
  s.net->to(DType::f64);
  return s;
}

SmallNet monks_net(const datasets::Monks& data, std::string name, std::int64_t hidden, double decay) {
  SmallNet s = sigmoid_net(std::move(name), hidden, decay, data.train.inputs, data.train.labels);
  s.test_inputs = cast(data.test.inputs, DType::f64);
  s.test_targets = reshape(cast(data.test.labels, DType::f64), {data.test.size(), 1});
  return s;
}

int train_to_minimum(SmallNet& s, Random random, double wanted) {
  constexpr int most = 50;
  for (int restart = 0; restart < most; ++restart) {
    nn::initialize(*s.net, {nn::Fan::glorot, nn::Distribution::normal}, random.derive(static_cast<std::uint64_t>(restart)));
    if (s.minimise().converged && s.train_accuracy() >= wanted) return restart;
  }
  fail("{}: none of {} trainings reached {:.1f}% on the training examples; another seed may", s.name, most, wanted);
}

}  // namespace bonsai::experiments
