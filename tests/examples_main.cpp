// Runs the worked examples (*_example.cpp) and fails when fewer cases ran than there are example files.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

namespace {
struct Counter : doctest::IReporter {
  static inline unsigned ran = 0;
  explicit Counter(const doctest::ContextOptions&) {}
  void test_run_end(const doctest::TestRunStats& s) override { ran = s.numTestCasesPassingFilters - s.numTestCasesFailed; }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("counter", 1, Counter);
}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int result = context.run();
  if (context.shouldExit() || argc > 1) return result;
  if (Counter::ran < BONSAI_EXAMPLES) {
    std::printf("only %u cases passed for %d example files\n", Counter::ran, BONSAI_EXAMPLES);
    return 1;
  }
  return result;
}
