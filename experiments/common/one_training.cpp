#include "experiments/common/one_training.h"

#include <charconv>

#include "core/safetensors.h"
#include "nn/forms.h"
#include "prune/recovery/rewind.h"

namespace bonsai::experiments {
namespace {

namespace fs = std::filesystem;

// The network's weights, masks and, in the middle of a training, the optimizer's state and the pruning's: "fc1.weight",
// "fc1.weight.mask", "optimizer.fc1.weight.m".
std::vector<NamedTensor> dense_view(nn::Module& net, const nn::Optimizer* optimizer = nullptr,
                                    const prune::During* during = nullptr) {
  std::vector<NamedTensor> all;
  for (nn::Parameter* p : net.parameters()) {
    all.push_back({p->name(), p->dense_values()});
    if (const Tensor mask = p->dense_mask(); mask.defined()) all.push_back({p->name() + ".mask", mask});
  }
  for (auto& [name, b] : net.buffers()) all.push_back({name, *b});
  if (optimizer)
    for (auto& [name, t] : optimizer->state()) all.push_back({name, t});
  if (during)
    for (auto& [name, t] : during->state()) all.push_back({name, t});
  return all;
}

std::vector<Tensor> masks_in(const SafeTensors& file, nn::Module& net) {
  std::vector<Tensor> masks;
  for (nn::Parameter* p : net.parameters()) {
    const Tensor* mask = file.find(p->name() + ".mask");
    masks.push_back(mask ? *mask : Tensor());
  }
  return masks;
}

std::vector<Tensor> values_in(const SafeTensors& file, nn::Module& net) {
  std::vector<Tensor> values;
  for (nn::Parameter* p : net.parameters()) values.push_back(file.at(p->name()));
  return values;
}

std::vector<Tensor> buffers_in(const SafeTensors& file, nn::Module& net) {
  std::vector<Tensor> buffers;
  for (auto& [name, b] : net.buffers()) {
    const Tensor& t = file.at(name);
    require(t.shape() == b->shape() && t.dtype() == b->dtype(), "\"{}\" is {} {}; it must be {} {}", name, bonsai::name(t.dtype()), t.shape(),
            bonsai::name(b->dtype()), b->shape());
    buffers.push_back(t);
  }
  return buffers;
}

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

std::int64_t iteration_of(const SafeTensors& file) {
  const auto it = file.metadata.find("iteration");
  const std::string text = it == file.metadata.end() ? "" : it->second;
  std::int64_t i = -1;
  std::from_chars(text.data(), text.data() + text.size(), i);
  require(i >= 0 && fmt::format("{}", i) == text, "it does not say which iteration it is of");
  return i;
}

}  // namespace

Trainings::One::One(const Trainings& all, const TrainingId& id, const Start& start, bool packing)
    : all_(all), id_(id), start_(start), final_file_(file("checkpoints/" + id.str() + ".safetensors")),
      kept_file_(file("checkpoints/" + id.str() + fmt::format("-step{}.safetensors", start.keep_values_at))),
      partial_file_(file("parts/" + id.str() + ".safetensors")) {
  const Recipe& recipe = all.recipe_;
  kept_fraction_ = start.density.value_or(density(start.values, start.masks));
  name_ = start.title.empty() ? all.title(id, kept_fraction_) : start.title;
  net = (start.network ? start.network : recipe.network)();
  parameters_ = net->parameters();
  prune::set_masks(parameters_, start.masks);
  if (packing && !start.during)  // (else the masks are still to change)
    for (const nn::ChosenForm& c : nn::choose_forms(*net, recipe.sparse_threshold))
      if (c.form == nn::Form::packed) packed_ += (packed_.empty() ? "" : " ") + c.parameter;
  prune::rewind(parameters_, start.values);
  if (!start.buffers.empty()) prune::set_buffers(*net, start.buffers);
  if (start.during) during_ = start.during(*net);
  batches = start.batches;

  if (const std::string rows = all.folder_.part(id.str()); !rows.empty()) {
    take_over_finished(rows);
    return;
  }
  optimizer = recipe.optimizer(parameters_);
  options = {.first = start.iteration,
             .iterations = recipe.iterations,
             .rate = recipe.rate,
             .evaluate_every = recipe.evaluate_every,
             .loss = start.loss};
  if (fs::exists(partial_file_)) take_up();
  counted_ = options.first;
}

std::vector<Tensor> Trainings::One::load_values(const fs::path& from) const {
  return taking_over(from, [&] {
    std::vector<Tensor> values = values_in(load_safetensors(from), *net);
    prune::rewind((start_.network ? start_.network : all_.recipe_.network)()->parameters(), values);  // do they fit?
    return values;
  });
}

void Trainings::One::load_kept() {
  result_.kept_values = load_values(kept_file_);
  result_.kept_buffers = taking_over(kept_file_, [&] { return buffers_in(load_safetensors(kept_file_), *net); });
}

// An earlier run finished this training: take what it left.
void Trainings::One::take_over_finished(const std::string& rows) {
  result_.record = from_csv(id_, rows).record;
  if (start_.keep_final) {
    result_.final_values = load_values(final_file_);
    result_.final_masks = masks_in(load_safetensors(final_file_), *net);
    result_.final_buffers = buffers_in(load_safetensors(final_file_), *net);
  }
  if (start_.keep_values_at >= 0) load_kept();
  fs::remove(partial_file_);  // the kill may have come just before this
  all_.progress_.skip(all_.recipe_.iterations - start_.iteration);
  all_.progress_.finish_item(name_ + ": finished before");
  finished_ = true;
}

// An earlier run was stopped in the middle of it: go on from its last save.
void Trainings::One::take_up() {
  taking_over(partial_file_, [&] {
    const SafeTensors saved = load_safetensors(partial_file_);
    std::vector<std::pair<std::string, Tensor>> state;
    for (const NamedTensor& t : saved.tensors) state.emplace_back(t.name, t.value);
    if (during_) prune::set_masks(parameters_, masks_in(saved, *net));
    prune::rewind(parameters_, values_in(saved, *net));
    prune::set_buffers(*net, buffers_in(saved, *net));
    optimizer->load_state(state);
    if (during_) during_->load_state(state);
    options.first = iteration_of(saved);
    options.evaluate_first = false;
    require(options.first > start_.iteration && options.first < all_.recipe_.iterations && saved.metadata.contains("rows"),
            "it is not of this training");
    result_.record = from_csv(id_, saved.metadata.at("rows")).record;
  });
  if (start_.keep_values_at >= 0 && start_.keep_values_at < options.first) load_kept();
  all_.progress_.skip(options.first - start_.iteration);
}

void Trainings::One::keep_values_if_due(std::int64_t iteration) {
  if (iteration != start_.keep_values_at) return;
  result_.kept_values = prune::snapshot(parameters_);
  result_.kept_buffers = prune::snapshot_buffers(*net);
  save_safetensors(kept_file_, dense_view(*net), {{"iteration", fmt::format("{}", iteration)}});
}

void Trainings::One::after_step(std::int64_t done, double loss) {
  const Recipe& recipe = all_.recipe_;
  if (done % 20 == 0 || done == recipe.iterations) {
    all_.progress_.advance(done - counted_, fmt::format("{}: step {}/{}, loss {:.4f}", name_, done, recipe.iterations, loss));
    counted_ = done;
  }
  if (done % recipe.checkpoint_every == 0 && done < recipe.iterations)
    save_safetensors(partial_file_, dense_view(*net, optimizer.get(), during_.get()),
                     {{"iteration", fmt::format("{}", done)}, {"rows", to_csv(id_, kept_fraction_, result_.record)}});
}

nn::Hooks Trainings::One::hooks() {
  nn::Hooks h{.before_step = [this](std::int64_t i) { keep_values_if_due(i); },
              .evaluate =
                  [this](std::int64_t done) {
                    const Recipe& recipe = all_.recipe_;
                    const auto t = Clock::now();
                    result_.record.push_back({done, nn::evaluate(*net, recipe.validation.inputs, recipe.validation.labels),
                                              nn::evaluate(*net, recipe.test.inputs, recipe.test.labels)});
                    evaluating_ += seconds_since(t);
                  },
              .after_step = [this](std::int64_t done, double loss) { after_step(done, loss); }};
  if (!during_) return h;
  h.before_step = [this](std::int64_t i) { keep_values_if_due(i), during_->before_step(i); };
  h.after_backward = [this](std::int64_t i) { during_->after_backward(i); };
  h.after_update = [this](std::int64_t i, double rate) { during_->after_update(i, rate); };
  return h;
}

Training Trainings::One::finish() {
  if (finished_) return std::move(result_);
  if (during_) during_->finish();
  const std::vector<Tensor> masks = prune::masks_of(parameters_);
  const double left = start_.density.value_or(density(start_.values, masks));
  if (start_.keep_final) {
    result_.final_values = prune::snapshot(parameters_);
    result_.final_masks = masks;
    result_.final_buffers = prune::snapshot_buffers(*net);
    Metadata about = start_.about;
    about.insert({{"iteration", fmt::format("{}", all_.recipe_.iterations)}, {"density", fmt::format("{}", left)}, {"packed", packed_}});
    save_safetensors(final_file_, dense_view(*net), about);
  }
  all_.folder_.add_part(id_.str(), to_csv(id_, left, result_.record));
  fs::remove(partial_file_);
  all_.folder_.add_time("training", seconds_since(began_) - evaluating_);
  all_.folder_.add_time("evaluation", evaluating_);
  const nn::Evaluation& best = nn::early_stop(result_.record);
  const std::string at_best =
      during_ ? ""  // the lowest loss may lie before the pruning
              : fmt::format(", {:.2f}% where the validation loss is lowest (iteration {})", best.test.accuracy, best.iteration);
  all_.progress_.finish_item(fmt::format("{}: test accuracy {:.2f}% at the end{}", name_, result_.record.back().test.accuracy, at_best));
  return std::move(result_);
}

}  // namespace bonsai::experiments
