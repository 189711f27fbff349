#include "law_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "laws.h"
#include "scenario_words.h"

namespace proofload::input {
namespace {

using std::string, std::string_view, std::vector;

constexpr std::size_t largest_samples = std::size_t{256} << 20;  // bytes

bool read_parameter(const Table& t, const LawParameter& p, const Measure& measure, LawSpec& law) {
  if (p.optional && !t.get(p.key)) return true;
  Quantity q = p.kind == ParameterKind::plain ? p.range : measure.range;
  if (p.kind == ParameterKind::positive) q.low = q.duration ? 1e-6 : 1e-9;  // keeps logarithms and ratios tame
  return t.need(p.key, law.*p.value, q);
}

/// Conditions between the parameters of one law, each of which is in range.
void check_parameters(const Table& t, const LawSpec& law) {
  const auto complain = [&](string_view key, const string& problem, const char* why, const char* what) {
    t.report.add(t.place_of(key), problem, why, what);
  };
  if (law.kind == LawKind::uniform && law.min >= law.max) {
    complain("max", t.path_of("max") + " is not above min", "a uniform law needs room between its ends",
             law.min == law.max ? "use kind = \"constant\" for a single value" : "exchange min and max");
  } else if (law.kind == LawKind::pareto && law.cap <= law.min) {
    complain("cap", t.path_of("cap") + " is not above min", "the law lives between min and cap", "give a larger cap");
  } else if (law.kind == LawKind::lognormal) {
    const bool p99 = t.get("p99"), sigma = t.get("sigma");
    if (p99 == sigma)
      complain("sigma", fmt::format("{} has {}", t.path, p99 ? "both p99 and sigma" : "neither p99 nor sigma"),
               "the median and one of the two determine a lognormal law", p99 ? "take one of them out" : "add p99");
    else if (p99 && law.p99 <= law.median)
      complain("p99", t.path_of("p99") + " is not above the median",
               "99 of 100 values are below p99, 50 of 100 below the median",
               "give a larger p99, or use kind = \"constant\"");
    else if (p99 && law.p99 > 1e8 * law.median)
      complain("p99", t.path_of("p99") + " is more than 1e8 times the median",
               "sigma would be above 8, and such a tail overflows", "use a mixture of two laws instead");
  } else if (law.kind == LawKind::beta) {
    const double m = law.mean, nu = m * (1.0 - m) / (law.stdev * law.stdev) - 1.0;  // the sum of the two shapes
    if (!(m < 1.0) || !(m * nu >= 0.05 && (1.0 - m) * nu >= 0.05))
      complain("stdev",
               fmt::format("{}: mean {} and stdev {} have no beta law, or one that is nearly two atoms", t.path,
                           brief(m), brief(law.stdev)),
               "stdev^2 must be below mean (1 - mean), and both shapes at least 0.05",
               "give a smaller stdev, or a mixture of constants");
    else if (m * nu > 1e6 || (1.0 - m) * nu > 1e6)
      complain("stdev", fmt::format("{}: stdev {} is too small", t.path, brief(law.stdev)),
               "a shape above 1e6 is an atom in all but name", "use kind = \"constant\"");
  }
}

void read_mixture(const Table& t, const Measure& measure, LawSpec& law) {
  const Node* of =
      t.need("of", "a mixture lists its components", "[ { weight = 0.5, kind = \"constant\", value = ... }, ... ]");
  if (!of) return;
  if (!of->is_array() || of->items.empty() || of->items.size() > 32) {
    const char* problem = !of->is_array() ? kind_name(*of) : of->items.empty() ? "empty" : "too long";
    t.report.add(of->place, fmt::format("{} is {}", t.path_of("of"), problem), "a mixture has 1 to 32 components",
                 "write an array of tables, each with a weight and a kind");
    return;
  }
  double sum = 0.0;
  bool good = true;
  for (const auto& item : of->items) {
    const string path = fmt::format("{}[{}]", t.path_of("of"), law.of.size() + 1);
    LawSpec component = read_law(t.report, item, path, measure, {"weight"}, true);
    const Quantity weight{0.0, 1.0, Open::low, "the probability of this component", "0.5"};
    good &= item.is_table() && Table{t.report, item, path}.need("weight", component.weight, weight);
    sum += component.weight;
    law.of.push_back(std::move(component));
  }
  if (!good) return;
  if (std::fabs(sum - 1.0) > 1e-9) {
    t.report.add(of->place, fmt::format("the weights of {} sum to {}", t.path, brief(sum)),
                 "they are probabilities of components, one of which happens", "make them sum to 1");
  } else if (std::fabs(sum - 1.0) > 4e-16 * static_cast<double>(law.of.size())) {
    for (auto& component : law.of) component.weight /= sum;
  }
}

void read_quantiles(const Table& t, const Node& list, const Measure& measure, LawSpec& law) {
  const string path = t.path_of("quantiles");
  const char *low = measure.range.duration ? "[0.5, \"30s\"]" : "[0.5, 0.2]",
             *high = measure.range.duration ? "[0.99, \"5m\"]" : "[0.99, 0.9]";
  if (!list.is_array() || list.items.size() < 2 || list.items.size() > 200) {
    t.report.add(list.place, path + " is not an array of 2 to 200 pairs", "the law is drawn through them",
                 fmt::format("write [ {}, {} ]", low, high));
    return;
  }
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Node& item = list.items[i];
    const string here = fmt::format("{}[{}]", path, i + 1);
    if (!item.is_array() || item.items.size() != 2) {
      t.report.add(item.place, here + " is not a pair", "a quantile is its order and its value",
                   fmt::format("write {}", low));
      continue;
    }
    const auto p =
        read_quantity(t.report, item.items[0], here, {0.0, 1.0, Open::none, "the order of a quantile", "0.5"});
    const auto v = read_quantity(t.report, item.items[1], here, measure.range);
    if (!p || !v) continue;
    if (!law.quantiles.empty() && (*p <= law.quantiles.back().first || *v < law.quantiles.back().second))
      t.report.add(item.place, here + " is not above the one before it",
                   "quantiles are monotone: orders rise, values do not fall", "sort them, and merge equal orders");
    law.quantiles.emplace_back(*p, *v);
  }
}

void read_samples(const Table& t, const Node& file, const Node& column, const Measure& measure, LawSpec& law) {
  std::size_t wanted = ~std::size_t{0}, bad = 0;
  bool header = true;
  vector<double> samples;
  const auto use = [&](const Place& at, const vector<string_view>& cells) {
    if (header) {
      header = false;
      const auto match = std::find(cells.begin(), cells.end(), law.column);
      wanted = static_cast<std::size_t>(match - cells.begin());
      if (match != cells.end()) return true;
      t.report.add(column.place, fmt::format("{} has no column {}", in_quotes(at.source->name), in_quotes(law.column)),
                   "its first line names the columns", suggestion(law.column, {cells.begin(), cells.end()}, "column"));
      ++bad;
      return false;
    }
    const auto x = wanted < cells.size() ? cell_number(cells[wanted]) : std::nullopt;
    if (x && *x >= 0.0 && *x <= measure.range.high) {
      samples.push_back(*x + 0.0);
    } else if (++bad <= 10) {
      const string cell = wanted < cells.size() ? in_quotes(cells[wanted]) : "a missing cell";
      t.report.add(at, fmt::format("{} is no sample for {}", cell, t.path),
                   fmt::format("it is of {}{}", measure.range.meaning, measure.range.duration ? " in seconds" : ""),
                   "give a number from 0 to " + brief(measure.range.high));
    }
    return true;
  };
  const auto csv = read_csv(t.report, file, t.path_of("file"), largest_samples, "a file of samples", use);
  if (!csv || bad > 0) return;
  if (samples.size() < 2 || std::all_of(samples.begin(), samples.end(), [&](double x) { return x == samples[0]; })) {
    t.report.add(file.place,
                 fmt::format("{} holds fewer than two different samples in column {}", in_quotes(csv->name),
                             in_quotes(law.column)),
                 "a law cannot be drawn through one value", "use kind = \"constant\", or give more samples");
    return;
  }
  law.samples = samples.size();
  reduce_samples(std::move(samples), law);
}

void read_empirical(const Table& t, const Measure& measure, LawSpec& law) {
  const Node* quantiles = t.get("quantiles");
  if (!quantiles == !(t.get("file") || t.get("column"))) {
    t.report.add(
        t.place(),
        fmt::format("{} has {}", t.path, quantiles ? "both quantiles and a file" : "neither quantiles nor a file"),
        "an empirical law is given in one of the two ways",
        quantiles ? "take one of them out" : "add quantiles = [ [p, value], ... ], or file and column");
    return;
  }
  if (quantiles) {
    read_quantiles(t, *quantiles, measure, law);
  } else {
    const Node* file = t.need("file", "a CSV file with a header", "\"samples.csv\"");
    const Node* column = file ? t.need("column", "the column that holds the samples", "\"delay\"") : nullptr;
    if (column && t.read("file", law.file, "the path of a CSV file") &&
        t.read("column", law.column, "the name of a column"))
      read_samples(t, *file, *column, measure, law);
  }
  // bounded values have no tail beyond the last quantile, which is drawn for the rest of the probability
  if (measure.bounded && !law.quantiles.empty() && law.quantiles.back().first < 1.0)
    law.quantiles.emplace_back(1.0, law.quantiles.back().second);
}

}  // namespace

LawSpec read_law(Report& report, const Node& n, const string& path, const Measure& measure,
                 const vector<string>& besides, bool component) {
  LawSpec law;
  const bool single = !n.is_array() && n.kind != Node::Kind::date;
  if (!check_table(report, n, path, "a law is a table with a kind",
                   fmt::format("write {} kind = \"constant\", value = {} }}", single ? "{" : "it like {",
                               single ? value_text(n) : "...")))
    return law;
  const Table t{report, n, path};
  const Node* kind = t.need("kind", "every law names its kind", "\"constant\"");
  string name;
  if (!kind || !t.read("kind", name, "every law names its kind")) return law;
  const auto row = std::find(std::begin(law_names), std::end(law_names), name);
  if (row == std::end(law_names)) {
    report.add(kind->place, fmt::format("{} is not a kind of law, in {}.kind", in_quotes(name), path),
               "no such law is known", suggestion(name, {std::begin(law_names), std::end(law_names)}, "law"));
    return law;
  }
  law.kind = static_cast<LawKind>(row - std::begin(law_names));
  const bool mixture = law.kind == LawKind::mixture, empirical = law.kind == LawKind::empirical;
  const bool endless = law.kind == LawKind::exponential || law.kind == LawKind::lognormal ||
                       law.kind == LawKind::gamma || law.kind == LawKind::weibull;
  const auto refuse = [&](const string& what_it_is, const string& why, const char* what) {
    report.add(kind->place, fmt::format("{} is {}", path, what_it_is), why, what);
    return law;
  };
  if (component && (mixture || empirical))
    return refuse(mixture ? "a mixture inside a mixture" : "an empirical law inside a mixture",
                  "a component must be one smooth piece or an atom",
                  mixture ? "list its components in the outer mixture, with weights multiplied"
                          : "use an empirical law alone, or a parametric component");
  if (measure.bounded && endless)
    return refuse(
        fmt::format("{} {} law", law.kind == LawKind::exponential ? "an" : "a", name),
        fmt::format("it has no upper end, and {} is at most {}", measure.range.meaning, brief(measure.range.high)),
        "use beta, uniform, or a mixture of them");
  if (measure.range.duration && law.kind == LawKind::beta)
    return refuse("a beta law", "beta is a law of fractions, and this is of a duration",
                  "use gamma, weibull or lognormal");
  vector<string> valid = besides;
  valid.emplace_back("kind");
  for (const auto& p : law_parameters)
    if (p.law == law.kind) valid.emplace_back(p.key);
  if (mixture) valid.emplace_back("of");
  if (empirical) valid.insert(valid.end(), {"quantiles", "file", "column"});
  t.allow(valid);
  bool good = true;
  for (const auto& p : law_parameters)
    if (p.law == law.kind) good &= read_parameter(t, p, measure, law);
  if (good) check_parameters(t, law);
  if (mixture) read_mixture(t, measure, law);
  if (empirical) read_empirical(t, measure, law);
  return law;
}

}  // namespace proofload::input
