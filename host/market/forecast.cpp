#include "market/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/quantity.h"
#include "base/rows.h"
#include "base/suggestion.h"
#include "market/backtest_statistics.h"
#include "market/bar_forecast.h"
#include "market/fit.h"
#include "market/garch_step.h"
#include "market/memories.h"
#include "market/pooled_losses.h"

namespace proofload {
namespace {

bool known(double x) { return std::isfinite(x); }

std::span<const double> latest(std::span<const double> past, std::size_t n) {
  return past.last(std::min(n, past.size()));
}

/// Root mean square: the mean return of a bar is nothing beside its deviation, and its estimate is noise.
double root_mean_square(std::span<const double> returns) {
  double sum = 0.0, n = 0.0;
  for (const double r : returns) {
    if (!known(r)) continue;
    sum += r * r;
    n += 1.0;
  }
  return n > 0.0 ? std::sqrt(sum / n) : 0.0;
}

/// Log losses over the horizon from every bar of `returns` on, overlapping, each divided by the scale at its start
/// (empty: 1).
std::vector<double> horizon_losses(std::span<const double> returns, const Horizon& horizon,
                                   std::span<const double> scale = {}) {
  const auto all = losses_over(returns, horizon);
  std::vector<double> losses;
  losses.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double s = scale.empty() ? 1.0 : scale[i];
    if (known(all[i]) && s > 0.0) losses.push_back(all[i] / s);
  }
  return losses;
}

/// Tail of stdev * sqrt(bars) * T, mixed over the horizon; T Student-t of unit variance (infinite dof: normal).
TailForecast student_tail(double stdev, double dof, const Horizon& horizon, const std::vector<double>& confidence) {
  using boost::math::cdf;
  using boost::math::complement;
  using boost::math::pdf;
  TailForecast tail;
  tail.stdev = stdev * std::sqrt(horizon.mean());
  const bool heavy = std::isfinite(dof);
  const double unit = heavy ? std::sqrt((dof - 2.0) / dof) : 1.0;
  const auto upper = [&](double x) {
    return heavy ? cdf(complement(boost::math::students_t(dof), x)) : cdf(complement(boost::math::normal(), x));
  };
  const auto beyond = [&](double x) {  // E[X; X > x]
    return heavy ? pdf(boost::math::students_t(dof), x) * (dof + x * x) / (dof - 1.0) : pdf(boost::math::normal(), x);
  };
  const auto scale = [&](std::size_t i) { return stdev * unit * std::sqrt(static_cast<double>(horizon.bars[i])); };
  for (const double c : confidence) {
    const double p = 1.0 - c, standard = student_quantile(dof, p);
    double q = standard * scale(0);
    if (horizon.bars.size() > 1 && stdev > 0.0) {
      double low = q, high = standard * scale(horizon.bars.size() - 1);  // of the shortest and of the longest
      for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        double above = 0.0;
        for (std::size_t k = 0; k < horizon.bars.size(); ++k) above += horizon.weight[k] * upper(middle / scale(k));
        (above > p ? low : high) = middle;
      }
      q = 0.5 * (low + high);
    }
    double shortfall = 0.0;
    for (std::size_t k = 0; k < horizon.bars.size() && stdev > 0.0; ++k) {
      shortfall += horizon.weight[k] * scale(k) * beyond(q / scale(k)) / p;
    }
    tail.quantile.push_back(q);
    tail.shortfall.push_back(shortfall);
  }
  return tail;
}

TailForecast scaled(TailForecast tail, double by) {
  tail.stdev *= by;
  for (auto* values : {&tail.quantile, &tail.shortfall}) {
    for (double& v : *values) v *= by;
  }
  return tail;
}

/// Says when a model is due for a new fit: at bars whose number is a multiple of `refit`, wherever the walk began.
class Schedule {
 public:
  explicit Schedule(std::size_t refit) : refit_(std::max<std::size_t>(refit, 1)) {}
  bool due(std::size_t bars) {
    const std::size_t epoch = bars / refit_;
    if (fitted_ && epoch == epoch_) return false;
    fitted_ = true;
    epoch_ = epoch;
    return true;
  }

 private:
  std::size_t refit_, epoch_ = 0;
  bool fitted_ = false;
};

/// How far back standardised losses are taken from: the window, and for long horizons as far as 1000 of them, because
/// 90 independent days tell neither a 99 % quantile nor a 99.9 % one.
std::size_t pool_bars(const ForecastSettings& s) {
  return std::max(s.window, static_cast<std::size_t>(1000.0 * s.horizon.mean()));
}

// ---- models without a filter ----------------------------------------------------------------------------------------

/// Volatility of the window, updated every bar, times the square root of time.
Forecaster make_gaussian(const ForecastSettings& s) {
  const TailForecast unit = student_tail(1.0, INFINITY, s.horizon, s.confidence);
  return [s, unit, schedule = Schedule(s.refit), seen = std::size_t{0}, sum = 0.0,
          n = 0.0](std::span<const double> past) mutable {
    const auto add = [&](double r, double sign) {
      if (!known(r)) return;
      sum += sign * r * r;
      n += sign;
    };
    if (schedule.due(past.size())) {  // from scratch: what is added and taken away again leaves rounding behind
      sum = n = 0.0;
      for (const double r : latest(past, s.window)) add(r, 1.0);
    } else {
      for (std::size_t i = seen; i < past.size(); ++i) {
        add(past[i], 1.0);
        if (i >= s.window) add(past[i - s.window], -1.0);
      }
    }
    seen = past.size();
    return scaled(unit, n > 0.0 ? std::sqrt(std::max(sum, 0.0) / n) : 0.0);
  };
}

/// Student-t of the window's returns over the (median) horizon: overlapping, because 90 of them would not tell the
/// tail.
Forecaster make_student(const ForecastSettings& s) {
  return [s, schedule = Schedule(s.refit), tail = TailForecast{}](std::span<const double> past) mutable {
    if (!schedule.due(past.size())) return tail;
    const int bars = s.horizon.at(0.5);
    const auto returns = horizon_losses(latest(past, s.window), {{bars}, {1.0}});
    const StudentFit fit = fit_student(returns);
    return tail = student_tail(fit.stdev.value / std::sqrt(bars), fit.dof.value, s.horizon, s.confidence);
  };
}

Forecaster make_historical(const ForecastSettings& s) {
  return [s, schedule = Schedule(s.refit), tail = TailForecast{}](std::span<const double> past) mutable {
    if (!schedule.due(past.size())) return tail;
    const auto window = latest(past, s.window);
    auto losses = horizon_losses(window, s.horizon);
    tail = empirical_tail(losses, s.confidence, losses.size());
    tail.stdev = root_mean_square(window) * std::sqrt(s.horizon.mean());
    return tail;
  };
}

// ---- exponentially weighted variances, tail of what they left unexplained -------------------------------------------

/// Losses over the horizon divided by the deviation forecast at their start (Hull and White 1998), at the horizon
/// itself: nothing is scaled by the square root of time.
Forecaster make_standardised(const ForecastSettings& s, const std::vector<Memory>& memories) {
  return [s, averages = Averages(memories), schedule = Schedule(s.refit), scale = std::vector<double>(1, 0.0),
          tail = TailForecast{}](std::span<const double> past) mutable {
    for (std::size_t i = scale.size() - 1; i < past.size(); ++i) {  // scale[i]: after i returns
      averages.add(past[i]);
      scale.push_back(averages.deviation());
    }
    if (schedule.due(past.size())) {
      const auto window = latest(past, pool_bars(s));
      auto losses =
          horizon_losses(window, s.horizon, std::span(scale).subspan(past.size() - window.size(), window.size()));
      tail = empirical_tail(losses, s.confidence, losses.size());
      tail.stdev = std::sqrt(s.horizon.mean());
    }
    return scaled(tail, scale.back());
  };
}

Forecaster make_ewma(const ForecastSettings& s) {
  return make_standardised(s, {{2.0 * seconds_per_day / static_cast<double>(s.bar) / std::log(2.0), 1.0}});
}

/// The shortest memory is four horizons.
Forecaster make_long_memory(const ForecastSettings& s) {
  return make_standardised(s, long_memories(4.0 * s.horizon.mean(), seconds_per_day / static_cast<double>(s.bar)));
}

// ---- GJR-GARCH ------------------------------------------------------------------------------------------------------

/// Quantiles of a unit-variance Student-t at evenly spread probabilities, as residuals to draw from. One table for each
/// per cent of dof (it changes a 99.9 % quantile by less than one part in a thousand), made once: fits come back to the
/// same ones, day after day and asset by asset.
std::span<const double> student_residuals(double dof) {
  static std::mutex alone;
  static std::map<long, std::vector<double>> tables;  // by 100 ln dof; 0: normal
  const long key = std::isfinite(dof) ? std::lround(100.0 * std::log(dof)) : 0;
  const std::scoped_lock lock(alone);
  if (const auto made = tables.find(key); made != tables.end()) return made->second;
  constexpr std::size_t half = 8192;
  std::vector<double> z(2 * half);
  dof = key == 0 ? INFINITY : std::exp(0.01 * static_cast<double>(key));
  const double unit = std::isfinite(dof) ? std::sqrt((dof - 2.0) / dof) : 1.0;
  for (std::size_t i = 0; i < half; ++i) {
    z[half + i] = unit * student_quantile(dof, 0.5 - (static_cast<double>(i) + 0.5) / (2.0 * double(half)));
    z[half - 1 - i] = -z[half + i];
  }
  return tables.emplace(key, std::move(z)).first->second;
}

}  // namespace

/// What the models of one walk share: fits, and each model that is asked for itself and as a part of another.
class SharedParts {
 public:
  /// The fits of a walk, each from where the one before it ended.
  class Garch {
   public:
    const GarchFit& at(std::span<const double> past, std::size_t window) {
      if (fit_ && bars_ == past.size()) return *fit_;
      GarchOptions options;
      options.standard_errors = false;
      options.start = fit_;
      fit_ = fit_garch(latest(past, window), options);
      bars_ = past.size();
      return *fit_;
    }

   private:
    std::optional<GarchFit> fit_;
    std::size_t bars_ = 0;  ///< returns that it has seen
  };

  const std::shared_ptr<Garch> garch = std::make_shared<Garch>();

  Forecaster model(const std::string& name, const ForecastSettings& s) {
    auto& one = made_[name];
    if (!one) one = std::make_shared<Remembered>(Remembered{forecast_model(name).make(s), {}, {}});
    return [one](std::span<const double> past) {
      if (one->bars != past.size()) one->tail = one->forecast(past);
      one->bars = past.size();
      return one->tail;
    };
  }

 private:
  struct Remembered {
    Forecaster forecast;
    std::optional<std::size_t> bars;
    TailForecast tail;
  };
  std::map<std::string, std::shared_ptr<Remembered>> made_;
};

std::vector<Forecaster> make_forecasters(const std::vector<std::string>& names, ForecastSettings s) {
  const auto shared = std::make_shared<SharedParts>();
  s.shared = shared.get();
  std::vector<Forecaster> out;
  for (const auto& name : names) {
    out.emplace_back([shared, model = shared->model(name, s)](std::span<const double> past) { return model(past); });
  }
  return out;
}

namespace {

struct GarchState {
  Schedule schedule;
  std::shared_ptr<SharedParts::Garch> fits;
  GarchFit fit;
  double variance = 0.0;                    ///< of the next bar
  std::size_t seen = 0;                     ///< returns that `variance` has followed
  TailForecast unit;                        ///< one bar: closed form for variance 1
  std::shared_ptr<BarForecast> simulation;  ///< several bars, or in force
  std::uint64_t seed = 0;                   ///< of the nodes: another one for each fit
  std::map<long, TailForecast> nodes;       ///< in force: of `simulation` at variances e^(node * node_width)
};

/// Fits the window; follows the variance through `pool` bars and makes ready what a forecast needs of their residuals.
void refit(GarchState& g, const ForecastSettings& s, std::span<const double> past, bool student) {
  const GarchFit& f = g.fit = g.fits->at(past, s.window);
  const auto pool = latest(past, student ? s.window : pool_bars(s));
  std::vector<double> residuals;
  g.variance = filter_garch(pool, f, &residuals).back();
  g.seen = past.size();
  const bool one_bar = s.in_force == 0 && s.horizon.bars.size() == 1 && s.horizon.bars[0] == 1;
  const auto simulate = [&](std::span<const double> z, double block) {
    const BarModel model{f.omega.value, f.alpha.value, f.gamma.value, f.beta.value, z, block};
    g.simulation = std::make_shared<BarForecast>(model, s.horizon, s.in_force, s.confidence);
    g.nodes.clear();
    g.seed = Draws{s.seed ^ past.size()}.word();
  };
  if (student) {
    const double dof = f.dof.value;
    if (one_bar) {
      g.unit = student_tail(1.0, dof, s.horizon, s.confidence);
      return;
    }
    simulate(student_residuals(dof), 1.0);
    return;
  }
  // Not scaled to variance 1: with a Student-t likelihood theirs is not 1, and that is part of what the forecast will
  // meet.
  std::erase_if(residuals, [](double z) { return !known(z); });
  if (one_bar) {
    for (double& z : residuals) z = -z;
    g.unit = empirical_tail(residuals, s.confidence, residuals.size());
    g.unit.stdev = 1.0;
    return;
  }
  // a mean would grow with the bars, and a past trend is no forecast
  const double mean = std::accumulate(residuals.begin(), residuals.end(), 0.0) / static_cast<double>(residuals.size());
  for (double& z : residuals) z -= mean;
  simulate(residuals, seconds_per_day / static_cast<double>(s.bar));
}

/// In force a path takes many bars before the sale, and until the next fit the forecast hangs on the variance now
/// alone: it is simulated at variances a tenth apart in logarithm, with the same random numbers, and is linear between
/// them in units of the deviation.
TailForecast between_nodes(GarchState& g, const ForecastSettings& s) {
  constexpr double node_width = 0.1;
  const double at = std::log(g.variance) / node_width, below = std::floor(at), share = at - below;
  const auto of = [&](double number) -> const TailForecast& {
    const auto [node, fresh] = g.nodes.try_emplace(std::lround(number));
    if (fresh) {
      const double variance = std::exp(number * node_width);
      node->second = scaled((*g.simulation)(variance, s.paths, g.seed), 1.0 / std::sqrt(variance));
    }
    return node->second;
  };
  TailForecast tail = of(below);
  const TailForecast& above = of(below + 1.0);
  const auto mix = [&](double& x, double y) { x = std::sqrt(g.variance) * ((1.0 - share) * x + share * y); };
  mix(tail.stdev, above.stdev);
  for (std::size_t c = 0; c < tail.quantile.size(); ++c) {
    mix(tail.quantile[c], above.quantile[c]);
    mix(tail.shortfall[c], above.shortfall[c]);
  }
  return tail;
}

Forecaster make_garch(const ForecastSettings& s, bool student) {
  GarchState state{Schedule(s.refit), {}, {}, 0.0, 0, {}, {}, 0, {}};
  state.fits = s.shared != nullptr ? s.shared->garch : std::make_shared<SharedParts::Garch>();
  return [s, student, g = std::move(state)](std::span<const double> past) mutable {
    if (g.schedule.due(past.size())) {
      refit(g, s, past, student);
    } else {
      const GarchFit& f = g.fit;
      const GarchStep next{f.omega.value, f.alpha.value, f.gamma.value, f.beta.value};
      for (; g.seen < past.size(); ++g.seen) g.variance = next(g.variance, past[g.seen]);
    }
    if (!g.simulation) return scaled(g.unit, std::sqrt(g.variance));
    if (s.in_force != 0) return between_nodes(g, s);
    return (*g.simulation)(g.variance, s.paths, Draws{s.seed ^ past.size()}.word());
  };
}

Forecaster make_gjr_garch(const ForecastSettings& s) { return make_garch(s, true); }
Forecaster make_fhs(const ForecastSettings& s) { return make_garch(s, false); }

// ---- all assets -----------------------------------------------------------------------------------------------------

/// The deviation now, times the tail of what all assets lost beyond theirs while haircuts were in force.
Forecaster make_pooled_memory(const ForecastSettings& s) {
  const std::size_t before = s.pool->row_of(s.first - s.bar);  // of the price before the first return
  return [s, before](std::span<const double> past) {
    const std::size_t row = before + past.size();
    return scaled(s.pool->tail(row), s.pool->deviation(s.asset, row));
  };
}

// ---- several at once ------------------------------------------------------------------------------------------------

/// The mean of what other models say, each equally: no weights that would have to be estimated from the few losses that
/// matter.
Forecaster make_combined(const ForecastSettings& s) {
  std::vector<Forecaster> parts;
  for (const char* name : {"fhs", "long_memory"})
    parts.push_back(s.shared != nullptr ? s.shared->model(name, s) : forecast_model(name).make(s));
  return [parts](std::span<const double> past) mutable {
    TailForecast mean;
    for (auto& part : parts) {
      const TailForecast tail = scaled(part(past), 1.0 / static_cast<double>(parts.size()));
      mean.stdev += tail.stdev;
      mean.quantile.resize(tail.quantile.size());
      mean.shortfall.resize(tail.shortfall.size());
      for (std::size_t c = 0; c < tail.quantile.size(); ++c) {
        mean.quantile[c] += tail.quantile[c];
        mean.shortfall[c] += tail.shortfall[c];
      }
    }
    return mean;
  };
}

constexpr ForecastModel models[] = {
    {"gaussian", "volatility of the window, normal, square root of time", make_gaussian},
    {"student_t", "Student-t fitted to the window at the horizon", make_student},
    {"historical", "empirical quantile of the window", make_historical},
    {"ewma", "exponentially weighted volatility (half-life 2 d), empirical tail of standardised losses", make_ewma},
    {"long_memory", "variances of all memories from four horizons to 512 d (RiskMetrics 2006), empirical tail as ewma",
     make_long_memory},
    {"gjr_garch", "GJR-GARCH, Student-t residuals", make_gjr_garch},
    {"fhs", "GJR-GARCH, residuals drawn in blocks (filtered historical simulation)", make_fhs},
    {"combined", "mean of fhs and long_memory", make_combined},
    {"pooled_memory", "variances of all memories, falls weighing more, tail of all assets' losses in force",
     make_pooled_memory, true},
};

}  // namespace

TailForecast empirical_tail(std::vector<double>& highest, const std::vector<double>& confidence, std::size_t of) {
  TailForecast tail;
  if (highest.empty()) return tail;
  const double n = static_cast<double>(of), last = n - 1.0, left_out = n - static_cast<double>(highest.size());
  const auto position = [&](double c) { return std::clamp(c * (n + 1.0) - 1.0, left_out, last) - left_out; };
  const double least = *std::min_element(confidence.begin(), confidence.end());
  const auto start = highest.begin() + static_cast<std::ptrdiff_t>(position(least));
  std::nth_element(highest.begin(), start, highest.end());
  std::sort(start, highest.end());
  for (const double c : confidence) {
    const auto low = static_cast<std::size_t>(position(c)), high = std::min(low + 1, highest.size() - 1);
    const double q = highest[low] + (position(c) - static_cast<double>(low)) * (highest[high] - highest[low]);
    const auto beyond = std::upper_bound(highest.begin() + static_cast<std::ptrdiff_t>(low), highest.end(), q);
    const double sum = std::accumulate(beyond, highest.end(), 0.0), many = static_cast<double>(highest.end() - beyond);
    tail.quantile.push_back(q);
    tail.shortfall.push_back(many > 0.0 ? sum / many : q);
  }
  return tail;
}

static_assert(std::string_view(std::end(models)[-1].name) == recommended_model, "--help says that it is the last");

std::span<const ForecastModel> forecast_models() { return models; }

const ForecastModel& forecast_model(const std::string& name) {
  if (name == "recommended") return forecast_model(recommended_model);
  for (const auto& m : models) {
    if (name == m.name) return m;
  }
  std::vector<std::string> names = names_of(models);
  names.emplace_back("recommended");
  throw Error(fmt::format("model {} (there is no such model) {}", in_quotes(name), suggestion(name, names, "model")));
}

}  // namespace proofload
