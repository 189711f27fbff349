/// toml_tree.h -- TOML files as one tree of values that know their file and line, includes merged.
///
/// toml++ parses; its nodes forget their file and the order of the keys, so the tree is our own. What is wrong is
/// collected in a Report on the way and thrown at the end, so that a user sees all mistakes at once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/suggestion.h"

namespace proofload::input {

constexpr std::size_t largest_scenario = std::size_t{4} << 20;  ///< bytes

/// A file as messages name it, and the folder that paths written in it are relative to.
struct Source {
  std::string name;
  std::filesystem::path folder;
  bool sealed = false;  ///< no file that it names is opened: it is the scenario in a result, which is anybody's
};

struct Place {
  std::shared_ptr<const Source> source;
  int line = 0;  ///< 0: the file as a whole
};

/// All that is wrong so far.
class Report {
 public:
  /// "<problem> (<why>) <what to do>"; answers nullopt, for readers of an optional value to return.
  std::nullopt_t add(const Place& at, const std::string& problem, const std::string& why, const std::string& what);
  void add(Problem found);  ///< one that another reader has put in words
  /// Something is missing: not a finding when an included file could not be read, because it may have been in there.
  void add_missing(const Place& at, const std::string& problem, const std::string& why, const std::string& what) {
    if (!incomplete) add(at, problem, why, what);
  }
  bool empty() const { return problems_.empty(); }
  bool full() const;         ///< what is added now is only counted
  [[noreturn]] void fail();  ///< throws everything found, in the order of files and lines

  bool incomplete = false;  ///< an included file could not be read

 private:
  std::vector<Problem> problems_;
  std::size_t more_ = 0;
};

struct Member;

/// One TOML value with its place. Members keep the order of the file, which toml++ does not.
struct Node {
  enum class Kind { table, array, text, integer, number, boolean, date } kind = Kind::table;
  Place place;
  std::string text;
  std::int64_t integer = 0;
  double number = 0.0;
  bool boolean = false;
  std::vector<Member> members;
  std::vector<Node> items;

  bool is_table() const { return kind == Kind::table; }
  bool is_array() const { return kind == Kind::array; }
  bool is_text() const { return kind == Kind::text; }
  bool is_numeric() const { return kind == Kind::integer || kind == Kind::number; }
};

struct Member {
  std::string key;
  Place place;
  int column = 0;
  Node value;
};

const Node* find(const Node& table, std::string_view key);  ///< null when it is not there, or this is no table
const char* kind_name(const Node&);                         ///< "a table", "an integer", ...
std::string value_text(const Node&);                        ///< the value for messages, or its kind
std::string described(const Node&);                         ///< its kind and, for a single value, the value

/// Whether a path that a scenario names can be one: not empty, not huge, no control characters.
bool path_is_sane(const std::string& path);
/// Whether the text at this place may have a file opened, which is wanted as `role`. Whoever opens one asks first.
bool may_open(Report&, const Place& at, const char* role);
/// Whether there is a regular file, which may be opened; if not, that is about `at`, where it is wanted as `role`.
bool check_file(Report&, const Place& at, const std::filesystem::path&, const char* role);
/// Reads a whole regular file of at most `largest` bytes; what is wrong is about `at`, where it is wanted as `role`.
bool read_text(Report&, const Place& at, const std::filesystem::path&, std::size_t largest, const char* role,
               std::string& text);

/// The shipped file `name` of a folder of scenarios/ ("presets"), which holds files of one `kind` ("preset"); an empty
/// path, reported, when there is none.
std::filesystem::path shipped_file(Report&, const std::string& name, const Place& at, const char* folder,
                                   const char* kind);

/// Parses `text`, follows its includes (paths, or "proofload:NAME" for a shipped preset) and merges them; nothing when
/// the text itself is not TOML. `file`: where the text is from, so that including it again is a cycle; null for text
/// that is not in a file.
std::optional<Node> load_tree(Report&, const std::string& text, const std::shared_ptr<const Source>&,
                              const std::filesystem::path* file);

/// Puts `over` on top of `base`, both whole documents: tables merge, arrays of named tables merge by name, everything
/// else is replaced.
void merge_documents(Node& base, Node&& over);

}  // namespace proofload::input
