// hint: What does a ReLU unit say of every input when its weights are 0 and its bias is 3?
// reference: prune/structure/channels.cpp Channels::held_back
#include <vector>

std::vector<double> first_biases() { return {1, 3, 1}; }
std::vector<double> second_weights() { return {1, 2, 1}; }
