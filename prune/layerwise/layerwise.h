// Layer by layer through a network, from the inputs to the outputs: gather what a layer reads of some examples, prune it, go on. What the next layer
// reads is computed anew, by the network as it is by then: so each layer makes up for what those before it have lost, where its method makes up for anything.
//
//   for each weight, in the order in which the network uses them:
//     X ← what it reads of the calibration examples, a row a token: an example, or a position of a convolution's window
//     W, mask ← method(W, X)
//
// Which layer reads what is read off the recorded graph of a forward pass in evaluation mode, so a network of one's own needs no code for it: linear
// layers and convolutions (groups = 1), a weight that is used in several places with the tokens of all of them. No labels are needed, and no gradient.
// Assumes that calibration examples stand for all. Cost: a forward pass of them for each weight, and the method's own.
#pragma once
#include <string>
#include <vector>

#include "nn/module.h"
#include "prune/layerwise/hessian.h"

namespace bonsai::prune {

struct LayerwiseOptions {
  double damping = 0.01;              // of the second moments, for SparseGPT and OBC
  std::int64_t batch = 100;           // examples that go through the network at once
  std::int64_t largest_exact = 4096;  // OBC leaves weights of more inputs than this (height and width counted in) to SparseGPT
};

// The methods that look at one layer and its inputs. (Those that ask about a loss are in registry.h.)
struct LayerMethod {
  const char *name, *idea, *paper;
  Compensated (*prune)(const std::string& name, const Tensor& w, const InputStatistics& x, const LayerAmount& a, const Tensor& mask, const LayerwiseOptions& o);
};
const std::vector<LayerMethod>& layer_methods();
const LayerMethod& layer_method(const std::string& name);  // throws and lists the names there are

struct PrunedLayer {
  std::string name;
  std::int64_t tokens, size, kept;
  double error;  // ‖X (W - W')ᵀ‖² / ‖X Wᵀ‖² (hessian.h), X being what the pruned layers before it say
};

// Prunes these weights of the network, each to the amount, on calibration examples (n, ...); reports them in the order of their turn. The network is as it was
// if anything throws: no examples, a weight that no linear layer or convolution of the pass reads (a depthwise one, by name), packed or softly masked
// parameters, numbers that are not finite, N:M that does not fit, a layer that would have nothing left (EmptyLayer).
std::vector<PrunedLayer> prune_layerwise(nn::Module& net, const std::vector<nn::Parameter*>& weights, const Tensor& inputs, const LayerMethod& m, const LayerAmount& a,
                                         const LayerwiseOptions& o = {});

// What a convolution's window sees, a row a position: x (n, in, h, w) -> (n h' w', in height width). conv2d(x, W) is unfold(x) Wᵀ, W read as (out, in height width).
Tensor unfold(const Tensor& x, std::int64_t height, std::int64_t width, const Window& window);

}  // namespace bonsai::prune
