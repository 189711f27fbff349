#include "plan/drawn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/hash.h"
#include "base/matrix.h"
#include "kernels/philox.h"
#include "laws/laws.h"

namespace proofload {
namespace {

/// Beyond those of kernels/plan.h (Purpose), so that no path reads the same words.
enum class BlockPurpose : std::uint32_t { volatility = 0x8001, dof, correlation, hazard, chain, layer, oracle, route };

constexpr double most_weight = 0.99;

/// The random numbers of one block.
class Draws {
 public:
  Draws(std::uint64_t seed, int block) : key_(make_key(seed)), block_(static_cast<std::uint64_t>(block)) {}

  /// In (0, 1), of 52 random bits: 48 bits of the name's hash address it.
  double uniform(BlockPurpose purpose, const std::string& name) const {
    const std::uint64_t hash = name_hash(name);
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
  for (const LawParameter& p : law_parameters) {
    if (p.law == law.kind && p.kind != ParameterKind::plain) law.*p.value *= by;
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
    case Scope::oracle: return draws.factor(BlockPurpose::oracle, route.liability_chain, error);
    case Scope::collateral_chain: return draws.factor(BlockPurpose::chain, route.collateral_chain, error);
    case Scope::liability_chain: return draws.factor(BlockPurpose::chain, route.liability_chain, error);
    case Scope::layer: return draws.factor(BlockPurpose::layer, route.layer, error);
    case Scope::route: break;
  }
  return draws.factor(BlockPurpose::route, route.name, error);
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
    market.innovation.dof = std::max(least_drawn_dof, market.innovation.dof + u.dof * draws.score(BlockPurpose::dof));
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

}  // namespace proofload
