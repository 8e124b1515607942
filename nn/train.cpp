#include "nn/train.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "nn/recorded_step.h"

namespace bonsai::nn {

Measure evaluate(Module& net, const Tensor& inputs, const Tensor& labels) {
  const std::int64_t n = inputs.size(0);
  require(n > 0 && labels.numel() == n, "evaluate: {} examples and {} labels", n, labels.numel());
  const std::int64_t numbers = std::max<std::int64_t>(1, inputs.numel() / n);  // of one picture; activations are a multiple of them
  const std::int64_t several = numbers <= 1000 ? 1000 : std::clamp<std::int64_t>(400'000 / numbers, 1, 100);
  const std::int64_t chunk = net.any_packed() ? std::min<std::int64_t>(64, several) : several;
  NoGrad off;
  const Evaluating mode(net);
  double loss = 0, correct = 0;
  for (std::int64_t begin = 0; begin < n; begin += chunk) {
    const std::int64_t end = std::min(n, begin + chunk);
    const Tensor y = slice(labels, 0, begin, end), logits = net(slice(inputs, 0, begin, end));
    loss += sum(cast(cross_entropy_each(logits, y), DType::f64)).item();
    correct += sum(cast(equal(argmax(logits), y), DType::i64)).item();
  }
  return {loss / static_cast<double>(n), 100 * correct / static_cast<double>(n)};
}

void estimate_statistics(Module& net, const BatchSource& batches, std::int64_t count) {
  NoGrad off;
  const bool training = net.training();
  net.reset_buffers();
  net.train();
  for (std::int64_t i = 0; i < count; ++i) net(batches(i).inputs);
  net.train(training);
}

void train(Module& net, Optimizer& optimizer, const BatchSource& batches, const TrainOptions& o, const Hooks& hooks) {
  require(o.first >= 0 && o.first <= o.iterations, "train: cannot start at iteration {} of {}", o.first, o.iterations);
  require(o.rate && batches, "train: needs a learning rate (for instance constant(0.1)) and a source of batches");
  auto evaluate_if_due = [&](std::int64_t done) {
    const bool due = o.evaluate_every > 0 && (done % o.evaluate_every == 0 || done == o.iterations);
    if (due && hooks.evaluate) hooks.evaluate(done);
  };
  net.train();
  if (o.evaluate_first && o.evaluate_every > 0 && hooks.evaluate) hooks.evaluate(o.first);
  auto check = [](double loss, std::int64_t i) { require(std::isfinite(loss), "training: the loss is {} at iteration {}; a smaller learning rate may help", loss, i); };
  std::optional<RecordedStep> recorded;  // where one call can start the step, and nobody wants to see into it
  if (RecordedStep::fits(net) && !hooks.after_backward && !o.loss) recorded.emplace(net, optimizer, [](const Tensor& y, const Tensor& labels) { return cross_entropy(y, labels); });
  for (std::int64_t i = o.first; i < o.iterations; ++i) {
    if (hooks.before_step) hooks.before_step(i);
    net.begin_step(i);
    const Batch batch = batches(i);
    const double rate = o.rate(i);
    double value;
    if (recorded) {
      check(value = (*recorded)(batch, rate)[0], i);
    } else {
      const Tensor outputs = net(batch.inputs), loss = o.loss ? o.loss(outputs, batch) : cross_entropy(outputs, batch.labels);
      check(value = loss.item(), i);
      backward(loss);
      if (hooks.after_backward) hooks.after_backward(i);
      optimizer.step(rate);
    }
    if (hooks.after_update) hooks.after_update(i, rate);
    evaluate_if_due(i + 1);
    if (hooks.after_step) hooks.after_step(i + 1, value);
  }
}

const Evaluation& early_stop(const std::vector<Evaluation>& record) {
  require(!record.empty(), "early stop: nothing was evaluated");
  return *std::min_element(record.begin(), record.end(), [](const Evaluation& a, const Evaluation& b) {
    const double x = a.validation.loss, y = b.validation.loss;
    return x < y || (!std::isnan(x) && std::isnan(y));  // NaN is the worst of all
  });
}

}  // namespace bonsai::nn
