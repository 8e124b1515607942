#include "experiments/common/run_folder.h"

#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "core/cpu/cpu.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/random.h"
#include "experiments/common/program.h"
#include "revision.h"

namespace bonsai::experiments {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

ordered_json environment(const Options& o) {
  utsname system{};
  uname(&system);
  return {{"revision", git_revision()},
          {"compiler", "g++ " __VERSION__},
          {"products", fmt::format("bonsai's own kernels, {}", cpu_instruction_set())},
          {"cpu", cpu_model()},
          {"processors", hardware_threads()},
          {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
          {"jobs", o.jobs},
          {"threads", o.threads}};
}

ordered_json settings_json(const Options& o) {
  ordered_json s;
  for (const Setting& x : o.settings()) s[x.name] = ordered_json::parse(x.value);
  return s;
}

std::string default_name(const Options& o, const std::string& dataset) {
  std::string name = fmt::format("{}-{}-{}-{}", o.program(), dataset, o.size, o.seed), changed;
  for (const Setting& s : o.settings())
    if (!s.is_default) changed += s.name + "=" + s.value + "\n";
  // The settings' names and values, mixed into eight hexadecimal digits.
  if (!changed.empty()) name += fmt::format("-{:08x}", static_cast<std::uint32_t>(Random(0).derive(changed).key()));
  return name;
}

std::string differences(const ordered_json& theirs, const ordered_json& ours) {
  std::string out;
  for (auto& [name, value] : ours.items())
    if (!theirs.contains(name) || theirs[name] != value)
      out += fmt::format("{}{} is {} there, {} here", out.empty() ? "" : "; ", name,
                         theirs.contains(name) ? theirs[name].dump() : "absent", value.dump());
  for (auto& [name, value] : theirs.items())
    if (!ours.contains(name))
      out += fmt::format("{}{} is {} there, absent here", out.empty() ? "" : "; ", name, value.dump());
  return out;
}

}  // namespace

RunFolder::RunFolder(const Options& o, const std::string& dataset) : by_default_(o.out.empty()) {
  path_ = by_default_ ? fs::path("runs") / default_name(o, dataset) : fs::path(o.out);
  const ordered_json settings = settings_json(o);
  config_ = ordered_json{{"settings", settings}, {"environment", environment(o)}}.dump(2) + "\n";
  std::error_code error;
  if (!fs::exists(path_, error)) {
    require(!error, "--out {}: {}; choose another folder with --out", path_.string(), error.message());
    return;
  }
  require(fs::is_directory(path_), "--out {}: is not a folder; choose another with --out", path_.string());
  if (has("config.json")) {
    const ordered_json config = ordered_json::parse(read("config.json"), nullptr, false);
    require(config.is_object() && config.contains("settings") && config["settings"].is_object(),
            "{}: is not a configuration of ours; choose another folder with --out", file("config.json").string());
    const std::string other = differences(config["settings"], settings);
    finished_ = has("summary.json");
    require(o.resume || (by_default_ && finished_ && other.empty()),
            "{}: holds a{} run; --resume goes on with it, or choose another folder with --out", path_.string(),
            finished_ ? " finished" : "n unfinished");
    require(other.empty(), "{}: holds a run with other settings: {}; choose another folder with --out", path_.string(),
            other);
  } else {
    for (const auto& entry : fs::directory_iterator(path_))  // (the hidden ones: a temporary of ours, .gitignore, ...)
      require(entry.path().filename().string().starts_with('.'),
              "{}: holds \"{}\" and no run; choose an empty folder with --out", path_.string(),
              entry.path().filename().string());
  }
  if (finished_) point_latest();
}

void RunFolder::begin() {
  create_folders(path_);
  if (!has("config.json")) write("config.json", config_);  // first of all: from here on the folder is known to be ours
  for (const char* sub : {"parts", "checkpoints", "figures"}) create_folders(path_ / sub);
  for (const char* sub : {".", "parts", "checkpoints", "figures"}) remove_partial_files(path_ / sub);
  if (has("timing.json")) {
    const ordered_json before = ordered_json::parse(read("timing.json"), nullptr, false);
    for (auto& [what, seconds] : before.items())
      if (seconds.is_number()) seconds_[what] = seconds;
  }
  point_latest();
}

// runs/latest points at the last run.
void RunFolder::point_latest() const {
  if (!by_default_) return;
  std::error_code ignored;
  if (fs::is_symlink("runs/latest", ignored)) fs::remove("runs/latest", ignored);
  fs::create_directory_symlink(path_.filename(), "runs/latest", ignored);
}

void RunFolder::write(const std::string& name, std::string_view bytes) const { write_whole(path_ / name, bytes); }
bool RunFolder::has(const std::string& name) const { return fs::exists(path_ / name); }
std::string RunFolder::read(const std::string& name) const { return read_whole(path_ / name); }

void RunFolder::plan_results(std::string header, std::vector<std::string> ids) {
  std::lock_guard lock(mutex_);
  header_ = std::move(header);
  ids_ = std::move(ids);
  for (const std::string& id : ids_)
    if (has("parts/" + id + ".csv")) parts_[id] = read("parts/" + id + ".csv");
}

void RunFolder::add_part(const std::string& id, const std::string& rows) {
  std::lock_guard lock(mutex_);
  write("parts/" + id + ".csv", rows);
  parts_[id] = rows;
  write_results_locked();
}

std::string RunFolder::part(const std::string& id) const {
  std::lock_guard lock(mutex_);
  auto it = parts_.find(id);
  return it == parts_.end() ? "" : it->second;
}

void RunFolder::write_results() const {
  std::lock_guard lock(mutex_);
  write_results_locked();
}

void RunFolder::write_results_locked() const {
  std::string all = header_;
  for (const std::string& id : ids_) {
    auto it = parts_.find(id);
    if (it == parts_.end()) break;
    all += it->second;
  }
  write("results.csv", all);
}

void RunFolder::add_time(const std::string& what, double seconds) {
  std::lock_guard lock(mutex_);
  seconds_[what] += seconds;
  write("timing.json", ordered_json(seconds_).dump(2) + "\n");
}

}  // namespace bonsai::experiments
