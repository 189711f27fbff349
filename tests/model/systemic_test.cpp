// One stress factor, and parameters that are not known for certain, against theory (DESIGN 1.5). checks.h says what a
// check is and how it proves that it would see an error.
#include <algorithm>

#include "tests/model/outages.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

constexpr std::uint64_t n = 1'000'000;

std::string systemic(const std::string& keys) { return "[systemic]\n" + keys; }
std::string key(const char* name, double value) { return fmt::format("{} = {:.17g}\n", name, value); }
/// A drift that leaves none to the log price of an asset of this volatility.
std::string flat(double volatility) { return fmt::format("drift = {:.17g}\n", 0.5 * volatility * volatility); }

/// P(X < a, Y < b) for standard bivariate t: the mean of the normal probability over the mixing variance.
double bivariate_t(double dof, double a, double b, double rho) {
  const double unit = std::sqrt(dof / (dof - 2.0));
  return over_mixer(dof, [&](double w) { return bivariate(a / std::sqrt(w) / unit, b / std::sqrt(w) / unit, rho); });
}

// ---- the factor -----------------------------------------------------------------------------------------------------

/// Hazards times exp(eta G - eta^2 / 2) on one path: all of them, own, of networks and of verifiers (errors: a draw per
/// layer; the mean hazard not kept; only own hazards multiplied).
void hazards(std::vector<Row>& rows) {
  const auto eta = [](const World& w) { return 1.2 * w.correlation; };
  const auto mean = [=](const World& w, auto f) {
    return over_normal([&](double g) { return f(std::exp(eta(w) * g - 0.5 * eta(w) * eta(w))); });
  };
  const double e0 = 30.0 / 365.0, e1 = 50.0 / 365.0;
  rows.push_back(
      {"hazards",
       n,
       [=](const World& w) {
         return one_asset(0.8) + layer("one", 1.0 * w.size, 30.0) +
                layer("two", 0.1, 50.0,
                      "network = \"n\"\ncommon_hazard = 0.4\nverifiers = \"v\"\nverifier_hazard = 0.5\n") +
                sale_over("one") + sale_over("two") + systemic(key("hazards", eta(w)));
       },
       {probability(
            "P(one)", n, [=](const World& w) { return mean(w, [&](double m) { return lost(w.size * e0 * m); }); },
            &World::size, both_fail(0, 0)),
        probability(
            "P(two)", n, [=](const World& w) { return mean(w, [&](double m) { return lost(e1 * m); }); },
            &World::correlation, both_fail(1, 1)),
        probability(
            "P(both)", n,
            [=](const World& w) { return mean(w, [&](double m) { return lost(w.size * e0 * m) * lost(e1 * m); }); },
            &World::correlation, both_fail(0, 1))}});
}

/// P(the price layer of collateral 0 loses h or more), h a multiple of 1e-5.
Measure price_layer_beyond(double h) {
  return [=](const Results& r, const Answers&) {
    return counted(beyond(r, r.tally.layout.price(r.compiled.reading_of[0]), h), r.tally.paths);
  };
}
double on_the_bins(double h) { return std::round(h * 1e5) * 1e-5; }
std::string block_of(double s) { return fmt::format("[chains.a]\nblock_time = {}\n", seconds(s)); }

/// Volatility times exp(gamma G - gamma^2), one for all assets; the drift of the log price stays (error: mean variance
/// not kept). On the way to the sale too, at the price layer; and jumps keep their size.
void volatilities(std::vector<Row>& rows) {
  const auto scale = [](const World& w, double g) {
    const double gamma = 0.4 * w.correlation;
    return std::exp(gamma * g - gamma * gamma);
  };
  const double d = 8 * hour, sd = 0.8 * std::sqrt(d / year), rho = 0.3, h = loss(-2.6 * sd);
  const auto score = [=](const World& w, double g) { return -2.6 / (w.volatility * scale(w, g)); };
  const double block = 3 * hour, hp = on_the_bins(loss(-2.4 * 0.8 * std::sqrt(block / year)));
  for (const char* grid : {"", "grid = { step = \"3h\" }\n"}) {
    rows.push_back(
        {*grid ? "volatility_on_a_grid" : "volatility",
         n,
         [=](const World& w) {
           const double s = 0.8 * w.volatility, mu = 0.5 * s * s;
           return block_of(block) + assets({{"X", s, mu}, {"Y", s, mu}}) + correlation(rho) + grid +
                  route("r", constant("relay", d)) + collateral("x", "X", "r", h) + collateral("y", "Y", "r", h) +
                  systemic(key("volatility", 0.4 * w.correlation));
         },
         {probability(
              "P(L > h)", n, [=](const World& w) { return over_normal([&](double g) { return normal(score(w, g)); }); },
              &World::correlation, under(0)),
          probability(
              "P(both)", n,
              [=](const World& w) {
                return over_normal([&](double g) { return bivariate(score(w, g), score(w, g), rho); });
              },
              &World::volatility, joint_under(0, 1)),
          probability(
              "P(L > h) at the price layer", n,
              [=](const World& w) {
                return over_normal([&](double g) {
                  return normal(std::log1p(-hp) / (0.8 * w.volatility * scale(w, g) * std::sqrt(block / year)));
                });
              },
              &World::correlation, price_layer_beyond(hp))}});
  }
  // A jump of exactly 4 % a day and a half on average.
  const double rate = 240.0, jump = -0.04, t = day / year;
  rows.push_back({"volatility_spares_jumps",
                  n,
                  [=](const World& w) {
                    return one_asset(0.3,
                                     fmt::format("drift = {:.17g}\njumps = {{ kind = \"merton\", intensity = {:.17g}, "
                                                 "mean = {:.17g}, stdev = 0.0 }}\n",
                                                 0.045, rate, jump * w.size)) +
                           route("r", constant("relay", day)) + collateral("k", "X", "r", 0.06) +
                           systemic(key("volatility", 0.4 * w.correlation));
                  },
                  {probability(
                      "P(L > 6 %)", n,
                      [=](const World& w) {
                        return over_normal([&](double g) {
                          return over_poisson(rate * t, [&](int jumps) {
                            const double drift = -rate * std::expm1(jump * w.size) * t + jumps * jump * w.size;
                            return normal((std::log1p(-0.06) - drift) / (0.3 * scale(w, g) * std::sqrt(t)));
                          });
                        });
                      },
                      &World::size, under(0))}});
}

/// Prices fall with G: x gains -b sigma sqrt(t) G and the Brownian correlation gives way, so that at a fixed time
/// nothing is seen of it (errors: marginals or correlations that move); at two times and together with the delays it
/// is.
void prices(std::vector<Row>& rows) {
  const double d = day, early = 6 * hour, s = 0.8, b = 0.6, rho = 0.5;
  const auto at = [=](double score, double t) { return loss(score * s * std::sqrt(t / year)); };
  const double hp = on_the_bins(at(-2.2, early));
  const auto pair = [=](const World& w) {
    return assets({{"X", s * w.volatility, 0.5 * s * s * w.volatility * w.volatility},
                   {"Y", s * w.volatility, 0.5 * s * s * w.volatility * w.volatility}}) +
           correlation(rho * w.correlation);
  };
  rows.push_back(
      {"prices_at_a_time",
       n,
       [=](const World& w) {
         return block_of(early) + pair(w) + route("r", constant("relay", d)) + collateral("x", "X", "r", at(-2.2, d)) +
                collateral("y", "Y", "r", at(-1.5, d)) + systemic("prices = [0.6, 0.4]\n");
       },
       {probability(
            "P(X)", n, [=](const World& w) { return normal(-2.2 / w.volatility); }, &World::volatility, under(0)),
        probability(
            "P(X and Y)", n,
            [=](const World& w) { return bivariate(-2.2 / w.volatility, -1.5 / w.volatility, rho * w.correlation); },
            &World::correlation, joint_under(0, 1)),
        probability(
            "P(X) at the price layer", n,
            [=](const World& w) { return normal(std::log1p(-hp) / (s * w.volatility * std::sqrt(early / year))); },
            &World::volatility, price_layer_beyond(hp))}});
  // One asset at two times: what G does is there from the start, in proportion to sqrt(t).
  const auto loading = [=](const World& w) { return b * w.size; };
  rows.push_back({"prices_at_two_times",
                  n,
                  [=](const World& w) {
                    return one_asset(s, flat(s)) + route("early", constant("relay", early)) +
                           route("late", constant("relay", d)) + collateral("e", "X", "early", at(-2.0, early)) +
                           collateral("l", "X", "late", at(-2.0, d)) + systemic(key("prices", loading(w)));
                  },
                  {probability(
                      "P(both)", n,
                      [=](const World& w) {
                        const double q = loading(w) * loading(w);
                        return bivariate(-2.0, -2.0, (1.0 - q) * std::sqrt(early / d) + q);
                      },
                      &World::size, joint_under(0, 1))}});
  // Prices fall when delays are long: given the delay's score z, the price's is normal with mean -b l z and variance 1
  // - b^2 l^2.
  const auto delay = [](const World& w, double z) { return 3 * hour * w.delay * std::exp(0.9 * z); };
  const double l = 0.7, h = 0.05;
  for (const char* grid : {"", "grid = { step = \"2h\" }\n"}) {
    rows.push_back(
        {*grid ? "prices_with_delays_on_a_grid" : "prices_with_delays",
         n,
         [=](const World& w) {
           return one_asset(s, flat(s) + grid) +
                  route("r", fmt::format("{{ name = \"relay\", {} }}", lognormal_time(3 * hour * w.delay, 0.9).text)) +
                  collateral("k", "X", "r", h) + systemic(key("delays", l) + key("prices", loading(w)));
         },
         {probability(
              "P(L > 5 %)", n,
              [=](const World& w) {
                const double c = loading(w) * l;
                return over_normal([&](double z) {
                  return normal((std::log1p(-h) / (s * std::sqrt(delay(w, z) / year)) + c * z) /
                                std::sqrt(1.0 - c * c));
                });
              },
              &World::delay, under(0)),
          probability(
              "P(L > 5 %), by loading", n,
              [=](const World& w) {
                const double c = loading(w) * l;
                return over_normal([&](double z) {
                  return normal((std::log1p(-h) / (s * std::sqrt(delay(w, z) / year)) + c * z) /
                                std::sqrt(1.0 - c * c));
                });
              },
              &World::size, under(0))}});
  }
  // Student-t shocks: the mixer of a path multiplies what G does too, so that marginals at a fixed time stay t.
  const double c = s * std::sqrt(0.5 * d / year);
  rows.push_back({"prices_student_t",
                  n,
                  [=](const World& w) {
                    const double v = s * w.volatility;
                    return one_asset(v, flat(v) + student_t(4.0)) + route("r", constant("relay", d)) +
                           collateral("k", "X", "r", loss(-3.0 * c)) + systemic(key("prices", b));
                  },
                  {probability(
                      "P(L > h)", n, [=](const World& w) { return student(4.0, -3.0 / w.volatility); },
                      &World::volatility, under(0))}});
}

/// Scores of delays, normal or Student copula: two routes' delays, a stage of each; and each for itself as ever.
void delays(std::vector<Row>& rows) {
  const double m0 = hour, s0 = 0.8, mean1 = 2 * hour, z0 = 1.6, z1 = 1.3;
  const auto time0 = [=](double z) { return std::ceil(m0 * std::exp(s0 * z)); };
  const auto time1 = [=](double z) { return std::ceil(-mean1 * std::log(normal(-z))); };
  const double a0 = std::log(time0(z0) / m0) / s0, a1 = -normal_score(std::exp(-time1(z1) / mean1));
  const auto scenario = [=](const World& w, const std::string& keys) {
    return clocks({time0(z0), time1(z1)}) +
           route("r", fmt::format("{{ name = \"relay\", {} }}", lognormal_time(m0 * w.delay, s0).text)) +
           route("q", exponential("finality", mean1), "", "c") + watch(0, "r") + watch(1, "q") + systemic(keys);
  };
  const auto moved = [=](const World& w) { return a0 - std::log(w.delay) / s0; };
  rows.push_back({"delays_normal_copula",
                  n,
                  [=](const World& w) { return scenario(w, key("delays", 0.7 * w.correlation)); },
                  {probability(
                       "P(r late)", n, [=](const World& w) { return normal(-moved(w)); }, &World::delay, under(0)),
                   probability(
                       "P(both late)", n,
                       [=](const World& w) { return bivariate(-moved(w), -a1, 0.49 * w.correlation * w.correlation); },
                       &World::correlation, joint_under(0, 1))}});
  struct {
    const char* name;
    double loading, dof;
  } const cases[] = {{"delays_student_copula", 0.7, 3.0}, {"delays_student_copula_far", 0.6, 2.5}};
  for (const auto& c : cases) {
    const auto quantile_t = [](double dof, double z) {  // the t score of a normal one
      return -boost::math::quantile(boost::math::students_t(dof), normal(-z));
    };
    rows.push_back(
        {c.name,
         n,
         [=](const World& w) {
           return scenario(w, key("delays", c.loading * w.correlation) +
                                  fmt::format("copula = {{ kind = \"student_t\", dof = {:.17g} }}\n", c.dof * w.shape));
         },
         {probability(
              "P(r late)", n, [=](const World& w) { return normal(-moved(w)); }, &World::delay, under(0)),
          probability(
              "P(both late), by loading", n,
              [=](const World& w) {
                const double dof = c.dof * w.shape, rho = c.loading * c.loading * w.correlation * w.correlation;
                return bivariate_t(dof, -quantile_t(dof, moved(w)), -quantile_t(dof, a1), rho);
              },
              &World::correlation, joint_under(0, 1)),
          probability(
              "P(both late), by dof", n,
              [=](const World& w) {
                const double dof = c.dof * w.shape, rho = c.loading * c.loading * w.correlation * w.correlation;
                return bivariate_t(dof, -quantile_t(dof, moved(w)), -quantile_t(dof, a1), rho);
              },
              &World::shape, joint_under(0, 1))}});
  }
}

/// A delay is Q(Phi(z)), Q of the whole law: what shares a score is late together whatever laws it is read through, and
/// the stress factor and a copula reach the tail of every law (errors: a component or piece that is picked by a draw of
/// its own, P(both late) of 4e-4 instead of 0.02; one read in the order in which it is written, 0).
void whole_laws(std::vector<Row>& rows) {
  const double late = 0.02, mean = hour, after = 0.5 * hour;
  const auto tail = [=](const World& w) { return late * std::exp(-after / (mean * w.delay)); };
  const auto mixed = [=](const World& w, bool turned) {
    const std::string atom = fmt::format("{{ weight = {}, kind = \"constant\", value = \"0s\" }}", 1.0 - late);
    const std::string slow =
        fmt::format("{{ weight = {}, kind = \"exponential\", mean = {} }}", late, seconds(mean * w.delay));
    return "kind = \"mixture\", of = [ " + (turned ? slow + ", " + atom : atom + ", " + slow) + " ]";
  };
  const auto stage = [](const std::string& law) { return "{ name = \"other\", scope = \"layer\", " + law + " }"; };
  const double median = 600.0, spread = 1.0, at = std::ceil(median * std::exp(spread * 1.5));
  rows.push_back({"one_score_for_a_mixture",
                  n,
                  [=](const World& w) {
                    return clocks({after, after, at}) + layer("l", 0.0, 1.0) + route("m", stage(mixed(w, false)), "l") +
                           route("t", stage(mixed(w, true)), "l") +
                           route("n", stage(lognormal_time(median, spread).text), "l") + watch(0, "m") + watch(1, "t") +
                           watch(2, "n");
                  },
                  {probability("P(mixture late)", n, tail, &World::delay, under(0)),
                   probability("P(both orders late)", n, tail, &World::delay, joint_under(0, 1)),
                   probability("P(mixture and lognormal late)", n, tail, &World::delay, joint_under(0, 2))}});

  // Loaded on G: delays on two routes, of a mixture and of measured quantiles, go together as their scores do.
  const double p0 = 0.8, q0 = 6 * hour, q1 = 30 * hour, beyond = 18 * hour;
  const auto measured = [=](const World& w) {  // P(late) = (1 - p0) / 2: half of the last piece is later
    return fmt::format(
        "{{ name = \"relay\", kind = \"empirical\", quantiles = [ [0.0, \"1m\"], [{:.17g}, {}], [1.0, {}] ] }}", p0,
        seconds(q0), seconds(q0 + (q1 - q0) * w.size));
  };
  const auto slow = [=](const World& w) { return (1.0 - p0) * (1.0 - (beyond - q0) / ((q1 - q0) * w.size)); };
  const auto both = [=](const World& w, double rho) {
    return bivariate(normal_score(tail(w)), normal_score(slow(w)), rho);
  };
  const double a = 0.8;
  rows.push_back(
      {"loaded_tails_of_measured_laws",
       n,
       [=](const World& w) {
         return clocks({after, beyond}) + route("m", "{ name = \"relay\", " + mixed(w, true) + " }") +
                route("e", measured(w), "", "c") + watch(0, "m") + watch(1, "e") +
                systemic(key("delays", a * w.correlation));
       },
       {probability("P(measured late)", n, slow, &World::size, under(1)),
        probability(
            "P(both late)", n, [=](const World& w) { return both(w, a * a * w.correlation * w.correlation); },
            &World::correlation, joint_under(0, 1))}});

  // The haircut's tail: volatility and a measured delay on one G. Given the delay's score s, G is normal with mean a s.
  const double knots[] = {0.0, 0.5, 0.9, 0.99, 1.0}, values[] = {600.0, 1800.0, hour, 6 * hour, day};
  const double gamma = 0.6, v = 0.8, h = 0.115;
  const auto quantile = [=](double p) {
    int i = 1;
    while (i < 4 && p > knots[i]) ++i;
    return values[i - 1] + (values[i] - values[i - 1]) * (p - knots[i - 1]) / (knots[i] - knots[i - 1]);
  };
  const auto exceeds = [=](const World& w) {
    const double l = a * w.correlation;
    const auto given = [&](double s) {
      const double deviation = v * std::sqrt(quantile(normal(s)) * w.delay / year);
      return std::exp(-0.5 * s * s) / std::sqrt(2.0 * std::numbers::pi) * over_normal([&](double x) {
               const double g = l * s + std::sqrt(1.0 - l * l) * x;
               return normal(std::log1p(-h) / (deviation * std::exp(gamma * g - gamma * gamma)));
             });
    };
    double sum = 0.0, from = -8.0;
    for (const double p : {0.5, 0.9, 0.99}) {
      sum += integral(given, from, normal_score(p), 4);
      from = normal_score(p);
    }
    return sum + integral(given, from, 8.0, 4);
  };
  rows.push_back({"haircut_of_measured_delays_under_stress",
                  n,
                  [=](const World& w) {
                    std::string list;
                    for (int i = 0; i < 5; ++i)
                      list += fmt::format("{}[{}, {}]", i == 0 ? "" : ", ", knots[i], seconds(values[i] * w.delay));
                    return one_asset(v, flat(v)) +
                           route("r", "{ name = \"relay\", kind = \"empirical\", quantiles = [" + list + "] }") +
                           collateral("k", "X", "r", h) +
                           systemic(key("delays", a * w.correlation) + key("volatility", gamma));
                  },
                  {probability("P(L > h)", n, exceeds, &World::correlation, under(0)),
                   probability("P(L > h), by delay", n, exceeds, &World::delay, under(0))}});
}

/// Rates of outages like hazards; everything that G touches is late, fails and falls on the same paths.
void together(std::vector<Row>& rows) {
  const double part = 600.0, x = 2 * hour;
  const auto outage = [](const World& w, double factor) {
    return Standstill{60.0 * w.size * factor, exponential_time(6 * hour * w.shape)};
  };
  const auto eta = [](const World& w) { return 1.0 * w.correlation; };
  const auto mean = [=](const World& w, auto f) {
    return over_normal([&](double g) { return f(std::exp(eta(w) * g - 0.5 * eta(w) * eta(w))); });
  };
  rows.push_back(
      {"outages",
       n,
       [=](const World& w) {
         return clocks({part + x, part + x}) + chain_with("b", {outage(w, 1.0)}) + chain_with("c", {outage(w, 1.0)}) +
                route("r", constant("finality", part)) + route("q", constant("finality", part), "", "c") +
                watch(0, "r") + watch(1, "q") + systemic(key("outages", eta(w)));
       },
       {probability(
            "P(r waits 2 h)", n,
            [=](const World& w) { return mean(w, [&](double m) { return outage(w, m).waits(x, 0.0, part); }); },
            &World::shape, under(0)),
        probability(
            "P(both wait 2 h)", n,
            [=](const World& w) {
              return mean(w, [&](double m) { return std::pow(outage(w, m).waits(x, 0.0, part), 2); });
            },
            &World::correlation, joint_under(0, 1))}});
  // Late and failed: clock 0 on a route that cannot fail; layer l recovers nothing of what is sold at once.
  const double l = 0.6, m0 = hour, s0 = 0.8, at = 3 * hour, load = 1.5 * 30.0 / 365.0;
  rows.push_back({"delays_and_hazards",
                  n,
                  [=](const World& w) {
                    return clocks({at, 10 * day}) + layer("l", 1.5 * w.size, 30.0) +
                           route("r",
                                 fmt::format("{{ name = \"relay\", {} }}", lognormal_time(m0 * w.delay, s0).text)) +
                           route("f", constant("relay", 60), "l") + watch(0, "r") + watch(1, "f") +
                           systemic(key("delays", l) + key("hazards", eta(w)));
                  },
                  {probability(
                      "P(late and failed)", n,
                      [=](const World& w) {
                        const double z = std::log(at / (m0 * w.delay)) / s0;
                        return over_normal([&](double g) {
                          return normal((l * g - z) / std::sqrt(1.0 - l * l)) *
                                 lost(load * w.size * std::exp(eta(w) * g - 0.5 * eta(w) * eta(w)));
                        });
                      },
                      &World::correlation, joint_under(0, 1))}});
  // Prices and hazards: the loss of a sale that has nothing to do with the layer that fails.
  const double s = 0.8, d = day, h = loss(-1.5 * s * std::sqrt(d / year));
  const auto b = [](const World& w) { return 0.5 * w.correlation; };
  rows.push_back({"prices_and_hazards",
                  n,
                  [=](const World& w) {
                    return one_asset(s, flat(s)) + layer("l", 1.5 * w.size, 30.0) + route("r", constant("relay", d)) +
                           route("f", constant("relay", 60), "l") + collateral("k", "X", "r", h) +
                           collateral("f", "X", "f", 0.5) + systemic(key("prices", b(w)) + key("hazards", 1.0));
                  },
                  {probability(
                      "P(L > h and failed)", n,
                      [=](const World& w) {
                        return over_normal([&](double g) {
                          return normal((-1.5 + b(w) * g) / std::sqrt(1.0 - b(w) * b(w))) *
                                 lost(load * w.size * std::exp(g - 0.5));
                        });
                      },
                      &World::correlation, joint_under(0, 1))}});
}

// ---- what is not known for certain ----------------------------------------------------------------------------------

/// Predictive probabilities: the parameter is drawn on every path.
void uncertain(std::vector<Row>& rows) {
  // k events in T years: P(no failure in w) = (1 + w / T)^-(k + 1/2). One draw per group (error: per layer), and none
  // for what others know.
  const double e0 = 40.0 / 365.0, e1 = 60.0 / 365.0;
  const auto known = [](double events, double years, const char* group) {
    return fmt::format("{{ events = {:.17g}, years = {:.17g}, group = \"{}\" }}", events, years, group);
  };
  const auto survives = [](double events, double years, double load) {
    return std::pow(1.0 + load / years, -(events + 0.5));
  };
  const auto years = [](const World& w) { return 1.2 / w.size; };
  const auto events = [](const World& w) { return 1.0 * w.shape; };
  rows.push_back(
      {"hazard_from_events",
       n,
       [=](const World& w) {
         return one_asset(0.8) + layer("one", 1.0, 40.0) + layer("two", 1.0, 60.0) + layer("three", 1.0, 40.0) +
                sale_over("one") + sale_over("two") + sale_over("three") +
                "[uncertainty]\nhazards = { one = " + known(events(w), years(w), "g") +
                ", two = " + known(events(w), years(w), "g") + ", three = " + known(0.0, years(w), "h") + " }\n";
       },
       {probability(
            "P(one)", n, [=](const World& w) { return 1.0 - survives(events(w), years(w), e0); }, &World::size,
            both_fail(0, 0)),
        probability(
            "P(no event was seen, and one comes)", n, [=](const World& w) { return 1.0 - survives(0.0, years(w), e0); },
            &World::size, both_fail(2, 2)),
        probability(
            "P(both of a group)", n,
            [=](const World& w) {
              const double k = events(w), t = years(w);
              return 1.0 - survives(k, t, e0) - survives(k, t, e1) + survives(k, t, e0 + e1);
            },
            &World::shape, both_fail(0, 1)),
        probability(
            "P(both of two groups)", n,
            [=](const World& w) {
              return (1.0 - survives(events(w), years(w), e0)) * (1.0 - survives(0.0, years(w), e0));
            },
            &World::size, both_fail(0, 2))}});

  // Volatility times exp(s Z), delays times exp(s Z) per owner.
  const double d = 8 * hour, sd = 0.8 * std::sqrt(d / year), h = loss(-2.8 * sd);
  rows.push_back({"volatility_uncertain",
                  n,
                  [=](const World& w) {
                    const double v = 0.8 * w.volatility;
                    return one_asset(v, flat(v)) + route("r", constant("relay", d)) + collateral("k", "X", "r", h) +
                           "[uncertainty]\n" + key("volatility", 0.3 * w.size);
                  },
                  {probability(
                      "P(L > h)", n,
                      [=](const World& w) {
                        return over_normal(
                            [&](double z) { return normal(-2.8 / w.volatility * std::exp(-0.3 * w.size * z)); });
                      },
                      &World::size, under(0))}});
  const double s0 = 0.8, m0 = hour, t0 = 5 * hour, t1 = 4 * hour, t2 = 6 * hour;
  const auto error = [](const World& w) { return 0.7 * w.size; };
  const auto spread = [=](const World& w) { return std::sqrt(s0 * s0 + error(w) * error(w)); };
  // Two stages of one chain share their factor but not their scores: r and q leave chain b, u leaves chain c.
  const auto staged = [=](const char* name) {
    return fmt::format("{{ name = \"{}\", {} }}", name, lognormal_time(m0, s0).text);
  };
  rows.push_back({"delays_uncertain",
                  n,
                  [=](const World& w) {
                    return clocks({t0, t1, t2}) + route("r", staged("source_inclusion")) +
                           route("q", staged("finality")) + route("u", staged("finality"), "", "c") + watch(0, "r") +
                           watch(1, "q") + watch(2, "u") + "[uncertainty]\n" + key("delays", error(w));
                  },
                  {probability(
                       "P(r late)", n, [=](const World& w) { return normal(-std::log(t0 / m0) / spread(w)); },
                       &World::size, under(0)),
                   probability(
                       "P(both of a chain late)", n,
                       [=](const World& w) {
                         return bivariate(-std::log(t0 / m0) / spread(w), -std::log(t1 / m0) / spread(w),
                                          error(w) * error(w) / (spread(w) * spread(w)));
                       },
                       &World::size, joint_under(0, 1)),
                   probability(
                       "P(both of two chains late)", n,
                       [=](const World& w) {
                         return normal(-std::log(t0 / m0) / spread(w)) * normal(-std::log(t2 / m0) / spread(w));
                       },
                       &World::size, joint_under(0, 2))}});

  // dof with a standard error: the tail's mean over it.
  const auto mixed = [](const World& w, double x) {
    return over_normal(
        [&](double z) {
          const double dof = std::max(2.05, 6.0 * w.shape + 1.5 * w.size * z);
          return student(dof, x * std::sqrt(dof / (dof - 2.0)));
        },
        -(6.0 * w.shape - 2.05) / (1.5 * w.size));
  };
  const double far = loss(-4.0 * 0.8 * std::sqrt(day / year));
  rows.push_back({"dof_uncertain",
                  4 * n,
                  [=](const World& w) {
                    const double v = 0.8 * w.volatility;
                    return one_asset(v, flat(v) + student_t(6.0 * w.shape)) + route("r", constant("relay", day)) +
                           collateral("k", "X", "r", far) + "[uncertainty]\n" + key("dof", 1.5 * w.size);
                  },
                  {probability(
                      "P(L > 4 deviations)", 4 * n, [=](const World& w) { return mixed(w, -4.0 / w.volatility); },
                      &World::volatility, under(0))}});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all =
      rows_of<World>({hazards, volatilities, prices, delays, whole_laws, together, uncertain});
  return all;
}

class Systemic : public ::testing::TestWithParam<const Row*> {};
TEST_P(Systemic, LiesInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Systemic, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
class SystemicError : public ::testing::TestWithParam<const Row*> {};
TEST_P(SystemicError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, SystemicError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
TEST(SystemicRows, AreSound) { are_sound(rows(), 0.4); }

// ---- what no interval is needed for ---------------------------------------------------------------------------------

std::string book(const std::string& more) {
  return "schema = 1\nname = \"s\"\n[run]\npaths = 100000\nseed = 5\nconfidence = [0.99, 0.999]\n" +
         assets({{"X", 0.8}, {"Y", 0.6}}) + correlation(0.5) +
         chain_with("b", {Standstill{40.0, lognormal_time(6 * hour, 0.8)}}) +
         layer("l", 3.0, 10.0,
               "network = \"n\"\ncommon_hazard = 1.0\nstall = { kind = \"exponential\", mean = \"1d\" }\n") +
         route("r", exponential("finality", hour) + ", " + exponential("relay", hour), "l") +
         collateral("x", "X", "r", 0.05) + collateral("y", "Y", "r", 0.05) + more;
}

/// All loadings zero is independence, count by count; any loading is not (so that the comparison sees something).
TEST(Systemic, LoadingsOfZeroChangeNothing) {
  const Results plain = run_text(book(""));
  const std::string zero = "delays = 0.0\nvolatility = 0.0\nhazards = 0.0\noutages = 0.0\nprices = 0.0\n";
  EXPECT_EQ(run_text(book(systemic(zero))).tally.counts, plain.tally.counts);
  EXPECT_EQ(run_text(book(systemic("copula = \"normal\"\n"))).tally.counts, plain.tally.counts);
  EXPECT_EQ(run_text(book("[uncertainty]\nvolatility = 0.0\ndelays = 0.0\n")).tally.counts, plain.tally.counts);
  for (const char* name : {"delays", "volatility", "hazards", "outages", "prices"})
    EXPECT_NE(run_text(book(systemic(key(name, 0.01)))).tally.counts, plain.tally.counts) << name;
}

/// What one loading does not touch keeps its counts: failures under loaded delays' outages and prices, delays under
/// loaded hazards.
TEST(Systemic, ALoadingMovesOnlyWhatItLoads) {
  const Results plain = run_text(book(""));
  const auto counts = [](const Results& r, std::size_t first, std::size_t size) {
    const auto at = r.tally.counts.begin() + std::ptrdiff_t(first);
    return std::vector<std::uint64_t>(at, at + std::ptrdiff_t(size));
  };
  const auto late = [&](const Results& r) { return counts(r, r.tally.layout.delay(0), delay_bins); };
  const auto failed = [&](const Results& r) { return counts(r, r.tally.layout.failed(0, 0), 1); };
  for (const char* name : {"volatility", "hazards", "prices"})
    EXPECT_EQ(late(run_text(book(systemic(key(name, 0.3))))), late(plain)) << name;
  EXPECT_EQ(failed(run_text(book(systemic(key("volatility", 0.3))))), failed(plain));
  EXPECT_EQ(failed(run_text(book(systemic(key("prices", 0.3))))), failed(plain));
  EXPECT_NE(failed(run_text(book(systemic(key("hazards", 0.3))))), failed(plain));
  EXPECT_NE(late(run_text(book(systemic(key("delays", 0.3))))), late(plain));
  EXPECT_NE(late(run_text(book(systemic(key("outages", 0.3))))), late(plain));
}

}  // namespace
}  // namespace proofload
