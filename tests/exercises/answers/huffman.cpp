// hint: A thing is a count and the list of the symbols in it. Put two together: add the counts, join the lists, and add 1 to the length of every symbol in them.
// hint: std::priority_queue gives the largest first; negate the counts, or look for the two smallest in a plain vector, which is fast enough for 40.
// reference: prune/compress/huffman.cpp (huff.1)
#include "prune/compress/huffman.h"

std::vector<std::uint8_t> code_lengths(const std::vector<std::uint64_t>& counts) { return bonsai::prune::huffman_lengths(counts); }
