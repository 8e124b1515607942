#include "experiments/common/trainings.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <sstream>

#include "experiments/common/company.h"
#include "experiments/common/one_training.h"
#include "nn/forms.h"

namespace bonsai::experiments {
namespace {

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

Training Trainings::run(const TrainingId& id, const Start& start) const {
  if (company_ && !start.during && !start.loss) return company_->run(id, start);
  One one(*this, id, start, true);
  if (!one.finished()) nn::train(*one.net, *one.optimizer, one.batches, one.options, one.hooks());
  return one.finish();
}

void Trainings::together(std::size_t most) { company_ = std::make_unique<Company>(*this, most); }
Trainings::~Trainings() = default;

}  // namespace bonsai::experiments
