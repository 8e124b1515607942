// What every refusal must be: an Error, on one line, that names what it should.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/error.h"

namespace bonsai::test {

// f must throw an Error on one line whose message has every one of `parts` in it.
inline ::testing::AssertionResult refuses(const std::function<void()>& f, const std::vector<std::string>& parts) {
  try {
    f();
  } catch (const Error& e) {
    const std::string message = e.what();
    if (message.find('\n') != std::string::npos) return ::testing::AssertionFailure() << "more than one line: " << message;
    for (const std::string& part : parts)
      if (message.find(part) == std::string::npos) return ::testing::AssertionFailure() << "\"" << part << "\" is missing in: " << message;
    return ::testing::AssertionSuccess();
  } catch (const std::exception& e) {
    return ::testing::AssertionFailure() << "not an Error: " << e.what();
  }
  return ::testing::AssertionFailure() << "was accepted";
}

}  // namespace bonsai::test
