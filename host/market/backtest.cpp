#include "market/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/parallel.h"
#include "input/times.h"
#include "market/backtest_statistics.h"
#include "market/pooled_losses.h"
#include "plan/compile.h"
#include "run/replay.h"

namespace proofload {
namespace {

std::size_t in_bars(double seconds, std::int64_t bar) {
  return static_cast<std::size_t>(std::max(1.0, std::ceil(seconds / static_cast<double>(bar) - 1e-9)));
}

/// Sums that answer "how many known returns among the last n, and their squares" at once.
struct Running {
  std::vector<double> squares{0.0};
  std::vector<std::size_t> known{0};

  explicit Running(std::span<const double> returns) {
    for (const double r : returns) {
      const bool there = std::isfinite(r);
      squares.push_back(squares.back() + (there ? r * r : 0.0));
      known.push_back(known.back() + (there ? 1 : 0));
    }
  }
  std::size_t count(std::size_t end, std::size_t n) const { return known[end] - known[end - std::min(n, end)]; }
  double deviation(std::size_t end, std::size_t n) const {
    const auto from = end - std::min(n, end);
    const auto many = known[end] - known[from];
    return many > 0 ? std::sqrt(std::max(0.0, squares[end] - squares[from]) / static_cast<double>(many)) : 0.0;
  }
};

/// The most volatile stretch so far and the haircuts that it would have asked for; looked at once per refit.
class Stressed {
 public:
  Stressed(const Horizon& horizon, const std::vector<double>& confidence, std::size_t window)
      : historical_(forecast_model("historical").make({horizon, confidence, window, 1, 1, 0, 1, 1})), window_(window) {}

  const std::vector<double>& at(std::span<const double> past, const Running& running) {
    const double deviation = running.deviation(past.size(), window_);
    if (deviation > worst_) {
      const TailForecast tail = historical_(past);
      if (tail.quantile.empty()) return haircut_;  // no loss over the horizon is known in it: gaps are everywhere
      worst_ = deviation;
      haircut_.clear();
      for (const double q : tail.quantile) haircut_.push_back(-std::expm1(-q));
    }
    return haircut_;
  }

 private:
  Forecaster historical_;
  std::size_t window_;
  double worst_ = 0.0;
  std::vector<double> haircut_;
};

ModelHistory empty_history(const std::string& model, std::size_t confidences) {
  ModelHistory m;
  m.model = model;
  m.haircut.resize(confidences);
  m.quantile.resize(confidences);
  m.shortfall.resize(confidences);
  return m;
}

SubjectHistory walk_subject(const PriceHistory& prices, const DelayTrack& track, const std::vector<Window>& windows,
                            const BacktestSubject& subject, const BacktestOptions& options, std::uint64_t seed,
                            const PooledLosses* pool) {
  SubjectHistory out;
  out.subject = subject;
  out.stressed.resize(options.confidence.size());
  const auto column = static_cast<std::size_t>(std::find(prices.assets.begin(), prices.assets.end(), subject.asset) -
                                               prices.assets.begin());
  const std::vector<double>& price = prices.price.at(column);
  const auto first = static_cast<std::size_t>(
      std::find_if(price.begin(), price.end(), [](double p) { return std::isfinite(p); }) - price.begin());
  if (first + 1 >= price.size()) return out;
  std::vector<double> returns;  // returns[i] ends at row first + 1 + i
  for (std::size_t row = first + 1; row < price.size(); ++row) returns.push_back(prices.log_return(column, row));
  const Running running(returns);
  std::vector<std::size_t> moves(1, 0);  // in the first i returns
  for (const double r : returns) moves.push_back(moves.back() + (std::isfinite(r) && r != 0.0 ? 1 : 0));
  ForecastSettings settings{track.horizon,
                            options.confidence,
                            in_bars(options.window, prices.bar),
                            in_bars(options.refit, prices.bar),
                            prices.bar,
                            prices.time(first + 1),
                            seed,
                            options.paths,
                            static_cast<std::size_t>(options.in_force / double(prices.bar)),
                            column,
                            pool};
  const std::size_t look_back = in_bars(options.look_back, prices.bar);
  const double bars_mean = track.horizon.mean();
  const std::vector<Forecaster> forecasters = make_forecasters(options.models, settings);
  for (const auto& name : options.models) out.models.push_back(empty_history(name, options.confidence.size()));
  Stressed stressed(track.horizon, options.confidence, settings.window);
  std::size_t stress_epoch = 0;
  std::vector<double> stress;
  for (const Window& w : windows) {
    if (w.row < first || prices.time(w.row) < options.from || prices.time(w.row) >= options.to) continue;
    const std::size_t end = w.row + static_cast<std::size_t>(w.bars),
                      bars = w.row - first;  // returns known at the start
    if (!std::isfinite(price[w.row]) || end >= price.size() || !std::isfinite(price[end])) {
      ++out.missing;
      continue;
    }
    if (bars < settings.window) {
      ++out.warm_up;
      continue;
    }
    if (static_cast<double>(running.count(bars, settings.window)) < least_known * double(settings.window)) {
      ++out.sparse;
      continue;
    }
    if (moves[bars] - moves[bars - settings.window] < std::clamp<std::size_t>(settings.window / 3, 1, least_moves)) {
      ++out.still;
      continue;
    }
    const auto past = std::span<const double>(returns).first(bars);
    if (stress.empty() || bars / settings.refit != stress_epoch) stress = stressed.at(past, running);
    stress_epoch = bars / settings.refit;
    // A window in which no loss over the horizon is known says nothing of a tail.
    std::vector<TailForecast> tails;
    for (const Forecaster& forecaster : forecasters) tails.push_back(forecaster(past));
    const auto silent = [&](const TailForecast& tail) { return tail.quantile.size() != options.confidence.size(); };
    if (stress.empty() || std::any_of(tails.begin(), tails.end(), silent)) {
      ++out.warm_up;
      continue;
    }
    out.start.push_back(prices.time(w.row));
    out.bars.push_back(w.bars);
    out.loss.push_back(1.0 - price[end] / price[w.row]);
    out.long_run.push_back(running.deviation(bars, look_back) * std::sqrt(bars_mean));
    for (std::size_t m = 0; m < forecasters.size(); ++m) {
      const TailForecast& tail = tails[m];
      ModelHistory& to = out.models[m];
      to.stdev.push_back(tail.stdev);
      for (std::size_t c = 0; c < options.confidence.size(); ++c) {
        to.haircut[c].push_back(-std::expm1(-tail.quantile[c]));
        to.quantile[c].push_back(tail.quantile[c]);
        to.shortfall[c].push_back(tail.shortfall[c]);
      }
    }
    for (std::size_t c = 0; c < options.confidence.size(); ++c) out.stressed[c].push_back(stress.at(c));
  }
  return out;
}

}  // namespace

Horizon fixed_horizon(double seconds, std::int64_t bar) {
  if (!(seconds > 0.0))
    throw Error("--delta (the sale takes no time, so nothing can be lost) give a duration such as 1h");
  return {{static_cast<int>(std::min<std::size_t>(in_bars(seconds, bar), std::numeric_limits<int>::max()))}, {1.0}};
}

std::vector<DelayTrack> delay_tracks(const Scenario& scenario, std::int64_t bar, std::uint64_t paths,
                                     std::uint64_t seed) {
  const Compiled compiled = compile(scenario);
  const Plan& plan = compiled.plan;
  std::vector<std::map<int, std::uint64_t>> counts(scenario.routes.size());
  const auto in_bar = static_cast<std::uint64_t>(bar) * static_cast<std::uint64_t>(ticks_per_second);
  for (std::uint64_t first = 0; first < paths; first += chunk_paths) {
    const auto ticks = route_delays(compiled, seed, {first, std::min<std::uint64_t>(chunk_paths, paths - first)});
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      const std::uint32_t delay = std::min(ticks[i], plan.horizon);
      ++counts[i % plan.routes][static_cast<int>(std::max<std::uint64_t>(1, (delay + in_bar - 1) / in_bar))];
    }
  }
  std::vector<DelayTrack> tracks;
  for (std::size_t r = 0; r < scenario.routes.size(); ++r) {
    DelayTrack track{scenario.routes[r].name, {}};
    for (const auto& [bars, count] : counts[r]) {
      track.horizon.bars.push_back(bars);
      track.horizon.weight.push_back(static_cast<double>(count) / static_cast<double>(paths));
    }
    tracks.push_back(std::move(track));
  }
  return tracks;
}

std::vector<Window> cut_windows(std::size_t rows, const Horizon& horizon, std::uint64_t seed, std::size_t first) {
  std::vector<Window> windows;
  Draws draws{seed};
  for (std::size_t row = first;;) {
    const double u = draws.uniform();
    double below = 0.0;
    std::size_t i = 0;
    while (i + 1 < horizon.bars.size() && u >= (below += horizon.weight[i])) ++i;
    const auto bars = static_cast<std::size_t>(horizon.bars[i]);
    if (row + bars >= rows) break;
    windows.push_back({row, horizon.bars[i]});
    row += bars;
  }
  return windows;
}

std::vector<SubjectHistory> walk(const PriceHistory& prices, const std::vector<DelayTrack>& tracks,
                                 const std::vector<BacktestSubject>& subjects, const BacktestOptions& options) {
  std::vector<std::vector<Window>> windows;
  for (std::size_t t = 0; t < tracks.size(); ++t) {
    // windows of one given length begin at multiples of it since 1970: whole days at midnight, whatever the first row
    // is
    std::size_t first = 0;
    if (options.every_phase && tracks[t].horizon.bars.size() == 1) {
      auto& all = windows.emplace_back();
      const int bars = tracks[t].horizon.bars[0];
      for (std::size_t row = 0; row + static_cast<std::size_t>(bars) < prices.rows(); ++row) all.push_back({row, bars});
      continue;
    }
    if (tracks[t].horizon.bars.size() == 1) {
      const auto bars = static_cast<std::size_t>(tracks[t].horizon.bars[0]);
      const auto length = static_cast<std::int64_t>(bars) * prices.bar,
                 phase = static_cast<std::int64_t>(options.phase);
      const auto late = [&](std::size_t row) {
        return ((prices.time(row) - phase) % length + length) % length >= prices.bar;
      };
      while (first + 1 < bars && late(first)) ++first;
    }
    windows.push_back(cut_windows(prices.rows(), tracks[t].horizon, options.seed + t, first));
  }
  const bool pooled = std::any_of(options.models.begin(), options.models.end(),
                                  [](const std::string& name) { return forecast_model(name).pooled; });
  std::vector<std::unique_ptr<PooledLosses>> pools(tracks.size());
  for_each_parallel(pooled ? tracks.size() : 0, options.threads, [&](std::size_t t) {
    if (std::none_of(subjects.begin(), subjects.end(), [&](const BacktestSubject& s) { return s.track == t; })) return;
    pools[t] = std::make_unique<PooledLosses>(
        prices, PoolSettings{tracks[t].horizon, static_cast<std::size_t>(options.in_force / double(prices.bar)),
                             std::max<std::int64_t>(1, std::llround(options.refit)), options.confidence,
                             in_bars(std::min(longest_burn_in, options.window / 3.0), prices.bar)});
  });
  std::vector<SubjectHistory> out(subjects.size());
  for_each_parallel(subjects.size(), options.threads, [&](std::size_t i) {
    try {
      const auto track = subjects[i].track;
      out[i] = walk_subject(prices, tracks.at(track), windows.at(track), subjects[i], options,
                            Draws{options.seed + i}.word(), pools.at(track).get());
    } catch (const Error& e) { throw Error(fmt::format("{}: {}", subjects[i].name, e.what())); }
  });
  if (std::all_of(out.begin(), out.end(), [](const SubjectHistory& s) { return s.start.empty(); })) {
    std::vector<Problem> problems;
    for (const auto& s : out) {
      std::string more;
      if (s.sparse > 0)
        more += fmt::format(", {} have prices on less than {:.0f} % of their history, as a price of weekdays alone has",
                            s.sparse, 100.0 * least_known);
      if (s.still > 0) more += fmt::format(", in {} the price hardly moved", s.still);
      problems.push_back(
          {"", 0,
           fmt::format("{} (its prices leave no window to test: {} lie in the first {:.0f} days, {} lack "
                       "a price{}) give a longer history or a shorter --window",
                       s.subject.name, s.warm_up, options.window / 86400.0, s.missing, more)});
    }
    throw Error(std::move(problems));
  }
  return out;
}

std::vector<std::vector<SubjectHistory>> split_phases(const std::vector<SubjectHistory>& all, int bars,
                                                      std::int64_t bar) {
  std::vector<std::vector<SubjectHistory>> out(static_cast<std::size_t>(bars), std::vector<SubjectHistory>(all.size()));
  for (std::size_t a = 0; a < all.size(); ++a) {
    const SubjectHistory& from = all[a];
    for (auto& phase : out) {
      phase[a].subject = from.subject;
      phase[a].stressed.resize(from.stressed.size());
      for (const ModelHistory& m : from.models) phase[a].models.push_back(empty_history(m.model, m.haircut.size()));
    }
    for (std::size_t i = 0; i < from.start.size(); ++i) {
      const std::int64_t length = bars * bar, late = from.start[i] - floor_divided(from.start[i], length) * length;
      SubjectHistory& to = out[static_cast<std::size_t>(late / bar)][a];
      to.start.push_back(from.start[i]);
      to.bars.push_back(from.bars[i]);
      to.loss.push_back(from.loss[i]);
      to.long_run.push_back(from.long_run[i]);
      for (std::size_t c = 0; c < from.stressed.size(); ++c) to.stressed[c].push_back(from.stressed[c][i]);
      for (std::size_t m = 0; m < from.models.size(); ++m) {
        to.models[m].stdev.push_back(from.models[m].stdev[i]);
        for (std::size_t c = 0; c < from.models[m].haircut.size(); ++c) {
          to.models[m].haircut[c].push_back(from.models[m].haircut[c][i]);
          to.models[m].quantile[c].push_back(from.models[m].quantile[c][i]);
          to.models[m].shortfall[c].push_back(from.models[m].shortfall[c][i]);
        }
      }
    }
  }
  return out;
}

}  // namespace proofload
