#include "input/toml_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

// toml++ 3.3 asserts, and with NDEBUG tells the optimiser to assume, that a table header goes on with a key; "[#" is
// enough to make that false. Its code right after handles the case, so assertions must be neither checked nor assumed.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#define TOML_FLOAT_CHARCONV 1      // the default goes through stringstreams
#define TOML_MAX_NESTED_VALUES 32  // destroying a document recurses: depth must be bounded, see harmless()
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <system_error>
#include <unordered_map>

#include "base/words.h"
#include "input/presets.h"

namespace proofload::input {

namespace fs = std::filesystem;
using std::string, std::string_view, std::vector;

// -------------------------------------------------------------------------------------------------- problems and words

constexpr std::size_t most_problems = 1000;

std::nullopt_t Report::add(const Place& at, const string& problem, const string& why, const string& what) {
  add({at.source ? at.source->name : "", at.line, fmt::format("{} ({}) {}", problem, why, what)});
  return std::nullopt;
}

void Report::add(Problem found) {
  if (full())
    ++more_;
  else
    problems_.push_back(std::move(found));
}

bool Report::full() const { return problems_.size() >= most_problems; }

void Report::fail() {
  std::map<string, std::size_t> order;
  for (const auto& p : problems_) order.try_emplace(p.file, order.size());
  std::stable_sort(problems_.begin(), problems_.end(), [&](const Problem& a, const Problem& b) {
    return std::pair(order[a.file], a.line) < std::pair(order[b.file], b.line);
  });
  if (more_ > 0)
    problems_.push_back(
        {problems_[0].file, 0,
         fmt::format("{} (only {} are listed) correct these first", counted(more_, "more problem"), most_problems)});
  throw Error(std::move(problems_));
}

// ------------------------------------------------------------------------------------------------------------ the tree

const Node* find(const Node& table, string_view key) {
  for (const auto& m : table.members)
    if (m.key == key) return &m.value;
  return nullptr;
}

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

string described(const Node& n) {
  const string value = value_text(n);
  return value == kind_name(n) ? value : fmt::format("{}, {}", kind_name(n), value);
}

namespace {

using SourcePointer = std::shared_ptr<const Source>;

Node convert(const toml::node& from, const SourcePointer& source) {
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

/// Whether toml++ 3.3 may see the text, found by following strings and comments as it does until the first error:
/// - a key "a.a.a..." of megabytes makes a tree whose destruction overflows the stack (only brackets are bounded);
/// - asked whether U+00A1 .. U+0499 is a space, it runs into __builtin_unreachable(). It asks outside strings and
///   comments, where TOML allows ASCII only, and after a line of a string that ends with a backslash.
bool harmless(string_view text, const SourcePointer& source, Report& report) {
  constexpr int deepest_key = 32;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  int line = 1, dots = 0;
  char quote = 0;  // inside a string: its quote
  char word = 0;   // outside: first character of the word before, 0 where a word
                   // may begin
  bool triple = false, continued = false, assigned = false;
  const auto triple_at = [&](std::size_t i, char q) { return text.substr(i, 3) == string(3, q); };
  const auto refuse = [&](const string& problem, const char* why, const char* what) {
    report.add({source, line}, problem, why, what);
    return false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool ascii = static_cast<unsigned char>(c) < 0x80, space = c == ' ' || (c >= '\t' && c <= '\r');
    if (c == '\n') ++line;
    if (quote) {
      if (continued && !ascii)
        return refuse("a string goes on after a backslash with a character beyond ASCII",
                      "it cannot be told from a space that is to be skipped",
                      "join the two lines, or begin with another character");
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
        return refuse("not valid TOML: a quote in the middle of a word", "a string begins after a space or punctuation",
                      "correct this line");
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
      return refuse("not valid TOML: a character beyond ASCII outside quotes",
                    "keys without quotes, numbers and punctuation are ASCII", "put it in quotes");
    } else if (c == '.') {
      if (!word) word = c;
      if (++dots >= deepest_key)
        return refuse(fmt::format("a key has more than {} parts", deepest_key), "no key of a scenario is that deep",
                      "correct this line");
    } else if (c == ',' || c == ']' || c == '}') {
      dots = 0;
      word = 0;
      assigned &= c != ',';
    } else if (c == '[' || c == '{' || c == '=') {
      dots = 0;
      if (c == '=' && !assigned) word = 0;  // anywhere else after a word these belong to it, or are errors
      assigned = c == '=' || (assigned && c == '[');
    } else if (!word) {
      word = c;
    }
  }
  return true;
}

// ------------------------------------------------------------------------------------------------------------- merging

/// Keys of which a table holds one group only: an includer that gives one takes away what was included of the others.
constexpr std::pair<string_view, string_view> alternatives[] = {{"correlation", "correlation_file"},
                                                                {"factors", "correlation"},
                                                                {"factors", "correlation_file"},
                                                                {"step", "steps"},
                                                                {"p99", "sigma"},
                                                                {"quantiles", "file"},
                                                                {"quantiles", "column"},
                                                                {"quantiles", "quantile_file"},
                                                                {"quantile_file", "file"},
                                                                {"quantile_file", "column"}};

/// `names`: the keys of this table are names that the user chose ([routes], [layers], columns of a replay and their
/// like), not the format's.
void merge(Node& base, Node&& over, bool names, int depth);

void merge_arrays(Node& base, Node&& over, int depth) {
  const auto name_of = [](const Node& item) {
    const Node* name = find(item, "name");
    return name && name->is_text() ? name : nullptr;
  };
  const auto named = [&](const Node& array) {
    return !array.items.empty() && std::all_of(array.items.begin(), array.items.end(), name_of);
  };
  if (!named(base) || !named(over)) {
    base = std::move(over);
    return;
  }
  base.place = over.place;
  std::unordered_map<string, std::size_t> known;
  for (std::size_t i = 0; i < base.items.size(); ++i) known.try_emplace(name_of(base.items[i])->text, i);
  for (auto& item : over.items) {
    const auto match = known.find(name_of(item)->text);
    if (match == known.end()) {
      base.items.push_back(std::move(item));
    } else {
      const std::size_t i = match->second;
      known.erase(match);  // a second item of that name in the includer is a
                           // duplicate: it is added, and reported later
      merge(base.items[i], std::move(item), false, depth);
    }
  }
}

void merge(Node& base, Node&& over, bool names, int depth) {
  if (base.is_array() && over.is_array()) return merge_arrays(base, std::move(over), depth + 1);
  if (!base.is_table() || !over.is_table()) {
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
    for (const auto& [one, other] : alternatives) {
      if (find(over, one)) drop([&gone = other](string_view key) { return key == gone; });
      if (find(over, other)) drop([&gone = one](string_view key) { return key == gone; });
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
      const auto is_one_of = [&m](auto... keys) { return ((m.key == keys) || ...); };
      const bool chosen = (depth == 0 && is_one_of("routes", "layers", "chains", "mechanisms")) ||
                          is_one_of("columns", "where", "quantiles_in", "hazards", "halted", "paused");
      merge(mine.value, std::move(m.value), chosen, depth + 1);
    }
  }
}

// -------------------------------------------------------------------------------------------------- files and includes

vector<string> asset_names(const Node* market) {
  const Node* assets = market ? find(*market, "assets") : nullptr;
  vector<string> names;
  for (std::size_t i = 0; assets && i < assets->items.size(); ++i) {
    const Node* name = find(assets->items[i], "name");
    if (name && name->is_text()) names.push_back(name->text);
  }
  return names;
}

/// The first list in which an asset is known by its place: numbers, rows of them, or a file of rows.
const Node* list_by_place(const Node& node) {
  if (node.is_array()) return node.items.empty() || node.items.front().is_table() ? nullptr : &node;
  for (const Member& m : node.members) {
    if (m.key == "correlation_file") return &m.value;
    if (m.key == "assets" || m.key == "include") continue;
    if (const Node* list = list_by_place(m.value)) return list;
  }
  return nullptr;
}

/// Assets merge by name and keep the order of what was there. A document that names them all in another order, with
/// lists that go by it, would have its numbers given to other assets. (Lists of another length are reported where they
/// are read.)
void check_order_of_assets(Report& report, const Node& base, const Node& over) {
  const Node *market = find(over, "market"), *systemic = find(over, "systemic");
  if (!market) return;
  vector<string> merged = asset_names(find(base, "market"));
  const vector<string> own = asset_names(market);
  if (merged.empty()) return;
  for (const string& name : own) {
    if (std::find(merged.begin(), merged.end(), name) == merged.end()) merged.push_back(name);
  }
  if (own.size() != merged.size() || own == merged) return;
  const Node* list = list_by_place(*market);
  if (!list && systemic) list = list_by_place(*systemic);
  if (!list) return;
  report.add(list->place,
             fmt::format("a list goes by the assets {}, and included files make that {}", fmt::join(own, ", "),
                         fmt::join(merged, ", ")),
             "assets merge by name and keep the included order: its numbers would go to other assets",
             "write the assets in the same order in both files, or leave them out of one");
}

/// Parses files and follows their includes, depth first.
struct Loader {
  Report& report;
  vector<std::pair<fs::path, string>> chain;  ///< the files that are being read, the outermost first
  int included = 0;
  std::size_t bytes = 0;  ///< of all texts

  std::optional<Node> load(const string& text, const SourcePointer& source) {
    const Place whole{source, 0};
    if (text.size() > largest_scenario)
      return report.add(whole, fmt::format("the text is larger than {} MiB", largest_scenario >> 20),
                        "a scenario of that size is taken for a mistake", "check that it is the file you mean");
    if (bytes + text.size() > largest_scenario) {
      report.incomplete = true;
      if (bytes > largest_scenario) return std::nullopt;  // which was said
      bytes = largest_scenario + 1;
      return report.add(whole, fmt::format("with this file all files are larger than {} MiB", largest_scenario >> 20),
                        "a scenario of that size is taken for a mistake", "include less");
    }
    bytes += text.size();
    if (!harmless(text, source, report)) return std::nullopt;
    Node tree, merged;
    try {
      tree = convert(toml::parse(string_view(text), string_view(source->name)), source);
    } catch (const toml::parse_error& e) {
      return report.add({source, static_cast<int>(e.source().begin.line)},
                        "not valid TOML: " + printable(e.description(), 300), "a scenario is a TOML 1.0 text in UTF-8",
                        "correct this line; nothing after it was read");
    }
    const Node* schema = find(tree, "schema");
    if (schema && (schema->kind != Node::Kind::integer || schema->integer != 1))
      report.add(schema->place, fmt::format("schema = {} is not known", value_text(*schema)),
                 "this version reads schema 1", "write schema = 1");
    tree.place = merged.place = whole;
    if (const Node* include = find(tree, "include")) {
      follow(*include, *source, merged);
      std::erase_if(tree.members, [](const Member& m) { return m.key == "include"; });
    }
    check_order_of_assets(report, merged, tree);
    merge(merged, std::move(tree), false, 0);
    merged.place = whole;
    return merged;
  }

  void follow(const Node& include, const Source& from, Node& merged) {
    if (!may_open(report, include.place, "an included file")) return;
    if (!include.is_array())
      report.add(include.place, fmt::format("include is {}", kind_name(include)), "several files may be included",
                 "write an array, such as include = [\"presets/chains.toml\"]");
    for (const auto& item : include.items) {
      if (!item.is_text() || !path_is_sane(item.text)) {
        report.add(item.place, "include names " + value_text(item), "an included file is given by its path",
                   "write a path relative to this file, such as \"presets/chains.toml\"");
        continue;
      }
      constexpr int most = 64;
      if (++included > most) {
        if (included == most + 1)
          report.add(item.place, fmt::format("more than {} files are included", most),
                     "that many are taken for a mistake", "merge some of them");
        report.incomplete = true;
        return;
      }
      const auto preset = preset_name(item.text);
      const fs::path path = preset ? shipped_file(report, *preset, item.place, "presets", "preset")
                                   : (from.folder / item.text).lexically_normal();
      report.incomplete |= path.empty() || !include_file(path, item.place, merged);
    }
  }

  bool include_file(const fs::path& path, const Place& at, Node& merged) {
    std::error_code ignored;
    const fs::path canonical = fs::weakly_canonical(path, ignored);
    const auto again = std::find_if(chain.begin(), chain.end(), [&](const auto& c) { return c.first == canonical; });
    if (again != chain.end()) {
      string circle;
      for (auto c = again; c != chain.end(); ++c) circle += c->second + " -> ";
      report.add(at, fmt::format("include cycle: {}{}", circle, path.string()), "a file cannot be part of itself",
                 "take one of these includes out");
      return false;
    }
    string text;
    if (!read_text(report, at, path, largest_scenario, "an included file", text)) return false;
    chain.emplace_back(canonical, path.string());
    auto tree = load(text, std::make_shared<const Source>(Source{path.string(), path.parent_path()}));
    chain.pop_back();
    if (!tree) return false;
    check_order_of_assets(report, merged, *tree);
    merge(merged, std::move(*tree), false, 0);
    return true;
  }
};

}  // namespace

bool path_is_sane(const string& path) {
  return !path.empty() && path.size() <= 4096 && std::none_of(path.begin(), path.end(), is_control);
}

bool may_open(Report& report, const Place& at, const char* role) {
  if (!at.source || !at.source->sealed) return true;
  report.add(at, "the scenario of a result names a file", fmt::format("{}; a result reads nothing but itself", role),
             "run the scenario again");
  return false;
}

bool check_file(Report& report, const Place& at, const fs::path& path, const char* role) {
  const auto refuse = [&](const string& problem, const string& why, const char* what) {
    report.add(at, in_quotes(path.string()) + problem, why, what);
    return false;
  };
  if (!may_open(report, at, role)) return false;
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status))
    return refuse(" does not exist", fmt::format("it is wanted as {}", role), "check the path and its spelling");
  if (fs::is_directory(status))
    return refuse(" is a directory", fmt::format("{} is one file", role), "name a file in it");
  if (!fs::is_regular_file(status))
    return refuse(" is not a regular file", fmt::format("{} is read at once, not as a stream", role),
                  "save it to a file first");
  return true;
}

bool read_text(Report& report, const Place& at, const fs::path& path, std::size_t largest, const char* role,
               string& text) {
  if (!check_file(report, at, path, role)) return false;
  const auto refuse = [&](const string& problem, const string& why, const char* what) {
    report.add(at, in_quotes(path.string()) + problem, why, what);
    return false;
  };
  std::ifstream in(path, std::ios::binary);
  if (!in) return refuse(" cannot be opened", std::generic_category().message(errno), "check its permissions");
  std::error_code problem;
  const auto size = fs::file_size(path, problem);
  text.resize(problem ? 0 : std::min<std::uintmax_t>(size, largest + 1));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return refuse(" cannot be read", "the system reported a read error", "check the disk");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest)
    return refuse(fmt::format(" is larger than {} MiB", largest >> 20),
                  fmt::format("{} of that size is taken for a mistake", role), "check that it is the file you mean");
  return true;
}

fs::path shipped_file(Report& report, const string& name, const Place& at, const char* folder, const char* kind) {
  vector<string> names;
  for (const fs::path& file : shipped_files(folder)) {
    names.push_back(file.stem().string());
    if (names.back() == name) return file;
  }
  if (names.empty())
    report.add(at, fmt::format("\"proofload:{}\" cannot be found", printable(name)),
               fmt::format("there are no {} beside the program, nor in scenarios/{} here", folder, folder),
               "install the program with cmake --install, or name a file by its path");
  else
    report.add(at, fmt::format("there is no {} {}", kind, in_quotes(name)),
               "what follows \"proofload:\" is the name of a shipped file", suggestion(name, names, kind));
  return {};
}

std::optional<Node> load_tree(Report& report, const string& text, const SourcePointer& source, const fs::path* file) {
  Loader loader{report, {}};
  std::error_code ignored;
  if (file) loader.chain.emplace_back(fs::weakly_canonical(*file, ignored), source->name);
  return loader.load(text, source);
}

void merge_documents(Node& base, Node&& over) { merge(base, std::move(over), false, 0); }

}  // namespace proofload::input
