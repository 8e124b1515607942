// What has been done, for people and as JSON.
#pragma once
#include "tools/checkpoint/rewrite.h"

namespace bonsai::tools {

std::string table(const std::vector<Pruned>& all);
std::string json(const Request& r, const SafeTensorsFile& in, const std::vector<Pruned>& all, double seconds);

}  // namespace bonsai::tools
