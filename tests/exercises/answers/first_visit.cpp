// hint: The walk is right when a node is entered after all that use it have handed it their gradients. b = a + a; c = b + b.
// reference: core/autograd.cpp Tensors grad(
#include <utility>
#include <vector>

std::vector<std::pair<std::size_t, std::size_t>> a_program_it_gets_wrong() { return {{0, 0}, {1, 1}}; }
