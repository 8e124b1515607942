#include "tools/checkpoint/choice.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/ops.h"
#include "core/parallel.h"
#include "core/random.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/layerwise/wanda.h"
#include "prune/scores/channel_norm.h"
#include "prune/scores/fpgm.h"
#include "prune/scores/magnitude.h"
#include "prune/select.h"
#include "prune/select_stream.h"
#include "tools/checkpoint/weights.h"

namespace bonsai::tools {
namespace {

using Tensors = std::vector<const FileTensor*>;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Random stream(const Request& r, const FileTensor& t) { return Random(r.seed).derive("prune_checkpoint").derive(t.name); }

// The window's scores as a tensor of `shape`.
Tensor scores_of(const Request& r, const FileTensor& t, std::int64_t begin, const Tensor& w, const Shape& shape) {
  Tensor scores = clone(w);
  dispatch_floating("prune_checkpoint", w.dtype(), [&]<class T>() { elementwise_scores(r, t, begin, w.numel(), scores.mutable_data<T>().data()); });
  return reshape(scores, shape);
}

Shape with_rows(const FileTensor& t, std::int64_t rows) {
  Shape s = t.shape;
  s[0] = rows;
  return s;
}

std::int64_t whole_rows(const FileTensor& t, std::int64_t multiple = 1) {  // a window of whole rows, a multiple of so many
  const std::int64_t unit = row_size(t) * multiple;
  return std::max<std::int64_t>(window_size / unit, 1) * unit;
}

// ---- weight: a threshold for a layer, or one for all

template <class T>
void by_threshold(const Request& r, const SafeTensorsFile& in, const Tensors& tensors, std::vector<Choice>& choices, std::size_t first) {
  std::vector<prune::ScoreStream<T>> streams;
  std::int64_t total = 0;
  for (const FileTensor* t : tensors) {
    streams.push_back({t->name, t->shape.numel(), [&r, &in, t](std::int64_t begin, std::int64_t n, T* scores) {
                         read_unchecked(in, *t, begin, n, scores);
                         elementwise_scores(r, *t, begin, n, scores);
                       }});
    total += t->shape.numel();
  }
  auto select = [&] {
    try {
      return prune::select_stream(streams, prune::count(*r.sparsity, total, "--sparsity"), {.piece = window_size});
    } catch (const Error&) {  // a NaN: say it as everywhere here
      for (const FileTensor* t : tensors)
        for (std::int64_t i = 0; i < t->shape.numel(); i += window_size) read_weights(in, *t, i, std::min(window_size, t->shape.numel() - i));
      throw;
    }
  };
  const auto selection = std::make_shared<prune::StreamSelection<T>>(select());
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const FileTensor* t = tensors[k];
    choices[first + k].kept = t->shape.numel() - selection->removed(k);
    choices[first + k].mask = [&r, selection, t, k](std::int64_t begin, const Tensor& w, std::uint8_t* mask) {
      Scratch<T> scores(w.numel());
      dispatch_floating("prune_checkpoint", w.dtype(), [&]<class U>() { std::copy_n(w.data<U>().data(), w.numel(), scores.data()); });
      elementwise_scores(r, *t, begin, w.numel(), scores.data());
      selection->mask(k, begin, w.numel(), scores.data(), mask);
    };
  }
}

void by_threshold(const Request& r, const SafeTensorsFile& in, const Tensors& tensors, std::vector<Choice>& choices) {
  auto run = [&](const Tensors& some, std::size_t first) {  // (f32 numbers keep their order as f64 ones)
    if (std::ranges::any_of(some, [](const FileTensor* t) { return t->type.becomes == DType::f64; }))
      by_threshold<double>(r, in, some, choices, first);
    else
      by_threshold<float>(r, in, some, choices, first);
  };
  if (r.scope == "global") return run(tensors, 0);
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const double began = now();
    run({tensors[k]}, k);
    choices[k].seconds = now() - began;
  }
}

// ---- weight in each row by itself, and N:M

void by_row(const Request& r, const FileTensor& t, Choice& choice) {
  choice.window = whole_rows(t);
  const std::int64_t columns = row_size(t), remove = prune::count(*r.sparsity, columns, "--sparsity");
  choice.kept = (columns - remove) * rows(t);
  choice.mask = [&r, &t, columns, remove](std::int64_t begin, const Tensor& w, std::uint8_t* mask) {
    const Tensor scores = scores_of(r, t, begin, w, {w.numel() / columns, columns});
    for (std::int64_t row = 0; row < scores.size(0); ++row) {
      const Tensor kept = prune::remove_lowest({{t.name, reshape(slice(scores, 0, row, row + 1), {columns}), {}}}, remove)[0];
      std::copy_n(kept.data<std::uint8_t>().data(), columns, mask + row * columns);
    }
  };
}

void by_pattern(const Request& r, const FileTensor& t, Choice& choice) {
  choice.window = whole_rows(t);
  choice.kept = t.shape.numel() / r.pattern->m * r.pattern->n;
  choice.mask = [&r, &t](std::int64_t begin, const Tensor& w, std::uint8_t* mask) {
    const Tensor kept = prune::nm_mask(t.name, scores_of(r, t, begin, w, with_rows(t, w.numel() / row_size(t))), *r.pattern);
    std::copy_n(kept.data<std::uint8_t>().data(), w.numel(), mask);
  };
}

// ---- by what goes into a layer

// NAME.input (tokens, in) of the calibration file, which must fit the weight (out, in) or (out, in, height, width).
const FileTensor& input_of(const SafeTensorsFile& calibration, const FileTensor& t) {
  const std::string name = t.name + ".input";
  const FileTensor* x = calibration.find(name);
  require(x != nullptr, "calibration {}: has no tensor \"{}\" (tokens, {}) for the weight {}; --exclude the weight, or record its inputs",
          calibration.name(), printable(name), row_size(t), t.shape);
  require(is_floating(*x) && x->shape.rank() == 2 && x->shape[1] == row_size(t) && x->shape[0] > 0,
          "calibration {}: \"{}\" is {} {}, but the weight {} needs (tokens, {}) of real numbers", calibration.name(), printable(name), x->type.name,
          x->shape, t.shape, row_size(t));
  return *x;
}

prune::InputStatistics statistics(const SafeTensorsFile& calibration, const FileTensor& t, bool second_moments) {
  const FileTensor& x = input_of(calibration, t);
  prune::InputStatistics s(row_size(t), second_moments);
  const std::int64_t in = row_size(t), tokens = x.shape[0], most = std::max<std::int64_t>(4 * window_size / in, 1);
  for (std::int64_t first = 0; first < tokens; first += most) {
    const std::int64_t n = std::min(most, tokens - first);
    s.add(reshape(read_weights(calibration, x, first * in, n * in), {n, in}));
  }
  return s;
}

void by_activations(const Request& r, const SafeTensorsFile& calibration, const FileTensor& t, Choice& choice) {
  const prune::LayerAmount amount{*r.sparsity, r.pattern};
  if (r.criterion == "wanda") {
    choice.window = whole_rows(t);
    choice.mask = [&t, amount, norms = statistics(calibration, t, false).norms()](std::int64_t, const Tensor& w, std::uint8_t* mask) {
      const Tensor scores = prune::wanda_scores(reshape(w, with_rows(t, w.numel() / row_size(t))), norms);
      const Tensor kept = prune::keep_by_row(t.name, scores, amount);
      std::copy_n(kept.data<std::uint8_t>().data(), w.numel(), mask);
    };
  } else {
    choice.window = t.shape.numel();
    choice.move = [&, amount](const Tensor& w) {
      return prune::sparsegpt(t.name, reshape(w, t.shape), statistics(calibration, t, true).second_moments(), amount);
    };
  }
}

// ---- filter and block: a score for each, from one pass

Tensor group_scores(const Request& r, const SafeTensorsFile& in, const FileTensor& t) {
  if (r.criterion == "random") return stream(r, t).uniform({prune::groups(r.grouping, {rows(t), row_size(t)})}, 0, 1, DType::f64);
  if (r.criterion == "fpgm") return prune::fpgm(reshape(read_weights(in, t, 0, t.shape.numel()), t.shape));
  const std::int64_t window = whole_rows(t, r.grouping.height), n = t.shape.numel(), windows = (n + window - 1) / window;
  std::vector<Tensor> parts(windows);
  parallel_for(windows, [&](std::int64_t k) {
    const std::int64_t here = std::min(window, n - k * window);
    const Tensor w = reshape(read_weights(in, t, k * window, here), {here / row_size(t), row_size(t)});
    parts[k] = r.criterion == "lp-filter" ? prune::channel_norm(w, r.p.value_or(2), 0) : prune::pooled(r.grouping, prune::magnitude(w));
  });
  std::vector<double> all;
  for (const Tensor& part : parts) all.insert(all.end(), part.data<double>().begin(), part.data<double>().end());
  return tensor(std::span<const double>(all), {static_cast<std::int64_t>(all.size())});
}

void by_group(const Request& r, const SafeTensorsFile& in, const Tensors& tensors, std::vector<Choice>& choices) {
  std::vector<prune::Candidate> candidates;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const double began = now();
    candidates.push_back({tensors[k]->name, group_scores(r, in, *tensors[k]), {}});
    choices[k].seconds = now() - began;
  }
  auto remove = [&](const std::vector<prune::Candidate>& some) {
    std::int64_t total = 0;
    for (const prune::Candidate& c : some) total += c.scores.numel();
    return prune::remove_lowest(some, prune::count(*r.sparsity, total, "--sparsity"));
  };
  std::vector<Tensor> masks;
  if (r.scope == "global")
    masks = remove(candidates);
  else
    for (const prune::Candidate& c : candidates) masks.push_back(remove({c})[0]);
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const FileTensor& t = *tensors[k];
    const std::int64_t columns = row_size(t), height = r.grouping.height, groups_a_row = prune::groups(r.grouping, {height, columns});
    choices[k].window = whole_rows(t, height);
    choices[k].mask = [&r, columns, height, groups_a_row, kept = masks[k]](std::int64_t begin, const Tensor& w, std::uint8_t* mask) {
      const Shape shape{w.numel() / columns, columns};
      const std::int64_t first = begin / columns / height * groups_a_row;
      const Tensor here = prune::spread(r.grouping, slice(kept, 0, first, first + prune::groups(r.grouping, shape)), shape);
      std::copy_n(here.data<std::uint8_t>().data(), w.numel(), mask);
    };
    const auto some = masks[k].data<std::uint8_t>();
    if (std::ranges::find(some, 1) == some.end()) choices[k].kept = 0;
  }
}

}  // namespace

template <class T>
void elementwise_scores(const Request& r, const FileTensor& t, std::int64_t begin, std::int64_t n, T* x) {
  if (r.criterion == "magnitude") {
    for (std::int64_t i = 0; i < n; ++i) x[i] = std::abs(x[i]);
    return;
  }
  const std::uint64_t key = stream(r, t).key();  // random_scores(w, stream), from `begin` on
  const auto first = static_cast<std::uint64_t>(begin);
  for (std::uint64_t i = first; i < first + static_cast<std::uint64_t>(n);) {
    const Philox4 words = philox(key, i / 4);
    for (std::uint64_t j = i % 4; j < 4 && i < first + static_cast<std::uint64_t>(n); ++j, ++i) x[i - first] = static_cast<T>(to_uniform(words[j]));
  }
}
template void elementwise_scores(const Request&, const FileTensor&, std::int64_t, std::int64_t, float*);
template void elementwise_scores(const Request&, const FileTensor&, std::int64_t, std::int64_t, double*);

std::vector<Choice> choose(const Request& r, const SafeTensorsFile& in, const SafeTensorsFile* calibration, const Tensors& tensors) {
  for (const FileTensor* t : tensors) {  // all of them, before the first is read
    if (calibration) input_of(*calibration, *t);
    const std::string refusal = r.pattern ? prune::nm_refusal(t->shape, *r.pattern) : "";
    require(refusal.empty(), "\"{}\" {} cannot be pruned to {}: {}; --exclude it", printable(t->name), t->shape, r.amount, refusal);
  }
  std::vector<Choice> choices(tensors.size());
  for (Choice& c : choices) c.window = window_size;
  if (calibration) {
    for (std::size_t k = 0; k < tensors.size(); ++k) by_activations(r, *calibration, *tensors[k], choices[k]);
  } else if (r.pattern) {
    for (std::size_t k = 0; k < tensors.size(); ++k) by_pattern(r, *tensors[k], choices[k]);
  } else if (r.grouping.kind != prune::Granularity::weight) {
    by_group(r, in, tensors, choices);
  } else if (r.scope == "row") {
    for (std::size_t k = 0; k < tensors.size(); ++k) by_row(r, *tensors[k], choices[k]);
  } else {
    by_threshold(r, in, tensors, choices);
  }
  return choices;
}

}  // namespace bonsai::tools
