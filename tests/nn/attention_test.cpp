// The layers of sequences: attention by plain loops, against PyTorch, and by what must stay when tokens change places or heads are gone; and
// what a mistake is told. (Their derivatives against central differences: layer_gradients_test.cpp.)
#include "nn/attention.h"

#include "core/backend.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "tests/nn/golden_attention.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

// golden_attention.py's numbers for a module.
std::vector<double> measure(Module& m, const Tensor& input, std::int64_t classes = 0) {
  m.to(DType::f64);
  fill(m);
  Tensor x = input;
  Tensors xs;
  if (is_floating(x.dtype())) xs.push_back(x.requires_grad(true));
  for (Parameter* p : m.parameters()) xs.push_back(p->leaf());
  const Tensor value = m(x), y = classes ? cross_entropy(value, labels(x.size(0), classes)) : value;
  std::vector<double> out = y.to_vector<double>();
  for (const Tensor& g : grad(classes ? y : sum(y * noise(901, y.shape())), xs)) {
    out.push_back(sum(g * noise(900, g.shape())).item());
    out.push_back(sum(g * g).item());
  }
  return out;
}

std::size_t compared = 0;
void expect_golden(const char* name, Module& m, const Tensor& x, std::int64_t classes = 0) {
  SCOPED_TRACE(name);
  const std::vector<double> got = measure(m, x, classes), &want = golden_attention.at(name);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= 1e-9 * (std::abs(want[i]) + 1e-3)) << "number " << i << ": " << got[i] << ", PyTorch " << want[i];
  ++compared;
}

TransformerSizes small_sizes() { return {.tokens = 4, .features = 5, .model = 8, .heads = 2, .hidden = 12, .blocks = 2, .classes = 3}; }

TEST(GoldenAttention, MatchesPyTorch) {
  compared = 0;
  const Tensor rows = noise(300, {2, 5, 8});
  Embedding embedding(7, 3);
  expect_golden("embedding", embedding, reshape(labels(10, 7), {2, 5}));
  MultiHeadAttention one(8, 1), two(8, 2), eight(8, 8);
  expect_golden("attention_1", one, rows);
  expect_golden("attention_2", two, rows);
  expect_golden("attention_8", eight, rows);
  EncoderBlock rectified(8, 2, 12, relu), smooth(8, 2, 12);
  expect_golden("block_relu", rectified, rows);
  expect_golden("block_gelu", smooth, rows);
  expect_golden("transformer", *transformer(small_sizes()), noise(300, {3, 4, 5}), 3);
  EXPECT_EQ(compared, golden_attention.size());
}

// Head by head and pair by pair, in f64.
TEST(MultiHeadAttention, IsTheFormula) {
  MultiHeadAttention layer(6, 3);
  layer.to(DType::f64);
  fill(layer);
  auto projected = [](Linear& l, const std::vector<double>& x) {
    std::vector<double> y;
    for (std::int64_t o = 0; o < l.weight().shape()[0]; ++o) {
      double sum = l.bias()->leaf().at(o);
      for (std::size_t i = 0; i < x.size(); ++i) sum += l.weight().leaf().at(o * static_cast<std::int64_t>(x.size()) + static_cast<std::int64_t>(i)) * x[i];
      y.push_back(sum);
    }
    return y;
  };
  const std::int64_t n = 2, t = 4, d = 2;
  const Tensor x = noise(1, {n, t, 6}, 2), y = layer(x);
  ASSERT_EQ(y.shape(), (Shape{n, t, 6}));
  for (std::int64_t e = 0; e < n; ++e) {
    auto token = [&](std::int64_t i) {
      std::vector<double> row;
      for (std::int64_t f = 0; f < 6; ++f) row.push_back(x.at((e * t + i) * 6 + f));
      return row;
    };
    for (std::int64_t i = 0; i < t; ++i) {
      std::vector<double> heads(6, 0);
      for (std::int64_t h = 0; h < 3; ++h) {
        std::vector<double> weights;
        double total = 0;
        for (std::int64_t j = 0; j < t; ++j) {
          double score = 0;
          for (std::int64_t c = h * d; c < (h + 1) * d; ++c) score += projected(layer.q(), token(i))[c] * projected(layer.k(), token(j))[c];
          weights.push_back(std::exp(score / std::sqrt(2.0)));
          total += weights.back();
        }
        for (std::int64_t j = 0; j < t; ++j)
          for (std::int64_t c = h * d; c < (h + 1) * d; ++c) heads[c] += weights[j] / total * projected(layer.v(), token(j))[c];
      }
      const std::vector<double> want = projected(layer.out(), heads);
      for (std::int64_t f = 0; f < 6; ++f) EXPECT_NEAR(y.at((e * t + i) * 6 + f), want[f], 1e-12);
    }
  }
}

// Without positions a token's answer does not depend on where it or the others stand; with them it does.
TEST(Attention, DoesNotSeeTheOrderUnlessPositionsTellIt) {
  EncoderBlock block(8, 2, 12);
  PositionEmbedding position(5, 8);
  for (Module* m : std::initializer_list<Module*>{&block, &position}) {
    m->to(DType::f64);
    fill(*m);
  }
  const Tensor x = noise(1, {2, 5, 8}), order = tensor<std::int64_t>({3, 0, 4, 1, 2});
  auto shuffled = [&](const Tensor& s) { return index_select(s, order, 1).detach(); };
  EXPECT_TRUE(close(block(shuffled(x)).detach(), shuffled(block(x)), 1e-12, 1e-13));
  EXPECT_FALSE(close(block(position(shuffled(x))).detach(), shuffled(block(position(x))), 1e-3, 1e-3));
  EXPECT_TRUE(close(position(x).detach(), (x + reshape(position.parameter("weight").leaf(), {1, 5, 8})).detach(), 0));
}

// A layer of which head 1 is masked computes what heads 0 and 2 compute alone, with weights from which its rows and columns are gone.
TEST(MultiHeadAttention, AMaskedHeadIsNotThere) {
  MultiHeadAttention three(6, 3);
  three.to(DType::f64);
  fill(three);
  auto other = [](std::int64_t i) { return i / 2 != 1; };  // row or column i is not head 1's
  const Tensor x = noise(1, {2, 3, 6}), kept = tensor<std::int64_t>({0, 1, 4, 5}), of_biases = mask_of({6}, other);
  const Tensor rows = mask_of({6, 6}, [&](std::int64_t i) { return other(i / 6); }), columns = mask_of({6, 6}, [&](std::int64_t i) { return other(i % 6); });
  for (Linear* l : {&three.q(), &three.k(), &three.v()}) {
    l->weight().set_mask(rows);
    l->bias()->set_mask(of_biases);
  }
  three.out().weight().set_mask(columns);
  auto heads = [&](Linear& l) {
    const Tensor y = linear(reshape(x, {6, 6}), index_select(l.weight().value(), kept), index_select(l.bias()->value(), kept));
    return permute(reshape(y, {2, 3, 2, 2}), {0, 2, 1, 3});
  };
  const Tensor a = matmul(softmax(matmul(heads(three.q()), heads(three.k()), {.b = true}) / std::sqrt(2.0)), heads(three.v()));
  const Tensor want = linear(reshape(permute(a, {0, 2, 1, 3}), {6, 4}), index_select(three.out().weight().value(), kept, 1), three.out().bias()->value());
  EXPECT_TRUE(close(three(x).detach(), reshape(want, {2, 3, 6}).detach(), 1e-12, 1e-13));
}

TEST(Attention, ComputesTheSameWithPackedWeights) {
  EncoderBlock block(8, 2, 12);
  block.to(DType::f64);
  fill(block);
  for (Parameter* p : block.parameters())
    if (p->packable()) p->set_mask(mask_of(p->shape(), [](std::int64_t i) { return i % 3 == 0; }));
  const Tensor x = noise(1, {2, 5, 8}), want = block(x).detach();
  int packed = 0;
  for (Parameter* p : block.parameters())
    if (p->packable()) {
      p->pack();
      ++packed;
    }
  EXPECT_EQ(packed, 6);  // q, k, v, out and the MLP's two
  EXPECT_TRUE(close(block(x).detach(), want, 1e-12, 1e-13));
}

TEST(Transformer, IsItsPartsAndStartsAsItsLayersDo) {
  auto net = rows_transformer();
  std::int64_t parameters = 0, weights = 0;
  for (const Parameter* p : net->parameters()) {
    parameters += p->numel();
    if (p->shape().rank() >= 2) weights += p->numel();
  }
  EXPECT_EQ(parameters, 71'370);
  EXPECT_EQ(weights, 69'760);
  initialize(*net, {}, Random(1));
  for (const char* norm : {"norm.weight", "block1.norm1.weight", "block2.norm2.weight"}) EXPECT_TRUE(same_bits(net->parameter(norm).leaf().detach(), ones({64}))) << norm;
  for (const char* zero : {"norm.bias", "block1.attention.q.bias", "block2.fc2.bias", "embedding.linear.bias"})
    EXPECT_EQ(max(abs(net->parameter(zero).leaf())).item(), 0) << zero;
  for (const char* drawn : {"position.weight", "block1.attention.out.weight", "fc.weight"}) EXPECT_GT(max(abs(net->parameter(drawn).leaf())).item(), 0) << drawn;
  const Tensor rows = noise(2, {3, 28, 28}, 1, DType::f32), pictures = reshape(rows, {3, 1, 28, 28});
  const Tensor y = (*net)(rows).detach();
  EXPECT_EQ(y.shape(), (Shape{3, 10}));
  EXPECT_TRUE(same_bits((*net)(pictures).detach(), y));
  EXPECT_EQ((*net)(zeros({0, 28, 28})).shape(), (Shape{0, 10}));
  EXPECT_EQ(network("rows_transformer")->describe(), net->describe());
  EXPECT_NE(net->describe().find("EncoderBlock 64, 4 heads of 16, 128 hidden"), std::string::npos) << net->describe();
}

TEST(Transformer, InF32IsNearF64AndTheSameOnTwoBackends) {
  auto gradients = [](DType t) {
    auto net = transformer(small_sizes());
    net->to(t);
    fill(*net);
    Tensors leaves;
    for (Parameter* p : net->parameters()) leaves.push_back(p->leaf());
    Tensors out = grad(cross_entropy((*net)(noise(1, {3, 4, 5}, 1, t)), labels(3, 3)), leaves);
    for (Tensor& g : out) g = cast(g, DType::f64);
    return out;
  };
  const Tensors fast = gradients(DType::f64), narrow = gradients(DType::f32);
  const UseBackend scope(reference_backend());
  const Tensors plain = gradients(DType::f64);
  for (std::size_t i = 0; i < fast.size(); ++i) {
    EXPECT_TRUE(close(fast[i], plain[i], 1e-9, 1e-11)) << i;
    EXPECT_TRUE(close(narrow[i], fast[i], 1e-3, 1e-5)) << i;
  }
}

// Which of two tokens comes first is what attention without positions can't tell, and with them learns.
TEST(Transformer, LearnsAnOrder) {
  const Random random(3);
  auto net = transformer({.tokens = 4, .features = 3, .model = 8, .heads = 2, .hidden = 16, .blocks = 1, .classes = 2});
  initialize(*net, {}, random.derive("init"));
  auto batch = [&](std::int64_t i) {  // features: a noise, and two marks; the label says whether mark 1 is before mark 2
    Random r = random.derive("batch").derive(i);
    Tensor x = r.normal({32, 4, 3}, 0, 0.1), y = empty({32}, DType::i64);
    for (std::int64_t e = 0; e < 32; ++e) {
      const Tensor places = r.permutation(4);
      const std::int64_t first = places.to_vector<std::int64_t>()[0], second = places.to_vector<std::int64_t>()[1];
      x.mutable_data<float>()[(e * 4 + first) * 3 + 1] = 1;
      x.mutable_data<float>()[(e * 4 + second) * 3 + 2] = 1;
      y.mutable_data<std::int64_t>()[e] = first < second;
    }
    return Batch{x, y};
  };
  Adam adam(net->parameters());
  train(*net, adam, batch, {.iterations = 400, .rate = constant(3e-3)});
  const Batch unseen = batch(100'000);
  EXPECT_GE(evaluate(*net, unseen.inputs, unseen.labels).accuracy, 95);
}

TEST(Attention, SaysWhatDoesNotFit) {
  EXPECT_TRUE(refuses([] { MultiHeadAttention(10, 3); }, {"3 heads", "model of 10"}));
  EXPECT_TRUE(refuses([] { MultiHeadAttention(8, 0); }, {"0 heads"}));
  EXPECT_TRUE(refuses([] { EncoderBlock(8, -2, 12); }, {"-2 heads"}));
  EXPECT_TRUE(refuses([] { EncoderBlock(8, 2, 0); }, {"8 -> 0"}));
  EXPECT_TRUE(refuses([] { Embedding(0, 4); }, {"0 tokens"}));
  EXPECT_TRUE(refuses([] { PositionEmbedding(3, 0); }, {"3 places of 0"}));
  EXPECT_TRUE(refuses([] { transformer({.tokens = 4, .features = 5, .model = 8, .heads = 2, .hidden = 12, .blocks = 0, .classes = 3}); }, {"block", "0"}));

  auto net = transformer(small_sizes());
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 4, 6})); }, {"\"embedding\"", "(2, 4, 6)", "(n, tokens, 5)"}));
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 3, 5})); }, {"\"position\"", "(2, 3, 8)", "(n, 4, 8)"}));
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 3, 4, 5})); }, {"\"rows\"", "(2, 3, 4, 5)", "grey pictures"}));
  EXPECT_TRUE(refuses([&] { (*net)(zeros({2, 4, 5}, DType::f64)); }, {"\"embedding\"", "f64", "f32"}));
  MultiHeadAttention attention(8, 2);
  EXPECT_TRUE(refuses([&] { attention(zeros({2, 8})); }, {"MultiHeadAttention", "(2, 8)", "(n, tokens, 8)"}));
  EncoderBlock block(8, 2, 12);
  EXPECT_TRUE(refuses([&] { block(zeros({2, 3, 7})); }, {"EncoderBlock", "(2, 3, 7)"}));
  EXPECT_TRUE(refuses([] { MeanOfTokens()(zeros({2, 0, 8})); }, {"MeanOfTokens", "(2, 0, 8)"}));

  Embedding embedding(7, 3);
  EXPECT_TRUE(refuses([&] { embedding(tensor<std::int64_t>({3, 7}, {1, 2})); }, {"token 7", "0..6"}));
  EXPECT_TRUE(refuses([&] { embedding(tensor<std::int64_t>({-1, 3}, {1, 2})); }, {"token -1", "0..6"}));
  EXPECT_TRUE(refuses([&] { embedding(zeros({1, 2})); }, {"f32 (1, 2)", "(n, t) i64"}));
  EXPECT_TRUE(refuses([&] { embedding(tensor<std::int64_t>({1, 2})); }, {"i64 (2)", "(n, t) i64"}));
}

}  // namespace
}  // namespace bonsai::nn
