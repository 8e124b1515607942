// What the tests of the GPU's kernels share.
#pragma once
#include <gtest/gtest.h>

#include "tests/files_support.h"
#include "tests/refuses.h"

// Fibers switch stacks under the sanitizers' feet.
#define NEEDS_EMULATOR() \
  if (test::sanitized) GTEST_SKIP() << "the emulator's fibers are not for sanitizers"
