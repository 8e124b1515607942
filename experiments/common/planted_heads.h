// A task of which it is known which heads are needed, and a network whose heads were put there by hand.
//
// The task: a sequence of ten tokens, each with a value out of three; three of them are marked, by marks A, B and C. The answer is the three
// marked values, one of 27 classes.
//
// The network: one layer of attention with eight heads and nothing else. Three heads are planted: each looks for one mark,
//   q = (s √d, 0, ...) for any token,  k = (1, 0, ...) for the marked one:  softmax gives it e^s / (e^s + 9) of the attention,
// and copies its value to a place of its own, which the classes read. The other five, the distractors, have larger weights and speak louder, but
// into numbers that the classes hardly read (`whisper`). Which heads are the planted ones differs with the seed. So it is a fact, and no matter of
// training, that all three planted heads are needed and no other; and the norm of a head's weights says the opposite.
#pragma once
#include <memory>
#include <vector>

#include "core/batch.h"
#include "core/random.h"
#include "nn/module.h"

namespace bonsai::experiments {

struct PlantedHeads {
  static constexpr std::int64_t tokens = 10, values = 3, marks = 3, classes = 27, model = 32, heads = 8, head_size = 4;
  static constexpr double sharp = 6, loud = 0.5, whisper = 0.01, noise = 0.02;
  std::unique_ptr<nn::Sequential> net;
  std::vector<int> planted;  // their numbers, rising
  bool is_planted(int head) const;
};
PlantedHeads plant_heads(const Random& random);

// n examples (n, tokens, values + marks): each token one-hot in its value and, if it has one, in its mark, with a little noise on all of it.
Batch marked_values(std::int64_t n, Random random);

}  // namespace bonsai::experiments
