#include "market/fit_systemic.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/quantity.h"
#include "base/words.h"
#include "input/times.h"
#include "input/values.h"
#include "market/backtest_statistics.h"

namespace proofload {
namespace {

using std::span, std::string, std::vector;

constexpr std::size_t fewest_in_group = 20;  // ranks of fewer say little
constexpr double fewest_blocks = 8.0;        // in the history: longer blocks make every draw alike
constexpr double few_blocks =
    20.0;  // with fewer, intervals of 95 % held 81 to 92 % (tests/market/fit_systemic_test.cpp)
constexpr double largest_share_left_out = 0.05;

/// At least eight bars.
std::int64_t whole_bars(std::int64_t seconds, std::int64_t bar) {
  return std::max<std::int64_t>((seconds + bar - 1) / bar, 8) * bar;
}

/// phi(Phi^-1(p)): the mean score of what lies between p and p' is (shoulder(p) - shoulder(p')) / (p' - p).
double shoulder(double p) {
  if (!(p > 0.0 && p < 1.0)) return 0.0;
  const boost::math::normal normal;
  return boost::math::pdf(normal, boost::math::quantile(normal, p));
}

/// Log realised volatility of a window, of its odd and of its even bars.
struct Volatility {
  double odd = 0.0, even = 0.0, full = 0.0;
};

/// One transfer and what it met.
struct Row {
  Volatility after, before;
  double delay = 0.0;
  bool delivered = true;
  std::size_t group = 0, day = 0;  ///< day: index among the days on which something was sent
};

/// Whether the returns of a window can be used.
enum class Quality { good, gap, flat };

/// Sums of squared returns of one asset up to each row, odd and even rows apart, and how many are missing or zero.
class SquaredReturns {
 public:
  SquaredReturns(const PriceHistory& h, std::size_t asset) : returns_(h.log_returns(asset)) {}

  /// Of the returns first .. first + bars - 1, added to `sum`.
  Quality add(std::size_t first, std::size_t bars, Volatility& sum) const {
    double squares[2] = {};
    for (std::size_t i = 0; i < bars; ++i) {
      const double r = returns_[first + i];
      if (std::isnan(r)) return Quality::gap;
      squares[i % 2] += r * r;
    }
    if (!(squares[0] > 0.0 && squares[1] > 0.0)) return Quality::flat;
    sum.odd += 0.5 * std::log(squares[0]);
    sum.even += 0.5 * std::log(squares[1]);
    sum.full += 0.5 * std::log(squares[0] + squares[1]);
    return Quality::good;
  }

 private:
  vector<double> returns_;  // [r]: from row r to row r + 1
};

/// The mean over assets, so that each counts the same whatever its own volatility.
Quality mean_volatility(const vector<SquaredReturns>& assets, std::size_t first, std::size_t bars, Volatility& out) {
  Volatility sum;
  for (const auto& asset : assets)
    if (const Quality w = asset.add(first, bars, sum); w != Quality::good) return w;
  const double n = static_cast<double>(assets.size());
  out = {sum.odd / n, sum.even / n, sum.full / n};
  return Quality::good;
}

// ---- the estimate ---------------------------------------------------------------------------------------------------

/// The order in which ranks are given: groups one after the other, in each by delay, what arrived before what did not.
vector<std::size_t> rank_order(const vector<Row>& rows) {
  vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    const Row &a = rows[i], &b = rows[j];
    if (a.group != b.group) return a.group < b.group;
    if (a.delay != b.delay) return a.delay < b.delay;
    return a.delivered && !b.delivered;
  });
  return order;
}

/// Kaplan and Meier's law and the scores it gives, for elements `order[first .. last)` of one group.
template <typename Get>
void score_group(const vector<std::size_t>& order, std::size_t first, std::size_t last, const Get& get,
                 span<const double> weight, vector<double>& score) {
  double at_risk = 0.0, survival = 1.0;
  for (std::size_t i = first; i < last; ++i) at_risk += weight[order[i]];
  for (std::size_t i = first; i < last;) {
    const double delay = get(order[i]).delay;
    double arrived = 0.0, watched = 0.0;
    std::size_t end = i;
    for (; end < last && get(order[end]).delay == delay; ++end)
      (get(order[end]).delivered ? arrived : watched) += weight[order[end]];
    const double next = arrived > 0.0 ? survival * ((at_risk - arrived) / at_risk) : survival;
    const double of_arrived = arrived > 0.0 ? (shoulder(survival) - shoulder(next)) / (survival - next) : 0.0;
    const double of_watched = watched > 0.0 && next > 0.0 ? shoulder(next) / next : 0.0;
    for (; i < end; ++i) score[order[i]] = get(order[i]).delivered ? of_arrived : of_watched;
    survival = next;
    at_risk -= arrived + watched;
  }
}

vector<double> scores_of(const vector<Row>& rows, const vector<std::size_t>& order, span<const double> weight) {
  vector<double> score(rows.size(), 0.0);
  const auto get = [&](std::size_t i) -> const Row& { return rows[i]; };
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last < order.size() && rows[order[last]].group == rows[order[first]].group) ++last;
    score_group(order, first, last, get, weight, score);
    first = last;
  }
  return score;
}

/// Weighted second moments about the mean.
struct Moments {
  double weight = 0.0, mean[7] = {}, product[7][7] = {};
  enum { z, odd, even, full, before_odd, before_even, before_full };

  Moments(const vector<Row>& rows, const vector<double>& score, span<const double> weights) {
    const auto values = [&](std::size_t i, double(&v)[7]) {
      const Row& r = rows[i];
      const double all[7] = {score[i],     r.after.odd,   r.after.even, r.after.full,
                             r.before.odd, r.before.even, r.before.full};
      std::copy(std::begin(all), std::end(all), v);
    };
    double v[7];
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (weights[i] == 0.0) continue;
      values(i, v);
      weight += weights[i];
      for (int k = 0; k < 7; ++k) mean[k] += weights[i] * v[k];
    }
    for (double& m : mean) m /= weight;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (weights[i] == 0.0) continue;
      values(i, v);
      for (int k = 0; k < 7; ++k) {
        const double x = weights[i] * (v[k] - mean[k]);
        for (int j = 0; j <= k; ++j) product[k][j] += x * (v[j] - mean[j]);
      }
    }
  }
  double cov(int k, int j) const { return product[std::max(k, j)][std::min(k, j)] / weight; }
};

struct LoadingEstimate {
  double beta = 0.0, gamma_square = 0.0, a = 0.0;  ///< a: NaN without gamma
  double var_z = 0.0, var_x = 0.0, cov = 0.0;
};

LoadingEstimate estimate(const Moments& m, bool relative) {
  using M = Moments;
  LoadingEstimate e;
  const double before = m.cov(M::before_odd, M::before_even);
  if (relative && before > 0.0) e.beta = m.cov(M::full, M::before_full) / before;
  const double b = e.beta;
  e.gamma_square =
      m.cov(M::odd, M::even) - b * (m.cov(M::odd, M::before_even) + m.cov(M::even, M::before_odd)) + b * b * before;
  e.var_z = m.cov(M::z, M::z);
  e.var_x = m.cov(M::full, M::full) - 2.0 * b * m.cov(M::full, M::before_full) +
            b * b * m.cov(M::before_full, M::before_full);
  e.cov = m.cov(M::z, M::full) - b * m.cov(M::z, M::before_full);
  e.a = e.gamma_square > 0.0 && e.var_z > 0.0 ? e.cov / (e.var_z * std::sqrt(e.gamma_square))
                                              : std::numeric_limits<double>::quiet_NaN();
  return e;
}

// ---- errors ---------------------------------------------------------------------------------------------------------

/// Blocks as long as these series need: what each day adds to the first-order errors of a and of gamma^2; and its
/// volatility, on whose slow mean the second-order error of a variance depends.
double block_of(const vector<Row>& rows, const vector<double>& score, const Moments& m, const LoadingEstimate& e,
                std::size_t days) {
  using M = Moments;
  vector<double> of_a(days, 0.0), of_gamma(days, 0.0), level(days, 0.0), sent(days, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& r = rows[i];
    const auto relative = [&](double after, double before, int k, int j) {
      return after - m.mean[k] - e.beta * (before - m.mean[j]);
    };
    const double z = score[i] - m.mean[M::z], x = relative(r.after.full, r.before.full, M::full, M::before_full);
    const double halves = relative(r.after.odd, r.before.odd, M::odd, M::before_odd) *
                          relative(r.after.even, r.before.even, M::even, M::before_even);
    of_gamma[r.day] += halves - e.gamma_square;
    level[r.day] += x;
    sent[r.day] += 1.0;
    of_a[r.day] += z * x / (e.var_z * std::sqrt(e.gamma_square)) - e.a * z * z / e.var_z -
                   0.5 * e.a * (halves / e.gamma_square - 1.0);
  }
  for (std::size_t d = 0; d < days; ++d) level[d] /= sent[d];
  return std::max({bootstrap_block(of_a), bootstrap_block(of_gamma), bootstrap_block(level)});
}

/// How often each day is drawn.
vector<double> resampled_days(std::size_t days, double mean_block, std::uint64_t seed) {
  Draws start{seed}, random{start.word()};  // seeds that follow each other give streams that have nothing in common
  const double leave = 1.0 / std::max(mean_block, 1.0);
  vector<double> count(days, 0.0);
  std::size_t at = 0;
  for (std::size_t i = 0; i < days; ++i) {
    at = i == 0 || random.uniform() < leave ? static_cast<std::size_t>(random.below(days)) : (at + 1) % days;
    count[at] += 1.0;
  }
  return count;
}

/// Whether two that arrived, of one group, took different times.
bool delays_vary(const vector<Row>& rows, const vector<std::size_t>& order) {
  const Row* last = nullptr;
  for (const std::size_t i : order) {
    if (!rows[i].delivered) continue;
    if (last && last->group == rows[i].group && last->delay != rows[i].delay) return true;
    last = &rows[i];
  }
  return false;
}

// ---- when there is too little to estimate it from ------------------------------------------------------------------

/// Why transfers were left out.
struct Lost {
  std::size_t elsewhere = 0, at_ends = 0;  ///< sent outside the prices; within, but a window reaches beyond them
  std::size_t gaps = 0, flat = 0, unwatched = 0, in_small_groups = 0;
  std::size_t outside() const { return elsewhere + at_ends; }
};

/// What to do when too few are left: of the cause that cost most; when the file itself has too few, that.
string too_few(const SystemicFit& fit, const Transfers& transfers, const PriceHistory& h, const Lost& lost) {
  std::int64_t earliest = transfers.rows.empty() ? 0 : transfers.rows.front().sent, latest = earliest;
  vector<std::int64_t> days;
  for (const Transfer& t : transfers.rows) {
    earliest = std::min(earliest, t.sent);
    latest = std::max(latest, t.sent);
    days.push_back(floor_divided(t.sent, seconds_per_day));
  }
  std::sort(days.begin(), days.end());
  const auto of_file = static_cast<std::size_t>(std::unique(days.begin(), days.end()) - days.begin());
  const string prices_run =
      fmt::format("the prices run from {} to {}", time_text(h.start), time_text(h.time(h.rows() - 1)));
  const string times =
      fmt::format("they were sent from {} to {}, and {}", time_text(earliest), time_text(latest), prices_run);
  const char* longer = fit.trailing > fit.window ? "--trailing-window" : "--volatility-window";

  struct Cause {
    std::size_t n;
    string why, what;
  };
  Cause causes[] = {
      {lost.elsewhere, "sent when there are no prices", times + ": give prices of that time"},
      {lost.at_ends, "whose windows reach beyond the prices",
       fmt::format("give a shorter {} than {}, or a longer history: {}", longer,
                   duration_text(double(std::max(fit.window, fit.trailing))), prices_run)},
      {lost.gaps, "with a gap in the prices", "fill the gaps, or leave out with --assets the prices that have them"},
      {lost.flat, "with prices that do not move",
       "give a longer --volatility-window or coarser bars, or leave out with --assets the prices that stand still"},
      {lost.unwatched, "that did not arrive and were not watched",
       "write into the column of delays for how many seconds each was watched"},
      {lost.in_small_groups, fmt::format("in groups of fewer than {}", fewest_in_group),
       "leave group out, or name a coarser column"}};
  string reasons;
  const Cause* largest = nullptr;
  for (const Cause& c : causes) {
    if (c.n == 0) continue;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "; " : ", ", c.n, c.why);
    if (!largest || c.n > largest->n) largest = &c;
  }
  const bool few = fit.rows < fewest_systemic_transfers || of_file < fewest_systemic_days;
  return fmt::format(
      "{} of {}, on {}, met prices (loadings of the stress factor need {} on {} days{}) {}", fit.used,
      counted(fit.rows, "transfer"), counted(fit.days, "day"), fewest_systemic_transfers, fewest_systemic_days, reasons,
      few || !largest ? fmt::format("give more transfers: {} on {} days are in the file", fit.rows, of_file)
                      : largest->what);
}

double deviation_of(const vector<double>& values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double square = 0.0;
  for (const double x : values) square += (x - mean) * (x - mean);
  return std::sqrt(square / (n - 1.0));
}

}  // namespace

std::int64_t usual_window(std::int64_t bar) { return whole_bars(3600, bar); }
std::int64_t usual_trailing_window(std::int64_t bar) { return whole_bars(seconds_per_day, bar); }

double spearman(span<const double> x, span<const double> y) {
  const auto ranks = [](span<const double> values) {
    vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
    vector<double> rank(values.size());
    for (std::size_t i = 0; i < order.size();) {
      std::size_t end = i;
      while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
      const double shared = 0.5 * static_cast<double>(i + end - 1);
      for (; i < end; ++i) rank[order[i]] = shared;
    }
    return rank;
  };
  const vector<double> a = ranks(x), b = ranks(y);
  const double middle = 0.5 * (static_cast<double>(x.size()) - 1.0);
  double aa = 0.0, bb = 0.0, ab = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - middle) * (a[i] - middle);
    bb += (b[i] - middle) * (b[i] - middle);
    ab += (a[i] - middle) * (b[i] - middle);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

double normal_correlation(double rank_correlation) {
  constexpr double pi = 3.141592653589793;
  return 2.0 * std::sin(pi / 6.0 * rank_correlation);
}

vector<double> normal_scores(span<const double> delay, const vector<bool>& delivered, span<const double> weight) {
  vector<Row> rows(delay.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].delay = delay[i];
    rows[i].delivered = delivered[i];
  }
  return scores_of(rows, rank_order(rows), weight);
}

double bootstrap_block(span<const double> series) {
  const auto n = static_cast<std::ptrdiff_t>(series.size());
  const double count = static_cast<double>(n);
  if (n < 4) return 1.0;
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) / count;
  const auto covariance = [&](std::ptrdiff_t lag) {
    double sum = 0.0;
    for (std::ptrdiff_t t = lag; t < n; ++t) sum += (series[t] - mean) * (series[t - lag] - mean);
    return sum / count;
  };
  const double variance = covariance(0);
  if (!(variance > 0.0)) return 1.0;
  // the lag after which `run` autocorrelations in a row are as small as those of noise
  const double small = 2.0 * std::sqrt(std::log10(count) / count);
  const auto run = static_cast<std::ptrdiff_t>(std::max(5.0, std::ceil(std::sqrt(std::log10(count)))));
  const auto longest = std::min(n - 1, static_cast<std::ptrdiff_t>(std::ceil(std::sqrt(count))) + run);
  std::ptrdiff_t last = 0, quiet = 0;
  for (std::ptrdiff_t lag = 1; lag <= longest && quiet < run; ++lag) {
    const bool loud = std::fabs(covariance(lag) / variance) >= small;
    quiet = loud ? 0 : quiet + 1;
    if (loud) last = lag;
  }
  const std::ptrdiff_t width = std::min(2 * std::max<std::ptrdiff_t>(last, 1), n - 1);
  double level = variance, slope = 0.0;
  for (std::ptrdiff_t lag = 1; lag <= width; ++lag) {
    const double t = static_cast<double>(lag) / static_cast<double>(width);
    const double window = t <= 0.5 ? 1.0 : 2.0 * (1.0 - t);  // flat-top (Politis and Romano 1995)
    const double c = covariance(lag);
    level += 2.0 * window * c;
    slope += 2.0 * window * static_cast<double>(lag) * c;
  }
  if (!(level > 0.0)) return 1.0;
  return std::max(1.0, std::cbrt(slope * slope / (level * level) * count));
}

SystemicFit fit_systemic(const PriceHistory& h, const Transfers& transfers, const SystemicOptions& options) {
  SystemicFit fit;
  fit.file = input::shown_name(
      std::filesystem::path(transfers.file).filename().string());  // as reports and sections name price files
  fit.rows = transfers.rows.size();
  fit.bar = h.bar;
  fit.window = options.window > 0 ? options.window : usual_window(h.bar);
  fit.trailing = options.trailing;
  for (const auto& [name, seconds] :
       {std::pair{"--volatility-window", fit.window}, {"--trailing-window", fit.trailing}}) {
    if (seconds == 0) continue;
    if (seconds % h.bar != 0 || seconds / h.bar < std::int64_t{fewest_window_bars}) {
      throw Error(fmt::format(
          "{} {} (the prices have bars of {}: volatility is read from {} or more whole ones) give a multiple, {} or "
          "longer",
          name, duration_text(double(seconds)), duration_text(double(h.bar)), fewest_window_bars,
          duration_text(double(h.bar * std::int64_t{fewest_window_bars}))));
    }
  }
  const auto bars = static_cast<std::size_t>(fit.window / h.bar),
             bars_before = static_cast<std::size_t>(fit.trailing / h.bar);
  const bool relative = bars_before > 0;

  // ---- what each transfer met
  vector<std::size_t> in_group(transfers.groups.size(), 0);
  for (const Transfer& t : transfers.rows) ++in_group[t.group];
  vector<SquaredReturns> assets;
  for (std::size_t i = 0; i < h.assets.size(); ++i) assets.emplace_back(h, i);
  vector<Row> rows;
  vector<std::int64_t> days;
  Lost lost;
  const auto last_return = static_cast<std::int64_t>(h.rows()) - 1;
  for (const Transfer& t : transfers.rows) {
    if (!t.delivered && t.delay == 0.0) {
      ++lost.unwatched;
      continue;
    }
    if (in_group[t.group] < fewest_in_group) {
      ++lost.in_small_groups;
      continue;
    }
    // a price holds at its time: the first bar that begins at s or after it, the last that ends at s or before it
    const std::int64_t begun = floor_divided(t.sent - h.start, h.bar), first = -floor_divided(h.start - t.sent, h.bar);
    const std::int64_t first_before = begun - static_cast<std::int64_t>(bars_before);
    if (first < 0 || first + static_cast<std::int64_t>(bars) > last_return || (relative && first_before < 0)) {
      const bool within = t.sent >= h.start && t.sent <= h.time(h.rows() - 1);
      ++(within ? lost.at_ends : lost.elsewhere);
      continue;
    }
    Row row;
    Quality w = mean_volatility(assets, static_cast<std::size_t>(first), bars, row.after);
    if (w == Quality::good && relative)
      w = mean_volatility(assets, static_cast<std::size_t>(first_before), bars_before, row.before);
    lost.gaps += w == Quality::gap ? 1 : 0;
    lost.flat += w == Quality::flat ? 1 : 0;
    if (w != Quality::good) continue;
    row.delay = t.delay;
    row.delivered = t.delivered;
    row.group = t.group;
    days.push_back(floor_divided(t.sent, seconds_per_day));
    fit.first = rows.empty() ? t.sent : std::min(fit.first, t.sent);
    fit.last = rows.empty() ? t.sent : std::max(fit.last, t.sent);
    fit.undelivered += t.delivered ? 0 : 1;
    rows.push_back(row);
  }
  vector<std::int64_t> distinct = days;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].day =
        static_cast<std::size_t>(std::lower_bound(distinct.begin(), distinct.end(), days[i]) - distinct.begin());
  }
  fit.used = rows.size();
  fit.groups = static_cast<std::size_t>(
      std::count_if(in_group.begin(), in_group.end(), [](std::size_t n) { return n >= fewest_in_group; }));
  fit.days = distinct.size();
  if (fit.used < fewest_systemic_transfers || fit.days < fewest_systemic_days) {
    throw Error({{transfers.file, 0, too_few(fit, transfers, h, lost)}});
  }

  // ---- the estimate
  const vector<double> once(rows.size(), 1.0);
  const vector<std::size_t> order = rank_order(rows);
  const vector<double> score = scores_of(rows, order, once);
  const Moments moments(rows, score, once);
  const LoadingEstimate best = estimate(moments, relative);
  if (fit.undelivered == fit.used) {
    throw Error({{transfers.file, 0,
                  fmt::format("none of the {} transfers that met prices arrived (how long delays are is known of what "
                              "arrived) give messages that arrived, or another column: status=NAME",
                              fit.used)}});
  }
  if (!delays_vary(rows, order) || !(best.var_z > 0.0)) {
    throw Error({{transfers.file, 0,
                  fmt::format("every delay is the same{} (what never varies goes with nothing) name another column of "
                              "delays in --latency-columns, or leave --latencies out",
                              fit.groups > 1 ? " within its group" : "")}});
  }
  if (!(best.gamma_square > 0.0)) {
    throw Error({{transfers.file, 0,
                  fmt::format("volatility over windows of {} varies no more than the noise of {} bars makes it (there "
                              "is nothing for delays to go with) give a longer --volatility-window, prices of shorter "
                              "bars, or leave --latencies out",
                              duration_text(double(fit.window)), bars)}});
  }
  fit.beta = best.beta;
  fit.correlation = best.cov / std::sqrt(best.var_z * best.var_x);
  fit.reliability = best.gamma_square / best.var_x;
  vector<double> x;
  for (const Row& r : rows) x.push_back(r.after.full - best.beta * r.before.full);
  fit.by_ranks = std::clamp(normal_correlation(spearman(score, x)) / std::sqrt(fit.reliability), -1.0, 1.0);

  // ---- its errors
  const double days_of_windows = static_cast<double>(fit.window + fit.trailing) / seconds_per_day;
  const double most_block = static_cast<double>(fit.days) / fewest_blocks;
  const double wanted = std::max(1.0 + days_of_windows, block_of(rows, score, moments, best, fit.days));
  fit.block_days = std::max(1.0, std::min(wanted, most_block));
  vector<double> a(options.draws), square(options.draws);
  for_each_parallel(options.draws, options.threads, [&](std::size_t i) {
    const vector<double> count = resampled_days(fit.days, fit.block_days, options.seed + i);
    vector<double> weight(rows.size());
    for (std::size_t r = 0; r < rows.size(); ++r) weight[r] = count[rows[r].day];
    const LoadingEstimate e = estimate(Moments(rows, scores_of(rows, order, weight), weight), relative);
    square[i] = e.gamma_square;
    // without a gamma the correlation is anything: as far from 0 as it can be
    a[i] = std::isnan(e.a) ? (e.cov < 0.0 ? -1.0 : 1.0) : std::clamp(e.a, -1.0, 1.0);
  });
  // as many independent blocks as there are: Student's t, of the logarithm for a variance
  const double blocks = static_cast<double>(fit.days) / fit.block_days;
  const double t = boost::math::quantile(boost::math::students_t(blocks - 1.0), 0.5 + 0.5 * systemic_level);
  const double error = deviation_of(a), relative_error = deviation_of(square) / best.gamma_square;
  fit.delays = {std::clamp(best.a, -largest_loading, largest_loading), error,
                std::clamp(best.a - t * error, -1.0, largest_loading),
                std::clamp(best.a + t * error, -largest_loading, 1.0), std::fabs(best.a) > largest_loading};
  const double gamma = std::sqrt(best.gamma_square), factor = std::exp(0.5 * t * relative_error);
  fit.volatility = {std::min(gamma, largest_volatility_loading), 0.5 * gamma * relative_error, gamma / factor,
                    gamma * factor, gamma > largest_volatility_loading};

  // ---- what a reader must know
  const auto find = [&](bool found, string text) {
    if (found) fit.notes.push_back(std::move(text));
  };
  const auto left_out = [&](std::size_t n, const char* why) {
    find(n > 0, fmt::format("{}: {} of {} transfers {} (left out)", fit.file, n, fit.rows, why));
  };
  left_out(lost.outside(), "have windows that are not within the prices");
  left_out(lost.gaps, "have windows with a gap in the prices");
  left_out(lost.flat, "have windows in which a price does not move, which has no logarithm");
  left_out(lost.unwatched, "did not arrive, and it is not known for how long they were watched");
  left_out(lost.in_small_groups, fmt::format("are in groups of fewer than {}", fewest_in_group).c_str());
  find(static_cast<double>(lost.flat) > largest_share_left_out * static_cast<double>(fit.used + lost.flat),
       fmt::format("{}: quiet windows are missing, so that loadings are too low: give a longer --volatility-window or "
                   "coarser bars",
                   fit.file));
  find(fit.undelivered > 0, fmt::format("{}: {} of {} did not arrive: they rank above what took less time than they "
                                        "were watched (Kaplan and Meier)",
                                        fit.file, fit.undelivered, fit.used));
  find(
      fit.delays.held,
      fmt::format("delays: the estimate {:.3f} is beyond what a loading can be and is held at {} (noise, or delays and "
                  "volatility that are one thing)",
                  best.a, fit.delays.value));
  find(fit.volatility.held,
       fmt::format("volatility: the estimate {:.3f} is beyond what a scenario takes and is held at "
                   "{} (look at the prices: such a loading is hardly one of a market)",
                   gamma, fit.volatility.value));
  find(relative_error > 0.5,
       fmt::format(
           "volatility varies hardly more than the noise of {} bars (error of its variance {:.0f} %): delays are "
           "then poorly known too; a longer --volatility-window or shorter bars would help",
           bars, 100.0 * relative_error));
  find(blocks < few_blocks,
       fmt::format("{}: {} days are some {:.0f} blocks of days that resemble each other: intervals are too narrow (a "
                   "longer history would help)",
                   fit.file, fit.days, blocks));
  return fit;
}

}  // namespace proofload
