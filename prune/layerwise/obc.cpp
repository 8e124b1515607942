#include "prune/layerwise/obc.h"

#include <algorithm>

#include "core/backend.h"
#include "core/cholesky.h"
#include "core/ops.h"
#include "core/parallel.h"
#include "prune/select.h"

namespace bonsai::prune {
namespace {

constexpr std::int64_t at_once = 32, rows_at_once = 128;

// One row, its inverse Hessian, and what is left of both. What a deletion takes off H⁻¹ is an outer product; a pass over the matrix for each would wait for
// memory, so 32 of them are kept aside, taken off whatever is read meanwhile, and off the matrix together, as one product of matrices. Then what is
// gone is left out of it, too: the matrix shrinks, and the order stays.
class Row {
 public:
  Row(const double* w, const Tensor& inverse, const LayerAmount& a)
      : size_(inverse.size(0)), stride_(size_), group_(a.pattern ? a.pattern->m : 1), keep_(a.pattern ? a.pattern->n : 0), w_(w, w + size_), h_(clone(inverse)),
        column_(zeros({at_once, size_}, DType::f64)), scaled_(zeros({at_once, size_}, DType::f64)), there_(size_, 1), in_group_(size_ / group_, group_) {
    for (std::int64_t i = 0; i < size_; ++i) index_.push_back(i), diagonal_.push_back(inverse.data<double>()[i * stride_ + i]);
  }

  // The place of the cheapest weight that may go: the lowest index of equals; -1: none.
  std::int64_t cheapest() const {
    std::int64_t best = -1;
    double lowest = 0;
    for (std::int64_t i = 0; i < size_; ++i) {
      if (!there_[i] || in_group_[index_[i] / group_] <= keep_) continue;
      const double s = score(i);
      if (best < 0 || s < lowest) lowest = s, best = i;
    }
    return best;
  }
  double score(std::int64_t i) const { return w_[i] * w_[i] / diagonal_[i]; }  // (obc.1)
  std::int64_t place(std::int64_t index) const { return std::ranges::lower_bound(index_, index) - index_.begin(); }

  void remove(std::int64_t q) {
    double *u = column_.mutable_data<double>().data(), *column = u + waiting_ * stride_, *v = scaled_.mutable_data<double>().data(), *scaled = v + waiting_ * stride_;
    std::copy_n(h_.data<double>().data() + q * stride_, size_, column);
    for (std::int64_t k = 0; k < waiting_; ++k) {
      const double f = v[k * stride_ + q];
      for (std::int64_t j = 0; j < size_; ++j) column[j] -= f * u[k * stride_ + j];
    }
    const double d = column[q], step = w_[q] / d;
    for (std::int64_t j = 0; j < size_; ++j) {
      scaled[j] = column[j] / d;
      w_[j] -= step * column[j];               // (obc.2)
      diagonal_[j] -= scaled[j] * column[j];
    }
    there_[q] = 0;
    --in_group_[index_[q] / group_];
    if (++waiting_ == at_once) shrink();
  }

  void write(double* w, std::uint8_t* kept) const {
    std::fill_n(w, stride_, 0);
    std::fill_n(kept, stride_, 0);
    for (std::int64_t i = 0; i < size_; ++i)
      if (there_[i]) w[index_[i]] = w_[i], kept[index_[i]] = 1;
  }

 private:
  void shrink() {
    std::vector<std::int64_t> left;
    for (std::int64_t i = 0; i < size_; ++i)
      if (there_[i]) left.push_back(i);
    double* h = h_.mutable_data<double>().data();
    const View u{view(column_).data, DType::f64, {waiting_, size_}, {stride_, 1}};
    for (std::int64_t first = 0, to = 0; first < size_; first += rows_at_once) {
      const std::int64_t rows = std::min(rows_at_once, size_ - first);
      Tensor off = empty({rows, size_}, DType::f64);
      const View v{view(scaled_).as<double>() + first, DType::f64, {waiting_, rows}, {stride_, 1}};
      matmul_on_host(transposed(v), u, off);
      for (std::int64_t i = first; i < first + rows; ++i) {
        if (!there_[i]) continue;
        const double* less = off.data<double>().data() + (i - first) * size_;
        for (std::size_t j = 0; j < left.size(); ++j) h[to * stride_ + static_cast<std::int64_t>(j)] = h[i * stride_ + left[j]] - less[left[j]];  // (obc.3)
        ++to;
      }
    }
    for (std::size_t j = 0; j < left.size(); ++j) w_[j] = w_[left[j]], diagonal_[j] = diagonal_[left[j]], index_[j] = index_[left[j]];
    size_ = static_cast<std::int64_t>(left.size());
    index_.resize(size_);
    std::fill(there_.begin(), there_.end(), 1);
    waiting_ = 0;
  }

  std::int64_t size_, stride_, group_, keep_, waiting_ = 0;
  std::vector<double> w_, diagonal_;
  Tensor h_, column_, scaled_;  // H⁻¹, its rows `stride_` apart; what waits: the columns, and those divided by [H⁻¹]_qq
  std::vector<char> there_;
  std::vector<std::int64_t> index_, in_group_;
};

// How many more of each row go: `total` together, in each step of the row whose next loss is the lowest (the first of equals).
std::vector<std::int64_t> share(const std::vector<std::vector<double>>& losses, std::int64_t total) {
  std::vector<std::int64_t> taken(losses.size());
  auto later = [&](std::size_t a, std::size_t b) {
    const double x = losses[a][taken[a]], y = losses[b][taken[b]];
    return x > y || (x == y && a > b);
  };
  std::vector<std::size_t> heap;
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (!losses[i].empty()) heap.push_back(i);
  std::ranges::make_heap(heap, later);
  for (; total > 0 && !heap.empty(); --total) {
    std::ranges::pop_heap(heap, later);
    const std::size_t row = heap.back();
    heap.pop_back();
    if (++taken[row] == static_cast<std::int64_t>(losses[row].size())) continue;
    heap.push_back(row);
    std::ranges::push_heap(heap, later);
  }
  return taken;
}

}  // namespace

Compensated obc(const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const ObcOptions& o) {
  NoGrad off;
  count(a.sparsity, 1, "obc");
  const LayerProblem p = layer_problem("obc", name, w, h, a, o.mask);
  const std::int64_t rows = p.w.size(0), n = p.w.size(1);
  const auto c = cholesky(damped(h, p.order, o.damping));
  require(c.has_value(), "obc: the second moments of the inputs of \"{}\" have no inverse at damping {}; damp more (0.01 is usual), or calibrate with more data", name,
          o.damping);
  const Tensor inverse = matmul(c->inverse, c->inverse, {.a = true});
  const double* from = p.w.data<double>().data();
  const std::uint8_t* given = p.kept.data<std::uint8_t>().data();

  // Row i with what was pruned before taken out.
  auto begin = [&](std::int64_t i, std::int64_t& gone) {
    Row row(from + i * n, inverse, a);
    gone = 0;
    for (std::int64_t j = 0; j < n; ++j)
      if (!given[i * n + j]) row.remove(row.place(j)), ++gone;
    return row;
  };
  std::vector<std::int64_t> steps(rows, n);  // under N:M until no group can spare one
  if (!a.pattern && o.per_row) {
    for (std::int64_t i = 0; i < rows; ++i)
      steps[i] = std::max<std::int64_t>(0, count(a.sparsity, n) - std::count(given + i * n, given + (i + 1) * n, std::uint8_t{0}));
  } else if (!a.pattern) {
    std::vector<std::vector<double>> losses(rows);
    parallel_for(rows, [&](std::int64_t i) {
      std::int64_t gone = 0;
      Row row = begin(i, gone);
      for (std::int64_t k = gone; k < n; ++k) {
        const std::int64_t q = row.cheapest();
        losses[i].push_back(row.score(q));
        row.remove(q);
      }
    });
    steps = share(losses, count(a.sparsity, rows * n) - std::count(given, given + rows * n, std::uint8_t{0}));
  }

  Tensor values = empty({rows, n}, DType::f64), mask = empty({rows, n}, DType::u8);
  double* to = values.mutable_data<double>().data();
  std::uint8_t* kept = mask.mutable_data<std::uint8_t>().data();
  parallel_for(rows, [&](std::int64_t i) {
    std::int64_t gone = 0;
    Row row = begin(i, gone);
    for (std::int64_t k = 0, q; k < steps[i] && (q = row.cheapest()) >= 0; ++k) row.remove(q);
    row.write(to + i * n, kept + i * n);
  });
  return {restored(mask, p, w), restored(values, p, w)};
}

}  // namespace bonsai::prune
