// hint: fmt::format writes the header; a brace is doubled in its format: "{{\"{}\":...}}". std::string::append takes a pointer and a number of bytes.
// hint: std::uint64_t n is 8 bytes in the right order on every machine this runs on: append(reinterpret_cast<const char*>(&n), 8).
// reference: core/safetensors_save.cpp void save_safetensors(
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/safetensors.h"

using namespace bonsai;

std::string file_of(const std::string& name, const std::vector<float>& values) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("bonsai-answer-{}", ::getpid());
  save_safetensors(path, {{name, tensor(std::span<const float>(values), {static_cast<std::int64_t>(values.size())})}});
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(path);
  return bytes;
}
