#include "input/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/words.h"

namespace proofload::input {

using std::optional, std::string, std::string_view, std::vector;

// ----------------------------------------------------------------------------------------------- numbers and durations

namespace {

string range_text(const Quantity& q) {
  const auto show = [&](double x) {
    return !q.duration ? brief(x) : x == century ? "100 years (36500d)" : duration_text(x);
  };
  const char* to = q.open_low() ? (q.open_high() ? "and less than" : "up to") : (q.open_high() ? "to less than" : "to");
  return fmt::format("{} {} {} {}", q.open_low() ? "more than" : "from", show(q.low), to, show(q.high));
}

optional<double> in_range(Report& report, const Node& n, const string& path, double x, const Quantity& q) {
  const char* problem = nullptr;
  if (!std::isfinite(x))
    problem = "not a finite number";
  else if (x < 0.0 && q.low >= 0.0)
    problem = "negative";
  else if (x == 0.0 && q.low == 0.0 && q.open_low())
    problem = "zero";
  else if (x < q.low || (x == q.low && q.open_low()))
    problem = "too small";
  else if (x > q.high || (x == q.high && q.open_high()))
    problem = "too large";
  if (!problem) return x + 0.0;  // -0 becomes 0
  return report.add(n.place, fmt::format("{} = {} is {}", path, value_text(n), problem), q.meaning,
                    "give a value " + range_text(q));
}

constexpr const char* duration_form = "a duration is a number followed by ms, s, m, h or d, or several of them: 1h30m";

string in_units(const string& number) {
  return fmt::format("write \"{0}s\" for seconds, \"{0}m\" for minutes, \"{0}h\" for hours", number);
}

/// What to write in place of a number with a unit that is none, such as "5min" or "3 hours".
string with_unit(const string& number, string_view unit, const Quantity& q) {
  if (unit.empty()) return in_units(number);
  string lower;
  for (const char c : unit)
    if (c != ' ') lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  // Only what can mean nothing else: advice must not change a duration.
  constexpr std::pair<string_view, const char*> words[] = {
      {"ms", "ms"},  {"msec", "ms"},  {"milliseconds", "ms"}, {"s", "s"}, {"sec", "s"},
      {"secs", "s"}, {"second", "s"}, {"seconds", "s"},       {"m", "m"}, {"min", "m"},
      {"mins", "m"}, {"minute", "m"}, {"minutes", "m"},       {"h", "h"}, {"hr", "h"},
      {"hrs", "h"},  {"hour", "h"},   {"hours", "h"},         {"d", "d"}, {"day", "d"},
      {"days", "d"}};
  for (const auto& [word, meant] : words)
    if (lower == word) return fmt::format("write \"{}{}\"", number, meant);
  return fmt::format("write it like \"{}\"", q.example);
}

optional<double> read_duration(Report& report, const Node& n, const string& path, const Quantity& q) {
  const string given = path + " = " + value_text(n);
  double x = 0.0;
  const char *begin = n.text.data(), *end = begin + n.text.size();
  const auto [rest, code] = std::from_chars(begin, end, x);
  if (code == std::errc::result_out_of_range)
    return report.add(n.place, given + " is not a finite number", q.meaning, "give a value " + range_text(q));
  if (code != std::errc())
    return report.add(n.place, given + " is not a duration", duration_form,
                      fmt::format("write it like \"{}\"", q.example));
  const string_view unit(rest, static_cast<std::size_t>(end - rest));
  const auto duration = parse_duration(n.text);
  if (!duration)
    return report.add(
        n.place, unit.empty() ? given + " has no unit" : fmt::format("{}: {} is not a unit", given, in_quotes(unit)),
        duration_form, with_unit(printable({begin, rest}), unit, q));
  x = *duration;
  return in_range(report, n, path, x, q);
}

}  // namespace

optional<double> read_quantity(Report& report, const Node& n, const string& path, const Quantity& q) {
  if (q.duration && n.is_text()) return read_duration(report, n, path, q);
  if (q.duration && n.is_numeric())
    return report.add(n.place, fmt::format("{} = {} has no unit", path, value_text(n)),
                      "a duration is a string with a unit: ms, s, m, h or d", in_units(value_text(n)));
  if (q.duration || !n.is_numeric())
    return report.add(n.place, fmt::format("{} is {}", path, described(n)), q.meaning,
                      fmt::format("write {}, such as {}", q.duration ? "a string with a unit" : "a number", q.example));
  return in_range(report, n, path, n.kind == Node::Kind::integer ? static_cast<double>(n.integer) : n.number, q);
}

optional<std::int64_t> read_integer(Report& report, const Node& n, const string& path, std::int64_t low,
                                    std::int64_t high, const char* meaning, const char* example) {
  if (n.kind == Node::Kind::number && n.number == std::floor(n.number) && std::fabs(n.number) < 1e18)
    return report.add(n.place, fmt::format("{} = {} is a float", path, number_text(n.number)), meaning,
                      fmt::format("write it without a point or exponent: {}", static_cast<std::int64_t>(n.number)));
  if (n.kind != Node::Kind::integer)
    return report.add(n.place, fmt::format("{} is {}", path, described(n)), meaning,
                      fmt::format("write an integer, such as {}", example));
  if (n.integer >= low && n.integer <= high) return n.integer;
  const char* problem = n.integer == 0 ? "zero" : n.integer < 0 ? "negative" : "out of range";
  return report.add(n.place, fmt::format("{} = {} is {}", path, n.integer, problem), meaning,
                    fmt::format("give an integer from {} to {}", low, high));
}

optional<string> read_string(Report& report, const Node& n, const string& path, const char* meaning) {
  if (n.is_text()) return n.text;
  return report.add(n.place, fmt::format("{} is {}", path, described(n)), meaning, "write a string in quotes");
}

bool check_name(Report& report, const Place& at, const string& path, string_view name) {
  std::size_t characters = 0;
  bool control = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    characters += (c & 0xc0u) != 0x80u;
    control |= is_control(name[i]);
    control |= c == 0xc2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xa0;  // U+0080 .. U+009f
  }
  if (characters >= 1 && characters <= 64 && !control) return true;
  const char* problem = control           ? "contains a control character"
                        : characters == 0 ? "is empty"
                                          : "is longer than 64 characters";
  report.add(at, fmt::format("{} = {} {}", path, in_quotes(name), problem),
             "names appear in tables, files and messages", "use 1 to 64 printable characters");
  return false;
}

bool check_table(Report& report, const Node& n, const string& path, const char* why, const string& what) {
  if (!n.is_table()) report.add(n.place, fmt::format("{} is {}", path, described(n)), why, what);
  return n.is_table();
}

// -------------------------------------------------------------------------------------------------------------- tables

string Table::path_of(string_view key) const { return path.empty() ? string(key) : fmt::format("{}.{}", path, key); }

void Table::allow(const vector<string>& valid, const vector<string>& later) const {
  const auto holds = [](const vector<string>& list, const string& key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  for (const auto& m : node.members) {
    if (holds(valid, m.key)) continue;
    if (holds(later, m.key))
      report.add(m.place, path_of(m.key) + " is not in this version of proofload",
                 "the result would leave it out without a word", "take it out, or use a later version");
    else
      report.add(m.place,
                 fmt::format("unknown key {}{}", in_quotes(m.key), path.empty() ? "" : " in " + printable(path)),
                 "a key that nobody reads would change nothing without a word",
                 report.full() ? "" : suggestion(m.key, valid, "key"));
  }
}

const Node* Table::need(string_view key, const char* meaning, const string& example) const {
  const Node* n = get(key);
  if (!n) report.add_missing(place(), path_of(key) + " is missing", meaning, fmt::format("add {} = {}", key, example));
  return n;
}

bool Table::read(string_view key, double& out, const Quantity& q) const {
  const Node* n = get(key);
  const auto x = n ? read_quantity(report, *n, path_of(key), q) : std::nullopt;
  if (x) out = *x;
  return x.has_value();
}

bool Table::need(string_view key, double& out, const Quantity& q) const {
  return need(key, q.meaning, q.duration ? '"' + string(q.example) + '"' : q.example) && read(key, out, q);
}

bool Table::read(string_view key, bool& out, const char* meaning) const {
  const Node* n = get(key);
  if (n == nullptr) return false;
  if (n->kind != Node::Kind::boolean) {
    report.add(n->place, fmt::format("{} = {} is neither true nor false", path_of(key), value_text(*n)), meaning,
               "write true or false");
    return false;
  }
  out = n->boolean;
  return true;
}

bool Table::read(string_view key, string& out, const char* meaning) const {
  const Node* n = get(key);
  const auto text = n ? read_string(report, *n, path_of(key), meaning) : std::nullopt;
  if (text) out = *text;
  return text.has_value();
}

bool Table::read(string_view key, vector<double>& out, std::size_t count, const Quantity& q) const {
  const Node* n = get(key);
  if (!n) return false;
  if (!n->is_array()) {
    const auto x = read_quantity(report, *n, path_of(key), q);
    if (x) out.assign(count, *x);
    return x.has_value();
  }
  if (n->items.size() != count) {
    report.add(n->place,
               fmt::format("{} has {} number{}, and market.assets has {}", path_of(key), n->items.size(),
                           n->items.size() == 1 ? "" : "s", count),
               "number i is of asset i, in the order of market.assets",
               fmt::format("give {} number{}, or a single one for all", count, count == 1 ? "" : "s"));
    return false;
  }
  vector<double> numbers;
  for (const auto& item : n->items)
    if (const auto x = read_quantity(report, item, fmt::format("{}[{}]", path_of(key), &item - n->items.data() + 1), q))
      numbers.push_back(*x);
  if (numbers.size() < count) return false;
  out = std::move(numbers);
  return true;
}

bool Table::need(string_view key, vector<double>& out, std::size_t count, const Quantity& q) const {
  return need(key, q.meaning, q.example) && read(key, out, count, q);
}

bool Table::need_name(string_view key, string& out, const char* meaning, const string& example) const {
  const Node* n = need(key, meaning, '"' + example + '"');
  return n && read(key, out, meaning) && check_name(report, n->place, path_of(key), out);
}

vector<Table> tables_of(Report& report, const Node& n, const string& path, std::size_t most, const char* why,
                        const char* what) {
  vector<Table> tables;
  if (!n.is_array()) {
    report.add(n.place, fmt::format("{} is {}", path, described(n)), why, what);
    return tables;
  }
  if (n.items.size() > most)
    report.add(n.place, fmt::format("there are {} tables in {}", n.items.size(), path),
               fmt::format("a plan has room for {}", most), "split the scenario");
  for (std::size_t i = 0; i < std::min(n.items.size(), enough * most); ++i) {
    const Node& item = n.items[i];
    const Node* name = find(item, "name");
    const string here = name && name->is_text() ? fmt::format("{}.{}", path, printable(name->text))
                                                : fmt::format("{}[{}]", path, i + 1);
    if (check_table(report, item, here, why, what)) tables.push_back({report, item, here});
  }
  return tables;
}

// --------------------------------------------------------------------------------------------------------------- files

optional<std::filesystem::path> read_path(Report& report, const Node& n, const string& path, const char* meaning) {
  const auto given = read_string(report, n, path, meaning);
  if (!given) return std::nullopt;
  if (!path_is_sane(*given))
    return report.add(n.place, path + " is not a path", "it is empty, too long, or holds control characters",
                      "name a CSV file");
  return (n.place.source->folder / *given).lexically_normal();
}

std::shared_ptr<const Source> read_csv(Report& report, const Node& file, const string& path, std::size_t largest,
                                       const char* role, const UseCells& use, Header header) {
  const auto name = read_path(report, file, path, "the path of a CSV file");
  if (!name || !may_open(report, file.place, role)) return nullptr;
  std::error_code ignored;
  const auto status = std::filesystem::status(*name, ignored);
  if (*name != "-" && (!std::filesystem::exists(status) || std::filesystem::is_directory(status)) &&
      !check_file(report, file.place, *name, role))
    return nullptr;
  auto source = std::make_shared<const Source>(Source{name->string(), name->parent_path()});
  try {
    Csv csv(source->name, csv_text(*name, role, largest), header);
    const bool by_scenario = file.place.line > 0;  // and not by the command line
    if (by_scenario && !csv.holds_numbers()) {
      report.add(file.place, in_quotes(source->name) + " is no table of numbers",
                 fmt::format("{} has a number in most of its rows, and what is in other files is not shown", role),
                 "check that it is the file you mean");
      return nullptr;
    }
    const vector<string_view> names(csv.header().begin(), csv.header().end());
    if (!names.empty() && !use({source, csv.header_line()}, names)) return source;
    vector<string_view> cells;
    int line = 0;
    while (csv.next(cells, line) && use({source, line}, cells)) {}
    csv.finish();
    return source;
  } catch (const Error& e) {
    for (const Problem& p : e.problems) {
      if (p.line > 0) {
        report.add(p);
      } else {
        const string which = file.place.source->name == source->name ? "" : in_quotes(source->name) + ": ";
        report.add({file.place.source->name, file.place.line, which + p.text});
      }
    }
    return nullptr;
  }
}

}  // namespace proofload::input
