// A file of 40 bytes that asks for a gigabyte, and one that asks for nothing.
// break it, 10 minutes. Chapter: datasets/README.md, "IDX".
//
// An IDX file begins with two zeros, the element type (08: a byte) and the number of axes; then the size of
// each axis in four bytes, the highest first; then the elements. promised() below is what a careless reader
// allocates. Give two files of at most 40 bytes, which must begin as IDX files do:
//
//   a_bomb()        for which it would allocate a gigabyte or more
//   an_overflow()   whose sizes multiply to 0 in 64 bits, although none of them is 0: it allocates nothing, and then
//                   reads by those sizes
//
// bytes({...}) makes a std::string of numbers.
//
// Against what does the house's reader hold the header?
#include "datasets/idx.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

namespace {
std::string bytes(std::initializer_list<int> values) {
  std::string s;
  for (int v : values) s += static_cast<char>(v);
  return s;
}
}  // namespace

EXERCISE std::string a_bomb() {
  return bytes({0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9});  // three elements: 7, 8, 9
}

EXERCISE std::string an_overflow() {
  return bytes({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 5, 6});
}

// ---- The careless reader, and the cases

namespace {
struct Promise {
  std::uint64_t bytes = 1, smallest = ~std::uint64_t{0};
};
Promise promised(const std::string& file) {
  must(file.size() >= 4 && file.size() <= 40, "{} bytes; 4 to 40 are wanted", file.size());
  must(file[0] == 0 && file[1] == 0 && file[2] == 8, "it does not begin with 0, 0, 8");
  const auto axes = static_cast<unsigned char>(file[3]);
  must(file.size() >= 4u + 4 * axes, "{} axes want {} bytes of header, and there are {}", axes, 4 + 4 * axes, file.size());
  Promise p;
  for (int a = 0; a < axes; ++a) {
    std::uint64_t size = 0;
    for (int b = 0; b < 4; ++b) size = size << 8 | static_cast<unsigned char>(file[4 + 4 * a + b]);
    p.bytes *= size;
    p.smallest = std::min(p.smallest, size);
  }
  return p;
}
std::string refusal(const std::string& file) {
  try {
    datasets::parse_idx(file, "yours");
  } catch (const Error& e) {
    return e.what();
  }
  throw Failed("the house's reader takes it; it is no bomb");
}
}  // namespace

CASE("a gigabyte of forty bytes") {
  const Promise p = promised(a_bomb());
  must(p.bytes >= 1'000'000'000, "it asks for {} bytes only", p.bytes);
  note(fmt::format("{} bytes asked for; here: {}", p.bytes, refusal(a_bomb())));
}

CASE("sizes that multiply to 0") {
  const Promise p = promised(an_overflow());
  must(p.smallest > 0, "one of the sizes is 0");
  must(p.bytes == 0, "the sizes multiply to {}", p.bytes);
  note("here: " + refusal(an_overflow()));
}
