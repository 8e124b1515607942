// hint: 0x40000000 is a gigabyte. And 65536 is 0, 1, 0, 0 in four bytes: how many of them multiply to 2 to the 64th?
// reference: datasets/idx.cpp Sizes parse_sizes(
#include <string>

std::string a_bomb() { return std::string("\0\0\x08\x01\x40\0\0\0", 8); }
std::string an_overflow() { return std::string("\0\0\x08\x04\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0", 20); }
