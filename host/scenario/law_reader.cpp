#include "scenario/law_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/words.h"
#include "laws/laws.h"
#include "laws/survival.h"
#include "scenario/words.h"

namespace proofload::input {
namespace {

using std::string, std::string_view, std::vector;

constexpr double usual_backoff = 2.0, usual_longest = 3600.0, usual_attempts = 8.0;  ///< of a retry
constexpr std::size_t largest_samples = std::size_t{256} << 20;                      // bytes

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

/// A law inside a retry or a window.
void read_inner(const Table& t, const char* key, const char* meaning, const Measure& measure, LawSpec& law) {
  const Node* node = t.need(key, meaning, "{ kind = \"exponential\", mean = \"45s\" }");
  if (!node) return;
  LawSpec inner = read_law(t.report, *node, t.path_of(key), measure, {}, LawPlace::inner);
  law.of.push_back(std::move(inner));
}

void read_retry(const Table& t, const Measure& measure, LawSpec& law) {
  if (!t.get("backoff")) law.backoff = usual_backoff;
  // the usual limit is one on waits that grow, and takes nothing off the first
  if (!t.get("longest")) law.longest = std::max(usual_longest, law.wait);
  if (!t.get("attempts")) law.attempts = usual_attempts;
  if (law.wait > law.longest)
    t.report.add(t.place_of("longest"), fmt::format("{} is shorter than {}", t.path_of("longest"), t.path_of("wait")),
                 "no wait is longer than that, so that the first would be cut as well",
                 "give a longer `longest`, or a shorter wait");
  if (law.attempts != std::floor(law.attempts))
    t.report.add(t.place_of("attempts"),
                 fmt::format("{} = {} is not whole", t.path_of("attempts"), brief(law.attempts)),
                 "attempts are counted", "give a whole number from 1 to 64");
  read_inner(t, "of", "the law of an attempt that is delivered", measure, law);
}

void read_window(const Table& t, const Measure& measure, LawSpec& law) {
  read_inner(t, "within", "the law that holds until the end of the window", measure, law);
  read_inner(t, "late", "the law of what is added to the end when that comes first", measure, law);
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
    LawSpec component = read_law(t.report, item, path, measure, {"weight"}, LawPlace::mixture);
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
        read_quantity(t.report, item.items[0], here, {0.0, 1.0, Open::neither, "the order of a quantile", "0.5"});
    const auto v = read_quantity(t.report, item.items[1], here, measure.range);
    if (!p || !v) continue;
    if (!law.quantiles.empty() && (*p <= law.quantiles.back().first || *v < law.quantiles.back().second))
      t.report.add(item.place, here + " is not above the one before it",
                   "quantiles are monotone: orders rise, values do not fall", "sort them, and merge equal orders");
    law.quantiles.emplace_back(*p, *v);
  }
}

/// The index of a column that a key names, among the cells of a file's first line; the number of cells when there is
/// none.
std::size_t find_column(Report& report, const Place& asked, const Source& file, const vector<string_view>& header,
                        const string& name) {
  const auto match = std::find(header.begin(), header.end(), name);
  if (match == header.end())
    report.add(asked, fmt::format("{} has no column {}", in_quotes(file.name), in_quotes(name)),
               "its first line names the columns", suggestion(name, {header.begin(), header.end()}, "column"));
  if (match != header.end() && std::find(match + 1, header.end(), name) != header.end()) {
    report.add(asked, fmt::format("{} has two columns {}", in_quotes(file.name), in_quotes(name)),
               "which of them is meant cannot be told", "rename or take out one of them");
    return header.size();
  }
  return static_cast<std::size_t>(match - header.begin());
}

void read_samples(const Table& t, const Node& file, const Node& column, const Measure& measure,
                  const std::optional<TailRequest>& tail, LawSpec& law) {
  std::size_t wanted = ~std::size_t{0}, status = ~std::size_t{0}, bad = 0;
  bool header = true;
  vector<Observation> samples;
  std::map<string, std::size_t> unknown;
  const auto use = [&](const Place& at, const vector<string_view>& cells) {
    if (header) {
      header = false;
      wanted = find_column(t.report, column.place, *at.source, cells, law.column);
      if (wanted == cells.size()) ++bad;
      if (!law.status.empty()) {
        status = find_column(t.report, t.place_of("status"), *at.source, cells, law.status);
        if (status == cells.size()) ++bad;
      }
      return bad == 0;
    }
    const double x = wanted < cells.size() ? cell_number(cells[wanted]).value_or(-1.0) : -1.0;
    const Delivery delivery = law.status.empty() ? Delivery::arrived : delivery_of(cells[status]);
    if (delivery == Delivery::unknown) {
      ++unknown[string(cells[status])];
      return true;
    }
    const bool delivered = delivery == Delivery::arrived;
    if (x >= 0.0 && x <= measure.range.high) {
      samples.push_back({x + 0.0, delivered});
    } else if (++bad <= 10) {
      const string cell = wanted < cells.size() ? in_quotes(cells[wanted]) : "a missing cell";
      if (delivered)
        t.report.add(at, fmt::format("{} is no sample for {}", cell, t.path),
                     fmt::format("it is of {}{}", measure.range.meaning, measure.range.duration ? " in seconds" : ""),
                     "give a number from 0 to " + brief(measure.range.high));
      else
        t.report.add(at, fmt::format("{} is not the time for which a message was watched, for {}", cell, t.path),
                     "one that was not delivered is known to take longer than that",
                     "give that time in seconds, or 0 when it is not known");
    }
    return true;
  };
  const auto csv = read_csv(t.report, file, t.path_of("file"), largest_samples, "a file of samples", use);
  if (!csv || bad > 0) return;
  if (!unknown.empty()) {
    t.report.add({csv->name, 0, unknown_words_problem(law.status, unknown)});
    return;
  }
  const auto same = [&](const Observation& o) { return o.value == samples[0].value; };
  if (samples.size() < 2 || std::all_of(samples.begin(), samples.end(), same)) {
    t.report.add(file.place,
                 fmt::format("{} holds fewer than two different samples in column {}", in_quotes(csv->name),
                             in_quotes(law.column)),
                 "a law cannot be drawn through one value", "use kind = \"constant\", or give more samples");
    return;
  }
  law.samples = samples.size();
  try {
    reduce_observations(std::move(samples), tail, law);
  } catch (const Error& e) {
    t.report.add({file.place.source->name, file.place.line, fmt::format("{}: {}", t.path, e.problems[0].text)});
  }
}

/// Whether a column's name says which quantile it holds: it ends in _q25, _p99, _p999, _min, _median or _max.
std::optional<double> order_in_name(string_view name) {
  const auto bar = name.rfind('_');
  const string_view word = bar == string_view::npos ? name : name.substr(bar + 1);
  if (word == "min") return 0.0;
  if (word == "median") return 0.5;
  if (word == "max" || word == "p100" || word == "q100") return 1.0;
  if (word.size() < 2 || word.size() > 7 || (word[0] != 'q' && word[0] != 'p')) return std::nullopt;
  double digits = 0.0, size = word.size() == 2 ? 10.0 : 1.0;  // p5 is p05
  for (const char c : word.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    digits = digits * 10.0 + (c - '0');
    size *= 10.0;
  }
  return digits / size;
}

/// One row of a CSV file, which `where` picks, with quantiles in some of its columns.
void read_quantile_file(const Table& t, const Node& file, const Measure& measure, LawSpec& law) {
  const Node *where = t.get("where"), *in = t.get("quantiles_in");
  bool good = !where || check_table(t.report, *where, t.path_of("where"),
                                    "it says what the columns of the row must hold", "write { protocol = \"ccip\" }");
  good &= !in || check_table(t.report, *in, t.path_of("quantiles_in"), "it says which quantile is in which column",
                             "write { latency_median = 0.5 }");
  if (!good) return;
  struct Condition {
    std::size_t column;
    const Node* value;
  };
  struct Wanted {
    std::size_t column;
    double order;
  };
  vector<Condition> conditions;
  vector<Wanted> orders;
  bool header = true;
  std::size_t rows = 0, matching = 0;
  vector<std::pair<double, double>> found;
  const auto read_header = [&](const Place& at, const vector<string_view>& cells) {
    if (where) {
      for (const Member& m : where->members) {
        const std::size_t c = find_column(t.report, m.place, *at.source, cells, m.key);
        good &= c < cells.size();
        if (!m.value.is_text() && !m.value.is_numeric()) {
          good = false;
          t.report.add(m.value.place, fmt::format("{}.{} is {}", t.path_of("where"), m.key, kind_name(m.value)),
                       "it is compared with a cell", "give a text or a number");
        }
        conditions.push_back({c, &m.value});
      }
    }
    if (in) {
      for (const Member& m : in->members) {
        const std::size_t c = find_column(t.report, m.place, *at.source, cells, m.key);
        const auto order = read_quantity(t.report, m.value, t.path_of("quantiles_in") + '.' + m.key,
                                         {0.0, 1.0, Open::neither, "the order of a quantile", "0.5"});
        good &= c < cells.size() && order;
        if (good) orders.push_back({c, *order});
      }
    } else {
      for (std::size_t c = 0; c < cells.size(); ++c)
        if (const auto order = order_in_name(cells[c])) orders.push_back({c, *order});
    }
    std::sort(orders.begin(), orders.end(), [](const Wanted& x, const Wanted& y) { return x.order < y.order; });
    const auto twice = std::adjacent_find(orders.begin(), orders.end(),
                                          [](const Wanted& x, const Wanted& y) { return x.order == y.order; });
    if (good && (orders.size() < 2 || twice != orders.end())) {
      good = false;
      t.report.add(in ? in->place : file.place,
                   orders.size() < 2 ? fmt::format("{} names fewer than two columns of quantiles",
                                                   in ? t.path_of("quantiles_in") : in_quotes(at.source->name))
                                     : fmt::format("two columns hold the quantile of order {}", brief(twice->order)),
                   "the law is drawn through them", "write quantiles_in = { column = order, ... }");
    }
  };
  const auto use = [&](const Place& at, const vector<string_view>& cells) {
    if (header) {
      header = false;
      read_header(at, cells);
      return good;
    }
    ++rows;
    for (const Condition& c : conditions) {
      if (c.column >= cells.size()) return true;
      const auto number = cell_number(cells[c.column]);
      const bool same = c.value->is_text() ? cells[c.column] == c.value->text
                                           : number && *number == (c.value->kind == Node::Kind::integer
                                                                       ? static_cast<double>(c.value->integer)
                                                                       : c.value->number);
      if (!same) return true;
    }
    if (++matching > 1) return true;
    for (const Wanted& w : orders) {
      const double x = w.column < cells.size() ? cell_number(cells[w.column]).value_or(-1.0) : -1.0;
      if (x < 0.0 || x > measure.range.high || (!found.empty() && x < found.back().second)) {
        good = false;
        const string cell = w.column < cells.size() ? in_quotes(cells[w.column]) : "a missing cell";
        t.report.add(at, fmt::format("{} is no quantile of order {} for {}", cell, brief(w.order), t.path),
                     fmt::format("it is of {}{}, and quantiles do not fall with their order", measure.range.meaning,
                                 measure.range.duration ? " in seconds" : ""),
                     "correct the file, or name other columns in quantiles_in");
        return false;
      }
      found.emplace_back(w.order, x + 0.0);
    }
    return true;
  };
  const auto csv = read_csv(t.report, file, t.path_of("quantile_file"), largest_samples, "a file of quantiles", use);
  if (!csv || !good) return;
  if (matching != 1) {
    t.report.add(where ? where->place : file.place,
                 fmt::format("{} of the {} rows of {} {}", matching, rows, in_quotes(csv->name),
                             where ? "are as " + t.path_of("where") + " says" : string("could be meant")),
                 "the quantiles are those of one row",
                 where ? "name columns and values that one row has" : "add where = { column = \"value\", ... }");
    return;
  }
  law.quantiles = std::move(found);
}

/// `tail` of samples: true, or the share of the probability that it is fitted to.
std::optional<TailRequest> read_tail_request(const Table& t, bool& good) {
  const Node* tail = t.get("tail");
  if (!tail) return std::nullopt;
  TailRequest request;
  if (tail->is_table()) {
    const Table inner{t.report, *tail, t.path_of("tail")};
    inner.allow({"share"});
    const Quantity range{0.0, 0.5, Open::low, "the share of messages beyond the threshold", "0.05"};
    good &= inner.need("share", request.share, range);
    return request;
  }
  bool wanted = false;
  good &= t.read("tail", wanted, "whether a tail is fitted to the slowest samples");
  return good && wanted ? std::optional(request) : std::nullopt;
}

/// `tail` of quantiles that are written out: a fit made elsewhere, such as the effective scenario's.
void read_tail_fit(const Table& t, const Measure& measure, LawSpec& law) {
  const Node* node = t.get("tail");
  if (!node || !check_table(t.report, *node, t.path_of("tail"), "quantiles that are written out have no samples to fit",
                            "write { share = 0.05, threshold = \"1m\", shape = 0.2, scale = \"20s\" }"))
    return;
  const Table tail{t.report, *node, t.path_of("tail")};
  tail.allow({"share", "threshold", "shape", "scale", "shape_error", "scale_error"});
  LawSpec::Tail fit;
  Quantity scale = measure.range;
  scale.open = Open::low;
  const Quantity errors{0.0, 1e3, Open::neither, "the standard error of the shape", "0.1"};
  bool good =
      tail.need("share", fit.share, {0.0, 1.0, Open::both, "the share of messages beyond the threshold", "0.05"});
  good &= tail.need("threshold", fit.threshold, measure.range);
  good &= tail.need("shape", fit.shape,
                    {LawSpec::Tail::least_shape, LawSpec::Tail::greatest_shape, Open::high,
                     "the shape of a generalised Pareto law", "0.2"});
  good &= tail.need("scale", fit.scale, scale);
  if (tail.get("shape_error")) good &= tail.read("shape_error", fit.shape_error, errors);
  if (tail.get("scale_error")) good &= tail.read("scale_error", fit.scale_error, measure.range);
  if (!good || law.quantiles.empty()) return;
  const auto [last_p, last] = law.quantiles.back();
  if (std::fabs(1.0 - last_p - fit.share) > 1e-9 || last != fit.threshold) {
    t.report.add(node->place, t.path_of("tail") + " does not begin where the quantiles end",
                 fmt::format("it is the law of what is beyond the last quantile, [{}, {}]", brief(last_p),
                             measure.range.duration ? duration_text(last) : brief(last)),
                 "let share be 1 less its order, and threshold its value");
    return;
  }
  law.tail = fit;
}

void read_empirical(const Table& t, const Measure& measure, LawSpec& law) {
  const Node *quantiles = t.get("quantiles"), *quantile_file = t.get("quantile_file");
  const bool samples = t.get("file") || t.get("column");
  const int ways = (quantiles ? 1 : 0) + (quantile_file ? 1 : 0) + (samples ? 1 : 0);
  if (ways != 1) {
    t.report.add(t.place(),
                 fmt::format("{} has {}", t.path,
                             ways == 0       ? "neither quantiles nor a file"
                             : quantile_file ? "quantiles from more than one source"
                                             : "both quantiles and a file"),
                 "an empirical law is given in one of the three ways",
                 ways > 1 ? "take all but one of them out"
                          : "add quantiles = [ [p, value], ... ], or file and column, or quantile_file");
    return;
  }
  const auto alone = [&](const char* key, const char* with) {
    if (t.get(key))
      t.report.add(t.place_of(key), fmt::format("{} has {} without {}", t.path, key, with), "it says how that is read",
                   "take it out");
  };
  if (!samples) alone("status", "file");
  if (!quantile_file) {
    alone("where", "quantile_file");
    alone("quantiles_in", "quantile_file");
  }
  if (quantiles) {
    read_quantiles(t, *quantiles, measure, law);
    read_tail_fit(t, measure, law);
  } else if (quantile_file) {
    alone("tail", "file");
    if (t.read("quantile_file", law.file, "the path of a CSV file"))
      read_quantile_file(t, *quantile_file, measure, law);
  } else {
    const Node* file = t.need("file", "a CSV file with a header", "\"samples.csv\"");
    const Node* column = file ? t.need("column", "the column that holds the samples", "\"delay\"") : nullptr;
    bool good = true;
    const auto tail = read_tail_request(t, good);
    if (t.get("status")) good &= t.read("status", law.status, "the column that says which samples were delivered");
    if (column && good && t.read("file", law.file, "the path of a CSV file") &&
        t.read("column", law.column, "the name of a column"))
      read_samples(t, *file, *column, measure, tail, law);
  }
  // bounded values have no tail beyond the last quantile, which is drawn for the rest of the probability
  if (measure.bounded && !law.quantiles.empty() && law.quantiles.back().first < 1.0)
    law.quantiles.emplace_back(1.0, law.quantiles.back().second);
}

}  // namespace

LawSpec read_law(Report& report, const Node& n, const string& path, const Measure& measure,
                 const vector<string>& besides, LawPlace where) {
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
  const LawRow* row = row_named(law_rows, name);
  if (!row) {
    report.add(kind->place, fmt::format("{} is not a kind of law, in {}.kind", in_quotes(name), path),
               "no such law is known", suggestion(name, names_of(law_rows), "law"));
    return law;
  }
  law.kind = row->kind;
  const bool mixture = law.kind == LawKind::mixture, empirical = law.kind == LawKind::empirical;
  const auto refuse = [&](const string& what_it_is, const string& why, const char* what) {
    report.add(kind->place, fmt::format("{} is {}", path, what_it_is), why, what);
    return law;
  };
  const bool composed = row->use == LawUse::composed;
  if (where == LawPlace::mixture && (mixture || empirical))
    return refuse(mixture ? "a mixture inside a mixture" : "an empirical law inside a mixture",
                  "a component must be one smooth piece or an atom",
                  mixture ? "list its components in the outer mixture, with weights multiplied"
                          : "use an empirical law alone, or a parametric component");
  if (where == LawPlace::inner && (mixture || empirical || composed))
    return refuse(fmt::format("{} {} law inside another one", empirical ? "an" : "a", name),
                  "what a retry or a window is made of must be one smooth piece or an atom",
                  "use a parametric law there, or a mixture of retries or windows");
  if (composed && !measure.range.duration)
    return refuse(fmt::format("a {} law", name),
                  fmt::format("it is a law of durations, and this is {}", measure.range.meaning),
                  "use beta, uniform, or a mixture of them");
  if (measure.bounded && row->use == LawUse::endless)
    return refuse(
        fmt::format("{} {} law", law.kind == LawKind::exponential ? "an" : "a", name),
        fmt::format("it has no upper end, and {} is at most {}", measure.range.meaning, brief(measure.range.high)),
        "use beta, uniform, or a mixture of them");
  if (measure.range.duration && row->use == LawUse::fractions)
    return refuse(fmt::format("a {} law", name),
                  fmt::format("{} is a law of fractions, and this is of a duration", name),
                  "use gamma, weibull or lognormal");
  vector<string> valid = besides;
  valid.emplace_back("kind");
  for (const auto& p : law_parameters)
    if (p.law == law.kind) valid.emplace_back(p.key);
  if (mixture) valid.emplace_back("of");
  if (law.kind == LawKind::retry) valid.emplace_back("of");
  if (law.kind == LawKind::window) valid.insert(valid.end(), {"within", "late"});
  if (empirical) valid.insert(valid.end(), {"quantiles", "file", "column", "quantile_file", "where", "quantiles_in"});
  if (empirical && measure.range.duration) valid.insert(valid.end(), {"status", "tail"});
  t.allow(valid);
  bool good = true;
  for (const auto& p : law_parameters)
    if (p.law == law.kind) good &= read_parameter(t, p, measure, law);
  if (good) check_parameters(t, law);
  if (mixture) read_mixture(t, measure, law);
  if (law.kind == LawKind::retry) read_retry(t, measure, law);
  if (law.kind == LawKind::window) read_window(t, measure, law);
  if (empirical) read_empirical(t, measure, law);
  return law;
}

}  // namespace proofload::input
