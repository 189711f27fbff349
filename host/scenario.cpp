/// scenario.cpp -- TOML to Scenario and back: includes, merging, validation, the effective scenario.
///
/// The text goes through three steps, one section each: toml++ parses it into our own tree of nodes that remember their file and
/// line (copies of toml++ nodes forget them); included trees are merged; readers turn tables into structs and collect every problem
/// on the way. Only then is anything thrown, so that a user sees all mistakes at once.
#include "scenario.h"

#include <fmt/format.h>

// toml++ 3.3 asserts, and with NDEBUG tells the optimiser to assume, that a table header goes on with a key; "[#" is enough to make
// that false. Its code right after handles the case, so assertions must be neither checked nor assumed.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#define TOML_FLOAT_CHARCONV 1      // the default goes through stringstreams
#define TOML_MAX_NESTED_VALUES 32  // destroying a document recurses: depth must be bounded, see trouble_for_parser()
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "laws.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::optional, std::string, std::string_view, std::vector;

constexpr std::size_t largest_scenario = std::size_t{4} << 20, largest_samples = std::size_t{256} << 20;
constexpr int most_included = 64, deepest_key = 32;
constexpr std::size_t most_problems = 1000;
constexpr double day = 86400.0, century = 100.0 * 365.0 * day;

// ------------------------------------------------------------------------------------------------ problems and words

/// A file as messages name it, and the folder that paths written in it are relative to.
struct Source {
  string name;
  fs::path folder;
};

struct Place {
  std::shared_ptr<const Source> source;
  int line = 0;
};

/// The three parts of every message: "<problem> (<why>) <what to do>".
struct Finding {
  string problem, why, what;
};

class Report {
 public:
  void add(const Place& at, const Finding& f) {
    if (!full())
      problems_.push_back(
          {at.source ? at.source->name : "", at.line, fmt::format("{} ({}) {}", f.problem, f.why, f.what)});
    else
      ++more_;
  }
  /// Something is missing: not a finding when an included file could not be read, because it may have been in there.
  void add_missing(const Place& at, const Finding& f) {
    if (!incomplete) add(at, f);
  }
  bool empty() const { return problems_.empty(); }
  bool full() const { return problems_.size() >= most_problems; }  ///< what is added now is only counted
  /// Throws everything found, in the order of files and lines.
  [[noreturn]] void fail() {
    std::map<string, std::size_t> order;
    for (const auto& p : problems_) order.try_emplace(p.file, order.size());
    std::stable_sort(problems_.begin(), problems_.end(), [&](const Problem& a, const Problem& b) {
      return a.file == b.file ? a.line < b.line : order[a.file] < order[b.file];
    });
    if (more_ > 0)
      problems_.push_back(
          {problems_[0].file, 0,
           fmt::format("{} more problems (only {} are listed) correct these first", more_, most_problems)});
    throw Error(std::move(problems_));
  }

  bool incomplete = false;  ///< an included file could not be read

 private:
  vector<Problem> problems_;
  std::size_t more_ = 0;
};

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

/// Text from a file made fit for a message: one line, printable, short.
string printable(string_view text) {
  string shown;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
    if (starts && shown.size() > 60) return shown + "...";
    shown += is_control(static_cast<unsigned char>(c)) ? '?' : c;
  }
  return shown;
}

string in_quotes(string_view text) { return '"' + printable(text) + '"'; }

/// Shortest text that reads back as the same double, with a point or an exponent so that TOML takes it for a float.
string number_text(double x) {
  char buffer[64];
  const bool plain = x == 0.0 || (std::fabs(x) >= 1e-5 && std::fabs(x) < 1e15);
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, x, plain ? std::chars_format::fixed : std::chars_format::scientific)
          .ptr;
  string text(buffer, end);
  if (text.find_first_of(".en") == string::npos) text += ".0";
  return text;
}

/// The same for messages, without the forced point.
string brief(double x) {
  string text = number_text(x);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

/// The largest unit in which a duration is a whole number; else seconds. Always reads back as the same double.
string duration_text(double seconds) {
  const std::pair<double, const char*> units[] = {{day, "d"}, {3600.0, "h"}, {60.0, "m"}, {1.0, "s"}};
  for (const auto& [size, unit] : units) {
    const double n = seconds / size;
    if (n >= 1.0 && n < 1e9 && n == std::floor(n) && n * size == seconds) return brief(n) + unit;
  }
  const double ms = seconds * 1000.0;
  if (ms >= 1.0 && ms < 1000.0 && ms == std::floor(ms) && ms / 1000.0 == seconds) return brief(ms) + "ms";
  return brief(seconds) + "s";
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, letter case aside.
std::size_t edit_distance(string_view a, string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  vector<vector<std::size_t>> d(a.size() + 1, vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

string list_of(const vector<string>& names) {
  string text;
  for (std::size_t i = 0; i < names.size() && i < 24; ++i) text += (i ? ", " : "") + printable(names[i]);
  return names.size() > 24 ? text + ", ..." : text;
}

/// "did you mean X?", or the list of what there is.
string suggestion(string_view given, const vector<string>& valid, const string& kind) {
  if (valid.empty()) return fmt::format("there is no {} to choose from: add one", kind);
  const string* best = nullptr;
  std::size_t best_distance = ~std::size_t{0};
  if (given.size() <= 64)
    for (const auto& v : valid) {
      const std::size_t distance = v.size() > 64                               ? ~std::size_t{0}
                                   : given.size() >= 2 && v.starts_with(given) ? 1
                                                                               : edit_distance(given, v);
      const std::size_t longest = std::max(given.size(), v.size());
      if (distance < best_distance && distance <= std::max<std::size_t>(2, longest / 3) && distance < longest)
        best = &v, best_distance = distance;
    }
  if (best) return fmt::format("did you mean {}?", in_quotes(*best));
  return fmt::format("use one of: {}", list_of(valid));
}

// ------------------------------------------------------------------------------------------------ the tree

struct Member;

/// One TOML value with its place. Members keep the order of the file, which toml++ does not.
struct Node {
  enum class Kind { table, array, text, integer, number, boolean, date } kind = Kind::table;
  Place place;
  string text;
  std::int64_t integer = 0;
  double number = 0.0;
  bool boolean = false;
  vector<Member> members;
  vector<Node> items;
};

struct Member {
  string key;
  Place place;
  int column = 0;
  Node value;
};

const char* kind_name(const Node& n) {
  constexpr const char* names[] = {"a table",  "an array",  "a string",      "an integer",
                                   "a number", "a boolean", "a date or time"};
  return names[static_cast<int>(n.kind)];
}

string value_text(const Node& n) {
  switch (n.kind) {
    case Node::Kind::text: return in_quotes(n.text);
    case Node::Kind::integer: return std::to_string(n.integer);
    case Node::Kind::number: return brief(n.number);
    case Node::Kind::boolean: return n.boolean ? "true" : "false";
    default: return kind_name(n);
  }
}

const Node* find(const Node& table, string_view key) {
  if (table.kind != Node::Kind::table) return nullptr;
  for (const auto& m : table.members)
    if (m.key == key) return &m.value;
  return nullptr;
}

Node convert(const toml::node& from, const std::shared_ptr<const Source>& source) {
  Node to;
  to.place = {source, static_cast<int>(from.source().begin.line)};
  if (const auto* table = from.as_table()) {
    for (auto&& [key, value] : *table) {
      const auto at = key.source().begin;
      to.members.push_back({string(key.str()),
                            {source, static_cast<int>(at.line)},
                            static_cast<int>(at.column),
                            convert(value, source)});
    }
    std::stable_sort(to.members.begin(), to.members.end(), [](const Member& a, const Member& b) {
      return std::pair(a.place.line, a.column) < std::pair(b.place.line, b.column);
    });
  } else if (const auto* array = from.as_array()) {
    to.kind = Node::Kind::array;
    for (auto&& item : *array) to.items.push_back(convert(item, source));
  } else if (const auto* text = from.as_string()) {
    to.kind = Node::Kind::text;
    to.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    to.kind = Node::Kind::integer;
    to.integer = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    to.kind = Node::Kind::number;
    to.number = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    to.kind = Node::Kind::boolean;
    to.boolean = boolean->get();
  } else {
    to.kind = Node::Kind::date;
  }
  return to;
}

struct Trouble {
  int line = 0;  ///< 0: none
  Finding finding{};
};

/// What toml++ 3.3 must not see, found by following strings and comments as it does until the first error:
/// - a key "a.a.a..." of megabytes makes a tree whose destruction overflows the stack (only brackets are bounded);
/// - asked whether U+00A1 .. U+0499 is a space, it runs into __builtin_unreachable(). It asks outside strings and comments, where
///   TOML allows ASCII only, and after a line of a string that ends with a backslash.
Trouble trouble_for_parser(string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  int line = 1, dots = 0;
  char quote = 0;  // inside a string: its quote
  char word = 0;   // outside: first character of the word before, 0 where a word may begin
  bool triple = false, continued = false, assigned = false;
  const auto triple_at = [&](std::size_t i, char q) { return text.substr(i, 3) == string(3, q); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool ascii = static_cast<unsigned char>(c) < 0x80, space = c == ' ' || (c >= '\t' && c <= '\r');
    if (c == '\n') ++line;
    if (quote) {
      if (continued && !ascii)
        return {line,
                {"a string goes on after a backslash with a character beyond ASCII",
                 "it cannot be told from a space that is to be skipped",
                 "join the two lines, or begin with another character"}};
      if (continued && space) continue;
      continued = false;
      if (c == '\\' && quote == '"') {
        continued = triple && i + 1 < text.size() && string_view("\"\\bfnrtuU").find(text[i + 1]) == string_view::npos;
        if (!continued) ++i;
      } else if (triple && triple_at(i, quote)) {
        i += 2;
        while (i + 1 < text.size() && text[i + 1] == quote) ++i;  // up to two quotes may precede the delimiter
        quote = 0;
      } else if (!triple && (c == quote || c == '\n')) {
        quote = 0;
      }
    } else if (c == '"' || c == '\'') {
      // a number takes all up to the next space, comma or bracket, quotes included
      const bool part_of_key =
          word && i > 0 && text[i - 1] == '.' && word != '+' && word != '-' && !(word >= '0' && word <= '9');
      if (word && !part_of_key)
        return {line,
                {"not valid TOML: a quote in the middle of a word", "a string begins after a space or punctuation",
                 "correct this line"}};
      word = quote = c;
      triple = triple_at(i, c);
      continued = false;
      if (triple) i += 2;
    } else if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (space) {
      word = 0;
      if (c == '\n') dots = 0, assigned = false;
    } else if (!ascii) {
      return {line,
              {"not valid TOML: a character beyond ASCII outside quotes",
               "keys without quotes, numbers and punctuation are ASCII", "put it in quotes"}};
    } else if (c == '.') {
      if (!word) word = c;
      if (++dots >= deepest_key)
        return {line,
                {fmt::format("a key has more than {} parts", deepest_key), "no key of a scenario is that deep",
                 "correct this line"}};
    } else if (c == ',' || c == ']' || c == '}') {
      dots = word = 0;
      assigned &= c != ',';
    } else if (c == '[' || c == '{' || c == '=') {
      dots = 0;
      if (c == '=' && !assigned) word = 0;  // anywhere else after a word these belong to it, or are errors
      assigned = c == '=' || (assigned && c == '[');
    } else if (!word) {
      word = c;
    }
  }
  return {};
}

// ------------------------------------------------------------------------------------------------ files and includes

/// Reads a whole regular file of at most `largest` bytes; says why not otherwise.
optional<Finding> read_text(const fs::path& path, std::size_t largest, const char* role, string& text) {
  const string name = in_quotes(path.string());
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status))
    return Finding{fmt::format("{} does not exist", name), fmt::format("it is wanted as {}", role),
                   "check the path and its spelling"};
  if (fs::is_directory(status))
    return Finding{fmt::format("{} is a directory", name), fmt::format("{} is one file", role), "name a file in it"};
  if (!fs::is_regular_file(status))
    return Finding{fmt::format("{} is not a regular file", name),
                   fmt::format("{} is read at once, not as a stream", role), "save it to a file first"};
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return Finding{fmt::format("{} cannot be opened", name), std::generic_category().message(errno),
                   "check its permissions"};
  const auto size = fs::file_size(path, problem);
  text.resize(problem ? 0 : std::min<std::uintmax_t>(size, largest + 1));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return Finding{fmt::format("{} cannot be read", name), "the system reported a read error", "check the disk"};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest)
    return Finding{fmt::format("{} is larger than {} MiB", name, largest >> 20),
                   fmt::format("{} of that size is taken for a mistake", role), "check that it is the file you mean"};
  return std::nullopt;
}

/// Keys of which a table holds one group only: an includer that gives one takes away what was included of the others.
constexpr std::pair<string_view, string_view> alternatives[] = {{"correlation", "correlation_file"},
                                                                {"step", "steps"},
                                                                {"p99", "sigma"},
                                                                {"quantiles", "file"},
                                                                {"quantiles", "column"}};

/// Puts `over` on top of `base`: tables merge, arrays of named tables merge by name, everything else is replaced.
/// `names`: the keys of this table are names that the user chose ([routes], [layers], [chains]), not words of the format.
void merge(Node& base, Node&& over, bool names, int depth);

void merge_arrays(Node& base, Node&& over, int depth) {
  const auto all_named = [](const Node& array) {
    return std::all_of(array.items.begin(), array.items.end(), [](const Node& item) {
      const Node* name = find(item, "name");
      return name && name->kind == Node::Kind::text;
    });
  };
  if (base.items.empty() || over.items.empty() || !all_named(base) || !all_named(over)) {
    base = std::move(over);
    return;
  }
  base.place = over.place;
  std::unordered_map<string, std::size_t> known;
  for (std::size_t i = 0; i < base.items.size(); ++i) known.try_emplace(find(base.items[i], "name")->text, i);
  for (auto& item : over.items) {
    const auto match = known.find(find(item, "name")->text);
    if (match == known.end()) {
      base.items.push_back(std::move(item));
    } else {
      const std::size_t i = match->second;
      known.erase(match);  // a second item of that name in the includer is a duplicate: it is added, and reported later
      merge(base.items[i], std::move(item), false, depth);
    }
  }
}

void merge(Node& base, Node&& over, bool names, int depth) {
  if (base.kind == Node::Kind::array && over.kind == Node::Kind::array)
    return merge_arrays(base, std::move(over), depth + 1);
  if (base.kind != Node::Kind::table || over.kind != Node::Kind::table) {
    base = std::move(over);
    return;
  }
  if (over.place.line > 0) base.place = over.place;
  if (!names) {
    const auto drop = [&](auto&& condition) {
      std::erase_if(base.members, [&](const Member& m) { return condition(m.key); });
    };
    // a law is one value: its parameters mean nothing under another kind
    if (find(over, "kind")) drop([](string_view key) { return key != "name" && key != "scope"; });
    for (const auto& pair : alternatives) {
      if (find(over, pair.first)) drop([&](string_view key) { return key == pair.second; });
      if (find(over, pair.second)) drop([&](string_view key) { return key == pair.first; });
    }
  }
  std::unordered_map<string, std::size_t> known;
  for (std::size_t i = 0; i < base.members.size(); ++i) known.emplace(base.members[i].key, i);
  for (auto& m : over.members) {
    const auto match = known.find(m.key);
    if (match == known.end()) {
      base.members.push_back(std::move(m));
    } else {
      Member& mine = base.members[match->second];
      mine.place = m.place;
      const bool chosen = depth == 0 && (m.key == "routes" || m.key == "layers" || m.key == "chains");
      merge(mine.value, std::move(m.value), chosen, depth + 1);
    }
  }
}

bool path_is_sane(const string& path) {
  return !path.empty() && path.size() <= 4096 &&
         std::none_of(path.begin(), path.end(), [](unsigned char c) { return is_control(c); });
}

/// Parses files and follows their includes, depth first.
class Loader {
 public:
  explicit Loader(Report& report) : report_(report) {}

  /// The merged tree, or nothing when the text itself is not TOML.
  optional<Node> load(const string& text, const std::shared_ptr<const Source>& source) {
    const Place whole{source, 0};
    if (text.size() > largest_scenario) {
      report_.add(whole, {fmt::format("the text is larger than {} MiB", largest_scenario >> 20),
                          "a scenario of that size is taken for a mistake", "check that it is the file you mean"});
      return std::nullopt;
    }
    if (const Trouble trouble = trouble_for_parser(text); trouble.line > 0) {
      report_.add({source, trouble.line}, trouble.finding);
      return std::nullopt;
    }
    Node tree;
    try {
      tree = convert(toml::parse(string_view(text), string_view(source->name)), source);
    } catch (const toml::parse_error& e) {
      report_.add({source, static_cast<int>(e.source().begin.line)},
                  {fmt::format("not valid TOML: {}", printable_long(e.description())),
                   "a scenario is a TOML 1.0 text in UTF-8", "correct this line; nothing after it was read"});
      return std::nullopt;
    }
    tree.place = whole;
    check_schema(tree);
    Node merged;
    merged.place = whole;
    if (const Node* include = find(tree, "include")) {
      follow(*include, *source, merged);
      std::erase_if(tree.members, [](const Member& m) { return m.key == "include"; });
    }
    merge(merged, std::move(tree), false, 0);
    merged.place = whole;
    return merged;
  }

  /// Marks a file as being read, so that including it again is a cycle.
  void enter(const fs::path& file, const string& shown) {
    std::error_code ignored;
    chain_.push_back({fs::weakly_canonical(file, ignored), shown});
  }
  void leave() { chain_.pop_back(); }

 private:
  static string printable_long(string_view text) {
    string shown;
    for (const char c : text.substr(0, 300)) shown += is_control(static_cast<unsigned char>(c)) ? '?' : c;
    while (!shown.empty() && shown.size() == 300 && (static_cast<unsigned char>(shown.back()) & 0x80u))
      shown.pop_back();
    return shown;
  }

  void check_schema(const Node& tree) {
    const Node* schema = find(tree, "schema");
    if (!schema) return;
    if (schema->kind != Node::Kind::integer || schema->integer != 1)
      report_.add(schema->place, {fmt::format("schema = {} is not known", value_text(*schema)),
                                  "this version reads schema 1", "write schema = 1"});
  }

  void follow(const Node& include, const Source& from, Node& merged) {
    if (include.kind != Node::Kind::array) {
      report_.add(include.place, {fmt::format("include is {}", kind_name(include)), "several files may be included",
                                  "write an array, such as include = [\"presets/chains.toml\"]"});
      return;
    }
    for (const auto& item : include.items) {
      if (item.kind != Node::Kind::text || !path_is_sane(item.text)) {
        report_.add(item.place,
                    {fmt::format("include names {}", value_text(item)), "an included file is given by its path",
                     "write a path relative to this file, such as \"presets/chains.toml\""});
        continue;
      }
      if (++included_ > most_included) {
        if (included_ == most_included + 1)
          report_.add(item.place, {fmt::format("more than {} files are included", most_included),
                                   "that many are taken for a mistake", "merge some of them"});
        report_.incomplete = true;
        return;
      }
      const fs::path path = (from.folder / item.text).lexically_normal();
      std::error_code ignored;
      const fs::path canonical = fs::weakly_canonical(path, ignored);
      const auto again =
          std::find_if(chain_.begin(), chain_.end(), [&](const auto& c) { return c.first == canonical; });
      if (again != chain_.end()) {
        string circle;
        for (auto c = again; c != chain_.end(); ++c) circle += c->second + " -> ";
        report_.add(item.place, {fmt::format("include cycle: {}{}", circle, path.string()),
                                 "a file cannot be part of itself", "take one of these includes out"});
        report_.incomplete = true;
        continue;
      }
      string text;
      if (const auto finding = read_text(path, largest_scenario, "an included file", text)) {
        report_.add(item.place, *finding);
        report_.incomplete = true;
        continue;
      }
      enter(path, path.string());
      const auto source = std::make_shared<const Source>(Source{path.string(), path.parent_path()});
      if (auto tree = load(text, source))
        merge(merged, std::move(*tree), false, 0);
      else
        report_.incomplete = true;
      leave();
    }
  }

  Report& report_;
  vector<std::pair<fs::path, string>> chain_;
  int included_ = 0;
};

// ------------------------------------------------------------------------------------------------ quantities

/// What a number may be and what it means. `example` is a value as one would write it in the file.
struct Quantity {
  double low = 0.0, high = 1.0;
  bool above_low = false, below_high = false;  ///< the bound itself is not allowed
  const char *meaning = "", *example = "";
};

constexpr Quantity price_usd{0.0, 1e15, true, false, "the price of one unit in USD", "3000.0"};
constexpr Quantity volatility_range{0.0, 100.0, false, false, "an annual volatility as a fraction: 0.8 is 80 %", "0.8"};
constexpr Quantity drift_range{-100.0, 100.0, false, false, "an annual drift as a fraction", "0.0"};
constexpr Quantity hazard_range{0.0, 1e4, false, false, "failures per year", "0.05"};
constexpr Quantity haircut_range{0.0, 1.0, false, true, "a haircut is a fraction of the value: 0.1 is 10 %", "0.1"};
constexpr Quantity level_range{0.0, 1.0, true, true, "a confidence is a fraction: 0.99 is 99 %", "0.99"};
constexpr Quantity interval_range{0.5,   0.999999, false, false, "the two-sided level of every interval, a fraction",
                                  "0.95"};
constexpr Quantity usd_size{0.0, 1e15, true, false, "USD that are sold", "5e6"};
constexpr Quantity usd_depth{0.0, 1e15, true, false, "USD that move the price by 2 %", "5e7"};
constexpr Quantity usd_cost{0.0, 1e12, false, false, "gas and relaying in USD", "50.0"};
constexpr Quantity exponent_range{0.0, 5.0, true, false, "the power of size/depth in the price impact", "0.5"};
constexpr Quantity cap_range{0.0, 1.0, false, false, "the largest slippage, a fraction", "0.2"};
constexpr Quantity bonus_range{0.0, 1.0, false, false, "the liquidator's bonus, a fraction", "0.05"};
constexpr Quantity book_weight{0.0, 1e15, false, false, "the share of the book, in any unit", "1.0"};
constexpr Quantity mixture_weight{0.0, 1.0, true, false, "the probability of this component", "0.5"};
constexpr Quantity correlation_entry{-1.0, 1.0, false, false, "a correlation", "0.5"};
constexpr Quantity probability{0.0, 1.0, false, false, "the order of a quantile", "0.5"};

constexpr Quantity horizon_range{
    1.0, 40.0 * day, false, false, "a path that takes longer is unresolved; time on a path has 32 bits", "30d"};
constexpr Quantity block_range{0.0, day, true, false, "the time between blocks", "12s"};
constexpr Quantity exposure_range{0.0, century, false, false, "the window in which a failure hits", "72h"};
constexpr Quantity step_range{0.002, 40.0 * day, false, false, "the step of the grid; a tick is 2 ms", "1m"};

string range_text(const Quantity& q, bool duration) {
  const auto show = [&](double x) { return duration ? duration_text(x) : brief(x); };
  const string high = duration && q.high == century ? "100 years (36500d)" : show(q.high);
  return fmt::format("{}{} {}{}", q.above_low ? "more than " : "from ", show(q.low),
                     q.above_low    ? (q.below_high ? "and less than " : "up to ")
                     : q.below_high ? "to less than "
                                    : "to ",
                     high);
}

/// Reads and validates single values; every problem goes to the report.
class Values {
 public:
  explicit Values(Report& r) : report(r) {}

  optional<double> number(const Node& n, const string& path, const Quantity& q) {
    const double x = n.kind == Node::Kind::integer ? static_cast<double>(n.integer) : n.number;
    if (n.kind != Node::Kind::integer && n.kind != Node::Kind::number) return wrong_type(n, path, q, "a number");
    return in_range(n, path, x, q, false);
  }

  optional<double> duration(const Node& n, const string& path, const Quantity& q) {
    if (n.kind == Node::Kind::integer || n.kind == Node::Kind::number) {
      const string v = value_text(n);
      return complain(
          n, {fmt::format("{} = {} has no unit", path, v), "a duration is a string with a unit: ms, s, m, h or d",
              fmt::format("write \"{0}s\" for seconds, \"{0}m\" for minutes, \"{0}h\" for hours", v)});
    }
    if (n.kind != Node::Kind::text) return wrong_type(n, path, q, "a string with a unit");
    double x = 0.0;
    const char *begin = n.text.data(), *end = begin + n.text.size();
    const auto [rest, code] = std::from_chars(begin, end, x);
    if (code == std::errc::result_out_of_range)
      return complain(n, {fmt::format("{} = {} is not a finite number", path, in_quotes(n.text)), q.meaning,
                          "give a value " + range_text(q, true)});
    if (code != std::errc())
      return complain(
          n, {fmt::format("{} = {} is not a duration", path, in_quotes(n.text)),
              "a duration is a number followed by ms, s, m, h or d", fmt::format("write it like \"{}\"", q.example)});
    const string_view unit(rest, static_cast<std::size_t>(end - rest));
    if (unit == "ms")
      x /= 1000.0;
    else if (unit == "m")
      x *= 60.0;
    else if (unit == "h")
      x *= 3600.0;
    else if (unit == "d")
      x *= day;
    else if (unit != "s")
      return complain(n, unknown_unit(n, path, unit, q));
    return in_range(n, path, x, q, true);
  }

  optional<std::int64_t> integer(const Node& n, const string& path, std::int64_t low, std::int64_t high,
                                 const char* meaning, const char* example) {
    if (n.kind == Node::Kind::number && n.number == std::floor(n.number) && std::fabs(n.number) < 1e18)
      return complain(n,
                      {fmt::format("{} = {} is a float", path, number_text(n.number)), meaning,
                       fmt::format("write it without a point or exponent: {}", static_cast<std::int64_t>(n.number))});
    if (n.kind != Node::Kind::integer)
      return complain(n, {fmt::format("{} is {}", path, described(n)), meaning,
                          fmt::format("write an integer, such as {}", example)});
    if (n.integer < low || n.integer > high)
      return complain(n, {fmt::format("{} = {} is {}", path, n.integer,
                                      n.integer == 0  ? "zero"
                                      : n.integer < 0 ? "negative"
                                                      : "out of range"),
                          meaning, fmt::format("give an integer from {} to {}", low, high)});
    return n.integer;
  }

  optional<string> text(const Node& n, const string& path, const char* meaning) {
    if (n.kind != Node::Kind::text)
      return complain(n, {fmt::format("{} is {}", path, described(n)), meaning, "write a string in quotes"});
    return n.text;
  }

  /// A name: 1 to 64 characters, none of them a control character.
  bool name(const Place& at, const string& path, string_view name) {
    std::size_t characters = 0;
    bool control = false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      const auto c = static_cast<unsigned char>(name[i]);
      characters += (c & 0xc0u) != 0x80u;
      control |= is_control(c) || (c == 0xc2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xa0);
    }
    if (characters >= 1 && characters <= 64 && !control) return true;
    const char* problem = control           ? "contains a control character"
                          : characters == 0 ? "is empty"
                                            : "is longer than 64 characters";
    report.add(at, {fmt::format("{} = {} {}", path, in_quotes(name), problem),
                    "names appear in tables, files and messages", "use 1 to 64 printable characters"});
    return false;
  }

  std::nullopt_t complain(const Node& n, const Finding& f) {
    report.add(n.place, f);
    return std::nullopt;
  }

  static string described(const Node& n) {
    const bool scalar = n.kind != Node::Kind::table && n.kind != Node::Kind::array && n.kind != Node::Kind::date;
    return scalar ? fmt::format("{}, {}", kind_name(n), value_text(n)) : kind_name(n);
  }

  Report& report;

 private:
  std::nullopt_t wrong_type(const Node& n, const string& path, const Quantity& q, const char* wanted) {
    return complain(n, {fmt::format("{} is {}", path, described(n)), q.meaning,
                        fmt::format("write {}, such as {}", wanted, q.example)});
  }

  optional<double> in_range(const Node& n, const string& path, double x, const Quantity& q, bool duration) {
    const char* problem = nullptr;
    if (!std::isfinite(x))
      problem = "not a finite number";
    else if (x < 0.0 && q.low >= 0.0)
      problem = "negative";
    else if (x == 0.0 && q.low == 0.0 && q.above_low)
      problem = "zero";
    else if (x < q.low || (x == q.low && q.above_low))
      problem = "too small";
    else if (x > q.high || (x == q.high && q.below_high))
      problem = "too large";
    if (!problem) return x + 0.0;  // -0 becomes 0
    return complain(n, {fmt::format("{} = {} is {}", path, value_text(n), problem), q.meaning,
                        "give a value " + range_text(q, duration)});
  }

  static Finding unknown_unit(const Node& n, const string& path, string_view unit, const Quantity& q) {
    const string number = n.text.substr(0, n.text.size() - unit.size());
    string lower;
    for (const char c : unit)
      if (c != ' ') lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    const std::pair<string_view, const char*> near[] = {{"ms", "ms"}, {"milli", "ms"}, {"mi", "m"}, {"m", "m"},
                                                        {"s", "s"},   {"h", "h"},      {"d", "d"}};
    string what = fmt::format("write it like \"{}\"", q.example);
    for (const auto& [start, meant] : near)
      if (lower.starts_with(start) && lower.substr(0, 2) != "mo") {
        what = fmt::format("write \"{}{}\"", printable(number), meant);
        break;
      }
    if (unit.empty())
      what = fmt::format("write \"{0}s\" for seconds, \"{0}m\" for minutes, \"{0}h\" for hours", printable(number));
    return {unit.empty() ? fmt::format("{} = {} has no unit", path, in_quotes(n.text))
                         : fmt::format("{} = {}: {} is not a unit", path, in_quotes(n.text), in_quotes(unit)),
            "a duration is a number followed by ms, s, m, h or d", what};
  }
};

/// A table being read: its keys are checked against those of the format, and asked for one by one.
class Table {
 public:
  Table(Values& values, const Node& node, string path) : values_(values), node_(node), path_(std::move(path)) {}

  const string& path() const { return path_; }
  string path(string_view key) const { return path_.empty() ? string(key) : fmt::format("{}.{}", path_, key); }
  const Place& place() const { return node_.place; }
  const Node& node() const { return node_; }
  const Node* get(string_view key) const { return find(node_, key); }

  /// Every key must be one of `valid`; those of `later` have a meaning in the design, but not in this version.
  void allow(const vector<string>& valid, const vector<string>& later = {}) const {
    for (const auto& m : node_.members) {
      if (std::find(valid.begin(), valid.end(), m.key) != valid.end()) continue;
      if (std::find(later.begin(), later.end(), m.key) != later.end())
        values_.report.add(m.place,
                           {fmt::format("{} is not in this version of proofload", path(m.key)),
                            "the result would leave it out without a word", "take it out, or use a later version"});
      else
        values_.report.add(m.place, {fmt::format("unknown key {}", printable_path(m.key)),
                                     "a key that nobody reads would change nothing without a word",
                                     values_.report.full() ? string() : suggestion(m.key, valid, "key")});
    }
  }

  const Node* need(string_view key, const char* meaning, const string& example) const {
    const Node* n = get(key);
    if (!n)
      values_.report.add_missing(
          place(), {fmt::format("{} is missing", path(key)), meaning, fmt::format("add {} = {}", key, example)});
    return n;
  }

  /// Optional values keep what `out` holds when the key is absent; they answer whether a good value was read.
  bool number(string_view key, double& out, const Quantity& q) const { return store(get(key), key, out, q, false); }
  bool duration(string_view key, double& out, const Quantity& q) const { return store(get(key), key, out, q, true); }
  bool need_number(string_view key, double& out, const Quantity& q) const {
    return store(need(key, q.meaning, q.example), key, out, q, false);
  }
  bool need_duration(string_view key, double& out, const Quantity& q) const {
    return store(need(key, q.meaning, '"' + string(q.example) + '"'), key, out, q, true);
  }
  bool text(string_view key, string& out, const char* meaning) const {
    const Node* n = get(key);
    const auto t = n ? values_.text(*n, path(key), meaning) : std::nullopt;
    if (t) out = *t;
    return t.has_value();
  }
  /// A required name, either a new one or a reference to an old one.
  bool need_name(string_view key, string& out, const char* meaning, const string& example) const {
    const Node* n = need(key, meaning, '"' + example + '"');
    if (!n || !text(key, out, meaning)) return false;
    return values_.name(n->place, path(key), out);
  }

 private:
  string printable_path(const string& key) const {
    return path_.empty() ? in_quotes(key) : fmt::format("{} in {}", in_quotes(key), printable(path_));
  }
  bool store(const Node* n, string_view key, double& out, const Quantity& q, bool duration) const {
    if (!n) return false;
    const auto x = duration ? values_.duration(*n, path(key), q) : values_.number(*n, path(key), q);
    if (x) out = *x;
    return x.has_value();
  }

  Values& values_;
  const Node& node_;
  string path_;
};

// ------------------------------------------------------------------------------------------------ laws

/// What a law is of: its unit and how large a value may be.
struct Measure {
  bool duration;
  double high;   ///< seconds, or a fraction
  bool bounded;  ///< values above `high` mean nothing, so laws without an upper end are refused
  const char* of;
};
constexpr Measure durations{true, century, false, "a duration"};
constexpr Measure recoveries{false, 1.0, true, "a recovered fraction"};
constexpr Measure bases{false, 10.0, false, "a basis, a fraction of the native price"};

struct Parameter {
  const char* key;
  double LawSpec::*member;
  bool in_unit;    ///< in the unit of the measure; otherwise a plain number
  Quantity plain;  ///< for plain numbers
  bool optional;
};

struct LawRow {
  LawKind kind;
  const char* name;
  bool endless;  ///< has no upper end
  vector<Parameter> parameters;
};

const vector<LawRow>& law_rows() {
  constexpr Quantity none{};
  static const vector<LawRow> rows = {
      {LawKind::constant, "constant", false, {{"value", &LawSpec::value, true, none, false}}},
      {LawKind::uniform,
       "uniform",
       false,
       {{"min", &LawSpec::min, true, none, false}, {"max", &LawSpec::max, true, none, false}}},
      {LawKind::exponential, "exponential", true, {{"mean", &LawSpec::mean, true, none, false}}},
      {LawKind::lognormal,
       "lognormal",
       true,
       {{"median", &LawSpec::median, true, none, false},
        {"p99", &LawSpec::p99, true, none, true},
        {"sigma",
         &LawSpec::sigma,
         false,
         {0.0, 8.0, true, false, "the standard deviation of the logarithm", "0.5"},
         true}}},
      {LawKind::gamma,
       "gamma",
       true,
       {{"shape",
         &LawSpec::shape,
         false,
         {0.05, 1e4, false, false, "the shape of a gamma law; 1 is exponential", "2.0"},
         false},
        {"mean", &LawSpec::mean, true, none, false}}},
      {LawKind::weibull,
       "weibull",
       true,
       {{"shape",
         &LawSpec::shape,
         false,
         {0.1, 100.0, false, false, "the shape of a Weibull law; 1 is exponential", "1.5"},
         false},
        {"scale", &LawSpec::scale, true, none, false}}},
      {LawKind::pareto,
       "pareto",
       false,
       {{"min", &LawSpec::min, true, none, false},
        {"alpha", &LawSpec::alpha, false, {0.01, 100.0, false, false, "the tail index of a Pareto law", "1.5"}, false},
        {"cap", &LawSpec::cap, true, none, false}}},
      {LawKind::beta,
       "beta",
       false,
       {{"mean", &LawSpec::mean, true, none, false}, {"stdev", &LawSpec::stdev, true, none, false}}},
      {LawKind::mixture, "mixture", false, {}},
      {LawKind::empirical, "empirical", false, {}},
  };
  return rows;
}

const LawRow& law_row(LawKind kind) { return law_rows()[static_cast<std::size_t>(kind)]; }

/// Cells of one CSV line: separated by commas, spaces around them dropped, quotes around a cell removed.
vector<string_view> cells_of(string_view line) {
  vector<string_view> cells;
  while (true) {
    const auto comma = line.find(',');
    string_view cell = line.substr(0, comma);
    while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
    while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t' || cell.back() == '\r')) cell.remove_suffix(1);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    cells.push_back(cell);
    if (comma == string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

/// Calls `use(line number, line)` for each line that is not blank, until it answers false.
template <class Use>
void each_line(string_view text, Use use) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != string_view::npos && !use(number, line)) return;
    text.remove_prefix(end == string_view::npos ? text.size() : end + 1);
  }
}

optional<double> cell_number(string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double x = 0.0;
  const auto [rest, code] = std::from_chars(cell.data(), cell.data() + cell.size(), x);
  if (code != std::errc() || rest != cell.data() + cell.size() || !std::isfinite(x)) return std::nullopt;
  return x;
}

class Laws {
 public:
  explicit Laws(Values& values) : values_(values) {}

  /// Reads a law; keys in `besides` belong to whoever holds it (name, scope, weight).
  LawSpec read(const Node& n, const string& path, const Measure& measure, const vector<string>& besides = {},
               bool component = false) {
    LawSpec law;
    if (n.kind != Node::Kind::table) {
      const string value = value_text(n);
      values_.complain(n, {fmt::format("{} is {}", path, Values::described(n)), "a law is a table with a kind",
                           n.kind == Node::Kind::array || n.kind == Node::Kind::date
                               ? string("write it like { kind = \"constant\", value = ... }")
                               : fmt::format("write {{ kind = \"constant\", value = {} }}", value)});
      return law;
    }
    const Table table(values_, n, path);
    const Node* kind = table.need("kind", "every law names its kind", "\"constant\"");
    string name;
    if (!kind || !table.text("kind", name, "every law names its kind")) return law;
    const auto& rows = law_rows();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const LawRow& r) { return r.name == name; });
    if (row == rows.end()) {
      vector<string> names;
      for (const auto& r : rows) names.push_back(r.name);
      values_.complain(*kind, {fmt::format("{} is not a kind of law, in {}.kind", in_quotes(name), path),
                               "no such law is known", suggestion(name, names, "law")});
      return law;
    }
    law.kind = row->kind;
    if (component && (law.kind == LawKind::mixture || law.kind == LawKind::empirical)) {
      values_.complain(
          *kind, {fmt::format("{} is {} inside a mixture", path,
                              law.kind == LawKind::mixture ? "a mixture" : "an empirical law"),
                  "a component must be one smooth piece or an atom",
                  law.kind == LawKind::mixture ? "list its components in the outer mixture, with weights multiplied"
                                               : "use an empirical law alone, or a parametric component"});
      return law;
    }
    if (measure.bounded && row->endless) {
      values_.complain(*kind,
                       {fmt::format("{} is {} law", path, name == "exponential" ? "an exponential" : "a " + name),
                        fmt::format("it has no upper end, and {} is at most {}", measure.of, brief(measure.high)),
                        "use beta, uniform, or a mixture of them"});
      return law;
    }
    if (measure.duration && law.kind == LawKind::beta) {
      values_.complain(*kind,
                       {fmt::format("{} is a beta law", path), "beta is a law of fractions, and this is of a duration",
                        "use gamma, weibull or lognormal"});
      return law;
    }
    vector<string> valid = besides;
    valid.push_back("kind");
    for (const auto& p : row->parameters) valid.push_back(p.key);
    if (law.kind == LawKind::mixture) valid.push_back("of");
    if (law.kind == LawKind::empirical) valid.insert(valid.end(), {"quantiles", "file", "column"});
    table.allow(valid);
    if (law.kind == LawKind::mixture) {
      read_mixture(table, measure, law);
    } else if (law.kind == LawKind::empirical) {
      read_empirical(table, measure, law);
    } else {
      bool good = true;
      for (const auto& p : row->parameters) good &= read_parameter(table, p, measure, law);
      if (good) check(table, law);
    }
    return law;
  }

 private:
  static Quantity unit_quantity(const Measure& measure, bool positive) {
    Quantity q{0.0, measure.high, false, false, measure.of, measure.duration ? "45s" : "0.5"};
    if (positive) q.low = measure.duration ? 1e-6 : 1e-9;  // far below a tick; keeps logarithms and ratios tame
    return q;
  }

  bool read_parameter(const Table& table, const Parameter& p, const Measure& measure, LawSpec& law) {
    if (p.optional && !table.get(p.key)) return true;
    if (!p.in_unit) return table.need_number(p.key, law.*p.member, p.plain);
    const string_view key = p.key;
    const bool positive = key == "mean" || key == "median" || key == "p99" || key == "scale" || key == "stdev" ||
                          (key == "min" && law.kind == LawKind::pareto);
    const Quantity q = unit_quantity(measure, positive);
    return measure.duration ? table.need_duration(p.key, law.*p.member, q) : table.need_number(p.key, law.*p.member, q);
  }

  /// Conditions between the parameters of one law, each of which is in range.
  void check(const Table& t, const LawSpec& law) {
    const auto complain = [&](string_view key, const Finding& f) {
      const Node* n = t.get(key);
      values_.report.add(n ? n->place : t.place(), f);
    };
    switch (law.kind) {
      case LawKind::uniform:
        if (law.min >= law.max)
          complain("max",
                   {fmt::format("{} is not above min", t.path("max")), "a uniform law needs room between its ends",
                    law.min == law.max ? "use kind = \"constant\" for a single value" : "exchange min and max"});
        break;
      case LawKind::lognormal: {
        const bool p99 = t.get("p99"), sigma = t.get("sigma");
        if (p99 == sigma)
          complain(
              "sigma",
              {fmt::format("{} has {} p99 {} sigma", t.path(), p99 ? "both" : "neither", p99 ? "and" : "nor"),
               "the median and one of the two determine a lognormal law", p99 ? "take one of them out" : "add p99"});
        else if (p99 && law.p99 <= law.median)
          complain("p99", {fmt::format("{} is not above the median", t.path("p99")),
                           "99 of 100 values are below p99, 50 of 100 below the median",
                           "give a larger p99, or use kind = \"constant\""});
        else if (p99 && law.p99 > 1e8 * law.median)
          complain("p99", {fmt::format("{} is more than 1e8 times the median", t.path("p99")),
                           "sigma would be above 8, and such a tail overflows", "use a mixture of two laws instead"});
        break;
      }
      case LawKind::pareto:
        if (law.cap <= law.min)
          complain("cap", {fmt::format("{} is not above min", t.path("cap")), "the law lives between min and cap",
                           "give a larger cap"});
        break;
      case LawKind::beta: {
        const double m = law.mean, nu = m * (1.0 - m) / (law.stdev * law.stdev) - 1.0;  // the sum of the two shapes
        if (!(m < 1.0) || !(m * nu >= 0.05 && (1.0 - m) * nu >= 0.05))
          complain("stdev", {fmt::format("{}: mean {} and stdev {} have no beta law, or one that is nearly two atoms",
                                         t.path(), brief(m), brief(law.stdev)),
                             "stdev^2 must be below mean (1 - mean), and both shapes at least 0.05",
                             "give a smaller stdev, or a mixture of constants"});
        else if (m * nu > 1e6 || (1.0 - m) * nu > 1e6)
          complain("stdev", {fmt::format("{}: stdev {} is too small", t.path(), brief(law.stdev)),
                             "a shape above 1e6 is an atom in all but name", "use kind = \"constant\""});
        break;
      }
      default: break;
    }
  }

  void read_mixture(const Table& t, const Measure& measure, LawSpec& law) {
    const Node* of =
        t.need("of", "a mixture lists its components", "[ { weight = 0.5, kind = \"constant\", value = ... }, ... ]");
    if (!of) return;
    if (of->kind != Node::Kind::array || of->items.empty() || of->items.size() > 32) {
      values_.complain(*of,
                       {fmt::format("{} is {}", t.path("of"),
                                    of->kind != Node::Kind::array ? kind_name(*of)
                                    : of->items.empty()           ? "empty"
                                                                  : "too long"),
                        "a mixture has 1 to 32 components", "write an array of tables, each with a weight and a kind"});
      return;
    }
    double sum = 0.0;
    bool good = true;
    for (std::size_t i = 0; i < of->items.size(); ++i) {
      const Node& item = of->items[i];
      const string path = fmt::format("{}[{}]", t.path("of"), i + 1);
      LawSpec component = read(item, path, measure, {"weight"}, true);
      if (item.kind == Node::Kind::table &&
          Table(values_, item, path).need_number("weight", component.weight, mixture_weight))
        sum += component.weight;
      else
        good = false;
      law.of.push_back(std::move(component));
    }
    if (!good) return;
    if (std::fabs(sum - 1.0) > 1e-9) {
      values_.complain(*of, {fmt::format("the weights of {} sum to {}", t.path(), brief(sum)),
                             "they are probabilities of components, one of which happens", "make them sum to 1"});
    } else if (std::fabs(sum - 1.0) > 4e-16 * static_cast<double>(law.of.size())) {
      for (auto& component : law.of) component.weight /= sum;
    }
  }

  void read_empirical(const Table& t, const Measure& measure, LawSpec& law) {
    const Node *quantiles = t.get("quantiles"), *file = t.get("file"), *column = t.get("column");
    if (!quantiles == !(file || column)) {
      values_.report.add(
          t.place(),
          {fmt::format("{} has {}", t.path(), quantiles ? "both quantiles and a file" : "neither quantiles nor a file"),
           "an empirical law is given in one of the two ways",
           quantiles ? "take one of them out" : "add quantiles = [ [p, value], ... ], or file and column"});
      return;
    }
    if (quantiles) return read_quantiles(t, *quantiles, measure, law);
    const bool both = t.need("file", "a CSV file with a header", "\"samples.csv\"") &&
                      t.need("column", "the column that holds the samples", "\"delay\"");
    if (both && t.text("file", law.file, "the path of a CSV file") &&
        t.text("column", law.column, "the name of a column"))
      read_samples(t, *file, *column, measure, law);
  }

  void read_quantiles(const Table& t, const Node& list, const Measure& measure, LawSpec& law) {
    const string path = t.path("quantiles");
    if (list.kind != Node::Kind::array || list.items.size() < 2 || list.items.size() > 200) {
      values_.complain(
          list, {fmt::format("{} is not an array of 2 to 200 pairs", path), "the law is drawn through them",
                 measure.duration ? "write [ [0.5, \"30s\"], [0.99, \"5m\"] ]" : "write [ [0.5, 0.2], [0.99, 0.9] ]"});
      return;
    }
    const Quantity q = unit_quantity(measure, false);
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const Node& item = list.items[i];
      const string here = fmt::format("{}[{}]", path, i + 1);
      if (item.kind != Node::Kind::array || item.items.size() != 2) {
        values_.complain(item, {fmt::format("{} is not a pair", here), "a quantile is its order and its value",
                                measure.duration ? "write [0.5, \"30s\"]" : "write [0.5, 0.2]"});
        continue;
      }
      const auto p = values_.number(item.items[0], here, probability);
      const auto v =
          measure.duration ? values_.duration(item.items[1], here, q) : values_.number(item.items[1], here, q);
      if (!p || !v) continue;
      if (!law.quantiles.empty() && (*p <= law.quantiles.back().first || *v < law.quantiles.back().second))
        values_.complain(
            item, {fmt::format("{} is not above the one before it", here),
                   "quantiles are monotone: orders rise, values do not fall", "sort them, and merge equal orders"});
      law.quantiles.emplace_back(*p, *v);
    }
    close_tail(measure, law);
  }

  /// A law of bounded values has no tail beyond its last quantile, which is drawn for the rest of the probability.
  static void close_tail(const Measure& measure, LawSpec& law) {
    if (measure.bounded && !law.quantiles.empty() && law.quantiles.back().first < 1.0)
      law.quantiles.emplace_back(1.0, law.quantiles.back().second);
  }

  void read_samples(const Table& t, const Node& file, const Node& column, const Measure& measure, LawSpec& law) {
    if (!path_is_sane(law.file)) {
      values_.complain(file, {fmt::format("{} is not a path", t.path("file")),
                              "it is empty, too long, or holds control characters", "name a CSV file"});
      return;
    }
    const fs::path path = (file.place.source->folder / law.file).lexically_normal();
    string text;
    if (const auto finding = read_text(path, largest_samples, "a file of samples", text)) {
      values_.complain(file, *finding);
      return;
    }
    const auto csv = std::make_shared<const Source>(Source{path.string(), path.parent_path()});
    std::size_t wanted = ~std::size_t{0}, bad = 0;
    bool header = true, found = true;
    vector<double> samples;
    each_line(text, [&](int number, string_view line) {
      const auto cells = cells_of(line);
      if (header) {
        header = false;
        const auto match = std::find(cells.begin(), cells.end(), law.column);
        found = match != cells.end();
        if (!found)
          values_.complain(column, {fmt::format("{} has no column {}", in_quotes(path.string()), in_quotes(law.column)),
                                    "its first line names the columns",
                                    suggestion(law.column, {cells.begin(), cells.end()}, "column")});
        wanted = static_cast<std::size_t>(match - cells.begin());
        return found;
      }
      const auto x = wanted < cells.size() ? cell_number(cells[wanted]) : std::nullopt;
      if (x && *x >= 0.0 && *x <= measure.high) {
        samples.push_back(*x + 0.0);
      } else if (++bad <= 10) {
        values_.report.add({csv, number},
                           {fmt::format("{} is no sample for {}",
                                        wanted < cells.size() ? in_quotes(cells[wanted]) : "a missing cell", t.path()),
                            fmt::format("it is of {}{}", measure.of, measure.duration ? " in seconds" : ""),
                            fmt::format("give a number from 0 to {}", brief(measure.high))});
      }
      return true;
    });
    if (!found || bad > 0) return;
    if (samples.size() < 2 || std::all_of(samples.begin(), samples.end(), [&](double x) { return x == samples[0]; })) {
      values_.complain(file,
                       {fmt::format("{} holds fewer than two different samples in column {}", in_quotes(path.string()),
                                    in_quotes(law.column)),
                        "a law cannot be drawn through one value", "use kind = \"constant\", or give more samples"});
      return;
    }
    law.samples = samples.size();
    reduce_samples(std::move(samples), law);
    close_tail(measure, law);
  }

  Values& values_;
};

// ------------------------------------------------------------------------------------------------ correlation

using Matrix = vector<vector<double>>;

struct Eigen {
  vector<double> values;
  Matrix vectors;  ///< columns
};

/// Cyclic Jacobi for a small symmetric matrix (Golub & Van Loan, 8.5): needs only + - * / and sqrt, so it is the same everywhere.
Eigen eigen(Matrix a) {
  const std::size_t n = a.size();
  Matrix v(n, vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1.0;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) off += a[p][q] * a[p][q];
    if (off < 1e-30) break;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a[p][q] == 0.0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
        const double t = (theta >= 0.0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y;
          a[k][q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y;
          a[q][k] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = v[k][p], y = v[k][q];
          v[k][p] = c * x - s * y;
          v[k][q] = s * x + c * y;
        }
      }
  }
  Eigen e{vector<double>(n), std::move(v)};
  for (std::size_t i = 0; i < n; ++i) e.values[i] = a[i][i];
  return e;
}

double smallest_eigenvalue(const Matrix& a) {
  const auto e = eigen(a);
  return *std::min_element(e.values.begin(), e.values.end());
}

/// Eigenvalues below this make a Cholesky factor of noise; what is offered stays well above it, also after rounding to 4 decimals.
constexpr double smallest_allowed = 1e-9, smallest_offered = 1e-3;

/// Nearest correlation matrix in the Frobenius norm by alternating projections with Dykstra's correction (Higham 2002), with
/// eigenvalues of at least `smallest_offered`, rounded to 4 decimals.
Matrix nearest_correlation(const Matrix& given) {
  const std::size_t n = given.size();
  Matrix y = given, correction(n, vector<double>(n, 0.0));
  for (int step = 0; step < 200; ++step) {
    Matrix r = y;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) r[i][j] -= correction[i][j];
    const auto e = eigen(r);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double x = 0.0;
        for (std::size_t k = 0; k < n; ++k)
          x += e.vectors[i][k] * std::max(e.values[k], smallest_offered) * e.vectors[j][k];
        correction[i][j] = x - r[i][j];
        y[i][j] = i == j ? 1.0 : x;
      }
  }
  for (double shrink = 1.0; shrink > 0.0; shrink -= 0.001) {  // the last bit of distance to the cone, and rounding
    Matrix rounded = y;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (i != j)
          rounded[i][j] = std::round(std::clamp(shrink * 0.5 * (y[i][j] + y[j][i]), -1.0, 1.0) * 1e4) / 1e4 + 0.0;
    if (smallest_eigenvalue(rounded) > smallest_offered / 10.0) return rounded;
  }
  return Matrix(n, vector<double>(n, 0.0));  // not reached: the identity is accepted before
}

struct Entry {
  double value;
  Place place;
};

/// Size, diagonal, symmetry, definiteness; on success the symmetric matrix.
void check_correlation(Report& report, const Place& at, const string& path, const vector<vector<Entry>>& rows,
                       std::size_t assets, Matrix& out) {
  const std::size_t n = rows.size();
  bool good = true;
  const auto complain = [&](const Place& where, const Finding& f) {
    report.add(where, f);
    good = false;
  };
  const auto counted = [](std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  const bool square = std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == n; });
  if (n != assets)
    complain(at, {fmt::format("{} has {}, and there {} {}", path, counted(n, "row"), assets == 1 ? "is" : "are",
                              counted(assets, "asset")),
                  "row i holds the correlations of asset i, in the order of market.assets",
                  fmt::format("give {0} x {0} numbers", assets)});
  for (std::size_t i = 0; i < n && !(square && n != assets); ++i)
    if (rows[i].size() != assets)
      complain(rows[i].empty() ? at : rows[i][0].place,
               {fmt::format("row {} of {} has {}, and there {} {}", i + 1, path, counted(rows[i].size(), "number"),
                            assets == 1 ? "is" : "are", counted(assets, "asset")),
                "a correlation matrix is square", fmt::format("give {}", counted(assets, "number"))});
  if (!good) return;
  for (std::size_t i = 0; i < n; ++i) {
    if (std::fabs(rows[i][i].value - 1.0) > 1e-9)
      complain(rows[i][i].place,
               {fmt::format("row {0}, column {0} of {1} is {2}", i + 1, path, brief(rows[i][i].value)),
                "an asset has correlation 1 with itself", "write 1.0 on the diagonal"});
    for (std::size_t j = 0; j < i; ++j)
      if (std::fabs(rows[i][j].value - rows[j][i].value) > 1e-9)
        complain(rows[i][j].place, {fmt::format("row {0}, column {1} of {2} is {3}, and row {1}, column {0} is {4}",
                                                i + 1, j + 1, path, brief(rows[i][j].value), brief(rows[j][i].value)),
                                    "a correlation matrix is symmetric", "make the two equal"});
  }
  if (!good) return;
  Matrix m(n, vector<double>(n, 1.0));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) m[i][j] = m[j][i] = 0.5 * (rows[i][j].value + rows[j][i].value);
  const double smallest = smallest_eigenvalue(m);
  if (smallest >= smallest_allowed) {
    out = std::move(m);
    return;
  }
  string what;
  if (n <= 8) {
    what = "the nearest correlation matrix is [";
    const auto nearest = nearest_correlation(m);
    for (std::size_t i = 0; i < n; ++i) {
      what += i ? ", [" : "[";
      for (std::size_t j = 0; j < n; ++j) what += fmt::format("{}{:.4f}", j ? ", " : "", nearest[i][j]);
      what += "]";
    }
    what += "]";
  } else {
    const double w = std::ceil((smallest_offered - smallest) / (1.0 - smallest) * 1e4) / 1e4;
    what = fmt::format("multiply every number off the diagonal by {:.4f}, or correct the data it was estimated from",
                       1.0 - w);
  }
  report.add(
      at, {fmt::format("{} is not positive definite", path),
           fmt::format("its smallest eigenvalue is {:.4g}, so no prices can be correlated like that", smallest + 0.0),
           what});
}

// ------------------------------------------------------------------------------------------------ the scenario

struct StageRow {
  const char* name;
  StageName stage;
  Scope scope;
};
constexpr StageRow stage_rows[] = {
    {"oracle", StageName::oracle, Scope::oracle},
    {"source_inclusion", StageName::source_inclusion, Scope::source_chain},
    {"finality", StageName::finality, Scope::source_chain},
    {"proof", StageName::proof, Scope::route},
    {"challenge", StageName::challenge, Scope::route},
    {"relay", StageName::relay, Scope::route},
    {"destination_inclusion", StageName::destination_inclusion, Scope::route},
    {"other", StageName::other, Scope::route},
};
constexpr const char* scope_names[] = {"oracle", "source_chain", "destination_chain", "layer", "route"};

class ScenarioReader {
 public:
  ScenarioReader(Report& report, const Node& root) : report_(report), values_(report), laws_(values_), root_(root) {}

  Scenario read() {
    const Table top(values_, root_, "");
    top.allow({"schema", "name", "description", "include", "run", "market", "chains", "layers", "routes", "collateral",
               "portfolio", "stress", "systemic"});
    top.need("schema", "it says which format the file has", "1");
    top.need_name("name", s_.name, "the name of the scenario", "my-scenario");
    if (top.text("description", s_.description, "a sentence or two") && s_.description.size() > 4096)
      report_.add(top.get("description")->place,
                  {"description is longer than 4096 bytes", "it is stored with every result", "shorten it"});
    read_run(top);
    read_market(top);
    read_chains(top);
    read_layers(top);
    read_routes(top);
    read_collateral(top);
    read_portfolio(top);
    for (const char* name : {"stress", "systemic"}) {
      const Node* n = section(top, name, false, "");
      if (!n) continue;
      vector<string> later;
      for (const auto& m : n->members) later.push_back(m.key);
      Table(values_, *n, name).allow({}, later);
    }
    return std::move(s_);
  }

 private:
  /// A table of the top level; wrong types are reported.
  const Node* section(const Table& top, const char* key, bool required, const char* meaning) {
    const Node* n = top.get(key);
    if (!n) {
      if (required)
        report_.add_missing(top.place(),
                            {fmt::format("[{}] is missing", key), meaning, fmt::format("add a table [{}]", key)});
      return nullptr;
    }
    if (n->kind == Node::Kind::table) return n;
    report_.add(n->place, {fmt::format("{} is {}", key, Values::described(*n)), "it holds several keys",
                           fmt::format("write a table [{}]", key)});
    return nullptr;
  }

  /// Of more tables than there is room for, this many times the room are looked at: enough to see what is going on, in bounded time.
  static constexpr std::size_t enough = 4;

  /// The named tables of [chains], [layers] or [routes]: calls use(name, table) for each.
  template <class Use>
  void each_named(const Table& top, const char* key, std::size_t most, Use use) {
    const Node* n = section(top, key, false, "");
    if (!n) return;
    if (n->members.size() > most)
      report_.add(n->place, {fmt::format("there are {} {}", n->members.size(), key),
                             fmt::format("a plan has room for {}", most), "split the scenario"});
    for (const auto& m : std::span(n->members).first(std::min(n->members.size(), enough * most))) {
      const string path = fmt::format("{}.{}", key, printable(m.key));
      values_.name(m.place, string("the name in ") + key, m.key);
      if (m.value.kind != Node::Kind::table)
        report_.add(m.value.place, {fmt::format("{} is {}", path, Values::described(m.value)), "it holds several keys",
                                    fmt::format("write a table [{}]", path)});
      else
        use(m.key, Table(values_, m.value, path));
    }
  }

  static string item_path(const string& list, const Node& item, std::size_t i) {
    const Node* name = find(item, "name");
    return name && name->kind == Node::Kind::text ? fmt::format("{}.{}", list, printable(name->text))
                                                  : fmt::format("{}[{}]", list, i + 1);
  }

  /// The tables of an array, which must not be empty.
  template <class Use>
  void each_item(const Node* n, const string& path, std::size_t most, const char* why, const char* what, Use use) {
    if (!n) return;
    if (n->kind != Node::Kind::array || n->items.empty()) {
      report_.add(
          n->place,
          {fmt::format("{} is {}", path, n->kind == Node::Kind::array ? "empty" : Values::described(*n)), why, what});
      return;
    }
    if (n->items.size() > most)
      report_.add(n->place, {fmt::format("there are {} tables in {}", n->items.size(), path),
                             fmt::format("a plan has room for {}", most), "split the scenario"});
    for (std::size_t i = 0; i < std::min(n->items.size(), enough * most); ++i) {
      const Node& item = n->items[i];
      const string here = item_path(path, item, i);
      if (item.kind != Node::Kind::table)
        report_.add(item.place, {fmt::format("{} is {}", here, Values::described(item)), why, what});
      else
        use(Table(values_, item, here));
    }
  }

  void unique(std::map<string, int>& seen, const Table& t, const string& name, const char* kind, const char* why) {
    const Node* n = t.get("name");
    const Place at = n ? n->place : t.place();
    const auto [first, fresh] = seen.emplace(name, at.line);
    if (!fresh)
      report_.add(at, {fmt::format("there are two {}s named {}", kind, in_quotes(name)), why,
                       fmt::format("rename or take out one of them; the first is on line {}", first->second)});
  }

  /// A reference to something declared elsewhere.
  void refer(const Table& t, const char* key, const string& name, const vector<string>& declared, const char* kind) {
    if (std::find(declared.begin(), declared.end(), name) != declared.end()) return;
    report_.add_missing(t.get(key)->place,
                        {fmt::format("{} = {} is unknown", t.path(key), in_quotes(name)),
                         fmt::format("no {} of that name is declared", kind), suggestion(name, declared, kind)});
  }

  void read_run(const Table& top) {
    const Node* n = section(top, "run", true, "it says how many paths to simulate");
    if (!n) return;
    const Table t(values_, *n, "run");
    t.allow({"paths", "seed", "confidence", "interval", "horizon"});
    if (const Node* paths = t.need("paths", "the number of simulated paths", "1_000_000"))
      if (const auto x = values_.integer(*paths, "run.paths", 1, std::int64_t{1} << 40, "the number of simulated paths",
                                         "1_000_000"))
        s_.run.paths = static_cast<std::uint64_t>(*x);
    if (const Node* seed = t.get("seed"))
      if (const auto x = values_.integer(*seed, "run.seed", 0, std::numeric_limits<std::int64_t>::max(),
                                         "the seed of all random numbers", "1"))
        s_.run.seed = static_cast<std::uint64_t>(*x);
    t.number("interval", s_.run.interval, interval_range);
    t.duration("horizon", s_.run.horizon, horizon_range);
    if (const Node* list = t.get("confidence")) read_confidence(*list);
  }

  void read_confidence(const Node& list) {
    if (list.kind != Node::Kind::array || list.items.empty() || list.items.size() > 32) {
      report_.add(list.place,
                  {fmt::format("run.confidence is {}", list.kind == Node::Kind::array
                                                           ? list.items.empty() ? "empty" : "too long"
                                                           : Values::described(list)),
                   "haircuts are calibrated at 1 to 32 confidences", "write an array, such as [0.99, 0.999]"});
      return;
    }
    vector<double> levels;
    for (const auto& item : list.items)
      if (const auto x = values_.number(item, "run.confidence", level_range)) levels.push_back(*x);
    std::sort(levels.begin(), levels.end());
    if (std::adjacent_find(levels.begin(), levels.end()) != levels.end())
      report_.add(list.place,
                  {"run.confidence holds a number twice", "each is one row of the result", "take one of them out"});
    s_.run.confidence = std::move(levels);
  }

  /// A model choice: a string or a table with a kind; what the design has and this version has not is refused by name.
  void choose(const Table& market, const char* key, string& out, const vector<string>& later) {
    const Node* n = market.get(key);
    if (!n) return;
    const string path = market.path(key);
    const Node* kind = n;
    if (n->kind == Node::Kind::table) {
      kind = Table(values_, *n, path).need("kind", "it names the model", in_quotes(out));
      if (!kind) return;
    }
    const auto name = values_.text(*kind, path, "it names a model");
    if (!name) return;
    if (*name == out) {
      if (n->kind == Node::Kind::table) Table(values_, *n, path).allow({"kind"});
      return;
    }
    if (std::find(later.begin(), later.end(), *name) != later.end()) {
      report_.add(kind->place, {fmt::format("{} {} is not in this version of proofload", path, in_quotes(*name)),
                                "the result would leave it out without a word",
                                fmt::format("write {} = \"{}\", or use a later version", key, out)});
      return;
    }
    vector<string> known = later;
    known.insert(known.begin(), out);
    report_.add(kind->place, {fmt::format("{} {} is unknown", path, in_quotes(*name)), "no such model is known",
                              suggestion(*name, known, "model")});
  }

  void read_market(const Table& top) {
    const Node* n = section(top, "market", true, "it lists the assets");
    if (!n) return;
    const Table t(values_, *n, "market");
    t.allow({"drift", "assets", "correlation", "correlation_file", "innovation", "variance", "jumps", "grid"},
            {"factors"});
    double drift = 0.0;
    t.number("drift", drift, drift_range);
    std::map<string, int> seen;
    std::size_t count = 0;
    const char* example = "{ name = \"ETH\", price = 3000.0, volatility = 0.8 }";
    const Node* assets =
        t.need("assets", "there is nothing to simulate without an asset", fmt::format("[ {} ]", example));
    each_item(assets, "market.assets", limit::assets, "it is an array of tables, one for each asset",
              "write assets = [ { name = \"ETH\", price = 3000.0, volatility = 0.8 } ]", [&](const Table& a) {
                a.allow({"name", "price", "volatility", "drift"});
                AssetSpec spec;
                spec.drift = drift;
                ++count;
                if (a.need_name("name", spec.name, "collateral refers to it", "ETH"))
                  unique(seen, a, spec.name, "asset", "collateral refers to assets by name");
                a.need_number("price", spec.price, price_usd);
                a.need_number("volatility", spec.volatility, volatility_range);
                a.number("drift", spec.drift, drift_range);
                if (!spec.name.empty()) asset_names_.push_back(spec.name);
                s_.market.assets.push_back(std::move(spec));
              });
    if (count > 0 && count <= limit::assets) read_correlation(t, assets->place, count);
    choose(t, "innovation", s_.market.innovation, {"student_t", "bootstrap"});
    choose(t, "variance", s_.market.variance, {"heston", "gjr_garch"});
    choose(t, "jumps", s_.market.jumps, {"merton"});
    read_grid(t);
  }

  void read_correlation(const Table& t, const Place& at, std::size_t assets) {
    const Node *inline_matrix = t.get("correlation"), *file = t.get("correlation_file");
    if (inline_matrix && file) {
      report_.add(file->place, {"market has both correlation and correlation_file", "one of them would be ignored",
                                "take one of them out"});
      return;
    }
    if (!inline_matrix && !file) {
      s_.market.correlation.assign(1, {1.0});
      if (assets > 1 && !t.get("factors"))
        report_.add_missing(
            at, {"market.correlation is missing",
                 fmt::format("there are {} assets, and zero would be a strong assumption", assets),
                 fmt::format("add correlation = [[1.0, ...], ...] with {0} rows of {0} numbers, or correlation_file",
                             assets)});
      return;
    }
    vector<vector<Entry>> rows;
    const bool good = file ? read_matrix_file(*file, rows) : read_matrix(*inline_matrix, rows);
    const Node& given = file ? *file : *inline_matrix;
    if (good)
      check_correlation(report_, given.place, file ? "market.correlation_file" : "market.correlation", rows, assets,
                        s_.market.correlation);
  }

  bool read_matrix(const Node& matrix, vector<vector<Entry>>& rows) {
    const bool nested = matrix.kind == Node::Kind::array && !matrix.items.empty() &&
                        std::all_of(matrix.items.begin(), matrix.items.end(),
                                    [](const Node& row) { return row.kind == Node::Kind::array; });
    if (!nested) {
      report_.add(matrix.place, {"market.correlation is not an array of rows", "it is a square matrix",
                                 "write [[1.0, 0.8], [0.8, 1.0]]"});
      return false;
    }
    bool good = true;
    for (std::size_t i = 0; i < matrix.items.size(); ++i) {
      vector<Entry> row;
      for (std::size_t j = 0; j < matrix.items[i].items.size(); ++j) {
        const Node& item = matrix.items[i].items[j];
        const auto x = values_.number(item, fmt::format("market.correlation[{}][{}]", i + 1, j + 1), correlation_entry);
        good &= x.has_value();
        row.push_back({x.value_or(0.0), item.place});
      }
      rows.push_back(std::move(row));
    }
    return good;
  }

  bool read_matrix_file(const Node& file, vector<vector<Entry>>& rows) {
    const auto name = values_.text(file, "market.correlation_file", "the path of a CSV file");
    if (!name) return false;
    if (!path_is_sane(*name)) {
      report_.add(file.place, {"market.correlation_file is not a path",
                               "it is empty, too long, or holds control characters", "name a CSV file"});
      return false;
    }
    const fs::path path = (file.place.source->folder / *name).lexically_normal();
    string text;
    if (const auto finding = read_text(path, largest_scenario, "a matrix", text)) {
      report_.add(file.place, *finding);
      return false;
    }
    const auto csv = std::make_shared<const Source>(Source{path.string(), path.parent_path()});
    int bad = 0;
    each_line(text, [&](int number, string_view line) {
      vector<Entry> row;
      for (const auto cell : cells_of(line)) {
        const auto x = cell_number(cell);
        if ((!x || std::fabs(*x) > 1.0) && ++bad <= 10)
          report_.add({csv, number},
                      {fmt::format("{} is not a correlation", in_quotes(cell)),
                       "the file is a matrix of numbers from -1 to 1, without a header", "correct this cell"});
        row.push_back({x.value_or(0.0), {csv, number}});
      }
      rows.push_back(std::move(row));
      return true;
    });
    return bad == 0;
  }

  void read_grid(const Table& market) {
    const Node* n = market.get("grid");
    if (!n) return;
    if (n->kind != Node::Kind::table) {
      report_.add(n->place, {fmt::format("market.grid is {}", Values::described(*n)),
                             "a grid has a step or a number of steps", "write grid = { step = \"1m\" }"});
      return;
    }
    const Table t(values_, *n, "market.grid");
    t.allow({"step", "steps"});
    const Node *step = t.get("step"), *steps = t.get("steps");
    if (!step == !steps) {
      report_.add(n->place,
                  {fmt::format("market.grid has {}", step ? "both step and steps" : "neither step nor steps"),
                   "each determines the other", step ? "take one of them out" : "write grid = { step = \"1m\" }"});
      return;
    }
    double seconds = 0.0;
    if (t.duration("step", seconds, step_range)) s_.market.grid.step = seconds;
    if (steps)
      if (const auto x = values_.integer(*steps, "market.grid.steps", 1, 1'000'000,
                                         "the number of equal steps over run.horizon", "1000"))
        s_.market.grid.steps = static_cast<std::uint32_t>(*x);
  }

  void read_chains(const Table& top) {
    each_named(top, "chains", 1024, [&](const string& name, const Table& t) {
      t.allow({"block_time"}, {"outages"});
      ChainSpec spec;
      spec.name = name;
      t.duration("block_time", spec.block_time, block_range);
      declared_chains_.push_back(std::move(spec));
    });
  }

  void read_layers(const Table& top) {
    std::map<string, std::pair<double, string>> networks;
    each_named(top, "layers", limit::layers, [&](const string& name, const Table& t) {
      t.allow({"hazard", "exposure", "recovery", "network", "common_hazard", "stall"});
      LayerSpec spec;
      spec.name = name;
      layer_names_.push_back(name);
      t.number("hazard", spec.hazard, hazard_range);
      t.duration("exposure", spec.exposure, exposure_range);
      bool good = t.number("common_hazard", spec.common_hazard, hazard_range) || !t.get("common_hazard");
      spec.recovery.value = 0.0;
      if (const Node* n = t.get("recovery")) spec.recovery = laws_.read(*n, t.path("recovery"), recoveries);
      if (const Node* n = t.get("stall")) spec.stall = laws_.read(*n, t.path("stall"), durations);
      if (const Node* n = t.get("network"); n && t.text("network", spec.network, "layers of one network fail together"))
        good &= values_.name(n->place, t.path("network"), spec.network);
      const Node* common = t.get("common_hazard");
      if (common && !t.get("network")) {
        report_.add(common->place, {fmt::format("{} is given without a network", t.path("common_hazard")),
                                    "it is the hazard that layers of one network share",
                                    "add network = \"...\", or add it to hazard"});
      } else if (good && !spec.network.empty()) {
        const auto [first, fresh] = networks.try_emplace(spec.network, spec.common_hazard, name);
        if (!fresh && first->second.first != spec.common_hazard)
          report_.add(common ? common->place : t.place(),
                      {fmt::format("{} is {}, and layer {} says {}", t.path("common_hazard"), brief(spec.common_hazard),
                                   in_quotes(first->second.second), brief(first->second.first)),
                       fmt::format("both are of network {}, which fails as one", in_quotes(spec.network)),
                       "give both the same common_hazard"});
      }
      s_.layers.push_back(std::move(spec));
    });
  }

  void read_routes(const Table& top) {
    if (!top.get("routes"))
      report_.add_missing(top.place(), {"[routes] is missing", "collateral is liquidated over a route",
                                        "add a table such as [routes.eth-to-arb]"});
    vector<string> used;
    each_named(top, "routes", limit::routes, [&](const string& name, const Table& t) {
      t.allow({"from", "to", "layer", "stages"});
      RouteSpec spec;
      spec.name = name;
      route_names_.push_back(name);
      if (t.need_name("from", spec.from, "the chain where the collateral is", "ethereum")) used.push_back(spec.from);
      if (t.need_name("to", spec.to, "the chain where the liability is", "arbitrum")) used.push_back(spec.to);
      if (t.text("layer", spec.layer, "the layer whose failure hits the route") && !spec.layer.empty())
        refer(t, "layer", spec.layer, layer_names_, "layer");
      read_stages(t, spec);
      s_.routes.push_back(std::move(spec));
    });
    if (const Node* n = top.get("routes"); n && n->kind == Node::Kind::table && n->members.empty())
      report_.add_missing(n->place, {"[routes] is empty", "collateral is liquidated over a route",
                                     "add a table such as [routes.eth-to-arb]"});
    // the chains that routes name: declared ones in their order, then the others with defaults
    for (const auto& chain : declared_chains_)
      if (std::find(used.begin(), used.end(), chain.name) != used.end()) s_.chains.push_back(chain);
    std::set<string> known;
    for (const auto& chain : declared_chains_) known.insert(chain.name);
    for (const auto& name : used)
      if (known.insert(name).second) s_.chains.push_back({name, 12.0});
  }

  void read_stages(const Table& route, RouteSpec& spec) {
    const Node* n = route.need("stages", "they are the delay of the route",
                               "[ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]");
    std::map<string, int> seen;
    vector<string> names;
    for (const auto& row : stage_rows) names.push_back(row.name);
    each_item(n, route.path("stages"), 64, "it is an array of tables, each with a name and a law",
              "write stages = [ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]", [&](const Table& t) {
                StageSpec stage;
                string name, scope;
                if (t.need("name", "it says what the stage is, and what shares it", "\"relay\"") &&
                    t.text("name", name, "it says what the stage is")) {
                  const auto row = std::find_if(std::begin(stage_rows), std::end(stage_rows),
                                                [&](const StageRow& r) { return r.name == name; });
                  if (row == std::end(stage_rows)) {
                    report_.add(t.get("name")->place,
                                {fmt::format("{} is not a stage, in {}", in_quotes(name), route.path("stages")),
                                 "what a stage shares follows from its name", suggestion(name, names, "stage")});
                  } else {
                    stage.name = row->stage;
                    stage.scope = row->scope;
                    unique(seen, t, name, "stage", "stages of one name read the same random score");
                  }
                }
                if (t.text("scope", scope, "it says what shares the stage")) {
                  const auto match = std::find(std::begin(scope_names), std::end(scope_names), scope);
                  if (match == std::end(scope_names))
                    report_.add(t.get("scope")->place,
                                {fmt::format("{} = {} is unknown", t.path("scope"), in_quotes(scope)),
                                 "it says what shares the stage",
                                 suggestion(scope, {std::begin(scope_names), std::end(scope_names)}, "scope")});
                  else
                    stage.scope = static_cast<Scope>(match - std::begin(scope_names));
                  if (stage.scope == Scope::layer && spec.layer.empty() && match != std::end(scope_names))
                    report_.add(t.get("scope")->place,
                                {fmt::format("{} = \"layer\", and the route has no layer", t.path("scope")),
                                 "a layer's score is shared by the routes of that layer",
                                 "give the route a layer, or another scope"});
                }
                stage.law = laws_.read(t.node(), t.path(), durations, {"name", "scope"});
                spec.stages.push_back(std::move(stage));
              });
  }

  void read_collateral(const Table& top) {
    const Node* n = top.get("collateral");
    if (!n)
      report_.add_missing(top.place(), {"collateral is missing", "haircuts are calibrated for collateral",
                                        "add a table [[collateral]]"});
    std::map<string, int> seen;
    std::size_t weighted = 0;
    double total = 0.0;
    bool good = true;
    each_item(n, "collateral", limit::collaterals, "it is an array of tables, one for each token",
              "write [[collateral]]", [&](const Table& t) {
                t.allow({"name", "asset", "route", "haircut", "sale", "basis", "weight"});
                CollateralSpec spec;
                if (t.need_name("name", spec.name, "results refer to it", "ETH@ethereum"))
                  unique(seen, t, spec.name, "collateral", "results refer to collateral by name");
                if (t.need_name("asset", spec.asset, "the asset whose price it has", "ETH") && !asset_names_.empty())
                  refer(t, "asset", spec.asset, asset_names_, "asset");
                if (t.need_name("route", spec.route, "the route over which it is liquidated", "eth-to-arb") &&
                    !route_names_.empty())
                  refer(t, "route", spec.route, route_names_, "route");
                double x = 0.0;
                if (t.number("haircut", x, haircut_range)) spec.haircut = x;
                if (const Node* sale = t.get("sale")) read_sale(*sale, t.path("sale"), spec.sale);
                spec.basis.value = 1.0;
                if (const Node* basis = t.get("basis")) spec.basis = laws_.read(*basis, t.path("basis"), bases);
                if (t.number("weight", x, book_weight)) {
                  spec.weight = x;
                  total += x;
                }
                if (t.get("weight")) {
                  ++weighted;
                  good &= spec.weight.has_value();
                }
                s_.collateral.push_back(std::move(spec));
              });
    if (weighted > 0 && weighted < s_.collateral.size())
      report_.add(n->place, {fmt::format("{} of {} collaterals have a weight", weighted, s_.collateral.size()),
                             "the others' share of the book is unknown",
                             "give all of them a weight, or none (then sale.size is the weight)"});
    else if (weighted > 0 && good && total == 0.0)
      report_.add(n->place, {"all weights of collateral are zero", "a book holds something",
                             "give at least one of them a weight"});
  }

  void read_sale(const Node& n, const string& path, SaleSpec& sale) {
    if (n.kind != Node::Kind::table) {
      report_.add(n.place, {fmt::format("{} is {}", path, Values::described(n)), "a sale has a size and a depth",
                            "write sale = { size = 5e6, depth = 5e7 }"});
      return;
    }
    const Table t(values_, n, path);
    t.allow({"size", "depth", "exponent", "cap", "cost", "bonus"});
    t.need_number("size", sale.size, usd_size);
    t.need_number("depth", sale.depth, usd_depth);
    t.number("exponent", sale.exponent, exponent_range);
    t.number("cap", sale.cap, cap_range);
    t.number("cost", sale.cost, usd_cost);
    t.number("bonus", sale.bonus, bonus_range);
  }

  void read_portfolio(const Table& top) {
    const Node* n = section(top, "portfolio", false, "");
    if (!n) return;
    const Table t(values_, *n, "portfolio");
    t.allow({"haircut"});
    PortfolioSpec spec;
    t.need_number("haircut", spec.haircut, haircut_range);
    s_.portfolio = spec;
  }

  Report& report_;
  Values values_;
  Laws laws_;
  const Node& root_;
  Scenario s_;
  vector<string> asset_names_, layer_names_, route_names_;
  vector<ChainSpec> declared_chains_;
};

/// The command line's values take the place of the file's, so that they are validated like them.
void apply(const Overrides& overrides, Node& root, Report& report) {
  const auto set = [&](const char* key, const optional<std::uint64_t>& value) {
    if (!value) return;
    const Place place{std::make_shared<const Source>(Source{string("--") + key, {}}), 0};
    if (*value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      report.add(place, {fmt::format("{} is too large", *value), "a scenario holds integers of 63 bits",
                         "give a smaller number"});
      return;
    }
    Node number;
    number.kind = Node::Kind::integer;
    number.place = place;
    number.integer = static_cast<std::int64_t>(*value);
    Node run, over;
    run.place = over.place = {root.place.source, 0};
    run.members.push_back({key, place, 0, std::move(number)});
    over.members.push_back({"run", root.place, 0, std::move(run)});
    merge(root, std::move(over), false, 0);
  };
  set("paths", overrides.paths);
  set("seed", overrides.seed);
}

Scenario parse(const string& text, const string& name, const fs::path& folder, const fs::path* file,
               const Overrides& overrides) {
  Report report;
  Loader loader(report);
  if (file) loader.enter(*file, name);
  const auto source = std::make_shared<const Source>(Source{name, folder});
  auto root = loader.load(text, source);
  if (!root) report.fail();
  if (root->members.empty() && report.empty()) {
    report.add({source, 0},
               {"the scenario is empty", "there is nothing to run", "start from one of the files in scenarios/"});
    report.fail();
  }
  apply(overrides, *root, report);
  Scenario scenario = ScenarioReader(report, *root).read();
  if (!report.empty()) report.fail();
  scenario.source = text;
  return scenario;
}

// ------------------------------------------------------------------------------------------------ back to TOML

string toml_string(string_view text) {
  string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += string("\\") + c;
    else if (is_control(static_cast<unsigned char>(c)))
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + '"';
}

string toml_key(string_view name) {
  const bool bare = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? string(name) : toml_string(name);
}

string toml_duration(double seconds) { return '"' + duration_text(seconds) + '"'; }

string toml_law(const LawSpec& law, bool duration, const string& before = "") {
  const auto value = [&](double x) { return duration ? toml_duration(x) : number_text(x); };
  const LawRow& row = law_row(law.kind);
  string out = fmt::format("{{ {}kind = \"{}\"", before, row.name);
  for (const auto& p : row.parameters) {
    const double x = law.*p.member;
    if (!std::isnan(x)) out += fmt::format(", {} = {}", p.key, p.in_unit ? value(x) : number_text(x));
  }
  if (law.kind == LawKind::mixture) {
    out += ", of = [";
    for (std::size_t i = 0; i < law.of.size(); ++i)
      out +=
          (i ? ", " : " ") + toml_law(law.of[i], duration, fmt::format("weight = {}, ", number_text(law.of[i].weight)));
    out += " ]";
  }
  if (law.kind == LawKind::empirical) {
    out += ", quantiles = [";
    for (std::size_t i = 0; i < law.quantiles.size(); ++i)
      out += fmt::format("{}[{}, {}]", i ? ", " : " ", number_text(law.quantiles[i].first),
                         value(law.quantiles[i].second));
    out += " ]";
  }
  return out + " }";
}

string toml_numbers(const vector<double>& numbers) {
  string out = "[";
  for (std::size_t i = 0; i < numbers.size(); ++i) out += (i ? ", " : "") + number_text(numbers[i]);
  return out + "]";
}

}  // namespace

Scenario read_scenario(const fs::path& file, const Overrides& overrides) {
  string text;
  if (const auto finding = read_text(file, largest_scenario, "a scenario", text))
    throw Error(fmt::format("{} ({}) {}", finding->problem, finding->why, finding->what));
  return parse(text, file.string(), file.parent_path(), &file, overrides);
}

Scenario parse_scenario(const string& text, const string& name, const fs::path& folder, const Overrides& overrides) {
  return parse(text, name, folder, nullptr, overrides);
}

string effective_toml(const Scenario& s) {
  string out =
      fmt::format("schema = 1\nname = {}\ndescription = {}\n", toml_string(s.name), toml_string(s.description));
  const auto line = [&](const string& text) { out += text + '\n'; };

  line("\n[run]");
  line(fmt::format("paths = {}\nseed = {}", s.run.paths, s.run.seed));
  line("confidence = " + toml_numbers(s.run.confidence));
  line("interval = " + number_text(s.run.interval));
  line("horizon = " + toml_duration(s.run.horizon));

  line("\n[market]\nassets = [");
  for (const auto& a : s.market.assets)
    line(fmt::format("  {{ name = {}, price = {}, volatility = {}, drift = {} }},", toml_string(a.name),
                     number_text(a.price), number_text(a.volatility), number_text(a.drift)));
  line("]\ncorrelation = [");
  for (const auto& row : s.market.correlation) line(fmt::format("  {},", toml_numbers(row)));
  line("]");
  line(fmt::format("innovation = {}\nvariance = {}\njumps = {}", toml_string(s.market.innovation),
                   toml_string(s.market.variance), toml_string(s.market.jumps)));
  if (s.market.grid.step) line(fmt::format("grid = {{ step = {} }}", toml_duration(*s.market.grid.step)));
  if (s.market.grid.steps) line(fmt::format("grid = {{ steps = {} }}", *s.market.grid.steps));

  for (const auto& c : s.chains)
    line(fmt::format("\n[chains.{}]\nblock_time = {}", toml_key(c.name), toml_duration(c.block_time)));

  for (const auto& l : s.layers) {
    line(fmt::format("\n[layers.{}]\nhazard = {}\nexposure = {}", toml_key(l.name), number_text(l.hazard),
                     toml_duration(l.exposure)));
    line("recovery = " + toml_law(l.recovery, false));
    if (!l.network.empty())
      line(fmt::format("network = {}\ncommon_hazard = {}", toml_string(l.network), number_text(l.common_hazard)));
    if (l.stall) line("stall = " + toml_law(*l.stall, true));
  }

  for (const auto& r : s.routes) {
    line(fmt::format("\n[routes.{}]\nfrom = {}\nto = {}", toml_key(r.name), toml_string(r.from), toml_string(r.to)));
    if (!r.layer.empty()) line("layer = " + toml_string(r.layer));
    line("stages = [");
    for (const auto& stage : r.stages)
      line("  " +
           toml_law(stage.law, true,
                    fmt::format("name = \"{}\", scope = \"{}\", ", stage_rows[static_cast<int>(stage.name)].name,
                                scope_names[static_cast<int>(stage.scope)])) +
           ",");
    line("]");
  }

  for (const auto& c : s.collateral) {
    line(fmt::format("\n[[collateral]]\nname = {}\nasset = {}\nroute = {}", toml_string(c.name), toml_string(c.asset),
                     toml_string(c.route)));
    if (c.haircut) line("haircut = " + number_text(*c.haircut));
    line("basis = " + toml_law(c.basis, false));
    if (c.weight) line("weight = " + number_text(*c.weight));
    if (c.sale.size > 0.0)
      line(fmt::format("sale = {{ size = {}, depth = {}, exponent = {}, cap = {}, cost = {}, bonus = {} }}",
                       number_text(c.sale.size), number_text(c.sale.depth), number_text(c.sale.exponent),
                       number_text(c.sale.cap), number_text(c.sale.cost), number_text(c.sale.bonus)));
  }

  if (s.portfolio) line("\n[portfolio]\nhaircut = " + number_text(s.portfolio->haircut));
  return out;
}

}  // namespace proofload
