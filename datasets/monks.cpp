#include "datasets/monks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "datasets/published.h"

namespace bonsai::datasets {
namespace {

constexpr std::array<int, 3> train_sizes{124, 169, 122};
constexpr int noise = 6;  // wrong labels in MONK 3's training set

int number_of(const Robot& a) {
  int number = 0;
  for (std::size_t k = 0; k < a.size(); ++k) number = number * robot_values[k] + a[k] - 1;
  return number;
}

template <class... Args>
void check_line(bool ok, std::string_view file, int line, fmt::format_string<Args...> wrong, Args&&... args) {
  if (!ok)
    fail("monks: {} line {}: {}; fetch it again with ./bonsai data monks", file, line,
         fmt::format(wrong, std::forward<Args>(args)...));
}

// Words between spaces, tabs and carriage returns; only the first `most`, so that a long line costs nothing.
std::vector<std::string_view> words_of(std::string_view line, std::size_t most) {
  constexpr std::string_view spaces = " \t\r";
  std::vector<std::string_view> words;
  for (std::size_t at; words.size() < most && (at = line.find_first_not_of(spaces)) != line.npos;) {
    line.remove_prefix(at);
    words.push_back(line.substr(0, line.find_first_of(spaces)));
    line.remove_prefix(words.back().size());
  }
  return words;
}

// One hot: the column of a value holds 1, the columns of the attribute's other values 0.
using Example = std::pair<int, int>;  // number, label
Dataset encode(int problem, const std::vector<Example>& examples) {
  const auto n = static_cast<std::int64_t>(examples.size());
  Dataset d{fmt::format("monks-{}", problem), zeros({n, robot_features}), empty({n}, DType::i64), {"no monk", "monk"}};
  auto x = d.inputs.mutable_data<float>();
  auto y = d.labels.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) {
    const Robot a = robot(examples[i].first);
    for (std::size_t k = 0, column = 0; k < a.size(); column += robot_values[k++])
      x[i * robot_features + column + a[k] - 1] = 1;
    y[i] = examples[i].second;
  }
  return d;
}

std::vector<Example> draw(int problem, std::uint64_t seed) {
  const Tensor order = Random(seed).derive("monks").derive(static_cast<std::uint64_t>(problem)).permutation(robots);
  std::vector<Example> examples;
  for (int i = 0; i < train_sizes[problem - 1]; ++i) {
    const int number = static_cast<int>(order.data<std::int64_t>()[i]);
    examples.emplace_back(number, is_monk(problem, robot(number)) != (problem == 3 && i < noise));
  }
  std::sort(examples.begin(), examples.end());
  return examples;
}

void check_problem(int problem) {
  require(problem >= 1 && problem <= 3, "monks: there is no problem {}; there are 1, 2 and 3", problem);
}

}  // namespace

Robot robot(int number) {
  require(number >= 0 && number < robots, "monks: there is no robot {}; they are 0 to {}", number, robots - 1);
  Robot a{};
  for (std::size_t k = a.size(); k-- > 0; number /= robot_values[k]) a[k] = number % robot_values[k] + 1;
  return a;
}

bool is_monk(int problem, const Robot& a) {
  check_problem(problem);
  const auto [a1, a2, a3, a4, a5, a6] = a;
  if (problem == 1) return a1 == a2 || a5 == 1;
  if (problem == 2) return std::count(a.begin(), a.end(), 1) == 2;
  return (a5 == 3 && a4 == 1) || (a5 != 4 && a2 != 3);
}

MonksFile parse_monks(std::string_view text, std::string_view shown_as) {
  constexpr std::size_t fields = 1 + std::tuple_size_v<Robot> + 1;
  MonksFile file;
  for (int line = 1; !text.empty(); ++line) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), whole.size() + 1));
    const std::vector<std::string_view> words = words_of(whole, fields + 1);
    if (words.empty()) continue;
    check_line(words.size() == fields, shown_as, line, "{} fields; it must have 8, class, a1 to a6 and a name",
               words.size() > fields ? "more than 8" : std::to_string(words.size()));
    // The number in field k, one digit: 0 or 1 for the class, 1 to the number of values for an attribute.
    const auto digit = [&](std::size_t k, int least, int most) {
      const int value = words[k].size() == 1 ? words[k][0] - '0' : -1;
      check_line(value >= least && value <= most, shown_as, line, "{} is \"{}\"; it must be {} to {}",
                 k == 0 ? "the class" : fmt::format("a{}", k), printable(words[k], 20), least, most);
      return value;
    };
    const int label = digit(0, 0, 1);
    Robot a{};
    for (std::size_t k = 0; k < a.size(); ++k) a[k] = digit(k + 1, 1, robot_values[k]);
    const int number = number_of(a);
    check_line(file.line[number] == 0, shown_as, line, "the robot of line {} again", file.line[number]);
    file.line[number] = line;
    file.label[number] = label;
    ++file.count;
  }
  return file;
}

std::string monks_content(std::string_view text, std::string_view file, std::string_view shown_as) {
  const MonksFile parsed = parse_monks(text, shown_as);
  const int problem = file.at(std::string_view("monks-").size()) - '0';
  check_problem(problem);
  const bool train = file.ends_with(".train");
  const int size = train ? train_sizes[problem - 1] : robots;
  require(parsed.count == size, "monks: {} has {} examples, the published file {}; fetch it again with ./bonsai data monks",
          shown_as, parsed.count, size);
  std::vector<std::string> lines;
  for (int number = 0; number < robots; ++number) {
    const int line = parsed.line[number], label = parsed.label[number];
    if (line == 0) continue;
    const Robot a = robot(number);
    check_line(train || label == is_monk(problem, a), shown_as, line, "class {}, but MONK {}'s rule says {}", label,
               problem, 1 - label);
    lines.push_back(fmt::format("{} {} {} {} {} {} {}\n", label, a[0], a[1], a[2], a[3], a[4], a[5]));
  }
  std::sort(lines.begin(), lines.end());
  std::string content;
  for (const std::string& line : lines) content += line;
  return content;
}

Monks load_monks(const std::filesystem::path& data_dir, int problem, std::uint64_t seed) {
  check_problem(problem);
  const std::filesystem::path folder = data_dir / "monks";
  const std::vector<PublishedFile> files = files_of("monks");  // train and test of each problem
  const PublishedFile train = files[2 * (problem - 1)], test = files[2 * (problem - 1) + 1];
  std::vector<Example> examples, all;
  for (int number = 0; number < robots; ++number) all.emplace_back(number, is_monk(problem, robot(number)));
  if (is_there(folder / test.file)) read_published(test, folder);  // it can only agree

  const bool published = is_there(folder / train.file);
  if (published) {
    const MonksFile parsed = parse_monks(read_published(train, folder), train.file);
    for (int number = 0; number < robots; ++number)
      if (parsed.line[number] != 0) examples.emplace_back(number, parsed.label[number]);
  } else {
    examples = draw(problem, seed);
  }
  const std::size_t n = examples.size();
  return {encode(problem, examples), encode(problem, all), published,
          published ? fmt::format("MONK {}: the {} published training examples", problem, n)
                    : fmt::format("MONK {}: {} training examples drawn with seed {}, not the published ones; ./bonsai "
                                  "data monks fetches those",
                                  problem, n, seed)};
}

}  // namespace bonsai::datasets
