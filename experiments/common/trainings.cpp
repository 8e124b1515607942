#include "experiments/common/trainings.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/safetensors.h"
#include "prune/recovery/rewind.h"

namespace bonsai::experiments {
namespace {

namespace fs = std::filesystem;

// The network's weights, masks and, if there is one, the optimizer's state, under the names that DESIGN gives them.
std::vector<NamedTensor> dense_view(nn::Module& net, const nn::Optimizer* optimizer) {
  std::vector<NamedTensor> all;
  for (nn::Parameter* p : net.parameters()) {
    all.push_back({p->name(), p->leaf().detach()});
    if (p->is_masked()) all.push_back({p->name() + ".mask", p->mask()});
  }
  for (auto& [name, b] : net.buffers()) all.push_back({name, *b});
  if (optimizer)
    for (auto& [name, t] : optimizer->state()) all.push_back({name, t});
  return all;
}

std::vector<Tensor> values_in(const SafeTensors& file, nn::Module& net) {
  std::vector<Tensor> values;
  for (nn::Parameter* p : net.parameters()) values.push_back(file.at(p->name()));
  return values;
}

double seconds_since(std::chrono::steady_clock::time_point t) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count(); }

}  // namespace

double density(const std::vector<Tensor>& values, const std::vector<Tensor>& masks) {
  std::int64_t kept = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].rank() < 2) continue;
    all += values[i].numel();
    if (i >= masks.size() || !masks[i].defined()) kept += values[i].numel();
    else
      for (std::uint8_t m : masks[i].data<std::uint8_t>()) kept += m;
  }
  return all == 0 ? 1 : static_cast<double>(kept) / static_cast<double>(all);
}

std::string to_csv(const TrainingId& id, double density, const std::vector<nn::Evaluation>& record) {
  std::string rows;
  for (const nn::Evaluation& e : record)
    rows += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", id.trial, id.arm, id.repeat, id.level, density, e.iteration, e.validation.loss,
                        e.validation.accuracy, e.test.loss, e.test.accuracy);
  return rows;
}

namespace {
std::vector<double> numbers_in(const std::string& row) {
  std::vector<double> fields;
  std::istringstream cells(row);
  for (std::string cell; std::getline(cells, cell, ',');) fields.push_back(std::strtod(cell.c_str(), nullptr));
  require(fields.size() == 10, "results: cannot read the row \"{}\"; start again in another folder with --out", row);
  return fields;
}
}  // namespace

std::vector<nn::Evaluation> from_csv(const std::string& rows) {
  std::vector<nn::Evaluation> record;
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<double> f = numbers_in(line);
    record.push_back({static_cast<std::int64_t>(f[5]), {f[6], f[7]}, {f[8], f[9]}});
  }
  return record;
}

double csv_density(const std::string& rows) { return numbers_in(rows.substr(0, rows.find('\n')))[4]; }

Training Trainings::run(const TrainingId& id, const Start& start) const {
  const auto began = std::chrono::steady_clock::now();
  const fs::path final_file = folder_.file("checkpoints/" + id.str() + ".safetensors");
  const fs::path kept_file = folder_.file("checkpoints/" + id.str() + fmt::format("-step{}.safetensors", start.keep_values_at));
  const fs::path partial_file = folder_.file("parts/" + id.str() + ".safetensors");
  const double kept_fraction = density(start.values, start.masks);

  auto net = recipe_.network();
  const std::vector<nn::Parameter*> parameters = net->parameters();
  for (std::size_t i = 0; i < start.masks.size(); ++i)
    if (start.masks[i].defined()) parameters[i]->set_mask(start.masks[i]);
  prune::rewind(parameters, start.values);

  Training result;
  auto load_kept = [&] {
    if (start.keep_values_at >= 0 && fs::exists(kept_file)) result.kept_values = values_in(load_safetensors(kept_file), *net);
  };

  // An earlier run finished this training: take what it left.
  if (const std::string rows = folder_.part(id.str()); !rows.empty()) {
    result.record = from_csv(rows);
    if (start.keep_final) result.final_values = values_in(load_safetensors(final_file), *net);
    load_kept();
    progress_.skip(recipe_.iterations - start.iteration);
    progress_.finish_item(fmt::format("{} {:.2f}%: done before", id.str(), 100 * kept_fraction));
    return result;
  }

  auto optimizer = recipe_.optimizer(parameters);
  nn::TrainOptions options{.first = start.iteration, .iterations = recipe_.iterations, .rate = recipe_.rate, .evaluate_every = recipe_.evaluate_every};

  // An earlier run was stopped in the middle of it: go on from its last save.
  if (fs::exists(partial_file)) {
    const SafeTensors saved = load_safetensors(partial_file);
    std::vector<std::pair<std::string, Tensor>> state;
    for (const NamedTensor& t : saved.tensors) state.emplace_back(t.name, t.value);
    prune::rewind(parameters, values_in(saved, *net));
    optimizer->load_state(state);
    options.first = std::stoll(saved.metadata.at("iteration"));
    options.evaluate_first = false;
    result.record = from_csv(saved.metadata.at("rows"));
    load_kept();
    progress_.skip(options.first - start.iteration);
  }

  auto keep_values_if_due = [&](std::int64_t iteration) {
    if (iteration != start.keep_values_at || !result.kept_values.empty()) return;
    result.kept_values = prune::snapshot(parameters);
    save_safetensors(kept_file, dense_view(*net, nullptr), {{"iteration", fmt::format("{}", iteration)}});
  };

  double evaluating = 0;
  std::int64_t counted = options.first;
  const nn::Hooks hooks{
      .before_step = keep_values_if_due,
      .evaluate = [&](std::int64_t done) {
        const auto t = std::chrono::steady_clock::now();
        result.record.push_back({done, nn::evaluate(*net, recipe_.validation.inputs, recipe_.validation.labels),
                                 nn::evaluate(*net, recipe_.test.inputs, recipe_.test.labels)});
        evaluating += seconds_since(t);
      },
      .after_step = [&](std::int64_t done, double loss) {
        if (done % 20 == 0 || done == recipe_.iterations) {
          progress_.advance(done - counted, fmt::format("{} step {}/{} loss {:.4f}", id.str(), done, recipe_.iterations, loss));
          counted = done;
        }
        if (recipe_.checkpoint_every > 0 && done % recipe_.checkpoint_every == 0 && done < recipe_.iterations)
          save_safetensors(partial_file, dense_view(*net, optimizer.get()),
                           {{"iteration", fmt::format("{}", done)}, {"rows", to_csv(id, kept_fraction, result.record)}});
      }};
  nn::train(*net, *optimizer, start.batches, options, hooks);
  keep_values_if_due(recipe_.iterations);

  if (start.keep_final) {
    result.final_values = prune::snapshot(parameters);
    save_safetensors(final_file, dense_view(*net, nullptr), {{"iteration", fmt::format("{}", recipe_.iterations)}, {"density", fmt::format("{}", kept_fraction)}});
  }
  folder_.add_part(id.str(), to_csv(id, kept_fraction, result.record));
  fs::remove(partial_file);
  folder_.add_time("training", seconds_since(began) - evaluating);
  folder_.add_time("evaluation", evaluating);
  const nn::Evaluation& best = nn::early_stop(result.record);
  progress_.finish_item(fmt::format("{} {:6.2f}%: lowest validation loss at {}, test accuracy there {:.2f}%, at the end {:.2f}%", id.str(),
                                    100 * kept_fraction, best.iteration, best.test.accuracy, result.record.back().test.accuracy));
  return result;
}

}  // namespace bonsai::experiments
