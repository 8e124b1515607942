#include "cuda/backend/backend.h"

#include "cuda/backend/each.h"

namespace bonsai::cuda {

const Backend& backend() {
  static const Backend b = [] {
    Backend t{};
    for (auto add : {add_elementwise, add_reductions, add_products, add_sparse_products, add_convolutions, add_pictures, add_normalization, add_rows, add_random_and_optimizers}) add(t);
    t.set_name("cuda");
    return t;
  }();
  return b;
}

}  // namespace bonsai::cuda
