// The frame around every program: one line and exit 2 for what the user can mend, exit 1 for a fault of ours.
#pragma once
#include <functional>
#include <string>

namespace bonsai::experiments {

// Runs `body` and turns what it throws into a line on stderr and an exit status.
int program(const char* name, const std::function<void()>& body);

std::string cpu_model();  // as the system calls it

}  // namespace bonsai::experiments
