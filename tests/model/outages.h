/// outages.h -- how long a message waits where chains and layers stand still, by theory (DESIGN 1.3), and how a test
/// reads delays off a result: from the histogram of a route at the edge of a bin, or by clocks. Layers that fail.
#pragma once
#include <bit>

#include "tests/model/checks.h"

namespace proofload::testing {

// ---- how delays are read --------------------------------------------------------------------------------------------

/// The bin of the delay histogram whose lower edge is nearest to this time, and that edge: thresholds without rounding.
inline int delay_bin_at(double seconds) {
  int best = 1;
  for (int b = 1; b < delay_bins - 1; ++b) {
    if (std::abs(delay_edge(b) - seconds * ticks_per_second) < std::abs(delay_edge(best) - seconds * ticks_per_second))
      best = b;
  }
  return best;
}
inline double edge_at(double seconds) { return delay_edge(delay_bin_at(seconds)) / ticks_per_second; }

/// P(the delay of a route is edge_at(seconds) or more), messages beyond the horizon included.
inline Measure later(int route, double seconds) {
  return [=](const Results& r, const Answers&) {
    std::uint64_t sum = 0;
    for (int b = delay_bin_at(seconds); b < delay_bins; ++b)
      sum += r.tally.counts[r.tally.layout.delay(route) + std::size_t(b)];
    return counted(sum, r.tally.paths);
  };
}

/// Assets T0, T1, ... that stand still but for a fall by half at these times: whoever counts on 3/4 of one is
/// under-collateralised iff the sale is at that time or later. So `under` counts late sales and `joint_under` sales
/// that are late together.
inline std::string clocks(const std::vector<double>& at) {
  std::string list = "[market]\nassets = [\n", matrix = "correlation = [\n", falls = "[stress]\nshocks = [\n";
  for (std::size_t i = 0; i < at.size(); ++i) {
    list += fmt::format("  {{ name = \"T{}\", price = 1.0, volatility = 0.0 }},\n", i);
    matrix += "  [";
    for (std::size_t j = 0; j < at.size(); ++j) matrix += i == j ? "1.0, " : "0.0, ";
    matrix += "],\n";
    falls += fmt::format("  {{ asset = \"T{}\", at = {}, size = -0.5 }},\n", i, seconds(at[i]));
  }
  return falls + "]\n" + list + "]\n" + (at.size() > 1 ? matrix + "]\n" : "");
}
/// The collateral whose policy haircut says that the sale on this route was not before clock i.
inline std::string watch(int i, const std::string& on, const std::string& more = "") {
  return collateral(fmt::format("w{}", i), fmt::format("T{}", i), on, 0.25, more);
}

// ---- outages --------------------------------------------------------------------------------------------------------

/// A law of durations: as a scenario has it, and what theory needs of it. Times in seconds.
struct Duration {
  std::string text;                                             ///< without braces
  double mean;                                                  ///< E[D]
  std::function<double(double)> beyond;                         ///< P(D > x)
  std::function<double(double)> excess;                         ///< E[(D - x)+]
  double residual(double x) const { return excess(x) / mean; }  ///< P(what is left of one under way > x)
};
inline std::string law_in(const Duration& d) { return "{ " + d.text + " }"; }

inline Duration lasting(double value) {
  return {fmt::format("kind = \"constant\", value = {}", seconds(value)), value,
          [=](double x) { return x < value ? 1.0 : 0.0; }, [=](double x) { return std::max(value - x, 0.0); }};
}
inline Duration exponential_time(double mean) {
  return {fmt::format("kind = \"exponential\", mean = {}", seconds(mean)), mean,
          [=](double x) { return std::exp(-x / mean); }, [=](double x) { return mean * std::exp(-x / mean); }};
}
inline Duration uniform_time(double a, double b) {
  return {fmt::format("kind = \"uniform\", min = {}, max = {}", seconds(a), seconds(b)), 0.5 * (a + b),
          [=](double x) { return x < a   ? 1.0
                                 : x < b ? (b - x) / (b - a)
                                         : 0.0; },
          [=](double x) { return x < a   ? 0.5 * (a + b) - x
                                 : x < b ? 0.5 * (b - x) * (b - x) / (b - a)
                                         : 0.0; }};
}
inline Duration lognormal_time(double median, double sigma) {
  const double mean = median * std::exp(0.5 * sigma * sigma);
  const auto score = [=](double x) { return std::log(std::max(x, 1e-300) / median) / sigma; };
  return {fmt::format("kind = \"lognormal\", median = {}, sigma = {:.17g}", seconds(median), sigma), mean,
          [=](double x) { return normal(-score(x)); },
          [=](double x) { return mean * normal(sigma - score(x)) - x * normal(-score(x)); }};
}
inline Duration either_time(double share, const Duration& one, const Duration& other) {
  const auto mixed = [=](double a, double b) { return share * a + (1.0 - share) * b; };
  return {fmt::format("kind = \"mixture\", of = [ {{ weight = {:.17g}, {} }}, {{ weight = {:.17g}, {} }} ]", share,
                      one.text, 1.0 - share, other.text),
          mixed(one.mean, other.mean), [=](double x) { return mixed(one.beyond(x), other.beyond(x)); },
          [=](double x) { return mixed(one.excess(x), other.excess(x)); }};
}

/// Outages that begin with this rate per year while the chain or layer runs.
struct Standstill {
  double rate;
  Duration duration;
  std::string name = "halt";

  double per_second() const { return rate / year; }
  /// P(under way at the call)
  double under_way() const {
    const double load = per_second() * duration.mean;
    return load / (1.0 + load);
  }
  /// P(begins within t | not under way)
  double begins(double t) const { return -std::expm1(-per_second() * t); }

  /// P(a part that is reached at `from` and lasts `part` waits for more than x, the beginning not before `earliest`):
  /// the one outage was under way at the call and is not over, or began before and is not over, or begins while the
  /// part goes on.
  double waits(double x, double from, double part, double earliest = 0.0) const {
    const double r = per_second(), p = under_way();
    const double before = integral([&](double s) { return r * std::exp(-r * s) * duration.beyond(from - s + x); },
                                   earliest, from, from > earliest ? 24 : 1);
    return (earliest > 0.0 ? 0.0 : p * duration.residual(from + x)) +
           (1.0 - p) * (before + (begins(from + part) - begins(from)) * duration.beyond(x));
  }
  std::string text() const {
    return fmt::format("{{ name = \"{}\", rate = {:.17g}, duration = {} }}", name, rate, law_in(duration));
  }
};
inline std::string outages(const std::vector<Standstill>& list) {
  std::string text = "outages = [ ";
  for (const Standstill& o : list) text += o.text() + ", ";
  return text + "]\n";
}
inline std::string chain_with(const std::string& name, const std::vector<Standstill>& list,
                              const std::string& more = "") {
  return fmt::format("[chains.{}]\n", name) + outages(list) + more;
}
inline std::string layer_with(const std::string& name, const std::string& more) {
  return fmt::format("[layers.{}]\n{}", name, more);
}

// ---- failures -------------------------------------------------------------------------------------------------------

/// P(a shock of this rate times time has come)
inline double lost(double load) { return -std::expm1(-load); }

/// `hazard`: per year.
inline std::string layer(const std::string& name, double hazard, double days, const std::string& more = "") {
  return layer_with(name, fmt::format("hazard = {:.17g}\nexposure = \"{:.17g}d\"\n", hazard, days) + more);
}
/// A collateral of its own over this layer.
inline std::string sale_over(const std::string& layer, const std::string& stages = constant("relay", 60)) {
  return route("r_" + layer, stages, layer) + collateral("c_" + layer, "X", "r_" + layer, 0.1);
}
inline Measure both_fail(int i, int j) {
  return [=](const Results& r, const Answers&) {
    return counted(r.tally.counts[r.tally.layout.failed(i, j)], r.tally.paths);
  };
}

}  // namespace proofload::testing
