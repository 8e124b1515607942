#include "tools/checkpoint/rewrite.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/half.h"
#include "core/ops.h"
#include "core/parallel.h"
#include "tools/checkpoint/weights.h"

namespace bonsai::tools {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void require_something_left(const Request& r, const FileTensor& t, std::int64_t kept) {
  require(kept != 0 || r.allow_empty, "tensor \"{}\" {} would be left with nothing by {}; ask for less, --exclude it, or say --allow-empty",
          printable(t.name), t.shape, r.amount);
}

struct Sums {
  std::int64_t kept = 0;
  double squares = 0, kept_squares = 0;
};

template <class T>
double squares(const T* w, std::int64_t n) {
  double lanes[8] = {}, sum = 0;  // eight sums side by side, which is what processors do
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; ++j) lanes[j] += static_cast<double>(w[i + j]) * static_cast<double>(w[i + j]);
  for (; i < n; ++i) lanes[i & 7] += static_cast<double>(w[i]) * static_cast<double>(w[i]);
  for (const double lane : lanes) sum += lane;
  return sum;
}

template <class T>
void clear(void* bytes, const std::uint8_t* mask, std::int64_t n) {  // (in whole numbers: every bit of what stays)
  T* x = static_cast<T*>(bytes);
  for (std::int64_t i = 0; i < n; ++i) x[i] = mask[i] ? x[i] : T(0);
}
void clear(std::uint64_t element_bytes, void* bytes, const std::uint8_t* mask, std::int64_t n) {
  if (element_bytes == 8)
    clear<std::uint64_t>(bytes, mask, n);
  else if (element_bytes == 4)
    clear<std::uint32_t>(bytes, mask, n);
  else
    clear<std::uint16_t>(bytes, mask, n);
}

// Values as the file's type has them, to the nearest.
void narrow(const FileTensor& t, const Tensor& values, void* bytes) {
  dispatch_floating("prune_checkpoint", values.dtype(), [&]<class T>() {
    const T* v = values.data<T>().data();
    auto* half = static_cast<std::uint16_t*>(bytes);
    const double largest = t.type.name == "F16" ? beyond_f16 : static_cast<double>(std::numeric_limits<T>::max());
    for (std::int64_t i = 0; i < values.numel(); ++i)
      require(std::abs(v[i]) < largest, "tensor \"{}\": its weight {} became {}, which does not fit in {}", printable(t.name), i, v[i], t.type.name);
    if (t.type.name == "F16")
      std::transform(v, v + values.numel(), half, [](T x) { return to_f16(static_cast<float>(x)); });
    else if (t.type.name == "BF16")
      std::transform(v, v + values.numel(), half, [](T x) { return to_bf16(static_cast<float>(x)); });
    else
      std::memcpy(bytes, v, values.size_in_bytes());
  });
}

class Rewriter {
 public:
  Rewriter(const Request& r, const SafeTensorsFile& in, OutputFile* out) : r_(r), in_(in), out_(out), header_(in.header()) {
    if (out) out->write(0, header_.data(), header_.size());
  }

  void copy(const FileTensor& t) const {
    if (!out_) return;
    each_window(t, window_size, [&](std::int64_t, std::int64_t first, std::int64_t n) {
      Scratch<char> bytes(n * static_cast<std::int64_t>(t.type.bytes));
      in_.read_bytes(t, first, n, bytes.data());
      write(t, first, bytes.data(), n);
    });
  }

  Pruned prune(const FileTensor& t, const Choice& choice, OutputFile* masks, std::uint64_t masks_at) const {
    const double began = now();
    const std::int64_t size = t.shape.numel();
    std::vector<Sums> parts((size + choice.window - 1) / choice.window);
    each_window(t, choice.window, [&](std::int64_t k, std::int64_t first, std::int64_t n) {
      const std::int64_t bytes = n * static_cast<std::int64_t>(t.type.bytes);
      const bool as_it_is = t.type.bytes == size_of(t.type.becomes);
      Tensor w = empty({n}, t.type.becomes), moved;
      Scratch<char> own(as_it_is ? 0 : bytes);
      void* file = as_it_is ? w.mutable_bytes() : own.data();
      in_.read_bytes(t, first, n, file);
      if (!as_it_is) widen(t.type, file, n, w.mutable_bytes());
      Tensor mask = empty({n}, DType::u8);
      std::uint8_t* m = mask.mutable_data<std::uint8_t>().data();
      auto norm = [&] {
        double sum = 0;
        dispatch_floating("prune_checkpoint", w.dtype(), [&]<class T>() { sum = squares(w.data<T>().data(), n); });
        return sum;
      };
      parts[k].squares = norm();
      if (!std::isfinite(parts[k].squares))  // an infinity or NaN among them; or f64 numbers too large to be squared
        dispatch_floating("prune_checkpoint", w.dtype(), [&]<class T>() { require_finite(in_, t, first, n, w.data<T>().data()); });
      if (choice.move) {
        const auto [kept, values] = choice.move(w);
        std::copy_n(kept.data<std::uint8_t>().data(), n, m);
        moved = values;
      } else {
        choice.mask(first, w, m);
      }
      clear(size_of(w.dtype()), w.mutable_bytes(), m, n);
      for (std::int64_t i = 0; i < n; ++i) parts[k].kept += m[i];
      parts[k].kept_squares = norm();
      if (moved.defined()) narrow(t, moved, file);
      if (!as_it_is) clear(t.type.bytes, file, m, n);
      if (out_) write(t, first, file, n);
      if (masks) masks->write(masks_at + static_cast<std::uint64_t>(first), m, static_cast<std::size_t>(n));
    });
    Sums all;
    for (const Sums& s : parts) all = {all.kept + s.kept, all.squares + s.squares, all.kept_squares + s.kept_squares};
    require_something_left(r_, t, all.kept);
    return {&t, size, all.kept, all.squares > 0 ? std::sqrt(all.kept_squares / all.squares) : 1, choice.seconds + now() - began};
  }

 private:
  void write(const FileTensor& t, std::int64_t first, const void* bytes, std::int64_t n) const {
    out_->write(header_.size() + t.begin + static_cast<std::uint64_t>(first) * t.type.bytes, bytes, static_cast<std::size_t>(n) * t.type.bytes);
  }
  // work(number, first entry, entries), in parallel.
  template <class F>
  void each_window(const FileTensor& t, std::int64_t window, F&& work) const {
    const std::int64_t size = t.shape.numel();
    parallel_for((size + window - 1) / window, [&](std::int64_t k) { work(k, k * window, std::min(window, size - k * window)); });
  }

  const Request& r_;
  const SafeTensorsFile& in_;
  OutputFile* out_;
  std::string header_;
};

}  // namespace

std::vector<Pruned> rewrite(const Request& r, const SafeTensorsFile& in, const std::vector<const FileTensor*>& tensors,
                            const std::vector<Choice>& choices, OutputFile* out, OutputFile* masks) {
  std::vector<FileTensor> mask_entries;
  std::uint64_t mask_bytes = 0;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    require_something_left(r, *tensors[k], choices[k].kept);
    const auto n = static_cast<std::uint64_t>(tensors[k]->shape.numel());
    mask_entries.push_back({tensors[k]->name + ".mask", file_type("U8"), tensors[k]->shape, mask_bytes, mask_bytes + n});
    mask_bytes += n;
  }
  const std::string mask_header = masks ? safetensors_header(mask_entries, {}, printable(r.masks, 4096)) : "";
  if (masks) masks->write(0, mask_header.data(), mask_header.size());

  const Rewriter rewriter(r, in, out);
  std::vector<const FileTensor*> order;  // as they lie in the file
  for (const FileTensor& t : in.tensors()) order.push_back(&t);
  std::ranges::stable_sort(order, {}, &FileTensor::begin);
  std::vector<Pruned> pruned(tensors.size());
  for (const FileTensor* t : order) {
    const auto k = static_cast<std::size_t>(std::ranges::find(tensors, t) - tensors.begin());
    if (k == tensors.size())
      rewriter.copy(*t);
    else
      pruned[k] = rewriter.prune(*t, choices[k], masks, mask_header.size() + mask_entries[k].begin);
  }
  return pruned;
}

}  // namespace bonsai::tools
