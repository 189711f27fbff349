// coverage.cpp -- how often the intervals that are printed hold the exact value: scenarios whose figures are known in
// closed form or by quadrature, each run for many seeds. Prints the tables of tests/README.md, and what they are made
// of on stderr.
//   coverage PATHS=SEEDS... [figures|differences]
// An interval covers when both of its ends are there and the exact value lies between them, ends included. Exit status
// 1: those of some cell cover so rarely that not even 92.5 % can be the truth.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "answers/compare.h"
#include "base/parallel.h"
#include "plan/compile.h"
#include "tests/model/checks.h"

namespace {

using namespace proofload;
using namespace proofload::testing;  // NOLINT: closed forms, and parts of scenarios

// ---- laws of losses -------------------------------------------------------------------------------------------------

/// What is known of a loss L.
struct Law {
  std::function<double(double)> tail;    ///< P(L > h)
  std::function<double(double)> excess;  ///< E[(L - h)+]
  double mean = 0.0;                     ///< E[L]

  /// The least h with P(L > h) <= 1 - confidence; probabilities that are equal but for rounding count as equal.
  double quantile(double confidence) const {
    double low = -1.0, high = 1.0;
    while (high - low > 1e-13) {
      const double middle = 0.5 * (low + high);
      (tail(middle) > (1.0 - confidence) * (1.0 + 1e-9) ? low : high) = middle;
    }
    return high;
  }
  double shortfall(double confidence) const {
    const double q = quantile(confidence);
    return q + excess(q) / (1.0 - confidence);
  }
};

/// Phi(x) over its density: Mills' ratio, by its series where both are nothing.
double mills(double x) {
  if (x < -30.0) return -1.0 / x + 1.0 / (x * x * x);
  return normal(x) * std::sqrt(2.0 * std::numbers::pi) * std::exp(0.5 * x * x);
}

/// Of 1 - share * S, ln S normal. The excess is Black and Scholes' put, its second term written so that a variance of
/// any size does not overflow.
Law lognormal(double mean, double variance, double share = 1.0) {
  const double deviation = std::sqrt(variance);
  const auto score = [=](double h) { return (std::log((1.0 - h) / share) - mean) / deviation; };
  return {[=](double h) { return h >= 1.0 ? 0.0 : normal(score(h)); },
          [=](double h) {
            if (h >= 1.0) return 0.0;
            const double d = score(h), density = std::exp(-0.5 * d * d) / std::sqrt(2.0 * std::numbers::pi);
            if (deviation < 1.0)
              return (1.0 - h) * normal(d) - share * std::exp(mean + 0.5 * variance) * normal(d - deviation);
            return (1.0 - h) * (normal(d) - density * mills(d - deviation));
          },
          1.0 - share * std::exp(mean + 0.5 * variance)};
}

Law atom(double loss) {
  return {[=](double h) { return h < loss ? 1.0 : 0.0; }, [=](double h) { return std::max(0.0, loss - h); }, loss};
}

/// Laws with their probabilities.
using Parts = std::vector<std::pair<double, Law>>;
Law mixture(const Parts& parts) {
  double mean = 0.0;
  for (const auto& [weight, law] : parts) mean += weight * law.mean;
  return {[=](double h) {
            double sum = 0.0;
            for (const auto& [weight, law] : parts) sum += weight * law.tail(h);
            return sum;
          },
          [=](double h) {
            double sum = 0.0;
            for (const auto& [weight, law] : parts) sum += weight * law.excess(h);
            return sum;
          },
          mean};
}
/// With a parameter that is standard normal. The trapezoidal rule converges faster than any power of its step.
Law over_scores(const std::function<Law(double)>& given) {
  Parts parts;
  constexpr double step = 1.0 / 16.0;
  for (double z = -8.0; z <= 8.0; z += step)
    parts.emplace_back(step * std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi), given(z));
  return mixture(parts);
}
/// With a parameter that is uniform from a to b.
Law over_uniform(double a, double b, const std::function<Law(double)>& given) {
  using Gauss = boost::math::quadrature::gauss<double, 20>;
  Parts parts;
  constexpr int panels = 16;
  const double half = 0.5 * (b - a) / panels;
  for (int i = 0; i < panels; ++i) {
    for (std::size_t k = 0; k < Gauss::abscissa().size(); ++k)
      for (const double side : {-1.0, 1.0})
        parts.emplace_back(0.5 * Gauss::weights()[k] / panels,
                           given(a + (2 * i + 1) * half + side * half * Gauss::abscissa()[k]));
  }
  return mixture(parts);
}
/// Excesses are the integral of the tail. `steep`: where it has fallen to nothing that counts.
Law from_tail(const std::function<double(double)>& tail, double steep) {
  return {tail,
          [=](double h) { return integral(tail, h, std::max(h, steep), 8) + integral(tail, std::max(h, steep), 1.0); },
          0.0};
}

// ---- worlds ---------------------------------------------------------------------------------------------------------

constexpr double calls_a_year = 20.0, risk_free = 0.04;

/// A scenario with one collateral, and what is exact of it.
struct Exact {
  std::string text;      ///< without [run]
  double haircut = 0.0;  ///< in force
  Law spared, struck;    ///< losses where no layer fails, and where it fails
  double p = 0.0, hazard = 0.0;

  Law losses() const { return p > 0.0 ? mixture({{1.0 - p, spared}, {p, struck}}) : spared; }
  double under() const { return losses().tail(haircut); }
  double cap() const { return 1.0 / (p * struck.mean); }
  double risk_rate() const {
    const double failures = p > 0.0 ? hazard * struck.excess(haircut) : 0.0;
    return risk_free + (calls_a_year * spared.excess(haircut) + failures) / (1.0 - haircut);
  }
};

std::string margin() { return fmt::format("[margin]\ncalls_per_year = {}\nrisk_free = {}\n", calls_a_year, risk_free); }
std::string failing(double hazard, double exposure, const std::string& recovery) {
  return fmt::format("[layers.l]\nhazard = {:.17g}\nexposure = {}\nrecovery = {{ {} }}\n", hazard, seconds(exposure),
                     recovery);
}

/// A price that diffuses until a lognormal delay is over; nothing fails.
Exact diffusion(double volatility) {
  const double median = 15 * minute, sigma = 0.8, haircut = 0.04;
  const std::string stage =
      fmt::format("{{ name = \"relay\", kind = \"lognormal\", median = {}, sigma = {} }}", seconds(median), sigma);
  return {one_asset(volatility) + route("r", stage) + collateral("c", "X", "r", haircut) + margin(),
          haircut,
          over_scores([=](double z) {
            const double variance = volatility * volatility * median * std::exp(sigma * z) / year;
            return lognormal(-0.5 * variance, variance);
          }),
          {}};
}

/// Returns of Student's law after an hour.
Exact student_returns(double volatility) {
  const double dof = 3.0, haircut = 0.06, variance = volatility * volatility * hour / year;
  Parts parts;
  constexpr double step = 0.125;
  for (double t = -40.0; t < 8.0; t += step) {  // chi-square is exp(t)
    const double weight = step * std::exp(0.5 * dof * (t - std::log(2.0)) - 0.5 * std::exp(t) - std::lgamma(0.5 * dof));
    if (weight > 1e-25) parts.emplace_back(weight, lognormal(-0.5 * variance, variance * (dof - 2.0) * std::exp(-t)));
  }
  return {one_asset(volatility, student_t(dof)) + route("r", constant("relay", hour)) +
              collateral("c", "X", "r", haircut) + margin(),
          haircut,
          mixture(parts),
          {}};
}

/// Three minutes of diffusion; a layer that fails with this hazard pays little back.
Exact failures(double hazard, double exposure, double most_recovered = 0.3) {
  const double haircut = 0.02, variance = 0.8 * 0.8 * 3 * minute / year;
  const auto loss = [=](double recovery) { return lognormal(-0.5 * variance, variance, recovery); };
  return {one_asset(0.8) +
              failing(hazard, exposure, fmt::format("kind = \"uniform\", min = 0.0, max = {}", most_recovered)) +
              route("r", constant("relay", 3 * minute), "l") + collateral("c", "X", "r", haircut) + margin(),
          haircut,
          loss(1.0),
          over_uniform(0.0, most_recovered, loss),
          -std::expm1(-hazard * exposure / year),
          hazard};
}

/// Nothing is spread out: a token at 98 % of a price that stands still, and a layer that pays back all but a tenth in
/// four failures of five, half in most of the others. One loss is as likely as 99.9 % leaves room for, exactly.
Exact atoms(double p) {
  const double exposure = day, hazard = -std::log1p(-p) * year / exposure, basis = 0.98, haircut = 0.05;
  return {one_asset(0.0) +
              failing(hazard, exposure,
                      "kind = \"mixture\", of = [\n  { weight = 0.8, kind = \"constant\", value = 0.9 },\n"
                      "  { weight = 0.15, kind = \"constant\", value = 0.5 },\n"
                      "  { weight = 0.05, kind = \"constant\", value = 0.0 } ]") +
              route("r", constant("relay", minute), "l") +
              collateral("c", "X", "r", haircut, fmt::format("basis = {{ kind = \"constant\", value = {} }}", basis)) +
              margin(),
          haircut,
          atom(1.0 - basis),
          mixture({{0.8, atom(1.0 - 0.9 * basis)}, {0.15, atom(1.0 - 0.5 * basis)}, {0.05, atom(1.0)}}),
          p,
          hazard};
}

// ---- figures --------------------------------------------------------------------------------------------------------

/// An interval as it is printed; an end that is not there has no number.
struct Interval {
  std::optional<double> low, high;
};
Interval of(const Estimate& e) { return {e.low, e.high}; }

template <class Source>
struct Figure {
  std::string row, column;  ///< of the table
  double exact;
  std::function<Interval(const Source&)> read;
};

constexpr double confidences[] = {0.99, 0.999, 0.9999};
constexpr const char* in_words[] = {"99 %", "99.9 %", "99.99 %"};

void add_quantiles(std::vector<Figure<Answers>>& to, const std::string& column, const Law& law,
                   const std::function<const std::vector<HaircutAnswer>&(const Answers&)>& list) {
  for (std::size_t i = 0; i < 3; ++i)
    to.push_back(
        {std::string("haircut at ") + in_words[i], column, law.quantile(confidences[i]), [=](const Answers& a) {
           const HaircutAnswer& h = list(a)[i];
           return h.value ? Interval{h.low, h.high} : Interval{};
         }});
  for (std::size_t i = 0; i < 3; ++i)
    to.push_back({std::string("ES at ") + in_words[i], column, law.shortfall(confidences[i]), [=](const Answers& a) {
                    const HaircutAnswer& h = list(a)[i];
                    return Interval{h.expected_shortfall_low, h.expected_shortfall_high};
                  }});
}

struct Case {
  std::string text;
  std::vector<Figure<Answers>> figures;
};

Case single(const std::string& name, const Exact& w) {
  Case c{w.text, {}};
  c.figures.push_back({"P(loss > h)", name, w.under(), [](const Answers& a) { return of(a.collateral[0].p_under); }});
  if (w.p > 0.0)
    c.figures.push_back({"P(failure)", name, w.p, [](const Answers& a) { return of(a.collateral[0].p_failure); }});
  add_quantiles(
      c.figures, name, w.losses(), [](const Answers& a) -> const auto& { return a.collateral[0].haircuts; });
  if (w.p > 0.0) {
    c.figures.push_back(
        {"loss in a failure", name, w.struck.mean, [](const Answers& a) {
           return Interval{a.collateral[0].loss_given_failure_low, a.collateral[0].loss_given_failure_high};
         }});
    c.figures.push_back({"exposure cap", name, w.cap(), [](const Answers& a) {
                           return Interval{a.collateral[0].exposure_cap_per_loss_budget_low,
                                           a.collateral[0].exposure_cap_per_loss_budget_high};
                         }});
  }
  c.figures.push_back({"risk rate", name, w.risk_rate(), [](const Answers& a) {
                         return Interval{a.collateral[0].risk_rate->low, a.collateral[0].risk_rate->high};
                       }});
  return c;
}

/// One asset, sold after one hour and after two, with a date at each: a book, its worst date, and breaches.
Case book() {
  const double volatility = 0.8, haircut = 0.04, variance = volatility * volatility * hour / year;
  const Law hour_of_it = lognormal(-0.5 * variance, variance);
  /// Over the first hour's score.
  const auto over = [=](const auto& given) {
    return [=](double h) {
      if (h >= 1.0) return 0.0;
      const double kink = (std::log(1.0 - h) + 0.5 * variance) / std::sqrt(variance);
      return over_normal([&](double z) { return given(h, std::exp(-0.5 * variance + std::sqrt(variance) * z)); }, kink);
    };
  };
  const Law halves = from_tail(over([=](double h, double first) {
                                 const double left = 2.0 * (1.0 - h) - first;  // what the other half must bring
                                 return left <= 0.0 ? 0.0 : hour_of_it.tail(1.0 - left / first);
                               }),
                               0.3);
  const Law lowest = from_tail(
      over([=](double h, double first) { return first < 1.0 - h ? 1.0 : hour_of_it.tail(1.0 - (1.0 - h) / first); }),
      0.3);
  Case c{one_asset(volatility, "grid = { step = \"1h\" }\n") + route("one", constant("relay", hour)) +
             route("two", constant("relay", 2 * hour)) + collateral("a", "X", "one", haircut, "weight = 1.0") +
             collateral("b", "X", "two", haircut, "weight = 1.0") + fmt::format("[portfolio]\nhaircut = {}\n", haircut),
         {}};
  const std::string as_one = "book", worst = "its worst date";
  c.figures.push_back(
      {"P(loss > h)", as_one, halves.tail(haircut), [](const Answers& a) { return of(a.portfolio->p_under); }});
  add_quantiles(
      c.figures, as_one, halves, [](const Answers& a) -> const auto& { return a.portfolio->haircuts; });
  c.figures.push_back({"P(breach), collateral", worst, lowest.tail(haircut),
                       [](const Answers& a) { return of(*a.collateral[1].p_breach); }});
  c.figures.push_back(
      {"P(breach), book", worst, lowest.tail(haircut), [](const Answers& a) { return of(a.minimum->p_breach); }});
  add_quantiles(
      c.figures, worst, lowest, [](const Answers& a) -> const auto& { return a.minimum->quantiles; });
  return c;
}

/// Two scenarios side by side.
struct Pair {
  std::string first, other;
  bool same_seed;
  std::vector<Figure<Comparison>> figures;
};

Pair pair(const std::string& name, const Exact& first, const Exact& other, bool same_seed = false) {
  Pair p{first.text, other.text, same_seed, {}};
  const auto add = [&](const std::string& row, const char* figure, std::optional<double> confidence, double exact) {
    p.figures.push_back({row, name, exact, [=](const Comparison& c) {
                           for (const Difference& d : c.differences)
                             if (d.figure == figure && d.confidence == confidence) return Interval{d.low, d.high};
                           return Interval{};
                         }});
  };
  add("P(loss > h)", "p_under", {}, other.under() - first.under());
  for (std::size_t i = 0; i < 3; ++i)
    add(std::string("haircut at ") + in_words[i], "haircut", confidences[i],
        other.losses().quantile(confidences[i]) - first.losses().quantile(confidences[i]));
  add("risk rate", "risk_rate", {}, other.risk_rate() - first.risk_rate());
  return p;
}

// ---- measuring ------------------------------------------------------------------------------------------------------

class Runner {
 public:
  explicit Runner(const std::string& text)
      : scenario_(parse_scenario("schema = 1\nname = \"c\"\n[run]\npaths = 1000\n" + text, "coverage.toml")),
        compiled_(compile(scenario_)) {}
  Results operator()(std::uint64_t seed, std::uint64_t paths) const {
    Results r;
    r.scenario = scenario_;
    r.compiled = compiled_;
    r.seed = seed;
    r.range = {0, paths};
    r.tally = Tally(layout_of(compiled_.plan));
    cpu(1)->run(compiled_, seed, r.range, r.tally);
    return r;
  }

 private:
  Scenario scenario_;
  Compiled compiled_;
};

/// Of so many seeds. `below`, `above`: where the whole interval lies, when it does not hold the exact value.
struct Cell {
  int seeds = 0, covered = 0, absent = 0, below = 0, above = 0;
  double share(int of) const { return 100.0 * of / seeds; }
  bool is_absent() const { return 2 * absent > seeds; }
  std::string text() const {
    if (is_absent()) return "absent";
    if (absent == 0) return fmt::format("{:.1f}", share(covered));
    return fmt::format("{:.1f} ({:.1f} absent)", share(covered), share(absent));
  }
};

/// Rows, columns, and in each cell one entry for each number of paths; in the order in which they come.
class Table {
 public:
  template <class Source>
  void add(std::uint64_t paths, const std::vector<Figure<Source>>& figures, const std::vector<Cell>& cells) {
    for (std::size_t f = 0; f < figures.size(); ++f) {
      const auto& [row, column, exact, read] = figures[f];
      const Cell& c = cells[f];
      for (const auto& [list, name] : {std::pair(&rows_, &row), std::pair(&columns_, &column)})
        if (std::find(list->begin(), list->end(), *name) == list->end()) list->push_back(*name);
      cells_[{row, column}].push_back(c);
      fmt::print(stderr,
                 "{:<24} {:<22} {:>8} {:>12.6g}  covered {:5.1f}  absent {:5.1f}  below {:5.1f}  above {:5.1f}\n",
                 column, row, paths, exact, c.share(c.covered), c.share(c.absent), c.share(c.below), c.share(c.above));
    }
  }
  std::string markdown() const {
    std::string text = "| |";
    for (const auto& column : columns_) text += " " + column + " |";
    text += "\n|---|";
    for (std::size_t i = 0; i < columns_.size(); ++i) text += "---|";
    for (const auto& row : rows_) {
      text += "\n| " + row + " |";
      for (const auto& column : columns_) {
        const auto at = cells_.find({row, column});
        if (at != cells_.end())
          for (const Cell& c : at->second) text += (&c == &at->second.front() ? " " : ", ") + c.text();
        text += " |";
      }
    }
    return text + "\n";
  }
  std::vector<Cell> all() const {
    std::vector<Cell> all;
    for (const auto& [at, cells] : cells_) all.insert(all.end(), cells.begin(), cells.end());
    return all;
  }

 private:
  std::vector<std::string> rows_, columns_;
  std::map<std::pair<std::string, std::string>, std::vector<Cell>> cells_;
};

template <class Source, class Sample>
std::vector<Cell> measure(const std::vector<Figure<Source>>& figures, int seeds, const Sample& sample) {
  std::vector<std::vector<Interval>> all(static_cast<std::size_t>(seeds));
  for_each_parallel(all.size(), usable_threads(), [&](std::size_t i) {
    const Source source = sample(i + 1);
    for (const auto& figure : figures) all[i].push_back(figure.read(source));
  });
  std::vector<Cell> cells(figures.size());
  for (const auto& one : all) {
    for (std::size_t f = 0; f < figures.size(); ++f) {
      const auto& [low, high] = one[f];
      Cell& cell = cells[f];
      ++cell.seeds;
      if (!low || !high) {
        ++cell.absent;
      } else {  // atoms lie at edges, but for rounding
        const double rounding = 1e-9 * std::abs(figures[f].exact);
        const bool below = *high<figures[f].exact - rounding, above = *low> figures[f].exact + rounding;
        cell.below += below;
        cell.above += above;
        cell.covered += !below && !above;
      }
    }
  }
  return cells;
}

struct Size {
  std::uint64_t paths;
  int seeds;
};

int measure_all(const std::vector<Size>& sizes, const std::string& part) {
  const auto rare = failures(0.3, 77 * minute), often = failures(0.73, day);
  const std::vector<Case> cases = {single("lognormal delay", diffusion(0.8)),
                                   single("Student-t", student_returns(0.8)),
                                   single("failures 7e-6", failures(0.05, 77 * minute)),
                                   single("failures 4e-5", rare),
                                   single("failures 2e-3", often),
                                   single("atoms", atoms(0.005)),
                                   book()};
  const std::vector<Pair> pairs = {pair("lognormal delay", diffusion(0.8), diffusion(0.85)),
                                   pair("the same, one seed", diffusion(0.8), diffusion(0.85), true),
                                   pair("Student-t", student_returns(0.8), student_returns(0.9)),
                                   pair("failures 4e-5", rare, failures(0.6, 77 * minute)),
                                   pair("failures 2e-3", often, failures(0.9, day)),
                                   pair("atoms", atoms(0.005), atoms(0.006))};
  Table figures, differences;
  for (const auto& size : sizes) {
    const std::uint64_t paths = size.paths;  // no bindings: lambdas have them
    const int seeds = size.seeds;
    for (const Case& c : cases) {
      if (part == "differences") break;
      const Runner run(c.text);
      figures.add(paths, c.figures,
                  measure(c.figures, seeds, [&](std::uint64_t seed) { return answer(run(seed, paths)); }));
    }
    for (const Pair& p : pairs) {
      if (part == "figures") break;
      const Runner first(p.first), other(p.other);
      differences.add(
          paths, p.figures, measure(p.figures, seeds, [&](std::uint64_t seed) {
            return compare({first(seed, paths), other(p.same_seed ? seed : seed + 1'000'000, paths)}, {"a", "b"});
          }));
    }
  }
  fmt::print("{}\n{}\n", figures.markdown(), differences.markdown());

  double least = 100.0, sum = 0.0;
  int present = 0, absent = 0, bad = 0;
  for (const Table* table : {&figures, &differences}) {
    for (const Cell& c : table->all()) {
      if (c.is_absent()) {
        ++absent;
        continue;
      }
      ++present;
      sum += c.share(c.covered);
      least = std::min(least, c.share(c.covered));
      // P(Bin(n, 0.925) <= covered), of the seeds that have an interval
      const double n = c.seeds - c.absent, x = c.covered;
      bad += x < n && boost::math::ibetac(x + 1.0, n - x, 0.925) < 1e-6;
    }
  }
  fmt::print("{} cells: least {:.1f} %, mean {:.1f} %; absent for more than half of the seeds: {} cells\n", present,
             least, sum / present, absent);
  return bad > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<Size> sizes;
    std::string part;
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const std::size_t at = word.find('=');
      if (at == std::string::npos)
        part = word;
      else
        sizes.push_back({std::stoull(word), std::stoi(word.substr(at + 1))});
    }
    return measure_all(sizes, part);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  }
}
