// Degrees of freedom that assets have in common, and whether they do (fit_market.h).
#include <fmt/format.h>

#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "base/error.h"
#include "market/fit_market.h"
#include "market/minimise.h"

namespace proofload {
namespace {

using std::size_t, std::span, std::vector;

double squared(double x) { return x * x; }

}  // namespace

TailFit fit_common_dof(const Columns& columns, size_t overlap) {
  const size_t n = columns.size();
  vector<double> scale{0.2};  // 1 / dof, then the deviations
  double count = 0.0;
  for (const auto& c : columns) {
    if (count_present(c) < least_returns || !(fit_deviation(c).value > 0.0)) {
      throw Error(fmt::format("there are {} returns of an asset (a tail needs at least {}) give a longer history",
                              count_present(c), least_returns));
    }
    scale.push_back(fit_deviation(c).value);
    count += static_cast<double>(count_present(c));
  }
  const vector<size_t> whole{0, columns[0].size()}, batches = batch_starts_of(columns, overlap);
  double log_likelihood = 0.0;
  // The moment conditions of the deviations stand beside the score of the tail, so that their error is in its error.
  const auto scores = [&](const vector<double>& p, const vector<size_t>& starts) {
    const double dof = 1.0 / p[0], room = dof - 2.0;
    const StudentConstant constant = student_constant(dof);
    Matrix sums(starts.size() - 1, vector<double>(n + 1, 0.0));
    log_likelihood = 0.0;
    for (size_t b = 0; b < sums.size(); ++b) {
      double shares = 0.0, used = 0.0;
      LogSum logs;
      for (size_t i = 0; i < n; ++i) {
        const double inverse = 1.0 / squared(p[i + 1]);
        double moment = 0.0;
        for (size_t t = starts[b]; t < starts[b + 1]; ++t) {
          const double x = columns[i][t];
          if (std::isnan(x)) continue;
          const double q = x * x * inverse, total = room + q;
          shares += q / total;
          logs.add(total / room);
          moment += q - 1.0;
          used += 1.0;
        }
        sums[b][i + 1] = moment;
      }
      const double log_total = logs.sum();
      sums[b][0] = -dof * dof * (used * constant.slope - 0.5 * log_total + 0.5 * (dof + 1.0) / room * shares);
      log_likelihood += used * constant.value - 0.5 * (dof + 1.0) * log_total;
    }
    return sums;
  };
  const auto objective = [&](span<const double> x, span<double> gradient) {
    vector<double> p = scale;
    p[0] = inverse_dof(x[0]);
    const Matrix s = scores(p, whole);
    gradient[0] = -s[0][0] * inverse_dof_slope(x[0]) / count;
    return -log_likelihood / count;
  };
  const Minimum best = minimise(objective, {dof_coordinate(4.0)}, 1e-6);
  scale[0] = inverse_dof(best.x[0]);
  TailFit fit;
  fit.dof.value = 1.0 / scale[0];
  fit.at_bound = scale[0] < 1.001 / most_dof || scale[0] > 0.999 / least_dof;
  vector<bool> free(n + 1, true);
  free[0] = !fit.at_bound;
  const Matrix cov = sandwich([&](const vector<double>& p) { return scores(p, batches); }, scale, free);
  if (!fit.at_bound) fit.dof.error = std::sqrt(cov[0][0]) / squared(scale[0]);
  return fit;
}

vector<TailDifference> tail_differences(const Columns& columns, const TailFit& common, size_t overlap) {
  const size_t n = columns.size();
  const vector<size_t> starts = batch_starts_of(columns, overlap);
  const size_t batches = starts.size() - 1;
  vector<TailDifference> out(n);
  if (n < 2 || batches < 8 || common.at_bound) return out;
  /// Sums over a batch of a column divided by its deviation: score in 1 / dof, moment q - 1.
  struct Sums {
    double score = 0.0, moment = 0.0;
  };
  const auto sums_of = [&](const vector<double>& c, double scale, double inverse_of_dof) {
    const double dof = 1.0 / inverse_of_dof, room = dof - 2.0;
    const StudentConstant constant = student_constant(dof);
    vector<Sums> sums(batches);
    for (size_t b = 0; b < batches; ++b)
      for (size_t t = starts[b]; t < starts[b + 1]; ++t) {
        if (std::isnan(c[t])) continue;
        const double q = squared(c[t] / scale);
        sums[b].score -=
            dof * dof * (constant.slope - 0.5 * std::log1p(q / room) + 0.5 * (dof + 1.0) / room * q / (room + q));
        sums[b].moment += q - 1.0;
      }
    return sums;
  };
  const auto total = [](const vector<Sums>& sums) {
    Sums all;
    for (const Sums& s : sums) all.score += s.score, all.moment += s.moment;
    return all;
  };
  const double at = 1.0 / common.dof.value, step = 1e-4;
  Matrix scores(n, vector<double>(batches));  // less what the error of the deviation does to them
  vector<double> information(n);
  for (size_t i = 0; i < n; ++i) {
    const double scale = fit_deviation(columns[i]).value;
    const vector<Sums> sums = sums_of(columns[i], scale, at);
    const Sums wider = total(sums_of(columns[i], scale * (1.0 + step), at)),
               narrower = total(sums_of(columns[i], scale * (1.0 - step), at));
    const double slope = (wider.score - narrower.score) / (wider.moment - narrower.moment);
    for (size_t b = 0; b < batches; ++b) scores[i][b] = sums[b].score - slope * sums[b].moment;
    information[i] = total(sums_of(columns[i], scale, at * (1.0 - step))).score -
                     total(sums_of(columns[i], scale, at * (1.0 + step))).score;
  }
  double all_information = 0.0;
  for (const double x : information) all_information += x;
  const double tests = n == 2 ? 1.0 : static_cast<double>(n);  // of two assets the one differs as the other does
  for (size_t i = 0; i < n; ++i) {
    const double share = information[i] / all_information;
    vector<double> left = scores[i];
    double sum = 0.0, squares = 0.0;
    for (size_t b = 0; b < batches; ++b) {
      for (size_t j = 0; j < n; ++j) left[b] -= share * scores[j][b];
      sum += left[b];
    }
    for (const double x : left) squares += squared(x - sum / double(batches));
    if (!(squares > 0.0)) continue;
    out[i].statistic = sum / std::sqrt(squares * double(batches) / (double(batches) - 1.0));
    const boost::math::students_t law(double(batches) - 1.0);
    out[i].p = std::min(1.0, 2.0 * tests * boost::math::cdf(boost::math::complement(law, std::fabs(out[i].statistic))));
  }
  return out;
}

}  // namespace proofload
