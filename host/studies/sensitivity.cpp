#include "studies/sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "answers/margin.h"
#include "base/error.h"
#include "base/words.h"
#include "laws/laws.h"
#include "laws/whole_law.h"
#include "plan/compile.h"
#include "run/ages.h"

namespace proofload {
namespace {

/// Counts of one range of paths and collateral by loss, from the worst bin down, as far as any quantile may need them.
using Tail = std::vector<std::pair<int, std::uint64_t>>;

/// A run of all paths in ranges: what quantiles with and without each range need of it.
struct Ranges {
  Tally total{};
  std::vector<std::vector<std::uint64_t>> losses;  ///< [collateral][bin], all paths, failures included
  std::vector<std::uint64_t> paths;                ///< [range]
  std::vector<std::vector<std::uint64_t>> hits;    ///< [range][collateral]
  std::vector<std::vector<Tail>> tails;            ///< [range][collateral]
  Compiled compiled;
};

/// What lies above the quantile of order p among n.
std::uint64_t above(std::uint64_t n, double p) { return n - rank_of(n, p); }

Ranges run_ranges(const Scenario& scenario, Backend& backend, int ranges) {
  Ranges all;
  all.compiled = compile(scenario);
  const TallyLayout layout = layout_of(all.compiled.plan);
  all.total = Tally(layout);
  const int collaterals = static_cast<int>(layout.collaterals);
  const std::uint64_t n = scenario.run.paths, parts = static_cast<std::uint64_t>(ranges);
  const std::uint64_t needed = above(n, scenario.run.confidence.front()) + 1;
  AgedPaths paths(all.compiled);
  for (std::uint64_t r = 0; r < parts; ++r) {
    const std::uint64_t first = n / parts * r + std::min(r, n % parts);
    const std::uint64_t count = n / parts + (r < n % parts ? 1 : 0);
    Tally tally(layout);
    paths.run(backend, scenario.run.seed, {first, count}, tally);
    if (tally.lowest_non_finite != ~std::uint64_t{0}) {
      throw Error(
          fmt::format("path {} has an outcome that is not a finite number with a parameter moved (volatility or delays "
                      "are too large "
                      "for a horizon this long) lower them, or give a smaller --bump",
                      tally.lowest_non_finite));
    }
    all.paths.push_back(count);
    auto& hits = all.hits.emplace_back();
    auto& tails = all.tails.emplace_back(static_cast<std::size_t>(collaterals));
    for (int k = 0; k < collaterals; ++k) {
      hits.push_back(tally.counts[layout.hit(k)]);
      std::uint64_t sum = 0;
      for (int b = loss_bins - 1; b >= 0 && sum < needed; --b) {
        const std::uint64_t in_bin = count_with_failures(tally, k, static_cast<std::size_t>(b));
        if (in_bin != 0) tails[static_cast<std::size_t>(k)].emplace_back(b, in_bin);
        sum += in_bin;
      }
    }
    all.total += tally;
  }
  for (int k = 0; k < collaterals; ++k) {
    auto& losses = all.losses.emplace_back();
    for (std::size_t b = 0; b < loss_bins; ++b) losses.push_back(count_with_failures(all.total, k, b));
  }
  return all;
}

/// The bin of collateral k's haircut over all paths but those of range `left_out` (-1: over all).
int quantile_bin(const Ranges& run, int k, double confidence, int left_out) {
  static const Tail nothing;
  const bool all = left_out < 0;
  const Tail& tail = all ? nothing : run.tails[static_cast<std::size_t>(left_out)][static_cast<std::size_t>(k)];
  const std::uint64_t n = run.total.paths - (all ? 0 : run.paths[static_cast<std::size_t>(left_out)]);
  const std::uint64_t beyond = above(n, confidence);
  const auto& losses = run.losses[static_cast<std::size_t>(k)];
  std::uint64_t sum = 0;
  auto out = tail.begin();
  for (int b = loss_bins - 1; b > 0; --b) {
    sum += losses[static_cast<std::size_t>(b)];
    if (out != tail.end() && out->first == b) sum -= (out++)->second;
    if (sum > beyond) return b;
  }
  return 0;
}

/// After the sale, as the haircut itself.
double haircut_of(const Ranges& run, int k, double confidence, int left_out) {
  return sale_of(run.compiled.plan.collateral[k]).loss(loss_edge(quantile_bin(run, k, confidence, left_out) + 1));
}

double hit_share(const Ranges& run, int k, int left_out) {
  double hits = 0.0, paths = 0.0;
  for (std::size_t r = 0; r < run.paths.size(); ++r) {
    if (static_cast<int>(r) == left_out) continue;
    hits += static_cast<double>(run.hits[r][static_cast<std::size_t>(k)]);
    paths += static_cast<double>(run.paths[r]);
  }
  return hits / paths;
}

/// The delete-one-range jackknife's variance of a figure that is known without each range.
template <class Figure>
double jackknife(int ranges, const Figure& figure) {
  std::vector<double> without;
  double mean = 0.0, squares = 0.0;
  for (int r = 0; r < ranges; ++r) without.push_back(figure(r));
  for (const double d : without) mean += d / ranges;
  for (const double d : without) squares += (d - mean) * (d - mean);
  return squares * (ranges - 1) / ranges;
}

/// How far apart the two runs' figures are, as a derivative over `step` of the parameter. `figure`: of a run without a
/// range. `grid`: the width of the grid on which both figures lie (a rounding of variance width^2 / 12 each).
template <class Figure>
Derivative derivative(const Ranges& up, const Ranges& down, double step, double grid, double level,
                      const Figure& figure) {
  const int ranges = static_cast<int>(up.paths.size());
  const auto apart = [&](int left_out) { return figure(up, left_out) - figure(down, left_out); };
  Derivative answer;
  answer.slope = apart(-1) / step;
  answer.error = std::sqrt(jackknife(ranges, apart) + grid * grid / 6.0) / std::abs(step);
  const boost::math::students_t t(ranges - 1);
  const double half = boost::math::quantile(boost::math::complement(t, 0.5 * (1.0 - level))) * answer.error;
  answer.low = answer.slope - half;
  answer.high = answer.slope + half;
  return answer;
}

/// What the halves of a central difference say of it.
template <class Figure>
void look_at_halves(const Ranges& up, const Ranges& base, const Ranges& down, double step, double grid,
                    const Figure& figure, Derivative& d) {
  const auto bend = [&](int left_out) {
    return figure(up, left_out) - 2.0 * figure(base, left_out) + figure(down, left_out);
  };
  const double middle = figure(base, -1), half = 0.5 * step;
  d.below = (middle - figure(down, -1)) / half;
  d.above = (figure(up, -1) - middle) / half;
  const double error = std::sqrt(jackknife(static_cast<int>(up.paths.size()), bend) + grid * grid / 2.0) / half;
  d.bent = std::abs(*d.above - *d.below) > std::max(std::abs(d.slope), 3.0 * error);
}

void set_elasticity(Derivative& d, double value, double figure) {
  if (!(figure > 0.0)) return;
  d.elasticity = d.slope * value / figure;
  d.elasticity_error = d.error * value / figure;
}

/// Recoveries x to bump + (1 - bump) x.
LawSpec milder(LawSpec law, double bump) {
  const auto moved = [bump](double x) { return bump + (1.0 - bump) * x; };
  if (law.kind == LawKind::beta) {
    const double mean = moved(law.mean);
    law.stdev *= std::sqrt(mean * (1.0 - mean) / (law.mean * (1.0 - law.mean)));  // alpha + beta stays
    law.mean = mean;
    return law;
  }
  for (double* x : {&law.value, &law.min, &law.max, &law.cap}) *x = moved(*x);
  for (auto& quantile : law.quantiles) quantile.second = moved(quantile.second);
  for (auto& part : law.of) part = milder(part, bump);
  return law;
}

/// One side of a difference, with what the parameter is multiplied by. Severity has one side, `milder`, and the
/// scenario as it is.
Scenario moved(const Scenario& scenario, Sensitive parameter, double factor) {
  Scenario s = scenario;
  switch (parameter) {
    case Sensitive::volatility: s.stress.volatility *= factor; break;
    case Sensitive::delay: s.stress.delays *= factor; break;
    case Sensitive::hazard: s.stress.hazards *= factor; break;
    case Sensitive::exposure:
      for (auto& layer : s.layers) layer.exposure *= factor;
      break;
    case Sensitive::severity:
      for (auto& layer : s.layers) layer.recovery = milder(layer.recovery, 1.0 - factor);
      break;
  }
  return s;
}

/// The mean of what is lost in a failure: what is recovered and the bond give back no more than everything.
double mean_severity(const LayerSpec& layer) {
  if (!(layer.bond > 0.0)) return 1.0 - law_mean(layer.recovery);
  const std::vector<LawPiece> pieces = pieces_of(parts_of(layer.recovery));
  constexpr int orders = 20'000;
  const double bond = layer.bond / layer.secured;
  double sum = 0.0;
  for (int i = 0; i < orders; ++i) {
    const double p = (i + 0.5) / orders;
    sum += std::max(0.0, 1.0 - value_at(pieces, normal_score({p, 1.0 - p}).v) - bond);
  }
  return sum / orders;
}

std::optional<double> value_of(const Scenario& s, const Answers& base, std::size_t k, Sensitive parameter) {
  const CollateralSpec& collateral = s.collateral[k];
  const auto index = layer_of(s, collateral);
  const LayerSpec* layer = index ? &s.layers[*index] : nullptr;
  const bool fails = layer && layer_hazard(s, *layer) > 0.0;
  const auto if_positive = [](double x) { return x > 0.0 ? std::optional(x) : std::nullopt; };
  switch (parameter) {
    case Sensitive::volatility:
      if (s.stress.replay) return std::nullopt;  // that of the record is not the one in the file
      for (const auto& asset : s.market.assets) {
        if (asset.name == collateral.asset) return if_positive(asset.volatility * s.stress.volatility);
      }
      return std::nullopt;
    case Sensitive::delay:
      for (const auto& route : base.routes) {
        if (route.name == collateral.route && route.p50) return if_positive(*route.p50);
      }
      return std::nullopt;
    case Sensitive::hazard: return fails ? if_positive(layer_hazard(s, *layer)) : std::nullopt;
    case Sensitive::exposure: return fails ? if_positive(layer->exposure) : std::nullopt;
    case Sensitive::severity: return fails ? if_positive(mean_severity(*layer)) : std::nullopt;
  }
  return std::nullopt;
}

void check(const Scenario& scenario, const SensitivityOptions& options) {
  for (const double bump : {options.bump, options.hazard_bump}) {
    if (!(bump > 0.0 && bump < 1.0))
      throw Error(
          fmt::format("a bump of {} (parameters are multiplied by 1 - bump and 1 + bump) give one in (0, 1)", bump));
  }
  if (options.ranges < 2) throw Error("fewer than 2 ranges (the error is seen between them) give 16");
  if (scenario.run.paths < static_cast<std::uint64_t>(options.ranges)) {
    throw Error(fmt::format("{} (they are split into {} ranges, to see the error) run more with --paths",
                            counted(scenario.run.paths, "path"), options.ranges));
  }
}

/// The loadings that are varied.
struct Loading {
  const char* name;
  double SystemicSpec::*number;  ///< null: prices
};
constexpr Loading loadings[] = {{"delays", &SystemicSpec::delays},
                                {"volatility", &SystemicSpec::volatility},
                                {"hazards", &SystemicSpec::hazards},
                                {"outages", &SystemicSpec::outages},
                                {"prices", nullptr}};

bool is_set(const SystemicSpec& systemic, const Loading& loading) {
  if (loading.number) return systemic.*loading.number != 0.0;
  return std::any_of(systemic.prices.begin(), systemic.prices.end(), [](double b) { return b != 0.0; });
}

void scale(SystemicSpec& systemic, const Loading& loading, double share) {
  if (loading.number) {
    systemic.*loading.number *= share;
  } else if (share == 0.0) {
    systemic.prices.clear();
  } else {
    for (double& b : systemic.prices) b *= share;
  }
}

LoadingAnswer loading_answer(Scenario scenario, const SystemicSpec& systemic, Backend& backend, const char* name,
                             double share) {
  LoadingAnswer answer{name, share, {}, {}};
  scenario.systemic = systemic;
  try {
    Results r;
    r.compiled = compile(scenario);
    r.scenario = std::move(scenario);
    r.seed = r.scenario.run.seed;
    r.range = {0, r.scenario.run.paths};
    r.tally = Tally(layout_of(r.compiled.plan));
    AgedPaths(r.compiled).run(backend, r.seed, r.range, r.tally);
    answer.collateral = proofload::answer(r).collateral;
  } catch (const Error& e) { answer.why = e.what(); }
  return answer;
}

}  // namespace

std::vector<SensitivityAnswer> sensitivities(const Scenario& scenario, Backend& backend,
                                             const SensitivityOptions& options) {
  check(scenario, options);
  const double level = scenario.run.interval;
  const std::size_t collaterals = scenario.collateral.size(), confidences = scenario.run.confidence.size();
  Ranges base = run_ranges(scenario, backend, options.ranges);
  Results results;
  results.scenario = scenario;
  results.compiled = base.compiled;
  results.seed = scenario.run.seed;
  results.range = {0, scenario.run.paths};
  results.tally = base.total;
  const Answers answers = answer(results);

  std::vector<SensitivityAnswer> all(collaterals);
  for (std::size_t k = 0; k < collaterals; ++k) {
    all[k].collateral = scenario.collateral[k].name;
    all[k].p_failure = answers.collateral[k].p_failure.estimate;
    for (const auto& h : answers.collateral[k].haircuts) all[k].haircut.push_back(h.high ? h.value : std::nullopt);
  }
  for (int p = 0; p < sensitives; ++p) {
    const auto parameter = static_cast<Sensitive>(p);
    bool any = false;
    for (std::size_t k = 0; k < collaterals; ++k) {
      ParameterSensitivity& s = all[k].parameters[static_cast<std::size_t>(p)];
      s.value = value_of(scenario, answers, k, parameter);
      s.haircuts.resize(confidences);
      any |= s.value.has_value();
    }
    if (!any) continue;
    const bool one_sided = parameter == Sensitive::severity;
    const double bump = parameter == Sensitive::hazard ? options.hazard_bump : options.bump;
    const Scenario low_scenario = moved(scenario, parameter, 1.0 - bump);
    const Ranges low = run_ranges(low_scenario, backend, options.ranges);
    const Ranges moved_up =
        one_sided ? Ranges() : run_ranges(moved(scenario, parameter, 1.0 + bump), backend, options.ranges);
    const Ranges& high = one_sided ? base : moved_up;
    for (std::size_t k = 0; k < collaterals; ++k) {
      ParameterSensitivity& s = all[k].parameters[static_cast<std::size_t>(p)];
      if (!s.value) continue;
      double step = 2.0 * bump * *s.value;
      if (one_sided) step = *s.value - mean_severity(low_scenario.layers[*layer_of(scenario, scenario.collateral[k])]);
      const int index = static_cast<int>(k);
      for (std::size_t c = 0; c < confidences; ++c) {
        if (!all[k].haircut[c]) continue;
        const double confidence = scenario.run.confidence[c];
        const int bin = quantile_bin(base, index, confidence, -1);
        const double grid = bin > 0 && bin < loss_bins - 1 ? loss_edge(bin + 1) - loss_edge(bin) : 0.0;
        const double keep = base.compiled.plan.collateral[k].keep;
        const auto haircut = [&](const Ranges& run, int left_out) {
          return haircut_of(run, index, confidence, left_out);
        };
        s.haircuts[c] = derivative(high, low, step, keep * grid, level, haircut);
        if (!one_sided) look_at_halves(high, base, low, step, keep * grid, haircut, *s.haircuts[c]);
        set_elasticity(*s.haircuts[c], *s.value, *all[k].haircut[c]);
      }
      if (hit_share(high, index, -1) + hit_share(low, index, -1) > 0.0) {
        s.p_failure = derivative(high, low, step, 0.0, level,
                                 [&](const Ranges& run, int left_out) { return hit_share(run, index, left_out); });
        set_elasticity(*s.p_failure, *s.value, all[k].p_failure);
      }
    }
  }
  return all;
}

SystemicAnswer systemic_sensitivities(const Scenario& scenario, Backend& backend) {
  SystemicAnswer all;
  all.full = scenario.systemic;
  const auto set = [&](const Loading& l) { return is_set(all.full, l); };
  all.assumed = std::none_of(std::begin(loadings), std::end(loadings), set);
  if (all.assumed) {
    all.full.delays = all.full.volatility = 0.3;
    all.full.hazards = all.full.outages = 0.5;
    all.full.prices.assign(scenario.market.assets.size(), 0.3);
  }
  const auto add = [&](const char* name, double share, const SystemicSpec& systemic) {
    const auto same = [&](const LoadingAnswer& row) { return row.share == 1.0 && share == 1.0; };
    const auto before = std::find_if(all.rows.begin(), all.rows.end(), same);
    if (all.assumed || before == all.rows.end()) {
      all.rows.push_back(loading_answer(scenario, systemic, backend, name, share));
    } else {  // all loadings at their values, again
      LoadingAnswer row = *before;
      row.loading = name;
      all.rows.push_back(std::move(row));
    }
  };
  for (const Loading& loading : loadings) {
    if (!set(loading)) continue;
    for (const double share : {0.0, 0.5, 1.0}) {
      SystemicSpec systemic = all.full;
      if (all.assumed) {  // each alone
        for (const Loading& other : loadings) {
          if (other.name != loading.name) scale(systemic, other, 0.0);
        }
      }
      scale(systemic, loading, share);
      add(loading.name, share, systemic);
    }
  }
  for (const double share : {0.0, 0.5, 1.0}) {
    SystemicSpec systemic = all.full;
    for (const Loading& loading : loadings) scale(systemic, loading, share);
    add("all", share, systemic);
  }
  return all;
}

}  // namespace proofload
