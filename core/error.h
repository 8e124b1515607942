// Errors. An `Error` is something the user can mend (an argument, a file, two shapes that do not fit): its message names the
// operation or layer, both sizes and the way out, on one line, and a program that catches it prints that line and exits 2.
// Anything else that is thrown is a fault of ours and exits 1.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace bonsai {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void fail(fmt::format_string<Args...> message, Args&&... args) {
  throw Error(fmt::format(message, std::forward<Args>(args)...));
}

// Throws Error unless `ok`. The message is formatted only when it is needed.
template <class... Args>
void require(bool ok, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) [[unlikely]]
    fail(message, std::forward<Args>(args)...);
}

}  // namespace bonsai
