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

}  // namespace bonsai::experiments
