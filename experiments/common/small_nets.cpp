#include "experiments/common/small_nets.h"

#include <algorithm>

#include "nn/init.h"
#include "prune/recovery/rewind.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"

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

SmallNet digits_net(const datasets::Dataset& mnist, std::int64_t examples, std::int64_t hidden, double decay) {
  require(mnist.size() >= examples && mnist.inputs.shape() == Shape{mnist.size(), 1, 28, 28}, "digits: needs {} images of 28x28, got {}", examples,
          mnist.inputs.shape());
  NoGrad off;
  const datasets::Dataset first = datasets::take(mnist, arange(examples));
  const Tensor pixels = cast(datasets::as_floats(first), DType::f64);
  SmallNet s{"digits", std::make_unique<nn::Sequential>(), mean(reshape(pixels, {examples, 7, 4, 7, 4}), {2, 4}), first.labels, {}, {}, cross_entropy, decay};
  s.net->add<nn::Flatten>("flatten").add<nn::Linear>("hidden", 49, hidden).add<nn::Tanh>("tanh").add<nn::Linear>("output", hidden, 10);
  s.net->to(DType::f64);
  return s;
}

namespace {

// Puts weights and masks back at the end of a scope, and finds the parameter that weight q belongs to.
class Deletion {
 public:
  Deletion(SmallNet& s, std::int64_t q) : parameters_(s.net->parameters()), before_(prune::snapshot(parameters_)) {
    for (nn::Parameter* p : parameters_) {
      if (q < p->numel()) {
        Tensor mask = ones(p->shape(), DType::u8);
        mask.mutable_data<std::uint8_t>()[q] = 0;
        p->set_mask(mask);
        pruned_ = p;
        return;
      }
      q -= p->numel();
    }
    fail("{}: has no such weight", s.name);
  }
  ~Deletion() {
    pruned_->clear_mask();
    prune::rewind(parameters_, before_);
  }
  Deletion(const Deletion&) = delete;
  const std::vector<nn::Parameter*>& parameters() const { return parameters_; }

 private:
  std::vector<nn::Parameter*> parameters_;
  std::vector<Tensor> before_;
  nn::Parameter* pruned_ = nullptr;
};

double value(const SmallNet& s) {
  NoGrad off;
  return s.objective().item();
}

}  // namespace

double change_alone(SmallNet& s, std::int64_t q) {
  const double before = value(s);
  const Deletion deleted(s, q);
  return value(s) - before;
}

double change_compensated(SmallNet& s, std::int64_t q) {
  const double before = value(s);
  nn::Flat whole(s.net->parameters());
  const Tensor inverse = prune::damped_inverse(whole.hessian(s.objective())).inverse, w = whole.values();
  const Tensor moved = w + prune::obs_change(w, inverse, q);
  const Deletion deleted(s, q);
  const double from_here = s.minimise().loss;
  whole.set(moved);
  return std::min(from_here, s.minimise().loss) - before;
}

double change_settled(SmallNet& s, const Tensor& inverse, std::int64_t q) {
  const double before = value(s);
  nn::Flat whole(s.net->parameters());
  const Tensor w = whole.values(), moved = w + prune::obs_change(w, inverse, q);
  Tensor without = clone(inverse);
  prune::forget_weight(without, q);
  const Deletion deleted(s, q);
  whole.set(moved);
  const Tensor others = nn::Flat(deleted.parameters()).places();
  const Tensor small = index_select(index_select(without, others, 0), others, 1);
  return nn::settle([&] { return s.objective(); }, deleted.parameters(), small, 1e-7).loss - before;
}

int train_to_minimum(SmallNet& s, Random random, double wanted, int good) {
  constexpr int most = 50;
  const std::vector<nn::Parameter*> parameters = s.net->parameters();
  std::vector<Tensor> best;
  double lowest = 0;
  for (int training = 0, reached = 0; training < most; ++training) {
    nn::initialize(*s.net, {nn::Fan::glorot, nn::Distribution::normal}, random.derive(static_cast<std::uint64_t>(training)));
    const nn::Minimum m = s.minimise();
    if (!m.converged || s.train_accuracy() < wanted) continue;
    if (best.empty() || m.loss < lowest) {
      best = prune::snapshot(parameters);
      lowest = m.loss;
    }
    if (++reached == good) {
      prune::rewind(parameters, best);
      return training + 1 - reached;
    }
  }
  fail("{}: fewer than {} of {} trainings reached {:.1f}% on the training examples; another seed may", s.name, good, most, wanted);
}

}  // namespace bonsai::experiments
