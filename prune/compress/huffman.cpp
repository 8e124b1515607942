#include "prune/compress/huffman.h"

#include <algorithm>

namespace bonsai::prune {

std::vector<std::uint8_t> huffman_lengths(const std::vector<std::uint64_t>& counts, int longest) {
  struct Thing {  // a symbol, or two things as one
    std::uint64_t count;
    std::vector<std::uint32_t> symbols;
  };
  std::vector<Thing> single;
  for (std::uint32_t s = 0; s < counts.size(); ++s)
    if (counts[s] > 0) single.push_back({counts[s], {s}});
  require(single.size() <= std::size_t{1} << longest, "huffman: {} symbols can't all have codes of {} bits; allow longer ones", single.size(), longest);
  std::vector<std::uint8_t> lengths(counts.size(), 0);
  if (single.size() == 1) lengths[single[0].symbols[0]] = 1;
  if (single.size() <= 1) return lengths;
  std::ranges::stable_sort(single, {}, &Thing::count);
  std::vector<Thing> row = single;
  for (int l = 1; l < longest; ++l) {
    std::vector<Thing> next = single;
    for (std::size_t i = 0; i + 1 < row.size(); i += 2) {
      Thing pair{row[i].count + row[i + 1].count, row[i].symbols};
      pair.symbols.insert(pair.symbols.end(), row[i + 1].symbols.begin(), row[i + 1].symbols.end());
      next.push_back(std::move(pair));
    }
    std::ranges::stable_sort(next, {}, &Thing::count);
    row = std::move(next);
  }
  for (std::size_t i = 0; i < 2 * single.size() - 2; ++i)
    for (const std::uint32_t s : row[i].symbols) ++lengths[s];  // (huff.1)
  return lengths;
}

std::vector<std::uint32_t> huffman_codes(const std::vector<std::uint8_t>& lengths) {
  std::vector<std::uint32_t> codes(lengths.size(), 0);
  std::uint32_t next = 0;
  for (int l = 1; l <= longest_code; ++l, next <<= 1)
    for (std::size_t s = 0; s < lengths.size(); ++s)
      if (lengths[s] == l) codes[s] = next++;
  return codes;
}

HuffmanReader::HuffmanReader(const std::vector<std::uint8_t>& lengths, const std::string& who) {
  std::uint32_t sum = 0;  // in 2^-15
  for (int l = 1; l <= longest_code; ++l)
    for (std::size_t s = 0; s < lengths.size(); ++s)
      if (lengths[s] == l) ++count_[l], symbols_.push_back(static_cast<std::uint32_t>(s)), sum += 1u << (longest_code - l);
  const bool alone = symbols_.size() == 1 && count_[1] == 1;
  require(alone || sum == 1u << longest_code, "{}: its code lengths are not those of a Huffman code", who);
}

std::uint32_t HuffmanReader::read(BitReader& from) const {
  std::uint32_t code = 0, first = 0, before = 0;  // of the codes of this length the first; how many symbols have shorter ones
  for (int l = 1; l <= longest_code; ++l) {
    code |= from.bit();
    if (code - first < count_[l]) return symbols_[before + code - first];
    before += count_[l];
    first = (first + count_[l]) << 1;
    code <<= 1;
  }
  fail("{}: a code that no symbol has", from.who());  // (the second bit of one that stands alone)
}

}  // namespace bonsai::prune
