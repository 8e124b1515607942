// The layers of networks that read sequences: tokens, (n, t) whole numbers or (n, t, features) rows, become vectors of `model` numbers, which look
// at each other through attention.
//
// What pruning cuts out here is a head, or a unit of the MLP. So neither count is kept beside the weights: the head's size d is fixed when the
// layer is made, and how many heads there are, and how wide the MLP is, are the weights' own sizes, read in every forward pass. Where the
// weights shrink, the layer has shrunk.
#pragma once
#include "nn/layers.h"
#include "nn/picture_layers.h"

namespace bonsai::nn {

// Tokens (n, t) i64, each below `vocabulary`, to vectors (n, t, model): rows of W (vocabulary, model).
class Embedding : public Module {
 public:
  Embedding(std::int64_t vocabulary, std::int64_t model);
  Tensor forward(const Tensor& tokens) override;
  std::string describe() const override;

 private:
  Parameter& weight_;
};

// Adds a learned vector for each place, P (t, model), to x (n, t, model): attention alone does not see where a token stands.
class PositionEmbedding : public Module {
 public:
  PositionEmbedding(std::int64_t tokens, std::int64_t model);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  Parameter& weight_;
};

// The same Linear layer for every token: (n, t, in) -> (n, t, out).
class TokenLinear : public Module {
 public:
  TokenLinear(std::int64_t in, std::int64_t out);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return linear_.describe() + " for each token"; }

 private:
  Linear& linear_;
};

// Attention of the tokens x (n, t, model) to each other, by heads of d = model / heads numbers. Of one head (q, k, v: its queries, keys, values):
//   q = x Wqᵀ + bq,  k = x Wkᵀ + bk,  v = x Wvᵀ + bv         (n, t, d): rows h d ... (h + 1) d - 1 of Wq, Wk, Wv (heads d, model)
//   a = softmax(q kᵀ / √d) v                                 (n, heads, t, d) for all heads, the result of the second matmul
//   y = (the heads' a, side by side) Woutᵀ + bout            (n, t, model): columns h d ... of Wout (model, heads d) are head h's
// Cost: 8 n t model heads d flops in the projections and 4 n t² heads d for the pairs of tokens. (Vaswani et al., "Attention is all you need",
// NIPS 2017.)
class MultiHeadAttention : public Module {
 public:
  MultiHeadAttention(std::int64_t model, std::int64_t heads);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  std::int64_t head_size() const { return d_; }
  std::int64_t heads() const;  // as many as Wq has rows for
  Linear& q() { return q_; }
  Linear& k() { return k_; }
  Linear& v() { return v_; }
  Linear& out() { return out_; }

 private:
  std::int64_t d_;
  Linear &q_, &k_, &v_, &out_;
};

// y = x + attention(norm1(x)), then y + fc2(f(fc1(norm2(y)))), with f GELU or another activation: normalised before each part and not after,
// so that the shortcut is clear from end to end. (Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.)
class EncoderBlock : public Module {
 public:
  EncoderBlock(std::int64_t model, std::int64_t heads, std::int64_t hidden, Activation::Function f = gelu);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  MultiHeadAttention& attention() { return attention_; }

 private:
  Activation::Function f_;
  LayerNorm& norm1_;
  MultiHeadAttention& attention_;
  LayerNorm& norm2_;
  Linear &fc1_, &fc2_;
};

// Grey pictures (n, 1, height, width) as sequences (n, height, width), a token a row; sequences stay what they are.
class Rows : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return "Rows"; }
};

// (n, t, model) -> (n, model)
class MeanOfTokens : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return "MeanOfTokens"; }
};

}  // namespace bonsai::nn
