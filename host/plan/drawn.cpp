#include "plan/drawn.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "answers/answer.h"
#include "kernels/philox.h"
#include "laws/laws.h"

namespace proofload {
namespace {

using Matrix = std::vector<std::vector<double>>;

/// Beyond those of kernels/plan.h (Purpose), so that no path reads the same words.
enum class BlockPurpose : std::uint32_t { volatility = 0x8001, dof, correlation, hazard, chain, layer, oracle, route };

constexpr double least_dof = 2.05, most_weight = 0.99;

/// The random numbers of one block.
class Draws {
 public:
  Draws(std::uint64_t seed, int block) : key_(make_key(seed)), block_(static_cast<std::uint64_t>(block)) {}

  /// In (0, 1), of 52 random bits: 48 bits of the name's hash address it.
  double uniform(BlockPurpose purpose, const std::string& name) const {
    const std::uint64_t hash = XXH3_64bits(name.data(), name.size());
    const Paths<float> paths(key_, block_);
    const Stream<float> stream(paths,
                               static_cast<std::uint32_t>(purpose) << 16 | static_cast<std::uint32_t>(hash >> 48));
    const Words<float> words = stream.draw(static_cast<std::uint32_t>(hash));
    const std::uint64_t bits = std::uint64_t{words.word[0]} << 32 | words.word[1];
    return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  }
  double score(BlockPurpose purpose, const std::string& name = "") const {
    return normal_quantile(uniform(purpose, name));
  }
  double factor(BlockPurpose purpose, const std::string& name, double error) const {
    return error > 0.0 ? host_exp(error * score(purpose, name)) : 1.0;
  }

 private:
  Key key_;
  std::uint64_t block_;
};

/// The law of `by` times what the law is of, for durations: parameters that are durations are multiplied.
LawSpec scaled(LawSpec law, double by) {
  for (double* duration : {&law.value, &law.min, &law.max, &law.mean, &law.median, &law.p99, &law.scale, &law.cap,
                           &law.stdev, &law.block_time, &law.wait, &law.longest, &law.end}) {
    *duration *= by;
  }
  for (auto& quantile : law.quantiles) quantile.second *= by;
  if (law.tail) {
    for (double* duration : {&law.tail->threshold, &law.tail->scale, &law.tail->scale_error}) *duration *= by;
  }
  for (auto& part : law.of) part = scaled(part, by);
  return law;
}

double delay_factor(const Draws& draws, const RouteSpec& route, Scope scope, double error) {
  switch (scope) {
    case Scope::oracle: return draws.factor(BlockPurpose::oracle, route.to, error);
    case Scope::source_chain: return draws.factor(BlockPurpose::chain, route.from, error);
    case Scope::destination_chain: return draws.factor(BlockPurpose::chain, route.to, error);
    case Scope::layer: return draws.factor(BlockPurpose::layer, route.layer, error);
    case Scope::route: break;
  }
  return draws.factor(BlockPurpose::route, route.name, error);
}

/// Mean of the correlations of pairs.
double mean_correlation(const Matrix& r) {
  double sum = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) sum += r[i][j], pairs += 1.0;
  }
  return sum / pairs;
}

/// The mean moves by `shift`, or as far towards it as most_weight allows.
Matrix shifted(const Matrix& r, const std::vector<double>& common, double shift) {
  const std::size_t n = r.size();
  const double target = shift > 0.0 ? 1.0 : -1.0 / static_cast<double>(n - 1);
  const auto loading = [&](std::size_t i) { return common.empty() ? 0.0 : common[i]; };
  Matrix towards = r;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double a = loading(i), b = loading(j);
      towards[i][j] = a * b + target * std::sqrt((1.0 - a * a) * (1.0 - b * b));
    }
  }
  const double gap = mean_correlation(towards) - mean_correlation(r);
  if (!(gap * shift > 0.0)) return r;  // at the end already
  const double w = std::min(shift / gap, most_weight);
  Matrix out = r;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) out[i][j] = out[j][i] = (1.0 - w) * r[i][j] + w * towards[i][j];
  }
  return out;
}

/// Loadings times c: correlations times c^2.
Matrix shifted_loadings(Matrix loadings, double shift) {
  const std::size_t n = loadings.size();
  Matrix r(n, std::vector<double>(n));
  double most = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t f = 0; f < loadings[i].size(); ++f) r[i][j] += loadings[i][f] * loadings[j][f];
    }
    most = std::max(most, r[i][i]);
  }
  const double mean = mean_correlation(r);
  if (!(mean > 0.0)) return loadings;  // no multiple of them moves it
  const double square = std::clamp(1.0 + shift / mean, 0.0, std::max(1.0, most_weight / most));
  for (auto& row : loadings) {
    for (double& x : row) x *= std::sqrt(square);
  }
  return loadings;
}

void draw_market(const Draws& draws, Scenario& s) {
  const UncertaintySpec& u = s.uncertainty;
  MarketSpec& market = s.market;
  if (!s.stress.replay) s.stress.volatility *= draws.factor(BlockPurpose::volatility, "", u.volatility);
  if (u.dof > 0.0 && market.innovation.kind == InnovationKind::student_t)
    market.innovation.dof = std::max(least_dof, market.innovation.dof + u.dof * draws.score(BlockPurpose::dof));
  if (u.correlation > 0.0 && market.assets.size() > 1) {
    const double shift = u.correlation * draws.score(BlockPurpose::correlation);
    if (!market.factors.empty()) market.factors = shifted_loadings(std::move(market.factors), shift);
    if (market.correlation.size() > 1) market.correlation = shifted(market.correlation, s.systemic.prices, shift);
  }
}

void draw_delays(const Draws& draws, Scenario& s) {
  if (!(s.uncertainty.delays > 0.0)) return;
  for (RouteSpec& route : s.routes) {
    for (StageSpec& stage : route.stages) {
      if (stage.law.kind == LawKind::constant) continue;
      stage.law = scaled(stage.law, delay_factor(draws, route, stage.scope, s.uncertainty.delays));
    }
  }
}

void draw_hazards(const Draws& draws, Scenario& s) {
  for (const auto& hazard : s.uncertainty.hazards) {
    LawSpec posterior;
    posterior.kind = LawKind::gamma;
    posterior.shape = hazard.events + 0.5;
    posterior.mean = posterior.shape / hazard.years;
    const double u = draws.uniform(BlockPurpose::hazard, hazard.group.empty() ? hazard.layer : hazard.group);
    for (LayerSpec& layer : s.layers) {
      if (layer.name == hazard.layer) layer.hazard = law_quantile(posterior, u);
    }
  }
}

std::string named(std::size_t block, const std::string& what) {
  return fmt::format("block {} of [uncertainty], whose parameters are drawn: {}", block, what);
}

}  // namespace

Scenario drawn(const Scenario& scenario, std::uint64_t seed, int block) {
  Scenario s = scenario;
  const Draws draws(seed, block);
  draw_market(draws, s);
  draw_delays(draws, s);
  draw_hazards(draws, s);
  s.uncertainty = {};
  return s;
}

std::uint64_t paths_of_block(const Scenario& scenario) {
  const std::uint64_t blocks = static_cast<std::uint64_t>(std::max(1, scenario.uncertainty.blocks));
  return std::min(scenario.run.paths / blocks, block_path_stride);
}

BlockHaircuts run_blocks(const Scenario& scenario, Backend& backend, const BlockOptions& options,
                         const BlockHaircuts& before) {
  const std::size_t blocks = static_cast<std::size_t>(std::max(0, scenario.uncertainty.blocks));
  BlockHaircuts all = before;
  all.paths = paths_of_block(scenario);
  all.confidence = scenario.run.confidence;
  all.collaterals = scenario.collateral.size();
  std::vector<bool> bounded;
  for (const double confidence : all.confidence) {
    bounded.push_back(all.paths > 0 &&
                      quantile_ranks(all.paths, confidence, scenario.run.interval).second <= all.paths);
  }
  if (std::find(bounded.begin(), bounded.end(), true) == bounded.end()) return BlockHaircuts{};  // no block can tell
  for (; all.done < blocks;) {
    Results r;
    try {
      r.scenario = drawn(scenario, scenario.run.seed, static_cast<int>(all.done));
      r.compiled = compile(r.scenario);
    } catch (const Error& e) { throw Error(named(all.done, e.what())); }
    r.seed = scenario.run.seed;
    r.range = {first_block_path + all.done * block_path_stride, all.paths};
    r.tally = Tally(layout_of(r.compiled.plan));
    backend.run(r.compiled, r.seed, r.range, r.tally);
    if (r.tally.lowest_non_finite != ~std::uint64_t{0}) {
      throw Error(named(all.done,
                        "an outcome is not a finite number (volatility is too large for a horizon this long, or too "
                        "uncertain) lower market volatilities or uncertainty.volatility"));
    }
    const Answers answers = answer(r);
    for (const auto& collateral : answers.collateral) {
      for (std::size_t c = 0; c < bounded.size(); ++c) {
        all.haircut.push_back(bounded[c] ? *collateral.haircuts[c].value : std::numeric_limits<double>::quiet_NaN());
      }
    }
    ++all.done;
    if (options.stop && options.stop()) break;
    if (options.checkpoint && all.done < blocks) options.checkpoint(all);
  }
  return all;
}

bool same_blocks(const Scenario& scenario, const BlockHaircuts& blocks, const Scenario& other) {
  const UncertaintySpec &a = scenario.uncertainty, &b = other.uncertainty;
  const auto same_hazard = [](const UncertaintySpec::Hazard& x, const UncertaintySpec::Hazard& y) {
    return x.layer == y.layer && x.group == y.group && x.events == y.events && x.years == y.years;
  };
  return b.given && a.volatility == b.volatility && a.dof == b.dof && a.correlation == b.correlation &&
         a.delays == b.delays &&
         std::equal(a.hazards.begin(), a.hazards.end(), b.hazards.begin(), b.hazards.end(), same_hazard) &&
         blocks.paths == paths_of_block(other) && blocks.confidence == other.run.confidence &&
         blocks.collaterals == other.collateral.size() && scenario.run.interval == other.run.interval &&
         blocks.done <= static_cast<std::size_t>(std::max(0, b.blocks));
}

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

}  // namespace proofload
