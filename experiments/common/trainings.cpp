#include "experiments/common/trainings.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <sstream>

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

// A record goes from its start to `last`, in steps of the evaluation's interval.
void check_iterations(const std::vector<nn::Evaluation>& record, std::int64_t last, std::int64_t every) {
  bool good = !record.empty() && record.back().iteration == last;
  for (std::size_t i = 1; i < record.size(); ++i) {
    const std::int64_t before = record[i - 1].iteration;
    good &= before < last && record[i].iteration == std::min(last, (before / every + 1) * every);
  }
  require(good, "its rows are not complete");
}

// Reads what an earlier run has left. Whatever is wrong with it ends in one line that names the file and says what to
// do.
template <class F>
auto taking_over(const fs::path& file, F&& read) {
  try {
    return read();
  } catch (const std::exception& e) {
    fail("{}: cannot be taken over ({}); start again in another folder with --out", file.string(), e.what());
  }
}

std::int64_t iteration_of(const SafeTensors& file) {
  const auto it = file.metadata.find("iteration");
  const std::string text = it == file.metadata.end() ? "" : it->second;
  std::int64_t i = -1;
  std::from_chars(text.data(), text.data() + text.size(), i);
  require(i >= 0 && fmt::format("{}", i) == text, "it does not say which iteration it is of");
  return i;
}

}  // namespace

double density(const std::vector<Tensor>& values, const std::vector<Tensor>& masks) {
  std::int64_t kept = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].rank() < 2) continue;
    all += values[i].numel();
    if (i >= masks.size() || !masks[i].defined())
      kept += values[i].numel();
    else
      for (std::uint8_t m : masks[i].data<std::uint8_t>()) kept += m;
  }
  return all == 0 ? 1 : static_cast<double>(kept) / static_cast<double>(all);
}

std::string to_csv(const TrainingId& id, double density, const std::vector<nn::Evaluation>& record) {
  std::string rows;
  for (const nn::Evaluation& e : record)
    rows += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", id.trial, id.arm, id.repeat, id.level, density, e.iteration,
                        e.validation.loss, e.validation.accuracy, e.test.loss, e.test.accuracy);
  return rows;
}

Rows from_csv(const TrainingId& id, const std::string& rows) {
  Rows r{1, {}};
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);) {
    std::vector<double> numbers;  // from the fifth cell on: density, iteration, ...
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; std::getline(cells, cell, ','); ++i)
      if (i >= 4) std::from_chars(cell.data(), cell.data() + cell.size(), numbers.emplace_back(0));
    numbers.resize(6);
    r.density = numbers[0];
    const bool whole = numbers[1] >= 0 && numbers[1] < 1e15;
    r.record.push_back(
        {whole ? static_cast<std::int64_t>(numbers[1]) : -1, {numbers[2], numbers[3]}, {numbers[4], numbers[5]}});
  }
  require(to_csv(id, r.density, r.record) == rows, "its rows are damaged");  // written again, they must be the same
  return r;
}

Trainings::Trainings(const Recipe& recipe, RunFolder& folder, Progress& progress, const std::vector<TrainingId>& ids,
                     const std::vector<TrainingId>& before)
    : recipe_(recipe), folder_(folder), progress_(progress) {
  std::vector<std::string> names;
  for (const TrainingId& id : before) names.push_back(id.str());
  for (const TrainingId& id : ids) {
    names.push_back(id.str());
    several_trials_ |= id.trial > 0;
    several_repeats_ |= id.repeat > 0;
  }
  folder.plan_results(csv_header, names);
  for (const TrainingId& id : ids)
    if (const std::string rows = folder.part(id.str()); !rows.empty()) {
      taking_over(folder.file("parts/" + id.str() + ".csv"), [&] {
        const std::vector<nn::Evaluation> record = from_csv(id, rows).record;
        check_iterations(record, recipe.iterations, recipe.evaluate_every);
      });
    }
  folder.write_results();
}

// "ticket, level 3, 51.28% of the weights"; trial and repeat only where there are several.
std::string Trainings::title(const TrainingId& id, double kept_fraction) const {
  std::string t = several_trials_ ? fmt::format("trial {}, ", id.trial) : "";
  t += id.level == 0 ? "dense network"
                     : fmt::format("{}, level {}, {:.2f}% of the weights", id.arm, id.level, 100 * kept_fraction);
  return t + (several_repeats_ && id.arm == "reinit" ? fmt::format(", repeat {}", id.repeat) : "");
}

double seconds_for(const Recipe& recipe, BatchSource batches, std::int64_t trainings, std::int64_t steps,
                   const std::vector<double>& densities) {
  double step = 0, evaluation = 0;
  for (const double d : densities) {
    auto net = recipe.network();
    for (nn::Parameter* p : net->parameters())
      if (p->shape().rank() >= 2 && d < 1) p->set_mask(cast(Random(1).derive(p->name()).bernoulli(p->shape(), d), DType::u8));
    nn::choose_forms(*net, recipe.sparse_threshold);
    auto optimizer = recipe.optimizer(net->parameters());
    nn::train(*net, *optimizer, batches,
              {.iterations = 10, .rate = recipe.rate});  // the first steps fill caches and pools
    const auto t0 = Clock::now();
    nn::train(*net, *optimizer, batches, {.first = 10, .iterations = 40, .rate = recipe.rate});
    step += seconds_since(t0) / 30;
    const auto t1 = Clock::now();
    nn::evaluate(*net, recipe.validation.inputs, recipe.validation.labels);
    nn::evaluate(*net, recipe.test.inputs, recipe.test.labels);
    evaluation += seconds_since(t1);
  }
  const auto evaluations = trainings + steps / recipe.evaluate_every;
  return (static_cast<double>(steps) * step + static_cast<double>(evaluations) * evaluation) / static_cast<double>(densities.size());
}

std::vector<double> densities_of_levels(double rate, std::int64_t rounds) {
  std::vector<double> all;
  for (std::int64_t level = 0; level <= rounds; level += 3) all.push_back(std::pow(1 - rate, static_cast<double>(level)));
  return all;
}

Training Trainings::run(const TrainingId& id, const Start& start) const {
  const auto began = Clock::now();
  const fs::path final_file = folder_.file("checkpoints/" + id.str() + ".safetensors");
  const fs::path kept_file =
      folder_.file("checkpoints/" + id.str() + fmt::format("-step{}.safetensors", start.keep_values_at));
  const fs::path partial_file = folder_.file("parts/" + id.str() + ".safetensors");
  const double kept_fraction = start.density.value_or(density(start.values, start.masks));
  const auto& network = start.network ? start.network : recipe_.network;
  const std::string name = start.title.empty() ? title(id, kept_fraction) : start.title;

  auto net = network();
  const std::vector<nn::Parameter*> parameters = net->parameters();
  prune::set_masks(parameters, start.masks);
  std::string packed;
  if (!start.during)  // (else the masks are still to change)
    for (const nn::ChosenForm& c : nn::choose_forms(*net, recipe_.sparse_threshold))
      if (c.form == nn::Form::packed) packed += (packed.empty() ? "" : " ") + c.parameter;
  prune::rewind(parameters, start.values);
  if (!start.buffers.empty()) prune::set_buffers(*net, start.buffers);
  const std::unique_ptr<prune::During> during = start.during ? start.during(*net) : nullptr;

  Training result;
  auto load_values = [&](const fs::path& file) {
    return taking_over(file, [&] {
      std::vector<Tensor> values = values_in(load_safetensors(file), *net);
      prune::rewind(network()->parameters(), values);  // do they fit?
      return values;
    });
  };

  auto load_kept = [&] {
    result.kept_values = load_values(kept_file);
    result.kept_buffers = taking_over(kept_file, [&] { return buffers_in(load_safetensors(kept_file), *net); });
  };

  // An earlier run finished this training: take what it left.
  if (const std::string rows = folder_.part(id.str()); !rows.empty()) {
    result.record = from_csv(id, rows).record;
    if (start.keep_final) {
      result.final_values = load_values(final_file);
      result.final_masks = masks_in(load_safetensors(final_file), *net);
      result.final_buffers = buffers_in(load_safetensors(final_file), *net);
    }
    if (start.keep_values_at >= 0) load_kept();
    fs::remove(partial_file);  // the kill may have come just before this
    progress_.skip(recipe_.iterations - start.iteration);
    progress_.finish_item(name + ": finished before");
    return result;
  }

  auto optimizer = recipe_.optimizer(parameters);
  nn::TrainOptions options{.first = start.iteration,
                           .iterations = recipe_.iterations,
                           .rate = recipe_.rate,
                           .evaluate_every = recipe_.evaluate_every,
                           .loss = start.loss};

  // An earlier run was stopped in the middle of it: go on from its last save.
  if (fs::exists(partial_file)) {
    taking_over(partial_file, [&] {
      const SafeTensors saved = load_safetensors(partial_file);
      std::vector<std::pair<std::string, Tensor>> state;
      for (const NamedTensor& t : saved.tensors) state.emplace_back(t.name, t.value);
      if (during) prune::set_masks(parameters, masks_in(saved, *net));
      prune::rewind(parameters, values_in(saved, *net));
      prune::set_buffers(*net, buffers_in(saved, *net));
      optimizer->load_state(state);
      if (during) during->load_state(state);
      options.first = iteration_of(saved);
      options.evaluate_first = false;
      require(options.first > start.iteration && options.first < recipe_.iterations && saved.metadata.contains("rows"),
              "it is not of this training");
      result.record = from_csv(id, saved.metadata.at("rows")).record;
    });
    if (start.keep_values_at >= 0 && start.keep_values_at < options.first) load_kept();
    progress_.skip(options.first - start.iteration);
  }

  auto keep_values_if_due = [&](std::int64_t iteration) {
    if (iteration != start.keep_values_at) return;
    result.kept_values = prune::snapshot(parameters);
    result.kept_buffers = prune::snapshot_buffers(*net);
    save_safetensors(kept_file, dense_view(*net), {{"iteration", fmt::format("{}", iteration)}});
  };

  double evaluating = 0;
  std::int64_t counted = options.first;
  nn::Hooks hooks{
      .before_step =
          [&](std::int64_t i) {
            keep_values_if_due(i);
            if (during) during->before_step(i);
          },
      .after_update =
          [&](std::int64_t i, double rate) {
            if (during) during->after_update(i, rate);
          },
      .evaluate =
          [&](std::int64_t done) {
            const auto t = Clock::now();
            result.record.push_back({done, nn::evaluate(*net, recipe_.validation.inputs, recipe_.validation.labels),
                                     nn::evaluate(*net, recipe_.test.inputs, recipe_.test.labels)});
            evaluating += seconds_since(t);
          },
      .after_step =
          [&](std::int64_t done, double loss) {
            if (done % 20 == 0 || done == recipe_.iterations) {
              progress_.advance(done - counted,
                                fmt::format("{}: step {}/{}, loss {:.4f}", name, done, recipe_.iterations, loss));
              counted = done;
            }
            if (done % recipe_.checkpoint_every == 0 && done < recipe_.iterations)
              save_safetensors(
                  partial_file, dense_view(*net, optimizer.get(), during.get()),
                  {{"iteration", fmt::format("{}", done)}, {"rows", to_csv(id, kept_fraction, result.record)}});
          }};
  if (during) hooks.after_backward = [&](std::int64_t i) { during->after_backward(i); };
  nn::train(*net, *optimizer, start.batches, options, hooks);

  if (during) during->finish();
  const std::vector<Tensor> masks = prune::masks_of(parameters);
  const double left = start.density.value_or(density(start.values, masks));
  if (start.keep_final) {
    result.final_values = prune::snapshot(parameters);
    result.final_masks = masks;
    result.final_buffers = prune::snapshot_buffers(*net);
    Metadata about = start.about;
    about.insert({{"iteration", fmt::format("{}", recipe_.iterations)}, {"density", fmt::format("{}", left)}, {"packed", packed}});
    save_safetensors(final_file, dense_view(*net), about);
  }
  folder_.add_part(id.str(), to_csv(id, left, result.record));
  fs::remove(partial_file);
  folder_.add_time("training", seconds_since(began) - evaluating);
  folder_.add_time("evaluation", evaluating);
  const nn::Evaluation& best = nn::early_stop(result.record);
  const std::string at_best =
      during ? ""  // the lowest loss may lie before the pruning
             : fmt::format(", {:.2f}% where the validation loss is lowest (iteration {})", best.test.accuracy, best.iteration);
  progress_.finish_item(fmt::format("{}: test accuracy {:.2f}% at the end{}", name, result.record.back().test.accuracy, at_best));
  return result;
}

}  // namespace bonsai::experiments
