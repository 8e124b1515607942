#include "tools/checkpoint/request.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <regex>

namespace bonsai::tools {
namespace {

namespace fs = std::filesystem;

// What each criterion can be asked for; the first is what it takes unless told otherwise.
struct Rule {
  std::string criterion;
  std::vector<std::string> granularities, scopes;
};
const std::vector<Rule> rules{
    {"magnitude", {"weight", "filter", "N:M", "block"}, {"layer", "global", "row"}},
    {"random", {"weight", "filter", "N:M", "block"}, {"layer", "global", "row"}},
    {"lp-filter", {"filter"}, {"layer", "global"}},
    {"fpgm", {"filter"}, {"layer"}},  // its distances are among the filters of one layer
    {"wanda", {"weight", "N:M"}, {"row"}},
    {"sparsegpt", {"weight", "N:M"}, {"layer"}},
};

bool among(const std::string& word, const std::vector<std::string>& words) { return std::ranges::find(words, word) != words.end(); }

std::int64_t number(const std::string& digits) {
  return digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != digits.npos ? 0 : std::stoll(digits);
}

std::regex compiled(const std::string& option, const std::string& pattern) {
  require(pattern.size() <= 1000, "{}: {} letters are too many for a pattern; 1000 are allowed", option, pattern.size());
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error&) {
    fail("{}: \"{}\" is no regular expression (ECMAScript's, such as 'fc[12]\\.weight')", option, printable(pattern));
  }
}

// (The library's search goes one call deeper with every letter.)
bool found(const std::regex& pattern, const std::string& name) {
  require(name.size() <= 2000, "a tensor's name of {} letters, \"{}\", is too long to search; 2000 are allowed", name.size(), printable(name, 40));
  return std::regex_search(name, pattern);
}

}  // namespace

void Request::settle() {
  const auto rule = std::ranges::find(rules, criterion, &Rule::criterion);
  require(rule != rules.end(), "--criterion: \"{}\" is not known", printable(criterion));
  if (granularity.empty()) granularity = rule->granularities[0];
  std::string kind = granularity;
  if (granularity.find(':') != granularity.npos) {
    pattern = prune::nm(printable(granularity));
    kind = "N:M";
  }
  require(kind != "N:M" || pattern, "--granularity: put numbers for N and M, such as 2:4, which keeps two of every four");
  require(among(kind, {"weight", "filter", "N:M", "block"}), "--granularity: \"{}\" is not one of weight|filter|N:M|block, where N:M is, say, 2:4",
          printable(granularity));
  require(among(kind, rule->granularities), "--granularity {}: {} knows {}", granularity, criterion, fmt::join(rule->granularities, ", "));
  require((kind != "filter" && kind != "block") || scope != "row",
          "--scope row: is for single weights; a {} is taken from a layer or from all layers", kind);
  if (pattern) {
    require(scope.empty(), "--scope {}: {} decides in each group of {} weights by itself; leave the option out", scope, pattern->str(), pattern->m);
    const double own = 1 - pattern->density();
    require(!sparsity || std::abs(*sparsity - own) < 1e-9, "--sparsity {}: {} removes {}; leave the option out", sparsity.value_or(0), pattern->str(),
            own);
    sparsity = own;
    scope = "group";
    amount = pattern->str();
  } else {
    if (scope.empty()) scope = rule->scopes[0];
    require(among(scope, {"layer", "global", "row"}), "--scope: \"{}\" is not one of layer|global|row", printable(scope));
    require(among(scope, rule->scopes), "--scope {}: {} knows {}", scope, criterion, fmt::join(rule->scopes, ", "));
    require(sparsity.has_value(), "how much? --sparsity 0.9 removes 90% of the weights");
    amount = fmt::format("a sparsity of {}", *sparsity);
  }
  require(!p || criterion == "lp-filter", "--p: belongs to lp-filter, not to {}", criterion);
  const bool calibrated = criterion == "wanda" || criterion == "sparsegpt";
  require(!calibrated || !calibration.empty(),
          "{} needs to see what goes into each layer: --calibration FILE, with a tensor NAME.input (tokens, in) for each weight NAME", criterion);
  require(calibrated || calibration.empty(), "--calibration: {} does not look at activations; wanda and sparsegpt do", criterion);
  if (kind == "filter") grouping.kind = prune::Granularity::filter;
  if (kind == "block") {
    const std::size_t x = block.find('x');
    grouping = {prune::Granularity::block, x == block.npos ? 0 : number(block.substr(0, x)), x == block.npos ? 0 : number(block.substr(x + 1))};
    require(grouping.height > 0 && grouping.width > 0, "--block: \"{}\" is no size, such as 4x4", printable(block));
  }
  require(dry_run || !output.empty(), "name a file for the result, or look first with --dry-run");
}

std::vector<const FileTensor*> selected(const Request& r, const SafeTensorsFile& in) {
  std::optional<std::regex> include, exclude;
  if (!r.include.empty()) include = compiled("--include", r.include);
  if (!r.exclude.empty()) exclude = compiled("--exclude", r.exclude);
  std::vector<const FileTensor*> all;
  std::int64_t included = 0, excluded = 0, weights = 0;
  for (const FileTensor& t : in.tensors()) {
    const bool yes = !include || found(*include, t.name), no = exclude && found(*exclude, t.name);
    const bool weight = bonsai::is_floating(t.type.becomes) && t.shape.rank() >= 2 && t.shape.numel() > 0;
    included += yes, excluded += no, weights += weight;
    if (yes && !no && weight) all.push_back(&t);
  }
  require(included > 0 || !include, "--include: \"{}\" is found in no tensor's name of {}; inspect lists them", printable(r.include), in.name());
  require(excluded > 0 || !exclude, "--exclude: \"{}\" is found in no tensor's name of {}; inspect lists them", printable(r.exclude), in.name());
  require(weights > 0, "{}: has no floating tensor of two axes or more, and only such are pruned", in.name());
  require(!all.empty(), "{}: --include and --exclude leave no floating tensor of two axes or more to prune; inspect lists them", in.name());
  return all;
}

void require_apart(const Request& r) {
  const std::vector<std::pair<std::string, std::string>> files{{"the input", r.input},
                                                               {"--calibration", r.calibration},
                                                               {"the output", r.dry_run ? "" : r.output},
                                                               {"--masks", r.dry_run ? "" : r.masks},
                                                               {"--report", r.report}};
  for (std::size_t b = 2; b < files.size(); ++b)
    for (std::size_t a = 0; a < b; ++a) {
      if (files[a].second.empty() || files[b].second.empty()) continue;
      const fs::path one = files[a].second, two = files[b].second;
      std::error_code none, here, there;
      const bool same = fs::equivalent(one, two, none) || (fs::weakly_canonical(one, here) == fs::weakly_canonical(two, there) && !here && !there);
      require(!same, "{} {} is {} itself; choose another name", files[b].first, printable(two.string(), 4096), files[a].first);
    }
}

}  // namespace bonsai::tools
