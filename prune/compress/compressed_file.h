// A whole network in as few bytes as Deep Compression needs: of each pruned and shared tensor a codebook, and for each kept weight a step from the last one and
// an index into the codebook, both in Huffman codes; the rest (biases, BatchNorm's numbers) in f32, or shared as well. FORMAT.md says it byte by byte.
//
//   bytes = header + Σ over tensors (name + shape + 4 k + code lengths + ⌈Σ over steps (step's code + index's code) / 8⌉)
//
// Everything that is needed to have the network back is in the file, and its size is what is reported. Decoded, the tensors are the very
// numbers that went in, bit for bit, and masks say where they are not 0: so a kept weight of exactly 0 counts as pruned (and -0 becomes 0).
// A file is hostile until checked: every count is held against the bytes that are there before anything is allocated.
// Cost: two passes over the steps; the cheapest number of index bits is found by trying all nine.
// Han, Mao and Dally, "Deep compression", ICLR 2016.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/safetensors.h"
#include "nn/module.h"

namespace bonsai::prune {

// How a tensor is written.
struct Coding {
  int value_bits = 0;   // 1 to 8: at most 2^bits - 1 different values, and the filler zero. 0: dense, in f32
  int index_bits = -1;  // 0 to 8 (relative_index.h). -1: as many as make it smallest
  bool huffman = true;  // false: value_bits and index_bits each time
};
struct ToCompress {
  std::string name;
  Tensor values, mask;  // f32; u8, or undefined where there is none
  Coding coding;
};

// What a tensor took.
struct TensorSize {
  std::string name;
  std::int64_t size = 0, kept = 0, steps = 0;  // steps: kept weights and filler zeros
  Coding coding;
  std::uint64_t value_code_bits = 0, step_code_bits = 0;  // of the codes alone
  std::uint64_t bytes = 0;                                // of all: name, shape, codebook, code lengths, codes
};
struct Compressed {
  std::string bytes;
  std::vector<TensorSize> tensors;
};

// Refuses, naming the tensor, weights that are not finite and a tensor of more different values than its bits can name.
Compressed compress(const std::vector<ToCompress>& tensors, const Metadata& metadata);

// A network's parameters and buffers: coding(p) says how each parameter is written. What has a mask is written without what it prunes.
Compressed compress(nn::Module& net, const std::function<Coding(const nn::Parameter&)>& coding, const Metadata& metadata);

// What a checkpoint of that network would hold: "fc1.weight", "fc1.weight.mask". nn::network_of() makes the network of it. `file` begins every refusal.
SafeTensors decompress(std::string_view bytes, const std::string& file);
SafeTensors load_compressed(const std::filesystem::path& path);
bool is_compressed(const std::filesystem::path& path);  // does the file begin as one?

namespace compressed_format {
inline constexpr std::string_view magic = "bdc\x1a";
inline constexpr int version = 1;
inline constexpr std::size_t most_tensors = 1000;
inline constexpr std::int64_t most_entries = std::int64_t{1} << 28;  // of a file, unfolded: 1 GiB
enum Kind : std::uint8_t { dense = 0, shared = 1 };
enum Flags : std::uint8_t { huffman = 1, masked = 2 };
std::uint32_t checksum(std::string_view bytes);  // CRC-32, as in gzip and PNG
}  // namespace compressed_format

}  // namespace bonsai::prune
