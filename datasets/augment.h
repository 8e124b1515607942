// Augmentation: other views of the same photograph, made when a batch is made (He et al., 2016, "Deep residual learning", section 4.2, for
// CIFAR, after Lee et al., 2015: pad each side with 4 zeros, cut out 32x32 at random, from the picture or its mirror image). Teaches how
// chance can be a function: what happens to the example at position p of iteration i is read from block p of a stream that i names, not
// from a generator that remembers. So a run that was killed goes on with the very pictures that it would have seen, and threads can
// share the work.
//
//   out[c][y][x] = padded[c][y + dy][flip ? W - 1 - x + dx : x + dx]        dy, dx in 0 .. 2 pad
//
// The padding is black (bytes of 0, before normalisation), as torchvision's RandomCrop pads a picture; after it zero is the mean's colour,
// not black.
#pragma once
#include <cstdint>

#include "core/crop.h"
#include "core/random.h"
#include "core/tensor.h"

namespace bonsai::datasets {

struct Augmentation {
  bool flip = false;     // left to right, with probability 1/2
  std::int64_t pad = 0;  // zeros on each side, then a cut at random of the old size

  bool any() const { return flip || pad != 0; }
};

// What happens to the example at this position.
inline Crop draw_crop(const Augmentation& a, const Random& stream, std::int64_t position) { return crop_at({stream.key(), a.pad, a.flip}, position); }

// Refuses an augmentation that does not suit the images; none suits all.
void check(const Augmentation& a, const Tensor& images);

// The images (u8 (n, channels, height, width)) of these numbers (i64 (k)), each flipped and cut its own way: u8 (k, channels, height, width). The
// stream is the iteration's.
Tensor augmented(const Tensor& images, const Tensor& numbers, const Augmentation& a, const Random& stream);

}  // namespace bonsai::datasets
