#include "market/fit_market.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "base/error.h"
#include "base/nearest_correlation.h"
#include "base/parallel.h"
#include "market/minimise.h"
#include "market/shrink_correlation.h"

namespace proofload {
namespace {

using std::size_t, std::span, std::vector;

constexpr double least_eigenvalue =
    1e-3;  // of a correlation matrix that is written: rounding leaves it positive definite
constexpr double least_own_variance = 0.005;
constexpr double typical_bars =
    1e4;  // turns the misfit of a correlation matrix into a likelihood's, which tolerances go by

double square(double x) { return x * x; }

double deviation(span<const double> values) {
  double sum = 0.0;
  size_t n = 0;
  for (const double x : values) {
    if (std::isnan(x)) continue;
    sum += x * x;
    ++n;
  }
  return std::sqrt(sum / static_cast<double>(n));
}

/// Sums over the bars that two columns share.
struct PairSums {
  double n = 0.0, xy = 0.0, xx = 0.0, yy = 0.0;
  PairSums& operator+=(const PairSums& o) {
    n += o.n, xy += o.xy, xx += o.xx, yy += o.yy;
    return *this;
  }
  PairSums operator-(const PairSums& o) const { return {n - o.n, xy - o.xy, xx - o.xx, yy - o.yy}; }
  double correlation() const { return xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : 0.0; }
};

/// Empty weights: all are 1.
PairSums pair_sums(const vector<double>& x, const vector<double>& y, const vector<double>& weights, size_t first,
                   size_t last) {
  PairSums s;
  for (size_t t = first; t < last; ++t) {
    if (std::isnan(x[t]) || std::isnan(y[t])) continue;
    const double w = weights.empty() ? 1.0 : weights[t];
    s += {w, w * x[t] * y[t], w * x[t] * x[t], w * y[t] * y[t]};
  }
  return s;
}

/// The bars that two columns share: how many, and as many of equal weight as are worth theirs.
struct SharedBars {
  vector<double> weight;  ///< 0: one of them has no value
  size_t bars = 0;
  double effective = 0.0;
};
SharedBars shared_bars(const vector<double>& x, const vector<double>& y, const vector<double>& weights) {
  SharedBars out;
  double sum = 0.0, squares = 0.0;
  for (size_t t = 0; t < x.size(); ++t) {
    const bool both = !std::isnan(x[t]) && !std::isnan(y[t]);
    out.bars += both ? 1 : 0;
    out.weight.push_back(!both ? 0.0 : weights.empty() ? 1.0 : weights[t]);
    sum += out.weight.back();
    squares += square(out.weight.back());
  }
  out.effective = squares > 0.0 ? square(sum) / squares : 0.0;
  return out;
}

/// Sums of a pair over batches of the bars that it shares, of equal weights.
vector<PairSums> batches_of_pair(const vector<double>& x, const vector<double>& y, const vector<double>& weights,
                                 const SharedBars& shared) {
  const vector<size_t> starts =
      batch_starts(shared.weight, batches_of(static_cast<size_t>(std::lround(shared.effective))));
  vector<PairSums> sums;
  for (size_t b = 0; b + 1 < starts.size(); ++b) sums.push_back(pair_sums(x, y, weights, starts[b], starts[b + 1]));
  return sums;
}

/// Batches of all pairs: [pair][batch], pairs (i, j < i) in order.
struct PairBatches {
  size_t assets = 0, batches = 0;
  vector<vector<PairSums>> sums;
  const vector<PairSums>& of(size_t i, size_t j) const {
    return sums[i > j ? i * (i - 1) / 2 + j : j * (j - 1) / 2 + i];
  }
};

PairBatches pair_batches(const Columns& columns, const vector<double>& weights = {}) {
  const vector<size_t> starts = batch_starts_of(columns);
  PairBatches out{columns.size(), starts.size() - 1, {}};
  for (size_t i = 0; i < columns.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      out.sums.emplace_back();
      for (size_t b = 0; b < out.batches; ++b)
        out.sums.back().push_back(pair_sums(columns[i], columns[j], weights, starts[b], starts[b + 1]));
    }
  return out;
}

/// Correlations of all batches, or of all but one.
Matrix correlations(const PairBatches& pairs, size_t left_out = SIZE_MAX) {
  Matrix r = square_matrix(pairs.assets);
  for (size_t i = 0; i < pairs.assets; ++i) {
    r[i][i] = 1.0;
    for (size_t j = 0; j < i; ++j) {
      PairSums total;
      for (size_t b = 0; b < pairs.batches; ++b)
        if (b != left_out) total += pairs.of(i, j)[b];
      r[i][j] = r[j][i] = total.correlation();
    }
  }
  return r;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.size(), vector<double>(b[0].size(), 0.0));
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t k = 0; k < b.size(); ++k)
      for (size_t j = 0; j < b[0].size(); ++j) out[i][j] += a[i][k] * b[k][j];
  return out;
}

Matrix transposed(const Matrix& a) {
  Matrix out(a[0].size(), vector<double>(a.size()));
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < a[0].size(); ++j) out[j][i] = a[i][j];
  return out;
}

/// Spectrum of the correlation matrix in units of the own variances: eigenvalues above 1 are factors (Joreskog 1967).
Eigen scaled_spectrum(const Matrix& r, span<const double> own) {
  Matrix scaled = r;
  for (size_t i = 0; i < r.size(); ++i)
    for (size_t j = 0; j < r.size(); ++j) scaled[i][j] /= std::sqrt(own[i] * own[j]);
  return eigen(scaled);
}

struct Factors {
  Matrix loadings;
  vector<double> coordinates;  ///< of the own variances, for the next start
  bool bounded = false;
};

double own_variance(double coordinate) {
  return least_own_variance + (1.0 - least_own_variance) / (1.0 + std::exp(-coordinate));
}

/// Maximum likelihood: the loadings follow from the own variances, over which the search goes.
Factors factor_search(const Matrix& r, size_t k, const vector<double>& start) {
  const size_t n = r.size();
  vector<double> own(n);
  const auto objective = [&](span<const double> x, span<double> gradient) {
    for (size_t i = 0; i < n; ++i) own[i] = own_variance(x[i]);
    const Eigen s = scaled_spectrum(r, own);
    double misfit = 0.0;
    for (size_t i = 0; i < n; ++i) gradient[i] = 0.0;
    for (size_t j = k; j < n; ++j) {
      const double value = std::max(s.values[j], 1e-12);
      misfit += value - std::log(value) - 1.0;
      for (size_t i = 0; i < n; ++i) gradient[i] += (1.0 - value) * square(s.vectors[i][j]);
    }
    for (size_t i = 0; i < n; ++i)  // from log(own) to its coordinate
      gradient[i] *=
          typical_bars * (own[i] - least_own_variance) * (1.0 - own[i]) / (1.0 - least_own_variance) / own[i];
    return typical_bars * misfit;
  };
  Factors f;
  f.coordinates = minimise(objective, start, 1e-3).x;
  for (size_t i = 0; i < n; ++i) {
    own[i] = own_variance(f.coordinates[i]);
    f.bounded |= own[i] < 1.1 * least_own_variance;
  }
  const Eigen s = scaled_spectrum(r, own);
  f.loadings.assign(n, vector<double>(k));
  for (size_t i = 0; i < n; ++i) {
    double common = 0.0;
    for (size_t j = 0; j < k; ++j) {
      f.loadings[i][j] = std::sqrt(own[i] * std::max(s.values[j] - 1.0, 0.0)) * s.vectors[i][j];
      common += square(f.loadings[i][j]);
    }
    const double most = 1.0 - least_own_variance;  // at a bound a row may be longer than its own variance allows
    for (double& x : f.loadings[i]) x *= common > most ? std::sqrt(most / common) : 1.0;
  }
  return f;
}

/// Turns the factors so that each explains as much as is left of L L', which names them; signs by their sums.
Matrix canonical(const Matrix& loadings) {
  const size_t k = loadings[0].size();
  const Eigen s = eigen(product(transposed(loadings), loadings));
  Matrix out = product(loadings, s.vectors);
  for (size_t j = 0; j < k; ++j) {
    double sum = 0.0;
    for (const auto& row : out) sum += row[j];
    if (sum < 0.0)
      for (auto& row : out) row[j] = -row[j];
  }
  return out;
}

/// Mean and error of a quantity from its values with one batch left out.
double jackknife_error(const vector<double>& without) {
  double mean = 0.0, sum = 0.0;
  const double n = static_cast<double>(without.size());
  for (const double x : without) mean += x / n;
  for (const double x : without) sum += square(x - mean);
  return std::sqrt(sum * (n - 1.0) / n);
}

// ---- Heston ---------------------------------------------------------------------------------------------------------

constexpr double day_in_years = 1.0 / 365.0;

struct DailyMoments {
  double mean = 0.0;
  vector<double> autocovariance;  ///< at 1, 2, ... days
  vector<double> leverage;        ///< covariance of a day's return and the variance 1, 2, ... days later
  size_t days = 0;
};

double lagged(const vector<double>& x, double mean_x, const vector<double>& y, double mean_y, size_t lag) {
  double sum = 0.0;
  size_t n = 0;
  for (size_t t = 0; t + lag < x.size(); ++t) {
    if (std::isnan(x[t]) || std::isnan(y[t + lag])) continue;
    sum += (x[t] - mean_x) * (y[t + lag] - mean_y);
    ++n;
  }
  return n == 0 ? 0.0 : sum / static_cast<double>(n);
}

DailyMoments daily_moments(const vector<double>& variance, const vector<double>& move, size_t lags,
                           size_t leverage_lags) {
  DailyMoments m;
  double move_mean = 0.0;
  size_t moves = 0;
  for (size_t t = 0; t < variance.size(); ++t) {
    if (std::isnan(variance[t])) continue;
    m.mean += variance[t];
    ++m.days;
    move_mean += move[t];
    ++moves;
  }
  m.mean /= static_cast<double>(m.days);
  move_mean /= static_cast<double>(moves);
  for (size_t k = 1; k <= lags; ++k) m.autocovariance.push_back(lagged(variance, m.mean, variance, m.mean, k));
  for (size_t k = 1; k <= leverage_lags; ++k) m.leverage.push_back(lagged(move, move_mean, variance, m.mean, k));
  return m;
}

struct HestonPoint {
  double theta = 0.0, speed = 0.0, vol = 0.0, correlation = 0.0;
  bool identified = false;
};

/// Shape of the autocovariance at lag k for a speed: exp(-speed (k - 1) day), less what the unknown mean takes away.
double shape(double speed, size_t lag, size_t days) {
  const double a = speed * day_in_years, smooth = (1.0 - std::exp(-a)) / a, t = a * static_cast<double>(days);
  const double mean_variance = 2.0 / t * (1.0 - (1.0 - std::exp(-t)) / t) / square(smooth);
  return std::exp(-a * static_cast<double>(lag - 1)) - mean_variance;
}

HestonPoint heston_point(const DailyMoments& m) {
  HestonPoint best;
  best.theta = m.mean;
  double least = std::numeric_limits<double>::infinity(), height = 0.0;
  for (double speed = 0.3; speed < 400.0; speed *= 1.02) {  // the best height is linear: one dimension is left
    double gg = 0.0, gc = 0.0, cc = 0.0;
    for (size_t k = 1; k <= m.autocovariance.size(); ++k) {
      const double g = shape(speed, k, m.days), c = m.autocovariance[k - 1];
      gg += g * g, gc += g * c, cc += c * c;
    }
    const double misfit = cc - gc * gc / gg;
    if (gc > 0.0 && misfit < least) least = misfit, height = gc / gg, best.speed = speed;
  }
  best.identified = height > 0.0 && best.speed > 0.31 && best.speed < 390.0;
  if (!(height > 0.0)) return best;
  const double a = best.speed * day_in_years, smooth = (1.0 - std::exp(-a)) / a;
  best.vol = std::sqrt(2.0 * best.speed * height / best.theta) / smooth;
  double dd = 0.0, dl = 0.0;
  for (size_t k = 1; k <= m.leverage.size(); ++k) {
    const double d = std::exp(-a * static_cast<double>(k - 1)) * smooth * smooth * day_in_years;
    dd += d * d, dl += d * m.leverage[k - 1];
  }
  best.correlation = std::clamp(dl / dd / (best.vol * best.theta), -0.99, 0.99);
  return best;
}

}  // namespace

vector<size_t> batch_starts_of(const Columns& columns, size_t overlap) {
  vector<double> weights(columns[0].size(), 0.0);
  for (const auto& c : columns) {
    const double share = 1.0 / static_cast<double>(std::max<size_t>(count_present(c), 1));
    for (size_t t = 0; t < c.size(); ++t) weights[t] += std::isnan(c[t]) ? 0.0 : share;
  }
  const auto bars =
      static_cast<size_t>(std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0.0; }));
  size_t batches = batches_of(bars);
  if (overlap > 1) batches = std::clamp<size_t>(bars / (10 * overlap), 2, batches);
  return batch_starts(weights, batches);
}

Parameter fit_deviation(span<const double> returns) {
  const double sd = deviation(returns), n = static_cast<double>(count_present(returns));
  const vector<size_t> starts = batch_starts(returns);
  const size_t batches = starts.size() - 1;
  vector<double> sums(batches, 0.0);
  for (size_t b = 0; b < batches; ++b) {
    for (size_t t = starts[b]; t < starts[b + 1]; ++t)
      if (!std::isnan(returns[t])) sums[b] += square(returns[t]) - square(sd);
  }
  double spread = 0.0;
  for (const double s : sums) spread += s * s;
  spread *= static_cast<double>(batches) / (static_cast<double>(batches) - 1.0);
  return {sd, std::sqrt(spread) / n * 0.5 / sd};
}

CorrelationFit fit_correlation(const Columns& columns, const vector<std::string>& names,
                               const vector<double>& weights) {
  const size_t n = columns.size();
  CorrelationFit fit;
  fit.sample = fit.error = fit.weight = square_matrix(n);
  for (size_t i = 0; i < n; ++i) fit.sample[i][i] = 1.0;
  fit.matrix = fit.sample;
  if (n < 2) return fit;
  fit.sample = correlations(pair_batches(columns, weights));
  fit.least_overlap = SIZE_MAX;
  fit.effective = std::numeric_limits<double>::infinity();
  vector<Problem> problems;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) {
      const SharedBars shared = shared_bars(columns[i], columns[j], weights);
      const vector<PairSums> batches = batches_of_pair(columns[i], columns[j], weights, shared);
      PairSums total;
      for (const PairSums& s : batches) total += s;
      fit.least_overlap = std::min(fit.least_overlap, shared.bars);
      fit.effective = std::min(fit.effective, shared.effective);
      if (shared.bars < least_returns) {
        problems.push_back(
            {"", 0,
             fmt::format("{} and {} have {} bars in common (their correlation needs {}) leave one of them out "
                         "with --assets, or give a longer history",
                         names[j], names[i], shared.bars, least_returns)});
        continue;
      }
      // influence of a bar on the correlation, summed over batches
      const double r = total.correlation(), scale_x = total.n / total.xx, scale_y = total.n / total.yy;
      double spread = 0.0;
      for (const PairSums& s : batches)
        spread += square(s.xy * std::sqrt(scale_x * scale_y) - 0.5 * r * (s.xx * scale_x + s.yy * scale_y));
      spread *= static_cast<double>(batches.size()) / (static_cast<double>(batches.size()) - 1.0);
      fit.error[i][j] = fit.error[j][i] = std::sqrt(spread) / total.n;
    }
  if (!problems.empty()) throw Error(std::move(problems));
  const ShrunkPairs shrunk = shrink_pairs(fit.sample, fit.error);
  fit.weight = shrunk.weight;
  fit.target = shrunk.target;
  fit.shrinkage = mean_correlation(shrunk.weight);
  fit.matrix = rounded(shrunk.matrix);
  fit.forced = smallest_eigenvalue(fit.matrix) < least_eigenvalue;
  if (fit.forced) fit.matrix = nearest_written_correlation(shrunk.matrix, fit.error, least_eigenvalue);
  return fit;
}

const char* Correlations::kind() const {
  return std::find_if(std::begin(correlation_kinds), std::end(correlation_kinds),
                      [&](const CorrelationKind& k) { return k.share == share; })
      ->name;
}

FactorFit fit_factors(const Columns& columns, const Correlations& correlation, size_t k) {
  const size_t n = columns.size();
  if (k == 0 || k > n || (n - k) * (n - k) < n + k) {
    size_t most = 0;
    while (most + 1 < n && (n - most - 1) * (n - most - 1) >= n + most + 1) ++most;
    throw Error(fmt::format("{} factors for {} assets (so many loadings are not determined by the correlations) {}", k,
                            n, most > 0 ? fmt::format("use 1 to {}", most) : "use the full correlation"));
  }
  const Factors best = factor_search(correlation.written, k, vector<double>(n, -0.5));
  FactorFit fit;
  fit.loadings = canonical(best.loadings);
  fit.bounded = best.bounded;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) {
      double explained = 0.0;
      for (size_t f = 0; f < k; ++f) explained += fit.loadings[i][f] * fit.loadings[j][f];
      fit.residual = std::max(fit.residual, std::fabs(correlation.written[i][j] - explained));
    }
  // What is written without a batch: both correlations are taken without it, and shrunk as they were.
  struct Past {
    double share;
    PairBatches pairs;
    Matrix error, shrunk;
  };
  vector<Past> parts;
  const auto add_part = [&](double share, const CorrelationFit& c, const vector<double>& weights) {
    if (share > 0.0)
      parts.push_back({share, pair_batches(columns, weights), c.error, shrink_pairs(c.sample, c.error).matrix});
  };
  add_part(1.0 - correlation.share, correlation.whole, {});
  if (correlation.recent) add_part(correlation.share, *correlation.recent, correlation.weights);
  vector<Matrix> without;
  for (size_t b = 0; b < parts[0].pairs.batches; ++b) {
    Matrix left = correlation.written;
    for (const Past& part : parts) {
      const Matrix moved = shrink_pairs(correlations(part.pairs, b), part.error).matrix;
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) left[i][j] += part.share * (moved[i][j] - part.shrunk[i][j]);
    }
    without.push_back(canonical(factor_search(left, k, best.coordinates).loadings));
    for (size_t f = 0; f < k; ++f) {  // a factor whose loadings sum to little may turn round
      double same = 0.0;
      for (size_t i = 0; i < n; ++i) same += without.back()[i][f] * fit.loadings[i][f];
      for (size_t i = 0; i < n && same < 0.0; ++i) without.back()[i][f] = -without.back()[i][f];
    }
  }
  fit.error = Matrix(n, vector<double>(k));
  for (size_t i = 0; i < n; ++i)
    for (size_t f = 0; f < k; ++f) {
      vector<double> values;
      for (const Matrix& m : without) values.push_back(m[i][f]);
      fit.error[i][f] = jackknife_error(values);
    }
  return fit;
}

vector<double> basket_returns(const Columns& returns, const vector<double>& weights) {
  vector<double> out;
  for (size_t t = 0; !returns.empty() && t < returns[0].size(); ++t) {
    double sum = 0.0, total = 0.0;
    for (size_t i = 0; i < returns.size(); ++i) {
      if (std::isnan(returns[i][t])) continue;
      const double w = weights.empty() ? 1.0 : weights[i];
      sum += w * std::expm1(returns[i][t]);
      total += w;
    }
    out.push_back(total > 0.0 ? std::log1p(sum / total) : missing);
  }
  return out;
}

JumpsFit fit_jumps(const Columns& columns, double bars_per_year, int threads) {
  const size_t n = columns.size(), rows = columns[0].size();
  JumpsFit fit;
  if (n == 1) {  // every jump is its own
    fit.own.push_back(fit_merton(columns[0], bars_per_year));
    fit.loadings = {{0.0, missing}};
    fit.basket = fit.own[0];
    fit.basket.intensity = {0.0, missing};
    return fit;
  }
  vector<double> basket(rows, missing);
  for (size_t t = 0; t < rows; ++t) {  // log returns: jumps are in log prices
    double sum = 0.0, present = 0.0;
    for (const auto& c : columns) {
      if (std::isnan(c[t])) continue;
      sum += c[t];
      present += 1.0;
    }
    if (present > 0.0) basket[t] = sum / present;
  }
  fit.basket = fit_merton(basket, bars_per_year);
  vector<double> jump(rows, missing), weight(rows, 0.0);
  for (size_t t = 0; t < rows; ++t) {
    if (std::isnan(basket[t])) continue;
    const JumpBelief belief = jump_belief(fit.basket, basket[t]);
    jump[t] = belief.jump;
    weight[t] = belief.probability;
  }
  // An asset's loading: its covariance with the basket over the variance of the basket, over bars weighed by the belief
  // that the basket jumped, less what the diffusion adds to both, which the other bars show.
  fit.loadings.resize(n);
  fit.own.resize(n);
  for_each_parallel(n, threads, [&](size_t i) {
    const auto& c = columns[i];
    const vector<size_t> starts = batch_starts(c);
    const size_t batches = starts.size() - 1;
    vector<PairSums> jumps(batches), calm(batches);
    PairSums all_jumps, all_calm;
    for (size_t b = 0; b < batches; ++b) {
      for (size_t t = starts[b]; t < starts[b + 1]; ++t) {
        if (std::isnan(c[t])) continue;
        const double w = weight[t] < 0.5 ? 1.0 : weight[t];
        (weight[t] < 0.5 ? calm : jumps)[b] += {w, w * c[t] * basket[t], w * square(basket[t]), 0.0};
      }
      all_jumps += jumps[b];
      all_calm += calm[b];
    }
    const auto loading = [](const PairSums& j, const PairSums& d) {
      const double share = d.n > 0.0 ? j.n / d.n : 0.0, xx = j.xx - share * d.xx;
      return xx > 0.0 ? (j.xy - share * d.xy) / xx : 1.0;
    };
    vector<double> without;
    for (size_t b = 0; b < batches; ++b) without.push_back(loading(all_jumps - jumps[b], all_calm - calm[b]));
    const double value = loading(all_jumps, all_calm);
    fit.loadings[i] = {value, all_jumps.n > 0.0 ? jackknife_error(without) : missing};
    vector<double> left = c;
    for (size_t t = 0; t < rows; ++t) left[t] -= std::isnan(jump[t]) ? 0.0 : value * jump[t];
    fit.own[i] = fit_merton(left, bars_per_year);
  });
  return fit;
}

HestonFit fit_heston(span<const double> returns, size_t bars_per_day) {
  if (bars_per_day < 4) {
    throw Error(
        "Heston's variance (it is read from the returns within a day, and there are fewer than 4) give hourly prices "
        "or finer");
  }
  vector<double> variance, move;
  double last_week = 0.0;
  size_t last_bars = 0;
  for (size_t first = 0; first + bars_per_day <= returns.size(); first += bars_per_day) {
    double squares = 0.0, sum = 0.0;
    size_t present = 0;
    for (size_t t = first; t < first + bars_per_day; ++t) {
      if (std::isnan(returns[t])) continue;
      squares += square(returns[t]);
      sum += returns[t];
      ++present;
    }
    const bool whole = 10 * present >= 9 * bars_per_day;
    const double fill = static_cast<double>(bars_per_day) / static_cast<double>(std::max<size_t>(present, 1));
    variance.push_back(whole ? squares * fill / day_in_years : missing);
    move.push_back(whole ? sum : missing);
  }
  for (size_t t = returns.size() > 7 * bars_per_day ? returns.size() - 7 * bars_per_day : 0; t < returns.size(); ++t) {
    if (std::isnan(returns[t])) continue;
    last_week += square(returns[t]);
    ++last_bars;
  }
  const size_t days = count_present(variance);
  if (days < 60) {
    throw Error(fmt::format("there are {} whole days (Heston's moments need 60) give a longer history", days));
  }
  const size_t lags = std::clamp<size_t>(days / 12, 5, 120), leverage_lags = std::min<size_t>(lags, 15);
  const HestonPoint best = heston_point(daily_moments(variance, move, lags, leverage_lags));
  constexpr size_t parts = 20;
  vector<double> whole_days, theta, speed, vol, correlation;
  for (const double v : variance) whole_days.push_back(std::isnan(v) ? 0.0 : 1.0);
  const vector<size_t> starts = batch_starts(whole_days, parts);
  for (size_t b = 0; b < parts; ++b) {
    vector<double> v = variance, m = move;
    for (size_t t = starts[b]; t < starts[b + 1]; ++t) v[t] = m[t] = missing;
    const HestonPoint p = heston_point(daily_moments(v, m, lags, leverage_lags));
    theta.push_back(std::sqrt(p.theta));
    speed.push_back(p.speed);
    vol.push_back(p.vol);
    correlation.push_back(p.correlation);
  }
  HestonFit fit;
  fit.days = days;
  fit.identified = best.identified;
  fit.volatility = {std::sqrt(best.theta), jackknife_error(theta)};
  fit.mean_reversion = {best.speed, jackknife_error(speed)};
  fit.vol_of_vol = {best.vol, jackknife_error(vol)};
  fit.correlation = {best.correlation, jackknife_error(correlation)};
  fit.initial = last_bars > 0 ? std::sqrt(last_week / double(last_bars) * double(bars_per_day) / day_in_years)
                              : fit.volatility.value;
  return fit;
}

LjungBox ljung_box_squares(span<const double> values, int lags) {
  const size_t n = count_present(values);
  double mean = 0.0, variance = 0.0;
  for (const double x : values) mean += std::isnan(x) ? 0.0 : x * x / double(n);
  for (const double x : values) variance += std::isnan(x) ? 0.0 : square(x * x - mean) / double(n);
  LjungBox out{0.0, 1.0, lags};
  if (!(variance > 0.0) || n <= static_cast<size_t>(lags) + 1) return out;
  for (int k = 1; k <= lags; ++k) {
    double sum = 0.0;
    for (size_t t = static_cast<size_t>(k); t < values.size(); ++t) {
      const double x = values[t], y = values[t - static_cast<size_t>(k)];
      if (!std::isnan(x) && !std::isnan(y)) sum += (x * x - mean) * (y * y - mean);
    }
    out.statistic += square(sum / double(n) / variance) / (double(n) - k);
  }
  out.statistic *= double(n) * (double(n) + 2.0);
  out.p = boost::math::cdf(boost::math::complement(boost::math::chi_squared(lags), out.statistic));
  return out;
}

double quantile_of(span<const double> values, double p) {
  vector<double> sorted;
  for (const double x : values)
    if (!std::isnan(x)) sorted.push_back(x);
  if (sorted.empty()) return missing;
  std::sort(sorted.begin(), sorted.end());
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}

double unit_quantile(double dof, double p) {
  if (!std::isfinite(dof)) return boost::math::quantile(boost::math::normal(), p);
  return boost::math::quantile(boost::math::students_t(dof), p) * std::sqrt((dof - 2.0) / dof);
}

}  // namespace proofload
