#include "answers/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include "answers/loss_histogram.h"
#include "answers/margin.h"
#include "base/counts.h"
#include "base/error.h"
#include "base/words.h"
#include "laws/whole_law.h"
#include "run/ages.h"
#include "scenario/words.h"

namespace proofload {
namespace {

LossHistogram histogram(const Tally& tally, std::size_t at) {
  const auto first = tally.counts.begin() + static_cast<std::ptrdiff_t>(at);
  return LossHistogram({first, first + loss_bins});
}

/// Of the token of collateral k had seizure taken oracle and one block, where its basis is random and was counted.
std::optional<LossHistogram> basis_histogram(const Results& r, int k) {
  for (std::uint32_t i = 0; i < r.tally.layout.based; ++i)
    if (r.compiled.plan.based_at[i].collateral == k)
      return histogram(r.tally, r.tally.layout.basis(static_cast<int>(i)));
  return std::nullopt;
}

/// All paths, failures included.
LossHistogram with_failures(const Tally& tally, int k) {
  std::vector<std::uint64_t> count(loss_bins);
  for (std::size_t b = 0; b < count.size(); ++b) count[b] = count_with_failures(tally, k, b);
  return LossHistogram(std::move(count));
}

/// The paths on which the layer did not fail.
LossHistogram without_failed_paths(const Tally& tally, int k) {
  std::vector<std::uint64_t> count(loss_bins);
  for (std::size_t b = 0; b < count.size(); ++b) {
    count[b] = tally.counts[tally.layout.latency(k) + b] - tally.counts[tally.layout.spared(k) + b];
  }
  return LossHistogram(std::move(count));
}

/// Whether a layer can fail at all: without a hazard its probability is exactly 0, and no interval is drawn around
/// that.
bool can_fail(const Scenario& scenario, std::optional<std::size_t> layer) {
  return layer && layer_hazard(scenario, scenario.layers[*layer]) > 0.0;
}

RiskRate risk_rate(const Results& r, int k, const LossHistogram& latency, const Sale& sale) {
  const Tally& tally = r.tally;
  const MarginSpec& margin = r.scenario.margin;
  const CollateralSpec& spec = r.scenario.collateral[k];
  const auto layer = layer_of(r.scenario, spec);
  const double level = r.scenario.run.interval, score = interval_score(level);
  const double paths = static_cast<double>(tally.paths), covered = 1.0 - *spec.haircut;
  const std::uint64_t hits = tally.counts[tally.layout.hit(k)];
  const auto beyond = [&](double loss) { return std::max(0.0, sale.loss(loss) - *spec.haircut); };

  RiskRate rate;
  rate.hazard = layer ? layer_hazard(r.scenario, r.scenario.layers[*layer]) : 0.0;
  rate.risk_free = margin.risk_free;

  const double per_call = margin.calls_per_year / covered;
  const Moments spared = moments(latency, beyond);
  rate.calls = per_call * static_cast<double>(tally.sums[tally.layout.shortfall_spared(k)]) * shortfall_unit / paths;
  if (spared.positive >= few) rate.calls_error = per_call * spared.error(paths);
  // How far the interval reaches: few paths fall short, some by much. One that was not seen may lose everything where
  // very few did.
  const double largest = rate.calls_error ? std::min(covered, beyond_largest * spared.largest) : covered;
  const Estimate fell = weighted_count(spared.first, spared.second, largest, level);
  const double calls_below = per_call * (fell.estimate - fell.low) / paths;
  const double calls_above = per_call * (fell.high - fell.estimate) / paths;

  double failures_below = 0.0, failures_above = 0.0, common = 0.0;
  const double per_failure = rate.hazard / covered;
  if (rate.hazard == 0.0) {
    rate.failures = rate.failures_error = 0.0;
  } else if (hits == 0) {
    failures_above = rate.hazard;
  } else {
    const double failed = static_cast<double>(hits);
    rate.failures =
        per_failure * static_cast<double>(tally.sums[tally.layout.shortfall_struck(k)]) * shortfall_unit / failed;
    failures_below = *rate.failures;
    failures_above = std::max(0.0, rate.hazard - *rate.failures);
    if (hits >= few) {
      const Moments struck = moments(histogram(tally, tally.layout.struck(k)), beyond);
      const Moments before = moments(histogram(tally, tally.layout.spared(k)), beyond);
      rate.failures_error = per_failure * struck.error(failed);
      const boost::math::students_t student(failed - 1.0);
      failures_below = failures_above = boost::math::quantile(student, 0.5 + 0.5 * level) * *rate.failures_error;
      common = per_call * per_failure * std::sqrt(before.variance * struck.variance) / paths;
    }
  }

  if (rate.failures) rate.value = rate.risk_free + rate.calls + *rate.failures;
  const double known = rate.risk_free + rate.calls + rate.failures.value_or(0.0);
  if (rate.calls_error && rate.failures_error) {
    rate.error =
        std::sqrt(*rate.calls_error * *rate.calls_error + *rate.failures_error * *rate.failures_error + 2.0 * common);
    const double both = 2.0 * score * score * common;
    rate.low = known - std::sqrt(calls_below * calls_below + failures_below * failures_below + both);
    rate.high = known + std::sqrt(calls_above * calls_above + failures_above * failures_above + both);
  } else {  // bounds of different kinds: their sum is wider than need be
    rate.low = known - calls_below - failures_below;
    rate.high = known + calls_above + failures_above;
  }
  rate.low = std::max(rate.low, rate.risk_free);  // neither part is negative
  return rate;
}

/// What may be exposed to a layer's failure: the caps, the highest confidence, and how they are bounded.
void add_exposure(const Results& r, int k, const Sale& sale, CollateralAnswer& a) {
  const LossHistogram struck = histogram(r.tally, r.tally.layout.struck(k));
  const Estimate& p = a.p_failure;
  const double budget = r.scenario.margin.loss_budget;
  a.highest_priced_confidence = 1.0 - p.high;
  a.exposure_cap_per_loss_budget_low = 1.0 / p.high;  // nobody loses more than everything
  if (a.loss_given_failure && *a.loss_given_failure > 0.0) {
    const double mean = *a.loss_given_failure;
    a.exposure_cap_per_loss_budget = 1.0 / (p.estimate * mean);
    // Losses of failures, summed over all paths: one that was not seen may lose everything. What failures gain where
    // the price rose more than the layer kept back is taken off at its most.
    const double level = r.scenario.run.interval, paths = static_cast<double>(r.tally.paths);
    const Moments m = moments(struck, [&](double loss) { return std::max(0.0, sale.loss(loss)); });
    const Moments gains = moments(struck, [&](double loss) { return std::max(0.0, -sale.loss(loss)); });
    const Estimate lost = weighted_count(m.first, m.second, 1.0, level);
    const double gained = gains.first > 0.0 ? weighted_count(gains.first, gains.second, 1.0, level).high : 0.0;
    a.exposure_cap_per_loss_budget_low = std::max(1.0 / p.high, paths / lost.high);
    if (lost.low > gained) a.exposure_cap_per_loss_budget_high = paths / (lost.low - gained);
  }
  if (budget <= 0.0) return;
  const auto dollars = [&](std::optional<double> cap) { return cap ? std::optional(budget * *cap) : std::nullopt; };
  a.exposure_cap = dollars(a.exposure_cap_per_loss_budget);
  a.exposure_cap_low = dollars(a.exposure_cap_per_loss_budget_low);
  a.exposure_cap_high = dollars(a.exposure_cap_per_loss_budget_high);
}

void add_margin(const MarginSpec& margin, HaircutAnswer& h) {
  h.margin = required_margin(margin, h.value);
  h.margin_low = required_margin(margin, h.low);
  h.margin_high = required_margin(margin, h.high);
}

CollateralAnswer collateral_answer(const Results& r, int k, Ranks& ranks) {
  const Tally& tally = r.tally;
  const TallyLayout& at = tally.layout;
  const Plan& plan = r.compiled.plan;
  const Collateral& planned = plan.collateral[k];
  const CollateralSpec& spec = r.scenario.collateral[k];
  const double level = r.scenario.run.interval;
  const Sale sale = sale_of(planned);

  CollateralAnswer a;
  a.name = spec.name;
  a.asset = spec.asset;
  a.route = spec.route;
  if (planned.counted != 0) {
    a.policy_haircut = spec.haircut;
    a.p_under = proportion(tally.counts[at.under(k, k)], tally.paths, level);
    a.mean_shortfall =
        static_cast<double>(tally.sums[at.shortfall(k)]) * shortfall_unit / static_cast<double>(tally.paths);
    if (at.breaches != 0) a.p_breach = proportion(tally.counts[at.breach(k)], tally.paths, level);
  }
  const std::uint64_t hits = tally.counts[at.hit(k)];
  const LossHistogram struck = histogram(tally, at.struck(k));
  a.loss_given_failure = struck.mean(sale);
  if (a.loss_given_failure) {
    const Moments m = moments(struck, [&](double loss) { return sale.loss(loss); });
    // From a loss of nothing to one of everything; from a gain of as much where failures with a gain were seen.
    const bool gained = moments(struck, [&](double loss) { return std::max(0.0, -sale.loss(loss)); }).positive > 0;
    const double least = gained ? -1.0 : 0.0, width = 1.0 - least;
    const Estimate e =
        bounded_mean((*a.loss_given_failure - least) / width, m.variance / (width * width), struck.total(), level);
    a.loss_given_failure_low = std::min(*a.loss_given_failure, least + width * e.low);
    a.loss_given_failure_high = std::max(*a.loss_given_failure, least + width * e.high);
  }
  if (can_fail(r.scenario, layer_of(r.scenario, spec))) {
    a.p_failure = proportion(hits, tally.paths, level);
    add_exposure(r, k, sale, a);
  }
  a.unresolved = tally.counts[at.late(k)];

  const LossHistogram price = histogram(tally, at.price(r.compiled.reading_of[k]));
  const std::optional<LossHistogram> based = basis_histogram(r, k);
  const LossHistogram latency = histogram(tally, at.latency(k));
  const LossHistogram failure = with_failures(tally, k);
  const LossHistogram spared = without_failed_paths(tally, k);
  for (const LossHistogram* h : {&price, based ? &*based : &price, &latency, &failure}) {
    if (h->total() != tally.paths) {
      throw Error(
          fmt::format("the counts of \"{}\" do not add up to the {} paths ({}: the tally is damaged, or a kernel has a "
                      "defect) run again and report it",
                      a.name, tally.paths, h->total()));
    }
  }
  if (planned.counted != 0 && r.scenario.margin.calls_per_year > 0.0) a.risk_rate = risk_rate(r, k, latency, sale);
  const Hits failures{can_fail(r.scenario, layer_of(r.scenario, spec)), hits, &struck};
  for (const double confidence : r.scenario.run.confidence) {
    HaircutAnswer h = haircut(failure, confidence, sale, level, ranks, failures);
    const auto q = spared.quantile(confidence);
    if (q && rank_of(spared.total(), confidence) < spared.total()) h.given_no_failure = sale.loss(*q);
    h.beyond_cliff =
        hits > tally.paths - rank_of(tally.paths, confidence);  // hits / N > 1 - confidence, in whole numbers
    const double p = *price.quantile(confidence);
    const double l = *latency.quantile(confidence), f = *failure.quantile(confidence);
    // A constant basis maps the price layer exactly. Of an older result nobody knows what a random one adds: latency
    // holds it.
    std::optional<double> b = p;
    if (planned.basis.count != 0) {
      b = based ? based->quantile(confidence) : std::nullopt;
    } else if (planned.basis_constant != 1.0f) {
      b = 1.0 - planned.basis_constant * (1.0 - p);
    }
    h.attribution.price = p;
    if (b) h.attribution.basis = *b - p;
    h.attribution.latency = l - b.value_or(p);
    h.attribution.failure = f - l;
    h.attribution.liquidity = *h.value - f;
    h.efficiency = ratio_kept(h.value, h.attribution.single_chain());
    leave_out_largest(tally.paths, h);
    add_margin(r.scenario.margin, h);
    a.haircuts.push_back(h);
  }
  return a;
}

/// Haircuts by how long they had been set.
void add_ages(const Results& r, Answers& all) {
  if (r.ages.paths.empty()) return;
  const std::vector<double> seconds = seconds_of_ages(r.compiled);
  for (std::size_t age = 0; age < r.ages.paths.size(); ++age) {
    if (r.ages.paths[age] == 0) continue;
    Ranks ranks;
    for (std::size_t k = 0; k < all.collateral.size(); ++k) {
      std::vector<std::uint64_t> count(loss_bins);
      for (std::size_t b = 0; b < count.size(); ++b) count[b] = r.ages.at(age, k, b);
      const LossHistogram losses(std::move(count));
      for (HaircutAnswer& h : all.collateral[k].haircuts) {
        HaircutAnswer one =
            haircut(losses, h.confidence, sale_of(r.compiled.plan.collateral[k]), r.scenario.run.interval, ranks, {});
        leave_out_largest(losses.total(), one);
        h.by_age.push_back({seconds[age], one.value, one.low, one.high});
      }
    }
  }
}

/// A histogram of the whole book; `what` it holds.
LossHistogram book_histogram(const Tally& tally, std::size_t at, const char* what) {
  LossHistogram book = histogram(tally, at);
  if (book.total() != tally.paths) {
    throw Error(
        fmt::format("the counts of {} do not add up to the {} paths ({}: the tally is damaged, or a kernel has a "
                    "defect) run again and report it",
                    what, tally.paths, book.total()));
  }
  return book;
}

CollateralAnswer portfolio_answer(const Results& r, Ranks& ranks) {
  const double level = r.scenario.run.interval;
  const LossHistogram book = book_histogram(r.tally, r.tally.layout.book(), "the book");
  CollateralAnswer a;
  a.name = "portfolio";
  if (r.scenario.portfolio) {
    const double h = r.scenario.portfolio->haircut;
    a.policy_haircut = h;
    a.p_under = proportion(r.tally.counts[r.tally.layout.book_under()], r.tally.paths, level);
    double sum = 0.0;
    for (int b = 0; b < loss_bins; ++b) sum += static_cast<double>(book.count[b]) * std::max(0.0, midpoint(b) - h);
    a.mean_shortfall = sum / static_cast<double>(r.tally.paths);
  }
  // Of a book nobody counts which of its losses are those of failures.
  Hits failures;
  failures.paths = r.tally.paths;
  for (std::size_t k = 0; k < r.scenario.collateral.size(); ++k) {
    if (!can_fail(r.scenario, layer_of(r.scenario, r.scenario.collateral[k]))) continue;
    failures.possible = true;  // and the one that was hit least may be the one that matters
    failures.paths = std::min(failures.paths, r.tally.counts[r.tally.layout.hit(static_cast<int>(k))]);
  }
  for (const double confidence : r.scenario.run.confidence) {
    a.haircuts.push_back(haircut(book, confidence, Sale{}, level, ranks, failures));
    leave_out_largest(r.tally.paths, a.haircuts.back());
    add_margin(r.scenario.margin, a.haircuts.back());
  }
  return a;
}

MinimumAnswer minimum_answer(const Results& r, Ranks& ranks) {
  const double level = r.scenario.run.interval, haircut_in_force = r.scenario.portfolio->haircut;
  const LossHistogram least = book_histogram(r.tally, r.tally.layout.least(), "the book's worst grid date");
  std::uint64_t beyond = 0;
  for (int b = loss_bins - 1; b >= 0 && loss_edge(b + 1) > haircut_in_force; --b) beyond += least.count[b];
  MinimumAnswer a;
  a.p_breach = proportion(beyond, r.tally.paths, level);
  for (const double confidence : r.scenario.run.confidence) {
    a.quantiles.push_back(haircut(least, confidence, Sale{}, level, ranks, {}));
    leave_out_largest(r.tally.paths, a.quantiles.back());
  }
  return a;
}

/// A delay that a message has with a positive probability, outages apart: all its stages at an atom of their laws.
struct DelayAtom {
  double seconds, ticks, probability;
};
constexpr double least_atom = 1e-4;     ///< rarer ones are not looked for
constexpr std::size_t most_atoms = 64;  ///< of a message

/// Of a stage: {value in seconds, probability}.
std::vector<std::pair<double, double>> atoms_of(const Scenario& s, const StageSpec& stage) {
  if (stage.trigger) return {};  // the price decides when its oracle notices
  const double m = s.stress.delays;
  if (stage.law.kind == LawKind::constant) return {{m * stage.law.value, 1.0}};
  if (s.uncertainty.delays > 0.0) return {};  // what is not known of a median smears them
  std::vector<std::pair<double, double>> atoms;
  for (const LawPiece& piece : pieces_of(parts_of(stage.law)))
    if (piece.kind == LawPiece::Kind::atom)
      atoms.emplace_back(m * piece.value, normal_cdf(piece.to) - normal_cdf(piece.from));
  return atoms;
}

/// Ascending. Each stage is rounded to a tick of its own, as on a path.
std::vector<DelayAtom> atoms_of(const Scenario& s, const RouteSpec& route) {
  std::vector<DelayAtom> sums = {{0.0, 0.0, 1.0}};
  for (const StageSpec& stage : route.stages) {
    std::vector<DelayAtom> longer;
    for (const auto& [value, probability] : atoms_of(s, stage))
      for (const DelayAtom& sum : sums)
        if (sum.probability * probability >= least_atom)
          longer.push_back({sum.seconds + value, sum.ticks + std::floor(value * ticks_per_second + 0.5),
                            sum.probability * probability});
    std::sort(longer.begin(), longer.end(),
              [](const DelayAtom& x, const DelayAtom& y) { return x.probability > y.probability; });
    if (longer.size() > most_atoms) longer.resize(most_atoms);
    sums = std::move(longer);
  }
  std::sort(sums.begin(), sums.end(), [](const DelayAtom& x, const DelayAtom& y) { return x.ticks < y.ticks; });
  return sums;
}

/// Seconds; absent when the quantile is an unresolved delay. Inside a bin (1/32 of an octave) it is interpolated, to
/// the four digits that are known then; where the message's atoms fill most of the bin, it is one of them.
std::optional<double> delay_quantile(const Tally& tally, int route, const std::vector<DelayAtom>& atoms, double p) {
  const std::uint64_t* count = tally.counts.data() + tally.layout.delay(route);
  std::uint64_t total = 0, before = 0;
  for (int b = 0; b < delay_bins; ++b) total += count[b];
  if (total == 0) return std::nullopt;
  const std::uint64_t rank = rank_of(total, p);
  int bin = 0;
  while (before + count[bin] < rank) before += count[bin++];
  if (bin == delay_bins - 1) return std::nullopt;
  const double low = delay_edge(bin), high = delay_edge(bin + 1), in_bin = static_cast<double>(count[bin]);
  std::vector<DelayAtom> here;
  double filled = 0.0;  // of the bin
  for (DelayAtom atom : atoms) {
    if (atom.ticks < low || atom.ticks >= high) continue;
    atom.probability *= static_cast<double>(total) / in_bin;
    filled += atom.probability;
    here.push_back(atom);
  }
  const double spread = filled < 0.5 ? 1.0 - filled : 0.0;  // what lies between the atoms
  const double scale = spread > 0.0 ? 1.0 : filled;
  const double wanted = (static_cast<double>(rank - before) - 0.5) / in_bin;
  double passed = 0.0, at = low;
  for (const DelayAtom& atom : here) {
    const double between = spread * (atom.ticks - at) / (high - low);
    if (wanted < passed + between) break;
    passed += between;
    at = atom.ticks;
    if (wanted < passed + atom.probability / scale || (spread == 0.0 && &atom == &here.back())) return atom.seconds;
    passed += atom.probability / scale;
  }
  const double ticks = spread > 0.0 ? at + (wanted - passed) / spread * (high - low) : at;
  const double seconds = std::clamp(ticks, low, high) / ticks_per_second;
  if (!(seconds > 0.0)) return 0.0;
  const double digit = std::pow(10.0, 3.0 - std::floor(std::log10(seconds)));
  return digit >= 1.0 ? std::round(seconds * digit) / digit : std::round(seconds * digit) * std::round(1.0 / digit);
}

RouteAnswer route_answer(const Results& r, int i) {
  const RouteSpec& spec = r.scenario.routes[i];
  const std::vector<DelayAtom> atoms = atoms_of(r.scenario, spec);
  const auto quantile = [&](double p) { return delay_quantile(r.tally, i, atoms, p); };
  RouteAnswer a{spec.name,
                quantile(0.5),
                quantile(0.9),
                quantile(0.99),
                quantile(0.999),
                r.tally.counts[r.tally.layout.delay(i) + delay_bins - 1],
                {}};
  for (const StageSpec& stage : spec.stages) {
    const auto of_law = [&](double p) { return r.scenario.stress.delays * law_quantile(stage.law, p); };
    a.stages.push_back({input::stage_name(stage.name), input::scope_name(stage.scope), of_law(0.5), of_law(0.9),
                        of_law(0.99), of_law(0.999), stage.trigger});
    if (auto& trigger = a.stages.back().trigger) trigger->heartbeat *= r.scenario.stress.delays;
  }
  return a;
}

/// r E[D] / (1 + r E[D]), in the mean over a stress factor G that multiplies the rate by exp(eta G - eta^2 / 2) (DESIGN
/// 1.5): less than at the mean rate, because the share is bent.
double share_under_way(double share, double eta) {
  if (eta == 0.0) return share / (1.0 + share);
  constexpr double step = 1.0 / 16.0;  // of the trapezoidal rule, which is exact for what is smooth
  double sum = 0.0;
  for (int i = -128; i <= 128; ++i) {
    const double g = step * i, odds = share * std::exp(eta * g - 0.5 * eta * eta);
    sum += std::exp(-0.5 * g * g) * odds / (1.0 + odds);
  }
  return sum * step / std::sqrt(2.0 * std::acos(-1.0));
}

/// Under way at the call with probability r E[D] / (1 + r E[D]) (DESIGN 1.3), when nothing is known of the present.
void add_outages(const Scenario& s, Answers& all) {
  const auto add = [&](const auto& owner, const std::vector<StateSpec::Down>& down, bool chain) {
    const bool used = std::any_of(s.routes.begin(), s.routes.end(), [&](const RouteSpec& r) {
      return chain ? r.collateral_chain == owner.name || r.liability_chain == owner.name : r.layer == owner.name;
    });
    if (!used) return;
    const auto& running = s.state.running;
    const bool runs = std::find(running.begin(), running.end(), owner.name) != running.end();
    for (const OutageSpec& outage : owner.outages) {
      const bool known = std::any_of(down.begin(), down.end(), [&](const auto& d) {
        return d.name == owner.name && (d.outage == outage.name || d.outage.empty());
      });
      const double share = outage.rate * law_mean(outage.duration) / seconds_per_year;
      all.outages.push_back({owner.name, outage.name, chain, outage.rate, law_quantile(outage.duration, 0.5),
                             law_quantile(outage.duration, 0.99),
                             known  ? 1.0
                             : runs ? 0.0
                                    : share_under_way(share, s.systemic.outages)});
    }
  };
  for (const ChainSpec& chain : s.chains) add(chain, s.state.halted, true);
  for (const LayerSpec& layer : s.layers) add(layer, s.state.paused, false);
}

/// What needs more than one answer: closed forms at a route's median delay, and comparisons with another collateral.
void relate(const Results& r, Answers& all) {
  for (std::size_t k = 0; k < all.collateral.size(); ++k) {
    CollateralAnswer& a = all.collateral[k];
    const auto route =
        std::find_if(all.routes.begin(), all.routes.end(), [&](const auto& x) { return x.name == a.route; });
    const auto other = wrapped_alternative(r.scenario, k);
    if (other) a.wrapped = all.collateral[*other].name;
    for (std::size_t i = 0; i < a.haircuts.size(); ++i) {
      HaircutAnswer& h = a.haircuts[i];
      if (route != all.routes.end() && route->p50)
        h.margin_closed_form = closed_form_margin(r.scenario, a.asset, *route->p50, h.confidence);
      if (other) h.efficiency_wrapped = ratio_kept(h.value, all.collateral[*other].haircuts[i].value);
    }
  }
}

/// Intervals that contain parameter error, when blocks of paths were run for them.
void add_parameter_intervals(const Results& r, Answers& all) {
  if (!r.blocks || r.blocks->done == 0) return;
  const BlockHaircuts& blocks = *r.blocks;
  all.blocks = blocks.done;
  const auto intervals = parameter_intervals(blocks, r.scenario.run.interval);
  for (std::size_t k = 0; k < all.collateral.size() && k < intervals.size(); ++k) {
    for (HaircutAnswer& h : all.collateral[k].haircuts) {
      const auto at = std::find(blocks.confidence.begin(), blocks.confidence.end(), h.confidence);
      if (at == blocks.confidence.end()) continue;
      const auto& interval = intervals[k][static_cast<std::size_t>(at - blocks.confidence.begin())];
      if (!interval) continue;
      h.parameter_low = interval->low;
      h.parameter_high = interval->high;
    }
  }
}

}  // namespace

std::vector<std::vector<std::optional<ParameterInterval>>> parameter_intervals(const BlockHaircuts& blocks,
                                                                               double level) {
  std::vector<std::vector<std::optional<ParameterInterval>>> all(
      blocks.collaterals, std::vector<std::optional<ParameterInterval>>(blocks.confidence.size()));
  // A level such as 0.95 is not exact in binary: 0.025 * 40 counts as the 1 that was meant.
  const double tail = 0.5 * (1.0 - level) * static_cast<double>(blocks.done + 1);
  const std::size_t k = static_cast<std::size_t>(tail + 1e-9);
  if (k == 0) return all;
  for (std::size_t i = 0; i < blocks.collaterals; ++i) {
    for (std::size_t c = 0; c < blocks.confidence.size(); ++c) {
      std::vector<double> sorted;
      for (std::size_t b = 0; b < blocks.done; ++b) sorted.push_back(blocks.at(b, i, c));
      if (std::any_of(sorted.begin(), sorted.end(), [](double h) { return std::isnan(h); })) continue;
      std::sort(sorted.begin(), sorted.end());
      all[i][c] = {sorted[k - 1], sorted[blocks.done - k]};
    }
  }
  return all;
}

const AgeHaircut* HaircutAnswer::worst_age() const {
  const AgeHaircut* worst = nullptr;
  for (const AgeHaircut& one : by_age) {
    if (!one.value) return nullptr;
    if (worst == nullptr || *one.value > *worst->value) worst = &one;
  }
  return worst;
}

std::optional<double> HaircutAnswer::highest_of_ages() const {
  std::optional<double> highest;
  for (const AgeHaircut& one : by_age) {
    if (!one.high) return {};
    highest = std::max(highest.value_or(*one.high), *one.high);
  }
  return highest;
}

Answers answer(const Results& r) {
  const Tally& tally = r.tally;
  const TallyLayout& at = tally.layout;
  if (tally.paths == 0) throw Error("there are no answers (no path was run) run the scenario with one path or more");
  if (tally.counts[at.non_finite()] != 0) {
    throw Error(
        fmt::format("there are no answers ({} had an outcome that is not a number, the first is path {}) look at it "
                    "with `proofload explain`",
                    counted(tally.counts[at.non_finite()], "path"), tally.lowest_non_finite));
  }
  const double level = r.scenario.run.interval, paths = static_cast<double>(tally.paths);
  const int collaterals = static_cast<int>(at.collaterals), layers = static_cast<int>(at.layers);
  Ranks ranks;
  Answers all;
  for (int k = 0; k < collaterals; ++k) all.collateral.push_back(collateral_answer(r, k, ranks));
  for (int i = 0; i < static_cast<int>(at.routes); ++i) all.routes.push_back(route_answer(r, i));
  for (int i = 0; i < layers; ++i) {
    LayerAnswer layer{r.scenario.layers[i].name, {}};
    if (can_fail(r.scenario, std::size_t(i)))
      layer.p_failure = proportion(tally.counts[at.failed(i, i)], tally.paths, level);
    all.layers.push_back(layer);
  }
  add_outages(r.scenario, all);
  all.unresolved = tally.counts[at.unresolved()];
  all.joint_failure.assign(layers, std::vector<double>(layers));
  for (int i = 0; i < layers; ++i) {
    for (int j = 0; j < layers; ++j) {
      const std::uint64_t both = tally.counts[at.failed(std::min(i, j), std::max(i, j))];
      all.joint_failure[i][j] = static_cast<double>(both) / paths;
    }
  }
  all.joint_counted = at.joint != 0;
  all.joint_under.assign(collaterals, std::vector<std::optional<double>>(collaterals));
  for (int i = 0; i < collaterals; ++i) {
    for (int j = 0; j < collaterals; ++j) {
      if (r.compiled.plan.collateral[i].counted == 0 || r.compiled.plan.collateral[j].counted == 0) continue;
      if (i != j && !all.joint_counted) continue;
      all.joint_under[i][j] = static_cast<double>(tally.counts[at.under(std::min(i, j), std::max(i, j))]) / paths;
    }
  }
  relate(r, all);
  add_parameter_intervals(r, all);
  add_ages(r, all);
  if (at.portfolio != 0) all.portfolio = portfolio_answer(r, ranks);
  if (at.lowest != 0) all.minimum = minimum_answer(r, ranks);
  return all;
}

}  // namespace proofload
