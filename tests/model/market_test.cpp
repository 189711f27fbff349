// Prices against closed forms: Student-t shocks, Merton's jumps, observers on the grid, factors, stress overlays.
// (Variance that moves: heston_test.cpp, bars_test.cpp.) checks.h says what a check is and how it proves that it would
// see an error.

#include <algorithm>

#include "run/replay.h"
#include "scenario/reader.h"
#include "tests/model/checks.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

// ---- closed forms ---------------------------------------------------------------------------------------------------

/// Log price X(t) = drift t + Brownian motion + jumps; times in seconds, rates per year.
struct Jumps {
  double intensity = 0.0, mean = 0.0, stdev = 0.0;
  double compensator() const { return intensity * std::expm1(mean + 0.5 * stdev * stdev); }
};
struct Merton {
  double s, mu = 0.0;
  Jumps jumps;
  double drift() const { return mu - 0.5 * s * s - jumps.compensator(); }

  /// P(X(d) < x)
  double below(double x, double d) const {
    const double t = d / year;
    return over_poisson(jumps.intensity * t, [&](int n) {
      return normal((x - drift() * t - n * jumps.mean) / std::sqrt(s * s * t + n * jumps.stdev * jumps.stdev));
    });
  }
  /// P(X(d1) < x1, X(d2) < x2), d1 < d2
  double below(double x1, double d1, double x2, double d2) const {
    const double t1 = d1 / year, dt = (d2 - d1) / year, v = jumps.stdev * jumps.stdev;
    return over_poisson(jumps.intensity * t1, [&](int n1) {
      const double v1 = s * s * t1 + n1 * v, m1 = drift() * t1 + n1 * jumps.mean;
      return over_poisson(jumps.intensity * dt, [&](int n2) {
        const double v2 = v1 + s * s * dt + n2 * v, m2 = m1 + drift() * dt + n2 * jumps.mean;
        return bivariate((x1 - m1) / std::sqrt(v1), (x2 - m2) / std::sqrt(v2), std::sqrt(v1 / v2));
      });
    });
  }
  std::string text(bool own = false) const {
    return fmt::format(
        "drift = {:.17g}\njumps = {{ kind = \"merton\", {}intensity = {:.17g}, mean = {:.17g}, stdev = {:.17g}{} }}\n",
        mu, own ? "own = [ { asset = \"X\", " : "", jumps.intensity, jumps.mean, jumps.stdev, own ? " } ]" : "");
  }
};

/// Student-t log returns of volatility s: c times a standard t.
double t_scale(double dof, double s, double d) { return s * std::sqrt((dof - 2.0) / dof * d / year); }
/// P(X < a, Y < b) for standard bivariate t: the mean of the normal probability over the mixing variance.
double bivariate_t(double dof, double a, double b, double rho) {
  const double unit = std::sqrt(dof / (dof - 2.0));
  return over_mixer(dof, [&](double w) { return bivariate(a / std::sqrt(w) / unit, b / std::sqrt(w) / unit, rho); });
}

/// P(a discretely watched Gaussian walk is below x < 0 at any of the dates 1 .. k) for k = 1 .. m: steps N(drift,
/// deviation^2), the density above x carried from date to date by Gauss-Legendre quadrature.
std::vector<double> first_passage(double x, double drift, double deviation, int m) {
  const double top = drift * m + 7.0 * deviation * std::sqrt(double(m)), width = 3.0 * deviation;
  std::vector<double> at, weight;
  using Rule = boost::math::quadrature::gauss<double, 20>;
  for (double low = x; low < top; low += width) {
    for (std::size_t i = 0; i < Rule::abscissa().size(); ++i) {
      for (const double sign : {-1.0, 1.0}) {
        at.push_back(low + 0.5 * width * (1.0 + sign * Rule::abscissa()[i]));
        weight.push_back(0.5 * width * Rule::weights()[i]);
      }
    }
  }
  const std::size_t n = at.size();
  const auto density = [&](double step) {
    const double z = (step - drift) / deviation;
    return std::exp(-0.5 * z * z) / (deviation * std::sqrt(2.0 * std::numbers::pi));
  };
  std::vector<double> now(n), next(n), passed, kernel(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    now[i] = density(at[i]);
    for (std::size_t j = 0; j < n; ++j) kernel[i * n + j] = density(at[i] - at[j]) * weight[j];
  }
  for (int k = 1; k <= m; ++k) {
    double above = 0.0;
    for (std::size_t i = 0; i < n; ++i) above += now[i] * weight[i];
    passed.push_back(1.0 - above);
    if (k == m) break;
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < n; ++j) sum += kernel[i * n + j] * now[j];
      next[i] = sum;
    }
    now.swap(next);
  }
  return passed;
}

// ---- rows -----------------------------------------------------------------------------------------------------------

/// Row 3 of the reference table, by common jumps, by own ones, and through a grid.
void merton(std::vector<Row>& rows) {
  const auto model = [](const World& w) {
    return Merton{0.6 * w.volatility, 0.0, {12.0 * w.shape, -0.10 * w.size, 0.12}};
  };
  struct {
    const char *name, *grid;
    bool own;
    std::uint64_t paths;
  } const cases[] = {{"merton_common", "", false, 4'000'000},
                     {"merton_own", "", true, 4'000'000},
                     {"merton_on_a_grid", "grid = { step = \"40m\" }\n", false, 2'000'000}};
  for (const auto& c : cases) {
    const auto check = [&](double h, Knob knob, int k, double value) {
      return probability(
                 fmt::format("P(L > {:.0f} %)", 100 * h), c.paths,
                 [=](const World& w) { return model(w).below(std::log1p(-h), day * w.delay); }, knob, under(k))
          .as_published(value, 1e-13);
    };
    rows.push_back(
        {c.name,
         c.paths,
         [=](const World& w) {
           return one_asset(0.6 * w.volatility, c.grid + model(w).text(c.own)) +
                  route("r", constant("relay", day * w.delay)) + collateral("k10", "X", "r", 0.1) +
                  collateral("k20", "X", "r", 0.2) + collateral("k30", "X", "r", 0.3);
         },
         {check(0.1, &World::volatility, 0, 0.0157736645290859), check(0.2, &World::shape, 1, 0.00518784110756135),
          check(0.3, &World::size, 2, 6.79720760683564e-4)}});
  }
}

/// Two sales and a price-layer time between them in one cell of a 1 h grid, with jumps: all have the law of theory,
/// also together.
void one_cell(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 3'000'000;
  const auto model = [](const World& w) {
    return Merton{0.6 * w.volatility, 0.3, {120.0 * w.shape, -0.06 * w.size, 0.05}};
  };
  const double x = std::log1p(-0.04);
  const double early = 20 * minute, late = 45 * minute;
  rows.push_back({"one_cell_of_a_grid",
                  n,
                  [=](const World& w) {
                    return fmt::format("[chains.a]\nblock_time = {}\n", seconds(30 * minute * w.delay)) +
                           one_asset(0.6 * w.volatility, "grid = { step = \"1h\" }\n" + model(w).text()) +
                           route("early", constant("relay", early * w.delay)) + route("late", constant("relay", late)) +
                           collateral("e", "X", "early", 0.04) + collateral("l", "X", "late", 0.04);
                  },
                  {probability(
                       "P(L > 4 %) at 20 min", n, [=](const World& w) { return model(w).below(x, early * w.delay); },
                       &World::delay, under(0)),
                   probability(
                       "P(L > 4 %) at 45 min", n, [=](const World& w) { return model(w).below(x, late); },
                       &World::shape, under(1)),
                   probability(
                       "P(both)", n, [=](const World& w) { return model(w).below(x, early * w.delay, x, late); },
                       &World::shape, joint_under(0, 1)),
                   probability(
                       "P(L > 4 %) at the price layer", n,
                       [=](const World& w) { return model(w).below(x, 30 * minute * w.delay); }, &World::delay,
                       [](const Results& r, const Answers&) {
                         return counted(beyond(r, r.tally.layout.price(r.compiled.reading_of[0]), 0.04), r.tally.paths);
                       })}});

  // Times on one Brownian path, without jumps.
  constexpr std::uint64_t m = 2'000'000;
  const double e = -1.8, l = -2.0;  // scores
  const auto haircut_at = [](double score, double d) {
    return loss(score * 0.8 * std::sqrt(d / year) - 0.32 * d / year);
  };
  const double he = haircut_at(e, early), hl = haircut_at(l, late);
  rows.push_back({"two_routes_in_one_cell",
                  m,
                  [=](const World& w) {
                    return one_asset(0.8, "grid = { step = \"1h\" }\n") +
                           route("early", constant("relay", early * w.delay)) + route("late", constant("relay", late)) +
                           collateral("e", "X", "early", he) + collateral("l", "X", "late", hl);
                  },
                  {probability(
                      "P(both)", m,
                      [=](const World& w) {
                        const double d = early * w.delay, sd = 0.8 * std::sqrt(d / year);
                        return bivariate((std::log1p(-he) + 0.32 * d / year) / sd, l, std::sqrt(d / late));
                      },
                      &World::delay, joint_under(0, 1))}});

  // A random delay over many cells.
  const double h = 0.04;
  rows.push_back({"random_delay_with_jumps",
                  n,
                  [=](const World& w) {
                    return one_asset(0.6, "grid = { step = \"1h\" }\n" + model(w).text()) +
                           route("r", exponential("relay", early * w.delay)) + collateral("k", "X", "r", h);
                  },
                  {probability(
                      "P(L > 4 %)", n,
                      [=](const World& w) {
                        return integral(
                            [&](double v) {
                              return 2.0 * v * std::exp(-v * v) *
                                     model(w).below(std::log1p(-h), early * w.delay * v * v);
                            },
                            1e-9, 6.5, 8);
                      },
                      &World::delay, under(0))}});
}

/// Row 4: Student-t returns with one mixer per path.
void student_rows(std::vector<Row>& rows) {
  constexpr std::uint64_t many = 10'000'000, n = 4'000'000, m = 2'000'000;
  // drift = volatility^2 / 2, so that the log price has none
  const auto flat = [](const World& w) { return fmt::format("drift = {:.17g}\n", 0.32 * w.volatility * w.volatility); };
  const auto below = [](const World& w, double h) {
    const double dof = 4.0 * w.shape;
    return student(dof, std::log1p(-h) / t_scale(dof, 0.8 * w.volatility, day));
  };
  const auto check = [&](double h, Knob knob, int k, double value) {
    return probability(
               fmt::format("P(L > {:.0f} %)", 100 * h), many, [=](const World& w) { return below(w, h); }, knob,
               under(k))
        .as_published(value, 1e-12);
  };
  constexpr double q = 0.191353250374;
  rows.push_back({"student_t",
                  many,
                  [=](const World& w) {
                    return one_asset(0.8 * w.volatility, flat(w) + student_t(4.0 * w.shape)) +
                           route("r", constant("relay", day)) + collateral("k10", "X", "r", 0.1) +
                           collateral("k20", "X", "r", 0.2) + collateral("k30", "X", "r", 0.3);
                  },
                  {check(0.1, &World::volatility, 0, 0.0118104171813848),
                   check(0.2, &World::shape, 1, 8.30166669107039e-4), check(0.3, &World::shape, 2, 1.36160493872336e-4),
                   quantile(
                       "haircut at 99.9 %", many, q, [=](const World& w) { return below(w, q); }, &World::volatility,
                       haircut(0, 1))},
                  "30d"});

  // One mixer over the whole path: two times are bivariate t, with and without a grid; so is the bridged price-layer
  // time.
  for (const char* grid : {"", "grid = { step = \"7h\" }\n"}) {
    const auto scale = [](double d) { return t_scale(4.0, 0.8, d); };
    const double early = 6 * hour, he = loss(-2.0 * scale(early)), hl = loss(-3.0 * scale(day));
    const double hp = std::round(loss(-5.0 * scale(2 * hour)) * 1e5) * 1e-5;
    rows.push_back({*grid ? "student_t_two_times_grid" : "student_t_two_times",
                    m,
                    [=](const World& w) {
                      return one_asset(0.8, flat(World{}) + student_t(4.0) + grid) +
                             route("early", constant("relay", early * w.delay)) +
                             route("late", constant("relay", day * w.size)) + collateral("e", "X", "early", he) +
                             collateral("l", "X", "late", hl);
                    },
                    {probability(
                        "P(both)", m,
                        [=](const World& w) {
                          return bivariate_t(4.0, -2.0 / std::sqrt(w.delay), -3.0 / std::sqrt(w.size),
                                             0.5 * std::sqrt(w.delay / w.size));
                        },
                        &World::size, joint_under(0, 1))}});
    rows.push_back(
        {*grid ? "student_t_price_layer_grid" : "student_t_price_layer",
         m,
         [=](const World& w) {
           return fmt::format("[chains.a]\nblock_time = {}\n", seconds(2 * hour * w.delay)) +
                  one_asset(0.8, flat(World{}) + student_t(4.0) + grid) + route("r", constant("relay", day)) +
                  collateral("k", "X", "r", 0.1);
         },
         {probability(
             "P(L > h)", m, [=](const World& w) { return student(4.0, std::log1p(-hp) / scale(2 * hour * w.delay)); },
             &World::delay,
             [=](const Results& r, const Answers&) {
               return counted(beyond(r, r.tally.layout.price(r.compiled.reading_of[0]), hp), r.tally.paths);
             })}});
  }

  // Two assets: the joint tail, and how it depends.
  const auto pair = [=](const World& w, double score) {
    const double c = t_scale(4.0, 0.8, day);
    return assets({{"X", 0.8, 0.32}, {"Y", 0.8, 0.32}}) + correlation(0.5 * w.correlation) + student_t(4.0 * w.shape) +
           route("r", constant("relay", day)) + collateral("x", "X", "r", loss(score * c)) +
           collateral("y", "Y", "r", loss(score * c));
  };
  const auto joint = [](const World& w, double score) {
    const double a = score * t_scale(4.0, 0.8, day) / t_scale(4.0 * w.shape, 0.8, day);
    return bivariate_t(4.0 * w.shape, a, a, 0.5 * w.correlation);
  };
  rows.push_back({"student_t_joint",
                  n,
                  [=](const World& w) { return pair(w, -3.0); },
                  {probability(
                       "P(X < -3, Y < -3)", n, [=](const World& w) { return joint(w, -3.0); }, &World::correlation,
                       joint_under(0, 1))
                       .as_published(6.06380805155e-3, 1e-11)}});
  const double far = boost::math::quantile(boost::math::students_t(4.0), 0.001);
  rows.push_back({"student_t_joint_far",
                  n,
                  [=](const World& w) { return pair(w, far); },
                  {probability(
                      "P(both below their 0.1 % quantile)", n, [=](const World& w) { return joint(w, far); },
                      &World::shape, joint_under(0, 1))}});

  // The book: half of each, proceeds (e^X + e^Y) / 2.
  const auto book = [](const World& w) {
    const double s = 0.8 * w.volatility / std::sqrt(365.0), rho = 0.5, c = 2.0 * 0.9;
    return over_mixer(4.0, [&](double v) {
      const double sd = s * std::sqrt(v), all = std::log(c) / sd;
      const auto f = [&](double z) {
        const double left = c - std::exp(sd * z);
        const double p = left > 0.0 ? normal((std::log(left) / sd - rho * z) / std::sqrt(1.0 - rho * rho)) : 0.0;
        return p * std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
      };
      return integral(f, -9.0, std::min(all, 9.0), 12);
    });
  };
  rows.push_back({"student_t_portfolio",
                  m,
                  [=](const World& w) {
                    const double s = 0.8 * w.volatility, mu = 0.5 * s * s;
                    return assets({{"X", s, mu}, {"Y", s, mu}}) + correlation(0.5) + student_t(4.0) +
                           route("r", constant("relay", day)) + collateral("x", "X", "r", 0.1) +
                           collateral("y", "Y", "r", 0.1) + "[portfolio]\nhaircut = 0.1\n";
                  },
                  {probability("P(book loses 10 %)", m, book, &World::volatility, book_under())}});
}

/// Row 5: what observers see on the grid.
void observers(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 1'000'000;
  const double x = std::log1p(-0.2);
  const auto passage = [=](const World& w, int dates, double step, double b) {
    const double s = 0.8 * w.volatility;
    return first_passage(b, -0.5 * s * s * step / year, s * std::sqrt(step / year), dates);
  };
  struct {
    const char* name;
    int dates;
    double value;
  } const cases[] = {{"first_passage_60", 60, 0.088599466877}, {"first_passage_10", 10, 0.073383923046}};
  for (const auto& c : cases) {
    const int m = c.dates;
    const auto exact = [=](const World& w) { return passage(w, m, 10 * day / m, x).back(); };
    rows.push_back({c.name,
                    n,
                    [=](const World& w) {
                      return one_asset(0.8 * w.volatility, fmt::format("grid = {{ steps = {} }}\n", m)) +
                             route("r", constant("relay", 10 * day)) + collateral("k", "X", "r", 0.2) +
                             "[portfolio]\nhaircut = 0.2\n";
                    },
                    {probability("P(loss > 20 % at any date)", n, exact, &World::volatility, breach(0))
                         .as_published(c.value, 1e-10),
                     probability("the book's worst date", n, exact, &World::volatility, least_beyond(0.2))},
                    "10d"});
  }
  // Half of the book stands still: it loses 10 % when the other half loses 20 %. The weights come from the collaterals,
  // two of one asset.
  rows.push_back({"worst_date_of_a_book",
                  n,
                  [=](const World& w) {
                    return assets({{"Z", 0.0}, {"X", 0.8 * w.volatility}}) + correlation(0.3) +
                           "grid = { steps = 10 }\n" + route("r", constant("relay", 10 * day)) +
                           route("now", constant("relay", 60)) + collateral("x", "X", "r", 0.2, "weight = 2.0") +
                           collateral("y", "X", "now", 0.2, "weight = 1.0") +
                           collateral("z", "Z", "r", 0.2, "weight = 3.0") + "[portfolio]\nhaircut = 0.2\n";
                  },
                  {probability(
                       "the book's worst date", n, [=](const World& w) { return passage(w, 10, day, x).back(); },
                       &World::volatility, least_beyond(0.1)),
                   probability(
                       "P(loss > 20 % at any date)", n, [=](const World& w) { return passage(w, 10, day, x).back(); },
                       &World::volatility, breach(0))},
                  "10d"});
  // Dates after the sale do not count; nor does the sale itself when it is not at a date.
  rows.push_back({"breach_before_a_random_sale",
                  n,
                  [=](const World& w) {
                    return one_asset(0.8 * w.volatility, "grid = { step = \"12h\" }\n") +
                           route("r", exponential("relay", day * w.delay)) +
                           route("long", constant("relay", 10 * day)) + collateral("k", "X", "r", 0.08) +
                           collateral("l", "X", "long", 0.08);
                  },
                  {probability(
                       "P(loss > 8 % at any date)", n,
                       [=](const World& w) {
                         const auto at = passage(w, 60, 12 * hour, std::log1p(-0.08));
                         double sum = 0.0;  // the sale comes between the dates k and k + 1
                         for (int k = 1; k <= 60; ++k)
                           sum += at[std::size_t(k - 1)] * std::exp(-0.5 * k / w.delay) * -std::expm1(-0.5 / w.delay);
                         return sum;
                       },
                       &World::delay, breach(0)),
                   probability(
                       "to the end of ten days", n,
                       [=](const World& w) { return passage(w, 20, 12 * hour, std::log1p(-0.08)).back(); },
                       &World::volatility, breach(1))},
                  "40d"});
  // Student-t and jumps at the dates: the first date alone has a closed form.
  rows.push_back({"breach_with_jumps",
                  n,
                  [=](const World& w) {
                    return one_asset(0.6 * w.volatility,
                                     "grid = { step = \"1d\" }\n" + Merton{0.6, 0.0, {12.0, -0.10, 0.12}}.text()) +
                           route("r", constant("relay", 1.9 * day)) + collateral("k", "X", "r", 0.1);
                  },
                  {probability(
                      "P(loss > 10 % after a day)", n,
                      [=](const World& w) {
                        return Merton{0.6 * w.volatility, 0.0, {12.0, -0.10, 0.12}}.below(std::log1p(-0.1), day);
                      },
                      &World::volatility, breach(0))}});
}

// ---- factors --------------------------------------------------------------------------------------------------------

constexpr int factor_assets = 20;
std::vector<std::vector<double>> loadings(double scale = 1.0) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < factor_assets; ++i)
    rows.push_back({scale * (0.40 + 0.02 * i), scale * (i % 2 ? 0.35 : -0.3), scale * 0.05 * (i % 5)});
  return rows;
}
double correlation_of(const std::vector<std::vector<double>>& l, int i, int j) {
  double sum = i == j ? 1.0 : 0.0;
  for (std::size_t k = 0; i != j && k < l[0].size(); ++k) sum += l[std::size_t(i)][k] * l[std::size_t(j)][k];
  return sum;
}
double volatility_of(int i) { return 0.5 + 0.04 * i; }
std::vector<Asset> factor_list(int n, double volatility = 1.0) {
  std::vector<Asset> list;
  for (int i = 0; i < n; ++i) list.push_back({fmt::format("A{}", i), volatility * volatility_of(i), 0.0});
  return list;
}
std::string loadings_text(const std::vector<std::vector<double>>& l, int n) {
  std::string text = "factors = { loadings = [\n";
  for (int i = 0; i < n; ++i) {
    text += "  [";
    for (const double x : l[std::size_t(i)]) text += fmt::format("{:.17g}, ", x);
    text += "],\n";
  }
  return text + "] }\n";
}
/// Loss of asset i at which its normal score after d seconds is `score`.
double loss_at(int i, double score, double d) {
  const double s = volatility_of(i), t = d / year;
  return loss(score * s * std::sqrt(t) - 0.5 * s * s * t);
}

void factors(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 1'000'000;
  const double e = 6 * hour;
  constexpr double score = -1.6;
  // Every asset on a route of a day; assets 2 and 7 earlier too.
  const auto sales = [=](const World& w) {
    std::string text = route("day", constant("relay", day)) + route("early", constant("relay", e * w.delay));
    for (int i = 0; i < factor_assets; ++i)
      text += collateral(fmt::format("c{}", i), fmt::format("A{}", i), "day", loss_at(i, score, day));
    for (const int i : {2, 7})
      text += collateral(fmt::format("e{}", i), fmt::format("A{}", i), "early", loss_at(i, score, e));
    return text;
  };
  const auto pair = [=](int i, int j) {
    return probability(
        fmt::format("P({} and {})", i, j), n,
        [=](const World& w) { return bivariate(score, score, correlation_of(loadings(w.correlation), i, j)); },
        &World::correlation, joint_under(i, j));
  };
  const auto moved = [=](const World& w, int i) {  // score of the early threshold when the delay is moved
    const double s = volatility_of(i), t = e * w.delay / year;
    return (std::log1p(-loss_at(i, score, e)) + 0.5 * s * s * t) / (s * std::sqrt(t));
  };
  rows.push_back(
      {"factors",
       n,
       [=](const World& w) {
         return assets(factor_list(factor_assets)) + loadings_text(loadings(w.correlation), factor_assets) + sales(w);
       },
       {pair(0, 2), pair(3, 17), pair(8, 19), pair(12, 14),
        probability(
            "one asset at two times", n,
            [=](const World& w) { return bivariate(moved(w, 2), score, std::sqrt(e * w.delay / day)); }, &World::delay,
            joint_under(2, factor_assets)),
        probability(
            "two assets at two times", n,
            [=](const World& w) {
              return bivariate(moved(w, 7), score, std::sqrt(e * w.delay / day) * correlation_of(loadings(), 7, 18));
            },
            &World::delay, joint_under(18, factor_assets + 1))}});
  // (1 - w) R + w 11' is one more factor.
  rows.push_back({"factors_stressed",
                  n,
                  [=](const World& w) {
                    return assets(factor_list(factor_assets)) + loadings_text(loadings(), factor_assets) + sales(w) +
                           fmt::format("[stress]\ncorrelation = {:.17g}\n", 0.4 * w.size);
                  },
                  {probability(
                       "P(3 and 17)", n,
                       [=](const World& w) {
                         return bivariate(score, score,
                                          0.4 * w.size + (1.0 - 0.4 * w.size) * correlation_of(loadings(), 3, 17));
                       },
                       &World::size, joint_under(3, 17)),
                   probability(
                       "one asset at two times", n,
                       [=](const World& w) { return bivariate(moved(w, 2), score, std::sqrt(e * w.delay / day)); },
                       &World::delay, joint_under(2, factor_assets))}});

  // Student-t with jumps, common (through loadings) and own: joint tails.
  const Jumps common{40.0, -0.05, 0.06}, own{60.0, 0.02, 0.05};
  const double li = 0.8, lj = 1.5;  // assets 4 and 13 take part in common jumps like this, all others not
  const auto jump_text = [=](const World& w) {
    std::string list;
    for (int i = 0; i < factor_assets; ++i)
      list += i == 4 ? "0.8, " : i == 13 ? fmt::format("{:.17g}, ", lj * w.size) : "0.0, ";
    return fmt::format(
        "jumps = {{ kind = \"merton\", intensity = {}, mean = {}, stdev = {}, loadings = [ {} ], own = [ {{ asset = "
        "\"A13\", intensity = "
        "{:.17g}, mean = {}, stdev = {} }} ] }}\n",
        common.intensity, common.mean, common.stdev, list, own.intensity * w.shape, own.mean, own.stdev);
  };
  const double h4 = 0.08, h13 = 0.12;
  const auto exact = [=](const World& w, bool both) {
    const double t = 1.0 / 365.0, s4 = volatility_of(4), s13 = volatility_of(13), l13 = lj * w.size;
    const Jumps c4{common.intensity, li * common.mean, li * common.stdev},
        c13{common.intensity, l13 * common.mean, l13 * common.stdev};
    const Jumps o{own.intensity * w.shape, own.mean, own.stdev};
    const double d4 = (-0.5 * s4 * s4 - c4.compensator()) * t,
                 d13 = (-0.5 * s13 * s13 - c13.compensator() - o.compensator()) * t;
    const double rho = correlation_of(loadings(w.correlation), 4, 13);
    return over_mixer(5.0, [&](double v) {
      return over_poisson(common.intensity * t, [&](int a) {
        return over_poisson(o.intensity * t, [&](int b) {
          const double v4 = s4 * s4 * t * v + a * c4.stdev * c4.stdev;
          const double v13 = s13 * s13 * t * v + a * c13.stdev * c13.stdev + b * o.stdev * o.stdev;
          const double cov = rho * s4 * s13 * t * v + a * c4.stdev * c13.stdev;
          const double y = (std::log1p(-h13) - d13 - a * c13.mean - b * o.mean) / std::sqrt(v13);
          if (!both) return normal(y);
          return bivariate((std::log1p(-h4) - d4 - a * c4.mean) / std::sqrt(v4), y, cov / std::sqrt(v4 * v13));
        });
      });
    });
  };
  rows.push_back(
      {"factors_student_t_merton",
       n,
       [=](const World& w) {
         return assets(factor_list(factor_assets)) + loadings_text(loadings(w.correlation), factor_assets) +
                student_t(5.0) + jump_text(w) + route("r", constant("relay", day)) + collateral("i", "A4", "r", h4) +
                collateral("j", "A13", "r", h13);
       },
       {probability(
            "P(4 and 13)", n, [=](const World& w) { return exact(w, true); }, &World::size, joint_under(0, 1)),
        probability(
            "P(13)", n, [=](const World& w) { return exact(w, false); }, &World::shape, under(1))}});
  // The price layer is a visit of the walk where there are jumps, and bridged where there are none.
  for (const bool jumps : {false, true}) {
    const double hp = 0.05, s = volatility_of(13);
    rows.push_back({jumps ? "factors_price_layer_jumps" : "factors_price_layer",
                    n,
                    [=](const World& w) {
                      return fmt::format("[chains.a]\nblock_time = {}\n", seconds(4 * hour * w.delay)) +
                             assets(factor_list(factor_assets)) + loadings_text(loadings(), factor_assets) +
                             student_t(5.0) + (jumps ? jump_text(w) : "") + route("r", constant("relay", day)) +
                             collateral("i", "A4", "r", h4) + collateral("j", "A13", "r", h13);
                    },
                    {probability(
                        "P(L > 5 %)", n,
                        [=](const World& w) {
                          const double t = 4.0 / 24.0 / 365.0 * w.delay;
                          const Jumps c{jumps ? common.intensity : 0.0, lj * common.mean, lj * common.stdev};
                          const Jumps o{jumps ? own.intensity : 0.0, own.mean, own.stdev};
                          const double drift = (-0.5 * s * s - c.compensator() - o.compensator()) * t;
                          return over_mixer(5.0, [&](double v) {
                            return over_poisson(c.intensity * t, [&](int a) {
                              return over_poisson(o.intensity * t, [&](int b) {
                                return normal((std::log1p(-hp) - drift - a * c.mean - b * o.mean) /
                                              std::sqrt(s * s * t * v + a * c.stdev * c.stdev + b * o.stdev * o.stdev));
                              });
                            });
                          });
                        },
                        &World::delay,
                        [=](const Results& r, const Answers&) {
                          return counted(beyond(r, r.tally.layout.price(r.compiled.reading_of[1]), hp), r.tally.paths);
                        })}});
  }
}

// ---- stress ---------------------------------------------------------------------------------------------------------

void stress(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 1'000'000;
  const auto simple = [](const std::string& market, const std::string& stages, const std::string& overlay, double h,
                         const std::string& more = "") {
    return one_asset(0.8, market) + route("r", stages) + collateral("k", "X", "r", h, more) + "[stress]\n" + overlay;
  };
  const auto gauss = [](double x, double s, double mu, double d) { return Merton{s, mu, {}}.below(x, d); };
  rows.push_back(
      {"stress_volatility",
       n,
       [=](const World& w) {
         return simple("", constant("relay", day), fmt::format("volatility = {:.17g}\n", 1.5 * w.volatility), 0.12);
       },
       {probability(
           "P(L > 12 %)", n, [=](const World& w) { return gauss(std::log1p(-0.12), 1.2 * w.volatility, 0.0, day); },
           &World::volatility, under(0))}});
  rows.push_back({"stress_volatility_spares_jumps",
                  n,
                  [=](const World& w) {
                    return simple(Merton{0.8, 0.0, {40.0, -0.1, 0.05}}.text(), constant("relay", day),
                                  fmt::format("volatility = {:.17g}\n", 1.5 * w.volatility), 0.15);
                  },
                  {probability(
                      "P(L > 15 %)", n,
                      [=](const World& w) {
                        return Merton{1.2 * w.volatility, 0.0, {40.0, -0.1, 0.05}}.below(std::log1p(-0.15), day);
                      },
                      &World::volatility, under(0))}});
  rows.push_back({"stress_drift",
                  n,
                  [=](const World& w) {
                    return simple("drift = 1.0\n", constant("relay", 10 * day),
                                  fmt::format("drift = {:.17g}\n", -3.0 * w.size), 0.15);
                  },
                  {probability(
                      "P(L > 15 %)", n,
                      [=](const World& w) { return gauss(std::log1p(-0.15), 0.8, 1.0 - 3.0 * w.size, 10 * day); },
                      &World::size, under(0))}});
  for (const double share : {0.5, 1.0}) {
    const double median = loss(-0.32 / 365.0);
    const auto joint = [](double rho) { return 0.25 + std::asin(std::min(1.0, rho)) / (2.0 * std::numbers::pi); };
    if (share < 1.0) {
      rows.push_back(
          {"stress_correlation",
           n,
           [=](const World& w) {
             return assets({{"X", 0.8}, {"Y", 0.8}}) + correlation(-0.2) + route("r", constant("relay", day)) +
                    collateral("x", "X", "r", median) + collateral("y", "Y", "r", median) +
                    fmt::format("[stress]\ncorrelation = {:.17g}\n", share * w.size);
           },
           {probability(
               "P(both lose)", n, [=](const World& w) { return joint(share * w.size - 0.2 * (1.0 - share * w.size)); },
               &World::size, joint_under(0, 1))}});
    } else {  // all prices move as one: both lose exactly when one does, whatever the correlation was
      rows.push_back({"stress_correlation_1",
                      n,
                      [=](const World& w) {
                        const double s = 0.8 * w.volatility;
                        return assets({{"X", 0.8}, {"Y", s}, {"Z", 0.8}}) +
                               "correlation = [ [1.0, -0.2, 0.4], [-0.2, 1.0, 0.1], [0.4, 0.1, 1.0] ]\n" +
                               route("r", constant("relay", day)) + collateral("x", "X", "r", 0.05) +
                               collateral("y", "Y", "r", 0.06) + collateral("z", "Z", "r", 0.05) +
                               "[stress]\ncorrelation = 1.0\n";
                      },
                      {probability(
                           "P(the worse)", n,
                           [=](const World& w) { return gauss(std::log1p(-0.06), 0.8 * w.volatility, 0.0, day); },
                           &World::volatility, joint_under(0, 1)),
                       probability(
                           "P(the worse of the others)", n,
                           [=](const World& w) { return gauss(std::log1p(-0.06), 0.8 * w.volatility, 0.0, day); },
                           &World::volatility, joint_under(1, 2))}});
    }
  }
  // slippage 0.02 sqrt(size / (depth / 4)) / 1.5
  rows.push_back({"stress_depth",
                  n,
                  [=](const World& w) {
                    return simple("", constant("relay", day), fmt::format("depth = {:.17g}\n", 4.0 * w.size), 0.10,
                                  "sale = { size = 1e6, depth = 1e6, exponent = 0.5 }");
                  },
                  {probability(
                      "P(L > 10 %)", n,
                      [=](const World& w) {
                        return gauss(std::log(0.9 / (1.0 - 0.02 * std::sqrt(4.0 * w.size) / 1.5)), 0.8, 0.0, day);
                      },
                      &World::size, under(0))}});
  rows.push_back({"stress_delays",
                  n,
                  [=](const World& w) {
                    return simple("", constant("relay", 6 * hour) + ", " + exponential("proof", 2 * hour),
                                  fmt::format("delays = {:.17g}\n", 3.0 * w.delay), 0.12);
                  },
                  {probability(
                      "P(L > 12 %)", n,
                      [=](const World& w) {
                        return integral(
                            [&](double v) {
                              return 2.0 * v * std::exp(-v * v) *
                                     gauss(std::log1p(-0.12), 0.8, 0.0, 3.0 * w.delay * (6 + 2 * v * v) * hour);
                            },
                            0.0, 6.5, 8);
                      },
                      &World::delay, under(0))}});
  rows.push_back(
      {"stress_hazards",
       n,
       [=](const World& w) {
         const std::string layer =
             "exposure = \"36.5d\"\nnetwork = \"n\"\ncommon_hazard = 0.005\nrecovery = { kind = \"constant\", value = "
             "0.0 }\n";
         return one_asset(0.8) + "[layers.one]\nhazard = 0.01\n" + layer + "[layers.two]\nhazard = 0.02\n" + layer +
                route("r1", constant("relay", hour), "one") + route("r2", constant("relay", hour), "two") +
                collateral("k1", "X", "r1", 0.3) + collateral("k2", "X", "r2", 0.3) +
                fmt::format("[stress]\nhazards = {:.17g}\n", 10.0 * w.shape);
       },
       {probability(
            "P(L > 30 %)", n, [=](const World& w) { return -std::expm1(-0.015 * w.shape); }, &World::shape, under(0)),
        probability(
            "P(both)", n,
            [=](const World& w) {
              const auto lost = [&](double rate) { return -std::expm1(-rate * w.shape); };
              return lost(0.015) + lost(0.025) - lost(0.035);
            },
            &World::shape, joint_under(0, 1))}});
  // A shock is felt by what is sold at its time or later: by joint events around it.
  rows.push_back(
      {"stress_shock",
       n,
       [=](const World& w) {
         return one_asset(0.8) + route("before", constant("relay", 10 * hour)) +
                route("after", constant("relay", 12 * hour)) + collateral("b", "X", "before", 0.04) +
                collateral("a", "X", "after", 0.15) +
                fmt::format("[stress]\nshocks = [ {{ asset = \"X\", at = \"11h\", size = {:.17g} }} ]\n",
                            -0.1 * w.size);
       },
       {probability(
            "P(L > 15 %) after", n,
            [=](const World& w) { return gauss(std::log(0.85 / (1.0 - 0.1 * w.size)), 0.8, 0.0, 12 * hour); },
            &World::size, under(1)),
        probability(
            "P(L > 4 % before, > 15 % after)", n,
            [=](const World& w) {
              return Merton{0.8, 0.0, {}}.below(std::log(0.96), 10 * hour, std::log(0.85 / (1.0 - 0.1 * w.size)),
                                                12 * hour);
            },
            &World::size, joint_under(0, 1))}});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> r;
    for (const auto add : {merton, one_cell, student_rows, observers, factors, stress}) add(r);
    for (const char* dear : {"factors", "factors_stressed", "factors_student_t_merton", "first_passage_60",
                             "merton_on_a_grid", "breach_before_a_random_sale"})
      std::find_if(r.begin(), r.end(), [&](const Row& row) { return row.name == dear; })->slow_errors = true;
    return r;
  }();
  return all;
}

class Market : public ::testing::TestWithParam<const Row*> {};
TEST_P(Market, LiesInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Market, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, Market, ::testing::ValuesIn(rows_that_run(rows(), true)), row_name);
class MarketError : public ::testing::TestWithParam<const Row*> {};
TEST_P(MarketError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, MarketError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, MarketError, ::testing::ValuesIn(errors_that_run(rows(), true)), row_name);
TEST(MarketRows, AreSound) { are_sound(rows(), 0.5); }

// ---- what no interval is needed for ---------------------------------------------------------------------------------

/// Row 4, tail dependence: the conditional probabilities that student_t_joint_far checks one of do fall to the
/// published limit.
TEST(StudentT, JointTailsTendToTheirDependence) {
  const double limit = 2.0 * student(5.0, -std::sqrt(5.0 * 0.5 / 1.5));
  EXPECT_NEAR(limit, 0.2531699951, 1e-10);
  double last = 1.0;
  for (const double p : {1e-2, 1e-3, 1e-4, 1e-5, 1e-6}) {
    const double q = boost::math::quantile(boost::math::students_t(4.0), p), now = bivariate_t(4.0, q, q, 0.5) / p;
    EXPECT_LT(now, last);
    EXPECT_GT(now, limit);
    last = now;
  }
  EXPECT_NEAR(last, limit, 1e-3);
}

/// A book of volatility 0: prices are their drift, so that every number is known without chance.
TEST(Stress, ShockIsFeltFromItsTimeOn) {
  std::string text = assets({{"X", 0.0}, {"Y", 0.0}}) + correlation(0.0) + "grid = { step = \"5m\" }\n";
  const double at[] = {599.998046875, 600.0, 660.0};  // the tick before the shock, the shock, later
  for (int i = 0; i < 3; ++i) {
    text += route(fmt::format("r{}", i), constant("relay", at[i]));
    for (const char* asset : {"X", "Y"})
      text += collateral(fmt::format("{}{}", asset, i), asset, fmt::format("r{}", i), 0.1);
  }
  text += "[stress]\nshocks = [ { asset = \"X\", at = \"10m\", size = -0.2 } ]\n";
  const Row row{"shock", 64, [&](const World&) { return text; }, {}};
  const Results r = run_text(row.text({}));
  const auto all_in = [&](int k, double low, double high) {  // the bins that hold losses from low to high
    std::uint64_t sum = 0;
    for (int b = bin_at(low); b <= bin_at(high); ++b) sum += r.tally.counts[r.tally.layout.latency(k) + std::size_t(b)];
    return sum == r.tally.paths;
  };
  EXPECT_TRUE(all_in(0, 0.0, 0.0));
  EXPECT_TRUE(all_in(2, 0.19999, 0.20001));
  EXPECT_TRUE(all_in(4, 0.19999, 0.20001));
  for (const int y : {1, 3, 5}) EXPECT_TRUE(all_in(y, 0.0, 0.0));
  // The date at 10 min is the shock's: who sells before it sees no breach.
  const auto breaches = [&](int k) { return r.tally.counts[r.tally.layout.breach(k)]; };
  EXPECT_EQ(breaches(0), 0u);
  EXPECT_EQ(breaches(2), r.tally.paths);
  EXPECT_EQ(breaches(4), r.tally.paths);
  EXPECT_EQ(breaches(5), 0u);
}

/// 12 assets by their factors and by the matrix that these make: every pair's joint count, by the two-sample normal
/// test.
TEST(Factors, AgreeWithTheFullMatrix) {
  constexpr int n = 12;
  constexpr double score = -1.6;
  constexpr std::uint64_t paths = 1'000'000;
  const auto run = [&](const std::string& how, std::uint64_t seed) {
    std::string text =
        fmt::format("schema = 1\nname = \"f\"\n[run]\npaths = {}\nseed = {}\nconfidence = [0.99]\n", paths, seed) +
        assets(factor_list(n)) + how + route("r", constant("relay", day));
    for (int i = 0; i < n; ++i)
      text += collateral(fmt::format("c{}", i), fmt::format("A{}", i), "r", loss_at(i, score, day));
    return run_text(text);
  };
  std::string matrix = "correlation = [\n";
  for (int i = 0; i < n; ++i) {
    matrix += "  [";
    for (int j = 0; j < n; ++j) matrix += fmt::format("{:.17g}, ", correlation_of(loadings(), i, j));
    matrix += "],\n";
  }
  const Results full = run(matrix + "]\n", 1), factors = run(loadings_text(loadings(), n), 2);
  const Results other = run(loadings_text(loadings(1.03), n), 2);  // planted: 6 % more correlation
  EXPECT_EQ(full.compiled.plan.process, Process::diffusion);
  EXPECT_EQ(factors.compiled.plan.process, Process::factors);
  const double most = normal_score(1.0 - 0.5 * 1e-5 / (0.5 * n * (n + 1)));  // over all pairs: a false alarm in 1e5
  double worst = 0.0, planted = 0.0;
  for (int i = 0; i < n; ++i) {
    for (int j = i; j < n; ++j) {
      const auto both = [&](const Results& r) { return double(r.tally.counts[r.tally.layout.under(i, j)]); };
      const auto z = [&](double a, double b) { return std::abs(a - b) / std::sqrt(a + b); };
      worst = std::max(worst, z(both(full), both(factors)));
      planted = std::max(planted, z(both(full), both(other)));
    }
  }
  EXPECT_LT(worst, most);
  EXPECT_GT(planted, most);
}

/// Row 4, multivariate: w'X of eight assets is a t as well; a loss of w'X is none of [portfolio]'s, so this reads the
/// log prices.
TEST(StudentT, LinearPortfolioOfEightAssets) {
  constexpr double sp = 0.025324882999, rho = 0.3;
  const double s = sp * std::sqrt(365.0 * 8.0 / (1.0 + 7.0 * rho));  // so that the mean return has deviation sp
  const double exact = student(4.0, -0.1 / (sp * std::sqrt(0.5)));
  EXPECT_NEAR(exact / 2.52159453212e-3, 1.0, 1e-9);
  const auto count = [&](double volatility, std::uint64_t paths) {
    std::vector<Asset> list;
    std::string matrix = "correlation = [ ", sales = route("r", constant("relay", day));
    for (int i = 0; i < 8; ++i) {
      list.push_back({fmt::format("A{}", i), volatility});
      matrix += "[ ";
      for (int j = 0; j < 8; ++j) matrix += i == j ? "1.0, " : fmt::format("{}, ", rho);
      matrix += "], ";
      sales += collateral(fmt::format("c{}", i), fmt::format("A{}", i), "r", 0.1);
    }
    const Row row{
        "linear", paths, [&](const World&) { return assets(list) + matrix + "]\n" + student_t(4.0) + sales; }, {}};
    const Compiled c = compile(parse_scenario(row.text({}), "test.toml"));
    Replay replay(c, 7);
    std::uint64_t below = 0;
    for (std::uint64_t p = 0; p < paths; ++p) {
      const PathRecord& path = replay.path(p);
      EXPECT_TRUE(path.finite);
      double sum = 0.0;
      for (unsigned l = 0; l < 8; ++l) sum += double(path.recording.arrays.price[l]);
      below += sum / 8.0 < -0.1 ? 1u : 0u;
    }
    return below;
  };
  constexpr std::uint64_t n = 600'000;
  EXPECT_TRUE(agrees(counted(count(s, n), n), exact));
  const double error = detected_error(double(n), exact, planted_power);
  const double moved =
      solve([&](double f) { return student(4.0, -0.1 / (f * sp * std::sqrt(0.5))); }, exact * (1.0 + error), 1.0, 1.5);
  EXPECT_FALSE(agrees(counted(count(s * moved, n), n), exact));
  std::cout << fmt::format("P(w'X < -.1) detects {:.1f} % with 90 %\n",
                           100 * detected_error(double(n), exact, stated_power));
}

/// One collateral of X, one route.
std::string one_sale(const std::string& horizon, const std::string& market, const std::string& layer,
                     const std::string& stages, const std::string& more = "") {
  return fmt::format(
      "schema = 1\nname = \"one\"\nrun = {{ paths = 400000, seed = 11, horizon = \"{}\" }}\n[market]\nassets = [ {{ "
      "name = "
      "\"X\", price = 1, volatility = 0.8 }} ]\n{}\n{}[routes.r]\ncollateral_chain = \"a\"\nliability_chain = "
      "\"b\"\n{}stages = [ {} "
      "]\n{}[[collateral]]\n"
      "name = \"x\"\nasset = \"X\"\nroute = \"r\"\nhaircut = 0.2\n",
      horizon, market, layer.empty() ? "" : "[layers.l]\n" + layer, layer.empty() ? "" : "layer = \"l\"\n", stages,
      more);
}
Estimate breaches(const std::string& text) {
  const Results r = run_text(text);
  return counted(r.tally.counts[r.tally.layout.breach(0)], r.tally.paths);
}

TEST(Observers, LookUpToTheSaleThatAStalledLayerAllows) {
  const std::string grid = "grid = { step = \"12h\" }";
  const std::string wait = "{ name = \"relay\", kind = \"constant\", value = \"1h\" }";
  const Estimate stalled =
      breaches(one_sale("20d", grid,
                        "hazard = 10000.0\nexposure = \"30d\"\nrecovery = { kind = \"constant\", value = 1.0 }\n"
                        "stall = { kind = \"constant\", value = \"10d\" }\n",
                        wait));
  // The same sale without a layer. The law is that of a random walk watched at 20 dates.
  const Estimate plain =
      breaches(one_sale("20d", grid, "", "{ name = \"relay\", kind = \"constant\", value = \"241h\" }"));
  const double s = 0.8 * std::sqrt(0.5 / 365.0);
  const double exact = first_passage(std::log(0.8), -0.5 * s * s, s, 20).back();
  EXPECT_TRUE(agrees(plain, exact)) << plain.estimate << " for " << exact;
  EXPECT_TRUE(agrees(stalled, exact)) << stalled.estimate << " for " << exact;
}

TEST(Observers, LookUpToTheHorizonWhereASaleIsUnresolvedWhateverElseIsOnTheWay) {
  const std::string grid = "grid = { step = \"12h\" }",
                    never = "{ name = \"relay\", kind = \"constant\", value = \"30d\" }";
  const std::string other =
      "[routes.s]\ncollateral_chain = \"a\"\nliability_chain = \"b\"\nstages = [ { name = \"relay\", kind = "
      "\"constant\", value = \"100h\" } ]\n"
      "[[collateral]]\nname = \"y\"\nasset = \"X\"\nroute = \"s\"\n";
  const double s = 0.8 * std::sqrt(0.5 / 365.0);
  const double exact = first_passage(std::log(0.8), -0.5 * s * s, s, 20).back();
  EXPECT_TRUE(agrees(breaches(one_sale("10d", grid, "", never)), exact));
  const std::string text = one_sale("10d", grid, "", never);
  EXPECT_TRUE(agrees(breaches(text + other), exact));
}

TEST(ManyJumps, BetweenTwoVisitsHaveTheLawOfFew) {
  for (const double jumps : {4.0, 10.0, 20.0, 38.0}) {
    SCOPED_TRACE(jumps);
    const auto law = [&](double factor) { return Merton{0.8, 0.0, {365.0 * jumps * factor, -0.01, 0.01}}; };
    double h = 0.0, exact = 1.0;  // a loss that about 1 % of the paths exceed
    while (exact > 0.01) exact = law(1.0).below(std::log1p(-(h += 0.005)), day);
    const auto at = [&](double factor) {
      std::string text =
          one_sale("25h", law(factor).text(), "", "{ name = \"relay\", kind = \"constant\", value = \"1d\" }");
      text.replace(text.rfind("haircut = 0.2"), 13, fmt::format("haircut = {:.17g}", h));
      return answer(run_text(text)).collateral[0].p_under;
    };
    EXPECT_TRUE(agrees(at(1.0), exact)) << at(1.0).estimate << " for " << exact;
    EXPECT_FALSE(agrees(at(1.25), exact)) << "a planted quarter more jumps";
  }
}

}  // namespace
}  // namespace proofload
