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

TailFit fit_common_dof(const Columns& columns, size_t overlap, bool error) {
  const size_t n = columns.size();
  const vector<size_t> starts = batch_starts_of(columns, overlap);
  const size_t batches = starts.size() - 1;
  Matrix squares(n, vector<double>(batches, 0.0)), counts = squares;  // [asset][batch]
  for (size_t i = 0; i < n; ++i) {
    if (count_present(columns[i]) < least_returns || !(fit_deviation(columns[i]).value > 0.0)) {
      throw Error(fmt::format("there are {} returns of an asset (a tail needs at least {}) give a longer history",
                              count_present(columns[i]), least_returns));
    }
    for (size_t b = 0; b < batches; ++b)
      for (size_t t = starts[b]; t < starts[b + 1]; ++t) {
        if (std::isnan(columns[i][t])) continue;
        squares[i][b] += squared(columns[i][t]);
        counts[i][b] += 1.0;
      }
  }
  const auto total = [](const vector<double>& of_batches, size_t left_out) {
    double sum = 0.0;
    for (size_t b = 0; b < of_batches.size(); ++b) sum += b == left_out ? 0.0 : of_batches[b];
    return sum;
  };
  /// 1 / dof of all batches but one, with the deviations of those.
  const auto estimate = [&](size_t left_out, double start) {
    vector<double> inverse(n);
    double count = 0.0;
    for (size_t i = 0; i < n; ++i) {
      const double returns = total(counts[i], left_out);
      inverse[i] = returns > 0.0 ? returns / total(squares[i], left_out) : 0.0;
      count += returns;
    }
    const auto objective = [&](span<const double> x, span<double> gradient) {
      const double dof = 1.0 / inverse_dof(x[0]), room = dof - 2.0;
      const StudentConstant constant = student_constant(dof);
      double shares = 0.0;
      LogSum logs;
      for (size_t b = 0; b < batches; ++b) {
        if (b == left_out) continue;
        for (size_t i = 0; i < n; ++i)
          for (size_t t = starts[b]; t < starts[b + 1]; ++t) {
            if (std::isnan(columns[i][t])) continue;
            const double q = squared(columns[i][t]) * inverse[i], sum = room + q;
            shares += q / sum;
            logs.add(sum / room);
          }
      }
      const double log_total = logs.sum();
      const double score = -dof * dof * (count * constant.slope - 0.5 * log_total + 0.5 * (dof + 1.0) / room * shares);
      gradient[0] = -score * inverse_dof_slope(x[0]) / count;
      return -(count * constant.value - 0.5 * (dof + 1.0) * log_total) / count;
    };
    return inverse_dof(minimise(objective, {start}, 1e-6).x[0]);
  };
  TailFit fit;
  const double best = estimate(SIZE_MAX, dof_coordinate(4.0));
  fit.dof.value = 1.0 / best;
  fit.at_bound = best < 1.001 / most_dof || best > 0.999 / least_dof;
  if (fit.at_bound || !error || batches < 2) return fit;
  // One batch left out (jackknife): a deviation has no variance where dof is 4 or less, so that what is linear in it
  // (a sandwich with its moment condition) came out by up to a quarter too small.
  vector<double> without;
  for (size_t b = 0; b < batches; ++b) without.push_back(1.0 / estimate(b, dof_coordinate(fit.dof.value)));
  double mean = 0.0, spread = 0.0;
  for (const double x : without) mean += x / double(batches);
  for (const double x : without) spread += squared(x - mean);
  fit.dof.error = std::sqrt(spread * (double(batches) - 1.0) / double(batches));
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
