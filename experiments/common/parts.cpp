#include "experiments/common/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <sstream>

#include "core/error.h"
#include "core/parallel.h"
#include "experiments/common/jobs.h"
#include "experiments/common/progress.h"

namespace bonsai::experiments {
namespace {

std::vector<Cells> split(const std::string& rows) {
  std::vector<Cells> all;
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);) {
    all.emplace_back();
    for (std::size_t begin = 0; begin <= line.size();) {
      const std::size_t end = std::min(line.find(',', begin), line.size());
      all.back().push_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return all;
}

}  // namespace

void compute_parts(RunFolder& folder, const Options& o, const std::string& header, const std::vector<Part>& parts, const std::string& what, double seconds) {
  std::vector<std::string> ids;
  for (const Part& p : parts) ids.push_back(p.id);
  folder.plan_results(header + "\n", ids);
  std::int64_t left = 0;
  double all = 0, longest = 0;
  for (const Part& p : parts) {
    if (!folder.part(p.id).empty()) {
      cells(folder, header, p.id);  // refuses what is damaged
      continue;
    }
    ++left;
    const double one = p.seconds > 0 ? p.seconds : seconds / static_cast<double>(parts.size());
    all += one;
    longest = std::max(longest, one);
  }
  folder.write_results();
  const std::int64_t at_once = std::min({o.jobs, std::max<std::int64_t>(1, left), std::int64_t{hardware_threads()}});
  fmt::print("{}: {} {}, {} at a time: about {}, in {}\n", o.program(), left, what, at_once,
             duration(std::max(longest, all / static_cast<double>(at_once))), folder.path().string());
  std::fflush(stdout);
  Progress progress(what, static_cast<std::int64_t>(parts.size()), static_cast<std::int64_t>(parts.size()));
  Jobs jobs(static_cast<int>(o.jobs), static_cast<int>(o.threads));
  for (const Part& p : parts) {
    if (!folder.part(p.id).empty()) {
      progress.skip(1);
      progress.finish_item(p.title + ": finished before");
      continue;
    }
    jobs.later([&] {
      const auto began = std::chrono::steady_clock::now();
      folder.add_part(p.id, p.rows());
      folder.add_time(what, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
      progress.advance(1, p.title);
      progress.finish_item(p.title);
    });
  }
  jobs.wait();
}

std::vector<Cells> cells(const RunFolder& folder, const std::string& header, const std::string& id) {
  const std::size_t columns = static_cast<std::size_t>(std::count(header.begin(), header.end(), ',')) + 1;
  const std::string rows = folder.part(id);
  std::vector<Cells> all = split(rows);
  bool good = !rows.empty() && rows.back() == '\n';
  for (const Cells& row : all) good &= row.size() == columns;
  require(good, "{}: cannot be taken over (its rows are damaged); start again in another folder with --out",
          folder.file("parts/" + id + ".csv").string());
  return all;
}

double to_number(const std::string& cell) {
  double v = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), v);
  require(error == std::errc() && end == cell.data() + cell.size(), "results: \"{}\" is not a number; start again in another folder with --out", cell);
  return v;
}

}  // namespace bonsai::experiments
