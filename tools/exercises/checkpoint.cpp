// A checkpoint, byte by byte.
// do it, 45 minutes. Chapter: tools/README.md, "Back to Python"; core/safetensors.h.
//
// Return the bytes of a safetensors file with one tensor, f32, of one axis:
//
//   8 bytes    the length of the header, the lowest byte first
//   header     JSON: {"NAME":{"dtype":"F32","shape":[N],"data_offsets":[0,4 N]}}
//   data       the numbers, four bytes each, as they lie in memory
//
// and nothing else. (Names hold letters, digits and dots here.)
//
// What does the house's reader hold against the file's length before it allocates anything?
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/safetensors.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::string file_of(const std::string& name, const std::vector<float>& values) {
  todo();
}

// ---- The cases: the library reads it

namespace {
void read_back(const std::string& name, const std::vector<float>& values) {
  const std::string bytes = file_of(name, values);
  const std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("bonsai-exercise-{}", ::getpid());
  std::ofstream(path, std::ios::binary) << bytes;
  struct Remove {
    const std::filesystem::path& path;
    ~Remove() { std::filesystem::remove(path); }
  } remove{path};
  try {
    check(load_safetensors(path).at(name), tensor(std::span<const float>(values), {static_cast<std::int64_t>(values.size())}));
  } catch (const Error& e) {
    throw Failed(e.what());
  }
}
}  // namespace

CASE("one number") { read_back("w", {1.5f}); }
CASE("a bias of 300") {
  read_back("fc1.bias", seeded().normal({300}, 0, 1).to_vector<float>());
}
