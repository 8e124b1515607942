// Options on the command line. Every experiment comes in three sizes, and a number may have a default for each;
// whatever is given overrides it. The list of settings goes into config.json, and its hash into the run folder's name
// when any is not the size's own.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bonsai::experiments {

template <class T>
struct Sizes {
  T quick, standard, paper;
  Sizes(T all) : quick(all), standard(all), paper(all) {}
  Sizes(T q, T s, T p) : quick(q), standard(s), paper(p) {}
};

struct Setting {
  std::string name, value;  // value as JSON
  bool is_default;
};

class Options {
 public:
  // The options that all experiments share.
  std::string size = "default", data_dir, out, device = "cpu";
  std::int64_t seed = 1, trials = 1, jobs = 0, threads = 1;  // jobs 0: as many as there are processors
  std::int64_t jobs_on_device = 1;  // unless told, where a GPU computes
  bool resume = false;
  std::optional<double> sparse_threshold;  // the density below which a pruned layer is packed; unset: by the table of nn/forms.h

  Options(std::string program, std::string about, Sizes<std::int64_t> trials);
  ~Options();

  // Each binds a variable; after parse() it holds what was given or the default of the size. Values out of range are
  // refused by name.
  void integer(const std::string& name, std::int64_t& v, Sizes<std::int64_t> defaults, const std::string& help,
               std::int64_t low, std::int64_t high);
  void real(const std::string& name, double& v, Sizes<double> defaults, const std::string& help, double low,
            double high);  // [low, high]
  void text(const std::string& name, std::string& v, const std::string& otherwise, const std::string& help,
            const std::vector<std::string>& choices = {});
  // A file to write besides. It decides nothing, so it is no setting.
  void output(const std::string& name, std::string& v, const std::string& help);

  // Something that was found rather than given and decides the results, such as which of two data sets is there. It counts as a setting.
  void fact(const std::string& name, const std::string& value, bool as_usual);

  // False when only help was asked for (and printed). Throws Error with one line otherwise.
  bool parse(int argc, char** argv);

  const std::string& program() const;
  std::string command_line() const;  // " --quick --seed 2": what was given and decides the results
  std::vector<Setting> settings()
      const;  // what decides the results: the program and all options but jobs, threads, data-dir, out, resume

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The command line of a tool: files by their place, a few options, and no sizes, seed or run folder.
class ToolOptions {
 public:
  ToolOptions(std::string program, std::string about);
  ~ToolOptions();

  // What is not given stays as it is.
  void file(const std::string& name, std::string& v, const std::string& help);                // the first word, the second, ...
  void files(const std::string& name, std::vector<std::string>& v, const std::string& help);  // all further words
  void text(const std::string& name, std::string& v, const std::string& help, const std::string& type, const std::vector<std::string>& choices = {});
  void integer(const std::string& name, std::optional<std::int64_t>& v, const std::string& help, std::int64_t low, std::int64_t high);
  void real(const std::string& name, std::optional<double>& v, const std::string& help, double low, double high);
  void flag(const std::string& name, bool& v, const std::string& help);

  bool parse(int argc, char** argv);  // as Options::parse

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What the command line says for an option on which other options' defaults depend, before they are declared. parse() checks it later.
std::string given(int argc, char** argv, const std::string& option, const std::string& otherwise);

// The words of a list such as "l1,taylor", each once and one of `known`; what isn't is refused, naming the option.
std::vector<std::string> words_in(const std::string& option, const std::string& list, const std::vector<std::string>& known);

// The numbers of a list such as "0.5,0.9"; what is not a finite number is refused, naming the option.
std::vector<double> numbers_in(const std::string& option, const std::string& list);

}  // namespace bonsai::experiments
