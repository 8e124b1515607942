#include "experiments/common/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/parallel.h"
#include "cuda/device.h"
#include "nn/forms.h"

namespace bonsai::experiments {
namespace {

template <class T>
const T& of_size(const Sizes<T>& s, const std::string& size) {
  return size == "quick" ? s.quick : size == "paper" ? s.paper : s.standard;
}

template <class T>
std::string show(const Sizes<T>& s) {
  return s.quick == s.standard && s.standard == s.paper
             ? fmt::format("[{}]", s.standard)
             : fmt::format("[{}; quick {}, paper {}]", s.standard, s.quick, s.paper);
}

template <class T>
void check_range(const std::string& option, T v, T low, T high) {
  std::string hint;
  if constexpr (!std::is_integral_v<T>)
    if (high <= 1 && v > high && v / 100 >= low && v / 100 <= high) hint = fmt::format("; did you mean {}?", v / 100);
  require(v >= low && v <= high, "{}: {} is not between {} and {}{}", option, v, low, high, hint);
}

void check_choice(const std::string& option, const std::string& v, const std::vector<std::string>& choices) {
  require(choices.empty() || std::ranges::find(choices, v) != choices.end(), "{}: \"{}\" is not one of {}", option, v,
          fmt::join(choices, "|"));
}

// False when only help was asked for.
bool parse_with(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return false;
  } catch (const CLI::ParseError& e) { fail("{}; --help lists the options", e.what()); }
  return true;
}

}  // namespace

struct Options::Impl {
  std::string name;
  CLI::App app;
  struct Bound {
    std::string name;
    std::function<void(const std::string& size)>
        settle;  // puts the size's default where nothing was given, and checks the range
    std::function<std::string()> json;
    std::string text() const {  // as one types it: texts are words without quotes
      const auto value = nlohmann::json::parse(json());
      return value.is_string() ? value.get<std::string>() : value.dump();
    }
    std::function<bool(const std::string& size)> is_default;
  };
  std::vector<Bound> bound;
  std::vector<Setting> facts;

  Impl(std::string program, std::string about) : name(std::move(program)), app(std::move(about), name) {}

  void threshold(std::optional<double>& v);

  template <class T>
  void number(const std::string& option, T& v, Sizes<T> defaults, const std::string& help, T low, T high) {
    CLI::Option* o =
        app.add_option(option, v, help + " " + show(defaults))->type_name(std::is_integral_v<T> ? "N" : "X");
    bound.push_back({option.substr(2),
                     [=, &v](const std::string& size) {
                       if (o->count() == 0) v = of_size(defaults, size);
                       check_range(option, v, low, high);
                     },
                     [&v] { return nlohmann::json(v).dump(); },
                     [=, &v](const std::string& size) { return v == of_size(defaults, size); }});
  }
};

void Options::Impl::threshold(std::optional<double>& v) {
  const auto word = std::make_shared<std::string>("table");
  app.add_option("--sparse-threshold", *word, "the density below which a pruned layer is packed: 0 never, 1 always [table, by its shape]")->type_name("X");
  bound.push_back({"sparse-threshold",
                   [=, &v](const std::string&) {
                     v = {};
                     if (*word == "table") return;
                     const char *begin = word->data(), *end = begin + word->size();
                     const auto [stopped, error] = std::from_chars(begin, end, v.emplace(0));
                     require(error == std::errc() && stopped == end, "--sparse-threshold: \"{}\" is not a density, such as 0.3, nor table", *word);
                     check_range<double>("--sparse-threshold", *v, 0, 1);
                   },
                   [&v] { return v ? nlohmann::json(*v).dump() : "\"table\""; },
                   [&v](const std::string&) { return !v; }});
}

Options::Options(std::string program, std::string about, Sizes<std::int64_t> default_trials)
    : impl_(std::make_unique<Impl>(std::move(program), std::move(about))) {
  CLI::App& app = impl_->app;
  app.set_help_flag("--help,-h", "this text");
  auto* quick = app.add_flag_callback(
      "--quick", [this] { size = "quick"; }, "a small run, for a first look and for tests");
  auto* paper = app.add_flag_callback(
      "--paper", [this] { size = "paper"; }, "the paper's own protocol");
  quick->excludes(paper);
  integer("--seed", seed, 1, "everything random follows from it", 0, std::int64_t{1} << 53);
  integer("--trials", trials, default_trials, "independent repetitions", 1, 1000);
  impl_->threshold(sparse_threshold);
  text("--device", device, "cpu", "where to compute; emulator: the GPU's kernels, run by the CPU, slowly", {"cpu", "cuda", "emulator"});
  app.add_option("--jobs", jobs, "trainings at once; the results do not depend on it [one a processor]")
      ->type_name("N");
  app.add_option("--threads", threads, "threads inside a training, with one job; the results do not depend on it [1]")
      ->type_name("N");
  app.add_option("--data-dir", data_dir, "where the data sets lie [$BONSAI_DATA, else ~/.cache/bonsai]")
      ->type_name("DIR");
  app.add_option("--out", out, "the folder for the results [runs/NAME-DATASET-SIZE-SEED]")->type_name("DIR");
  app.add_flag("--resume", resume, "go on with the run in the folder, or start it");
}
Options::~Options() = default;

void Options::integer(const std::string& name, std::int64_t& v, Sizes<std::int64_t> d, const std::string& help,
                      std::int64_t low, std::int64_t high) {
  impl_->number(name, v, d, help, low, high);
}
void Options::real(const std::string& name, double& v, Sizes<double> d, const std::string& help, double low,
                   double high) {
  impl_->number(name, v, d, help, low, high);
}

void Options::text(const std::string& name, std::string& v, const std::string& otherwise, const std::string& help,
                   const std::vector<std::string>& choices) {
  v = otherwise;
  impl_->app.add_option(name, v, fmt::format("{} [{}]", help, otherwise))
      ->type_name(choices.empty() ? "TEXT" : fmt::format("{}", fmt::join(choices, "|")));
  impl_->bound.push_back({name.substr(2),
                          [=, &v](const std::string&) { check_choice(name, v, choices); },
                          [&v] { return nlohmann::json(v).dump(); },
                          [=, &v](const std::string&) { return v == otherwise; }});
}

void Options::output(const std::string& name, std::string& v, const std::string& help) { impl_->app.add_option(name, v, help)->type_name("FILE"); }

bool Options::parse(int argc, char** argv) {
  if (!parse_with(impl_->app, argc, argv)) return false;
  for (auto& b : impl_->bound) b.settle(size);
  require(jobs >= 0 && jobs <= 256, "--jobs: {} is not between 1 and 256 (0: one a processor)", jobs);
  require(threads >= 1 && threads <= 256, "--threads: {} is not between 1 and 256", threads);
  if (jobs == 0) jobs = device == "cpu" ? hardware_threads() : jobs_on_device;
  if (device != "cpu") fact("device-name", cuda::use_device(device), true);
  return true;
}

void Options::fact(const std::string& name, const std::string& value, bool as_usual) {
  impl_->facts.push_back({name, nlohmann::json(value).dump(), as_usual});
}

const std::string& Options::program() const { return impl_->name; }

std::string Options::command_line() const {
  std::string line = size == "default" ? "" : " --" + size;
  for (auto& b : impl_->bound)
    if (!b.is_default(size)) line += " --" + b.name + " " + b.text();
  return line;
}

std::vector<Setting> Options::settings() const {
  std::vector<Setting> all{{"program", nlohmann::json(impl_->name).dump(), true},
                           {"size", nlohmann::json(size).dump(), true}};
  for (auto& b : impl_->bound) all.push_back({b.name, b.json(), b.is_default(size) || b.name == "seed"});
  if (!sparse_threshold) {  // the table itself: a program that has another one computes other bits
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const nn::PackingRow& row : nn::packing_table()) rows.push_back({{"weights_from", row.entries}, {"packed_below", row.threshold}});
    all.push_back({"sparse-table", rows.dump(), true});
  }
  all.insert(all.end(), impl_->facts.begin(), impl_->facts.end());
  return all;
}

struct ToolOptions::Impl {
  CLI::App app;
  std::vector<std::function<void()>> checks;
  Impl(std::string program, std::string about) : app(std::move(about), std::move(program)) {}

  template <class T>
  void number(const std::string& name, std::optional<T>& v, const std::string& help, T low, T high) {
    app.add_option(name, v, help)->type_name(std::is_integral_v<T> ? "N" : "X");
    checks.push_back([=, &v] {
      if (v) check_range(name, *v, low, high);
    });
  }
};

ToolOptions::ToolOptions(std::string program, std::string about) : impl_(std::make_unique<Impl>(std::move(program), std::move(about))) {
  impl_->app.set_help_flag("--help,-h", "this text");
}
ToolOptions::~ToolOptions() = default;

void ToolOptions::file(const std::string& name, std::string& v, const std::string& help) {
  impl_->app.add_option(name, v, help)->type_name("FILE");
}
void ToolOptions::files(const std::string& name, std::vector<std::string>& v, const std::string& help) {
  impl_->app.add_option(name, v, help)->type_name("FILE");
}
void ToolOptions::text(const std::string& name, std::string& v, const std::string& help, const std::string& type,
                       const std::vector<std::string>& choices) {
  impl_->app.add_option(name, v, help)->type_name(type);
  impl_->checks.push_back([=, &v] {
    if (!v.empty()) check_choice(name, v, choices);
  });
}
void ToolOptions::integer(const std::string& name, std::optional<std::int64_t>& v, const std::string& help, std::int64_t low,
                          std::int64_t high) {
  impl_->number(name, v, help, low, high);
}
void ToolOptions::real(const std::string& name, std::optional<double>& v, const std::string& help, double low, double high) {
  impl_->number(name, v, help, low, high);
}
void ToolOptions::flag(const std::string& name, bool& v, const std::string& help) { impl_->app.add_flag(name, v, help); }

bool ToolOptions::parse(int argc, char** argv) {
  if (!parse_with(impl_->app, argc, argv)) return false;
  for (const auto& check : impl_->checks) check();
  return true;
}

std::string given(int argc, char** argv, const std::string& option, const std::string& otherwise) {
  std::string value = otherwise;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == option && i + 1 < argc) value = argv[i + 1];
    if (word.starts_with(option + "=")) value = word.substr(option.size() + 1);
  }
  return value;
}

std::vector<std::string> words_in(const std::string& option, const std::string& list, const std::vector<std::string>& known) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    require(std::ranges::find(known, word) != known.end(), "{}: \"{}\" is not one of {}", option, word, fmt::join(known, ", "));
    require(std::ranges::find(words, word) == words.end(), "{}: \"{}\" is named twice", option, word);
    words.push_back(word);
  }
  require(!words.empty(), "{}: name at least one of {}", option, fmt::join(known, ", "));
  return words;
}

std::vector<double> numbers_in(const std::string& option, const std::string& list) {
  std::vector<double> all;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string word = list.substr(begin, end - begin);
    const auto [stopped, error] = std::from_chars(word.data(), word.data() + word.size(), all.emplace_back(0));
    require(error == std::errc() && stopped == word.data() + word.size() && std::isfinite(all.back()), "{}: \"{}\" is not a number; give a list such as 0.5,0.9",
            option, word);
    begin = end + 1;
  }
  return all;
}

}  // namespace bonsai::experiments
