// Warnings: for what is allowed but seldom meant. One line each, to stderr, or to whoever listens instead.
#pragma once
#include <functional>
#include <string>

namespace bonsai::prune {

using WarningSink = std::function<void(const std::string& line)>;

// From now on warnings go to `sink` (empty: to stderr). Returns the sink that it replaces. A sink that throws turns the warning
// into a refusal: whoever warns does so before changing anything.
WarningSink set_warning_sink(WarningSink sink);

void warn(const std::string& line);

}  // namespace bonsai::prune
