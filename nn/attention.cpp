#include "nn/attention.h"

#include <cmath>

namespace bonsai::nn {
namespace {

// Layers see tokens one below the other: (n, t, features) -> (n t, features), and back with as many features as there then are.
Tensor token_rows(const Tensor& x) { return reshape(x, {x.size(0) * x.size(1), x.size(2)}); }
Tensor sequences(const Tensor& rows, const Tensor& like) { return reshape(rows, {like.size(0), like.size(1), rows.size(1)}); }

void check_sequences(const char* layer, const Tensor& x, std::int64_t features) {
  require(x.rank() == 3 && x.size(2) == features, "{}: input {} does not fit; it must be (n, tokens, {})", layer, x.shape(), features);
}

}  // namespace

Embedding::Embedding(std::int64_t vocabulary, std::int64_t model) : weight_(add_parameter("weight", {vocabulary, model})) {
  require(vocabulary > 0 && model > 0, "Embedding: sizes must be positive, got {} tokens of {}", vocabulary, model);
}

Tensor Embedding::forward(const Tensor& tokens) {
  const std::int64_t vocabulary = weight_.shape()[0];
  require(tokens.rank() == 2 && tokens.dtype() == DType::i64, "Embedding: input {} {}; it must be tokens (n, t) i64", name(tokens.dtype()), tokens.shape());
  for (const std::int64_t token : tokens.data<std::int64_t>())
    require(token >= 0 && token < vocabulary, "Embedding: token {} is not within its vocabulary, 0..{}", token, vocabulary - 1);
  const Tensor rows = index_select(weight_.value(), reshape(tokens, {tokens.numel()}));  // (emb.1)
  return reshape(rows, {tokens.size(0), tokens.size(1), weight_.shape()[1]});
}

std::string Embedding::describe() const { return fmt::format("Embedding {} -> {}", weight_.shape()[0], weight_.shape()[1]); }

PositionEmbedding::PositionEmbedding(std::int64_t tokens, std::int64_t model) : weight_(add_parameter("weight", {tokens, model})) {
  require(tokens > 0 && model > 0, "PositionEmbedding: sizes must be positive, got {} places of {}", tokens, model);
}

Tensor PositionEmbedding::forward(const Tensor& x) {
  const Shape& p = weight_.shape();
  require(x.rank() == 3 && x.size(1) == p[0] && x.size(2) == p[1], "PositionEmbedding: input {} does not fit its places {}; it must be (n, {}, {})", x.shape(), p, p[0],
          p[1]);
  return x + weight_.value();  // (emb.2)
}

std::string PositionEmbedding::describe() const { return fmt::format("PositionEmbedding {} x {}", weight_.shape()[0], weight_.shape()[1]); }

TokenLinear::TokenLinear(std::int64_t in, std::int64_t out) : linear_(child<Linear>("linear", in, out)) {}

Tensor TokenLinear::forward(const Tensor& x) {
  check_sequences("TokenLinear", x, linear_.weight().shape()[1]);
  return sequences(linear_(token_rows(x)), x);
}

MultiHeadAttention::MultiHeadAttention(std::int64_t model, std::int64_t heads)
    : d_(heads > 0 ? model / heads : 0), q_(child<Linear>("q", model, model)), k_(child<Linear>("k", model, model)), v_(child<Linear>("v", model, model)),
      out_(child<Linear>("out", model, model)) {
  require(heads > 0 && model % heads == 0, "MultiHeadAttention: {} heads do not divide a model of {}", heads, model);
}

std::int64_t MultiHeadAttention::heads() const { return q_.weight().shape()[0] / d_; }

Tensor MultiHeadAttention::forward(const Tensor& x) {
  check_sequences("MultiHeadAttention", x, q_.weight().shape()[1]);
  const std::int64_t n = x.size(0), t = x.size(1), rows = q_.weight().shape()[0], heads = rows / d_;
  require(rows == heads * d_, "MultiHeadAttention: the weight of q {} is not one of whole heads of {} rows", q_.weight().shape(), d_);
  const Tensor tokens = token_rows(x);
  auto by_head = [&](Linear& projection) { return permute(reshape(projection(tokens), {n, t, heads, d_}), {0, 2, 1, 3}); };  // (n, heads, t, d)
  const Tensor q = by_head(q_), k = by_head(k_), v = by_head(v_);
  const Tensor attention = softmax(matmul(q, k, {.b = true}) * (1 / std::sqrt(static_cast<double>(d_))));  // (att.1): (n, heads, t, t), rows sum to 1
  const Tensor a = matmul(attention, v);                                                                   // (att.2)
  return sequences(out_(reshape(permute(a, {0, 2, 1, 3}), {n * t, heads * d_})), x);                        // (att.3)
}

std::string MultiHeadAttention::describe() const { return fmt::format("MultiHeadAttention {}, {} heads of {}", q_.weight().shape()[1], heads(), d_); }

EncoderBlock::EncoderBlock(std::int64_t model, std::int64_t heads, std::int64_t hidden, Activation::Function f)
    : f_(f), norm1_(child<LayerNorm>("norm1", model)), attention_(child<MultiHeadAttention>("attention", model, heads)), norm2_(child<LayerNorm>("norm2", model)),
      fc1_(child<Linear>("fc1", model, hidden)), fc2_(child<Linear>("fc2", hidden, model)) {}

Tensor EncoderBlock::forward(const Tensor& x) {
  check_sequences("EncoderBlock", x, fc1_.weight().shape()[1]);
  const Tensor y = x + attention_(norm1_(x));                            // (enc.1)
  return y + sequences(fc2_(f_(fc1_(token_rows(norm2_(y))))), y);        // (enc.2)
}

std::string EncoderBlock::describe() const {
  return fmt::format("EncoderBlock {}, {} heads of {}, {} hidden", fc1_.weight().shape()[1], attention_.heads(), attention_.head_size(), fc1_.weight().shape()[0]);
}

Tensor Rows::forward(const Tensor& x) {
  if (x.rank() == 3) return x;
  require(x.rank() == 4 && x.size(1) == 1, "Rows: input {}; it must be grey pictures (n, 1, height, width) or sequences (n, tokens, features)", x.shape());
  return reshape(x, {x.size(0), x.size(2), x.size(3)});
}

Tensor MeanOfTokens::forward(const Tensor& x) {
  require(x.rank() == 3 && x.size(1) > 0, "MeanOfTokens: input {}; it must be sequences (n, tokens, model) with a token or more", x.shape());
  return sum(x, {1}) * (1.0 / static_cast<double>(x.size(1)));  // (also of no sequence at all)
}

}  // namespace bonsai::nn
