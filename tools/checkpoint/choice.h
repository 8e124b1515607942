// What is decided about the weights of a file, kept small: not masks, but what it takes to make the mask of any window when it comes by again.
//
//   weight, layer or global   a threshold, and how many of the weights that equal it go      prune/select_stream.h
//   weight, row; N:M          nothing: a window of whole rows decides for itself              prune/select.h, prune/nm/nm.h
//   wanda                     the norm of each input; then as row and N:M                     prune/layerwise/wanda.h
//   sparsegpt                 the second moments of the inputs; the window is the tensor      prune/layerwise/sparsegpt.h
//   filter, block             which filters or blocks stay, a byte each                       prune/granularity.h
#pragma once
#include <functional>
#include <vector>

#include "prune/layerwise/hessian.h"
#include "tools/checkpoint/request.h"

namespace bonsai::tools {

struct Choice {
  std::int64_t window = 0;  // entries: windows begin at its multiples and end there, or with the tensor
  // The mask of the window that begins at `begin`, from its weights (one axis, f32 or f64).
  std::function<void(std::int64_t begin, const Tensor& w, std::uint8_t* mask)> mask;
  // Instead of it where weights that stay are moved too: the whole tensor's.
  std::function<prune::Compensated(const Tensor& w)> move;
  std::int64_t kept = -1;  // of all windows together; -1: not known beforehand
  double seconds = 0;      // that deciding has taken
};

constexpr std::int64_t window_size = 1 << 18;  // about; a row is never cut where rows matter

// One for each of the tensors. Reads them once or twice; and of the calibration file (null where none is asked for) whatever it needs.
std::vector<Choice> choose(const Request& r, const SafeTensorsFile& in, const SafeTensorsFile* calibration,
                           const std::vector<const FileTensor*>& tensors);

// Scores of a window for the criteria that look at nothing but the weight itself, magnitude and random: elements begin .. begin + n of what
// prune/scores gives for the whole tensor.
template <class T>
void elementwise_scores(const Request& r, const FileTensor& t, std::int64_t begin, std::int64_t n, T* weights_to_scores);

}  // namespace bonsai::tools
