// Prices that go bar by bar against closed forms: GJR-GARCH, bootstrapped residuals, replayed records. checks.h says
// what a check is.
#include <algorithm>
#include <array>
#include <boost/math/distributions/chi_squared.hpp>
#include <filesystem>
#include <fstream>

#include "tests/model/checks.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks
namespace fs = std::filesystem;

/// A folder of this program's own, gone when it ends.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "proofload-bars-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  /// The path of a file with this text, as a scenario writes it.
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name, std::ios::binary) << text;
    return (root_ / name).string();
  }

 private:
  fs::path root_;
};
Folder& folder() {
  static Folder f;
  return f;
}

// ---- GJR-GARCH ------------------------------------------------------------------------------------------------------

/// One asset's bars of an hour; variances are those of a bar's log return.
struct Garch {
  double s = 0.8, alpha = 0.1, gamma = 0.15, beta = 0.6, forecast = 1.2;
  double long_run() const { return s * s * hour / year; }
  double first() const { return forecast * forecast * hour / year; }
  /// log drift over d seconds
  double drift(double d) const { return -0.5 * s * s * d / year; }
  double next(double h, double e, double kappa = 0.5) const {
    return long_run() * (1.0 - alpha - gamma * kappa - beta) + (alpha + (e < 0.0 ? gamma : 0.0)) * e * e + beta * h;
  }
  std::string text(bool stationary = false) const {
    return fmt::format(
        "variance = {{ kind = \"gjr_garch\", bar = \"1h\", alpha = {:.17g}, gamma = {:.17g}, beta = {:.17g}, {} }}\n",
        alpha, gamma, beta,
        stationary ? std::string("start = \"stationary\"")
                   : fmt::format("start = \"forecast\", forecast = {:.17g}", forecast));
  }
};

/// Sales after `bars` bars each, on routes r0, r1, ...; thresholds lie `score` deviations of the forecast below the
/// start.
std::string sales(const std::vector<double>& bars, const std::vector<double>& haircuts) {
  std::string text;
  for (std::size_t i = 0; i < bars.size(); ++i)
    text += route(fmt::format("r{}", i), constant("relay", bars[i] * hour)) +
            collateral(fmt::format("k{}", i), "X", fmt::format("r{}", i), haircuts[i]);
  return text;
}

void garch_forecast(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  const std::vector<double> bars = {0.3, 0.7, 1.0, 1.25, 1.75, 2.0};
  std::vector<double> haircuts;
  for (const double b : bars) haircuts.push_back(loss(-2.2 * 1.2 * std::sqrt(b * hour / year)));
  const auto x = [=](std::size_t i) { return std::log1p(-haircuts[i]); };
  const auto model = [](const World& w) { return Garch{0.8, 0.1, 0.15 * w.shape, 0.6, 1.2 * w.volatility}; };
  // In the first bar: Brownian motion of the forecast's volatility.
  const auto in_first = [=](const World& w, std::size_t i) {
    const Garch g = model(w);
    return normal((x(i) - g.drift(bars[i] * hour)) / std::sqrt(g.first() * bars[i]));
  };
  // In the second: given the first's shock z, Brownian motion of variance h2(z) from e(z) on.
  const auto in_second = [=](const World& w, std::size_t i) {
    const Garch g = model(w);
    return over_normal([&](double z) {
      const double e = std::sqrt(g.first()) * z, h = g.next(g.first(), e);
      return normal((x(i) - g.drift(bars[i] * hour) - e) / std::sqrt(h * (bars[i] - 1.0)));
    });
  };
  const auto check = [&](std::size_t i, Knob knob) {
    const Exact exact = [=](const World& w) { return bars[i] <= 1.0 ? in_first(w, i) : in_second(w, i); };
    return probability(fmt::format("P(L > h) after {} bars", bars[i]), n, exact, knob, under(int(i)));
  };
  rows.push_back({"gjr_garch",
                  n,
                  [=](const World& w) { return one_asset(0.8, model(w).text()) + sales(bars, haircuts); },
                  {check(0, &World::volatility), check(2, &World::volatility), check(3, &World::volatility),
                   check(5, &World::volatility),
                   probability(
                       "two sales in the first bar", n,
                       [=](const World& w) {
                         const Garch g = model(w);
                         const auto score = [&](std::size_t i) {
                           return (x(i) - g.drift(bars[i] * hour)) / std::sqrt(g.first() * bars[i]);
                         };
                         return bivariate(score(0), score(1), std::sqrt(bars[0] / bars[1]));
                       },
                       &World::volatility, joint_under(0, 1)),
                   probability(
                       "two sales in the second bar", n,
                       [=](const World& w) {
                         const Garch g = model(w);
                         return over_normal([&](double z) {
                           const double e = std::sqrt(g.first()) * z, h = g.next(g.first(), e);
                           const auto score = [&](std::size_t i) {
                             return (x(i) - g.drift(bars[i] * hour) - e) / std::sqrt(h * (bars[i] - 1.0));
                           };
                           return bivariate(score(3), score(4), std::sqrt((bars[3] - 1.0) / (bars[4] - 1.0)));
                         });
                       },
                       &World::volatility, joint_under(3, 4))}});

  // The sign of the leverage: only the second half of a large fall is larger for gamma > 0. Two bars, from far out.
  const std::vector<double> two = {2.0};
  const double far = loss(-4.2 * std::sqrt(2.0 * Garch{}.first()));
  const auto leverage = [=](const World& w) { return Garch{0.8, 0.1, 0.4 * w.shape, 0.3, 1.2}; };
  rows.push_back({"gjr_garch_leverage",
                  n,
                  [=](const World& w) { return one_asset(0.8, leverage(w).text()) + sales(two, {far}); },
                  {probability(
                      "P(L > h)", n,
                      [=](const World& w) {
                        const Garch g = leverage(w);
                        return over_normal([&](double z) {
                          const double e = std::sqrt(g.first()) * z, h = g.next(g.first(), e);
                          return normal((std::log1p(-far) - g.drift(2 * hour) - e) / std::sqrt(h));
                        });
                      },
                      &World::shape, under(0))}});

  // Stress doubles all of it; jumps are no news for the variance, so that they are independent of it.
  const double intensity = 1500.0, size = -0.02, deviation = 0.01;
  const double with_jumps = 0.06;
  rows.push_back(
      {"gjr_garch_stressed_with_jumps",
       n,
       [=](const World& w) {
         return one_asset(0.8,
                          model(w).text() +
                              fmt::format("jumps = {{ kind = \"merton\", intensity = {}, mean = {}, stdev = {} }}\n",
                                          intensity, size, deviation)) +
                sales(two, {with_jumps}) + fmt::format("[stress]\nvolatility = {:.17g}\ndrift = -3.0\n", 2.0 * w.size);
       },
       {probability(
           "P(L > 6 %)", n,
           [=](const World& w) {
             Garch g = model(w);
             g.s *= 2.0 * w.size;
             g.forecast *= 2.0 * w.size;
             const double t = 2 * hour / year, kbar = std::expm1(size + 0.5 * deviation * deviation);
             const double drift = g.drift(2 * hour) - (3.0 + intensity * kbar) * t;
             return over_normal([&](double z) {
               const double e = std::sqrt(g.first()) * z, h = g.next(g.first(), e);
               return over_poisson(intensity * t, [&](int k) {
                 return normal((std::log1p(-with_jumps) - drift - e - k * size) /
                               std::sqrt(h + k * deviation * deviation));
               });
             });
           },
           &World::size, under(0))}});
}

/// Student-t shocks: one mixer a bar for all assets.
void garch_student(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  constexpr double dof = 5.0, rho = 0.5;
  const auto model = [](const World& w) { return Garch{0.8, 0.1, 0.15, 0.6, 1.2 * w.volatility}; };
  const double unit = std::sqrt((dof - 2.0) / dof);
  const auto h_at = [](double score, double bars) { return loss(score * 1.2 * std::sqrt(bars * hour / year)); };
  const double h1 = h_at(-2.5, 1.0), h2 = h_at(-2.5, 2.0), he = h_at(-2.0, 0.4);
  const auto score = [=](const World& w, double h, double bars) {  // in units of the t, inside the first bar
    const Garch g = model(w);
    return (std::log1p(-h) - g.drift(bars * hour)) / std::sqrt(g.first() * bars) / unit;
  };
  rows.push_back({"gjr_garch_student_t",
                  n,
                  [=](const World& w) {
                    return assets({{"X", 0.8}, {"Y", 0.8}}) + correlation(rho * w.correlation) + model(w).text() +
                           student_t(dof) + sales({1.0, 0.4, 2.0}, {h1, he, h2}) + collateral("y", "Y", "r0", h1);
                  },
                  {probability(
                       "P(L > h) after a bar", n, [=](const World& w) { return student(dof, score(w, h1, 1.0)); },
                       &World::volatility, under(0)),
                   probability(
                       "P(L > h) after two bars", n,
                       [=](const World& w) {
                         const Garch g = model(w);
                         const auto f = [&](double v) {  // the first shock is unit * sinh(v)
                           const double t = std::sinh(v), e = std::sqrt(g.first()) * unit * t, h = g.next(g.first(), e);
                           return boost::math::pdf(boost::math::students_t(dof), t) * std::cosh(v) *
                                  student(dof, (std::log1p(-h2) - g.drift(2 * hour) - e) / std::sqrt(h) / unit);
                         };
                         return integral(f, -7.0, 0.0, 14) + integral(f, 0.0, 7.0, 14);
                       },
                       &World::volatility, under(2)),
                   probability(
                       "two sales in one bar", n,
                       [=](const World& w) {
                         const double a = score(w, he, 0.4) * unit, b = score(w, h1, 1.0) * unit;
                         return over_mixer(dof, [&](double v) {
                           return bivariate(a / std::sqrt(v), b / std::sqrt(v), std::sqrt(0.4));
                         });
                       },
                       &World::volatility, joint_under(0, 1)),
                   probability(
                       "two assets", n,
                       [=](const World& w) {
                         const double a = score(w, h1, 1.0) * unit;
                         return over_mixer(dof, [&](double v) {
                           return bivariate(a / std::sqrt(v), a / std::sqrt(v), rho * w.correlation);
                         });
                       },
                       &World::correlation, joint_under(0, 3))}});
}

// ---- the stationary law ---------------------------------------------------------------------------------------------

/// E[z^2i], i = 0 .. 4, of a standard normal, and of a Student-t of variance 1.
constexpr std::array<double, 5> normal_moments{1.0, 1.0, 3.0, 15.0, 105.0};
std::array<double, 5> student_moments(double dof) {
  std::array<double, 5> m = normal_moments;  // times those of the mixing variance
  double mixing = 1.0;
  for (int i = 1; i < 5; ++i) m[std::size_t(i)] *= mixing *= (dof - 2.0) / (dof - 2.0 * i);
  return m;
}

/// E[h^k] / V^k, k = 0 .. 4, of the stationary variance of GJR-GARCH: h' = omega + (a z^2 + b) h, a = alpha + gamma in
/// half of the cases; E[h'^k] from the binomial theorem and E[z^2i] (`shock`).
std::array<double, 5> variance_moments(double alpha, double gamma, double beta,
                                       const std::array<double, 5>& shock = normal_moments) {
  const double omega = 1.0 - alpha - 0.5 * gamma - beta;
  const auto choose = [](int n, int k) {
    return std::tgamma(n + 1.0) / std::tgamma(k + 1.0) / std::tgamma(n - k + 1.0);
  };
  const auto power = [&](int j) {  // E[(a z^2 + b)^j]
    double sum = 0.0;
    for (int i = 0; i <= j; ++i)
      sum += choose(j, i) * 0.5 * (std::pow(alpha, i) + std::pow(alpha + gamma, i)) * std::pow(beta, j - i) *
             shock[std::size_t(i)];
    return sum;
  };
  std::array<double, 5> m{1.0, 0.0, 0.0, 0.0, 0.0};
  for (int k = 1; k <= 4; ++k) {
    double sum = 0.0;
    for (int j = 0; j < k; ++j) sum += choose(k, j) * std::pow(omega, k - j) * power(j) * m[std::size_t(j)];
    m[std::size_t(k)] = power(k) < 1.0 ? sum / (1.0 - power(k)) : std::numeric_limits<double>::infinity();
  }
  return m;
}

/// Four independent assets A0 .. A3, sold after `bars` bars: 4 samples a path for the price of the padding. Drift of
/// the log price 0.
std::string four(double s, const std::string& model, const std::vector<double>& bars) {
  std::vector<Asset> list;
  for (int i = 0; i < 4; ++i) list.push_back({fmt::format("A{}", i), s, 0.5 * s * s});
  std::string text =
      assets(list) + "correlation = [ [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1] ]\n" + model;
  for (std::size_t b = 0; b < bars.size(); ++b) {
    const std::string r = fmt::format("r{}", b);
    text += route(r, constant("relay", bars[b] * hour));
    for (int i = 0; i < 4; ++i) text += collateral(fmt::format("{}A{}", r, i), fmt::format("A{}", i), r, 0.1);
  }
  return text;
}
/// Sample mean of (X / unit)^power over the four assets sold at bars[b], and its sample standard error; from bins'
/// midpoints.
struct Moment {
  double mean = 0.0, error = 0.0;
};
Moment moment(const Results& r, int b, int power, double unit) {
  double first = 0.0, second = 0.0;
  for (int k = 4 * b; k < 4 * b + 4; ++k) {
    const std::uint64_t* counts = r.tally.counts.data() + r.tally.layout.latency(k);
    EXPECT_EQ(counts[0], 0u) << "gains beyond the bins";
    for (int bin = 1; bin < loss_bins - 1; ++bin) {
      if (counts[bin] == 0) continue;
      const double x = std::log1p(-0.5 * (loss_edge(bin) + loss_edge(bin + 1))) / unit, v = std::pow(x, power);
      first += v * double(counts[bin]);
      second += v * v * double(counts[bin]);
    }
  }
  const double n = 4.0 * double(r.tally.paths);
  return {first / n, std::sqrt((second / n - first * first / n / n) / n)};
}

void garch_stationary(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 500'000;
  constexpr double alpha = 0.06, gamma = 0.06, beta = 0.85, bar = 0.01;  // deviation of a bar
  const double s = bar * std::sqrt(year / hour);
  for (const bool t : {false, true}) {
    constexpr double dof = 16.0;
    const auto shock = t ? student_moments(dof) : normal_moments;
    const auto model = [=](const World& w) {
      return Garch{s, alpha * w.shape, gamma, beta, 0.0}.text(true) + (t ? student_t(dof) : "");
    };
    const auto fourth = [=](const World& w) {
      return shock[2] * variance_moments(alpha * w.shape, gamma, beta, shock)[2];
    };
    const auto m = variance_moments(alpha, gamma, beta, shock);
    const double n4 = 4.0 * double(n), second_error = std::sqrt((shock[2] * m[2] - 1.0) / n4);
    const double fourth_error = std::sqrt((shock[4] * m[4] - std::pow(shock[2] * m[2], 2)) / n4);
    const auto measure = [=](int b, int power, double unit, double error) {
      return with_error([=](const Results& r, const Answers&) { return moment(r, b, power, unit).mean; }, error);
    };
    const auto square = [](const World& w) { return w.volatility * w.volatility; };
    rows.push_back({t ? "gjr_garch_student_t_stationary" : "gjr_garch_stationary",
                    n,
                    [=](const World& w) {
                      return four(s * w.volatility, model(w), {1.0, 0.5});
                    },
                    {mean("E[r^2]", square, second_error, &World::volatility, measure(0, 2, bar, second_error)),
                     mean("E[r^4]", fourth, fourth_error, &World::shape, measure(0, 4, bar, fourth_error)),
                     mean("E[r^2], half a bar", square, second_error, &World::volatility,
                          measure(1, 2, bar * std::sqrt(0.5), second_error))},
                    "2h"});
  }
}

// ---- bootstrap ------------------------------------------------------------------------------------------------------

/// Rows of residuals of two assets, as the scenario reads them and standardised: skewed, one after the other alike, and
/// correlated.
struct Residuals {
  static constexpr int n = 160;
  std::vector<double> x, y;
  std::string file;
  double rho = 0.0, kappa = 0.0;  ///< sample correlation; mean of x^2 over x < 0
  Residuals() {
    std::uint64_t state = 12345;
    const auto uniform = [&] {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return double(state >> 11) * 0x1p-53;
    };
    std::string text = "timestamp_utc,Y,other,X\n";
    double level = 0.0;
    for (int i = 0; i < n; ++i) {
      level = 0.8 * level + 0.6 * (uniform() - 0.5);
      x.push_back(std::round(1e6 * (level - 0.4 * level * level + (i % 40 == 7 ? -1.5 : 0.0))) * 1e-6);
      y.push_back(std::round(1e6 * (0.7 * x.back() + 0.5 * (uniform() - 0.5))) * 1e-6);
      text += fmt::format("2020-01-{:02}T{:02}:00:00Z,{:.6f},{},{:.6f}\n", 1 + i / 24, i % 24, y.back(), i, x.back());
    }
    file = folder().file("residuals.csv", text);
    standardise(x);
    standardise(y);
    for (int i = 0; i < n; ++i) rho += x[std::size_t(i)] * y[std::size_t(i)] / n;
    for (const double v : x) kappa += v < 0.0 ? v * v / n : 0.0;
  }
  static void standardise(std::vector<double>& v) {
    double m = 0.0, s = 0.0;
    for (const double a : v) m += a / n;
    for (const double a : v) s += (a - m) * (a - m) / n;
    for (double& a : v) a = (a - m) / std::sqrt(s);
  }
  std::string text(double block) const {
    return fmt::format("innovation = {{ kind = \"bootstrap\", file = \"{}\", bar = \"1h\", block = {} }}\n", file,
                       seconds(block));
  }
  /// Mean of f(i) over the rows.
  template <class Function>
  double over_rows(const Function& f) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += f(i) / n;
    return sum;
  }
  /// Mean of f(i, j) over two consecutive bars: the row after i, or any row when a block of mean length `block` bars
  /// ends.
  template <class Function>
  double over_pairs(double block, const Function& f) const {
    return over_rows([&](std::size_t i) {
      return (1.0 - 1.0 / block) * f(i, (i + 1) % n) + over_rows([&](std::size_t j) { return f(i, j); }) / block;
    });
  }
};
const Residuals& residuals() {
  static const Residuals r;
  return r;
}

void bootstrap(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 2'000'000;
  constexpr double s = 0.8, r_xy = 0.5;
  const Residuals& r = residuals();
  const double bar = s * std::sqrt(hour / year);
  // A threshold between two values of the sum, so that rounding decides nothing.
  const auto between = [&](std::vector<double> sums, double share) {
    std::sort(sums.begin(), sums.end());
    auto at = std::size_t(share * double(sums.size()));
    while (sums[at + 1] - sums[at] < 1e-3) ++at;
    return 0.5 * (sums[at] + sums[at + 1]);
  };
  const double a1 = between(r.x, 0.05);
  const auto drift = [=](double d) { return -0.5 * s * s * d / year; };
  const auto h_of = [=](double score, double bars) { return loss(score * bar + drift(bars * hour)); };
  const double a2 = 2.0 * a1, ah = 0.5 * a1, a3 = 0.3 * a1, a7 = 0.7 * a1, ay = between(r.y, 0.08);
  const double block = 4.0;
  const auto length = [=](const World& w) { return block * w.shape; };
  // Half-way into the first bar, given its row: Brownian bridge in units of a bar's deviation, variance t (1 - t).
  const auto inside = [=, &r](double a, double t, const World& w) {
    return r.over_rows([&](std::size_t i) {
      return normal((std::log1p(-h_of(a, t)) - drift(t * hour) - w.volatility * bar * t * r.x[i]) /
                    (w.volatility * bar * std::sqrt(t * (1.0 - t))));
    });
  };
  rows.push_back(
      {"bootstrap",
       n,
       [=, &r](const World& w) {
         return assets({{"X", s * w.volatility, 0.5 * s * s * (w.volatility * w.volatility - 1.0)}, {"Y", s}}) +
                correlation(r_xy * w.correlation) + r.text(length(w) * hour) +
                sales({0.3, 0.5, 0.7, 1.0, 2.0},
                      {h_of(a3, 0.3), h_of(ah, 0.5), h_of(a7, 0.7), h_of(a1, 1.0), h_of(a2, 2.0)}) +
                collateral("y1", "Y", "r3", h_of(ay, 1.0)) + collateral("yh", "Y", "r1", h_of(0.5 * ay, 0.5));
       },
       {probability(
            "P(L > h) after a bar", n,
            [=, &r](const World& w) {
              return r.over_rows([&](std::size_t i) { return w.volatility * r.x[i] < a1 ? 1.0 : 0.0; });
            },
            &World::volatility, under(3)),
        probability(
            "P(L > h) after two bars", n,
            [=, &r](const World& w) {
              return r.over_pairs(length(w), [&](std::size_t i, std::size_t j) {
                return w.volatility * (r.x[i] + r.x[j]) < a2 ? 1.0 : 0.0;
              });
            },
            &World::shape, under(4)),
        probability(
            "both", n,
            [=, &r](const World& w) {
              return r.over_pairs(length(w), [&](std::size_t i, std::size_t j) {
                return w.volatility * r.x[i] < a1 && w.volatility * (r.x[i] + r.x[j]) < a2 ? 1.0 : 0.0;
              });
            },
            &World::shape, joint_under(3, 4)),
        probability(
            "P(L > h) after half a bar", n, [=](const World& w) { return inside(ah, 0.5, w); }, &World::volatility,
            under(1)),
        probability(
            "two sales in one bar", n,
            [=, &r](const World& w) {
              return r.over_rows([&](std::size_t i) {
                const auto score = [&](double a, double t) {
                  return (std::log1p(-h_of(a, t)) - drift(t * hour) - w.volatility * bar * t * r.x[i]) /
                         (w.volatility * bar * std::sqrt(t * (1.0 - t)));
                };
                return bivariate(score(a3, 0.3), score(a7, 0.7), 0.3 * 0.3 / std::sqrt(0.3 * 0.7 * 0.7 * 0.3));
              });
            },
            &World::volatility, joint_under(0, 2)),
        probability(
            "two assets after a bar", n,
            [=, &r](const World& w) {
              return r.over_rows([&](std::size_t i) { return w.volatility * r.x[i] < a1 && r.y[i] < ay ? 1.0 : 0.0; });
            },
            &World::volatility, joint_under(3, 5)),
        probability(
            "two assets after half a bar", n,
            [=, &r](const World& w) {
              return r.over_rows([&](std::size_t i) {
                const double x = (ah - 0.5 * r.x[i]) / 0.5, y = (0.5 * ay - 0.5 * r.y[i]) / 0.5;
                return bivariate(x, y, r_xy * w.correlation);
              });
            },
            &World::correlation, joint_under(1, 6))},
       "100h"});

  // Filtered historical simulation: GJR-GARCH whose shocks are rows, from a forecast. kappa is the rows' own.
  const auto model = [](const World& w) { return Garch{0.8, 0.15, 0.25 * w.shape, 0.5, 1.2 * w.volatility}; };
  const double hf = loss(-3.0 * std::sqrt(2.0 * Garch{}.first()));
  rows.push_back(
      {"bootstrap_gjr_garch",
       n,
       [=, &r](const World& w) { return one_asset(0.8, model(w).text() + r.text(4.0 * hour)) + sales({1.6}, {hf}); },
       {probability(
           "P(L > h) after 1.6 bars", n,
           [=, &r](const World& w) {
             const Garch g = model(w);
             return r.over_pairs(4.0, [&](std::size_t i, std::size_t j) {
               const double e = std::sqrt(g.first()) * r.x[i], h = g.next(g.first(), e, r.kappa);
               return normal((std::log1p(-hf) - g.drift(1.6 * hour) - e - 0.6 * std::sqrt(h) * r.x[j]) /
                             std::sqrt(h * 0.24));
             });
           },
           &World::shape, under(0))},
       "100h"});

  // stress.correlation pulls the correlation that the rows have towards 1, and leaves X as it was.
  const double ax = between(r.x, 0.3);
  rows.push_back({"bootstrap_stressed",
                  n,
                  [=, &r](const World& w) {
                    return assets({{"X", s}, {"Y", s}}) + correlation(r_xy) + r.text(4.0 * hour) +
                           sales({1.0}, {h_of(ax, 1.0)}) + collateral("y", "Y", "r0", h_of(-0.3, 1.0)) +
                           fmt::format("[stress]\ncorrelation = {:.17g}\n", 0.5 * w.correlation);
                  },
                  {probability(
                      "two assets", n,
                      [=, &r](const World& w) {
                        const double to = 0.5 * w.correlation + (1.0 - 0.5 * w.correlation) * r.rho;
                        return r.over_rows([&](std::size_t i) {
                          const double own = (r.y[i] - r.rho * r.x[i]) / std::sqrt(1.0 - r.rho * r.rho);
                          return r.x[i] < ax && to * r.x[i] + std::sqrt(1.0 - to * to) * own < -0.3 ? 1.0 : 0.0;
                        });
                      },
                      &World::correlation, joint_under(0, 1))},
                  "100h"});
}

// ---- replay ---------------------------------------------------------------------------------------------------------

/// A record of two assets, an hour a row.
struct Prices {
  static constexpr int n = 120;
  std::vector<double> x, y;
  std::string file;
  Prices() {
    std::uint64_t state = 99;
    const auto uniform = [&] {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return double(state >> 11) * 0x1p-53;
    };
    std::string text = "timestamp_utc,Y-USD,X\n";
    double a = 100.0, b = 5.0;
    for (int i = 0; i < n; ++i) {
      a *= std::exp(0.06 * (uniform() - 0.5) - 0.001);
      b *= std::exp(0.10 * (uniform() - 0.5));
      x.push_back(std::round(a * 1e4) * 1e-4);
      y.push_back(std::round(b * 1e6) * 1e-6);
      text += fmt::format("2020-03-{:02}T{:02}:00:00Z,{:.6f},{:.4f}\n", 8 + i / 24, i % 24, y.back(), x.back());
    }
    file = folder().file("prices.csv", text);
  }
  /// Log of X's price t bars after the row `call`, relative to it: a straight line within a bar.
  static double log_ratio(const std::vector<double>& p, std::size_t call, double t) {
    const auto k = std::size_t(t);
    const double at = std::log(p[call + k]);
    return at + (t > double(k) ? (t - double(k)) * (std::log(p[call + k + 1]) - at) : 0.0) - std::log(p[call]);
  }
  std::string replay(const std::string& start) const {
    return fmt::format("[stress]\nreplay = {{ file = \"{}\", start = \"{}\", columns = {{ Y = \"Y-USD\" }} }}\n", file,
                       start);
  }
};
const Prices& prices() {
  static const Prices p;
  return p;
}

void replays(std::vector<Row>& rows) {
  constexpr std::uint64_t n = 1'000'000;
  const Prices& p = prices();
  // A random delay along the recorded path: the time that the line between two rows spends below 1 - h.
  const double h = 0.05;
  const auto time_below = [=, &p](std::size_t call, double mean, int bars) {
    const double x = std::log1p(-h);
    double sum = 0.0;
    for (int k = 0; k < bars; ++k) {
      double from = k, to = k + 1.0;
      const double a = Prices::log_ratio(p.x, call, from), b = Prices::log_ratio(p.x, call, to);
      if (a >= x && b >= x) continue;
      const double cross = from + (x - a) / (b - a);
      if (a >= x) from = cross;
      if (b >= x) to = cross;
      sum += std::exp(-from / mean) - std::exp(-to / mean);
    }
    return sum + std::exp(-bars / mean);  // unresolved
  };
  rows.push_back({"replay_random_delay",
                  n,
                  [=, &p](const World& w) {
                    return assets({{"X", 0.8}, {"Y", 0.8}}) + correlation(0.1) +
                           route("r", exponential("relay", 8 * hour * w.delay)) + collateral("k", "X", "r", h) +
                           p.replay("2020-03-08T07:00:00Z");
                  },
                  {probability(
                      "P(L > 5 %)", n, [=](const World& w) { return time_below(7, 8.0 * w.delay, 100); }, &World::delay,
                      under(0))},
                  "100h"});
  rows.push_back({"replay_random_call",
                  n,
                  [=, &p](const World& w) {
                    return assets({{"X", 0.8}, {"Y", 0.8}}) + correlation(0.1) +
                           route("r", exponential("relay", 8 * hour * w.delay)) + collateral("k", "X", "r", h) +
                           p.replay("random");
                  },
                  {probability(
                      "P(L > 5 %)", n,
                      [=](const World& w) {
                        double sum = 0.0;  // 120 rows, of which 60 h must follow a call
                        for (std::size_t call = 0; call < 60; ++call) sum += time_below(call, 8.0 * w.delay, 60) / 60.0;
                        return sum;
                      },
                      &World::delay, under(0))},
                  "60h"});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> r;
    for (const auto add : {garch_forecast, garch_student, garch_stationary, bootstrap, replays}) add(r);
    for (const char* dear : {"gjr_garch_stationary", "gjr_garch_student_t_stationary", "bootstrap"})
      std::find_if(r.begin(), r.end(), [&](const Row& row) { return row.name == dear; })->slow_errors = true;
    return r;
  }();
  return all;
}

class Bars : public ::testing::TestWithParam<const Row*> {};
TEST_P(Bars, LiesInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Bars, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
class BarsError : public ::testing::TestWithParam<const Row*> {};
TEST_P(BarsError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, BarsError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, BarsError, ::testing::ValuesIn(errors_that_run(rows(), true)), row_name);
TEST(BarsRows, AreSound) { are_sound(rows(), 0.25); }

// ---- what needs other intervals, or none ----------------------------------------------------------------------------

/// Row 9: E[r^4] of GARCH(1, 1) from the stationary start, for returns over m bars. With alpha = .08, beta = .90 the
/// eighth moment is infinite, so that no exact standard error exists: six sample ones stand for the interval.
class Kurtosis : public ::testing::TestWithParam<double> {};
TEST_P(Kurtosis, OfGarchIsThePublishedOne) {
  const double alpha = GetParam();
  constexpr double beta = 0.90, bar = 0.006;
  constexpr std::uint64_t n = 1'000'000;
  const double s = bar * std::sqrt(year / hour);
  const std::vector<double> bars = {1, 5, 10, 24, 60};
  const double published[] = {4.4328358209, 4.9438353041, 4.9473951159, 4.8168656263, 4.4843599711};
  EXPECT_EQ(variance_moments(alpha, 0.0, beta)[4], std::numeric_limits<double>::infinity());
  const auto kurtosis = [&](double m, double a, double b) {
    const double g = a + b, k1 = 3.0 * (1.0 - g * g) / (1.0 - g * g - 2.0 * a * a);
    const double r1 = a * (1.0 - a * b - b * b) / (1.0 - 2.0 * a * b - b * b);
    double sum = 0.0;
    for (int k = 1; k < int(m); ++k) sum += (m - k) * (1.0 + r1 * std::pow(g, k - 1) * (k1 - 1.0));
    return k1 / m + 6.0 / (m * m) * sum;
  };
  const auto run = [&](double a) {
    const Row row{"kurtosis",
                  n,
                  [&](const World&) {
                    return four(s, Garch{s, a, 0.0, beta, 0.0}.text(true), bars);
                  },
                  {},
                  "61h"};
    return run_text(row.text({}));
  };
  const Results r = run(alpha), planted = run(1.03 * alpha);
  for (std::size_t b = 0; b < bars.size(); ++b) {
    const double exact = kurtosis(bars[b], alpha, beta), unit = bar * std::sqrt(bars[b]);
    EXPECT_NEAR(exact, published[b], 1e-9);
    const Moment m = moment(r, int(b), 4, unit), off = moment(planted, int(b), 4, unit);
    EXPECT_LT(std::abs(m.mean - exact), 6.0 * m.error);
    EXPECT_LT(m.error, 0.01 * exact) << "too few paths to say anything";
    if (b > 0) { EXPECT_GT(std::abs(off.mean - exact), 6.0 * off.error) << "alpha 3 % too large, and nobody noticed"; }
    std::cout << fmt::format(
        "E[r^4] over {:>2} bars: exact {:.4f}, estimated {:.4f} +- {:.4f}; alpha 3 % larger: {:.4f} (exact {:.4f})\n",
        bars[b], exact, m.mean, m.error, off.mean, kurtosis(bars[b], 1.03 * alpha, beta));
    const Moment second = moment(r, int(b), 2, unit);  // its own variance is finite: E[r^4]
    EXPECT_NEAR(second.mean, 1.0, 6.0 * std::sqrt((exact - 1.0) / (4.0 * double(n))));
  }
}

INSTANTIATE_TEST_SUITE_P(Slow, Kurtosis, ::testing::Values(0.08));

/// One bar of a bootstrap has the law of the rows, each as often as any other: no path elsewhere, and Pearson's
/// chi-square over rows.
TEST(Bootstrap, DrawsEveryRowEquallyOften) {
  const Residuals& r = residuals();
  constexpr std::uint64_t n = 1'000'000;
  constexpr double s = 16.0;
  const double bar = s * std::sqrt(hour / year);
  const Row row{"rows",
                n,
                [&](const World&) {
                  return assets({{"X", s, 0.0}, {"Y", s}}) + correlation(0.0) + r.text(4.0 * hour) +
                         sales({1.0, 2.0}, {0.1, 0.1});
                },
                {},
                "100h"};
  const Results result = run_text(row.text({}));
  // Bins of rows, those that are too near each other to be told apart as one.
  std::vector<std::pair<int, double>> cells;  // last bin, share
  std::vector<double> sorted = r.x;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const std::uint64_t* counts = result.tally.counts.data() + result.tally.layout.latency(0);
  std::uint64_t covered = 0;
  double chi2 = 0.0;
  int cells_used = 0;
  const auto bin_of = [&](double z) {
    const double l = loss(z * bar - 0.5 * bar * bar);
    return 1 + loss_gain_bins + int(std::floor(l * (l < 0.0 ? 1000.0 : 100'000.0)));
  };
  for (std::size_t i = 0; i < sorted.size();) {
    const int first = bin_of(sorted[i]) - 1;
    int last = first + 2;
    double share = 0.0;
    for (; i < sorted.size() && bin_of(sorted[i]) - 1 <= last; ++i) {
      share += 1.0 / Residuals::n;
      last = bin_of(sorted[i]) + 1;
    }
    std::uint64_t seen = 0;
    for (int b = first; b <= last; ++b) seen += counts[b];
    covered += seen;
    chi2 += std::pow(double(seen) - share * double(n), 2) / (share * double(n));
    ++cells_used;
  }
  EXPECT_EQ(covered, n) << "a path fell on no row";
  EXPECT_GT(cells_used, 100);
  EXPECT_LT(chi2, boost::math::quantile(boost::math::complement(boost::math::chi_squared(cells_used - 1), 1e-5)));
}

/// The bin of one loss that all paths have, or -1.
int only_bin(const Results& r, int k) {
  const std::uint64_t* counts = r.tally.counts.data() + r.tally.layout.latency(k);
  const auto at = std::find_if(counts, counts + loss_bins, [](std::uint64_t c) { return c != 0; });
  return *at == r.tally.paths ? int(at - counts) : -1;
}

/// From a fixed call every price is known: the recorded ratio at a bar's close, a straight line of its logarithm in
/// between.
TEST(Replay, GivesTheRecordedPrices) {
  const Prices& p = prices();
  const std::vector<double> bars = {1, 2, 5, 20, 1.5, 2.25, 19.9};
  std::string text = assets({{"X", 0.8, 0.7}, {"Y", 0.8}}) + correlation(0.1);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const std::string r = fmt::format("r{}", i);
    text += route(r, constant("relay", bars[i] * hour)) + collateral("x" + r, "X", r, 0.1) +
            collateral("y" + r, "Y", r, 0.1);
  }
  struct Overlay {
    const char* text;
    double volatility = 1.0, drift = 0.0, shock = 0.0;
  };
  for (const Overlay& o : {Overlay{""}, Overlay{"volatility = 1.5\n", 1.5}, Overlay{"drift = -2.0\n", 1.0, -2.0},
                           Overlay{"shocks = [ { asset = \"Y\", at = \"2h\", size = -0.3 } ]\n", 1.0, 0.0, -0.3}}) {
    const Row row{
        "replay", 256, [&](const World&) { return text + p.replay("2020-03-08T07:00:00Z") + o.text; }, {}, "20h"};
    const Results r = run_text(row.text({}));
    for (std::size_t i = 0; i < bars.size(); ++i) {
      for (const bool y : {false, true}) {
        double x = o.volatility * Prices::log_ratio(y ? p.y : p.x, 7, bars[i]) + o.drift * bars[i] * hour / year;
        if (y && bars[i] >= 2.0) x += std::log1p(o.shock);
        const int bin = only_bin(r, int(2 * i) + (y ? 1 : 0));
        ASSERT_GE(bin, 0) << "paths differ";
        EXPECT_GE(loss(x), loss_edge(bin) - 1e-6) << o.text << bars[i];
        EXPECT_LE(loss(x), loss_edge(bin + 1) + 1e-6) << o.text << bars[i];
      }
    }
  }
}

}  // namespace
}  // namespace proofload
