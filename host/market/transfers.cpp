#include "market/transfers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/words.h"
#include "input/prices.h"
#include "input/values.h"
#include "laws/survival.h"

namespace proofload {
namespace {

using std::string, std::string_view, std::vector;

constexpr std::size_t largest_file = std::size_t{256} << 20;  // bytes: that of a law's samples
constexpr std::size_t shown_problems = 10, most_groups = 1000, shown_words = 8;

constexpr const char* example = "time=sent_at,delay=seconds,status=success";

std::optional<std::int64_t> sent_at(string_view cell) {
  try {
    return parse_time(string(cell));
  } catch (const Error&) { return std::nullopt; }
}

/// What is wrong with a delay that was given, and what to write.
struct DelayFault {
  string problem, what;
};

DelayFault fault_of(string_view cell) {
  if (cell.empty()) return {"is empty", "write the seconds"};
  const char* end = cell.data() + cell.size();
  double number = 0.0;
  const auto [rest, code] = std::from_chars(cell.data() + (cell.front() == '+' ? 1 : 0), end, number);
  string unit(rest, end);
  unit.erase(std::remove(unit.begin(), unit.end(), ' '), unit.end());
  constexpr std::pair<string_view, double> units[] = {
      {"s", 1.0},    {"sec", 1.0},   {"second", 1.0}, {"seconds", 1.0},  {"ms", 1e-3},  {"m", 60.0},
      {"min", 60.0}, {"mins", 60.0}, {"h", 3600.0},   {"hours", 3600.0}, {"d", 86400.0}};
  const auto known = std::find_if(std::begin(units), std::end(units), [&](const auto& u) { return u.first == unit; });
  if (code == std::errc() && known != std::end(units) && std::isfinite(number) && number >= 0.0) {
    return {"has a unit", fmt::format("leave the unit out: {}", known->second == 1.0 ? string(cell.data(), rest)
                                                                                     : brief(number * known->second))};
  }
  const auto value = input::cell_number(cell);
  if (!value) return {"is not a number", "write the seconds, such as 132.19"};
  return *value < 0.0 ? DelayFault{"is negative", "check which of its two times is the earlier one"}
                      : DelayFault{"is longer than 100 years", "check the column: it may hold a time, or milliseconds"};
}

/// Reads the rows one by one, and keeps what is wrong with them.
class Reader {
 public:
  Reader(const TransferColumns& names, Transfers& out) : names_(names), out_(out) {}

  bool use(const input::Place& at, const vector<string_view>& cells) {
    if (!header_) return use_header(at, cells);
    use_row(at, cells);
    return out_.groups.size() <= most_groups;
  }

  bool has_header() const { return header_; }

  /// Throws what was found.
  void finish(const string& file) {
    if (more_ > 0)
      problems_.push_back({file, 0,
                           fmt::format("and {} problem{} like these (only the first {} are shown) correct these first",
                                       more_, more_ == 1 ? "" : "s", shown_problems)});
    if (!problems_.empty()) throw Error(std::move(problems_));
    if (!unknown_.empty()) throw Error({{file, 0, unknown_words_problem(names_.status, unknown_)}});
    if (status_ == nowhere || out_.rows.empty()) return;
    if (std::any_of(out_.rows.begin(), out_.rows.end(), [](const Transfer& t) { return t.delivered; })) return;
    string words;
    for (const auto& word : words_) words += (words.empty() ? "" : ", ") + in_quotes(word);
    throw Error(
        {{file, 0,
          fmt::format("no row of column {} says that its message arrived (1, true, delivered, success, executed, ... "
                      "do; there is {}{}) write one of these words, or name another column: status=NAME",
                      in_quotes(names_.status), words, more_words_ ? ", ..." : "")}});
  }

 private:
  static constexpr std::size_t nowhere = ~std::size_t{0};

  bool use_header(const input::Place& at, const vector<string_view>& cells) {
    header_ = true;
    time_ = find(at, cells, names_.time);
    delay_ = find(at, cells, names_.delay);
    status_ = names_.status.empty() ? nowhere : find(at, cells, names_.status);
    group_ = names_.group.empty() ? nowhere : find(at, cells, names_.group);
    return problems_.empty();
  }

  void use_row(const input::Place& at, const vector<string_view>& cells) {
    Transfer t;
    const auto sent = sent_at(cells[time_]);
    if (!sent) {
      return complain(at, fmt::format("{} in column {} is not a time", in_quotes(cells[time_]), names_.time),
                      "the volatility that a message met is looked up by it",
                      "write 2020-03-12T06:00:00Z or a Unix time");
    }
    if (const string impossible = names_.any_time ? "" : problem_of_time(*sent); !impossible.empty()) {
      problems_.size() < shown_problems ? problems_.push_back({at.source->name, at.line, impossible}) : void(++more_);
      return;
    }
    t.sent = *sent;
    const Delivery delivery = status_ == nowhere ? Delivery::arrived : delivery_of(cells[status_]);
    if (delivery == Delivery::unknown) ++unknown_[string(cells[status_])];
    t.delivered = delivery == Delivery::arrived;
    if (!t.delivered) remember(cells[status_]);
    const bool unknown = !t.delivered && cells[delay_].empty();
    const double delay = unknown ? 0.0 : input::cell_number(cells[delay_]).value_or(-1.0);
    if (!(delay >= 0.0 && delay <= input::century)) return complain_of_delay(at, cells[delay_], t.delivered);
    t.delay = delay + 0.0;
    if (group_ != nowhere) {
      const auto known = std::find(out_.groups.begin(), out_.groups.end(), cells[group_]);
      t.group = static_cast<std::size_t>(known - out_.groups.begin());
      if (known == out_.groups.end()) out_.groups.emplace_back(cells[group_]);
      if (out_.groups.size() > most_groups) {
        return complain(at, fmt::format("column {} has more than {} values", names_.group, most_groups),
                        "delays are ranked within each group", "name a column that says which route a message took");
      }
    }
    out_.rows.push_back(t);
  }

  void complain_of_delay(const input::Place& at, string_view cell, bool delivered) {
    DelayFault fault = fault_of(cell);
    if (delivered && names_.status.empty() && cell.empty())
      fault.what += ", or name the column that says which messages arrived: status=NAME";
    complain(at, fmt::format("the delay {} in column {} {}", in_quotes(cell), names_.delay, fault.problem),
             delivered ? "a delay is a number of seconds from 0 on"
                       : "for a message that did not arrive it is how many seconds it was watched, from 0 on",
             fault.what);
  }

  void remember(string_view word) {
    if (std::find(words_.begin(), words_.end(), word) != words_.end()) return;
    if (words_.size() < shown_words) {
      words_.emplace_back(word);
    } else {
      more_words_ = true;
    }
  }

  void complain(const input::Place& at, const string& problem, const string& why, const string& what) {
    if (problems_.size() < shown_problems) {
      problems_.push_back({at.source->name, at.line, fmt::format("{} ({}) {}", problem, why, what)});
    } else {
      ++more_;
    }
  }

  std::size_t find(const input::Place& at, const vector<string_view>& header, const string& name) {
    const auto match = std::find(header.begin(), header.end(), name);
    if (match == header.end()) {
      complain(at, fmt::format("there is no column {}", in_quotes(name)), "the first line names the columns",
               suggestion(name, {header.begin(), header.end()}, "column"));
    }
    return static_cast<std::size_t>(match - header.begin());
  }

  const TransferColumns& names_;
  Transfers& out_;
  vector<Problem> problems_;
  std::map<string, std::size_t> unknown_;
  vector<string> words_;  ///< of the status column, for what did not arrive
  bool header_ = false, more_words_ = false;
  std::size_t time_ = 0, delay_ = 0, status_ = nowhere, group_ = nowhere, more_ = 0;
};

}  // namespace

TransferColumns transfer_columns(const char* option, const vector<string>& texts) {
  if (texts.empty()) {
    throw Error(
        fmt::format("{0} is not given (the columns of the transfers that hold when a message was sent and how "
                    "long it took must be named) write {0} {1}",
                    option, example));
  }
  TransferColumns out;
  const std::pair<const char*, string*> places[] = {
      {"time", &out.time}, {"delay", &out.delay}, {"status", &out.status}, {"group", &out.group}};
  for (const string& text : texts) {
    const auto equals = text.find('=');
    const string key = text.substr(0, equals), name = equals == string::npos ? "" : text.substr(equals + 1);
    const auto place =
        std::find_if(std::begin(places), std::end(places), [&](const auto& p) { return p.first == key; });
    if (place == std::end(places) || name.empty()) {
      throw Error(fmt::format("{} {} (columns are given as time=NAME, delay=NAME, status=NAME, group=NAME) write {} {}",
                              option, in_quotes(text), option, example));
    }
    if (!place->second->empty())
      throw Error(fmt::format("{} names {} twice (one column holds it) name it once", option, key));
    *place->second = name;
  }
  if (out.time.empty() || out.delay.empty()) {
    throw Error(fmt::format("{} names no {} (when a message was sent and how long it took are both needed) write {} {}",
                            option, out.time.empty() ? "time" : "delay", option, example));
  }
  return out;
}

Transfers read_transfers(const std::filesystem::path& file, const TransferColumns& columns) {
  std::error_code error;
  if (file != "-" && !std::filesystem::exists(file, error)) {
    throw Error({{file.string(), 0, "the transfers cannot be read (there is no such file) check the name"}});
  }
  Transfers out;
  out.file = file.string();
  if (columns.group.empty()) out.groups = {""};
  input::Report report;
  input::Node node;
  node.kind = input::Node::Kind::text;
  node.text = file.string();
  node.place = {std::make_shared<const input::Source>(input::Source{file.string(), {}}), 0};
  Reader reader(columns, out);
  input::read_csv(report, node, "--latencies", largest_file, "a file of transfers",
                  [&](const input::Place& at, const vector<string_view>& cells) { return reader.use(at, cells); });
  if (!report.empty()) report.fail();
  reader.finish(file.string());
  if (!reader.has_header())
    throw Error({{file.string(), 0, "the file is empty (transfers are rows under a header) check the file"}});
  if (out.rows.empty())
    throw Error({{file.string(), 0, "the file has no row (a transfer is a row under the header) check the file"}});
  return out;
}

}  // namespace proofload
