#include "market/backtest_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <span>

#include "base/quantity.h"
#include "input/times.h"

namespace proofload {
namespace {

constexpr double rejection = 0.05;
constexpr const char* rules[] = {"none", "buffer", "stressed weight", "floor"};

/// The constant that haircuts must be multiplied by to have as many hits as expected: that order statistic of loss over
/// haircut.
double equal_coverage(std::vector<double> loss_over_haircut, double p) {
  if (loss_over_haircut.empty()) return 1.0;
  const auto n = loss_over_haircut.size();
  const auto hits = std::min<std::size_t>(n - 1, static_cast<std::size_t>(std::llround(p * static_cast<double>(n))));
  const auto at = loss_over_haircut.begin() + static_cast<std::ptrdiff_t>(hits);
  std::nth_element(loss_over_haircut.begin(), at, loss_over_haircut.end(), std::greater<>());
  return *at;
}

double mean(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / std::max<double>(1.0, double(v.size()));
}

/// Each day's sum, in order of the days.
std::vector<double> values(const Days& days) {
  std::vector<double> v;
  for (const auto& [at, value] : days) v.push_back(value);
  return v;
}

/// What is added up over the collaterals of a model at one confidence.
struct Pool {
  Days hits, windows, difference, lost;
  std::vector<double> ratios, haircuts;
  double pinball = 0.0, baseline = 0.0;
};

struct Context {
  const VerdictOptions& options;
  double confidence;
  std::size_t c;
  std::map<std::pair<std::uint64_t, double>, NullRatios>& nulls;
};

CellVerdict judge_cell(const SubjectHistory& s, const ModelHistory& m, const ModelHistory* baseline,
                       const Context& context, Pool& pool) {
  CellVerdict v;
  const double confidence = context.confidence, p = 1.0 - confidence;
  const auto c = context.c;
  const std::vector<double>& haircut = m.haircut[c];
  v.subject = s.subject.name;
  v.model = m.model;
  v.confidence = confidence;
  std::vector<char> hits;
  std::vector<double> ratios, log_loss;
  Days difference;
  double other = 0.0;
  for (std::size_t i = 0; i < s.loss.size(); ++i) {
    const bool hit = s.loss[i] > haircut[i];
    hits.push_back(hit);
    ratios.push_back(haircut[i] > 0.0 ? s.loss[i] / haircut[i] : 0.0);
    log_loss.push_back(-std::log1p(-s.loss[i]));
    const double lost = pinball(s.loss[i], haircut[i], confidence);
    v.pinball += lost;
    const auto at = floor_divided(s.start[i], seconds_per_day);
    pool.hits[at] += hit;
    pool.windows[at] += 1.0;
    pool.lost[at] += lost;
    if (baseline == nullptr) continue;
    const double there = pinball(s.loss[i], baseline->haircut[c][i], confidence);
    other += there;
    difference[at] += lost - there;
    pool.difference[at] += lost - there;
  }
  pool.pinball += v.pinball;
  pool.baseline += other;
  pool.ratios.insert(pool.ratios.end(), ratios.begin(), ratios.end());
  pool.haircuts.insert(pool.haircuts.end(), haircut.begin(), haircut.end());

  const HitCounts counts = count_hits(hits);
  const double windows = static_cast<double>(counts.windows);
  v.windows = counts.windows;
  v.hits = counts.hits;
  v.ratio = static_cast<double>(counts.hits) / (windows * p);
  v.coverage_lr = kupiec(counts.hits, counts.windows, p);
  v.independence_lr = christoffersen_independence(counts);
  v.both_lr = v.coverage_lr + v.independence_lr;
  if (windows * p >= fewest_expected_hits - 1e-9) {
    auto& null = context.nulls[{counts.windows, p}];
    if (null.both.empty()) null = simulate_null_ratios(counts.windows, p, context.options.draws, context.options.seed);
    v.coverage_p = monte_carlo_p(null.coverage, v.coverage_lr);
    v.independence_p = monte_carlo_p(null.independence, v.independence_lr);
    v.both_p = monte_carlo_p(null.both, v.both_lr);
  }
  v.light = traffic_light(counts.hits, counts.windows, p);
  v.z2 = acerbi_szekely(log_loss, m.quantile[c], m.shortfall[c], p);
  double tail = 0.0, many = 0.0;
  for (std::size_t i = 0; i < s.loss.size(); ++i) {
    if (!(m.quantile[c][i] > 0.0)) continue;
    tail += m.shortfall[c][i] / m.quantile[c][i];
    many += 1.0;
  }
  v.tail_dof = dof_of_tail(many > 0.0 ? tail / many : 1.0, p);
  const auto null =
      simulate_acerbi_szekely(counts.windows, p, v.tail_dof, context.options.draws / 2, context.options.seed);
  v.z2_p = lower_p(null, v.z2);
  v.z2_critical = null[static_cast<std::size_t>(rejection * static_cast<double>(null.size()))];
  v.mean = mean(haircut);
  v.peak = *std::max_element(haircut.begin(), haircut.end());
  v.scale = equal_coverage(std::move(ratios), p);
  if (baseline != nullptr) {
    v.relative = other > 0.0 ? std::optional(v.pinball / other) : std::nullopt;
    v.against = diebold_mariano(values(difference));
  }
  v.pinball /= windows;
  return v;
}

PooledVerdict judge_pool(const Pool& pool, const std::vector<CellVerdict>& cells, bool has_baseline,
                         const Context& context) {
  PooledVerdict v;
  const double p = 1.0 - context.confidence;
  v.confidence = context.confidence;
  v.windows = pool.haircuts.size();
  v.coverage = coverage_by_days(pool.hits, pool.windows, p, context.options.block_days, context.options.level, 2000,
                                context.options.seed);
  v.cells = cells.size();
  v.tested = static_cast<std::size_t>(
      std::count_if(cells.begin(), cells.end(), [](const CellVerdict& cell) { return cell.coverage_p.has_value(); }));
  for (const auto& cell : cells) {
    v.lights[static_cast<std::size_t>(cell.light.light)] += 1;
    v.too_little += cell.z2 < cell.z2_critical;
  }
  v.mean = mean(pool.haircuts);
  v.peak = *std::max_element(pool.haircuts.begin(), pool.haircuts.end());
  v.scale = equal_coverage(pool.ratios, p);
  v.pinball = pool.pinball / static_cast<double>(pool.haircuts.size());
  if (has_baseline) {
    v.relative = pool.baseline > 0.0 ? std::optional(pool.pinball / pool.baseline) : std::nullopt;
    v.against = diebold_mariano(values(pool.difference));
  }
  return v;
}

/// Models against each other at one confidence: `lost` are their pinball losses by day.
void compare_models(const std::vector<std::vector<double>>& lost, PooledVerdict* first, const VerdictOptions& options) {
  const bool enough = static_cast<double>(lost.front().size()) >= fewest_blocks_of_dates * options.block_days;
  std::vector<double> best;
  if (enough) best = model_confidence_set(lost, options.block_days, 2000, options.seed);
  for (std::size_t m = 0; m < lost.size(); ++m) {
    if (enough) first[m].best_p = best[m];
    for (const auto& other : lost) {
      std::vector<double> difference(lost[m]);
      for (std::size_t day = 0; day < difference.size(); ++day) difference[day] -= other[day];
      first[m].against_each.push_back(&other == &lost[m] ? DieboldMariano{} : diebold_mariano(difference));
    }
  }
}

/// Both tests of all cells of one model, at all confidences, are one family.
void adjust(std::vector<CellVerdict>& cells, std::vector<PooledVerdict>& pooled, const std::string& model) {
  std::vector<double> p_values;
  for (const auto& cell : cells) {
    if (cell.model == model && cell.coverage_p)
      p_values.insert(p_values.end(), {*cell.coverage_p, *cell.independence_p});
  }
  const auto adjusted = holm(p_values);
  std::size_t at = 0;
  for (auto& cell : cells) {
    if (cell.model != model || !cell.coverage_p) continue;
    cell.coverage_holm = adjusted[at++];
    cell.independence_holm = adjusted[at++];
    if (std::min(*cell.coverage_holm, *cell.independence_holm) > rejection) continue;
    for (auto& pool : pooled) pool.rejected += pool.model == model && pool.confidence == cell.confidence;
  }
}

/// The largest increase of `v` from any earlier time within `within` seconds.
double largest_rise(const std::vector<double>& v, const std::vector<std::int64_t>& time, std::int64_t within) {
  std::deque<std::size_t> low;  // indices with ascending values: the least of the last `within` seconds stands first
  double rise = 0.0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    while (!low.empty() && time[low.front()] < time[i] - within) low.pop_front();
    if (!low.empty()) rise = std::max(rise, v[i] - v[low.front()]);
    while (!low.empty() && v[low.back()] >= v[i]) low.pop_back();
    low.push_back(i);
  }
  return rise;
}

RuleVerdict judge_rule(const std::string& rule, const std::vector<SubjectHistory>& subjects, std::size_t m,
                       std::size_t c, double confidence, const VerdictOptions& options) {
  RuleVerdict v;
  v.rule = rule;
  v.model = subjects.front().models[m].model;
  v.confidence = confidence;
  double hits = 0.0, windows = 0.0, sum = 0.0;
  for (const auto& s : subjects) {
    const auto haircut = under_rule(rule, s, s.models[m], c, options);
    for (std::size_t i = 0; i < haircut.size(); ++i) {
      hits += s.loss[i] > haircut[i];
      sum += haircut[i];
      v.peak = std::max(v.peak, haircut[i]);
    }
    windows += static_cast<double>(haircut.size());
    v.rise = std::max(v.rise, largest_rise(haircut, s.start, 5 * seconds_per_day));
  }
  v.ratio = hits / (windows * (1.0 - confidence));
  v.mean = sum / windows;
  return v;
}

PowerRow power_row(const std::string& what, double confidence, double windows) {
  PowerRow row;
  row.what = what;
  row.confidence = confidence;
  row.windows = windows;
  for (std::size_t i = 0; i < power_ratios.size(); ++i) {
    row.power[i] = windows >= 1.0 ? kupiec_power(windows, 1.0 - confidence, power_ratios[i], rejection) : 0.0;
  }
  return row;
}

/// The other tests' of one collateral; `dof`: of the tail that its forecasts have.
void add_powers(PowerRow& row, std::uint64_t windows, double dof, const Context& context) {
  const double p = 1.0 - row.confidence;
  const auto draws = context.options.draws / 10, at = draws / 20;  // of 5 %
  const std::uint64_t seed = context.options.seed + 1;
  const auto null = simulate_null_ratios(windows, p, draws, seed);
  const auto z2 = simulate_acerbi_szekely(windows, p, dof, draws, seed);
  if (null.independence.size() <= at) return;
  row.independence.emplace();
  row.shortfall.emplace();
  for (std::size_t i = 0; i < cluster_ratios.size(); ++i) {
    const double critical = null.independence[null.independence.size() - 1 - at];
    (*row.independence)[i] = independence_power(windows, p, cluster_ratios[i], critical, draws, seed + 1);
  }
  for (std::size_t i = 0; i < loss_ratios.size(); ++i) {
    const auto drawn = simulate_acerbi_szekely(windows, p, dof, draws, seed + 1, loss_ratios[i]);
    const auto below = std::lower_bound(drawn.begin(), drawn.end(), z2[at]) - drawn.begin();
    (*row.shortfall)[i] = static_cast<double>(below) / static_cast<double>(draws);
  }
}

void find_misses(const std::vector<SubjectHistory>& subjects, std::size_t m, std::size_t c, double confidence,
                 std::size_t most, std::vector<Miss>& to) {
  std::vector<Miss> all;
  for (const auto& s : subjects) {
    const ModelHistory& model = s.models[m];
    for (std::size_t i = 0; i < s.loss.size(); ++i) {
      if (s.loss[i] > model.haircut[c][i]) {
        all.push_back({s.subject.name, model.model, confidence, s.start[i], s.bars[i], s.loss[i], model.haircut[c][i]});
      }
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Miss& a, const Miss& b) { return a.loss - a.haircut > b.loss - b.haircut; });
  if (all.size() > most) all.resize(most);
  to.insert(to.end(), all.begin(), all.end());
}

}  // namespace

std::vector<double> under_rule(const std::string& rule, const SubjectHistory& s, const ModelHistory& m, std::size_t c,
                               const VerdictOptions& options) {
  std::vector<double> out = m.haircut[c];
  double sum = 0.0;
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double h = m.haircut[c][i];
    sum += h;
    while (static_cast<double>(s.start[i] - s.start[oldest]) > options.quiet) sum -= m.haircut[c][oldest++];
    if (rule == "buffer") {
      // In quiet times 1 + buffer times the haircut. When it rises above its trailing mean, the buffer is used up
      // before more is called.
      const double quiet = sum / static_cast<double>(i - oldest + 1);
      out[i] = std::max(h, (1.0 + options.buffer) * std::min(h, quiet));
    } else if (rule == "stressed weight") {
      out[i] = (1.0 - options.stressed_weight) * h + options.stressed_weight * s.stressed[c][i];
    } else if (rule == "floor" && m.stdev[i] > 0.0) {
      out[i] = std::max(h, -std::expm1(-m.quantile[c][i] * s.long_run[i] / m.stdev[i]));
    }
  }
  return out;
}

Verdict judge(const std::vector<SubjectHistory>& subjects, const std::vector<double>& confidence,
              const VerdictOptions& options, const std::vector<std::vector<SubjectHistory>>& phases) {
  Verdict v;
  v.options = options;
  std::map<std::pair<std::uint64_t, double>, NullRatios> nulls;
  const auto& models = subjects.front().models;
  const bool held = !models.front().target.empty();
  std::size_t base = models.size();
  for (std::size_t m = 0; m < models.size(); ++m) base = models[m].model == options.baseline ? m : base;
  for (std::size_t c = 0; c < confidence.size(); ++c) {
    const Context context{options, confidence[c], c, nulls};
    std::vector<std::vector<double>> lost;
    for (std::size_t m = 0; m < models.size(); ++m) {
      Pool pool;
      std::vector<CellVerdict> cells;
      const bool compared = base < models.size() && m != base;
      for (const auto& s : subjects)
        cells.push_back(judge_cell(s, s.models[m], compared ? &s.models[base] : nullptr, context, pool));
      v.pooled.push_back(judge_pool(pool, cells, compared, context));
      v.pooled.back().model = models[m].model;
      lost.push_back(values(pool.lost));
      v.cells.insert(v.cells.end(), cells.begin(), cells.end());
      for (const char* rule : held ? std::span<const char* const>{} : std::span<const char* const>(rules))
        v.rules.push_back(judge_rule(rule, subjects, m, c, confidence[c], options));
      if (c + 1 == confidence.size()) find_misses(subjects, m, c, confidence[c], options.misses, v.misses);
    }
    compare_models(lost, &v.pooled[v.pooled.size() - models.size()], options);
    for (const auto& s : subjects) {
      v.powers.push_back(power_row(s.subject.name, confidence[c], static_cast<double>(s.loss.size())));
      const auto cell = std::find_if(v.cells.rbegin(), v.cells.rend(),
                                     [&](const CellVerdict& of) { return of.subject == s.subject.name; });
      add_powers(v.powers.back(), s.loss.size(), cell->tail_dof, context);
    }
    for (const auto& pool : v.pooled) {
      if (pool.confidence != confidence[c]) continue;
      v.powers.push_back(power_row("all, " + pool.model, confidence[c],
                                   double(pool.windows) / std::max(1.0, pool.coverage.design_effect)));
    }
  }
  for (const auto& m : models) adjust(v.cells, v.pooled, m.model);
  if (held)
    v.ages = coverage_by_age(subjects, confidence, options.in_force, options.block_days, options.level, options.seed);
  v.phases = coverage_of_phases(phases, confidence, options.block_days, options.level, options.seed);
  for (PooledVerdict& pool : v.pooled) {
    const auto same = [&](const auto& of) { return of.model == pool.model && of.confidence == pool.confidence; };
    const auto phase = std::find_if(v.phases.begin(), v.phases.end(), same);
    const auto all = std::find_if(v.ages.rbegin(), v.ages.rend(), same);  // the last age of a model is all of them
    if (phase != v.phases.end()) {
      pool.coverage = phase->coverage;
    } else if (all != v.ages.rend() && options.in_force > 0.0) {
      pool.coverage = all->coverage;
    }
  }
  if (held && options.in_force == 0.0) v.rises = rises(subjects, confidence, options.rises);
  return v;
}

}  // namespace proofload
