// The student's own file: what its three ways of looking show, and `./bonsai scratch` as it is started.
#include "experiments/common/scratch.h"

#include <limits>

#include "datasets/image_file.h"
#include "tests/experiments/program.h"

namespace bonsai::experiments {
namespace {

using namespace bonsai::test;

// The brightness of a picture's pixel at the middle of cell (row, column) of (rows, columns).
double brightness(const Tensor& picture, double rows, double columns, double row, double column) {
  const std::int64_t y = std::int64_t((row + 0.5) / rows * double(picture.size(0))), x = std::int64_t((column + 0.5) / columns * double(picture.size(1)));
  double sum = 0;
  for (int c = 0; c < 3; ++c) sum += picture.at((y * picture.size(1) + x) * 3 + c);
  return sum;
}

TEST(Scratch, AHeatMapIsBrightWhereEntriesAreLarge) {
  const TemporaryFolder folder;
  const std::string file = folder / "w.png";
  const std::vector<float> values{-3, 1, 0.5, -1, 2, -2.5};
  testing::internal::CaptureStdout();
  heatmap(tensor(std::span<const float>(values), {2, 3}), file);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), file + ": (2, 3), dark -3, bright 2\n");
  const Tensor picture = datasets::decode_picture(get(file), "w.png", 3);
  EXPECT_EQ(picture.size(1), 600);
  EXPECT_EQ(picture.size(0), 400);
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values.size(); ++j)
      EXPECT_EQ(values[i] < values[j], brightness(picture, 2, 3, double(i / 3), double(i % 3)) < brightness(picture, 2, 3, double(j / 3), double(j % 3))) << i << " " << j;
  EXPECT_NE(message_of([&] { heatmap(ones({2, 3, 4}), file); }).find("(2, 3, 4) is not one matrix"), std::string::npos);
  EXPECT_NE(message_of([&] { heatmap(ones({2, 3}), folder / "w.jpg"); }).find("call it w.png"), std::string::npos);
  EXPECT_NE(message_of([&] { heatmap(tensor({1.0, std::numeric_limits<double>::quiet_NaN()}), file); }).find("is nan at entry 1"), std::string::npos);
  EXPECT_NE(message_of([&] { heatmap(Tensor(), file); }).find("has no entries"), std::string::npos);
}

TEST(Scratch, APlotKeepsItsNumbers) {
  const TemporaryFolder folder;
  testing::internal::CaptureStdout();
  plot(tensor({0.0, 1.0, 2.0}), tensor({5.0, 4.0, 3.5, -1.0, 0.25, 1.0}, {2, 3}), folder / "a.png");
  EXPECT_NE(testing::internal::GetCapturedStdout().find("a.png: 3 points, y from -1 to 5\n"), std::string::npos);
  EXPECT_EQ(get(folder / "a.dat"), "0 5 -1\n1 4 0.25\n2 3.5 1\n");
  EXPECT_EQ(datasets::decode_picture(get(folder / "a.png"), "a.png", 3).size(1), 800);
  EXPECT_NE(message_of([&] { plot(tensor({0.0, 1.0}), ones({3}), folder / "b.png"); }).find("x (2) and y (3) do not fit"), std::string::npos);
}

TEST(Scratch, TheCommandBuildsOneFileAndRunsIt) {
  const fs::path root = BONSAI_SOURCE_DIR;
  if (fs::path(BONSAI_BIN_DIR) != root / "build" / "bin") GTEST_SKIP() << "./bonsai scratch builds in build/, and this is another folder";
  const TemporaryFolder my;
  const auto scratch = [&](const std::string& before) {
    const TemporaryFolder said;
    const int status = std::system(fmt::format("cd '{}' && {} BONSAI_MY='{}' ./bonsai scratch >'{}' 2>'{}' </dev/null", root.string(), before, my.path().string(), (said / "out").string(), (said / "err").string()).c_str());
    return Outcome{WEXITSTATUS(status), get(said / "out"), get(said / "err")};
  };
  Outcome o = scratch("");  // the first time there is a template, and it runs
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(get(my / "scratch.cpp"), get(root / "experiments/common/scratch/template.cpp"));
  EXPECT_NE(o.out.find("f64 (3)\n[2, 4, 6]\n"), std::string::npos) << o.out;
  EXPECT_NE(o.err.find("scratch.cpp is yours"), std::string::npos) << o.err;
  EXPECT_TRUE(fs::exists(my / "loss.png") && fs::exists(my / "fc2.png"));

  put(my / "scratch.cpp", "#include \"experiments/common/scratch.h\"\nusing namespace bonsai;\nint main() { return experiments::program(\"scratch\", [] { experiments::print(\"t\", matmul(ones({2, 3}), ones({2, 3}))); }); }\n");
  o = scratch("");  // what the library refuses: its line
  EXPECT_EQ(o.status, 2);
  EXPECT_NE(o.err.find("scratch: matmul: "), std::string::npos) << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;

  put(my / "scratch.cpp", "int main() { return x; }\n");
  o = scratch("");  // what does not compile: the compiler's words, and one of ours
  EXPECT_EQ(o.status, 2);
  EXPECT_NE(o.err.find("scratch.cpp:1:21: error: "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("scratch.cpp does not compile; the compiler's first words are above\n"), std::string::npos) << o.err;
  EXPECT_EQ(o.out, "");

  put(my / "scratch.cpp", "#include <cstdlib>\n#include \"experiments/common/scratch.h\"\nusing namespace bonsai;\nint main() { setenv(\"PATH\", \"/nowhere\", 1); return experiments::program(\"scratch\", [] { experiments::plot(ones({2}), ones({2}), \"a.png\"); }); }\n");
  o = scratch("");  // no gnuplot: which one, and the command
  EXPECT_EQ(o.status, 2);
  EXPECT_EQ(o.err, "scratch: gnuplot is not installed, and the figures need it; ./bonsai setup installs it\n");
}

}  // namespace
}  // namespace bonsai::experiments
