// For trying things: `./bonsai scratch` makes my/scratch.cpp, builds that file alone and runs it in my/. Three ways to look at a tensor, and what one
// usually needs to make some.
#pragma once
#include <string>

#include "core/autograd.h"
#include "core/derivatives.h"
#include "core/ops.h"
#include "core/random.h"
#include "experiments/common/program.h"

namespace bonsai::experiments {

// The tensor's type, shape and first entries, on stdout: at most nine along an axis.
void print(const Tensor& t);
void print(const std::string& name, const Tensor& t);

// A matrix as a picture, dark where its entries are small, bright where they are large; a vector is one row, (1, 1, h, w) is a matrix too. Says the range on stdout.
void heatmap(const Tensor& t, const std::string& png);

// y over x, drawn by gnuplot: x (n), y (n) or (lines, n). The data and gnuplot's script stay beside the picture, which is there as SVG, too.
void plot(const Tensor& x, const Tensor& y, const std::string& png);

}  // namespace bonsai::experiments
