// Pictures: plots drawn by gnuplot, from a script and a data file that stay beside the figure, and heat maps written
// pixel by pixel.
#pragma once
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace bonsai::experiments {

// Throws, with the way out, unless gnuplot can be started. Called before hours of training, not after.
void require_gnuplot();

// Writes folder/NAME.dat and folder/NAME.gp and draws NAME.png and NAME.svg. The script may use `data` (the data file's
// name); it sets everything but terminal and output. width and height in pixels.
void plot(const std::filesystem::path& folder, const std::string& name, const std::string& data,
          const std::string& script, int width, int height);

// Text for a gnuplot title in double quotes, where an underscore would lower what follows.
std::string gnuplot_text(const std::string& text);

// Moves labels at rising heights as little as possible (least squares) until neighbours are `step` apart, none above
// `top`, and, as far as there is room, none below `bottom`.
void spread(std::vector<std::pair<double, std::string>>& labels, double step, double top,
            double bottom = -std::numeric_limits<double>::infinity());

// One grey-to-yellow picture a matrix (h, w), side by side, each pixel `scale` pixels wide, from 0 (dark) to the
// largest value of that matrix (bright). Written as PNG.
void heat_maps(const std::filesystem::path& file, const std::vector<Tensor>& matrices, int scale);

}  // namespace bonsai::experiments
