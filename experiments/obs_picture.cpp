// Magnitude, OBD and OBS on one blackboard: three weights w at the minimum of a quadratic loss ½ dᵀH d, and one of them has to go. Each
// method is asked which, what it believes that costs, and what it does about the others; then the true cost is computed. After Hassibi
// and Stork, "Second order derivatives for network pruning: optimal brain surgeon", NIPS 1992, figure 1.
//
//   ./bonsai run obs_picture                               a second; it needs no data
//   ./bonsai run obs_picture --h 2,1.5,1.5,2 --w 1,3       a matrix and weights of your own
//
// All numbers come from prune/scores. Read `experiment` first; `run`, at the end, is the frame around it.
#include <cmath>

#include "core/cholesky.h"
#include "experiments/common/figures.h"
#include "experiments/common/parts.h"
#include "experiments/common/program.h"
#include "experiments/common/quadratic_picture.h"
#include "experiments/common/report.h"
#include "experiments/common/summary.h"
#include "prune/scores/magnitude.h"
#include "prune/scores/obd.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"
#include "prune/select.h"

namespace {

using namespace bonsai;
using namespace bonsai::experiments;

struct Settings {
  std::string h_text, w_text;
  Tensor h, w;  // (n, n) and (n), f64; n is 2 or 3
  std::int64_t n() const { return w.numel(); }
};

void declare(Options& o, Settings& s) {
  o.text("--h", s.h_text, "1,-2,0,-2,5,0,0,0,1", "the Hessian, row by row: 4 or 9 numbers, symmetric and positive definite");
  o.text("--w", s.w_text, "5,3,4", "the weights at the minimum: 2 or 3 numbers");
}

void check(Settings& s, const Options& o) {
  const std::vector<double> h = numbers_in("--h", s.h_text), w = numbers_in("--w", s.w_text);
  const std::size_t n = w.size();
  require(n == 2 || n == 3, "--w: {} weights; the picture is of 2 or 3", n);
  require(h.size() == n * n, "--h: {} numbers for {} weights; a Hessian has {}, row by row", h.size(), n, n * n);
  for (double v : h) require(std::abs(v) <= 1e6, "--h: {} is beyond 1e6; scale the example", v);
  for (double v : w) require(std::abs(v) <= 1e6, "--w: {} is beyond 1e6; scale the example", v);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      require(h[i * n + j] == h[j * n + i], "--h: entries ({0}, {1}) and ({1}, {0}) are {2} and {3}; a Hessian is symmetric", i + 1, j + 1,
              h[i * n + j], h[j * n + i]);
  const auto size = static_cast<std::int64_t>(n);
  s.h = tensor(std::span<const double>(h), {size, size});
  s.w = tensor(std::span<const double>(w), {size});
  require(cholesky(s.h).has_value(), "--h: {} is not positive definite, so w is not at a minimum; make the diagonal larger", s.h_text);
  require(o.trials == 1, "--trials {}: nothing here is random; leave it out", o.trials);
}

// (1 0 0), (0 1 0), ... of n numbers.
Tensor unit(std::int64_t q, std::int64_t n) { return slice(eye(n), 0, q, q + 1); }

// clang-format off
// the experiment
Deletion experiment(const std::string& method, const Tensor& h, const Tensor& w) {
  const std::int64_t n = w.numel();
  const Tensor inverse = prune::damped_inverse(h).inverse, diagonal = sum(h * eye(n), {0});
  const Tensor scores = method == "magnitude" ? prune::magnitude(w)             // |w|
                      : method == "OBD"       ? prune::obd(w, diagonal)         // ½ h_qq w_q²
                                              : prune::obs_scores(w, inverse);  // w_q² / 2[H⁻¹]_qq
  const Tensor mask = prune::remove_lowest({{"w", scores, {}}}, 1)[0];          // the lowest score goes
  const std::int64_t q = argmax(equal(mask, zeros_like(mask))).at(0);
  const Tensor change = method == "OBS" ? prune::obs_change(w, inverse, q)      // the others make up for it
                                        : reshape(unit(q, n), {n}) * -w.at(q);  // the others stay
  const Tensor row = reshape(change, {1, n});
  return {.scores = scores.to_vector<double>(), .weight = q, .predicted = method == "magnitude" ? std::nan("") : scores.at(q),
          .cost = 0.5 * matmul(matmul(row, h), row, {.b = true}).item(),        // the loss is ½ dᵀH d exactly
          .after = (w + change).to_vector<double>()};
}
// end
// clang-format on

const std::vector<std::string> methods{"magnitude", "OBD", "OBS"};

// results.csv: a row a method.
std::string header(std::int64_t n) {
  std::string text = "method,deletes,predicted,cost";
  for (const char* what : {"score", "after"})
    for (std::int64_t i = 1; i <= n; ++i) text += fmt::format(",{}_w{}", what, i);
  return text;
}

std::string to_row(const std::string& method, const Deletion& d) {
  std::string row = fmt::format("{},{},{},{}", method, d.weight + 1, d.predicted, d.cost);
  for (const auto& list : {d.scores, d.after})
    for (double v : list) row += fmt::format(",{}", v);
  return row + "\n";
}

Deletion from_row(const Cells& c, std::int64_t n) {
  Deletion d{{}, static_cast<std::int64_t>(to_number(c[1])) - 1, to_number(c[2]), to_number(c[3]), {}};
  for (std::int64_t i = 0; i < n; ++i) d.scores.push_back(to_number(c[4 + i])), d.after.push_back(to_number(c[4 + n + i]));
  return d;
}

std::string table(const Settings& s, const std::vector<Deletion>& all) {
  std::string text = fmt::format("w = {}, H =", shown(s.w.to_vector<double>()));
  for (std::int64_t i = 0; i < s.n(); ++i) text += fmt::format(" {}", shown(slice(s.h, 0, i, i + 1).to_vector<double>()));
  text += fmt::format("\n\n{:<10}", "score of");
  for (std::int64_t i = 1; i <= s.n(); ++i) text += fmt::format(" {:>8}", fmt::format("w{}", i));
  text += fmt::format("   deletes  predicts     costs   leaves\n");
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const Deletion& d = all[m];
    text += fmt::format("{:<10}", methods[m]);
    for (double score : d.scores) text += fmt::format(" {:>8}", shown(score));
    text += fmt::format("   {:<7} {:>9} {:>9}   {}\n", fmt::format("w{}", d.weight + 1), shown(d.predicted), shown(d.cost), shown(d.after));
  }
  return text;
}

std::string summary(const Settings& s, const std::vector<Deletion>& all, const std::string& command) {
  Summary sum;
  sum.put({"command"}, command);
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const Deletion& d = all[m];
    sum.put({"methods", methods[m], "deletes"}, fmt::format("w{}", d.weight + 1));
    sum.put({"methods", methods[m], "predicted"}, d.predicted);
    sum.put({"methods", methods[m], "cost"}, d.cost);
    for (std::int64_t i = 0; i < s.n(); ++i) sum.put({"methods", methods[m], "scores", fmt::format("w{}", i + 1)}, d.scores[i]);
    for (std::int64_t i = 0; i < s.n(); ++i) sum.put({"methods", methods[m], "after", fmt::format("w{}", i + 1)}, d.after[i]);
  }
  return sum.json();
}

void run(int argc, char** argv) {
  Options o("obs_picture",
            "Magnitude, OBD and OBS delete one weight of a quadratic loss, after Hassibi and Stork (NIPS 1992): which one, for what, and\n"
            "what happens to the others. A picture and a table; no data, no training, and the three sizes are the same.",
            {1});
  Settings s;
  declare(o, s);
  if (!o.parse(argc, argv)) return;
  check(s, o);
  RunFolder folder(o, "blackboard");
  if (folder.finished()) return present_again(folder);
  require_gnuplot();
  folder.begin();

  std::vector<Part> parts;
  for (const std::string& m : methods) parts.push_back({m, [&s, m] { return to_row(m, experiment(m, s.h, s.w)); }, m});
  compute_parts(folder, o, header(s.n()), parts, "deletions", 0);
  std::vector<Deletion> all;
  for (const std::string& m : methods) all.push_back(from_row(cells(folder, header(s.n()), m).at(0), s.n()));

  const std::string command = "./bonsai run obs_picture" + o.command_line();
  draw_deletions(folder.file("figures"), s.h, s.w, methods, all, command);
  present(folder, {"One weight has to go",
                   {{"obs_picture.svg", "Contours of the loss and the three deletions, in the plane of w1 and w2. " + command}},
                   table(s, all),
                   summary(s, all, command)});
  fmt::print("Next, with pen and paper first: ./bonsai run obs_picture --h 1,0,0,5 --w 5,3\n");
}

}  // namespace

int main(int argc, char** argv) {
  return program("obs_picture", [&] { run(argc, argv); });
}
