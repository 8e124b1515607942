#include "experiments/common/figures.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include "core/files.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace bonsai::experiments {
namespace {

// gnuplot with one argument, started in `folder`; its messages go to folder/gnuplot.log, or nowhere. Returns its exit
// status.
int gnuplot(const std::filesystem::path& folder, const char* argument, const char* log) {
  const pid_t child = fork();
  require(child >= 0, "cannot start gnuplot: the system has no process left; try again");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed run must not leave a gnuplot behind that still writes into its folder
    const int out = open(log ? (folder / log).c_str() : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (chdir(folder.c_str()) != 0) _exit(126);
    execlp("gnuplot", "gnuplot", argument, nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Dark blue, magenta, yellow: light enough at the top, dark enough at the bottom, and rising in brightness all the way.
void colour(double t, std::uint8_t* rgb) {
  static constexpr double stops[5][3] = {{13, 8, 60}, {110, 0, 140}, {200, 50, 100}, {245, 140, 50}, {250, 250, 110}};
  const double x = std::clamp(t, 0.0, 1.0) * 4;
  const int i = std::min(3, static_cast<int>(x));
  for (int c = 0; c < 3; ++c)
    rgb[c] = static_cast<std::uint8_t>(std::lround(stops[i][c] + (x - i) * (stops[i + 1][c] - stops[i][c])));
}

}  // namespace

void require_gnuplot() {
  require(gnuplot(".", "--version", nullptr) == 0,
          "gnuplot is not installed, and the figures need it; ./bonsai setup installs it");
}

void plot(const std::filesystem::path& folder, const std::string& name, const std::string& data,
          const std::string& script, int width, int height) {
  write_whole(folder / (name + ".dat"), data);
  std::string all =
      fmt::format("# gnuplot {}.gp, in this folder, draws the figure again.\ndata = '{}.dat'\n", name, name);
  const std::pair<const char*, const char*> kinds[] = {{"pngcairo", "png"}, {"svg", "svg"}};
  for (auto [terminal, ending] : kinds)
    all +=
        fmt::format("\nset terminal {} size {},{} font 'DejaVu Sans,{}' background '#ffffff'\nset output '{}.{}'\n{}",
                    terminal, width, height, ending == std::string("png") ? 11 : 12, name, ending, script) +
        "unset output\nreset\ndata = '" + name + ".dat'\n";
  write_whole(folder / (name + ".gp"), all);
  const std::string log = name + ".log";
  const int status = gnuplot(folder, (name + ".gp").c_str(), log.c_str());
  require(status == 0, "gnuplot could not draw {} (status {}); see {}", (folder / (name + ".gp")).string(), status,
          (folder / log).string());
  std::filesystem::remove(folder / log);
}

std::string gnuplot_text(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '_' ? "\\\\_" : c == '"' ? "" : std::string(1, c);
  return out;
}

// With i steps taken off the i-th it is isotonic regression, which pooling neighbours in the wrong order solves.
void spread(std::vector<std::pair<double, std::string>>& labels, double step, double top, double bottom) {
  std::vector<std::pair<double, int>> pools;  // mean height, members
  for (std::size_t i = 0; i < labels.size(); ++i) {
    pools.emplace_back(labels[i].first - static_cast<double>(i) * step, 1);
    while (pools.size() > 1 && pools[pools.size() - 2].first > pools.back().first) {
      const auto [mean, members] = pools.back();
      pools.pop_back();
      auto& [below, count] = pools.back();
      below = (below * count + mean * members) / (count + members);
      count += members;
    }
  }
  std::size_t i = 0;
  for (auto [mean, members] : pools)
    for (; members > 0; --members, ++i)
      labels[i].first =
          std::min(std::max(mean, bottom) + static_cast<double>(i) * step, top - static_cast<double>(labels.size() - 1 - i) * step);
}

void heat_maps(const std::filesystem::path& file, const std::vector<Tensor>& matrices, int scale) {
  require(!matrices.empty() && scale > 0, "heat map: nothing to draw");
  const auto h = static_cast<int>(matrices[0].size(0)), w = static_cast<int>(matrices[0].size(1));
  const int n = static_cast<int>(matrices.size()), gap = scale, width = n * w * scale + (n - 1) * gap,
            height = h * scale;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * height * 3, 255);
  for (int m = 0; m < n; ++m) {
    require(matrices[m].shape() == matrices[0].shape() && matrices[m].rank() == 2, "heat map: {} beside {}",
            matrices[m].shape(), matrices[0].shape());
    double top = 0;
    for (std::int64_t i = 0; i < matrices[m].numel(); ++i) top = std::max(top, matrices[m].at(i));
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < w * scale; ++x) {
        const double v = matrices[m].at(y / scale * w + x / scale);
        colour(top > 0 ? v / top : 0, &pixels[(static_cast<std::size_t>(y) * width + m * (w * scale + gap) + x) * 3]);
      }
  }
  std::string png;
  const int ok = stbi_write_png_to_func(
      [](void* to, void* bytes, int size) { static_cast<std::string*>(to)->append(static_cast<char*>(bytes), size); },
      &png, width, height, 3, pixels.data(), width * 3);
  require(ok != 0, "{}: the picture could not be encoded", file.string());
  write_whole(file, png);
}

}  // namespace bonsai::experiments
