// select.h for scores that are never all in memory: of a file, a piece at a time. The same entries go, exactly: the lowest `remove` of all
// candidates together, and among equal scores the earlier candidate's and the lowest index first.
//
// Radix selection by passes. A pass reads every piece and counts one digit of its keys, 11 bits, among those that agree with the digits known so
// far; the digit in which the remove-th lowest key lies is then known too. Three passes would find a 32-bit key. But after the first one few keys
// are left in question: as soon as they fit in memory they are collected, and so two passes do.
// What comes out is a threshold, and for every piece how many of the entries that equal it go: with that, any piece's mask can be made from its
// scores alone, whenever it comes by again.
//
// Cost: two passes over the scores as a rule, 8 KiB a piece and at most `keys` keys of memory. Pieces are worked at in parallel and put together in
// their order.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace bonsai::prune {

template <class T>  // float or double
struct ScoreStream {
  std::string name;
  std::int64_t size = 0;
  std::function<void(std::int64_t begin, std::int64_t n, T* scores)> read;  // scores begin .. begin + n; by several threads at once
};

struct StreamLimits {
  std::int64_t piece = 1 << 18;  // entries read at once
  std::int64_t keys = 0;         // collected at most; 0: an eighth of all, 2^25 at most
};

template <class T>
class StreamSelection {
 public:
  std::int64_t removed(std::size_t candidate) const;

  // The mask of a candidate's piece that begins at `begin` (a multiple of limits.piece; n as it was cut: a whole piece, or the last), from its scores.
  void mask(std::size_t candidate, std::int64_t begin, std::int64_t n, const T* scores, std::uint8_t* mask) const;

 private:
  template <class U>
  friend StreamSelection<U> select_stream(const std::vector<ScoreStream<U>>&, std::int64_t, const StreamLimits&);
  struct Piece {
    std::size_t candidate;
    std::int64_t begin, size;
    std::int64_t below = 0, equal = 0;  // the threshold; before the end: the digits known so far
    std::int64_t ties = 0;              // how many of the equal ones go
  };
  StreamLimits limits_;
  std::vector<Piece> pieces_;
  std::vector<std::size_t> first_;  // of a candidate, among the pieces
  std::int64_t threshold_ = 0;      // as a key
};

// Throws as remove_lowest does.
template <class T>
StreamSelection<T> select_stream(const std::vector<ScoreStream<T>>& candidates, std::int64_t remove, const StreamLimits& limits = {});

}  // namespace bonsai::prune
