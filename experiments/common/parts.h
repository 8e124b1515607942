// An experiment of pieces that need nothing from each other: each piece computes its rows of results.csv, several at a time. What an
// earlier run has finished is taken over, so a run that was killed goes on where it was, at the price of the pieces it was in.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "experiments/common/run_folder.h"

namespace bonsai::experiments {

struct Part {
  std::string id;                     // names parts/ID.csv
  std::function<std::string()> rows;  // a pure function of the settings
  std::string title;                  // for the progress line
  double seconds = 0;                 // about what it takes; where all are alike, compute_parts may be told instead
};

// `header` is the CSV's first line, without its end. Says first what it will cost: `seconds` for all parts, one after the other, or what the
// parts themselves say; with several at a time no less than the longest.
void compute_parts(RunFolder& folder, const Options& options, const std::string& header, const std::vector<Part>& parts, const std::string& what,
                   double seconds = 0);

// The cells of a part's rows. Every row must have as many as the header names, else the file is refused.
using Cells = std::vector<std::string>;
std::vector<Cells> cells(const RunFolder& folder, const std::string& header, const std::string& id);
double to_number(const std::string& cell);  // "nan" and "inf" included; throws on anything else

}  // namespace bonsai::experiments
