#include "market/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/digamma.hpp>
#include <cmath>

#include "base/error.h"
#include "market/garch_step.h"
#include "market/minimise.h"

namespace proofload {
namespace {

using std::span, std::vector;

constexpr double log_pi = 1.1447298858494002, log_two_pi = 1.8378770664093453;

double mean_of(span<const double> values) {
  double sum = 0.0;
  for (const double x : values) sum += std::isnan(x) ? 0.0 : x;
  return sum / static_cast<double>(count_present(values));
}

double mean_square(span<const double> values) {
  double sum = 0.0;
  for (const double x : values) sum += std::isnan(x) ? 0.0 : x * x;
  return sum / static_cast<double>(count_present(values));
}

void need_returns(span<const double> returns) {
  const std::size_t n = count_present(returns);
  if (n < least_returns) {
    throw Error(fmt::format("there are {} returns (a fit needs at least {}) give a longer history", n, least_returns));
  }
  if (!(mean_square(returns) > 0.0)) {
    throw Error("all returns are zero (a price that never moves has no volatility to fit) leave it out");
  }
}

/// Solves a x = b for the columns of b, with pivots; false when a is singular.
bool solve(Matrix a, Matrix& b) {
  const std::size_t n = a.size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r) pivot = std::fabs(a[r][c]) > std::fabs(a[pivot][c]) ? r : pivot;
    if (!(std::fabs(a[pivot][c]) > 0.0)) return false;
    std::swap(a[c], a[pivot]);
    std::swap(b[c], b[pivot]);
    for (std::size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double factor = a[r][c] / a[c][c];
      for (std::size_t k = c; k < n; ++k) a[r][k] -= factor * a[c][k];
      for (double& x : b[r]) x -= factor * b[c][static_cast<std::size_t>(&x - b[r].data())];
    }
  }
  for (std::size_t r = 0; r < n; ++r)
    for (double& x : b[r]) x /= a[r][r];
  return true;
}

/// Where batches begin (batch_starts).
using Batches = span<const std::size_t>;

double error_of(double variance) { return variance > 0.0 ? std::sqrt(variance) : missing; }

// ---- Student-t ------------------------------------------------------------------------------------------------------

/// Scores in (location, stdev, 1 / dof), summed over batches; the log-likelihood when asked for.
Matrix student_scores(span<const double> returns, const vector<double>& p, Batches starts, double* log_likelihood) {
  const double location = p[0], stdev = p[1], dof = 1.0 / p[2], room = stdev * stdev * (dof - 2.0);
  const StudentConstant constant = student_constant(dof);
  Matrix scores(starts.size() - 1, vector<double>(3, 0.0));
  for (std::size_t b = 0; b < scores.size(); ++b) {
    double location_score = 0.0, weight_sum = 0.0, share_sum = 0.0, used = 0.0;
    LogSum logs;
    for (std::size_t t = starts[b]; t < starts[b + 1]; ++t) {
      if (std::isnan(returns[t])) continue;
      const double x = returns[t] - location, total = room + x * x, share = x * x / total;
      location_score += x / total;
      weight_sum += (dof + 1.0) * share - 1.0;
      share_sum += share;
      logs.add(total / room);
      used += 1.0;
    }
    const double log_total = logs.sum();
    scores[b] = {(dof + 1.0) * location_score, weight_sum / stdev,
                 -dof * dof * (used * constant.slope - 0.5 * log_total + 0.5 * (dof + 1.0) / (dof - 2.0) * share_sum)};
    if (log_likelihood) {
      *log_likelihood =
          (b == 0 ? 0.0 : *log_likelihood) + used * (constant.value - std::log(stdev)) - 0.5 * (dof + 1.0) * log_total;
    }
  }
  return scores;
}

// ---- GJR-GARCH ------------------------------------------------------------------------------------------------------

/// What is estimated: the long-run variance in place of omega, so that targeting fixes one parameter.
struct GarchPoint {
  double variance = 0.0, alpha = 0.0, gamma = 0.0, beta = 0.0;
  double inverse_dof = 0.0;  ///< 0: normal residuals

  double persistence() const { return alpha + 0.5 * gamma + beta; }
  double omega() const { return variance * (1.0 - persistence()); }
};

/// The filter of a point: variances forward, with gaps. Everything that walks a history walks it here.
template <typename Visit>
double walk_garch(span<const double> returns, const GarchPoint& p, Visit&& visit) {
  const GarchStep next{p.omega(), p.alpha, p.gamma, p.beta};
  double h = p.variance;
  for (std::size_t t = 0; t < returns.size(); ++t) {
    visit(t, returns[t], h);
    h = next(h, returns[t]);
  }
  return h;
}

/// Scores in (variance, alpha, gamma, beta, 1 / dof) summed over batches, and the log-likelihood.
Matrix garch_scores(span<const double> returns, const GarchPoint& p, Batches starts, double& log_likelihood) {
  const bool student = p.inverse_dof > 0.0;
  const double dof = student ? 1.0 / p.inverse_dof : 0.0, room = dof - 2.0;
  const StudentConstant constant = student ? student_constant(dof) : StudentConstant{-0.5 * log_two_pi, 0.0};
  const double persistence = p.persistence(), share_of_mean = 1.0 - persistence;
  Matrix scores(starts.size() - 1, vector<double>(5, 0.0));
  double dv = 1.0, da = 0.0, dg = 0.0, db = 0.0;  // derivatives of h
  double sv = 0.0, sa = 0.0, sg = 0.0, sb = 0.0, shares = 0.0, used = 0.0, squares = 0.0;
  LogSum log_h, log_t;
  std::size_t b = 0;
  log_likelihood = 0.0;
  const auto finish_batch = [&] {
    const double lh = log_h.sum(), lt = log_t.sum();
    log_likelihood += used * (constant.value - 0.5 * std::log(p.variance)) - 0.5 * lh -
                      (student ? 0.5 * (dof + 1.0) * lt : 0.5 * squares);
    const double in_dof =
        student ? -dof * dof * (used * constant.slope - 0.5 * lt + 0.5 * (dof + 1.0) / room * shares) : 0.0;
    scores[b] = {sv, sa, sg, sb, in_dof};
    sv = sa = sg = sb = shares = used = squares = 0.0;
    log_h = LogSum();
    log_t = LogSum();
    ++b;
  };
  walk_garch(returns, p, [&](std::size_t t, double e, double h) {
    while (t >= starts[b + 1]) finish_batch();
    if (std::isnan(e)) {
      dv = share_of_mean + persistence * dv;
      da = h - p.variance + persistence * da;
      dg = 0.5 * (h - p.variance) + persistence * dg;
      db = h - p.variance + persistence * db;
      return;
    }
    const double square = e * e, inverse = 1.0 / h, q = square * inverse;
    double weight = q;
    if (student) {
      const double share = q / (room + q);
      weight = (dof + 1.0) * share;
      shares += share;
      log_t.add(1.0 + q / room);
    } else {
      squares += q;
    }
    log_h.add(h / p.variance);
    const double slope = 0.5 * (weight - 1.0) * inverse;
    sv += slope * dv;
    sa += slope * da;
    sg += slope * dg;
    sb += slope * db;
    used += 1.0;
    dv = share_of_mean + p.beta * dv;
    da = square - p.variance + p.beta * da;
    dg = (e < 0.0 ? square : 0.0) - 0.5 * p.variance + p.beta * dg;
    db = h - p.variance + p.beta * db;
  });
  while (b < scores.size()) finish_batch();
  return scores;
}

/// Coordinates without bounds: u = alpha / 2, v = (alpha + gamma) / 2 and beta are shares of `most_persistence`
/// (softmax with the rest).
constexpr double most_persistence = 0.9999;

struct Shares {
  double u, v, beta;
};

Shares shares_of(span<const double> x) {
  const double top = std::max({0.0, x[0], x[1], x[2]});
  const double a = std::exp(x[0] - top), b = std::exp(x[1] - top), c = std::exp(x[2] - top), rest = std::exp(-top);
  const double scale = most_persistence / (a + b + c + rest);
  return {a * scale, b * scale, c * scale};
}

GarchPoint garch_point(span<const double> x, bool student, double target) {
  const Shares s = shares_of(x);
  GarchPoint p;
  p.alpha = 2.0 * s.u;
  p.gamma = 2.0 * (s.v - s.u);
  p.beta = s.beta;
  std::size_t next = 3;
  if (student) p.inverse_dof = inverse_dof(x[next++]);
  p.variance = next < x.size() ? target * std::exp(x[next]) : target;
  return p;
}

vector<double> garch_coordinates(const GarchPoint& p, bool student, bool free_variance, double target) {
  const double least = 1e-4;
  double u = std::max(0.5 * p.alpha, least), v = std::max(0.5 * (p.alpha + p.gamma), least),
         beta = std::max(p.beta, least);
  const double total = u + v + beta, highest = most_persistence - least;
  if (total > highest) u *= highest / total, v *= highest / total, beta *= highest / total;
  const double rest = most_persistence - (u + v + beta);
  vector<double> x{std::log(u / rest), std::log(v / rest), std::log(beta / rest)};
  if (student) x.push_back(dof_coordinate(p.inverse_dof > 0.0 ? 1.0 / p.inverse_dof : 50.0));
  if (free_variance) x.push_back(std::log(p.variance / target));
  return x;
}

struct GarchSearch {
  span<const double> returns;
  bool student = true, free_variance = false;
  double target = 0.0, count = 0.0;
  std::size_t whole[2] = {0, returns.size()};  ///< one batch

  double operator()(span<const double> x, span<double> gradient) const {
    const GarchPoint p = garch_point(x, student, target);
    double log_likelihood = 0.0;
    const Matrix scores = garch_scores(returns, p, whole, log_likelihood);
    const auto& s = scores[0];
    const Shares shares = shares_of(x);
    // d/du, d/dv, d/dbeta, then through the softmax
    const double in_u = 2.0 * s[1] - 2.0 * s[2], in_v = 2.0 * s[2], in_beta = s[3];
    const double mean = (shares.u * in_u + shares.v * in_v + shares.beta * in_beta) / most_persistence;
    gradient[0] = -shares.u * (in_u - mean) / count;
    gradient[1] = -shares.v * (in_v - mean) / count;
    gradient[2] = -shares.beta * (in_beta - mean) / count;
    std::size_t next = 3;
    if (student) {
      gradient[next] = -s[4] * inverse_dof_slope(x[next]) / count;
      ++next;
    }
    if (free_variance) gradient[next] = -s[0] * p.variance / count;
    return -log_likelihood / count;
  }
};

GarchPoint point_of(const GarchFit& fit) {
  return {fit.long_run, fit.alpha.value, fit.gamma.value, fit.beta.value,
          std::isfinite(fit.dof.value) ? 1.0 / fit.dof.value : 0.0};
}

/// Errors of (variance, alpha, gamma, beta, 1 / dof). With a targeted variance its moment condition takes the place of
/// its score, so that what its error does to the others is counted.
void add_garch_errors(span<const double> returns, const GarchPoint& best, bool target, GarchFit& fit) {
  constexpr double at_bound = 2e-4;
  const vector<std::size_t> starts = batch_starts(returns);
  const auto scores = [&](const vector<double>& x) {
    double ignored = 0.0;
    const GarchPoint p{x[0], x[1], x[2], x[3], x[4]};
    Matrix sums = garch_scores(returns, p, starts, ignored);
    if (!target) return sums;
    for (std::size_t b = 0; b < sums.size(); ++b) {
      sums[b][0] = 0.0;
      for (std::size_t t = starts[b]; t < starts[b + 1]; ++t) {
        if (!std::isnan(returns[t])) sums[b][0] += returns[t] * returns[t] - p.variance;
      }
    }
    return sums;
  };
  const bool moves = best.alpha > at_bound || best.alpha + best.gamma > at_bound;  // else beta means nothing
  const vector<bool> free{true, best.alpha > at_bound, best.alpha + best.gamma > at_bound,
                          moves && best.beta > at_bound && best.persistence() < most_persistence - at_bound,
                          best.inverse_dof > 1.001 / most_dof && best.inverse_dof < 0.999 / least_dof};
  const Matrix cov = sandwich(scores, {best.variance, best.alpha, best.gamma, best.beta, best.inverse_dof}, free);
  fit.alpha.error = error_of(cov[1][1]);
  fit.gamma.error = error_of(cov[2][2]);
  fit.beta.error = error_of(cov[3][3]);
  if (best.inverse_dof > 0.0) fit.dof.error = error_of(cov[4][4]) / (best.inverse_dof * best.inverse_dof);
  const double slope[4] = {1.0 - best.persistence(), -best.variance, -0.5 * best.variance, -best.variance};
  double variance = 0.0;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 4; ++j) variance += free[i] && free[j] ? slope[i] * cov[i][j] * slope[j] : 0.0;
  fit.omega.error = error_of(variance);
}

// ---- Merton ---------------------------------------------------------------------------------------------------------

/// Per bar: location, diffusive variance, jumps per bar, mean and variance of a jump.
struct MertonPoint {
  double location = 0.0, variance = 0.0, rate = 0.0, mean = 0.0, jump_variance = 0.0;
};
constexpr double most_jumps = 2.0;          // per bar: beyond that they are a diffusion
constexpr double least_diffusion = 1e-4;    // of the sample variance: repeated prices would be a spike of any height
constexpr double most_jump_variance = 1e4;  // of the sample variance

/// Weights of 0, 1, 2, ... jumps in a bar, until what is left is below 1e-12.
vector<double> poisson(double rate) {
  vector<double> p{std::exp(-rate)};
  double total = p[0];
  while (1.0 - total > 1e-12 && p.size() < 32) {
    p.push_back(p.back() * rate / static_cast<double>(p.size()));
    total += p.back();
  }
  return p;
}

/// Scores in (location, variance, rate, mean, jump variance) summed over batches, and the log-likelihood.
Matrix merton_scores(span<const double> returns, const MertonPoint& p, Batches starts, double& log_likelihood) {
  const vector<double> weights = poisson(p.rate);
  struct Component {
    double height, centre, inverse, jumps;
  };
  vector<Component> components;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double jumps = static_cast<double>(k), variance = p.variance + jumps * p.jump_variance;
    components.push_back({weights[k] / std::sqrt(variance), p.location + jumps * p.mean, 1.0 / variance, jumps});
  }
  Matrix scores(starts.size() - 1, vector<double>(5, 0.0));
  LogSum logs;
  double count = 0.0;
  for (std::size_t b = 0; b < scores.size(); ++b) {
    auto& s = scores[b];
    for (std::size_t t = starts[b]; t < starts[b + 1]; ++t) {
      const double r = returns[t];
      if (std::isnan(r)) continue;
      double density = 0.0, in[5] = {};
      for (const Component& c : components) {
        const double x = r - c.centre, score = x * c.inverse, half = 0.5 * x * score;
        if (half > 345.0) continue;
        const double d = c.height * std::exp(-half), curve = 0.5 * (score * score - c.inverse);
        density += d;
        in[0] += d * score;
        in[1] += d * curve;
        in[2] += d * c.jumps;
        in[3] += d * c.jumps * score;
        in[4] += d * c.jumps * curve;
      }
      density = std::max(density, 1e-150);  // far beyond every component
      const double inverse = 1.0 / density;
      s[0] += in[0] * inverse;
      s[1] += in[1] * inverse;
      s[2] += in[2] * inverse / p.rate - 1.0;
      s[3] += in[3] * inverse;
      s[4] += in[4] * inverse;
      logs.add(density);
      count += 1.0;
    }
  }
  log_likelihood = logs.sum() - 0.5 * log_two_pi * count;
  return scores;
}

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// The search runs on returns scaled to unit variance.
MertonPoint merton_point(span<const double> x) {
  return {x[0], least_diffusion + std::exp(std::min(x[1], 5.0)), most_jumps * logistic(x[2]), x[3],
          most_jump_variance * logistic(x[4])};
}

}  // namespace

// ---- shared parts ---------------------------------------------------------------------------------------------------

void LogSum::flush() {
  sum_ += std::log(product_);
  product_ = 1.0;
}

std::size_t count_present(span<const double> values) {
  return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](double x) { return !std::isnan(x); }));
}

StudentConstant student_constant(double dof) {
  return {std::lgamma(0.5 * (dof + 1.0)) - std::lgamma(0.5 * dof) - 0.5 * (log_pi + std::log(dof - 2.0)),
          0.5 * boost::math::digamma(0.5 * (dof + 1.0)) - 0.5 * boost::math::digamma(0.5 * dof) - 0.5 / (dof - 2.0)};
}

double dof_coordinate(double dof) {
  const double low = 1.0 / most_dof, high = 1.0 / least_dof;
  const double share = std::clamp((1.0 / dof - low) / (high - low), 1e-3, 1.0 - 1e-3);
  return std::log(share / (1.0 - share));
}
double inverse_dof(double coordinate) {
  return 1.0 / most_dof + (1.0 / least_dof - 1.0 / most_dof) * logistic(coordinate);
}
double inverse_dof_slope(double coordinate) {
  const double share = logistic(coordinate);
  return (1.0 / least_dof - 1.0 / most_dof) * share * (1.0 - share);
}

std::size_t batches_of(std::size_t n) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::sqrt(static_cast<double>(n))), 1, 50);
}

vector<std::size_t> batch_starts(span<const double> weights, std::size_t batches) {
  double total = 0.0, sum = 0.0;
  for (const double w : weights) total += w;
  vector<std::size_t> starts{0};
  for (std::size_t t = 0; t < weights.size() && starts.size() < batches; ++t) {
    sum += weights[t];
    while (starts.size() < batches && sum > total * static_cast<double>(starts.size()) / static_cast<double>(batches))
      starts.push_back(t);
  }
  starts.resize(batches, weights.size());
  starts.push_back(weights.size());
  return starts;
}

vector<std::size_t> batch_starts(span<const double> returns) {
  vector<double> present;
  present.reserve(returns.size());
  for (const double x : returns) present.push_back(std::isnan(x) ? 0.0 : 1.0);
  return batch_starts(present, batches_of(count_present(returns)));
}

Matrix sandwich(const BatchScores& scores, const vector<double>& estimate, const vector<bool>& free) {
  const std::size_t n = estimate.size();
  vector<std::size_t> index;
  for (std::size_t i = 0; i < n; ++i)
    if (free[i]) index.push_back(i);
  const std::size_t k = index.size();
  const Matrix at = scores(estimate);
  const auto total = [&](const Matrix& m, std::size_t i) {
    double sum = 0.0;
    for (const auto& row : m) sum += row[i];
    return sum;
  };
  Matrix slope(k, vector<double>(k)), spread(k, vector<double>(k, 0.0)), covariance(n, vector<double>(n, missing));
  for (std::size_t j = 0; j < k; ++j) {
    const double step = 1e-4 * std::max(std::fabs(estimate[index[j]]), 1e-12);
    vector<double> up = estimate, down = estimate;
    up[index[j]] += step;
    down[index[j]] -= step;
    const Matrix above = scores(up), below = scores(down);
    for (std::size_t i = 0; i < k; ++i) slope[i][j] = (total(above, index[i]) - total(below, index[i])) / (2.0 * step);
  }
  const double batches = static_cast<double>(at.size());
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < k; ++j) {
      const double mean_i = total(at, index[i]) / batches, mean_j = total(at, index[j]) / batches;
      for (const auto& row : at) spread[i][j] += (row[index[i]] - mean_i) * (row[index[j]] - mean_j);
      spread[i][j] *= batches / (batches - 1.0);
    }
  // slope^-1 spread slope^-T: solve twice, the second time on the transpose
  if (!solve(slope, spread)) return covariance;
  Matrix turned(k, vector<double>(k));
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < k; ++j) turned[i][j] = spread[j][i];
  if (!solve(slope, turned)) return covariance;
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < k; ++j) covariance[index[i]][index[j]] = turned[i][j];
  return covariance;
}

// ---- fits -----------------------------------------------------------------------------------------------------------

StudentFit fit_student(span<const double> returns) {
  need_returns(returns);
  const double mean = mean_of(returns), scale = std::sqrt(mean_square(returns));
  const double count = static_cast<double>(count_present(returns));
  vector<double> scaled(returns.begin(), returns.end());
  for (double& x : scaled) x = (x - mean) / scale;
  // The scale of the bulk is well determined where the standard deviation is not (dof near 2): the search runs in it.
  const auto point = [](span<const double> x) {
    const double inverse = inverse_dof(x[2]);
    return vector<double>{x[0], std::exp(x[1]) / std::sqrt(1.0 - 2.0 * inverse), inverse};
  };
  const std::size_t whole[] = {0, scaled.size()};
  const auto objective = [&](span<const double> x, span<double> gradient) {
    double log_likelihood = 0.0;
    const vector<double> p = point(x);
    const Matrix s = student_scores(scaled, p, whole, &log_likelihood);
    gradient[0] = -s[0][0] / count;
    gradient[1] = -s[0][1] * p[1] / count;
    gradient[2] = -(s[0][2] + s[0][1] * p[1] / (1.0 - 2.0 * p[2])) * inverse_dof_slope(x[2]) / count;
    return -log_likelihood / count;
  };
  const Minimum best = minimise(objective, {0.0, -0.5, dof_coordinate(4.0)}, 1e-6);
  const vector<double> p = point(best.x);
  const vector<std::size_t> starts = batch_starts(scaled);
  const bool inside = p[2] > 1.001 / most_dof && p[2] < 0.999 / least_dof;
  const Matrix cov = sandwich([&](const vector<double>& x) { return student_scores(scaled, x, starts, nullptr); }, p,
                              {true, true, inside});
  StudentFit fit;
  fit.location = {mean + scale * p[0], scale * error_of(cov[0][0])};
  fit.stdev = {scale * p[1], scale * error_of(cov[1][1])};
  fit.dof = {1.0 / p[2], error_of(cov[2][2]) / (p[2] * p[2])};
  fit.log_likelihood = -best.value * count - count * std::log(scale);
  fit.converged = best.converged;
  return fit;
}

GarchFit fit_garch(span<const double> returns, const GarchOptions& options) {
  need_returns(returns);
  GarchSearch search{returns, options.student, !options.target_variance, mean_square(returns),
                     static_cast<double>(count_present(returns))};
  vector<GarchPoint> starts;
  if (options.start) {
    starts.push_back(point_of(*options.start));
    if (options.target_variance) starts.back().variance = search.target;
  } else {
    starts.push_back({search.target, 0.05, 0.02, 0.92, 0.2});
    starts.push_back({search.target, 0.15, 0.05, 0.70, 0.2});
  }
  Minimum best;
  for (const GarchPoint& start : starts) {
    const Minimum found =
        minimise(search, garch_coordinates(start, options.student, !options.target_variance, search.target), 1e-5);
    if (best.x.empty() || found.value < best.value) best = found;
  }
  const GarchPoint p = garch_point(best.x, options.student, search.target);
  GarchFit fit;
  fit.alpha.value = p.alpha;
  fit.gamma.value = p.gamma;
  fit.beta.value = p.beta;
  fit.omega.value = p.omega();
  fit.dof.value = p.inverse_dof > 0.0 ? 1.0 / p.inverse_dof : std::numeric_limits<double>::infinity();
  fit.long_run = p.variance;
  fit.log_likelihood = -best.value * search.count;
  fit.converged = best.converged;
  fit.next = walk_garch(returns, p, [](std::size_t, double, double) {});
  if (options.standard_errors) add_garch_errors(returns, p, options.target_variance, fit);
  return fit;
}

vector<double> filter_garch(span<const double> returns, const GarchFit& fit, vector<double>* residuals) {
  vector<double> variances;
  variances.reserve(returns.size() + 1);
  if (residuals) {
    residuals->clear();
    residuals->reserve(returns.size());
  }
  const double next = walk_garch(returns, point_of(fit), [&](std::size_t, double e, double h) {
    variances.push_back(h);
    if (residuals) residuals->push_back(e / std::sqrt(h));
  });
  variances.push_back(next);
  return variances;
}

MertonFit fit_merton(span<const double> returns, double bars_per_year) {
  need_returns(returns);
  const double mean = mean_of(returns), scale = std::sqrt(mean_square(returns));
  const double count = static_cast<double>(count_present(returns));
  vector<double> scaled(returns.begin(), returns.end());
  for (double& x : scaled) x = (x - mean) / scale;
  const std::size_t whole[] = {0, scaled.size()};
  const auto objective = [&](span<const double> x, span<double> gradient) {
    const MertonPoint p = merton_point(x);
    double log_likelihood = 0.0;
    const Matrix s = merton_scores(scaled, p, whole, log_likelihood);
    const double rate_share = p.rate / most_jumps, jump_share = p.jump_variance / most_jump_variance;
    gradient[0] = -s[0][0] / count;
    gradient[1] = x[1] < 5.0 ? -s[0][1] * (p.variance - least_diffusion) / count : 0.0;
    gradient[2] = -s[0][2] * p.rate * (1.0 - rate_share) / count;
    gradient[3] = -s[0][3] / count;
    gradient[4] = -s[0][4] * p.jump_variance * (1.0 - jump_share) / count;
    return -log_likelihood / count;
  };
  const auto start = [&](double diffusive, double rate) {  // the jumps explain the rest of the variance
    const double jump = (1.0 - diffusive) / rate / most_jump_variance, share = rate / most_jumps;
    return vector<double>{0.0, std::log(diffusive), std::log(share / (1.0 - share)), 0.0,
                          std::log(jump / (1.0 - jump))};
  };
  Minimum best;
  for (const auto& from : {start(0.4, 0.1), start(0.8, 0.005)}) {
    const Minimum found = minimise(objective, from, 1e-5, 150);
    if (best.x.empty() || found.value < best.value) best = found;
  }
  // Where there are no jumps the likelihood is a ridge without end: the better start goes on for a while only.
  if (!best.converged) best = minimise(objective, best.x, 1e-5, 200);
  const MertonPoint p = merton_point(best.x);
  const vector<std::size_t> starts = batch_starts(scaled);
  const auto scores = [&](const vector<double>& x) {
    double ignored = 0.0;
    return merton_scores(scaled, {x[0], x[1], x[2], x[3], x[4]}, starts, ignored);
  };
  const bool jumps = p.rate > 1e-6 && p.rate < 0.999 * most_jumps;
  const Matrix cov =
      sandwich(scores, {p.location, p.variance, p.rate, p.mean, p.jump_variance},
               {true, p.variance > 1.01 * least_diffusion, jumps, jumps, jumps && p.jump_variance > 1e-6});
  MertonFit fit;
  const double year = scale * std::sqrt(bars_per_year);
  fit.volatility = {year * std::sqrt(p.variance), year * error_of(cov[1][1]) * 0.5 / std::sqrt(p.variance)};
  fit.intensity = {p.rate * bars_per_year, error_of(cov[2][2]) * bars_per_year};
  fit.mean = {scale * p.mean, scale * error_of(cov[3][3])};
  fit.stdev = {scale * std::sqrt(p.jump_variance), scale * error_of(cov[4][4]) * 0.5 / std::sqrt(p.jump_variance)};
  fit.location = mean + scale * p.location;
  fit.bars_per_year = bars_per_year;
  fit.log_likelihood = -best.value * count - count * std::log(scale);
  fit.converged = best.converged;
  return fit;
}

JumpBelief jump_belief(const MertonFit& fit, double bar_return) {
  const double variance = fit.volatility.value * fit.volatility.value / fit.bars_per_year;
  const double jump_variance = fit.stdev.value * fit.stdev.value;
  const vector<double> weights = poisson(fit.intensity.value / fit.bars_per_year);
  double best = -std::numeric_limits<double>::infinity();
  vector<double> logs;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double total = variance + double(k) * jump_variance,
                 x = bar_return - fit.location - double(k) * fit.mean.value;
    logs.push_back(std::log(weights[k]) - 0.5 * std::log(total) - 0.5 * x * x / total);
    best = std::max(best, logs.back());
  }
  double sum = 0.0;
  JumpBelief belief;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double w = std::exp(logs[k] - best), jumps = double(k), total = variance + jumps * jump_variance;
    const double x = bar_return - fit.location - jumps * fit.mean.value;
    sum += w;
    if (k == 0) continue;
    belief.probability += w;
    belief.jump += w * (jumps * fit.mean.value + x * jumps * jump_variance / total);  // normal regression
  }
  belief.probability /= sum;
  belief.jump /= sum;
  return belief;
}

}  // namespace proofload
