// Simulated probabilities, haircuts and shortfalls against closed forms, and the proof that each comparison would see
// an error.
//
// Every row is a scenario as a user writes it, run along the command line's own path. A check passes when the exact
// value lies in the interval that the program itself reports, at the level 1 - 1e-5 (`run.interval`); with at most 100
// checks (a test counts them) the suite as a whole raises a false alarm with a probability of 1e-3 or less, whatever
// the seed and however the checks depend on each other. (Counts have exact binomial intervals; those of means are
// normal, with thousands of paths behind each.) The seed is fixed and every machine computes the same bits, so what
// passed once passes everywhere.
//
// Each check states the relative error (of the probability that it counts) that it would detect with a probability of
// 90 %, from the binomial law and nothing else. To prove it, a planted-error run moves one parameter of the scenario
// until the *closed form* is off by the error that is detected with 99.9 %, about 1.3 times as much (so that the
// outcome does not hang on the one seed), and must fail.
//
// A row needs N p >= 1,000. Those of the reference table that would take more than 6e8 paths are left out: a fixed
// delay of 1 h and 5 % (p = 1.0e-9), of 24 h and 20 % (5.5e-8), and three log-normal stages and 10 % (9.1e-11). They
// wait for importance sampling. The trivariate orthant has no counter: joint tails are counted for pairs.
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/math/quadrature/tanh_sinh.hpp>
#include <cmath>
#include <numbers>
#include <numeric>

#include "tests/model/checks.h"

namespace proofload {
namespace {

using testing::agrees, testing::bivariate, testing::collateral, testing::constant, testing::counted, testing::day;
using testing::exponential, testing::haircut, testing::hour, testing::joint_under, testing::mean, testing::Measure;
using testing::normal, testing::normal_score, testing::one_asset, testing::probability, testing::quantile;
using testing::route, testing::row_name, testing::rows_that_run, testing::seconds, testing::solve, testing::under;
using testing::with_error, testing::year;

constexpr double level = 0.99999;

// ---- mathematics of the reference table: log price of drift m = -s^2/2 per year -------------------------------------

/// P(basis S(d)/S(0) < y) after d seconds; `extra` is the variance of an independent log-normal factor of median 1.
double below(double y, double d, double s, double extra = 0.0) {
  const double t = d / year;
  return normal((std::log(y) + 0.5 * s * s * t) / std::sqrt(s * s * t + extra));
}
/// Loss that is exceeded with probability p after d seconds.
double loss_quantile(double p, double d, double s) {
  const double t = d / year;
  return 1.0 - std::exp(-0.5 * s * s * t + s * std::sqrt(t) * normal_score(p));
}
/// Expected shortfall and second moment of the loss beyond its quantile at confidence a.
struct Tail {
  double mean, second;
};
Tail loss_tail(double a, double d, double s) {
  const double t = d / year, v = s * std::sqrt(t), z = normal_score(1.0 - a);
  const double first = normal(z - v) / (1.0 - a), square = std::exp(v * v) * normal(z - 2.0 * v) / (1.0 - a);
  return {1.0 - first, 1.0 - 2.0 * first + square};
}

/// Gamma delay of mean k theta seconds: the quadrature of `f` over its density. k = 1 is the exponential law.
double over_gamma(double k, double mean, const std::function<double(double)>& f) {
  const double theta = mean / k;
  const auto integrand = [&](double w) {  // t = theta w^2, so that k = 1/2 has no pole
    return 2.0 * std::exp((2.0 * k - 1.0) * std::log(w) - w * w - std::lgamma(k)) * f(theta * w * w);
  };
  boost::math::quadrature::tanh_sinh<double> rule;
  return rule.integrate(integrand, 1e-150, 4.0, 1e-14) + rule.integrate(integrand, 4.0, 14.0, 1e-14);
}

/// Exponential delay: the log price is asymmetric Laplace (reference table, 2a).
struct Laplace {
  double up, down;  ///< a+ and b-
  Laplace(double mean, double s) {
    const double m = -0.5 * s * s, d = std::sqrt(m * m + 2.0 * year / mean * s * s);
    up = (d - m) / (s * s);
    down = (m + d) / (s * s);
  }
  double under(double h) const { return up / (up + down) * std::exp(down * std::log1p(-h)); }
  double quantile(double p) const { return -std::expm1(std::log(p * (up + down) / up) / down); }
};

/// Sum of three log-normal stages. The trapezoidal rule over normal scores converges faster than any power of its step.
double over_three_lognormals(const double (&median)[3], const double (&sigma)[3],
                             const std::function<double(double)>& f) {
  constexpr double step = 0.25, range = 9.0;
  double sum = 0.0;
  for (double a = -range; a <= range; a += step) {
    for (double b = -range; b <= range; b += step) {
      for (double c = -range; c <= range; c += step) {
        const double weight = std::exp(-0.5 * (a * a + b * b + c * c));
        if (weight < 1e-30) continue;
        sum += weight * f(median[0] * std::exp(sigma[0] * a) + median[1] * std::exp(sigma[1] * b) +
                          median[2] * std::exp(sigma[2] * c));
      }
    }
  }
  return sum * std::pow(step / std::sqrt(2.0 * std::numbers::pi), 3);
}

/// Mean of f over [a, b].
double over_uniform(double a, double b, const std::function<double(double)>& f) {
  return boost::math::quadrature::gauss_kronrod<double, 61>::integrate(f, a, b, 12, 1e-13) / (b - a);
}

// ---- what a check is ------------------------------------------------------------------------------------------------

/// The parameters that a planted error moves. `delay`, `hazard` and `correlation` multiply the durations, hazards and
/// correlations of a scenario, 2 - `severity` multiplies recoveries.
struct World {
  static constexpr double level = proofload::level;
  static constexpr int seed = 20261122;
  double volatility = 0.8, delay = 1.0, hazard = 1.0, correlation = 1.0, severity = 1.0;

  static const char* name(double World::*knob) {
    if (knob == &World::volatility) return "volatility";
    if (knob == &World::delay) return "delay";
    if (knob == &World::hazard) return "hazard";
    return knob == &World::correlation ? "correlation" : "severity";
  }
};
using Knob = double World::*;
using Exact = testing::ExactIn<World>;
using Row = testing::RowIn<World>;

// ---- what is read off a result --------------------------------------------------------------------------------------

Estimate counted_share(double share, const Results& r) {
  return counted(static_cast<std::uint64_t>(std::llround(share * static_cast<double>(r.tally.paths))), r);
}

Measure shortfall(int k, int confidence) {
  return [=](const Results&, const Answers& a) {
    const HaircutAnswer& h = a.collateral[k].haircuts[confidence];
    return Estimate{*h.expected_shortfall, *h.expected_shortfall_low, *h.expected_shortfall_high};
  };
}
/// A quantile that is reported without an interval: `value`, with the edges that its ranks give in the histogram.
Estimate ranked(double value, const std::vector<std::uint64_t>& losses, double confidence) {
  const auto [low, high] =
      quantile_ranks(std::accumulate(losses.begin(), losses.end(), std::uint64_t{0}), confidence, level);
  const auto bin = [&](std::uint64_t rank) {
    int b = 0;
    for (std::uint64_t sum = losses[0]; sum < rank; sum += losses[++b]) {}
    return b;
  };
  return {value, loss_edge(bin(low)), loss_edge(bin(high) + 1)};
}
std::vector<std::uint64_t> losses(const Results& r, std::size_t at) {
  const auto first = r.tally.counts.begin() + static_cast<std::ptrdiff_t>(at);
  return {first, first + loss_bins};
}
Measure price_layer(int k, int confidence) {
  return [=](const Results& r, const Answers& a) {
    const HaircutAnswer& h = a.collateral[k].haircuts[confidence];
    return ranked(*h.attribution.price, losses(r, r.tally.layout.price(r.compiled.reading_of[k])), h.confidence);
  };
}
Measure given_no_failure(int k, int confidence) {
  return [=](const Results& r, const Answers& a) {
    const HaircutAnswer& h = a.collateral[k].haircuts[confidence];
    std::vector<std::uint64_t> kept = losses(r, r.tally.layout.latency(k));
    const std::vector<std::uint64_t> hit = losses(r, r.tally.layout.spared(k));
    for (std::size_t b = 0; b < kept.size(); ++b) kept[b] -= hit[b];
    return ranked(*h.given_no_failure, kept, h.confidence);
  };
}
Measure layer_fails(int i) {
  return [=](const Results&, const Answers& a) { return a.layers[i].p_failure; };
}
Measure both_fail(int i, int j) {
  return [=](const Results& r, const Answers& a) { return counted_share(a.joint_failure[i][j], r); };
}
Measure either_fails(int i, int j) {
  return [=](const Results& r, const Answers& a) {
    return counted_share(a.joint_failure[i][i] + a.joint_failure[j][j] - a.joint_failure[i][j], r);
  };
}
Measure unresolved() {
  return [](const Results& r, const Answers& a) { return counted(a.unresolved, r); };
}

// ---- scenarios ------------------------------------------------------------------------------------------------------

std::string two_assets(double volatility, double correlation) {
  return fmt::format(
      "[market]\nassets = [ {{ name = \"X\", price = 1.0, volatility = {0:.17g} }}, {{ name = \"Y\", price = 1.0, "
      "volatility = {0:.17g} "
      "}} ]\ncorrelation = [ [1.0, {1:.17g}], [{1:.17g}, 1.0] ]\n",
      volatility, correlation);
}
/// One asset on one route without a layer.
std::function<std::string(const World&)> simple(double haircut, std::function<std::string(const World&)> stages,
                                                std::string market = "", std::string more = "") {
  return [=](const World& w) {
    return one_asset(w.volatility, market) + route("r", stages(w)) + collateral("k", "X", "r", haircut, more);
  };
}

// ---- the rows -------------------------------------------------------------------------------------------------------

/// Row 1: log-normal price at a fixed time. Row 11: its value at risk and expected shortfall; and the put that
/// E[(1-h-Y)+] is.
void fixed_delay(std::vector<Row>& rows) {
  constexpr std::uint64_t many = 20'000'000, n = 4'000'000;
  rows.push_back({"fixed_1h",
                  many,
                  simple(0.03, [](const World& w) { return constant("relay", hour * w.delay); }),
                  {probability(
                       "P(L > 3 %)", many, [](const World& w) { return below(0.97, hour * w.delay, w.volatility); },
                       &World::volatility, under(0))
                       .as_published(1.85951824967177e-4, 1e-13)}});

  const auto above = [](double confidence) {
    const double h = loss_quantile(1.0 - confidence, day, 0.8);
    return [=](const World& w) { return below(1.0 - h, day * w.delay, w.volatility); };
  };
  const auto tail = [](double confidence) {
    return [=](const World& w) { return loss_tail(confidence, day * w.delay, w.volatility).mean; };
  };
  const auto tail_error = [](double a) {  // DESIGN 1.1
    const Tail t = loss_tail(a, day, 0.8);
    const double over = t.mean - loss_quantile(1.0 - a, day, 0.8);
    return std::sqrt((t.second - t.mean * t.mean + a * over * over) / (double(n) * (1.0 - a)));
  };
  // X = (K - S)+ with S log-normal of mean 1: E X and E X^2.
  const auto put = [](double k, double v) {
    return k * normal((std::log(k) + 0.5 * v * v) / v) - normal((std::log(k) - 0.5 * v * v) / v);
  };
  const double k = 0.95, v = 0.8 * std::sqrt(day / year), z = (std::log(k) + 0.5 * v * v) / v;
  const double square = k * k * normal(z) - 2.0 * k * normal(z - v) + std::exp(v * v) * normal(z - 2.0 * v);
  const double put_error = std::sqrt((square - put(k, v) * put(k, v)) / double(n));
  rows.push_back(
      {"fixed_24h",
       n,
       simple(1.0 - k, [](const World& w) { return constant("relay", day * w.delay); }),
       {quantile("haircut at 99 %", n, loss_quantile(0.01, day, 0.8), above(0.99), &World::volatility, haircut(0, 0))
            .as_published(0.093613988747, 1e-11),
        quantile("haircut at 99.9 %", n, loss_quantile(0.001, day, 0.8), above(0.999), &World::delay, haircut(0, 1))
            .as_published(0.122147621720815, 1e-13),
        mean("shortfall at 99 %", tail(0.99), tail_error(0.99), &World::volatility, shortfall(0, 0))
            .as_published(0.106309121452, 1e-11),
        mean("shortfall at 99.9 %", tail(0.999), tail_error(0.999), &World::volatility, shortfall(0, 1))
            .as_published(0.132214641677, 1e-11),
        mean(
            "E[(1 - h - Y)+]", [=](const World& w) { return put(k, w.volatility * std::sqrt(day * w.delay / year)); },
            put_error, &World::volatility,
            with_error([](const Results&, const Answers& a) { return a.collateral[0].mean_shortfall; }, put_error))}});
}

/// Rows 2a and 2b: gamma delays; and 2a again on grids, which must not matter.
void gamma_delay(std::vector<Row>& rows) {
  constexpr std::uint64_t most = 100'000'000, n = 4'000'000;
  const auto stage = [](const World& w) { return exponential("relay", hour * w.delay); };
  const auto law = [](const World& w) { return Laplace(hour * w.delay, w.volatility); };
  const double q = Laplace(hour, 0.8).quantile(0.001);
  rows.push_back({"exponential",
                  most,
                  simple(0.05, stage),
                  {probability(
                       "P(L > 5 %)", most, [=](const World& w) { return law(w).under(0.05); }, &World::delay, under(0))
                       .as_published(1.06092569476712e-4, 1e-13),
                   quantile(
                       "haircut at 99.9 %", most, q, [=](const World& w) { return law(w).under(q); },
                       &World::volatility, haircut(0, 1))
                       .as_published(0.0369913960209371, 1e-13)}});
  struct {
    const char *name, *grid, *horizon;
  } const grids[] = {{"exponential_grid_step", "grid = { step = \"7m\" }\n", "30d"},
                     {"exponential_grid_steps", "grid = { steps = 100 }\n", "2d"}};
  for (const auto& g : grids) {
    rows.push_back({g.name,
                    n,
                    simple(0.03, stage, g.grid),
                    {probability(
                         "P(L > 3 %)", n, [=](const World& w) { return law(w).under(0.03); }, &World::delay, under(0)),
                     quantile(
                         "haircut at 99.9 %", n, q, [=](const World& w) { return law(w).under(q); }, &World::volatility,
                         haircut(0, 1))},
                    g.horizon});
  }
  struct {
    const char* name;
    double shape, value;
    std::uint64_t paths;
  } const gammas[] = {
      // The reference table misprints 7.899398229597823e-6 as 7.89939829597823e-6 (it lost a 2): quadrature in 30
      // digits over pieces [0, .1, 1, 2, 5, 10, 20, 40, 80, 160, 400] of the gamma variate gives
      // 7.89939822959781854e-6.
      {"gamma_3", 3.0, 7.89939822959782e-6, 160'000'000},
      {"gamma_half", 0.5, 3.80514393400815e-4, n}};
  for (const auto& g : gammas) {
    const double shape = g.shape;
    const auto exact = [=](const World& w) {
      return over_gamma(shape, hour * w.delay, [&](double d) { return below(0.95, d, w.volatility); });
    };
    const auto gamma = [=](const World& w) {
      return fmt::format("{{ name = \"relay\", kind = \"gamma\", shape = {:.17g}, mean = {} }}", shape,
                         seconds(hour * w.delay));
    };
    rows.push_back({g.name,
                    g.paths,
                    simple(0.05, gamma),
                    {probability("P(L > 5 %)", g.paths, exact, &World::delay, under(0)).as_published(g.value, 1e-12)}});
  }
}

/// Row 2c: the sum of three log-normal stages.
void three_stages(std::vector<Row>& rows) {
  struct {
    const char* name;
    double haircut, value, digits;
    std::uint64_t paths;
  } const cases[] = {{"three_stages", 0.03, 4.55332766e-4, 2e-9, 4'000'000},
                     {"three_stages_far", 0.05, 1.722382e-6, 5e-7, 600'000'000}};
  for (const auto& c : cases) {
    const double h = c.haircut;
    const auto stages = [](const World& w) {
      const auto stage = [&](const char* name, double median, double sigma) {
        return fmt::format("{{ name = \"{}\", kind = \"lognormal\", median = {}, sigma = {} }}", name,
                           seconds(median * w.delay), sigma);
      };
      return stage("proof", 600, 0.8) + ", " + stage("relay", 1800, 0.5) + ", " + stage("other", 120, 1.0);
    };
    const auto exact = [=](const World& w) {
      return over_three_lognormals({600.0 * w.delay, 1800.0 * w.delay, 120.0 * w.delay}, {0.8, 0.5, 1.0},
                                   [&](double d) { return below(1.0 - h, d, w.volatility); });
    };
    rows.push_back({c.name,
                    c.paths,
                    simple(h, stages),
                    {probability(fmt::format("P(L > {:.0f} %)", 100 * h), c.paths, exact, &World::delay, under(0))
                         .as_published(c.value, c.digits)}});
  }
}

/// Row 6: Marshall and Olkin's shocks. Only hazard times exposure matters: 10 times the table's rates over a tenth of
/// its year.
void joint_failures(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  const auto layer = [](const std::string& name, double hazard, double common, const std::string& network) {
    const std::string shared = fmt::format("network = \"{}\"\ncommon_hazard = {:.17g}\n", network, 10 * common);
    return fmt::format("[layers.{}]\nhazard = {:.17g}\nexposure = \"36.5d\"\n{}", name, 10 * hazard,
                       network.empty() ? "" : shared);
  };
  const auto scenario = [=](const World& w) {
    const double c = 0.01 * w.hazard;
    std::string text = one_asset(0.8) + layer("one", 0.02 * w.hazard, c, "shared") +
                       layer("two", 0.03 * w.hazard, c, "shared") + layer("shock", 0.0, c, "shared") +
                       layer("three", 0.03 * w.hazard, 0.0, "") + layer("four", 0.04 * w.hazard, 0.0, "");
    for (const char* name : {"one", "two", "shock", "three", "four"}) {
      text += route(name, constant("relay", 60), name) + collateral(name, "X", name, 0.1);
    }
    return text;
  };
  const auto lost = [](double rate) { return -std::expm1(-rate); };
  const auto joint = [=](const World& w) {
    return lost(0.03 * w.hazard) + lost(0.04 * w.hazard) - lost(0.06 * w.hazard);
  };
  const auto check = [](const char* name, Exact exact, Measure measure) {
    return probability(name, n, std::move(exact), &World::hazard, std::move(measure));
  };
  rows.push_back({"marshall_olkin",
                  n,
                  scenario,
                  {check("P(both)", joint, both_fail(0, 1)).as_published(0.0105295608834173, 1e-13),
                   check(
                       "P(any)", [=](const World& w) { return lost(0.06 * w.hazard); }, either_fails(0, 1))
                       .as_published(0.0582354664157513, 1e-13),
                   check(
                       "P(common shock)", [=](const World& w) { return lost(0.01 * w.hazard); }, layer_fails(2))
                       .as_published(0.00995016625083195, 1e-13),
                   check(
                       "P(marginal)", [=](const World& w) { return lost(0.03 * w.hazard); }, layer_fails(0)),
                   check(
                       "P(both), independent",
                       [=](const World& w) { return lost(0.03 * w.hazard) * lost(0.04 * w.hazard); }, both_fail(3, 4))
                       .as_published(0.00115884720511685, 1e-13)}});
}

/// Row 7: two correlated assets at one time, one asset at two times (its correlation is sqrt(d1 / d2)), with and
/// without a grid.
void joint_tails(std::vector<Row>& rows) {
  const auto haircut_at = [](double score, double d) { return loss_quantile(normal(score), d, 0.8); };
  struct {
    const char* name;
    double score, correlation, value, digits;
    std::uint64_t paths;
  } const cases[] = {{"joint_tail", -2.0, 0.5, 0.004052946235163, 1e-12, 2'000'000},
                     {"joint_tail_far", -3.0, 0.7, 2.29973673558838e-4, 1e-12, 8'000'000},
                     {"orthant", 0.0, 0.5, 1.0 / 3.0, 1e-13, 1'000'000}};
  for (const auto& c : cases) {
    const double h = haircut_at(c.score, day), score = c.score, rho = c.correlation;
    const auto scenario = [=](const World& w) {
      return two_assets(w.volatility, rho * w.correlation) + route("r", constant("relay", day)) +
             collateral("x", "X", "r", h) + collateral("y", "Y", "r", h);
    };
    const auto exact = [=](const World& w) {
      if (score == 0.0) return 0.25 + std::asin(rho * w.correlation) / (2.0 * std::numbers::pi);
      return bivariate(score, score, rho * w.correlation);
    };
    rows.push_back({c.name,
                    c.paths,
                    scenario,
                    {probability("P(both under)", c.paths, exact, &World::correlation, joint_under(0, 1))
                         .as_published(c.value, c.digits)}});
  }
  constexpr std::uint64_t n = 2'000'000;
  for (const char* grid : {"", "grid = { step = \"47m\" }\n"}) {
    const double early = haircut_at(-2.0, 6 * hour), late = haircut_at(-2.0, day);
    const auto scenario = [=](const World& w) {
      return one_asset(w.volatility, grid) + route("early", constant("relay", 6 * hour * w.delay)) +
             route("late", constant("relay", day)) + collateral("e", "X", "early", early) +
             collateral("l", "X", "late", late);
    };
    const auto exact = [=](const World& w) {
      const double d = 6 * hour * w.delay, s = w.volatility * std::sqrt(d / year);
      return bivariate((std::log1p(-early) + 0.5 * s * s) / s, -2.0, std::sqrt(d / day));
    };
    rows.push_back({*grid ? "two_times_grid" : "two_times",
                    n,
                    scenario,
                    {probability("P(both under)", n, exact, &World::delay, joint_under(0, 1))
                         .as_published(0.004052946235163, 1e-12)}});
  }
}

/// The price layer: the haircut if the collateral were seized at oracle + one block, whatever the message takes.
void price_layers(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  const auto scenario = [](double block, const std::function<std::string(const World&)>& stages) {
    return [=](const World& w) {
      return fmt::format("[chains.a]\nblock_time = {}\n", seconds(block)) + simple(0.05, stages)(w);
    };
  };
  const auto check = [](const std::function<double(const World&, double)>& tail) {  // of (world, haircut)
    const double q = solve([&](double h) { return -tail(World{}, h); }, -0.001, 0.0, 0.9);
    return quantile(
        "price layer at 99.9 %", n, q, [=](const World& w) { return tail(w, q); }, &World::volatility,
        price_layer(0, 1));
  };
  const auto fixed = [](double d) { return [=](const World& w, double h) { return below(1.0 - h, d, w.volatility); }; };
  const auto shifted = [](double block) {  // exponential oracle, mean 1 h
    return [=](const World& w, double h) {
      return over_gamma(1.0, hour, [&](double d) { return below(1.0 - h, d + block, w.volatility); });
    };
  };
  const auto slow = [](const World&) { return constant("oracle", 48) + ", " + exponential("relay", hour); };
  const auto random = [](const World&) { return exponential("oracle", hour) + ", " + exponential("relay", hour); };
  const auto quick = [](const World&) { return exponential("oracle", hour); };
  rows.push_back({"price_layer_fixed", n, scenario(12, slow), {check(fixed(60))}});
  rows.push_back({"price_layer_random", n, scenario(1800, random), {check(shifted(1800))}});
  rows.push_back({"price_layer_after_the_sale", n, scenario(1800, quick), {check(shifted(1800))}});
}

/// What turns a price into proceeds: sale costs, the basis of a wrapped token.
void proceeds(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  const auto fixed = [](const World& w) { return constant("relay", day * w.delay); };
  // slippage 0.02 sqrt(1/4) / 1.5, cost 1 %, bonus 5 %
  const double keep = (1.0 - 0.02 * 0.5 / 1.5) / 1.05, cost = 0.01 / 1.05;
  const auto before = [=](double h) { return (1.0 - h + cost) / keep; };  // proceeds before the sale that leave 1 - h
  const auto tail = [=](double h) {
    return [=](const World& w) { return below(before(h), day * w.delay, w.volatility); };
  };
  const double q = 1.0 - (keep * (1.0 - loss_quantile(0.001, day, 0.8)) - cost);
  rows.push_back(
      {"sale_costs",
       n,
       simple(0.15, fixed, "", "sale = { size = 1e4, depth = 4e4, exponent = 0.5, cost = 100.0, bonus = 0.05 }"),
       {probability("P(L > 15 %)", n, tail(0.15), &World::volatility, under(0)),
        quantile("haircut at 99.9 %", n, q, tail(q), &World::volatility, haircut(0, 1))}});

  const auto based = [](double h) {
    return [=](const World& w) { return below(1.0 - h, day * w.delay, w.volatility, 0.03 * 0.03); };
  };
  const double b = solve([&](double h) { return -based(h)(World{}); }, -0.001, 0.0, 0.9);
  rows.push_back({"basis_lognormal",
                  n,
                  simple(0.12, fixed, "", "basis = { kind = \"lognormal\", median = 1.0, sigma = 0.03 }"),
                  {probability("P(L > 12 %)", n, based(0.12), &World::volatility, under(0)),
                   quantile("haircut at 99.9 %", n, b, based(b), &World::delay, haircut(0, 1))}});

  const auto mixed = [](const World& w) {
    const auto at = [&](double basis) { return below(0.88 / basis, day * w.delay, w.volatility); };
    return 0.9 * at(1.0) + 0.1 * over_uniform(0.9, 1.0, at);
  };
  rows.push_back({"basis_mixture",
                  n,
                  simple(0.12, fixed, "",
                         "basis = { kind = \"mixture\", of = [ { weight = 0.9, kind = \"constant\", value = 1.0 }, "
                         "{ weight = 0.1, kind = \"uniform\", min = 0.9, max = 1.0 } ] }"),
                  {probability("P(L > 12 %)", n, mixed, &World::volatility, under(0))}});
}

/// What a failure does: how often it hits, what is recovered, how long the layer stands still.
void failures(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  const auto hazard = [](double p) {
    return -10.0 * std::log1p(-p);
  };  // so that an exposure of 36.5 d is hit with probability p
  const auto hit = [](double p, const World& w) { return -std::expm1(std::log1p(-p) * w.hazard); };
  {
    constexpr double p = 0.02;
    const auto scenario = [=](const World& w) {
      return one_asset(w.volatility) +
             fmt::format(
                 "[layers.l]\nhazard = {:.17g}\nexposure = \"36.5d\"\nrecovery = {{ kind = \"mixture\", of = [ {{ "
                 "weight = 0.35, kind = "
                 "\"constant\", value = {:.17g} }}, {{ weight = 0.25, kind = \"uniform\", min = {:.17g}, max = {:.17g} "
                 "}}, {{ weight = 0.40, "
                 "kind = \"uniform\", min = 0.0, max = {:.17g} }} ] }}\n",
                 hazard(p) * w.hazard, 2.0 - w.severity, 0.65 * (2.0 - w.severity), 0.85 * (2.0 - w.severity),
                 0.3 * (2.0 - w.severity)) +
             route("r", constant("relay", day * w.delay), "l") + collateral("k", "X", "r", 0.25);
    };
    const auto unhit = [](const World& w, double h) { return below(1.0 - h, day * w.delay, w.volatility); };
    const auto struck = [=](const World& w, double h) {
      const auto at = [&](double r) { return r > 0.0 ? unhit(w, 1.0 - (1.0 - h) / r) : 1.0; };
      return 0.35 * at(1.0) + 0.25 * over_uniform(0.65, 0.85, at) + 0.40 * over_uniform(0.0, 0.3, at);
    };
    const auto tail = [=](const World& w, double h) {
      return (1.0 - hit(p, w)) * unhit(w, h) + hit(p, w) * struck(w, h);
    };
    const double q = solve([&](double h) { return -tail(World{}, h); }, -0.01, 0.0, 1.0),
                 spared = loss_quantile(0.001, day, 0.8);
    // E[r S] and E[(r S)^2] of a failed path: S has mean 1
    const double first = 0.35 + 0.25 * 0.75 + 0.40 * 0.15;
    const double second =
        (0.35 + 0.25 * (0.75 * 0.75 + 0.04 / 12) + 0.40 * (0.15 * 0.15 + 0.09 / 12)) * std::exp(0.64 / 365);
    const double error = std::sqrt((second - first * first) / (double(n) * p));
    rows.push_back(
        {"recovery_mixture",
         n,
         scenario,
         {probability(
              "P(layer fails)", n, [=](const World& w) { return hit(p, w); }, &World::hazard, layer_fails(0)),
          probability(
              "P(L > 25 %)", n, [=](const World& w) { return tail(w, 0.25); }, &World::hazard, under(0)),
          quantile(
              "haircut at 99 %", n, q, [=](const World& w) { return tail(w, q); }, &World::hazard, haircut(0, 0)),
          quantile(
              "haircut at 99.9 % without failure", std::uint64_t(double(n) * (1.0 - p)), spared,
              [=](const World& w) { return unhit(w, spared); }, &World::volatility, given_no_failure(0, 1)),
          mean(
              "E[L | failure]", [=](const World& w) { return 1.0 - first * (2.0 - w.severity); }, error,
              &World::severity,
              with_error([](const Results&, const Answers& a) { return *a.collateral[0].loss_given_failure; },
                         error))}});
  }
  {
    constexpr double p = 0.5, h = 0.035;
    const auto scenario = [=](const World& w) {
      return one_asset(w.volatility) +
             fmt::format(
                 "[layers.l]\nhazard = {:.17g}\nexposure = \"36.5d\"\nrecovery = {{ kind = \"constant\", value = 1.0 "
                 "}}\nstall = {{ "
                 "kind = \"exponential\", mean = {} }}\n",
                 hazard(p) * w.hazard, seconds(hour * w.delay)) +
             route("r", constant("relay", hour), "l") + collateral("k", "X", "r", h);
    };
    const auto exact = [=](const World& w) {
      const auto stalled = [&](double d) { return below(1.0 - h, hour + d, w.volatility); };
      return (1.0 - hit(p, w)) * stalled(0.0) + hit(p, w) * over_gamma(1.0, hour * w.delay, stalled);
    };
    rows.push_back({"stall", n, scenario, {probability("P(L > 3.5 %)", n, exact, &World::delay, under(0))}});
  }
  for (const double exposure : {0.0, 1.5 * hour}) {  // hit iff the layer fails within max(exposure, delay)
    const auto scenario = [=](const World& w) {
      return one_asset(w.volatility) +
             fmt::format("[layers.l]\nhazard = {:.17g}\nexposure = {}\n", 876.0 * w.hazard, seconds(exposure)) +
             route("r", exponential("relay", hour * w.delay), "l") + collateral("k", "X", "r", 0.1);
    };
    const auto exact = [=](const World& w) {
      const double rate = 876.0 * w.hazard / year, mean = hour * w.delay;
      const double spared = -std::expm1(-exposure / mean) * std::exp(-rate * exposure) +
                            std::exp(-(rate + 1.0 / mean) * exposure) / (1.0 + rate * mean);
      return 1.0 - spared;
    };
    rows.push_back(
        {exposure > 0.0 ? "window_exposure" : "window_delay",
         n,
         scenario,
         {probability("P(hit)", n, exact, exposure > 0.0 ? &World::hazard : &World::delay, layer_fails(0))}});
  }
  const auto late = [](const World& w) { return std::exp(-2.4 / w.delay); };
  rows.push_back({"unresolved",
                  n,
                  simple(0.5, [](const World& w) { return exponential("relay", 10 * hour * w.delay); }),
                  {probability("P(delay > horizon)", n, late, &World::delay, unresolved()),
                   probability("P(L > 50 %)", n, late, &World::delay, under(0))},
                  "24h"});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = testing::rows_of<World>(
      {fixed_delay, gamma_delay, three_stages, joint_failures, joint_tails, price_layers, proceeds, failures});
  return all;
}

// ---- the tests ------------------------------------------------------------------------------------------------------

class ClosedForm : public ::testing::TestWithParam<const Row*> {};
TEST_P(ClosedForm, LiesInTheIntervalOfTheProgram) { testing::lies_in_the_interval(*GetParam()); }
TEST_P(ClosedForm, RejectsAPlantedError) { testing::rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, ClosedForm, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, ClosedForm, ::testing::ValuesIn(rows_that_run(rows(), true)), row_name);
TEST(ClosedForms, AreSound) { testing::are_sound(rows(), 1.0); }

// The power that the checks state, by the binomial law itself, for one where it can be counted out: N = 1e4, p = 0.2.
TEST(ClosedForms, StateTheirPower) {
  constexpr std::uint64_t n = 10'000;
  const double p = 0.2, error = testing::detected_error(double(n), p, 0.9, level);
  const boost::math::binomial_distribution<double> truth(double(n), p * (1.0 + error));
  double power = 0.0;
  for (std::uint64_t x = 0; x <= n; ++x) {
    if (!agrees(proportion(x, n, level), p)) power += boost::math::pdf(truth, double(x));
  }
  EXPECT_NEAR(power, 0.9, 1e-6);
}

}  // namespace
}  // namespace proofload
