#include "experiments/common/planted_heads.h"

#include <algorithm>
#include <cmath>

#include "nn/networks.h"

namespace bonsai::experiments {
namespace {

using P = PlantedHeads;

// Entries of an f32 matrix (rows, columns), written one by one.
struct Matrix {
  Tensor t;
  float& operator()(std::int64_t r, std::int64_t c) { return t.mutable_data<float>()[r * t.size(1) + c]; }
};

}  // namespace

bool PlantedHeads::is_planted(int head) const { return std::ranges::binary_search(planted, head); }

PlantedHeads plant_heads(const Random& random) {
  PlantedHeads p;
  p.net = std::make_unique<nn::Sequential>();
  p.net->add<nn::TokenLinear>("embedding", P::values + P::marks, P::model).add<nn::MultiHeadAttention>("attention", P::model, P::heads);
  p.net->add<nn::MeanOfTokens>("mean").add<nn::Linear>("fc", P::model, P::classes);
  auto drawn = [&](const std::string& name, double deviation) {
    Random own = random.derive(name);
    return Matrix{own.normal(p.net->parameter(name).shape(), 0, deviation)};
  };
  Random order = random.derive("order");
  const std::vector<std::int64_t> places = order.permutation(P::heads).to_vector<std::int64_t>();

  // Features 0 .. 5 of a token stay themselves; the rest of its vector is a mixture of them.
  Matrix embedding = drawn("embedding.linear.weight", P::loud), q = drawn("attention.q.weight", P::loud), k = drawn("attention.k.weight", P::loud);
  Matrix v = drawn("attention.v.weight", P::loud), out = drawn("attention.out.weight", P::loud), fc = drawn("fc.weight", P::whisper);
  const std::int64_t features = P::values + P::marks, read = P::values * P::marks;  // the classes read numbers 0 .. 8 of the answer
  for (std::int64_t r = 0; r < features; ++r)
    for (std::int64_t c = 0; c < features; ++c) embedding(r, c) = r == c ? 1 : 0;
  for (std::int64_t r = 0; r < read; ++r)
    for (std::int64_t c = 0; c < P::model; ++c) out(r, c) = 0;  // no distractor speaks there
  Tensor q_bias = zeros({P::model});
  Random small = random.derive("noise");
  for (std::int64_t mark = 0; mark < P::marks; ++mark) {
    const std::int64_t first = places[mark] * P::head_size;  // the head's first row
    p.planted.push_back(static_cast<int>(places[mark]));
    for (std::int64_t i = first; i < first + P::head_size; ++i)
      for (std::int64_t c = 0; c < P::model; ++c)
        for (float* w : {&q(i, c), &k(i, c), &v(i, c), &out(c, i)}) *w = static_cast<float>(P::noise * small.normal());
    q_bias.mutable_data<float>()[first] = static_cast<float>(P::sharp * std::sqrt(static_cast<double>(P::head_size)));
    k(first, P::values + mark) += 1;
    for (std::int64_t value = 0; value < P::values; ++value) {
      v(first + value, value) += 1;
      out(mark * P::values + value, first + value) += 1;
    }
  }
  for (std::int64_t c = 0; c < P::classes; ++c)
    for (std::int64_t mark = 0, rest = c; mark < P::marks; ++mark, rest /= P::values) fc(c, mark * P::values + rest % P::values) += static_cast<float>(P::sharp);
  p.net->parameter("embedding.linear.weight").set(embedding.t);
  p.net->parameter("attention.q.weight").set(q.t);
  p.net->parameter("attention.q.bias").set(q_bias);
  p.net->parameter("attention.k.weight").set(k.t);
  p.net->parameter("attention.v.weight").set(v.t);
  p.net->parameter("attention.out.weight").set(out.t);
  p.net->parameter("fc.weight").set(fc.t);
  std::ranges::sort(p.planted);
  return p;
}

Batch marked_values(std::int64_t n, Random random) {
  const std::int64_t features = P::values + P::marks;
  Tensor x = random.normal({n, P::tokens, features}, 0, 0.05), y = zeros({n}, DType::i64);
  for (std::int64_t e = 0; e < n; ++e) {
    const std::vector<std::int64_t> order = random.permutation(P::tokens).to_vector<std::int64_t>();  // the first are marked
    std::int64_t place = 1;
    for (std::int64_t i = 0; i < P::tokens; ++i) {
      const std::int64_t value = static_cast<std::int64_t>(random.below(P::values));
      float* token = &x.mutable_data<float>()[(e * P::tokens + order[i]) * features];
      token[value] += 1;
      if (i >= P::marks) continue;
      token[P::values + i] += 1;
      y.mutable_data<std::int64_t>()[e] += place * value;
      place *= P::values;
    }
  }
  return {x, y};
}

}  // namespace bonsai::experiments
