#include "plan/compile_market.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "plan/drawn.h"
#include "plan/ticks.h"
#include "scenario/correlation.h"

namespace proofload {
namespace {

/// Lower-triangular L with L L' = correlation; the caller has validated symmetry. A pivot of 0 to rounding (assets that
/// move as one, under stress.correlation = 1) gives a column of zeros.
Matrix cholesky(const Matrix& c) {
  const std::size_t n = c.size();
  Matrix l(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = c[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
      if (i == j && !(sum > -1e-12)) {
        throw Error(
            "the correlation matrix, less what systemic.prices take of it, is not positive definite (no prices can be "
            "correlated like that) shrink it towards the identity, or lower systemic.prices");
      }
      if (i == j) {
        l[i][j] = sum > 1e-12 ? std::sqrt(sum) : 0.0;
      } else {
        l[i][j] = l[j][j] > 0.0 ? sum / l[j][j] : 0.0;
      }
    }
  }
  return l;
}

/// E[z^power] of the rows, or of what is below 0 in them.
double moment(const InnovationSpec& innovation, std::size_t i, int power, bool below) {
  double sum = 0.0;
  for (const auto& row : innovation.rows) {
    const double square = row[i] * row[i];
    if (!below || row[i] < 0.0) sum += power == 2 ? square : square * square;
  }
  return sum / static_cast<double>(innovation.rows.size());
}

/// E[z^2 1(z < 0)] of the shock.
double below_zero(const InnovationSpec& innovation, std::size_t i) {
  if (innovation.kind != InnovationKind::bootstrap) return 0.5;
  return moment(innovation, i, 2, true);
}

/// The rate at which the variance's law forgets its start: its mean's, or its second moment's where that exists.
double slowest_mode(const VarianceSpec& v, const InnovationSpec& innovation, std::size_t i) {
  double fourth = 3.0;
  if (innovation.kind == InnovationKind::student_t)
    fourth = innovation.dof > 4.0 ? 3.0 * (innovation.dof - 2.0) / (innovation.dof - 4.0) : 1e9;
  double fourth_below = fourth / 2.0;
  if (innovation.kind == InnovationKind::bootstrap) {
    fourth = moment(innovation, i, 4, false);
    fourth_below = moment(innovation, i, 4, true);
  }
  const double a = v.alpha[i], g = v.gamma[i], b = v.beta[i], half = below_zero(innovation, i);
  const double persistence = a + g * half + b;
  const double second = b * b + 2.0 * b * (a + g * half) + a * a * fourth + (2.0 * a * g + g * g) * fourth_below;
  return second < 1.0 ? std::max(persistence, second) : persistence;
}

class MarketCompiler {
 public:
  MarketCompiler(const Scenario& s, const std::vector<double>& weights, const AddLaw& add, Compiled& out)
      : market_(s.market),
        systemic_(s.systemic),
        uncertainty_(s.uncertainty),
        triggered_(std::any_of(s.routes.begin(), s.routes.end(),
                               [](const RouteSpec& r) {
                                 return std::any_of(r.stages.begin(), r.stages.end(),
                                                    [](const StageSpec& stage) { return stage.trigger.has_value(); });
                               })),
        stress_(s.stress),
        horizon_(s.run.horizon),
        in_force_(s.run.in_force),
        policies_(
            std::any_of(s.collateral.begin(), s.collateral.end(), [](const auto& c) { return c.haircut.has_value(); })),
        minimum_(s.portfolio && s.portfolio->minimum),
        weights_(weights),
        add_(add),
        out_(out),
        plan_(out.plan),
        n_(s.market.assets.size()) {}

  void compile() {
    plan_.assets = static_cast<std::uint32_t>(n_);
    grid();
    choose_process();
    check_conditions();
    const Matrix l = plan_.process == Process::factors ? Matrix{} : cholesky(correlation());
    for (std::size_t i = 0; i < n_; ++i) asset(i, l);
    if (market_.innovation.kind == InnovationKind::student_t && !stress_.replay) mixer();
    if (plan_.process == Process::factors) loadings();
    if (plan_.process == Process::heston) heston();
    if (plan_.process == Process::bars) bars();
    if (in_force_ > 0.0 && ages_differ(market_)) ages();
    if (market_.jumps && !stress_.replay) jumps();
    plan_.bridged =
        (plan_.process == Process::diffusion || plan_.process == Process::factors) && plan_.jumps == 0 && !triggered_
            ? 1u
            : 0u;
    shocks();
    const bool dated = plan_.grid != 0 && market_.grid.observed && plan_.process != Process::factors;
    if (dated && !weights_.empty() && minimum_) {
      plan_.lowest = 1;
      const auto at = planes(1, limit::walked_assets);
      for (std::size_t i = 0; i < n_; ++i) at[i] = static_cast<float>(weights_[i]);
      plan_.weights = offset_of(at);
    }
    plan_.breaches = dated && policies_ ? 1u : 0u;
    price_loadings();
    if (plan_.process == Process::diffusion && ((plan_.jumps | plan_.breaches | plan_.lowest) != 0 || triggered_))
      plan_.process = Process::observed;
  }

 private:
  void grid() {
    const GridSpec& spec = market_.grid;
    if (spec.step) plan_.grid = std::max(1u, ticks(*spec.step));
    if (spec.steps) plan_.grid = std::max(1u, ticks(horizon_ / *spec.steps));
    if (market_.variance.kind == VarianceKind::gjr_garch) plan_.grid = ticks(market_.variance.bar);
    if (market_.innovation.kind == InnovationKind::bootstrap) plan_.grid = ticks(market_.innovation.bar);
    if (stress_.replay) plan_.grid = ticks(stress_.replay->bar);
    if (plan_.grid != 0 && plan_.horizon / plan_.grid > 1'000'000u) {
      throw Error(
          fmt::format("market.grid has {} dates up to run.horizon (a path may visit a million) take a longer step or a "
                      "shorter horizon",
                      plan_.horizon / plan_.grid));
    }
  }

  void choose_process() {
    const bool rows = market_.innovation.kind == InnovationKind::bootstrap || stress_.replay;
    const bool diffuse = market_.variance.kind == VarianceKind::constant && !rows;
    switch (market_.variance.kind) {
      case VarianceKind::constant: plan_.process = Process::diffusion; break;
      case VarianceKind::heston: plan_.process = Process::heston; break;
      case VarianceKind::gjr_garch: plan_.process = Process::bars; break;
    }
    if (rows) plan_.process = Process::bars;
    if (!market_.factors.empty() && diffuse && plan_.grid == 0) {
      plan_.process = Process::factors;
    } else if (n_ > limit::walked_assets) {
      throw Error(
          fmt::format("market has {} assets (a grid, a moving variance, a bootstrap and a replay step every asset at "
                      "every date, and "
                      "kernels do so for {} at most) leave market.grid out and give factors with constant variance, or "
                      "fewer assets",
                      n_, int{limit::walked_assets}));
    }
  }

  /// The stress factor and oracles that watch the price do not go with every model.
  void check_conditions() const {
    if (triggered_ && (plan_.grid == 0 || plan_.process == Process::factors)) {
      throw Error(
          "an oracle has a deviation, and the walk has no grid (nobody would see the price move between two sales) "
          "give "
          "market.grid, and 16 assets at most");
    }
    const bool rows = market_.innovation.kind == InnovationKind::bootstrap || stress_.replay;
    if (!systemic_.prices.empty() &&
        (rows || market_.variance.kind != VarianceKind::constant || plan_.process == Process::factors)) {
      throw Error(
          "systemic.prices with a moving variance, with rows of shocks, or with stepped factors (the part of a price "
          "that "
          "the stress factor takes is known for a constant variance and a full correlation only) use "
          "systemic.volatility instead");
    }
    if (stress_.replay && (systemic_.volatility != 0.0 || uncertainty_.volatility > 0.0)) {
      throw Error(
          "a replay with systemic.volatility or uncertainty.volatility (recorded prices have the volatility that they "
          "had) "
          "take one of them out");
    }
  }

  /// Student-t with dof that is known to a standard error: eight values with the weights of Gauss and Hermite for a
  /// normal law (Abramowitz and Stegun 1964, table 25.10, nodes times sqrt 2).
  void mixer() {
    const double dof = market_.innovation.dof, error = uncertainty_.dof;
    if (!(error > 0.0)) {
      plan_.mixer = add_(compile_mixer(dof, out_.tables), "market.innovation");
      return;
    }
    constexpr double node[] = {0.5390798113513751, 1.636519042435108, 2.802485861287542, 4.144547186125894};
    constexpr double weight[] = {0.3730122576790777, 0.1172399076617590, 0.009635220120788262, 0.0001126145383753679};
    std::vector<std::pair<double, double>> mixture;
    for (int i = 0; i < 4; ++i) {
      for (const double sign : {-1.0, 1.0})
        mixture.emplace_back(std::max(least_drawn_dof, dof + sign * error * node[i]), weight[i]);
    }
    plan_.mixer = add_(compile_mixer(mixture, out_.tables), "market.innovation");
  }

  /// b of DESIGN 1.5; 0 where prices do not load on the stress factor.
  double price_loading(std::size_t i) const { return systemic_.prices.empty() ? 0.0 : systemic_.prices[i]; }
  void price_loadings() {
    if (systemic_.prices.empty()) return;
    float* at = planes(1, limit::assets);
    for (std::size_t i = 0; i < n_; ++i)
      at[i] = static_cast<float>(price_loading(i) * sigma(i) * std::sqrt(1.0 / ticks_per_year));
    plan_.price_loadings = offset_of(at);
    plan_.price_loaded = 1;
  }

  /// Of the Brownian motions, less what the stress factor takes of it.
  Matrix correlation() const {
    Matrix r = input::correlation_of(market_, stress_.correlation);
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j < n_; ++j) r[i][j] -= price_loading(i) * price_loading(j);
    }
    return r;
  }

  double sigma(std::size_t i) const { return market_.assets[i].volatility * stress_.volatility; }

  void asset(std::size_t i, const Matrix& l) {
    const double root_tick = std::sqrt(1.0 / ticks_per_year), s = sigma(i);
    const double convexity = plan_.process == Process::heston ? 0.0 : 0.5 * s * s;  // Heston's goes with the variance
    const double drift =
        stress_.replay ? stress_.drift : market_.assets[i].drift + stress_.drift - convexity - compensator(i);
    plan_.drift[i] = static_cast<float>(drift / ticks_per_year);
    const double b = price_loading(i);
    plan_.volatility[i] = static_cast<float>(s * root_tick * std::sqrt(1.0 - b * b));
    const bool constant = plan_.process == Process::diffusion || plan_.process == Process::factors;
    const double scale = constant ? s * root_tick : 1.0;
    for (std::size_t j = 0; !l.empty() && j <= i; ++j)
      plan_.cholesky[i * (i + 1) / 2 + j] = static_cast<float>(l[i][j] * scale);
  }

  /// Sum over the jumps that asset i takes part in of intensity * E[e^J - 1], per year.
  double compensator(std::size_t i) const {
    if (!market_.jumps) return 0.0;
    const auto one = [](const JumpSpec& j, double loading) {
      if (!(j.intensity > 0.0)) return 0.0;
      const double m = loading * j.mean, s = loading * j.stdev;
      return j.intensity * (host_exp(m + 0.5 * s * s) - 1.0);
    };
    return one(market_.jumps->common, market_.jumps->loadings[i]) + one(market_.jumps->own[i], 1.0);
  }

  /// Room for planes of floats behind the quantile tables.
  float* planes(std::size_t count, std::size_t stride) {
    auto& floats = out_.tables.parameters;
    floats.resize(floats.size() + count * stride, 0.0f);
    return floats.data() + floats.size() - count * stride;
  }
  /// Before the tables are all made: Compiler adds their length.
  std::uint32_t offset_of(const float* at) const {
    return static_cast<std::uint32_t>(at - out_.tables.parameters.data());
  }

  void loadings() {
    const double w = stress_.correlation, root_tick = std::sqrt(1.0 / ticks_per_year);
    const std::size_t k = market_.factors[0].size() + (w > 0.0 ? 1u : 0u);
    if (k > limit::factors) {
      throw Error(fmt::format("stress.correlation adds a factor to {} (kernels have {} at most) fit one factor less",
                              k - 1, int{limit::factors}));
    }
    plan_.factors = static_cast<std::uint32_t>(k);
    float* at = planes(1, limit::assets * (limit::factors + 1));
    for (std::size_t i = 0; i < n_; ++i) {
      const double scale = sigma(i) * root_tick;
      double own = 1.0;
      for (std::size_t j = 0; j < market_.factors[i].size(); ++j) {
        const double loading = market_.factors[i][j];
        own -= loading * loading;
        at[i * limit::factors + j] = static_cast<float>(std::sqrt(1.0 - w) * loading * scale);
      }
      if (w > 0.0) at[i * limit::factors + k - 1] = static_cast<float>(std::sqrt(w) * scale);
      at[limit::assets * limit::factors + i] = static_cast<float>(std::sqrt((1.0 - w) * own) * scale);
    }
    plan_.loadings = offset_of(at);
  }

  void heston() {
    plan_.unit_exponential = add_(compile_law(unit_exponential_, 1.0, out_.tables), "market.variance");
    float* at = planes(heston_planes, limit::walked_assets);
    const auto set = [&](HestonPlane plane, std::size_t i, double value) {
      at[plane * limit::walked_assets + i] = static_cast<float>(value);
    };
    const VarianceSpec& v = market_.variance;
    for (std::size_t i = 0; i < limit::walked_assets; ++i) {
      if (i >= n_) {  // assets that do not exist have harmless parameters
        set(mean_reversion, i, 1.0 / ticks_per_year);
        set(relative_noise, i, 0.01);
        set(initial, i, 1.0);
        continue;
      }
      // Stress multiplies the volatility: variance by m^2, and the volatility of variance so that its relative law
      // stays.
      const double theta = sigma(i) * sigma(i), xi = v.vol_of_vol[i] * stress_.volatility, kappa = v.mean_reversion[i];
      const double start = v.initial[i] * stress_.volatility, rho = v.correlation[i];
      set(mean_reversion, i, kappa / ticks_per_year);
      set(relative_noise, i, xi * xi / (theta * kappa));
      set(variance_rate, i, theta / ticks_per_year);
      set(leverage, i, rho * theta / xi);
      set(rotation_cos, i, rho);
      set(rotation_sin, i, std::sqrt(1.0 - rho * rho));
      set(initial, i, start * start / theta);
    }
    plan_.dynamics = offset_of(at);
  }

  void bars() {
    const double bar = plan_.grid;  // ticks
    plan_.root_bar = static_cast<float>(std::sqrt(bar));
    rows();
    float* at = planes(bar_planes, limit::walked_assets);
    const auto set = [&](BarPlane plane, std::size_t i, double value) {
      at[plane * limit::walked_assets + i] = static_cast<float>(value);
    };
    const VarianceSpec& v = market_.variance;
    const bool garch = v.kind == VarianceKind::gjr_garch && !stress_.replay;
    for (std::size_t i = 0; i < n_; ++i) {
      const double long_run = stress_.replay ? 1.0 / bar : sigma(i) * sigma(i) / ticks_per_year;
      if (!garch) {
        set(omega, i, long_run);
        set(first_variance, i, long_run);
        continue;
      }
      const double persistence = v.alpha[i] + v.gamma[i] * below_zero(market_.innovation, i) + v.beta[i];
      set(omega, i, long_run * (1.0 - persistence));
      set(alpha, i, v.alpha[i] / bar);
      set(gamma, i, v.gamma[i] / bar);
      set(beta, i, v.beta[i]);
      const double start = v.forecast.empty() ? 0.0 : v.forecast[i] * stress_.volatility;
      set(first_variance, i, v.forecast.empty() ? long_run : start * start / ticks_per_year);
    }
    plan_.dynamics = offset_of(at);
    if (!garch) return;
    const WarmUp warm_up = warm_up_of(v, market_.innovation);
    plan_.warm_up = warm_up.bars;
    if (!warm_up.is_near()) {
      throw Error(fmt::format(
          "market.variance starts in its stationary law, which is {:.0f} % away after {} bars (its persistence is "
          "{:.5f} a bar) write start = \"forecast\" with the volatility of the first bar",
          100.0 * warm_up.left, warm_up.bars, warm_up.slowest));
    }
  }

  /// The reader has seen to it that the longest age is a step or more, and not too many.
  void ages() {
    const auto steps = static_cast<std::uint32_t>(std::ceil(in_force_ * ticks_per_second / plan_.grid - 1e-9));
    const std::uint32_t parts = std::min<std::uint32_t>(steps, age_parts);  // no two the same
    for (std::uint32_t k = 0; k <= parts; ++k)
      out_.ages.push_back(static_cast<std::uint32_t>(std::lround(double(steps) * k / parts)));
    plan_.warm_up = out_.ages.back();
  }

  void rows() {
    if (stress_.replay) {
      const ReplaySpec& replay = *stress_.replay;
      plan_.first_row = replay.random ? absent : 0;
      plan_.row_starts = static_cast<std::uint32_t>(replay.calls);
      for (const auto& row : replay.returns) push_row(row, stress_.volatility);
      push_row(std::vector<double>(n_, 0.0), 1.0);  // the record is over: prices stand still
      return;
    }
    const InnovationSpec& innovation = market_.innovation;
    if (innovation.kind != InnovationKind::bootstrap) return;
    plan_.first_row = absent;
    plan_.row_starts = static_cast<std::uint32_t>(innovation.rows.size());
    const double chance = std::min(1.0, innovation.bar / innovation.block) * 4294967296.0;
    plan_.new_block = static_cast<std::uint32_t>(std::clamp(chance, 1.0, 4294967295.0));
    if (!(stress_.correlation > 0.0)) {
      for (const auto& row : innovation.rows) push_row(row, 1.0);
      return;
    }
    // Rows that have correlation R get the stressed one by L_stressed L^-1, which keeps their joint tails.
    const Matrix sample = sample_correlation(innovation.rows);
    const Matrix stressed = cholesky(input::pulled_together(sample, stress_.correlation)), l = cholesky(sample);
    for (const auto& row : innovation.rows) {
      std::vector<double> z(n_), changed(n_, 0.0);
      for (std::size_t i = 0; i < n_; ++i) {
        z[i] = row[i];
        for (std::size_t j = 0; j < i; ++j) z[i] -= l[i][j] * z[j];
        z[i] = l[i][i] > 0.0 ? z[i] / l[i][i] : 0.0;
        for (std::size_t j = 0; j <= i; ++j) changed[i] += stressed[i][j] * z[j];
      }
      push_row(changed, 1.0);
    }
  }
  Matrix sample_correlation(const Matrix& sample) const {
    Matrix r(n_, std::vector<double>(n_, 0.0));
    for (const auto& row : sample) {
      for (std::size_t i = 0; i < n_; ++i) {
        for (std::size_t j = 0; j < n_; ++j) r[i][j] += row[i] * row[j] / static_cast<double>(sample.size());
      }
    }
    return r;
  }
  void push_row(const std::vector<double>& row, double scale) {
    ++plan_.rows;
    for (std::size_t i = 0; i < limit::walked_assets; ++i)
      out_.rows.push_back(i < row.size() ? static_cast<float>(row[i] * scale) : 0.0f);
    if (n_ == 1) out_.column.push_back(out_.rows[out_.rows.size() - limit::walked_assets]);
  }

  void jumps() {
    const JumpsSpec& spec = *market_.jumps;
    if (spec.common.intensity > 0.0) plan_.jumps |= 1u;
    plan_.common_jump[0] = static_cast<float>(spec.common.intensity / ticks_per_year);
    plan_.common_jump[1] = static_cast<float>(spec.common.mean);
    plan_.common_jump[2] = static_cast<float>(spec.common.stdev);
    float* at = planes(4, limit::assets);
    for (std::size_t i = 0; i < n_; ++i) {
      const JumpSpec& own = spec.own[i];
      if (own.intensity > 0.0) plan_.jumps |= 2u;
      at[i] = static_cast<float>(spec.loadings[i]);
      at[limit::assets + i] = static_cast<float>(own.intensity / ticks_per_year);
      at[2 * limit::assets + i] = static_cast<float>(own.mean);
      at[3 * limit::assets + i] = static_cast<float>(own.stdev);
    }
    plan_.jump_at = offset_of(at);
  }

  void shocks() {
    if (stress_.shocks.empty()) return;
    float* at = planes(2, limit::assets);
    for (std::size_t i = 0; i < limit::assets; ++i) at[i] = std::bit_cast<float>(absent);
    for (const ShockSpec& shock : stress_.shocks) {
      for (std::size_t i = 0; i < n_; ++i) {
        if (market_.assets[i].name != shock.asset) continue;
        at[i] = std::bit_cast<float>(ticks(std::min(shock.at, horizon_ + 1.0)));
        at[limit::assets + i] = static_cast<float>(host_log(1.0 + shock.size));
      }
    }
    plan_.shocks = offset_of(at);
    plan_.shocked = 1;
  }

  const MarketSpec& market_;
  const SystemicSpec& systemic_;
  const UncertaintySpec& uncertainty_;
  bool triggered_;  // an oracle watches the price
  const StressSpec& stress_;
  double horizon_, in_force_;
  bool policies_;  // somebody has a policy haircut
  bool minimum_;
  const std::vector<double>& weights_;
  const AddLaw& add_;
  Compiled& out_;
  Plan& plan_;
  std::size_t n_;
  const LawSpec unit_exponential_ = [] {
    LawSpec law;
    law.kind = LawKind::exponential;
    law.mean = 1.0;
    return law;
  }();
};

}  // namespace

bool ages_differ(const MarketSpec& market) {
  return market.variance.kind == VarianceKind::heston || !market.variance.forecast.empty();
}

WarmUp warm_up_of(const VarianceSpec& v, const InnovationSpec& innovation) {
  constexpr std::uint32_t most_bars = 4096;
  constexpr double forgotten = 1e-4;
  WarmUp w;
  for (std::size_t i = 0; v.forecast.empty() && i < v.alpha.size(); ++i)
    if (v.alpha[i] + v.gamma[i] > 0.0) w.slowest = std::max(w.slowest, slowest_mode(v, innovation, i));
  w.left = w.slowest > 0.0 ? 1.0 : 0.0;
  for (; w.left > forgotten && w.bars < most_bars; ++w.bars) w.left *= w.slowest;
  return w;
}

void compile_market(const Scenario& scenario, const std::vector<double>& weights, const AddLaw& add, Compiled& out) {
  MarketCompiler(scenario, weights, add, out).compile();
}

}  // namespace proofload
