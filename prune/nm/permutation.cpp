#include "prune/nm/permutation.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "core/ops.h"

namespace bonsai::prune {
namespace {

// The scores column by column, so that a group's rows are worked on side by side.
class Columns {
 public:
  Columns(const Tensor& scores, NM p) : p_(p) {
    require(scores.rank() == 2 && is_floating(scores.dtype()), "permutation: needs scores (rows, columns) in f32 or f64, got {} {}", name(scores.dtype()), scores.shape());
    require(scores.size(1) > 0 && scores.size(1) % p.m == 0, "permutation: {} columns are no multiple of {}", scores.size(1), p.m);
    const Tensor t = transpose(cast(scores.detach(), DType::f64));
    rows_ = t.size(1), columns_ = t.size(0);
    values_ = t.to_vector<double>();
    for (double v : values_) require(v >= 0, "permutation: the score {} is not 0 or more", v);
  }
  std::int64_t columns() const { return columns_; }
  NM pattern() const { return p_; }

  // The N largest of the group in each row, added up over the rows. Blocks of rows go through N rounds of bubbling, in which compilers see vectors.
  double group(const std::int64_t* members) const {
    constexpr std::int64_t block = 64;
    double a[64][block], total = 0;
    for (std::int64_t r = 0; r < rows_; r += block) {
      const std::int64_t n = std::min(block, rows_ - r);
      for (std::int64_t j = 0; j < p_.m; ++j) std::copy_n(&values_[members[j] * rows_ + r], n, a[j]);
      for (std::int64_t k = 0; k < p_.n; ++k) {
        for (std::int64_t j = p_.m - 1; j > k; --j)
          for (std::int64_t i = 0; i < n; ++i) {
            const double high = std::max(a[j - 1][i], a[j][i]), low = std::min(a[j - 1][i], a[j][i]);
            a[j - 1][i] = high, a[j][i] = low;
          }
        for (std::int64_t i = 0; i < n; ++i) total += a[k][i];  // (perm.1)
      }
    }
    return total;
  }

 private:
  NM p_;
  std::int64_t rows_, columns_;
  std::vector<double> values_;
};

// The best division of these columns (at most most_exact_columns) into groups of M.
Order best_of(const Columns& c, const Order& members) {
  const auto n = static_cast<int>(members.size()), m = static_cast<int>(c.pattern().m);
  std::map<std::uint32_t, double> score;  // of each possible group, by its set
  for (std::uint32_t set = 0; set < 1u << n; ++set) {
    if (std::popcount(set) != m) continue;
    std::int64_t group[64];
    for (int i = 0, k = 0; i < n; ++i)
      if (set >> i & 1) group[k++] = members[i];
    score[set] = c.group(group);
  }
  const std::uint32_t all = n == 32 ? ~0u : (1u << n) - 1;
  std::vector<double> best(all + 1, -1);  // of the columns that are taken, by their set; they are taken lowest first
  std::vector<std::uint32_t> last(all + 1);
  best[0] = 0;
  std::vector<std::vector<std::pair<std::uint32_t, double>>> by_lowest(n);
  for (const auto& [set, s] : score) by_lowest[std::countr_zero(set)].emplace_back(set, s);
  for (std::uint32_t taken = 0; taken < all; ++taken) {
    if (best[taken] < 0) continue;
    for (const auto& [group, s] : by_lowest[std::countr_one(taken)])
      if ((group & taken) == 0 && best[taken] + s > best[taken | group]) best[taken | group] = best[taken] + s, last[taken | group] = group;
  }
  Order order;
  for (std::uint32_t taken = all; taken != 0; taken &= ~last[taken])
    for (int i = n - 1; i >= 0; --i)
      if (last[taken] >> i & 1) order.push_back(members[i]);
  std::ranges::reverse(order);
  return order;
}

double total(const Columns& c, const Order& order) {
  double sum = 0;
  for (std::int64_t g = 0; g < c.columns(); g += c.pattern().m) sum += c.group(&order[g]);
  return sum;
}

void check(const Columns& c, const Order& order) {
  Order sorted = order;
  std::ranges::sort(sorted);
  require(sorted == as_they_are(c.columns()), "permutation: an order of {} names each of the {} columns once; this one does not", order.size(), c.columns());
}

Order greedy(const Columns& c, Order order) {
  const std::int64_t m = c.pattern().m, groups = c.columns() / m;
  std::vector<double> now(groups);
  for (std::int64_t g = 0; g < groups; ++g) now[g] = c.group(&order[g * m]);
  struct Swap {
    double gain = 0, a = 0, b = 0;  // what the two groups are worth after it
    std::int64_t i = 0, j = 0;
  };
  auto best_between = [&](std::int64_t a, std::int64_t b) {
    Swap best;
    for (std::int64_t i = a * m; i < (a + 1) * m; ++i)
      for (std::int64_t j = b * m; j < (b + 1) * m; ++j) {
        std::swap(order[i], order[j]);
        const double in_a = c.group(&order[a * m]), in_b = c.group(&order[b * m]), gain = in_a + in_b - now[a] - now[b];
        std::swap(order[i], order[j]);
        if (gain > best.gain) best = {gain, in_a, in_b, i, j};
      }
    return best;
  };
  std::vector<Swap> best(groups * groups);  // of each pair of groups a < b
  for (std::int64_t a = 0; a < groups; ++a)
    for (std::int64_t b = a + 1; b < groups; ++b) best[a * groups + b] = best_between(a, b);
  for (;;) {
    const auto at = std::ranges::max_element(best, {}, &Swap::gain) - best.begin();
    const Swap s = best[at];
    if (!(s.gain > 1e-9 * std::max(1.0, std::accumulate(now.begin(), now.end(), 0.0)))) return order;  // (rounding is no gain)
    const std::int64_t a = at / groups, b = at % groups;
    std::swap(order[s.i], order[s.j]);
    now[a] = s.a, now[b] = s.b;
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t changed : {a, b})
        if (g != changed) best[std::min(g, changed) * groups + std::max(g, changed)] = best_between(std::min(g, changed), std::max(g, changed));
  }
}

std::int64_t window_groups(NM p) { return std::max<std::int64_t>(2, 12 / p.m); }

Order searched(const Columns& c, Order order, const Random& random, std::int64_t windows) {
  const std::int64_t m = c.pattern().m, groups = c.columns() / m, wide = std::min(groups, window_groups(c.pattern()));
  if (groups < 2 || wide * m > most_exact_columns) return order;
  for (std::int64_t w = 0; w < windows; ++w) {
    const Tensor drawn = random.derive(static_cast<std::uint64_t>(w)).permutation(groups);
    Order window;
    double before = 0;
    for (std::int64_t k = 0; k < wide; ++k) {
      const std::int64_t g = drawn.data<std::int64_t>()[k];
      window.insert(window.end(), &order[g * m], &order[g * m] + m);
      before += c.group(&order[g * m]);
    }
    const Order better = best_of(c, window);
    double after = 0;
    for (std::int64_t k = 0; k < wide; ++k) after += c.group(&better[k * m]);
    if (after > before)
      for (std::int64_t k = 0; k < wide; ++k) std::copy_n(&better[k * m], m, &order[drawn.data<std::int64_t>()[k] * m]);
  }
  return order;
}

}  // namespace

Order as_they_are(std::int64_t columns) {
  Order o(columns);
  std::iota(o.begin(), o.end(), 0);
  return o;
}

double kept_score(const Tensor& scores, NM p, const Order& order) {
  const Columns c(scores, p);
  check(c, order);
  return total(c, order);
}

Order exact_order(const Tensor& scores, NM p) {
  const Columns c(scores, p);
  require(c.columns() <= most_exact_columns, "permutation: {} columns have too many orders to try; the exact one is for up to {}", c.columns(), most_exact_columns);
  return best_of(c, as_they_are(c.columns()));
}

Order greedy_order(const Tensor& scores, NM p, Order start) {
  const Columns c(scores, p);
  check(c, start);
  return greedy(c, std::move(start));
}

Order searched_order(const Tensor& scores, NM p, Order start, const Random& random, std::int64_t windows) {
  const Columns c(scores, p);
  check(c, start);
  return searched(c, std::move(start), random, windows);
}

Order best_order(const Tensor& scores, NM p, const Random& random) {
  const Columns c(scores, p);
  const Order now = as_they_are(c.columns());
  double ways = 1;  // of choosing a group in a window
  for (std::int64_t k = 0; k < p.m; ++k) ways *= static_cast<double>(window_groups(p) * p.m - k) / static_cast<double>(k + 1);
  const auto windows = std::min<std::int64_t>(20 * c.columns() / p.m, 1 + static_cast<std::int64_t>(200'000 / ways));
  const Order better = c.columns() <= most_exact_columns ? best_of(c, now) : searched(c, greedy(c, now), random, windows);
  return total(c, better) > total(c, now) ? better : now;
}

}  // namespace bonsai::prune
