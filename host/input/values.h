/// values.h -- single values, tables and CSV files of a scenario: read, checked, every problem reported with its place.
#pragma once
#include <functional>

#include "base/quantity.h"
#include "input/csv.h"
#include "input/toml_tree.h"

namespace proofload::input {

constexpr double day = seconds_per_day, century = 100.0 * 365.0 * day;  ///< seconds

// Each reader answers nothing when it has reported a problem; `path` names the value in messages.
std::optional<double> read_quantity(Report&, const Node&, const std::string& path, const Quantity&);
std::optional<std::int64_t> read_integer(Report&, const Node&, const std::string& path, std::int64_t low,
                                         std::int64_t high, const char* meaning, const char* example);
std::optional<std::string> read_string(Report&, const Node&, const std::string& path, const char* meaning);
/// A name: 1 to 64 characters, none of them a control character.
bool check_name(Report&, const Place&, const std::string& path, std::string_view name);
/// Whether the node is a table; if not, `why` it must be one and `what` to write.
bool check_table(Report&, const Node&, const std::string& path, const char* why, const std::string& what);

/// A table being read: its keys are checked against those of the format, and asked for one by one.
struct Table {
  Report& report;
  const Node& node;
  std::string path;  ///< "" at the top

  std::string path_of(std::string_view key) const;
  const Place& place() const { return node.place; }
  const Node* get(std::string_view key) const { return find(node, key); }
  const Place& place_of(std::string_view key) const { return get(key) ? get(key)->place : place(); }

  /// Every key must be one of `valid`; those of `later` have a meaning in the design, but not in this version.
  void allow(const std::vector<std::string>& valid, const std::vector<std::string>& later = {}) const;
  const Node* need(std::string_view key, const char* meaning, const std::string& example) const;

  /// Values that may be absent, and then keep what `out` holds; they answer whether a good value was read.
  bool read(std::string_view key, double& out, const Quantity&) const;
  bool read(std::string_view key, std::string& out, const char* meaning) const;
  bool read(std::string_view key, bool& out, const char* meaning) const;
  /// One number for each of `count` assets: an array of so many, or a single number that all share.
  bool read(std::string_view key, std::vector<double>& out, std::size_t count, const Quantity&) const;
  /// Values that may not be absent.
  bool need(std::string_view key, double& out, const Quantity&) const;
  bool need(std::string_view key, std::vector<double>& out, std::size_t count, const Quantity&) const;
  /// A name, either a new one or a reference to an old one.
  bool need_name(std::string_view key, std::string& out, const char* meaning, const std::string& example) const;
};

/// Of more tables than there is room for, this many times the room are looked at: enough to see, in bounded time.
constexpr std::size_t enough = 4;

/// The tables of an array; what is none is reported: `why` it must be one and `what` to write.
std::vector<Table> tables_of(Report&, const Node&, const std::string& path, std::size_t most, const char* why,
                             const char* what);

/// The file that a scenario names, relative to the file that says so; nothing when it cannot be a path.
std::optional<std::filesystem::path> read_path(Report&, const Node&, const std::string& path, const char* meaning);

/// The cells of one line of a CSV file; answers whether to go on.
using UseCells = std::function<bool(const Place&, const std::vector<std::string_view>&)>;

/// Reads the CSV file that a scenario names in `file`, relative to the file that says so: its header first, if it has
/// one, then row by row. Null when it could not be read, which was reported.
std::shared_ptr<const Source> read_csv(Report&, const Node& file, const std::string& path, std::size_t largest,
                                       const char* role, const UseCells&, Header = Header::given);

}  // namespace proofload::input
