#include "input/price_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/words.h"

namespace proofload {
namespace {

using std::string, std::vector;

string amount(std::size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

/// 1970 began on a Thursday.
bool falls_on_weekend(std::int64_t time) {
  const std::int64_t day = time >= 0 ? time / 86400 : (time - 86399) / 86400;
  return ((day + 3) % 7 + 7) % 7 >= 5;
}

double median_of(vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A split or a new unit moves the price once, by a round factor or by more than any market does, among neighbours that
// move as little after it as before. A crash has others beside it: of MATIC's hours on 2019-12-10 one halved the price,
// and the hour before had taken a third.
constexpr std::size_t neighbours = 24;                         // bars on each side
constexpr double round_size = 15.0, any_size = 10.0;           // of a step, in deviations of its neighbours
constexpr double largest_size = 4.0;                           // in largest moves of its neighbours
constexpr double round_error = 2.0;                            // in deviations, how far it may lie from its factor
constexpr double any_factor = 8.0, smallest_deviation = 1e-3;  // per bar: prices that stand still have none
constexpr std::size_t shown_steps = 3;

/// 2 to 9, and those and 1.5 and 2.5 by powers of ten: the one that is nearest to `factor`.
double round_factor(double factor) {
  double best = 2.0;
  for (double power = 1.0; power < 100.0 * factor; power *= 10.0)
    for (const double digits : {1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}) {
      const double candidate = digits * power;
      if (candidate >= 2.0 && candidate == std::floor(candidate) &&
          std::fabs(std::log(candidate / factor)) < std::fabs(std::log(best / factor)))
        best = candidate;
    }
  return best;
}

/// The prices that an asset has.
struct Known {
  vector<std::size_t> row;
  vector<double> log_price;

  /// Log return per root of a bar of the k-th price from the one before.
  double move(std::size_t k) const {
    return (log_price[k] - log_price[k - 1]) / std::sqrt(static_cast<double>(row[k] - row[k - 1]));
  }
  /// Robust deviation of a bar from moves [first, last), of those that are not zero.
  double deviation(std::size_t first, std::size_t last) const {
    vector<double> sizes;
    for (std::size_t k = first; k < last; ++k)
      if (move(k) != 0.0) sizes.push_back(std::fabs(move(k)));
    return std::max(sizes.empty() ? 0.0 : median_of(std::move(sizes)) / 0.6745, smallest_deviation);
  }
  double largest(std::size_t first, std::size_t last) const {
    double most = 0.0;
    for (std::size_t k = first; k < last; ++k) most = std::max(most, std::fabs(move(k)));
    return most;
  }
  double level(std::size_t first, std::size_t last) const {
    return median_of({log_price.begin() + static_cast<std::ptrdiff_t>(first),
                      log_price.begin() + static_cast<std::ptrdiff_t>(last)});
  }
};

/// By what factor the k-th price moved to a new level, in words; empty: it did not.
string step_at(const Known& p, std::size_t k) {
  const double size = std::fabs(p.log_price[k] - p.log_price[k - 1]);
  const std::size_t first = k > neighbours ? k - neighbours : 0, last = std::min(k + neighbours, p.row.size());
  if (size < std::log(1.8) || k - first < 3 || last - k < 3 || last - first < 12) return "";
  const double rise = p.level(k, last) - p.level(first, k);  // what is left of it when it has settled
  if (std::fabs(rise - (p.log_price[k] - p.log_price[k - 1])) > 0.25 * size) return "";
  const double bars = std::sqrt(static_cast<double>(p.row[k] - p.row[k - 1]));
  if (size < largest_size * bars * std::max(p.largest(first + 1, k), p.largest(k + 1, last))) return "";
  const double deviation = bars * std::max(p.deviation(first + 1, k), p.deviation(k + 1, last));
  const double factor = std::exp(size), round = round_factor(factor);
  const bool is_round = std::fabs(size - std::log(round)) <= round_error * deviation;
  if (is_round && size >= round_size * deviation) return fmt::format("{:.10g}", round);
  if (factor >= any_factor && size >= any_size * deviation)
    return is_round ? fmt::format("{:.10g}", round) : fmt::format("{:.3g}", factor);
  return "";
}

/// Of the whole history, those whose return lies between two times.
void say_steps(const PriceHistory& h, std::int64_t from, std::int64_t to, std::size_t asset, vector<string>& repairs) {
  Known known;
  for (std::size_t r = 0; r < h.rows(); ++r) {
    if (std::isnan(h.price[asset][r])) continue;
    known.row.push_back(r);
    known.log_price.push_back(std::log(h.price[asset][r]));
  }
  std::size_t steps = 0;
  for (std::size_t k = 1; k < known.row.size(); ++k) {
    if (h.time(known.row[k - 1]) < from || h.time(known.row[k]) > to) continue;
    const string factor = step_at(known, k);
    if (factor.empty() || ++steps > shown_steps) continue;
    const std::size_t before = known.row[k - 1], at = known.row[k];
    repairs.push_back(fmt::format(
        "{}: {} by a factor of {} and stays ({}, from {:.4g} to {:.4g}): look whether it was a split or another unit; "
        "--from {} leaves out what was before",
        h.assets[asset], at == before + 1 ? "one bar moves" : "across a gap the price moves", factor,
        time_text(h.time(at)), h.price[asset][before], h.price[asset][at], time_text(h.time(at))));
  }
  if (steps > shown_steps)
    repairs.push_back(fmt::format("{}: and {} like these", h.assets[asset], amount(steps - shown_steps, "move")));
}

}  // namespace

void say_findings(const PriceHistory& h, const PriceHistory& whole, std::size_t asset, vector<string>& repairs) {
  const auto& p = h.price[asset];
  std::size_t first = p.size(), last = 0, absent = 0, gaps = 0, longest = 0, longest_at = 0, same = 0, moves = 0,
              ticks = 0, tick_at = 0;
  for (std::size_t r = 0; r < p.size(); ++r) {
    if (std::isnan(p[r])) continue;
    if (first < p.size() && r > last + 1) {
      ++gaps;
      absent += r - last - 1;
      if (r - last - 1 > longest) longest = r - last - 1, longest_at = last + 1;
    }
    first = std::min(first, r);
    if (r > first && r == last + 1) {
      ++moves;
      same += p[r] == p[r - 1] ? 1 : 0;
      if (r + 1 < p.size() && !std::isnan(p[r + 1])) {
        const double there = std::log(p[r] / p[r - 1]), back = std::log(p[r + 1] / p[r]);
        if (std::fabs(there) > std::log(2.0) && std::fabs(there + back) < 0.1 * std::fabs(there) && ticks++ == 0)
          tick_at = r;
      }
    }
    last = r;
  }
  const string& name = h.assets[asset];
  const string bar = duration_text(double(h.bar));
  if (gaps > 0) {
    repairs.push_back(
        fmt::format("{}: {} of {} without a price, the longest {} from {} (returns across them are left out)", name,
                    amount(gaps, "gap"), amount(absent, "bar"), duration_text(double(h.bar) * double(longest)),
                    time_text(h.time(longest_at))));
  }
  std::size_t weekend = 0;
  for (std::size_t r = first; h.bar == 86400 && r < last; ++r)
    if (std::isnan(p[r])) weekend += falls_on_weekend(h.time(r)) ? 1 : 0;
  if (gaps >= 8 && 10 * weekend >= 9 * absent && 10 * weekend >= 2 * (last - first)) {
    repairs.push_back(fmt::format(
        "{}: no prices on weekends (no return from Friday to Monday is used, and a year is taken as 365 days like "
        "those that are there: volatility a year comes out a fifth above that of 252 trading days)",
        name));
  }
  if (ticks > 0) {
    repairs.push_back(fmt::format(
        "{}: {} to more than double or less than half for one bar and back, the first at {} (kept: "
        "look whether it was a trade)",
        name, ticks == 1 ? "1 price goes" : fmt::format("{} prices go", ticks), time_text(h.time(tick_at))));
  }
  if (h.rows() > 0) say_steps(whole, h.start, h.time(h.rows() - 1), asset, repairs);
  if (moves >= 20 && static_cast<double>(same) > 0.3 * static_cast<double>(moves)) {
    repairs.push_back(
        fmt::format("{}: {:.0f} % of the bars of {} repeat the price before (kept: stale prices make tails fat and "
                    "volatility wrong)",
                    name, 100.0 * double(same) / double(moves), bar));
  }
}

}  // namespace proofload
