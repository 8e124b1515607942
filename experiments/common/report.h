// report.html: a run on one page that needs no other file.
#pragma once
#include <string>
#include <vector>

#include "experiments/common/run_folder.h"

namespace bonsai::experiments {

struct Figure {
  std::string file, caption;  // the file in the run's figures/
};

// Title, figures with captions, the table, the summary and the configuration.
void write_report(const RunFolder& folder, const std::string& title, const std::vector<Figure>& figures,
                  const std::string& table, const std::string& summary);


// What an experiment ends with: the table and the report, and last of all summary.json, which says that the run is finished; prints the
// table and where to look.
struct Findings {
  std::string title;
  std::vector<Figure> figures;
  std::string table, summary;  // the second as JSON
};
void present(const RunFolder& folder, const Findings& findings);
// What present() had printed, when the run was finished before.
void present_again(const RunFolder& folder);

}  // namespace bonsai::experiments
